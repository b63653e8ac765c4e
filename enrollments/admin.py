"""The back office: looking only. Rows change through operations, so that each change is recorded;
the things made here are new versions of a program's terms and of its questions."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from enrollments.models import (
    Application,
    CarrierGrant,
    Consent,
    Enrollment,
    Notice,
    Program,
    Question,
    System,
    Terms,
)


class LookOnly(admin.ModelAdmin):
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Program)
class ProgramAdmin(LookOnly):
    list_display = ("name", "time_zone", "season_from", "season_to", "is_open")


@admin.register(Terms)
class TermsAdmin(LookOnly):
    list_display = ("program", "version", "published_at")
    list_select_related = ("program",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("enrollments.add_terms")


@admin.register(Question)
class QuestionAdmin(LookOnly):
    list_display = ("program", "key", "version", "position", "text", "fitting", "is_asked")
    list_select_related = ("program",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("enrollments.add_question")


@admin.register(Notice)
class NoticeAdmin(LookOnly):
    """What was mailed to whom and when."""

    list_display = ("user", "kind", "subject", "state", "sent_to", "sent_at", "tries", "trouble")
    list_select_related = ("user",)
    list_filter = ("state", "kind")
    search_fields = ("sent_to", "subject")


@admin.register(System)
class SystemAdmin(LookOnly):
    list_display = ("serial", "name", "brand", "is_online", "dr_enabled", "read_at")
    search_fields = ("serial", "name")


@admin.register(Enrollment)
class EnrollmentAdmin(LookOnly):
    list_display = ("system", "program", "state", "enrolled_at", "changed_at")
    list_select_related = ("system", "program")
    list_filter = ("state", "program")


@admin.register(Application)
class ApplicationAdmin(LookOnly):
    """Who applied, and where it stands. Decided at /console/applications/."""

    list_display = ("user", "program", "state", "who", "why", "applied_at", "changed_at")
    list_select_related = ("user", "program")
    list_filter = ("state", "who", "program")


@admin.register(Consent)
class ConsentAdmin(LookOnly):
    list_display = ("user", "terms", "act", "at", "address", "system")
    list_select_related = ("user", "terms", "system")


@admin.register(CarrierGrant)
class CarrierGrantAdmin(LookOnly):
    """Named fields only: a token column must never be shown because somebody added one."""

    list_display = ("id", "user", "state", "access_expires_at", "synced_at")
    list_select_related = ("user",)
    fields = (
        "user",
        "carrier_username",
        "state",
        "scopes",
        "linked_at",
        "access_expires_at",
        "refresh_not_before",
        "sync_due_at",
        "synced_at",
        "reading_asked_at",
        "sync_trouble",
        "sync_failures",
        "held_elsewhere",
    )
