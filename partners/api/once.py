"""One POST, one effect, however often it is sent (Idempotency-Key)."""

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

from django.db import transaction
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from base import clock
from base.refusal import Refused
from partners.api import desk
from partners.api.found import find
from partners.models import KeptAnswer
from partners.operations import answers
from partners.problems import problem

HEADER = "Idempotency-Key"
KEY = re.compile(r"[\x21-\x7e]{1,255}")


class Act(desk.PartnerView):
    """A resource that is POSTed to; a subclass says in ``act`` what that does.

    Key and effect are one transaction: after a crash either both are there or neither. Kept is
    what the business answered, yes or no. A request that was not understood (400), has no such
    resource (404) or met trouble of ours (5xx) leaves its key unused.
    """

    def post(self, request: Request, **where: Any) -> Response:
        key = _key(request)
        with transaction.atomic():
            if key is None:
                return self.act(request, **where)
            kept = answers.claim(
                client_id=desk.partner(request).client_id,
                key=key,
                fingerprint=_fingerprint(request),
                real_now=clock.real_now(),
            )
            if kept.status is not None:
                self.check_still(request, **where)
                return _again(kept, self.from_kept(json.loads(kept.body)))
            answer = _or_refusal(lambda: self.act(request, **where))
            answers.keep(
                kept,
                status=answer.status_code,
                body=JSONRenderer().render(self.to_keep(answer.data)).decode(),
                location=answer.get("Location", ""),
                etag=answer.get("ETag", ""),
            )
        return answer

    def act(self, request: Request, **where: Any) -> Response:
        raise NotImplementedError

    def check_still(self, request: Request, **where: Any) -> None:
        """Before an answer is said again: a program that was taken away since is not spoken of any
        more. Of an address with an event, that it is still to be seen. Raises NotFound,
        ValidationError, as a first request would."""
        if "event_id" in where:
            find(request, where["event_id"])

    def to_keep(self, data: Any) -> Any:
        """What may be written down of an answer; a subclass takes its secrets out."""
        return data

    def from_kept(self, data: Any) -> Any:
        """The answer again from what was written down."""
        return data


def _or_refusal(act: Callable[[], Response]) -> Response:
    """The answer; a refusal takes back what was done and is an answer like any other."""
    try:
        with transaction.atomic():
            return act()
    except Refused as no:
        return problem(no, {})


def is_answered(request: Request) -> bool:
    """Whether this request's key has an answer already. Raises ValidationError."""
    key = _key(request)
    return key is not None and answers.is_kept(client_id=desk.partner(request).client_id, key=key)


def _key(request: Request) -> str | None:
    given = request.headers.get(HEADER)
    if given is not None and not KEY.fullmatch(given):
        wrong = ErrorDetail("Use 1 to 255 visible ASCII characters.", code="invalid")
        raise ValidationError({HEADER: [wrong]})
    return given


def _fingerprint(request: Request) -> str:
    """The same for two requests that ask for the same: address and body, however it is spaced."""
    body = json.dumps(request.data, sort_keys=True, ensure_ascii=True)
    text = f"{request.method} {request.path.rstrip('/')}?{request.META['QUERY_STRING']}\n{body}"
    return hashlib.sha256(text.encode()).hexdigest()


def _again(kept: KeptAnswer, data: Any) -> Response:
    status = kept.status or 200
    answer = Response(data, status=status)
    if status >= 400:
        answer.content_type = "application/problem+json"
    if kept.location:
        answer["Location"] = kept.location
    if kept.etag:
        answer["ETag"] = kept.etag
    answer["Idempotent-Replayed"] = "true"
    return answer
