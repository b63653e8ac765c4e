"""A utility to play with: one program, its terms and a question, two people in the console."""

from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from base import clock
from enrollments.models import Program, Question, Terms
from enrollments.rules.questions import SUGGESTED
from people.models import User
from people.states import Role

TERMS = """\
Summer Peak is a voluntary program of your utility.

On at most 15 hot afternoons between June 1 and September 30 we may ask your Carrier or Bryant \
system to use a little less for up to four hours, between 1 pm and 9 pm, on weekdays.

Your home stays in your hands. You can say no to any event on your home page or with the override \
button at your wall control, and you can leave the program at any time. We never send an event \
that cannot be overridden.

To do this we use the permission you give at Carrier: we read your systems' status and settings \
and send energy events. We keep what we read for as long as you take part and one year after, and \
we do not sell or share it. When you leave, the permission is destroyed.
"""
# What a home is asked before it connects.
ASKED = "other-program"
PEOPLE = {"olga": ("Olga Ortiz", Role.OPERATOR), "amir": ("Amir Aziz", Role.APPROVER)}


class Command(BaseCommand):
    help = "Create the demo's utility once. Does nothing to what is already there."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--password", required=True, help="For both people of the utility.")
        parser.add_argument("--time-zone", default="America/Chicago")

    @transaction.atomic
    def handle(self, *, password: str, time_zone: str, **_: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("The demo's utility has a known password; not in production.")
        program, made = Program.objects.get_or_create(
            slug="summer-peak",
            defaults={
                "name": "Summer Peak",
                "summary": "On the hottest afternoons your Carrier or Bryant system helps the "
                "whole neighborhood by using a little less for a few hours.",
                "reward": "$40 when you join and $25 at the end of every season you stay.",
                "time_zone": time_zone,
                "min_notice_minutes": 30,
                "send_lead_minutes": 60,
            },
        )
        if made:
            Terms.objects.create(program=program, version=1, text=TERMS, published_at=clock.now())
            asked = SUGGESTED[ASKED]
            Question.objects.create(
                program=program, key=ASKED, text=asked.text, fitting=False, remedy=asked.remedy
            )
        for login, (name, role) in PEOPLE.items():
            self._person(f"{login}@prairielight.example", name, role, password)

    def _person(self, email: str, name: str, role: Role, password: str) -> None:
        if User.objects.filter(email=email).exists():
            return
        first, last = name.split()
        user = User.objects.create_user(
            email, password, role=role, first_name=first, last_name=last
        )
        EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
