"""A home is erased while a partner reads its lists: nothing starts over, nothing ends early."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core import signing
from django.test import Client
from django.utils import timezone

from base import clock
from enrollments import operations
from enrollments.models import Program, System
from partners.models import Change, Post
from partners.operations import answers, hooks, posts
from people.operations import Actor
from tests import cast
from tests.partner_calls import Caller, wanted

pytestmark = pytest.mark.django_db
NOBODY = Actor("user:test")


@pytest.fixture
def summer(monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    return cast.program()


@pytest.fixture
def leap(summer: Program) -> Caller:
    return Caller("summer-peak")


def erase(system: System) -> None:
    later = cast.MORNING + timedelta(minutes=1)
    operations.erase(user=system.grant.user, actor=NOBODY, now=later)


@pytest.mark.parametrize("name", ["systems", "enrollments", "deliveries", "results/homes"])
def test_the_home_at_the_cursor_is_erased(leap: Caller, summer: Program, name: str) -> None:
    homes = [cast.enrolled(summer, f"2319W00482{n}", f"h{n}@home.example") for n in range(5)]
    address, key = f"{name}/", "serial" if name == "systems" else "system"
    if name in ("deliveries", "results/homes"):
        address = f"events/{leap.post('events/', wanted()).json()['id']}/{name}/"
    first: dict[str, Any] = leap.get(f"{address}?limit=2").json()
    assert [one[key] for one in first["items"]] == ["2319W004820", "2319W004821"]
    erase(homes[1])
    seen, onward = [], first["next"]
    while onward:
        page = leap.browser.get(onward).json()
        seen += [one[key] for one in page["items"]]
        onward = page["next"]
    assert seen == ["2319W004822", "2319W004823", "2319W004824"]


def test_a_cursor_of_an_older_release_is_refused_and_not_misread(leap: Caller) -> None:
    signer = signing.Signer(salt=f"cursor:{leap.client_id}:/api/v1/systems/")
    old = signer.sign_object(["summer-peak", "2319W004820", cast.MORNING.isoformat()])
    no = leap.get(f"systems/?cursor={old}")
    assert (no.status_code, no.json()["errors"][0]["field"]) == (400, "cursor")


def test_the_last_news_of_an_erased_home_names_it(leap: Caller, summer: Program) -> None:
    home = cast.enrolled(summer, "2319W004821", "h@home.example")
    real_now = timezone.now()
    hooks.make(
        client_id=leap.client_id, url="https://hooks.partner.example/in", kinds=[],
        actor=NOBODY, now=cast.MORNING, real_now=real_now,
    )  # fmt: skip
    erase(home)
    assert posts.write_posts(real_now=real_now) == 1
    (post,) = Post.objects.all()
    told = json.loads(post.body)
    assert (told["type"], told["data"]["system"], told["data"]["state"]) == (
        "enrollment.withdrawn",
        "2319W004821",
        "WITHDRAWN",
    )
    (row,) = leap.get("enrollments/").json()["items"]
    assert (row["system"], row["state"]) == (f"gone-{home.pk}", "WITHDRAWN")
    assert Change.objects.count() == 0


def test_the_page_of_deletion_says_how_long_copies_for_partners_are_kept(summer: Program) -> None:
    browser = Client()
    browser.force_login(cast.enrolled(summer).grant.user)
    browser.post("/accounts/reauthenticate/", {"password": cast.PASSWORD})
    page = browser.get("/home/data/delete/").content.decode()
    kept = f"messages for {posts.KEEP.days} days, answers to their requests for {answers.KEEP.days}"
    assert kept in page
