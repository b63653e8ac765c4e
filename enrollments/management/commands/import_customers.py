from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from base import clock
from base.refusal import Refused
from enrollments import operations
from enrollments.operations import Survey, Tally
from people.operations import Actor


class Command(BaseCommand):
    help = (
        "Bring in the utility's list of customers, a CSV file in UTF-8: every line is checked, "
        "then all of it is written or nothing. Whoever is not in it stays."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--dry-run", action="store_true", help="Say what it would do, and write nothing."
        )

    def handle(self, *, file: Path, dry_run: bool, **_: Any) -> None:
        try:
            body = file.read_bytes()
        except OSError as error:
            raise CommandError(f"There is no file {file} to read: {error.strerror}.") from None
        try:
            looked = operations.survey(body)
            if looked.fault_count:
                raise CommandError(_faults(looked))
            if dry_run:
                tally = operations.compare(body)
            else:
                actor = Actor("command line")
                tally = operations.write(body, actor=actor, subject="customers", now=clock.now())
        except Refused as no:
            raise CommandError(str(no)) from None
        did = "Nothing was written." if dry_run else "Written."
        self.stdout.write(f"{looked.lines} customers: {_words(tally)}. {did}")


def _words(tally: Tally) -> str:
    return f"{tally.added} new, {tally.changed} changed, {tally.unchanged} as they are"


def _faults(looked: Survey) -> str:
    plural = "s" * (looked.fault_count != 1)
    first = [
        f"line {fault.line}{', ' * bool(fault.column)}{fault.column}: {fault.sentence}"
        for fault in looked.faults[:100]
    ]
    head = f"{looked.fault_count} line{plural} of {looked.lines} must be mended first; "
    return "\n".join([f"{head}nothing was written.", *first])
