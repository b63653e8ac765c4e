"""Forms about people and for the activity log."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password

from base.refusal import Refused
from base.typed import likely
from people.models import User
from people.queries.audit import Wanted
from people.states import ROLE_SENTENCES

ROLES = [(str(role), role.label) for role in ROLE_SENTENCES]


class RefusableForm(forms.Form):
    def refuse(self, no: Refused) -> None:
        """Show a refusal next to its field, or above the form."""
        self.add_error(no.field if no.field in self.fields else None, str(no))


class InvitationForm(RefusableForm):
    email = forms.EmailField(label="Email")
    role = forms.ChoiceField(label="Role", choices=ROLES)


class RoleForm(RefusableForm):
    role = forms.ChoiceField(label="Role", choices=ROLES)


class AccountForm(RefusableForm):
    """What somebody who was invited fills in."""

    first_name = forms.CharField(label="First name", max_length=150)
    last_name = forms.CharField(label="Last name", max_length=150)
    password = forms.CharField(
        label="Password",
        strip=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 10 characters; a short sentence is good.",
    )

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._email = email

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if password := given.get("password"):
            somebody = User(
                email=self._email,
                first_name=given.get("first_name", ""),
                last_name=given.get("last_name", ""),
            )
            try:
                validate_password(password, somebody)
            except forms.ValidationError as error:
                self.add_error("password", error)
        return given


class _Day(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class AuditForm(forms.Form):
    """What to look for in the activity log; every field may be left empty. Days are those of the
    utility's own zone."""

    who = forms.CharField(label="Who", required=False, max_length=120)
    verb = forms.ChoiceField(label="Did what", required=False)
    subject = forms.CharField(
        label="To what", required=False, max_length=120, help_text="For example event:12."
    )
    since = forms.DateField(label="From", required=False, widget=_Day(), validators=[likely])
    until = forms.DateField(label="To", required=False, widget=_Day(), validators=[likely])

    def __init__(self, *args: Any, verbs: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        words = [(verb, verb.replace("-", " ")) for verb in verbs]
        self.fields["verb"].choices = [("", "Anything"), *words]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        since, until = given.get("since"), given.get("until")
        if since and until and since > until:
            self.add_error("until", "This day is before the first one.")
        return given

    def wanted(self) -> Wanted:
        given = self.cleaned_data
        since, until = given.get("since"), given.get("until")
        return Wanted(
            who=given.get("who", "").strip(),
            verb=given.get("verb", ""),
            subject=given.get("subject", "").strip(),
            since=_midnight(since) if since else None,
            until=_midnight(until + timedelta(days=1)) if until else None,
        )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(settings.UTILITY_TIME_ZONE))
