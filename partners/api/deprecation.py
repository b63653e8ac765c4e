"""How the API says that something will go: by headers, to those who still use it."""

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpResponseBase
from django.utils.http import http_date


@dataclass(frozen=True, slots=True)
class Deprecated:
    """Something that will be taken away: said since when, and gone when (UTC). Headers by RFC 9745
    and RFC 8594; ``more`` is where it is explained."""

    since: datetime
    sunset: datetime
    more: str = "/api/v1/reference/"

    def tell(self, response: HttpResponseBase) -> None:
        response["Deprecation"] = f"@{int(self.since.timestamp())}"
        response["Sunset"] = http_date(self.sunset.timestamp())
        response["Link"] = f'<{self.more}>; rel="deprecation"; type="text/html"'
