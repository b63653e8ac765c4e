"""What people type, and what stands in addresses: numbers, lists, days, controls that say what is
off."""

from datetime import date

from django import forms

# No program has events before or after; a year beyond is a slip of the hand, and calendars end.
_YEARS = range(2000, 2200)


def number(text: str) -> int:
    """A number from an address or a hidden field; 0 for anything else, and for more digits than a
    row's number can have."""
    return int(text) if text.isdecimal() and len(text) < 18 else 0


def listed(text: str) -> list[str]:
    """Values separated by commas or semicolons, each once, in their order."""
    words = text.replace(";", ",").split(",")
    return list(dict.fromkeys(word.strip() for word in words if word.strip()))


def likely(day: date) -> None:
    """For the ``validators`` of a field: refuses a day that can only be mistyped."""
    if day.year not in _YEARS:
        raise forms.ValidationError(f"Is the year {day:%Y} right? Write one from 2000 to 2199.")


def describe(form: forms.BaseForm) -> None:
    """Point each control at its errors and its hint. The slot of the errors is always on the page:
    a live preview fills it."""
    for name, field in form.fields.items():
        hint = f" hint-{name}" if field.help_text else ""
        field.widget.attrs["aria-describedby"] = f"error-{name}{hint}"
