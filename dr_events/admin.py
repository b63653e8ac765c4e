"""The admin looks; it changes nothing. Whatever changes an event goes through an operation."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from dr_events.models import Control, Dispatch, Event, OptOut


class ReadOnly(admin.ModelAdmin):
    show_full_result_count = False  # counting millions of rows for a page title helps nobody

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Event)
class EventAdmin(ReadOnly):
    list_display = ("name", "program", "state", "starts_at", "ends_at", "created_by")
    list_filter = ("state", "program")
    search_fields = ("name", "wire_id")
    list_select_related = ("program",)
    exclude = ("message",)


@admin.register(Dispatch)
class DispatchAdmin(ReadOnly):
    list_display = ("id", "event", "system", "delivery", "participation", "reason", "http_status")
    list_select_related = ("event", "system")
    search_fields = ("system__serial",)
    ordering = ("-id",)


@admin.register(OptOut)
class OptOutAdmin(ReadOnly):
    list_display = ("id", "dispatch", "at", "via", "actor", "in_time")
    list_select_related = ("dispatch",)
    ordering = ("-id",)


@admin.register(Control)
class ControlAdmin(ReadOnly):
    """Pressed and released in the console, never deleted here."""

    list_display = ("id", "stopped", "stopped_at", "stopped_by", "why")
