"""What we mailed: to oneself, with what one wants of it; to everybody, for the utility."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from base import clock
from base.refusal import Refused
from base.typed import number
from dr_events.queries import notice_log
from dr_events.queries import notices as queries
from enrollments import operations as outbox
from enrollments.states import NoticeKind, NoticeState
from people.access import actor_of, homeowner_page, me, service_act


@homeowner_page
@require_http_methods(["GET", "HEAD", "POST"])
def my_mail(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        wanted = request.POST.get("wanted") == "yes"
        change = outbox.want_event_mail if wanted else outbox.stop_event_mail
        change(user=me(request), actor=actor_of(request), now=clock.now())
        messages.success(
            request,
            "You get mail about events again."
            if wanted
            else "You get no more mail about events. Events themselves go on as before.",
        )
        return redirect("my_mail")
    context = {
        "notices": queries.log(user=me(request)),
        "is_stopped": queries.wants_no_event_mail(me(request)),
    }
    return render(request, "home/mail.html", context)


@homeowner_page
@require_POST
def test_message(request: HttpRequest) -> HttpResponse:
    user = me(request)
    try:
        outbox.send_test(user=user, now=clock.now())
    except Refused as no:
        messages.warning(request, str(no))
    else:
        messages.success(request, f"A test message is on its way to {user.email}.")
    return redirect("my_mail")


@service_act
@require_safe
def console_notices(request: HttpRequest) -> HttpResponse:
    asked = request.GET.copy()
    before = "".join(asked.pop("before", []))
    text = asked.get("email", "").replace("\0", "").strip()[:100]
    notices, further = notice_log.find(
        kind=asked.get("kind", ""),
        state=asked.get("state", ""),
        text=text,
        before=number(before),
    )
    about = notice_log.about(notices)
    context = {
        "notices": [
            (one, NoticeKind(one.kind), NoticeState(one.state), about.get(one.subject))
            for one in notices
        ],
        "further": further,
        "is_first_page": not before,
        "is_filtered": any(asked.values()),
        "asked": asked.urlencode(),
        "text": text,
        "kind": asked.get("kind", ""),
        "state": asked.get("state", ""),
        "kinds": NoticeKind,
        "states": NoticeState,
    }
    return render(request, "console/notices.html", context)
