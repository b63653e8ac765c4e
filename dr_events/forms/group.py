"""Groups as people type them."""

from collections.abc import Sequence
from typing import Any

from django import forms

from base.typed import describe, listed
from enrollments.models import RULE_FIELDS


class Words(forms.CharField):
    """Values separated by commas, each of at most ``longest`` letters; ``cleaned`` is a list, each
    once."""

    def __init__(self, *, label: str, help_text: str, longest: int = 60) -> None:
        super().__init__(label=label, help_text=help_text, required=False)
        self.longest = longest

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        words = listed((value or "").replace("\0", ""))
        for word in words:
            if len(word) > self.longest:
                raise forms.ValidationError(
                    f"{word[: self.longest]}… is too long for one. Separate them by commas."
                )
        return words


class GroupForm(forms.Form):
    """A group's name and rule."""

    name = forms.CharField(label="Name", max_length=60)
    postal_codes = Words(
        label="By postal code", help_text="Separated by commas. Empty: any.", longest=20
    )
    feeders = Words(label="By feeder", help_text="As in the customer list. Empty: any.")
    substations = Words(label="By substation", help_text="As in the customer list. Empty: any.")
    outdoor_types = forms.MultipleChoiceField(
        label="By outdoor unit",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None chosen: any.",
    )
    rule_since = forms.DateField(
        label="The rule holds from",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="Empty: it holds already.",
    )
    rule_until = forms.DateField(
        label="The rule holds until",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="The last day. Empty: until it is changed.",
    )

    def __init__(self, *args: Any, kinds: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["outdoor_types"].choices = [(kind, kind) for kind in kinds]  # type: ignore[attr-defined]
        describe(self)

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())

    def wish(self) -> dict[str, Any]:
        """What operations.make_group takes. Only after ``is_valid``."""
        rule = {field: self.cleaned_data[field] for field in RULE_FIELDS}
        days = {name: self.cleaned_data[f"rule_{name}"] for name in ("since", "until")}
        return {"name": self.cleaned_data["name"], "rule": rule} | days


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
