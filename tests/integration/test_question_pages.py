"""What a program asks is written in the console: versions, who may, what homes then meet."""

from datetime import datetime

import pytest
from django.test import Client
from django.urls import reverse

from base import clock
from base.refusal import Refused
from enrollments import operations, queries
from enrollments.models import Answer, Program, Question
from enrollments.operations import Wording
from people.models import ActivityEntry, User
from people.operations import Actor
from people.states import Role
from tests import cast

pytestmark = pytest.mark.django_db
MEDICAL = {
    "text": "Does anybody need cooling for their health?", "fitting": "no",
    "remedy": "Please call us.",
}  # fmt: skip


@pytest.fixture(autouse=True)
def morning(monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    return cast.MORNING


@pytest.fixture
def summer() -> Program:
    return cast.program()


@pytest.fixture
def petra() -> User:
    return cast.operator("petra@utility.example", Role.APPROVER)


@pytest.fixture
def desk(client: Client, petra: User) -> Client:
    client.force_login(petra)
    return client


def address(program: Program) -> str:
    return reverse("program_questions", args=[program.slug])


def newest(program: Program) -> list[tuple[str, int, str, bool | None, bool]]:
    found = Question.objects.filter(program=program).order_by("id")
    return [(one.key, one.version, one.text, one.fitting, one.is_asked) for one in found]


def test_from_nothing_asked_to_a_question_homes_meet(desk: Client, summer: Program) -> None:
    assert b"Nothing is asked." in desk.get(address(summer)).content
    offered = desk.get(f"{address(summer)}?key=medical-need").content.decode()
    assert "life-support equipment for their health?" in offered
    asked = desk.post(address(summer), MEDICAL | {"key": "medical-need"})
    assert asked.headers["Location"] == address(summer)
    assert newest(summer) == [("medical-need", 1, MEDICAL["text"], False, True)]
    entry = ActivityEntry.objects.get(verb="ask-question")
    assert entry.detail == {"question": "medical-need:1", "fitting": False}
    hanna = cast.homeowner()
    cast.agreement(hanna, summer)
    browser = Client()
    browser.force_login(hanna)
    assert MEDICAL["text"] in browser.get(f"/join/{summer.slug}/").content.decode()


def test_new_words_are_a_new_version_and_old_answers_do_not_count(
    desk: Client, summer: Program
) -> None:
    desk.post(address(summer), MEDICAL | {"key": "medical-need"})
    hanna = cast.homeowner()
    Answer.objects.create(user=hanna, question=Question.objects.get(), said=False, at=cast.MORNING)
    assert queries.fits(hanna, summer)
    form = desk.get(f"{address(summer)}?key=medical-need").content.decode()
    assert 'name="after" value="1"' in form
    desk.post(address(summer), MEDICAL | {"key": "medical-need", "after": "1", "text": "Anybody?"})
    assert newest(summer) == [
        ("medical-need", 1, MEDICAL["text"], False, True),
        ("medical-need", 2, "Anybody?", False, True),
    ]
    assert not queries.fits(hanna, summer)
    assert [one.text for one in queries.questions_of(summer)] == ["Anybody?"]


def test_who_was_slower_is_told_and_changes_nothing(desk: Client, summer: Program) -> None:
    desk.post(address(summer), MEDICAL | {"key": "medical-need"})
    late = desk.post(address(summer), MEDICAL | {"key": "medical-need", "text": "Other words?"})
    assert late.status_code == 422
    assert "Somebody changed this question meanwhile; nothing was saved." in late.content.decode()
    assert "Other words?</textarea>" in late.content.decode()
    assert newest(summer) == [("medical-need", 1, MEDICAL["text"], False, True)]


def test_a_question_of_ones_own_gets_a_key_of_its_own(desk: Client, summer: Program) -> None:
    for _ in range(2):
        desk.post(address(summer), {"text": "Do you own a heat pump?", "fitting": ""})
    assert newest(summer) == [
        ("do-you-own-a-heat-pump", 1, "Do you own a heat pump?", None, True),
        ("do-you-own-a-heat-pump-2", 1, "Do you own a heat pump?", None, True),
    ]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"text": ""}, "This field is required."),
        ({"remedy": " "}, "Say why the other answer does not fit, and what the home can do."),
        ({"fitting": "perhaps"}, "Select a valid choice."),
    ],
)
def test_what_is_missing_stands_at_its_field(
    desk: Client, summer: Program, typed: dict[str, str], sentence: str
) -> None:
    page = desk.post(address(summer), MEDICAL | typed)
    assert page.status_code == 422
    assert sentence in page.content.decode()
    assert newest(summer) == []
    assert not ActivityEntry.objects.exists()


def test_asked_no_more_and_what_was_answered_stays(desk: Client, summer: Program) -> None:
    desk.post(address(summer), MEDICAL | {"key": "medical-need"})
    Answer.objects.create(
        user=cast.homeowner(), question=Question.objects.get(), said=True, at=cast.MORNING
    )
    stop = reverse("question_stop", args=[summer.slug, "medical-need"])
    for _ in range(2):
        desk.post(stop, {"after": 1})
    page = desk.get(address(summer)).content.decode()
    assert "Asked no more" in page
    assert "1 yes, 0 no" in page
    assert queries.questions_of(summer) == []
    assert list(ActivityEntry.objects.values_list("verb", flat=True)) == [
        "ask-question", "stop-asking",
    ]  # fmt: skip


def test_a_question_that_was_changed_meanwhile_is_still_asked(
    desk: Client, summer: Program
) -> None:
    """Whoever presses Stop has read the words before."""
    for after in (0, 1):
        desk.post(address(summer), MEDICAL | {"key": "medical-need", "after": after})
    stop = reverse("question_stop", args=[summer.slug, "medical-need"])
    for sent in ({"after": 1}, {}):
        page = desk.post(stop, sent, follow=True).content.decode()
        assert "Somebody changed this question meanwhile; it is still asked." in page
    _, version, _, _, is_asked = newest(summer)[-1]
    assert (version, is_asked) == (2, True)
    assert not ActivityEntry.objects.filter(verb="stop-asking").exists()


def test_only_an_approver_changes_what_is_asked(client: Client, summer: Program) -> None:
    olga = cast.operator()
    client.force_login(olga)
    assert client.get(address(summer)).status_code == 200
    assert client.post(address(summer), MEDICAL).status_code == 403
    assert client.post(reverse("question_stop", args=[summer.slug, "x"])).status_code == 403
    values = {"program": summer, "key": "x", "actor": Actor.person(olga), "now": cast.MORNING}
    with pytest.raises(Refused, match="Only an approver"):
        operations.ask_question(after=0, wording=Wording("Why?", None), **values)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="Only an approver"):
        operations.stop_asking(after=1, **values)  # type: ignore[arg-type]
    assert newest(summer) == []
