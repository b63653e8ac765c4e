"""A list of customers is read line by line: each is right, or the first thing wrong is named."""

import io
from collections.abc import Iterator

import pytest

from base.refusal import Refused
from enrollments.rules.customers import CustomerRow, Fault, read_customers

HEAD = "account,name,email,street,city,postal_code,feeder,substation\n"
HANNA = "4100-7322 81,Hanna Home,Hanna@Home.example,1 Elm St,Springfield,62701-4455,F12,North\n"
TIDY = CustomerRow(
    "4100732281", "Hanna Home", "hanna@home.example", "1 Elm St", "Springfield", "62701", "F12",
    "North",
)  # fmt: skip


def read(text: str) -> list[CustomerRow | Fault]:
    return list(read_customers(io.StringIO(text, newline="")))


def fault(line: str) -> Fault:
    (found,) = read(HEAD + line)
    assert isinstance(found, Fault)
    return found


def test_a_line_is_tidied() -> None:
    assert read(HEAD + HANNA) == [TIDY]


@pytest.mark.parametrize(
    ("header", "line"),
    [
        (
            "Account Number,NAME,E-mail,Service Address,City,ZIP,Feeder,Substation\r\n",
            HANNA.replace("\n", "\r\n"),
        ),
        (
            "zip,city,street,name,note,account_no,email,feeder,substation\n",
            '62701,Springfield,1 Elm St,"Hanna Home",x,4100732281,hanna@home.example,F12,North\n',
        ),
    ],
)
def test_columns_go_by_their_names(header: str, line: str) -> None:
    assert read(header + line) == [TIDY]


def test_what_may_be_missing_is_empty() -> None:
    text = "account,name,street,city,postal_code\n4100732281,Hanna Home,1 Elm St,Springfield,62701"
    assert read(text) == [
        CustomerRow("4100732281", "Hanna Home", "", "1 Elm St", "Springfield", "62701", "", "")
    ]


def test_blank_lines_are_no_customers_and_quotes_may_span_lines() -> None:
    street = '"1 Elm St, rear"'
    text = HEAD + "\n,,,,,,,\n" + HANNA.replace("1 Elm St", street)
    (one,) = read(text)
    assert isinstance(one, CustomerRow)
    assert one.street == "1 Elm St, rear"


@pytest.mark.parametrize(
    ("line", "column", "sentence"),
    [
        (HANNA.replace("4100-7322 81", ""), "account", "This must not be empty."),
        (
            HANNA.replace("4100-7322 81", "12"),
            "account",
            "An account number has 4 to 32 digits or letters.",
        ),
        (
            HANNA.replace("4100-7322 81", "=1+1+1"),
            "account",
            "An account number has 4 to 32 digits or letters.",
        ),
        (HANNA.replace("62701-4455", " "), "postal_code", "This must not be empty."),
        (HANNA.replace("Hanna@", "Hanna "), "email", "This is no e-mail address."),
        (HANNA.replace("F12", "F" * 61), "feeder", "This is longer than 60 characters."),
        (
            HANNA.replace("Hanna Home", "Hanna\x00Home"),
            "name",
            "This has a character that cannot be shown.",
        ),
        ("4100732281,Hanna Home\n", "", "The line has 2 columns, fewer than the first line."),
    ],
)
def test_the_first_thing_wrong_is_named(line: str, column: str, sentence: str) -> None:
    assert fault(line) == Fault(2, column, sentence)


def test_an_account_twice_names_both_lines() -> None:
    assert read(HEAD + HANNA + HANNA.replace("-", "")) == [
        TIDY,
        Fault(3, "account", "The same account is in line 2."),
    ]


@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        ("", "empty", "The file is empty."),
        ("\n", "empty", "The file is empty."),
        (HEAD, "empty", "The file has a header and no customer."),
        (HEAD.replace(",", ";"), "not-csv", "separated by semicolons"),
        (HEAD.replace("city,", ""), "columns", "The first line has no column city."),
        (HEAD.replace("feeder", "zip"), "columns", "The column postal_code is there twice."),
        (HEAD + "x" * 200_000, "not-csv", "Line 2 is not CSV"),
    ],
)
def test_what_is_no_list_is_refused(text: str, code: str, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence) as refused:
        read(text)
    assert refused.value.code == code


def test_what_is_no_utf_8_is_refused() -> None:
    def lines() -> Iterator[str]:
        yield HEAD
        yield HANNA.replace("Hanna", "Hänna").encode("latin-1").decode("utf-8")

    with pytest.raises(Refused, match="CSV UTF-8") as refused:
        list(read_customers(lines()))
    assert refused.value.code == "not-utf-8"
