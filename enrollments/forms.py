"""What people type on the way into a program, and what the utility decides about them."""

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from django import forms
from django.http import QueryDict

from base.typed import describe
from enrollments.models import Question
from enrollments.operations import Choice, Wording
from people.forms import RefusableForm


class AgreeForm(forms.Form):
    """Agreement to the text that was shown; ``version`` says which one that was."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    agree = forms.BooleanField(
        label="I have read these terms and agree to them.",
        error_messages={"required": "Tick the box to say that you agree, or leave the page."},
    )


class AccountForm(forms.Form):
    """The utility account, as it is on a bill."""

    account = forms.CharField(
        label="Account number",
        max_length=60,
        help_text="On your bill, at the top. Blanks and dashes do not matter.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
        error_messages={"required": "Type the account number that is on your bill."},
    )
    postal = forms.CharField(
        label="Postal code of the home",
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "postal-code"}),
        error_messages={"required": "Type the postal code of the home."},
    )


class UploadForm(forms.Form):
    """A list of customers."""

    file = forms.FileField(
        label="Choose a CSV file",
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
        error_messages={"required": "Choose a file.", "empty": "The file is empty."},
    )


class DecisionForm(forms.Form):
    """What is decided about the applications that were ticked. For each of them ``seen-<id>`` says
    how it was shown, and ``customer-<id>`` which customer was chosen."""

    act = forms.ChoiceField(choices=[("approve", ""), ("reject", ""), ("ask", "")])
    reason = forms.CharField(required=False, max_length=1000, strip=True)

    def ticked(self) -> list[str]:
        return list(cast(QueryDict, self.data).getlist("application"))

    def choices(self) -> list[Choice]:
        """The applications that were ticked; ids that are no numbers were never on the page."""
        return [
            Choice(int(text), self.data.get(f"seen-{text}", ""), self._customer(text))
            for text in self.ticked()
            if _is_id(text)
        ]

    def picked(self) -> set[str]:
        """``<application>-<customer>`` for every customer that was chosen, ticked or not."""
        names = [name for name in self.data if name.startswith("customer-")]
        return {f"{name.removeprefix('customer-')}-{self.data[name]}" for name in names}

    def _customer(self, application: str) -> int | None:
        text = self.data.get(f"customer-{application}", "")
        return int(text) if _is_id(text) else None


def _is_id(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9]{1,18}", text))


class Ids(forms.Field):
    """Several row ids; whose they are is the operation's question."""

    widget = forms.SelectMultiple

    def to_python(self, value: Any) -> list[int]:
        texts = [str(text) for text in value or []]
        if not all(_is_id(text) for text in texts):
            raise forms.ValidationError("One of these systems is not connected to your account.")
        return [int(text) for text in texts]


class ChooseForm(forms.Form):
    system = Ids(error_messages={"required": "Choose at least one system."})


class AnswerForm(forms.Form):
    """Yes or no to each question; a field is named after the question's id."""

    def __init__(self, questions: Sequence[Question], data: Any = None) -> None:
        super().__init__(data)
        for question in questions:
            self.fields[f"question-{question.pk}"] = forms.TypedChoiceField(
                choices=[("yes", "Yes"), ("no", "No")],
                coerce=lambda value: value == "yes",
                error_messages={
                    "required": "Answer yes or no.",
                    "invalid_choice": "Answer yes or no.",
                },
            )

    def said(self) -> dict[int, bool]:
        """Question id -> yes, once the form is valid."""
        return {int(name.split("-")[1]): yes for name, yes in self.cleaned_data.items()}


class _Day(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class PauseForm(RefusableForm):
    """From which day and until which one, both with all their hours, by the clock of ``zone``."""

    since = forms.DateField(
        label="From", required=False, widget=_Day(), help_text="Empty: at once."
    )
    until = forms.DateField(
        label="Until the end of",
        required=False,
        widget=_Day(),
        help_text="Empty: until you resume it.",
    )

    def __init__(self, *args: Any, zone: str, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._zone = ZoneInfo(zone)
        self._today = now.astimezone(self._zone).date()

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        since, until = given.get("since"), given.get("until")
        if since and since < self._today:
            self.add_error("since", "This day is over. Leave it empty to pause at once.")
        elif until and until < (since or self._today):
            words = "This day is before the first one." if since else "This day is over."
            self.add_error("until", words)
        elif until == date.max:  # no day follows on which the pause could end
            self.add_error("until", "A pause ends within a year.")
        return given

    def moments(self) -> tuple[datetime | None, datetime | None]:
        """``since`` and ``until`` as ``operations.pause`` takes them, once the form is valid."""
        since, until = self.cleaned_data["since"], self.cleaned_data["until"]
        return (
            self._midnight(since) if since else None,
            self._midnight(until + timedelta(days=1)) if until else None,
        )

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self._zone)


class ServicePauseForm(PauseForm):
    """The same, asked for by the homeowner and done by the utility."""

    why = forms.CharField(
        label="Why",
        max_length=300,
        help_text="What the homeowner asked for. It is kept in the activity log.",
        error_messages={"required": "Say why; it is kept in the activity log."},
    )


class QuestionForm(RefusableForm):
    """A question of a program. ``key`` and ``after`` name the version that was shown."""

    key = forms.SlugField(required=False, widget=forms.HiddenInput)
    after = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)
    text = forms.CharField(
        label="The question, to be answered with yes or no",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    fitting = forms.ChoiceField(
        label="The answer a home needs to join",
        choices=[("yes", "Yes"), ("no", "No"), ("", "Either, it is for the record only")],
        required=False,
    )
    remedy = forms.CharField(
        label="What who answers otherwise reads",
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Why it does not fit, and what the home can do.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        describe(self)

    def wording(self) -> Wording:
        """Only after ``is_valid``."""
        given = self.cleaned_data
        return Wording(
            given["text"], {"yes": True, "no": False}.get(given["fitting"]), given["remedy"]
        )
