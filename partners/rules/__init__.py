"""Pure rules of webhooks: which address may be called, how to sign, when to try again."""
