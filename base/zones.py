"""Time zones as people read them."""


def zone_words(zone: str) -> str:
    """``Chicago time`` for ``America/Chicago``; the name itself where it names no place."""
    return f"{zone.rpartition('/')[2].replace('_', ' ')} time" if "/" in zone else zone
