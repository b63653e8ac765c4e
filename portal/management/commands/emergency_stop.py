from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from base import clock
from dr_events import operations
from people.operations import Actor


class Command(BaseCommand):
    help = (
        "Stop all sending at once. Releasing takes a second person, in the console. "
        "Without this program: UPDATE dr_events_control SET stopped = true;"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--why", required=True, help="Shown in the console.")

    def handle(self, *, why: str, **_: Any) -> None:
        operations.emergency_stop(why=why, actor=Actor("command line"), now=clock.now())
        self.stdout.write("Stopped. Nothing is sent until somebody releases it in the console.")
