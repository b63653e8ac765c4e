"""Who may do what: every route x method x actor, against one table that people have read.

``access_matrix.txt`` holds what each actor gets: a status, or ``login`` where the answer is the
way to the sign-in page. A route that is not in the table fails, and so does one that answers
otherwise. ``OFFPEAK_WRITE_MATRIX=1`` writes the table anew; then read what changed. The rules in
``access_rules`` hold whatever the table says. PUT stands for every other method; the partner
API is asked with PATCH and DELETE too.
"""

import json
import logging
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import transaction
from django.test import Client
from pytest_django import Settings

from dr_events.models import Control
from enrollments import vendor_session
from partners.operations import world
from tests import cast
from tests.integration.access_routes import every_route, methods_of
from tests.integration.access_rules import ACTORS, Row, broken
from tests.integration.access_table import lines, read_table, write_table
from tests.integration.access_town import Town, visitors

# Each request is a transaction of its own, rolled back: thousands of savepoints in one are slow.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def town(settings: Settings, tmp_path: Path) -> Iterator[Town]:
    stopped = {"real": 0.0, "sim": cast.MORNING.timestamp(), "rate": 0.0}
    (tmp_path / "clock.json").write_text(json.dumps(stopped))
    settings.SIMULATED_CLOCK_FILE = str(tmp_path / "clock.json")
    # Nobody listens there: what an act would send goes nowhere.
    nowhere = dict.fromkeys(("base_url", "token_url", "revoke_url"), "http://127.0.0.1:9/x")
    settings.CARRIER = dict(settings.CARRIER) | nowhere
    settings.SECURE_SSL_REDIRECT = False
    vendor_session.config.cache_clear()
    Control.objects.get_or_create(id=1)  # earlier tests may have emptied every table
    yield Town()
    vendor_session.config.cache_clear()
    world.build()  # between tests only the real tables are emptied


@pytest.fixture
def seen(town: Town) -> dict[tuple[str, str], Row]:
    logging.disable(logging.ERROR)  # thousands of refusals, each with its trace
    try:
        return _ask_all(town)
    finally:
        logging.disable(logging.NOTSET)


def _ask_all(town: Town) -> dict[tuple[str, str], Row]:
    arrivals = visitors(town)
    found = {}
    for route in every_route():
        address = town.address(route)
        for method in methods_of(route):
            found[method, route] = tuple(
                answer(arrivals[name](), method, address) for name in ACTORS
            )
    return found


def answer(client: Client, method: str, address: str) -> str:
    """What came of it; everything it did is undone."""
    with transaction.atomic():
        got = client.generic(
            method,
            address,
            b"{}" if "/api/" in address else b"",
            content_type=(
                "application/json" if "/api/" in address else "application/x-www-form-urlencoded"
            ),
        )
        transaction.set_rollback(True)
    to = got.headers.get("Location", "")
    return "login" if to.startswith("/accounts/login/") else str(got.status_code)


def test_every_route_answers_everybody_as_the_table_says(seen: dict[tuple[str, str], Row]) -> None:
    if os.environ.get("OFFPEAK_WRITE_MATRIX") == "1":
        write_table(seen)
    table = read_table()
    unlisted = sorted({route for _, route in seen} - {route for _, route in table})
    assert unlisted == [], "put them into access_matrix.txt, after reading what each actor gets"
    gone = sorted({route for _, route in table} - {route for _, route in seen})
    assert gone == [], "take them out of access_matrix.txt"
    different = [
        f"{method} /{route}: {name} gets {is_so}, the table says {should}"
        for (method, route), row in seen.items()
        for name, is_so, should in zip(ACTORS, row, table[method, route], strict=True)
        if is_so != should
    ]
    assert different == []
    breaks = [f"{where}: {rule}" for where, rule in broken(seen)]
    assert breaks == []


def test_the_table_names_each_route_and_method_once() -> None:
    named = Counter((method, route) for method, route, _ in lines())
    assert [twice for twice, times in named.items() if times > 1] == []
