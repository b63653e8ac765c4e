"""The ground floor: the clock, conditional moves, the bell. Knows nothing of homes or events."""
