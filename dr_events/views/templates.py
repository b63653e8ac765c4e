"""Templates of events: kept from the designer, deleted there."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from base import clock
from base.refusal import Refused
from dr_events import operations
from dr_events.forms import EventForm
from dr_events.queries import programs
from dr_events.views.designer import designer_page
from people.access import actor_of, operator_act


@operator_act
@require_POST
def template_keep(request: HttpRequest) -> HttpResponse:
    """What stands in the designer, under the event's name; its day is left aside."""
    form = EventForm(request.POST, programs=programs.every()).without_a_day()
    if form.is_valid() and form.chosen:
        try:
            kept = operations.keep_template(
                program=form.chosen,
                name=form.cleaned_data["name"],
                values=form.design(),
                actor=actor_of(request),
                now=clock.now(),
            )
        except Refused as refused:
            form.refuse([refused])
        else:
            messages.success(request, f"Kept as the template {kept.name}. No event was planned.")
            return redirect(f"{reverse('event_new')}?template={kept.pk}")
    return designer_page(request, form, preview=None)


@operator_act
@require_POST
def template_drop(request: HttpRequest, template_id: int) -> HttpResponse:
    name = operations.drop_template(
        template_id=template_id, actor=actor_of(request), now=clock.now()
    )
    if name:
        messages.success(request, f"The template {name} is deleted. Events made from it stay.")
    return redirect("event_new")
