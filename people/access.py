"""Who may open which page."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from people.models import User
from people.operations import Actor

View = Callable[..., HttpResponseBase]


def _allowed(test: Callable[[User], bool]) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        @login_required
        @wraps(view)
        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not test(request.user):  # type: ignore[arg-type]
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return inner

    return decorate


console_page = _allowed(lambda user: user.is_operator)
operator_act = _allowed(lambda user: user.may_operate)
approver_act = _allowed(lambda user: user.may_approve)
homeowner_page = _allowed(lambda user: not user.is_operator)


def actor_of(request: HttpRequest) -> Actor:
    """The signed-in person, with the address the request came from.

    The address is the connection's own: a forwarded header is only believed where the web server
    in front has been told to set REMOTE_ADDR from it.
    """
    return Actor.person(request.user, request.META.get("REMOTE_ADDR"))  # type: ignore[arg-type]
