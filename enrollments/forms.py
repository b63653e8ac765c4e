"""What people type on the way into a program, and what the utility decides about them."""

import re
from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.http import QueryDict

from enrollments.models import Question
from enrollments.operations import Choice


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
