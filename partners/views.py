"""The console's pages about partners: clients, secrets, programs, webhooks and what was posted."""

import re
import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from base import clock
from base.once import forget, pressed_twice
from base.refusal import Refused
from partners import posting
from partners.models import Webhook
from partners.operations import client_secrets, clients, hooks, posts
from partners.queries import desk
from partners.states import Happened, HookState
from partners.who import READ, SCOPES
from people.access import actor_of, console_page, operator_act


def _no_store(page: HttpResponse) -> HttpResponse:
    page["Cache-Control"] = "no-store"
    return page


def _typed(request: HttpRequest, name: str) -> str:
    """A NUL byte means nothing to PostgreSQL, and it says so loudly."""
    return request.POST.get(name, "").replace("\x00", "")


@console_page
def console_partners(request: HttpRequest) -> HttpResponse:
    return render(request, "partners/clients.html", {"clients": desk.clients()} | _programs(""))


@operator_act
@require_POST
def partner_make(request: HttpRequest) -> HttpResponse:
    """A new client. Its secret is on this one page and nowhere else afterwards."""
    name = _typed(request, "name")
    slugs = [slug.replace("\x00", "") for slug in request.POST.getlist("program")]
    form = (actor_of(request).name, "partner", name, *slugs)
    if pressed_twice(*form):
        messages.error(
            request,
            "This client was made a moment ago, and the button was pressed again. If you did not "
            "see its secret, open the client and make a new one.",
        )
        return redirect("console_partners")
    try:
        made = clients.create(
            name=name,
            slugs=slugs,
            read_only=bool(request.POST.get("read_only")),
            is_practice=bool(request.POST.get("is_practice")),
            actor=actor_of(request),
            now=clock.now(),
            real_now=clock.real_now(),
        )
    except Refused as no:
        forget(*form)
        typed = {"name": name, "programs": slugs, "more": request.POST, "wrong": str(no)}
        context = {"clients": desk.clients(), "typed": typed} | _programs("")
        return render(request, "partners/clients.html", context, status=400)
    return _no_store(_client_page(request, made.client_id, {"credentials": made}))


@console_page
def console_partner(request: HttpRequest, client_id: str) -> HttpResponse:
    return _client_page(request, client_id, {})


