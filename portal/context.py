"""What every page knows: the utility's name and what time it is."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from base import clock
from dr_events.queries.work import can_recall
from enrollments.queries.applications import waiting_for_us


def site(request: HttpRequest) -> dict[str, Any]:
    return {
        # The ribbon and pages without a program of their own: a utility serves one region.
        "clock_zone": settings.UTILITY_TIME_ZONE,
        "utility_name": settings.UTILITY_NAME,
        # Whether pages may promise that Carrier is asked to take something back.
        "can_recall": can_recall(),
        "clock_is_simulated": clock.is_simulated(),
        "clock_rate": clock.rate(),
        "now": clock.now(),
        # Asked only where a page shows it: the console's navigation.
        "applications_waiting": waiting_for_us,
    }
