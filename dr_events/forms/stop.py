"""The emergency stop, as somebody in a hurry fills it in."""

from typing import Any

from django import forms

from base.typed import describe

WORD = "STOP"


class StopForm(forms.Form):
    """A word must be typed: a slip of the hand stops no season. Why it is this word and no name:
    docs/decisions/0007-typed-guards.md."""

    why = forms.CharField(
        label="Why",
        max_length=200,
        error_messages={"required": "Say why, others will ask."},
    )
    confirm = forms.CharField(
        label=f"Type {WORD} to confirm",
        required=False,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "autocapitalize": "characters",
                "required": True,
                "pattern": " *[Ss][Tt][Oo][Pp] *",
                "title": WORD,
            }
        ),
    )
    cancel_events = forms.BooleanField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        describe(self)

    def clean_confirm(self) -> str:
        if self.cleaned_data["confirm"].upper() != WORD:
            raise forms.ValidationError(f"Nothing was stopped: type {WORD} to confirm.")
        return WORD
