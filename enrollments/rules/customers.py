"""The utility's list of customers: a table in CSV, read line by line, each line right or not."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from base.refusal import Refused
from enrollments.rules.matching import ACCOUNT, normal_account, normal_postal

MAX_MB = 50
MAX_BYTES = MAX_MB * 2**20


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """One customer as the list has it, tidied: account and postal code normalised, no blanks
    around anything. The fields are those of the table, in this order."""

    account: str
    name: str
    email: str
    street: str
    city: str
    postal_code: str
    feeder: str
    substation: str


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one line of the file; the first line, the header, is line 1."""

    line: int
    column: str
    sentence: str


NAMES = tuple(field.name for field in fields(CustomerRow))
NEEDED = ("account", "name", "street", "city", "postal_code")
LONGEST = {
    "account": 32,
    "name": 120,
    "email": 254,
    "street": 200,
    "city": 120,
    "postal_code": 12,
    "feeder": 60,
    "substation": 60,
}
# How else the columns are called in the exports of billing systems.
ALSO = {
    "account_number": "account",
    "account_no": "account",
    "e_mail": "email",
    "email_address": "email",
    "address": "street",
    "street_address": "street",
    "service_address": "street",
    "postal": "postal_code",
    "zip": "postal_code",
    "zip_code": "postal_code",
}


def read_customers(lines: Iterable[str]) -> Iterator[CustomerRow | Fault]:
    """Each line of the table: a customer, or the first thing that is wrong with it.

    ``lines`` are decoded, with their line ends. Raises Refused, with a sentence, when this is no
    such table at all: empty, a column missing, no text.
    """
    table = csv.reader(lines)
    try:
        places = _places(next(table, []))
        is_empty = True
        seen: dict[str, int] = {}
        for cells in table:
            if not any(cells):
                continue
            is_empty = False
            yield _line(cells, places, table.line_num, seen)
    except UnicodeDecodeError:
        raise Refused(
            "This is not a text file in UTF-8. Save the table as CSV UTF-8, then choose it again.",
            code="not-utf-8",
        ) from None
    except csv.Error:
        raise Refused(
            f"Line {table.line_num} is not CSV: it cannot be split into columns.", code="not-csv"
        ) from None
    if is_empty:
        raise Refused("The file has a header and no customer.", code="empty")


def _places(header: list[str]) -> dict[str, int]:
    """Column name -> its place in a line."""
    if not any(cell.strip() for cell in header):
        raise Refused("The file is empty.", code="empty")
    if len(header) == 1 and ";" in header[0]:
        raise Refused(
            "The columns are separated by semicolons. Save the table with commas.", code="not-csv"
        )
    names = [_name(cell) for cell in header]
    if missing := [name for name in NEEDED if name not in names]:
        raise Refused(
            f"The first line has no column {', '.join(missing)}. It must name: "
            f"{', '.join(NEEDED)}; and may name: email, feeder, substation.",
            code="columns",
        )
    if twice := sorted({name for name in names if name in NAMES and names.count(name) > 1}):
        raise Refused(f"The column {', '.join(twice)} is there twice.", code="columns")
    return {name: names.index(name) for name in NAMES if name in names}


def _name(cell: str) -> str:
    name = "_".join(cell.strip().lower().replace("-", " ").replace("_", " ").split())
    return ALSO.get(name, name)


def _line(
    cells: list[str], places: dict[str, int], line: int, seen: dict[str, int]
) -> CustomerRow | Fault:
    if len(cells) <= max(places.values()):
        return Fault(line, "", f"The line has {len(cells)} columns, fewer than the first line.")
    values = dict.fromkeys(NAMES, "")
    for name, place in places.items():
        values[name] = cells[place].strip()
    values["account"] = normal_account(values["account"])
    values["postal_code"] = normal_postal(values["postal_code"])
    values["email"] = values["email"].lower()
    row = CustomerRow(**values)
    return _fault(row, line, seen) or row


def _fault(row: CustomerRow, line: int, seen: dict[str, int]) -> Fault | None:
    for name, value in zip(NAMES, astuple(row), strict=True):
        if not value and name in NEEDED:
            return Fault(line, name, "This must not be empty.")
        if len(value) > LONGEST[name]:
            return Fault(line, name, f"This is longer than {LONGEST[name]} characters.")
        if not value.isprintable():
            return Fault(line, name, "This has a character that cannot be shown.")
    if not ACCOUNT.fullmatch(row.account):
        return Fault(line, "account", "An account number has 4 to 32 digits or letters.")
    if row.email and not _is_email(row.email):
        return Fault(line, "email", "This is no e-mail address.")
    if row.account in seen:
        return Fault(line, "account", f"The same account is in line {seen[row.account]}.")
    seen[row.account] = line
    return None


def _is_email(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True
