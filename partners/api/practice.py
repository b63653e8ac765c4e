"""Practice: scenarios played on made-up homes. All else a practice client asks as a real one."""

import uuid
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from base import clock
from partners.api import desk, shapes
from partners.api.fields import Whole
from partners.api.found import actor_of
from partners.api.once import Act
from partners.models import PracticeRun
from partners.operations import practice
from partners.queries import documents, runs
from partners.states import Scenario
from partners.who import EVENTS, READ


class RunBody(desk.Strict):
    scenario = serializers.ChoiceField(Scenario.choices)
    seconds = Whole(
        min_value=0, max_value=600, default=20, help_text="It takes so long; 0: over at once."
    )


class Runs(Act):
    scopes: ClassVar[dict[str, str]] = {"GET": READ, "POST": EVENTS}

    @extend_schema(
        operation_id="listRuns",
        summary="Your practice runs, latest first",
        tags=["Practice"],
        parameters=[desk.Query],
        responses=shapes.listed(shapes.Run),
    )
    def get(self, request: Request) -> Response:
        query = desk.asked(request, desk.Query)
        found = runs.runs_for(
            desk.partner(request).client_id,
            after=desk.after(request, query),
            limit=query["limit"] + 1,
        )
        return desk.page(request, found, query, shown=documents.run, key=_key)

    @extend_schema(
        operation_id="beginRun",
        summary="Play a scenario on made-up homes",
        description="For practice clients. It plans an event, which then goes through the "
        "scenario: read it, its deliveries and its results as those of any event; your webhooks "
        "are told.",
        tags=["Practice"],
        request=RunBody,
        examples=[
            OpenApiExample(
                "Three homes in ten say no",
                request_only=True,
                value={"scenario": "30-percent-opt-out", "seconds": 20},
            )
        ],
        parameters=[shapes.IDEMPOTENCY_KEY],
        responses={201: shapes.Run},
    )
    def post(self, request: Request, **where: Any) -> Response:
        return super().post(request, **where)

    def act(self, request: Request, **where: Any) -> Response:
        desk.asked(request)
        wish = desk.body(request, RunBody)
        who = desk.partner(request)
        run = practice.begin(
            client_id=who.client_id,
            scenario=Scenario(wish["scenario"]),
            lasts_s=wish["seconds"],
            actor=actor_of(request),
            now=clock.now(),
            real_now=clock.real_now(),
        )
        place = reverse("api-run", kwargs={"run_id": run.pk}, request=request)
        return Response(documents.run(run), status=201, headers={"Location": place})


class OneRun(desk.PartnerView):
    @extend_schema(
        operation_id="readRun", summary="A practice run", tags=["Practice"], responses=shapes.Run
    )
    def get(self, request: Request, run_id: str) -> Response:
        desk.asked(request)
        run = runs.run_for(desk.partner(request).client_id, _uuid(run_id))
        if run is None:
            raise NotFound
        return Response(documents.run(run))


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NotFound from None


def _key(run: PracticeRun) -> list[str]:
    return [run.began_at.isoformat(), str(run.pk)]
