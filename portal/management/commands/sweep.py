from typing import Any

from django.core.management.base import BaseCommand

from dr_events.tasks import ring_due


class Command(BaseCommand):
    help = "Ring for everything that is due, once: a third source of sweeps, for a system timer."

    def handle(self, **_: Any) -> None:
        self.stdout.write(f"{ring_due()} due")
