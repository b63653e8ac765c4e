"""Tables for a spreadsheet, sent line by line and without a cell that does something."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from django.http import StreamingHttpResponse

# A spreadsheet would run a cell that begins with one of these; some read the wide ones alike.
_ACTIVE = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


class _Echo:
    """A file that hands each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def defused(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_ACTIVE) else cell


def utc_cell(moment: datetime | None) -> str:
    """A moment as ISO 8601 in UTC, to the second; empty when unknown."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if moment else ""


def csv_response(
    filename: str, header: Sequence[str], rows: Iterable[Sequence[object]]
) -> StreamingHttpResponse:
    """The rows as a download, written while they are read."""

    def lines() -> Iterator[str]:
        write = csv.writer(_Echo()).writerow
        yield write(header)
        for row in rows:
            yield write([defused(cell) for cell in row])

    response = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response
