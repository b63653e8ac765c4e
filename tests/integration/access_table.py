"""access_matrix.txt: what each actor gets for each route and method."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.integration.access_routes import every_route, methods_of
from tests.integration.access_rules import ACTORS, Row

TABLE = Path(__file__).with_name("access_matrix.txt")
HEAD = f"""\
# {"method":12}{"route":90}{" ".join(f"{name:8}" for name in ACTORS)}
# home-a owns the home in the addresses, home-b is another homeowner; partner was granted the
# program, other-p was granted none, reader was granted the program and may only read, practice is a
# practice client. PUT stands for every other method.
"""


def lines() -> Iterator[tuple[str, str, Row]]:
    """Method, route and what each actor gets, as often as they are written there."""
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            methods, route, *row = line.split()
            for method in methods.split(","):
                yield method, route.removeprefix("/"), tuple(row)


def read_table() -> dict[tuple[str, str], Row]:
    return {(method, route): row for method, route, row in lines()}


def write_table(seen: dict[tuple[str, str], Row]) -> None:
    written = []
    for route in every_route():
        rows: dict[Row, list[str]] = defaultdict(list)
        for method in methods_of(route):
            rows[seen[method, route]].append(method)
        for row, methods in rows.items():
            cells = " ".join(f"{cell:8}" for cell in row)
            written.append(f"{','.join(methods):13} /{route:88} {cells}".rstrip())
    TABLE.write_text(HEAD + "\n".join(written) + "\n", encoding="utf-8")
