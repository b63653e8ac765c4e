"""Choices that carry the colour of their badge beside the label, so every page agrees."""

from typing import Any, Self

from django.db import models


class ColoredChoices(models.TextChoices):
    """Members are written ``NAME = "VALUE", "color", "Label"``.

    Colors are the palette names of the style sheet: green, red, yellow, blue, azure, secondary.
    The word is always shown beside the color: color alone says nothing to many people.
    """

    color: str

    def __new__(cls, value: str, color: str = "secondary") -> Self:
        member: Any = str.__new__(cls, value)
        member._value_ = value
        member.color = color
        return member
