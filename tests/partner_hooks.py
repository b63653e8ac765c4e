"""Webhooks for tests: a client with one, what it was told, and the hand that posts."""

import json

from allauth.idp.oidc.models import Client
from django.utils import timezone

from enrollments.models import PartnerGrant
from partners.models import Post, Webhook
from partners.operations import hooks, posts
from partners.tasks import partner_news
from people.models import User
from people.operations import Actor
from people.states import Role
from tests import cast

DESK = Actor("user:test", User(role=Role.APPROVER))


def client(program, name="Leap"):
    made = Client.objects.create(
        id=f"c-{name.lower()}", name=name, grant_types="client_credentials"
    )
    PartnerGrant.objects.create(client_id=made.pk, program=program)
    return made.pk


def hook(client_id, url, *kinds):
    made = hooks.make(
        client_id=client_id, url=url, kinds=kinds, actor=DESK, now=cast.MORNING,
        real_now=timezone.now(),
    )  # fmt: skip
    return Webhook.objects.get(id=made.webhook_id), made


def work():
    """As a worker runs it: not called by the sweep itself."""
    partner_news.push_request(called_directly=False)
    try:
        partner_news.run()
    finally:
        partner_news.pop_request()


def news(of):
    return [json.loads(post.body) for post in Post.objects.filter(webhook=of).order_by("sequence")]


def write():
    return posts.write_posts(real_now=timezone.now())


def hurry(of, **fields):
    Webhook.objects.filter(pk=of.pk).update(next_try_at=None, **fields)
    Post.objects.filter(webhook=of).update(next_try_at=None)
