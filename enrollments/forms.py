"""What people type on the way into a program."""

import re
from collections.abc import Sequence
from typing import Any

from django import forms

from enrollments.models import Question


class AgreeForm(forms.Form):
    """Agreement to the text that was shown; ``version`` says which one that was."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    agree = forms.BooleanField(
        label="I have read these terms and agree to them.",
        error_messages={"required": "Tick the box to say that you agree, or leave the page."},
    )


class Ids(forms.Field):
    """Several row ids; whose they are is the operation's question."""

    widget = forms.SelectMultiple

    def to_python(self, value: Any) -> list[int]:
        texts = [str(text) for text in value or []]
        if not all(re.fullmatch(r"[0-9]{1,18}", text) for text in texts):
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
