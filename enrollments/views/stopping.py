"""A homeowner on the way in changes their mind."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from base import clock
from base.refusal import Refused
from enrollments import queries, vendor_session
from people.access import actor_of, homeowner_page, me


@homeowner_page
@require_POST
def join_stop(request: HttpRequest, slug: str) -> HttpResponse:
    page = queries.program_page(slug)
    if page is None:
        raise Http404
    try:
        ended = vendor_session.stop_joining(
            user=me(request), program=page.program, actor=actor_of(request), now=clock.now()
        )
    except Refused as no:
        messages.error(request, str(no))
        return redirect("join", slug=slug)
    text = f"You do not join {page.program.name}. Your agreement is withdrawn."
    if ended:
        text += " Our permission at Carrier is destroyed."
    messages.success(request, text)
    return redirect("my_home")
