"""An application that waits for the utility, and somebody who decides about it."""

import html
import re
from typing import Any

from django.test import Client

from dr_events.mailing import compose
from dr_events.queries import notices as mails
from enrollments import operations
from enrollments.models import Application, Notice, Program
from people.models import User
from people.operations import Actor
from tests import cast
from tests.cast import MORNING

QUEUE = "/console/applications/"
REASON = "We could not find this number; please look at your last bill."
WAITS = ("NEEDS_ACTION", "UTILITY", "ACCOUNT", "")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text(response: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def applied(summer: Program, email: str = "hanna@home.example", account: str = "4100732282") -> Any:
    """A homeowner whose account waits for somebody."""
    user = cast.homeowner(email)
    cast.agreement(user, summer)
    operations.match_account(
        user=user, program=summer, account=account, postal="62701",
        actor=Actor.person(user), now=MORNING,
    )  # fmt: skip
    return Application.objects.get(user=user)


def decide(client: Client, act: str, *ones: Application, customer: Any = None, **more: str) -> Any:
    form: dict[str, Any] = {"act": act, "application": [one.pk for one in ones]}
    for one in ones:
        form[f"seen-{one.pk}"] = one.changed_at.isoformat()
        if customer is not None:
            form[f"customer-{one.pk}"] = getattr(customer, "pk", customer)
    return client.post(QUEUE, form | more)


def state(one: Application) -> tuple[str, str, str, str]:
    one = Application.objects.get(pk=one.pk)
    return one.state, one.who, one.why, one.reason


def words_mailed() -> str:
    notice = Notice.objects.select_related("user").get()
    return str(compose(notice, mails.letter(notice, now=MORNING), now=MORNING).body)
