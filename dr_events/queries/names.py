"""Who is behind an actor such as "user:12"."""

from collections.abc import Iterable

from people.models import User


def names(actors: Iterable[str]) -> dict[str, str]:
    """E-mail addresses of the people among these actors ("user:12")."""
    ids = {
        int(number)
        for kind, _, number in (actor.partition(":") for actor in actors)
        if kind == "user" and number.isdecimal()
    }
    if not ids:
        return {}
    return {f"user:{user.pk}": user.email for user in User.objects.filter(pk__in=ids)}
