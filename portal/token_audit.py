"""Look for homeowners' tokens where none may be: in every table, on the broker, in files.

Tokens are kept sealed, so that no place at all may hold one in the clear, not even their own
columns. Each is looked for as it is, quoted for an address, in hex and in base64 at any offset.
Not seen: what is compressed or encrypted by others, such as sessions and TLS.

A search holds the end of every token in memory, about 1.5 kB for each home.
"""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redis
from django.conf import settings
from django.db import connection

from enrollments.models import CarrierGrant
from enrollments.tokens import vault
from partners.models import Webhook

# So much of the end of a token tells it from all others. The beginning would not: many kinds of
# token begin alike.
END = 12
# No token fits in these. A kind that is not named here is looked at.
TOO_NARROW = (
    "boolean", "smallint", "integer", "bigint", "numeric", "double precision", "date", "uuid",
    "time without time zone", "timestamp with time zone", "interval", "inet", "oid",
)  # fmt: skip


def spellings(secret: str) -> Iterator[str]:
    """How a secret may look inside something else."""
    raw = secret.encode()
    yield secret
    yield quote(secret, safe="")
    yield raw.hex()
    # In base64 it looks different at each of three places; the letters at its edges, which it
    # shares with its neighbors, are left out.
    for before, first in enumerate((0, 2, 3)):
        text = base64.b64encode(bytes(before) + raw).decode()
        inner = text[first : (before + len(raw)) * 8 // 6]
        yield inner
        yield inner.translate(str.maketrans("+/", "-_"))


@dataclass
class Secrets:
    """Secrets to look for, by the end of each of their spellings."""

    count: int = 0
    too_short: int = 0
    # (name, length, hash of the whole); a few spellings of one secret may end alike
    _by_end: dict[str, tuple[tuple[str, int, int], ...]] = field(default_factory=dict, repr=False)

    def add(self, name: str, secret: str) -> None:
        if len(secret) < END + 2:  # shorter still in base64, where its edges are left out
            self.too_short += 1
            return
        self.count += 1
        for spelled in set(spellings(secret)):
            end = spelled[-END:]
            self._by_end[end] = (
                *self._by_end.get(end, ()),
                (name, len(spelled), hash(spelled)),
            )

    def in_text(self, text: str) -> set[str]:
        """The names of those that stand in a text."""
        found = set()
        for here in range(len(text) - END + 1):
            ends = here + END
            for name, length, known in self._by_end.get(text[here:ends], ()):
                if ends >= length and hash(text[ends - length : ends]) == known:
                    found.add(name)
        return found


def in_force() -> Secrets:
    """Every token and webhook secret this installation holds. Raises CannotOpen for a lost key."""
    found = Secrets()
    for grant in CarrierGrant.objects.exclude(access_sealed=None).iterator():
        for column in ("access", "refresh"):
            sealed = getattr(grant, f"{column}_sealed")
            if sealed is not None:
                token = vault().open(bytes(sealed), bound_to=grant.bound_to(column))
                found.add(f"the {column} token of grant {grant.pk}", token)
    for hook in Webhook.objects.iterator():
        for key, sealed in hook.sealed().items():
            secret = vault().open(bytes(sealed), bound_to=hook.bound_to(key))
            found.add(f"a secret of webhook {hook.pk}", secret)
    return found


@dataclass
class Search:
    """What was looked at, and what was found where: place -> names."""

    secrets: Secrets
    places: int = 0
    values: int = 0
    found: dict[str, set[str]] = field(default_factory=dict)

    def look(self, place: str, values: Iterable[str]) -> None:
        self.places += 1
        for value in values:
            self.values += 1
            if names := self.secrets.in_text(value):
                self.found.setdefault(place, set()).update(names)

    def database(self) -> None:
        """Every column of every table that is wide enough."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT table_name, column_name, data_type FROM information_schema.columns"
                " JOIN information_schema.tables USING (table_schema, table_name)"
                " WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'"
                " AND NOT data_type = ANY(%s) ORDER BY table_name, ordinal_position",
                [list(TOO_NARROW)],
            )
            columns = cursor.fetchall()
        for table, column, kind in columns:
            self.look(f"{table}.{column}", _column(table, column, in_bytes=kind == "bytea"))

    def broker(self) -> None:
        """Every message and note on the broker. Raises redis.RedisError."""
        server = redis.Redis.from_url(settings.CELERY_BROKER_URL, socket_timeout=10)
        try:
            for key in server.scan_iter(count=1000):
                self.look(f"broker {key.decode(errors='replace')}", _kept(server, key))
        finally:
            server.close()

    def file(self, path: Path) -> None:
        """A log or a dump, line by line. Raises OSError."""
        with path.open(encoding="latin-1") as lines:
            self.look(str(path), lines)


def _column(table: str, column: str, *, in_bytes: bool) -> Iterator[str]:
    """The values of a column that could hold a token, as text."""
    quoted = connection.ops.quote_name
    name = quoted(column)
    wanted = name if in_bytes else f"{name}::text"
    # Names from the catalogue of this very database, quoted.
    query = f"SELECT {wanted} FROM {quoted(table)} WHERE length({wanted}) >= %s"  # noqa: S608
    with connection.chunked_cursor() as cursor:
        cursor.execute(query, [END])
        for (value,) in cursor:
            yield bytes(value).decode("latin-1") if in_bytes else value


def _kept(server: Any, key: bytes) -> Iterator[str]:
    """All values below a key, as texts."""
    match server.type(key):
        case b"string":
            found = [server.get(key) or b""]
        case b"list":
            found = server.lrange(key, 0, -1)
        case b"set":
            found = list(server.smembers(key))
        case b"zset":
            found = server.zrange(key, 0, -1)
        case b"hash":
            found = [part for pair in server.hgetall(key).items() for part in pair]
        case _:
            found = [server.dump(key) or b""]
    for value in (key, *found):
        yield value.decode("latin-1")
