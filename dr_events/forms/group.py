"""Groups as people type them."""

from collections.abc import Sequence
from typing import Any

from django import forms


class GroupForm(forms.Form):
    """A group's name and rule. ``cleaned_data`` is what operations.make_group takes."""

    name = forms.CharField(label="Name", max_length=60)
    postal_codes = forms.CharField(
        label="By postal code",
        required=False,
        help_text="Separated by commas. Empty: any.",
    )
    outdoor_types = forms.MultipleChoiceField(
        label="By outdoor unit",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None chosen: any.",
    )

    def __init__(self, *args: Any, kinds: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["outdoor_types"].choices = [(kind, kind) for kind in kinds]  # type: ignore[attr-defined]
        describe(self)

    def clean_postal_codes(self) -> list[str]:
        codes = self.cleaned_data["postal_codes"].replace(";", ",").split(",")
        return list(dict.fromkeys(code.strip() for code in codes if code.strip()))

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())


class MembersForm(forms.Form):
    """Systems put into a group by hand, and for how long."""

    serials = forms.CharField(
        label="Serials",
        widget=forms.Textarea(attrs={"rows": 4, "class": "mono"}),
        help_text="One a line, or separated by commas.",
    )
    since = forms.DateField(
        label="From", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    until = forms.DateField(
        label="Until",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="The last day. Empty: until somebody ends it.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        describe(self)

    def clean_serials(self) -> list[str]:
        return self.cleaned_data["serials"].replace(",", " ").upper().split()


def describe(form: forms.Form) -> None:
    """Point each control at its errors and its hint."""
    for name, field in form.fields.items():
        hint = f" hint-{name}" if field.help_text else ""
        field.widget.attrs["aria-describedby"] = f"error-{name}{hint}"
