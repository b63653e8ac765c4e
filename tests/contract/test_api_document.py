"""The API keeps to its own description, and the description in the repository is the one served."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client as Browser
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from base import clock
from dr_events.models import Dispatch
from dr_events.states import Delivery, Participation, Reason
from enrollments.states import EnrollmentState, Ineligible
from partners import posting
from partners.api.openapi import document
from partners.problems import TITLES
from portal.api_urls import urlpatterns
from tests import cast
from tests.partner_calls import Caller, wanted

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.django_db


def spec() -> dict[str, Any]:
    found = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text())
    assert isinstance(found, dict)
    return found


def operations() -> dict[str, dict[str, Any]]:
    return {
        operation["operationId"]: operation
        for methods in spec()["paths"].values()
        for operation in methods.values()
    }


def check(operation: str, status: int, found: Any) -> None:
    """Raises ValidationError where an answer is not what the document says, also when it has a
    member the document does not know."""
    whole = spec()
    for shape in whole["components"]["schemas"].values():
        if "properties" in shape:
            shape.setdefault("additionalProperties", False)
            shape.setdefault("required", list(shape["properties"]))
    content = operations()[operation]["responses"][str(status)]["content"]
    registry = Registry().with_resource(
        "urn:api",
        Resource.from_contents(whole | {"$schema": Draft202012Validator.META_SCHEMA["$id"]}),
    )
    (media,) = content.values()
    text = json.dumps(media["schema"]).replace('"#/', '"urn:api#/')
    Draft202012Validator(json.loads(text), registry=registry).validate(found)


@pytest.fixture
def summer(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    return cast.program()


@pytest.fixture
def leap(summer):
    return Caller("summer-peak")


def test_the_document_in_the_repository_is_made_from_this_code(tmp_path):
    made = tmp_path / "openapi.yaml"
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(made))
    assert made.read_text() == (ROOT / "docs/openapi.yaml").read_text(), (
        "python manage.py spectacular --file docs/openapi.yaml"
    )


def test_it_is_served_to_everybody_and_readable_without_a_script():
    served = Browser().get("/api/v1/openapi.json")
    assert (served.status_code, served.json()) == (200, spec())
    assert served.json()["openapi"] == "3.1.1"
    page = Browser().get("/api/v1/reference/")
    text = page.content.decode()
    assert page.status_code == 200
    for name in [*operations(), *document()["components"]["schemas"]["EventBody"]["properties"]]:
        assert name in text
    assert "http://" not in text.replace("http://testserver", "")
    assert re.findall(r"<script(?! src=.[^>]*></script>)", text) == []
    assert "default-src 'none'" in page["Content-Security-Policy"]
    assert Browser().post("/api/v1/reference/").status_code == 405


def test_every_address_is_described_and_every_description_has_an_address():
    served = {
        "/api/v1/" + str(one.pattern).replace("<slug:", "{").replace(">", "}")
        for one in urlpatterns
        if one.name and one.name not in ("api-openapi", "api-reference")
    }
    assert served == set(spec()["paths"])


def test_every_kind_of_no_is_in_the_guide():
    guide = (ROOT / "docs/partner_api.md").read_text()
    for name in TITLES:
        assert f"`/problems/{name}`" in guide, name


@pytest.mark.parametrize("words", [Reason, Delivery, Participation, EnrollmentState, Ineligible])
def test_the_guide_names_every_word_of_an_answer(words):
    guide = (ROOT / "docs/partner_api.md").read_text()
    assert [word for word in words.values if word and f"`{word}`" not in guide] == []


def test_the_guide_names_every_way_an_event_is_outside_the_limits():
    """By the source: what is yielded or listed there goes out as codes of ``invalid-event``."""
    guide = (ROOT / "docs/partner_api.md").read_text()
    told = guide.split("Codes of `invalid-event`:")[1].split("Codes of")[0]
    source = (ROOT / "dr_events/rules/limits.py").read_text()
    found = set(re.findall(r'code="([a-z-]+)"', source)) | {"no-terms"}
    planning = (ROOT / "dr_events/operations/planning.py").read_text()
    found |= set(re.findall(r'field="groups", code="([a-z-]+)"', planning))
    assert "retired-group" in found
    assert sorted(code for code in found if f"`{code}`" not in told) == []


def test_every_field_and_parameter_is_described():
    fields = {
        f"{shape}.{name}": field
        for shape, told in spec()["components"]["schemas"].items()
        for name, field in told.get("properties", {}).items()
    }
    given = {
        f"{name}?{one['name']}": one
        for name, operation in operations().items()
        for one in operation.get("parameters", ())
    }
    assert [name for name, one in (fields | given).items() if not one.get("description")] == []


WITH_A_BODY = {
    name: operation["requestBody"]["content"]["application/json"].get("examples", {})
    for name, operation in operations().items()
    if "requestBody" in operation
}


def method_and_address(name: str) -> tuple[str, str]:
    (found,) = [
        (method.upper(), at)
        for at, methods in spec()["paths"].items()
        for method, operation in methods.items()
        if operation["operationId"] == name
    ]
    return found[0], found[1].removeprefix("/api/v1/")


@pytest.mark.parametrize("name", WITH_A_BODY)
def test_examples_work(leap, summer, name, monkeypatch):
    cast.enrolled(summer, "2319W004821")
    monkeypatch.setattr(posting, "check_address", lambda url: None)
    who = Caller(practice=True) if name == "beginRun" else leap
    method, address = method_and_address(name)
    headers, at = {}, address
    if "{event_id}" in address:
        event = leap.post("events/", wanted(draft=name == "changeDraft"))
        at = address.replace("{event_id}", event.json()["id"])
        headers = {"HTTP_IF_MATCH": event["ETag"]} if name == "changeDraft" else {}
    if "{hook_id}" in address:
        hook = leap.post("webhooks/", {"url": "https://hooks.partner.example/in"}).json()
        at = address.replace("{hook_id}", hook["webhook"]["id"])
    assert WITH_A_BODY[name]
    for example in WITH_A_BODY[name].values():
        answer = who.send(method, at, example["value"], **headers)
        assert answer.status_code in (200, 201), answer.content
        check(name, answer.status_code, answer.json())


def test_the_guides_own_example_works(leap, summer):
    cast.enrolled(summer)
    guide = (ROOT / "docs/partner_api.md").read_text()
    body = guide.split("```json\n", 1)[1].split("```", 1)[0]
    answer = leap.post("events/", body)
    assert answer.status_code == 201, answer.content


def test_answers_are_what_the_document_says(leap, summer):
    cast.neighborhood(summer, 3)
    cast.enrolled(summer, "9900W000001", is_online=False, capacity_kbtu=36)
    summer.enrollments.filter(system__serial="2402W000002").update(state="PAUSED")
    check("previewEvent", 200, leap.post("events/preview/", wanted()).json())
    made = leap.post("events/", wanted())
    check("planEvent", 201, made.json())
    at = f"events/{made.json()['id']}/"
    Dispatch.objects.filter(system__serial="2400W000000").update(
        delivery="CONFIRMED", participation="ACTIVE", http_status=200, sent_at=cast.MORNING
    )
    for name, address in {
        "listPrograms": "programs/",
        "readProgram": "programs/summer-peak/",
        "listSystems": "systems/?limit=2",
        "listEnrollments": "enrollments/",
        "listEvents": "events/",
        "readEvent": at,
        "listDeliveries": f"{at}deliveries/",
        "readResults": f"{at}results/",
        "readIntervals": f"{at}results/intervals/",
        "listHomeResults": f"{at}results/homes/",
        "readNotices": f"{at}notices/",
        "listGroups": "programs/summer-peak/groups/",
        "readProgramLimits": "programs/summer-peak/limits/",
        "readSystemLimits": "systems/2400W000000/limits/",
        "readSystem": "systems/2400W000000/",
    }.items():
        answer = leap.get(address)
        assert answer.status_code == 200, name
        check(name, 200, answer.json())
    draft = leap.post("events/", wanted(draft=True))
    check("planEvent", 201, draft.json())
    etag, own = draft["ETag"], f"events/{draft.json()['id']}/"
    changed = leap.send("PATCH", own, {"note": "Soon"}, HTTP_IF_MATCH=etag)
    check("changeDraft", 200, changed.json())
    Dispatch.objects.update(holds_slot=False)
    check("submitEvent", 200, leap.post(f"{own}submit/").json())
    begin = Caller(practice=True)
    run = begin.post("practice/runs/", {"scenario": "carrier-down", "seconds": 0})
    check("beginRun", 201, run.json())
    check("readRun", 200, begin.get(f"practice/runs/{run.json()['id']}/").json())
    check("listRuns", 200, begin.get("practice/runs/").json())
    check("optOut", 200, leap.post(f"{at}opt-outs/", {"system": "2401W000001"}).json())
    check("listOptOuts", 200, leap.get(f"{at}opt-outs/").json())
    check("cancelEvent", 200, leap.post(f"{at}cancel/").json())


def test_answers_about_webhooks_are_what_the_document_says(leap, settings):
    settings.WEBHOOK_INNER_HOSTS = ("hooks.example:443",)
    made = leap.post("webhooks/", {"url": "https://hooks.example/", "kinds": ["event.scheduled"]})
    check("makeWebhook", 201, made.json())
    at = f"webhooks/{made.json()['webhook']['id']}/"
    check("listWebhooks", 200, leap.get("webhooks/").json())
    check("readWebhook", 200, leap.get(at).json())
    check("changeWebhook", 200, leap.send("PATCH", at, {"kinds": []}).json())
    for act in ("test", "rotate", "pause", "resume"):
        check(f"{act}Webhook", 200, leap.post(f"{at}{act}/").json())
    check("endOldSecretOfWebhook", 200, leap.post(f"{at}end-old-secret/").json())
    check("listMessages", 200, leap.get(f"{at}messages/").json())
    assert leap.send("DELETE", at).status_code == 204


def test_refusals_are_what_the_document_says(leap, summer):
    for name, status, answer in (
        ("planEvent", 422, leap.post("events/", wanted())),
        ("planEvent", 400, leap.post("events/", wanted(colour="red"))),
        ("planEvent", 413, leap.post("events/", '{"a": "' + "x" * 65_536 + '"}')),
        ("planEvent", 415, leap.post("events/", "a=b", "application/x-www-form-urlencoded")),
        ("readEvent", 404, leap.get("events/op-1/")),
        ("listEvents", 406, leap.get("events/", HTTP_ACCEPT="text/html")),
        ("listEvents", 401, Browser().get("/api/v1/events/")),
    ):
        assert answer.status_code == status, name
        assert answer["Content-Type"] == "application/problem+json"
        problem = answer.json()
        whole = spec()["components"]["schemas"]["Problem"]
        assert set(whole["required"]) <= set(problem) <= set(whole["properties"])
        assert problem["type"] in whole["properties"]["type"]["enum"]
        assert str(status) in operations()[name]["responses"]
