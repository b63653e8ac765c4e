"""What people type: ``designer`` for an event, ``program`` for what a program promises, ``group``
for whom an event can be for, ``stop`` to stop everything."""

from dr_events.forms.designer import EventForm, suggestion
from dr_events.forms.group import GroupForm, MembersForm
from dr_events.forms.program import CreditForm, ProgramForm
from dr_events.forms.stop import StopForm

__all__ = [
    "CreditForm",
    "EventForm",
    "GroupForm",
    "MembersForm",
    "ProgramForm",
    "StopForm",
    "suggestion",
]
