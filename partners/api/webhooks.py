"""A partner's own webhooks, by the operations of the console's pages."""

import uuid
from collections.abc import Callable
from typing import Any, ClassVar

from django.db import transaction
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from base import clock
from base.refusal import Refused
from partners import posting
from partners.api import desk, hook_shapes, shapes
from partners.api.fields import Text
from partners.api.found import actor_of
from partners.api.once import Act, is_answered
from partners.models import Post, Webhook
from partners.operations import hooks
from partners.operations.hooks import NewSecret
from partners.queries import desk as console
from partners.queries import documents, news
from partners.who import WEBHOOKS


class HookBody(desk.Strict):
    url = Text(
        min_length=1,
        max_length=500,
        help_text="https, port 443 or 8443, a name on the public internet.",
    )
    kinds = serializers.ListField(
        child=serializers.ChoiceField(hook_shapes.KINDS),
        max_length=len(hook_shapes.KINDS),
        default=list,
        help_text="Empty: all.",
    )


class Hooks:
    """What these resources share. A webhook is the same in both worlds: it is no home."""

    has_two_worlds = False
    scopes: ClassVar[dict[str, str]] = dict.fromkeys(("GET", "POST", "PATCH", "DELETE"), WEBHOOKS)


def _find(request: Request, hook_id: str, *, lock: bool = False) -> Webhook:
    """The client's own webhook. Raises NotFound alike for another client's and for none."""
    try:
        found = console.webhook(desk.partner(request).client_id, uuid.UUID(hook_id), lock=lock)
    except ValueError:
        raise NotFound from None
    if found is None:
        raise NotFound
    return found


def _who(request: Request) -> dict[str, Any]:
    return {"actor": actor_of(request), "now": clock.now()}


class AllWebhooks(Hooks, Act):
    wrong_address: Refused | None = None

    @extend_schema(
        operation_id="listWebhooks",
        summary="Your webhooks, oldest first",
        tags=["Webhooks"],
        responses=shapes.listed(hook_shapes.Webhook),
    )
    def get(self, request: Request) -> Response:
        desk.asked(request)
        found = console.webhooks_of(desk.partner(request).client_id)
        return Response({"items": [documents.webhook(one) for one in found], "next": None})

    @extend_schema(
        operation_id="makeWebhook",
        summary="Make a webhook",
        description="Its secret is in this answer and nowhere else. The address is checked now, "
        "and again each time it is dialled.",
        tags=["Webhooks"],
        request=HookBody,
        examples=[
            OpenApiExample(
                "Events only",
                request_only=True,
                value={
                    "url": "https://hooks.partner.example/offpeak",
                    "kinds": ["event.scheduled", "event.cancelled", "event.completed"],
                },
            )
        ],
        parameters=[shapes.IDEMPOTENCY_KEY],
        responses={201: hook_shapes.NewWebhook},
    )
    def post(self, request: Request, **where: Any) -> Response:
        # Name servers are asked before the transaction of the key begins. A no is said inside: it
        # is an answer of the business. That nobody could say is none, and leaves the key unused.
        if not is_answered(request):
            try:
                posting.check_address(desk.body(request, HookBody)["url"])
            except Refused as no:
                if no.code != "address":
                    raise
                self.wrong_address = no
        return super().post(request, **where)

    def act(self, request: Request, **where: Any) -> Response:
        desk.asked(request)
        wish = desk.body(request, HookBody)
        client_id = desk.partner(request).client_id
        if self.wrong_address:
            raise self.wrong_address
        made = hooks.make(client_id=client_id, **wish, **_who(request), real_now=clock.real_now())
        answer = _with_secret(_find(request, str(made.webhook_id)), made, status=201)
        where = {"hook_id": made.webhook_id}
        answer["Location"] = reverse("api-webhook", kwargs=where, request=request)
        return answer

    def to_keep(self, data: Any) -> Any:
        return _without_secret(data)

    def from_kept(self, data: Any) -> Any:
        return _secret_again(data)


