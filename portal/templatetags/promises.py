"""What a page of one floor shows of a floor above it."""

from django import template

from dr_events.queries import programs
from enrollments.models import Program

register = template.Library()


@register.simple_tag
def credit_words(program: Program) -> str:
    """How the program thanks its homes, as one sentence; empty when it has no rule."""
    return programs.credit_words(program)
