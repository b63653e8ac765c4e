"""A button pressed twice sends the same form twice; what it makes should be one thing."""

import hashlib

from django.core.cache import cache

# Real seconds; later the same words are meant anew.
_SAME_FORM_S = 15


def pressed_twice(*form: object) -> bool:
    """Whether the same was asked a moment ago. ``form`` says who asks for what."""
    return not cache.add(_key(form), 1, _SAME_FORM_S)


def forget(*form: object) -> None:
    """It came to nothing: the same may be asked again at once."""
    cache.delete(_key(form))


def _key(form: tuple[object, ...]) -> str:
    return f"once:{hashlib.sha256(repr(form).encode()).hexdigest()}"
