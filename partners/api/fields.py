"""Fields that take exactly what the documentation says: no numbers in quotes, no naive times."""

import re
from datetime import UTC, datetime
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from partners.queries.documents import utc

# RFC 3339. Python alone would also take week dates, missing seconds and other shapes.
MOMENT = re.compile(
    r"(?P<local>\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?)(?P<offset>[Zz]|[+-]\d\d:\d\d)?",
    re.ASCII,
)


class Text(serializers.CharField):
    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Whole(serializers.IntegerField):
    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Typed(serializers.IntegerField):
    """A whole number in an address: digits as they are on every keyboard, nothing around them."""

    def to_internal_value(self, data: Any) -> int:
        if not re.fullmatch(r"-?[0-9]+", data):
            self.fail("invalid")
        return super().to_internal_value(data)


class Flag(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


@extend_schema_field({"type": "number"})
class Number(serializers.DecimalField):
    """A JSON number with the digits the database keeps."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        return super().to_internal_value(data)


@extend_schema_field(OpenApiTypes.DATETIME)
class Moment(serializers.Field):
    """An RFC 3339 time with its offset; inside the product it is aware UTC."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "invalid": "Write a time as 2026-07-14T15:00:00-05:00 (in an address, + is %2B).",
        "no-offset": "Say which time zone is meant: end the time with Z or an offset as -05:00.",
        "out-of-range": "The year must lie between 2000 and 2100.",
    }

    def to_internal_value(self, data: Any) -> datetime:
        found = MOMENT.fullmatch(data) if isinstance(data, str) else None
        if found is None:
            self.fail("invalid")
        if not found["offset"]:
            self.fail("no-offset")
        try:
            moment = datetime.fromisoformat(data.upper())
        except ValueError:  # the 30th of February
            self.fail("invalid")
        if not 2000 <= moment.year <= 2100:
            self.fail("out-of-range")
        return moment.astimezone(UTC)

    def to_representation(self, value: datetime) -> str | None:
        return utc(value)
