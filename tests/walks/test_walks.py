"""The four walks of docs/walks.md, on the running product, seen only from outside: pages, API,
and the cloud's own ledger."""

from datetime import timedelta
from typing import Any

import pytest
import requests

from portal.demo import environment, story
from portal.demo.people import join
from portal.demo.report import report
from tests.stack import HOMES, Stack, through_the_event, until_decided

pytestmark = pytest.mark.stack
API = "/api/v1"


def test_homes_join_through_the_pages_and_only_eligible_systems_are_in(stack: Stack) -> None:
    assert [one.trouble for one in stack.joined if one.trouble] == []
    homes = {home["username"]: home for home in stack.house.cloud.homes(HOMES)}
    for one in stack.joined:
        home = homes[one.household.carrier_username]
        assert one.systems == (len(home["systems"]) if home["eligible"] else 0), home
    assert sum(one.systems for one in stack.joined) > HOMES / 2


def test_who_may_not_join_reads_why_and_what_to_do(stack: Stack) -> None:
    homes = {home["username"]: home for home in stack.house.cloud.homes(HOMES)}
    sentences = {
        "dr_disabled": "Demand response is off at the wall control",
        "dr_capability_unknown": "Demand response not reported",
        "no_outdoor_unit": "No outdoor unit",
        "disconnected": "Wall control is offline",
    }
    left_out = [one for one in stack.joined if one.systems == 0]
    assert left_out
    for one in left_out:
        browser = stack.homeowner(one)
        page = browser.get(f"{stack.web}/join/{environment.PROGRAM}/")
        reason = homes[one.household.carrier_username]["ineligible_reason"]
        assert sentences[reason] in page.text
        browser.close()


def test_an_event_reaches_every_home_once_and_its_results_come_back(stack: Stack) -> None:
    day = stack.fresh_day()
    start = stack.at(day, 12).replace(hour=15)
    before = stack.house.cloud.rows(start.timestamp())
    operator = stack.operator()
    page = stack.plan(operator, day, "Walk of an event")
    event = int(page.url.rstrip("/").split("/")[-1])
    assert "Scheduled" in page.text
    stack.at(day, 14)
    until_decided(stack, operator, event)
    stack.at(day, 14, 49)
    through_the_event(stack, operator, event, start + timedelta(hours=2))
    rows = story.results(stack.house, operator, event)
    verdict = report(rows, stack.rows_since(before, start))
    assert verdict.disagreements == []
    assert verdict.targeted == stack.enrolled
    assert verdict.confirmed == verdict.targeted
    assert verdict.participating > verdict.targeted / 2
    board = f"{stack.web}/console/events/{event}/"
    stack.wait(lambda: "Completed" in operator.get(board).text, "the last look to close the event")
    operator.close()


def test_who_says_no_before_sending_never_gets_it(stack: Stack) -> None:
    day = stack.fresh_day()
    start = stack.at(day, 12).replace(hour=15)
    operator = stack.operator()
    page = stack.plan(operator, day, "Walk of a no")
    event = int(page.url.rstrip("/").split("/")[-1])
    one = next(one for one in stack.joined if one.systems == 1)
    serials = {
        system["serial"]
        for home in stack.house.cloud.homes(HOMES)
        if home["username"] == one.household.carrier_username
        for system in home["systems"]
    }
    browser = stack.homeowner(one)
    home = browser.get(f"{stack.web}/home/")
    assert "Walk of a no" in home.text
    link = next(link for link in links(home.html) if "/opt-out/" in link)
    asked = browser.get(f"{stack.web}{link}")
    done = browser.submit(asked, asked.form(action="/opt-out/"))
    assert done.status == 200
    stack.at(day, 14)
    until_decided(stack, operator, event)
    got = set(stack.posts(start))
    assert not serials & got
    assert len(got) == stack.enrolled - 1
    told = {row.serial: row for row in story.results(stack.house, operator, event)}
    assert {told[serial].delivery for serial in serials} == {"SKIPPED"}
    browser.close()
    operator.close()


def links(html: str) -> list[str]:
    """Addresses in href attributes, absolute ones only where the page wrote them so."""
    return [piece.split('"', 1)[0] for piece in html.split('href="')[1:]]


def test_a_partner_plans_and_cancels_with_a_token(stack: Stack) -> None:
    day = stack.fresh_day()
    start = stack.at(day, 12).replace(hour=15)
    partner = stack.house.partner
    token = requests.post(
        f"{stack.web}/identity/o/api/token",
        data={"grant_type": "client_credentials", "scope": "offpeak.read offpeak.events"},
        auth=(partner.client_id, partner.secret),
        timeout=10,
    ).json()["access_token"]
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"

    def call(method: str, path: str, status: int = 200, **more: Any) -> dict[str, Any]:
        answer = session.request(method, f"{stack.web}{API}{path}", timeout=10, **more)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    programs = call("GET", "/programs/")["items"]
    assert [program["slug"] for program in programs] == [environment.PROGRAM]
    event = call(
        "POST",
        "/events/",
        201,
        json={
            "program": environment.PROGRAM,
            "name": "Partner's event",
            "starts_at": start.isoformat(),
            "ends_at": (start + timedelta(hours=2)).isoformat(),
        },
    )
    assert event["state"] == "SCHEDULED"
    call("POST", f"/events/{event['id']}/cancel/")
    deliveries = call("GET", f"/events/{event['id']}/deliveries/")["items"]
    assert {line["delivery"] for line in deliveries} == {"CANCELLED"}
    stack.at(day, 14, 30)
    assert stack.posts(start) == {}
    call("GET", "/events/op-of-nobody/", 404)


def test_a_late_comer_joins_alone(stack: Stack) -> None:
    household = stack.spare(0)
    home = next(
        home
        for home in stack.house.cloud.homes(100)
        if home["username"] == household.carrier_username
    )
    joined = join(stack.web, environment.PROGRAM, household, stack.house.mailbox)
    stack.late.append(joined)
    assert joined.trouble == ""
    assert joined.systems == (len(home["systems"]) if home["eligible"] else 0)
