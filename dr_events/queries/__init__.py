"""Reads about events. ``candidates``: who would get one; ``work``, ``around``: what is due;
``pages``: what people see."""

from dr_events.queries import around, candidates, work

__all__ = ["around", "candidates", "work"]
