"""The homeowner's own list of what we mailed, and whether they want mail about events."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from base import clock
from dr_events.queries import notices as queries
from enrollments import operations as outbox
from people.access import actor_of, homeowner_page, me


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