def _client_page(request: HttpRequest, client_id: str, more: dict[str, Any]) -> HttpResponse:
    client = desk.client(client_id)
    if client is None:
        raise Http404("There is no client with this id.")
    context = {
        "client": client,
        "webhooks": desk.webhooks_of(client_id),
        "kinds": [kind for kind in Happened if kind != Happened.TEST],
        "secret_now": client_secrets.secret_mark(client.own),
        "overlaps": client_secrets.is_overlapping(client.own, clock.real_now()),
        "overlap_hours": int(client_secrets.OVERLAP.total_seconds() // 3600),
        "scopes": SCOPES,
        "read": READ,
        "requests_for_all": settings.PARTNER_REQUESTS_PER_MINUTE,
        "allowed_now": clients.allowed_mark(
            client.scopes, client.own.requests_per_minute if client.own else None
        ),
    }
    return render(request, "partners/client.html", context | _programs(client_id) | more)


def _programs(client_id: str) -> dict[str, Any]:
    granted, others = desk.programs_of(client_id)
    return {"granted": granted, "others": others}


@operator_act
@require_POST
def partner_act(request: HttpRequest, client_id: str, act: str) -> HttpResponse:
    """What urls.py lists: programs, secrets, tokens, suspending, scopes."""
    if desk.client(client_id) is None:
        raise Http404("There is no client with this id.")
    who: dict[str, Any] = {"client_id": client_id, "actor": actor_of(request), "now": clock.now()}
    real: dict[str, Any] = {"real_now": clock.real_now()}
    slug = _typed(request, "program")
    try:
        if act == "rotate":
            leaked, seen = bool(request.POST.get("leaked")), request.POST.get("seen", "")
            made = client_secrets.rotate(end_tokens=leaked, seen=seen, **who, **real)
            return _no_store(_client_page(request, client_id, {"credentials": made}))
        acts: dict[str, Callable[[], Any]] = {
            "grant": lambda: clients.grant(slugs=[slug], **who),
            "revoke": lambda: clients.revoke(slug=slug, **who),
            "end-old-secret": lambda: client_secrets.end_old_secret(**who),
            "end-tokens": lambda: clients.end_tokens(**who),
            "suspend": lambda: clients.suspend(**who, **real),
            "resume": lambda: clients.resume(**who),
            "allow": lambda: clients.allow(**_allowed(request), **who),
        }
        acts[act]()
        messages.success(request, "Done.")
    except Refused as no:
        if act == "allow":  # what was typed stays
            typed = {
                "scopes": [READ, *request.POST.getlist("scope")],
                "often": request.POST.get("requests_per_minute", ""),
                "wrong": str(no),
            }
            return _client_page(request, client_id, {"allow": typed})
        messages.error(request, str(no))
    return redirect("console_partner", client_id)


def _allowed(request: HttpRequest) -> dict[str, Any]:
    """Scopes and requests a minute of the form; empty is as for all. Raises Refused."""
    often = request.POST.get("requests_per_minute", "").strip()
    if often and not re.fullmatch(r"[0-9]{1,9}", often):
        raise Refused("Write requests a minute as a whole number, or leave it empty.")
    return {
        "scopes": request.POST.getlist("scope"),
        "requests_per_minute": int(often) if often else None,
        "seen": request.POST.get("seen", ""),
    }


@operator_act
@require_POST
def webhook_make(request: HttpRequest, client_id: str) -> HttpResponse:
    if desk.client(client_id) is None:
        raise Http404("There is no client with this id.")
    url, kinds = request.POST.get("url", "").strip(), request.POST.getlist("kind")
    form = (actor_of(request).name, "webhook", client_id, url, *kinds)
    try:
        if pressed_twice(*form):
            return _not_added(
                request,
                client_id,
                url,
                "It was added a moment ago, and the button was pressed again. If you did not see "
                "its secret, open it and make a new one.",
            )
        posting.check_address(url)
        made = hooks.make(
            client_id=client_id,
            url=url,
            kinds=kinds,
            actor=actor_of(request),
            now=clock.now(),
            real_now=clock.real_now(),
        )
    except Refused as no:
        forget(*form)
        return _not_added(request, client_id, url, str(no))
    return _no_store(_hook_page(request, _hook(client_id, str(made.webhook_id)), {"secret": made}))


def _not_added(request: HttpRequest, client_id: str, url: str, why: str) -> HttpResponse:
    page = _client_page(request, client_id, {"url": url, "url_wrong": why})
    page.status_code = 400
    return page


@console_page
def console_webhook(request: HttpRequest, client_id: str, hook_id: str) -> HttpResponse:
    return _hook_page(request, _hook(client_id, hook_id), {})


def _hook(client_id: str, hook_id: str) -> Webhook:
    known = _uuid(hook_id)
    hook = desk.webhook(client_id, known) if known else None
    if hook is None:
        raise Http404("There is no webhook with this id.")
    return hook


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _hook_page(request: HttpRequest, hook: Webhook, more: dict[str, Any]) -> HttpResponse:
    before = _uuid(request.GET.get("before", ""))
    log, further = desk.log(hook, before=before)
    context = {
        "hook": hook,
        "seen": hooks.mark(hook),
        "client": desk.client(hook.client_id),
        "log": log,
        "further": further,
        "is_first_page": before is None,
        "counts": desk.counts(hook),
        "kinds": [kind for kind in Happened if kind != Happened.TEST],
    }
    return render(request, "partners/webhook.html", context | more)


_TEST_WAITS = "The test is kept: the webhook is paused, and it is posted once somebody resumes it."


@operator_act
@require_POST
def webhook_act(request: HttpRequest, client_id: str, hook_id: str, act: str) -> HttpResponse:
    """``change``, ``test``, ``pause``, ``resume``, ``rotate``, ``end-old-secret``, ``remove``."""
    hook = _hook(client_id, hook_id)
    who: dict[str, Any] = {"hook_id": hook.pk, "actor": actor_of(request), "now": clock.now()}
    real: dict[str, Any] = {"real_now": clock.real_now()}
    acts: dict[str, Callable[[], Any]] = {
        "test": lambda: hooks.send_test(**who, **real),
        "pause": lambda: hooks.pause(**who, **real),
        "resume": lambda: hooks.resume(**who),
        "end-old-secret": lambda: hooks.end_old_secret(**who),
        "remove": lambda: hooks.remove(**who),
    }
    try:
        if act == "rotate":
            made = hooks.rotate(**who, **real)
            return _no_store(_hook_page(request, _hook(client_id, hook_id), {"secret": made}))
        if act == "change":
            url = request.POST.get("url", "").strip()
            posting.check_address(url)
            seen, kinds = request.POST.get("seen", ""), request.POST.getlist("kind")
            hooks.change(url=url, kinds=kinds, seen=seen, **who)
        else:
            acts[act]()
        waits = act == "test" and hook.state == HookState.PAUSED
        messages.success(request, _TEST_WAITS if waits else "Done.")
    except Refused as no:
        if act == "change":  # what was typed stays
            typed = {
                "url": request.POST.get("url", ""),
                "chosen": request.POST.getlist("kind"),
                "wrong": str(no),
            }
            return _hook_page(request, _hook(client_id, hook_id), {"typed": typed})
        messages.error(request, str(no))
    if act == "remove":
        return redirect("console_partner", client_id)
    return redirect("console_webhook", client_id, hook_id)


@operator_act
@require_POST
def webhook_replay(
    request: HttpRequest, client_id: str, hook_id: str, post_id: str
) -> HttpResponse:
    hook = _hook(client_id, hook_id)
    known = _uuid(post_id)
    if known is None or not desk.has_post(hook, known):
        raise Http404("There is no such message.")
    try:
        posts.replay(
            post_id=known,
            actor=actor_of(request),
            now=clock.now(),
            real_now=clock.real_now(),
        )
        is_paused = hook.state == HookState.PAUSED
        when = "once the webhook is resumed" if is_paused else "now"
        messages.success(request, f"It is posted again {when}, under the same id.")
    except Refused as no:
        messages.error(request, str(no))
    return redirect("console_webhook", client_id, hook_id)
