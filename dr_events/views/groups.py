"""Groups: what a program can send to instead of all its homes."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from base import clock
from base.refusal import Refused
from base.typed import number
from dr_events.forms import GroupForm, MembersForm
from dr_events.queries import groups as query
from dr_events.queries import programs
from enrollments import operations
from enrollments.models import RULE_FIELDS, Group
from people.access import actor_of, console_page, me, operator_act


@console_page
def groups(request: HttpRequest, slug: str) -> HttpResponse:
    """A program's groups, and the form for a new one."""
    program = programs.named(slug)
    if program is None:
        raise Http404("There is no program with this address.")
    form = GroupForm(kinds=query.outdoor_types(program))
    if request.method == "POST":
        if not me(request).may_operate:
            raise PermissionDenied
        form = GroupForm(request.POST, kinds=query.outdoor_types(program))
        if form.is_valid():
            try:
                made = operations.make_group(
                    program=program, **form.wish(), actor=actor_of(request), now=clock.now()
                )
            except Refused as refused:
                form.add_error(refused.field or None, str(refused))
            else:
                messages.success(request, f"The group {made.name} is made.")
                return redirect("group", made.pk)
    context = {"program": program, "pages": query.pages(program, now=clock.now()), "form": form}
    return render(request, "console/groups.html", context)


def _named(group_id: int) -> Group:
    group = query.named(group_id)
    if group is None:
        raise Http404("There is no group with this number.")
    return group


def _whole(request: HttpRequest, group: Group, **forms: Any) -> HttpResponse:
    now = clock.now()
    page = query.page(group, now=now, after=number(request.GET.get("after", "")))
    kinds = sorted({*query.outdoor_types(group.program), *group.outdoor_types})
    first = {field: getattr(group, field) for field in ("name", *RULE_FIELDS)}
    first |= {"rule_since": group.since, "rule_until": group.until}
    context = {
        "page": page,
        "group": group,
        "program": group.program,
        "today": query.today_in(group.program, now),
        "is_first_page": not request.GET.get("after"),
        "form": GroupForm(kinds=kinds, initial=first),
        "members": MembersForm(initial={"since": query.today_in(group.program, now)}),
    }
    return render(request, "console/group.html", context | forms)


@console_page
def group(request: HttpRequest, group_id: int) -> HttpResponse:
    return _whole(request, _named(group_id))


@operator_act
@require_POST
def group_change(request: HttpRequest, group_id: int) -> HttpResponse:
    """``seen``, its version, travels with the form."""
    found = _named(group_id)
    kinds = sorted({*query.outdoor_types(found.program), *found.outdoor_types})
    form = GroupForm(request.POST, kinds=kinds)
    if form.is_valid():
        try:
            operations.change_group(
                group_id=group_id,
                seen=number(request.POST.get("seen", "")),
                **form.wish(),
                actor=actor_of(request),
                now=clock.now(),
            )
        except Refused as refused:
            form.add_error(refused.field or None, str(refused))
        else:
            messages.success(request, "The group is changed. Planned events keep their homes.")
            return redirect("group", group_id)
    return _whole(request, found, form=form)


@operator_act
@require_POST
def group_add(request: HttpRequest, group_id: int) -> HttpResponse:
    found = _named(group_id)
    form = MembersForm(request.POST)
    if form.is_valid():
        try:
            count = operations.add_members(
                group=found, **form.cleaned_data, actor=actor_of(request), now=clock.now()
            )
        except Refused as refused:
            form.add_error(refused.field or None, str(refused))
        else:
            messages.success(request, f"Systems in the group by hand now: {count} more or renewed.")
            return redirect("group", group_id)
    return _whole(request, found, members=form)


@operator_act
@require_POST
def group_remove(request: HttpRequest, group_id: int, system_id: int) -> HttpResponse:
    """Out of the group from today on."""
    found = _named(group_id)
    ended = operations.end_membership(
        group=found, system_id=system_id, actor=actor_of(request), now=clock.now()
    )
    if ended:
        messages.success(request, "It is out of the group from today on.")
    return redirect("group", group_id)


@operator_act
@require_POST
def group_retire(request: HttpRequest, group_id: int) -> HttpResponse:
    found = _named(group_id)
    if operations.retire_group(group_id=group_id, actor=actor_of(request), now=clock.now()):
        messages.success(request, f"{found.name} is offered for no new event.")
    return redirect("groups", found.program.slug)
