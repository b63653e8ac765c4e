"""Partners: programs that talk to us. Their clients and tokens, the API, the webhooks."""
