"""Seal every stored token with the newest key."""

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from enrollments.operations import reseal_batch
from enrollments.queries import keys_in_use
from enrollments.tokens import CannotOpen
from partners.operations import hooks
from partners.queries import desk

BATCH = 500


class Command(BaseCommand):
    help = "Seal every token with the first of TOKEN_KEYS; may be stopped and started at any time."

    def handle(self, **_: Any) -> None:
        try:
            self._seal()
        except CannotOpen as error:
            raise CommandError(f"Put the key back: {error}. No token is lost.") from None

    def _seal(self) -> None:
        after, sealed = 0, 0
        while True:
            last, count = reseal_batch(after=after, limit=BATCH)
            if last is None:
                break
            after, sealed = last, sealed + count
        self.stdout.write(f"{sealed} grants were sealed again.")
        self.stdout.write(f"{hooks.reseal()} webhooks were sealed again.")
        used: Counter[str] = keys_in_use() + desk.keys_in_use()
        for key, tokens in sorted(used.items()):
            self.stdout.write(f"key {key}: {tokens} tokens")
