"""Reads about people. Frozen dataclasses out, nothing written."""
