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
        parser.add_argument(
            "--cancel-events",
            action="store_true",
            help="Also cancel every event that is being sent or running.",
        )

    def handle(self, *, why: str, cancel_events: bool = False, **_: Any) -> None:
        actor, now = Actor("command line"), clock.now()
        operations.emergency_stop(why=why, actor=actor, now=now)
        self.stdout.write("Stopped. Nothing is sent until somebody releases it in the console.")
        if cancel_events:
            count = operations.cancel_under_way(actor=actor, now=now)
            self.stdout.write(f"Events cancelled: {count}.")
