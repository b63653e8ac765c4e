"""A program is changed by an approver, one at a time, and every change leaves its trace."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from base import clock
from base.refusal import Refused
from dr_events import operations
from dr_events.forms import ProgramForm
from dr_events.models import Dispatch
from dr_events.queries import seasons
from dr_events.rules.credit import in_words
from dr_events.rules.presets import PRESETS
from dr_events.states import Delivery
from enrollments.models import Program, Terms
from people.models import ActivityEntry, User
from people.operations import Actor
from people.states import Role
from tests import cast

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def morning(monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    return cast.MORNING


@pytest.fixture
def petra() -> User:
    return cast.operator("petra@utility.example", Role.APPROVER)


@pytest.fixture
def desk(client: Client, petra: User) -> Client:
    client.force_login(petra)
    return client


def typed(program: Program | None = None, **fields: Any) -> dict[str, Any]:
    """What the form of a program holds, as a browser sends it."""
    form = ProgramForm(instance=program) if program else ProgramForm()
    values = {}
    for name in form.fields:
        value = form[name].value()
        value = form.fields[name].prepare_value(value)
        if value is not None and value is not False:
            values[name] = value
    if program:
        values["seen"] = operations.mark(program)
    return values | fields


def trail(verb: str) -> list[dict[str, Any]]:
    return [dict(entry.detail) for entry in ActivityEntry.objects.filter(verb=verb).order_by("id")]


def test_a_change_names_every_field_before_and_after_in_one_entry(desk: Client) -> None:
    program = cast.program()
    address = reverse("program_edit", args=[program.slug])
    sent = typed(program, max_offset_f="3.5", holidays="2026-07-04\n2026-09-07", weekdays=[0, 1])
    answer = desk.post(address, sent)
    assert answer["Location"] == reverse("console_program", args=[program.slug])
    program.refresh_from_db()
    assert float(program.max_offset_f) == 3.5
    assert [str(day) for day in program.holidays] == ["2026-07-04", "2026-09-07"]
    assert program.weekdays == [0, 1]
    assert trail("change-program") == [
        {
            "changes": {
                "max_offset_f": [4, "3.5"],
                "holidays": [[], ["2026-07-04", "2026-09-07"]],
                "weekdays": [[0, 1, 2, 3, 4], [0, 1]],
            }
        }
    ]


def test_what_is_not_different_leaves_no_trace(desk: Client) -> None:
    program = cast.program()
    answer = desk.post(reverse("program_edit", args=[program.slug]), typed(program), follow=True)
    assert "nothing was changed" in answer.content.decode()
    assert trail("change-program") == []


def test_a_zone_has_one_name_on_every_page(desk: Client) -> None:
    program = cast.program(time_zone="America/New_York")
    for address, words in (
        (reverse("console_programs"), '<span class="sub">New York time</span>'),
        (reverse("console_program", args=[program.slug]), "Between 1 PM and 9 PM, New York time."),
        (reverse("program", args=[program.slug]), "1 PM to 9 PM (New York time)"),
        (reverse("event_new"), '<span id="zone-name">New York time</span>'),
    ):
        text = desk.get(address).content.decode()
        assert words in text, address
        assert "America/New" not in text, address


def test_the_second_of_two_is_told_and_nothing_of_theirs_is_saved(desk: Client) -> None:
    program = cast.program()
    address = reverse("program_edit", args=[program.slug])
    mine, theirs = typed(program, max_per_week="2"), typed(program, max_per_season="9")
    desk.post(address, theirs)
    text = desk.post(address, mine).content.decode()
    assert "Somebody changed this program while you were typing." in text
    assert 'value="2"' in text, "what was typed is still there"
    program.refresh_from_db()
    assert (program.max_per_week, program.max_per_season) == (3, 9)
    assert len(trail("change-program")) == 1


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"season_from": "13-01"}, "season_from", "Write month and day as MM-DD"),
        ({"time_zone": "Chicago"}, "time_zone", "There is no such zone"),
        ({"holidays": "4 July"}, "holidays", "4 is no day; write 2026-07-04."),
        ({"min_useful_minutes": "500"}, "min_useful_minutes", "longer than the longest event"),
        ({"max_per_day": "9"}, "max_per_day", "more than a week may have"),
        ({"hours_from": "22:00"}, "hours_to", "Must be after the first hour."),
        ({"max_offset_f": "12"}, "max_offset_f", "at most 10"),
        ({"max_cool_f": "95"}, "max_cool_f", "at most 90"),
        ({"min_heat_f": "40"}, "min_heat_f", "at least 50"),
        ({"weekdays": []}, "weekdays", "This field is required."),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(
    desk: Client, fields: dict[str, Any], field: str, sentence: str
) -> None:
    program = cast.program()
    before = operations.mark(program)
    text = desk.post(reverse("program_edit", args=[program.slug]), typed(program, **fields))
    found = re.search(rf'id="error-{field}"[^>]*>(.*?)</div>', text.content.decode(), re.DOTALL)
    assert found is not None
    assert sentence in found[1]
    program.refresh_from_db()
    assert operations.mark(program) == before
    assert trail("change-program") == []


def test_an_operator_looks_and_changes_nothing(client: Client) -> None:
    program, olga = cast.program(), cast.operator()
    client.force_login(olga)
    assert client.get(reverse("program_terms", args=[program.slug])).status_code == 200
    sent = typed(program, max_per_week="1")
    for name in ("program_edit", "program_touches", "program_terms", "season"):
        assert client.post(reverse(name, args=[program.slug]), sent).status_code == 403, name
    assert client.post(reverse("program_new"), sent).status_code == 403
    actor = Actor.person(olga)
    with pytest.raises(Refused, match="Only an approver"):
        operations.change_program(
            slug=program.slug, seen=operations.mark(program), values={"max_per_week": 1},
            actor=actor, now=cast.MORNING,
        )  # fmt: skip
    with pytest.raises(Refused, match="Only an approver"):
        operations.publish_terms(
            slug=program.slug, text="New", after=1, actor=actor, now=cast.MORNING
        )
    with pytest.raises(Refused, match="Only an approver"):
        operations.add_program(values={"name": "X"}, actor=actor, now=cast.MORNING)
    program.refresh_from_db()
    assert program.max_per_week == 3
    assert Program.objects.count() == Terms.objects.count() == 1


def test_a_change_shows_which_planned_events_it_touches(desk: Client) -> None:
    program = cast.program()
    cast.neighborhood(program, 2)
    cast.scheduled(program, name="Three to five")
    address = reverse("program_touches", args=[program.slug])

    def touched(**fields: Any) -> str:
        text = desk.post(address, typed(program, **fields)).content.decode()
        return " ".join(text.split("error-")[0].split())

    assert "None: every planned event stays as it is." in touched(summary="Other words")
    assert "None: every planned event" in touched(min_notice_minutes="2000")
    outside = touched(hours_to="16:00")
    assert "Three to five" in outside
    assert "Events must lie between 1:00 PM and 4:00 PM, Chicago time." in outside
    assert "Homes that have not got it yet will not get it." in outside
    assert "Caps and rest are counted again for each home" in touched(min_rest_minutes="2000")
    program.refresh_from_db()
    assert program.hours_to.hour == 21, "a look changes nothing"


def test_what_the_page_announced_is_what_happens(desk: Client) -> None:
    program = cast.program()
    cast.neighborhood(program, 2)
    event = cast.scheduled(program)
    desk.post(reverse("program_edit", args=[program.slug]), typed(program, hours_to="16:00"))
    assert operations.recheck_limits(event_id=event.pk, now=cast.MORNING) == 2
    assert set(Dispatch.objects.values_list("delivery", "reason")) == {(Delivery.SKIPPED, "LIMITS")}


def test_terms_are_published_as_a_new_version_and_the_old_one_stays(desk: Client) -> None:
    program = cast.program()
    address = reverse("program_terms", args=[program.slug])
    desk.post(address, {"text": "You may leave.\r\nAlways.", "after": "1"})
    assert list(Terms.objects.order_by("version").values_list("version", "text")) == [
        (1, "You may leave at any time."),
        (2, "You may leave.\nAlways."),
    ]
    (entry,) = trail("publish-terms")
    assert entry["version"] == 2
    text = desk.get(address).content.decode()
    assert text.index("Version 2") < text.index("Version 1")


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"text": "Other", "after": "0"}, "Somebody published a newer version meanwhile"),
        ({"text": "Other", "after": "x"}, "Somebody published a newer version meanwhile"),
        ({"text": "  ", "after": "1"}, "Write the text homes are to agree to."),
        ({"text": "You may leave at any time.", "after": "1"}, "is published already"),
    ],
)
def test_terms_that_cannot_be_published_are_kept_in_the_form(
    desk: Client, sent: dict[str, str], sentence: str
) -> None:
    program = cast.program()
    text = desk.post(reverse("program_terms", args=[program.slug]), sent).content.decode()
    assert sentence in text
    assert sent["text"].strip() in text
    assert Terms.objects.count() == 1
    assert trail("publish-terms") == []


@pytest.mark.parametrize("one", PRESETS, ids=lambda one: one.key)
def test_every_preset_makes_a_program_that_can_be_changed(desk: Client, one: Any) -> None:
    page = desk.get(reverse("program_new"), {"like": one.key})
    form = page.context["form"]
    sent = {name: form[name].value() for name in form.fields}
    sent = {name: value for name, value in sent.items() if value is not None}
    sent |= {name: page.context["rule"][name].value() for name in page.context["rule"].fields}
    answer = desk.post(reverse("program_new"), sent | {"name": f"Our {one.name}"[:80]})
    made = Program.objects.get()
    assert answer["Location"] == reverse("program_terms", args=[made.slug])
    for name, value in one.values.items():
        assert getattr(made, name) == value, name
    assert seasons.credit_of(made) == one.credit
    assert len(trail("add-program")) == len(trail("set-credit")) == 1
    shown = desk.get(reverse("console_program", args=[made.slug])).content.decode()
    assert f"<strong>Counted:</strong> {in_words(one.credit)}" in shown
    public = Client().get(reverse("program", args=[made.slug])).content.decode()
    assert f"<strong>What it pays:</strong> {in_words(one.credit)}" in public


def test_a_name_is_taken_once(desk: Client) -> None:
    program = cast.program()
    sent = typed(name=program.name.upper())
    text = desk.post(reverse("program_new"), sent).content.decode()
    assert "A program with this name or address exists already." in text
    assert (
        "exists already" in desk.post(reverse("program_new"), typed(name="New")).content.decode()
    ), "an address of the console itself"
    assert Program.objects.count() == 1


def test_a_new_program_waits_for_its_terms(desk: Client) -> None:
    answer = desk.post(reverse("program_new"), typed(name="Winter Mornings"), follow=True)
    assert "Publish its terms, then homes can join." in answer.content.decode()
    program = Program.objects.get()
    assert program.slug == "winter-mornings"
    with pytest.raises(operations.Invalid, match="no published terms"):
        operations.draft(
            program=program,
            wish=cast.wish(starts_at=cast.MORNING + timedelta(hours=6)),
            actor=Actor("user:test"),
            now=cast.MORNING,
        )
