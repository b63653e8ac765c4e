"""A visit to a program's page counts unless a machine or somebody of the utility looks."""

from django.http import HttpRequest

from base import clock
from enrollments import operations
from enrollments.models import Program
from enrollments.rules.visitors import is_person
from people.access import me


def count(request: HttpRequest, program: Program) -> None:
    headers = request.headers
    purpose = headers.get("Sec-Purpose", "") or headers.get("Purpose", "")
    is_ours = request.user.is_authenticated and me(request).is_operator
    if (
        request.method == "GET"
        and not is_ours
        and is_person(headers.get("User-Agent", ""), purpose)
    ):
        operations.count_visit(program=program, now=clock.now())
