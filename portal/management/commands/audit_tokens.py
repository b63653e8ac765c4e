from pathlib import Path
from typing import Any

import redis
from django.core.management.base import BaseCommand, CommandError, CommandParser

from enrollments.tokens import CannotOpen
from portal.token_audit import Search, in_force


class Command(BaseCommand):
    help = (
        "Look for every stored token in the clear: in all columns of the database, on the broker "
        "and in the files named. Says where, never what."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="*", type=Path, help="Logs, dumps: plain text.")

    def handle(self, *, files: list[Path], **_: Any) -> None:
        try:
            search = Search(in_force())
            search.database()
            search.broker()
            for path in files:
                search.file(path)
        except CannotOpen as error:
            raise CommandError(
                f"Not every token can be opened, so not all were looked for: {error}"
            ) from None
        except (redis.RedisError, OSError) as error:
            raise CommandError(f"Not everything could be looked at: {error}") from None
        self.stdout.write(
            f"{search.secrets.count} tokens and secrets were looked for in {search.places} places, "
            f"{search.values} values."
        )
        if search.secrets.too_short:
            self.stdout.write(f"{search.secrets.too_short} are too short to be told from words.")
        for place, names in sorted(search.found.items()):
            some = ", ".join(sorted(names)[:5])
            self.stderr.write(f"{place}: {some}" + f" and {len(names) - 5} more" * (len(names) > 5))
        if search.found:
            raise CommandError(f"Tokens stand in the clear in {len(search.found)} places.")
        self.stdout.write("None was found.")
