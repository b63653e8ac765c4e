from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from people.queries import audit
from people.rules import Anchor


class Command(BaseCommand):
    help = (
        "Check that no entry of the activity log was changed or taken out, and print its anchor. "
        "Keep the anchor elsewhere and hand it in next time: only so does it show when the end "
        "of the log was cut off or everything was rewritten."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--anchor",
            action="append",
            default=[],
            metavar="POSITION:HASH",
            help="An anchor noted down earlier; may be given several times.",
        )

    def handle(self, *, anchor: list[str], **_: Any) -> None:
        try:
            known = [Anchor.read(text) for text in anchor]
        except ValueError as error:
            raise CommandError(f"--anchor: {error}.") from None
        verdict = audit.verify(known)
        if verdict.trouble:
            raise CommandError(verdict.trouble)
        self.stdout.write(f"The activity log is whole: {verdict.sealed} sealed entries.")
        if verdict.unsealed:
            self.stdout.write(
                f"{verdict.unsealed} entries wait for their seal; workers do that within seconds."
            )
        if verdict.head:
            self.stdout.write(f"anchor {verdict.head}")
