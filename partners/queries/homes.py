"""Homes of a partner's programs."""

from enrollments.models import Enrollment
from enrollments.states import LIVE_ENROLLMENTS


def enrollment_for(client_id: str, serial: str) -> Enrollment | None:
    """The live enrollment of this system, if it is in a program of the client's."""
    live = Enrollment.objects.filter(system__serial=serial, state__in=sorted(LIVE_ENROLLMENTS))
    mine = live.filter(program__partners__client_id=client_id)
    return mine.select_related("program").first()


def has_left(program_id: int, serial: str) -> bool:
    """Whether this system is not, or not any more, in the program."""
    found = Enrollment.objects.filter(system__serial=serial, program_id=program_id)
    return not found.filter(state__in=sorted(LIVE_ENROLLMENTS)).exists()
