"""Canaries: the real tokens of real homes, looked for wherever they must not be.

Homes connect, an event is sent and read back, tokens are renewed and one is refused. Every token
the cloud handed out on the way is then searched for in the whole database, in every log line, in
the messages on the broker, in the pages of the back office, and in what our objects say of
themselves.
"""

import base64
import dataclasses
import inspect
import logging
import types
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
import redis
from django.conf import settings
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import carrier.oauth
from carrier.curl_lane import Outgoing
from carrier.parsing import parse
from dr_events import dispatch, operations, queries
from dr_events import read_back as window
from dr_events import tasks as event_tasks
from dr_events.dispatch import proof, wave
from dr_events.models import Dispatch, Event
from dr_events.operations import delivering, planning, responding
from dr_events.queries import candidates, work
from enrollments import operations as homes
from enrollments import sync, vendor_session
from enrollments import tasks as home_tasks
from enrollments.models import CarrierGrant, System
from enrollments.rules import ASKED_SCOPES
from enrollments.tokens import vault
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.contract.conftest import REDIRECT, SECRET, challenge
from tests.integration.conftest import Vendor

pytestmark = pytest.mark.django_db(transaction=True)
OLGA = Actor("user:olga")
SEND_AT = cast.MORNING + timedelta(hours=5)
SEALED = ("access_sealed", "refresh_sealed")


class Canaries:
    """Secrets under a name, and every spelling in which one could hide."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}

    def add(self, **named: str) -> None:
        assert all(len(secret) >= 6 for secret in named.values())
        self.secrets |= named

    def in_text(self, text: str) -> set[str]:
        return {name for name, secret in self.secrets.items() if _spellings(secret) & _has(text)}


class _Has:
    def __init__(self, text: str) -> None:
        self.text = text

    def __rand__(self, spellings: Iterable[str]) -> bool:
        return any(spelling in self.text for spelling in spellings)


def _has(text: str) -> _Has:
    return _Has(text)


def _spellings(secret: str) -> list[str]:
    return [secret]
