"""What people type: ``designer`` for an event, ``program`` for what a program promises."""

from dr_events.forms.designer import EventForm, suggestion
from dr_events.forms.program import CreditForm, ProgramForm

__all__ = ["CreditForm", "EventForm", "ProgramForm", "suggestion"]
