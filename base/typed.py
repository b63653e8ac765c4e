"""What people type, and what stands in addresses: numbers, lists, controls that say what is off."""

from django import forms


def number(text: str) -> int:
    """A number from an address or a hidden field; 0 for anything else, and for more digits than a
    row's number can have."""
    return int(text) if text.isdecimal() and len(text) < 18 else 0


def listed(text: str) -> list[str]:
    """Values separated by commas or semicolons, each once, in their order."""
    words = text.replace(";", ",").split(",")
    return list(dict.fromkeys(word.strip() for word in words if word.strip()))


def describe(form: forms.BaseForm) -> None:
    """Point each control at its errors and its hint. The slot of the errors is always on the page:
    a live preview fills it."""
    for name, field in form.fields.items():
        hint = f" hint-{name}" if field.help_text else ""
        field.widget.attrs["aria-describedby"] = f"error-{name}{hint}"
