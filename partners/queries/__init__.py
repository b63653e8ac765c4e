"""Reads: what leaves by the API, and what the console shows of partners."""
