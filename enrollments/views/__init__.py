"""Pages. ``joining``: the way into a program. ``applications``, ``customers``: the console's."""
