"""Reads about events. ``candidates``: who would get one; ``work``: what is due; ``pages``: what
people see."""

from dr_events.queries import candidates, work

__all__ = ["candidates", "work"]
