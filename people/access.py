"""Who may open which page."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.adapter import get_adapter
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
service_act = _allowed(lambda user: user.may_serve)
manager_page = _allowed(lambda user: user.may_manage)
signed_in_page = _allowed(lambda user: True)
homeowner_page = _allowed(lambda user: not user.is_operator)


def me(request: HttpRequest) -> User:
    """The signed-in person; the page's own guard saw to it that there is one."""
    assert isinstance(request.user, User)  # noqa: S101
    return request.user


def address_of(request: HttpRequest) -> str | None:
    """The network address the request came from, by the rule that sign-in limits count by.

    The connection's own; behind TRUSTED_PROXY_COUNT proxies the one the outermost of them saw, that
    many from the right in X-Forwarded-For. What stands left of it anybody could have written.
    """
    try:
        return str(get_adapter().get_client_ip(request))
    except PermissionDenied:  # a Unix socket, or no address at all
        return None


def actor_of(request: HttpRequest) -> Actor:
    """The signed-in person, with the address the request came from."""
    return Actor.person(me(request), address_of(request))
