"""Templates: designs of events under a name, to start from on another day."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from base.refusal import Refused
from dr_events.models import Template
from enrollments.models import Program
from people.operations import Actor, for_operators, record


@transaction.atomic
def keep_template(
    *, program: Program, name: str, values: Mapping[str, Any], actor: Actor, now: datetime
) -> Template:
    """Keep a design; ``values`` are those of the designer's form. Kept twice it is one template.

    Raises Refused when the program has another design of that name: a template that others start
    from is not replaced behind their back.
    """
    for_operators(actor, "keep templates")
    # One at a time for each program, or two would both find the name free.
    Program.objects.select_for_update(no_key=True).get(id=program.pk)
    known: Template | None = Template.objects.filter(program=program, name=name).first()
    if known and known.values == dict(values):
        return known
    if known:
        raise Refused(
            f"{program.name} has another template of this name. Choose another name, or delete "
            "that one first.",
            field="name",
            code="name-taken",
        )
    kept: Template = Template.objects.create(
        program=program, name=name, values=dict(values), kept_by=actor.name, kept_at=now
    )
    record(
        actor=actor, verb="keep-template", subject=f"template:{kept.pk}", now=now, name=name,
        program=program.slug, values=dict(values),
    )  # fmt: skip
    return kept


@transaction.atomic
def drop_template(*, template_id: int, actor: Actor, now: datetime) -> str:
    """Delete it; its name, empty when it was gone. Events that were made from it stay."""
    for_operators(actor, "delete templates")
    found = Template.objects.select_for_update().filter(id=template_id).first()
    if found is None:
        return ""
    record(
        actor=actor, verb="drop-template", subject=f"template:{template_id}", now=now,
        name=found.name, program=found.program.slug, values=found.values,
    )  # fmt: skip
    found.delete()
    return str(found.name)