class OneWebhook(Hooks, desk.PartnerView):
    @extend_schema(
        operation_id="readWebhook",
        summary="A webhook",
        tags=["Webhooks"],
        responses=hook_shapes.Webhook,
    )
    def get(self, request: Request, hook_id: str) -> Response:
        desk.asked(request)
        return _shown(_find(request, hook_id))

    @extend_schema(
        operation_id="changeWebhook",
        summary="Another address, or other news",
        tags=["Webhooks"],
        request=HookBody,
        examples=[OpenApiExample("All news", request_only=True, value={"kinds": []})],
        parameters=[shapes.IF_MATCH],
        responses=hook_shapes.Webhook,
    )
    def patch(self, request: Request, hook_id: str) -> Response:
        desk.asked(request)
        hook = _find(request, hook_id)
        wish = _changed(request, hook)
        if wish["url"] != hook.url:  # name servers are asked before the transaction begins
            posting.check_address(wish["url"])
        with transaction.atomic():
            hook = _find(request, hook_id, lock=True)
            hooks.change(hook_id=hook.pk, **_changed(request, hook), **_who(request))
        return _shown(_find(request, hook_id))

    @extend_schema(
        operation_id="removeWebhook",
        summary="Remove a webhook and its log",
        tags=["Webhooks"],
        parameters=[shapes.IF_MATCH],
        responses={204: None},
    )
    @transaction.atomic
    def delete(self, request: Request, hook_id: str) -> Response:
        desk.asked(request)
        hook = _find(request, hook_id, lock=True)
        desk.check_match(request, documents.webhook(hook))
        hooks.remove(hook_id=hook.pk, **_who(request))
        return Response(status=204)


def _changed(request: Request, hook: Webhook) -> dict[str, Any]:
    """What the webhook is to be: what is left out stays. Raises Refused, ValidationError."""
    desk.check_match(request, documents.webhook(hook))
    given = request.data
    if isinstance(given, dict):
        given = {"url": hook.url, "kinds": hook.kinds} | given
    return desk.checked(HookBody, given)


class HookAct(Hooks, Act):
    """A POST without a body that does ``operation`` and answers with the webhook."""

    operation: Callable[..., Any]
    needs_real_now = True

    def act(self, request: Request, **where: Any) -> Response:
        desk.asked(request)
        desk.body(request)
        hook = _find(request, where["hook_id"])
        real = {"real_now": clock.real_now()} if self.needs_real_now else {}
        made = type(self).operation(hook_id=hook.pk, **_who(request), **real)
        hook = _find(request, where["hook_id"])
        return _with_secret(hook, made) if isinstance(made, NewSecret) else _shown(hook)

    def to_keep(self, data: Any) -> Any:
        return _without_secret(data)

    def from_kept(self, data: Any) -> Any:
        return _secret_again(data)


def _act(name: str, summary: str, does: Callable[..., Any], **fields: Any) -> type[HookAct]:
    shape = hook_shapes.NewWebhook if name == "rotate" else hook_shapes.Webhook
    described = extend_schema(
        operation_id=f"{name}Webhook",
        summary=summary,
        tags=["Webhooks"],
        request=None,
        parameters=[shapes.IDEMPOTENCY_KEY],
        responses={200: shape},
    )

    def post(self: HookAct, request: Request, **where: Any) -> Response:
        return Act.post(self, request, **where)

    body = {"operation": staticmethod(does), "post": described(post), **fields}
    return type(f"{name.title()}Webhook", (HookAct,), body)


Test = _act("test", "Post a message of the kind `test`", hooks.send_test)
Rotate = _act("rotate", "A new secret; for 72 hours both sign", hooks.rotate)
EndOldSecret = _act(
    "endOldSecretOf", "Only the newest secret signs from now on", hooks.end_old_secret,
    needs_real_now=False,
)  # fmt: skip
Pause = _act("pause", "Post nothing for now; news is kept for thirty days", hooks.pause)
Resume = _act("resume", "Go on, with what was kept", hooks.resume, needs_real_now=False)


class Messages(Hooks, desk.PartnerView):
    @extend_schema(
        operation_id="listMessages",
        summary="What was posted to a webhook, latest first",
        tags=["Webhooks"],
        parameters=[desk.Query],
        responses=shapes.listed(hook_shapes.Message),
    )
    def get(self, request: Request, hook_id: str) -> Response:
        query = desk.asked(request, desk.Query)
        rows = news.log_page(
            _find(request, hook_id), after=desk.after(request, query), limit=query["limit"] + 1
        )
        return desk.page(request, rows, query, shown=documents.message, key=_key)


def _key(post: Post) -> list[str]:
    return [post.made_at.isoformat(), str(post.pk)]


def _shown(hook: Webhook) -> Response:
    document = documents.webhook(hook)
    return Response(document, headers={"ETag": desk.tag(document)})


def _with_secret(hook: Webhook, made: NewSecret, status: int = 200) -> Response:
    document = {"webhook": documents.webhook(hook), "key_id": made.key_id, "secret": made.secret}
    return Response(document, status=status)


def _without_secret(data: Any) -> Any:
    """Kept answers lie open in the database; the secret is sealed beside its webhook."""
    return data | {"secret": None} if "secret" in data else data


def _secret_again(data: Any) -> Any:
    """The same answer for the same key, while that secret is still good."""
    if "secret" not in data:
        return data
    hook = Webhook.objects.filter(id=data["webhook"]["id"]).first()
    good = hooks.secrets_of(hook, real_now=clock.real_now()) if hook else {}
    return data | {"secret": good.get(data["key_id"])}
