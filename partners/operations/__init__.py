"""Writes about partners: clients and secrets, quotas, kept answers, webhooks and their posts."""
