"""How fast a utility's list of customers comes in.

    python -m benchmarks.customers [--rows 100000] [--json FILE]

Makes a list, then does what a worker does with it, on a PostgreSQL of its own: every line checked
and compared, written, and written once more with every tenth customer changed. Last, how long the
nearest customers of a page of wrongly typed numbers take to find. Goal: check and import of 100,000
rows in less than a minute together.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.surroundings import house

GOAL_S = 60.0
HEAD = "account,name,email,street,city,postal_code,feeder,substation\n"


def main() -> None:
    options = _options()
    with house():
        from people.operations import Actor
        from people.states import Role
        from tests.cast import operator

        april = Actor.person(operator("april@utility.example", Role.APPROVER))
        result = _measure(options.rows, april)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2))
    sys.exit(result["seconds"]["all"] >= GOAL_S)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.customers", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _list(rows: int, *, changed: bool) -> bytes:
    lines = [
        f"{4_100_000_000 + 7 * n},Customer {n},c{n}@home.example,{n} Elm St,Springfield,"
        f"{62700 + n % 50},F{n % 40 + (changed and n % 10 == 0)},North\n"
        for n in range(rows)
    ]
    return (HEAD + "".join(lines)).encode()


def _measure(rows: int, actor: Any) -> dict[str, Any]:
    from enrollments import operations
    from enrollments.models import Customer, CustomerImport

    seconds: dict[str, float] = {}

    def timed(name: str, act: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        done = act()
        seconds[name] = time.perf_counter() - began
        print(f"{name:34}{seconds[name]:8.2f} s{rows / seconds[name]:12,.0f} rows/s", flush=True)
        return done

    def come_in(body: bytes, suffix: str) -> Any:
        from base import clock

        def work() -> None:
            operations.work_on_import(import_id=made.pk, now=clock.now(), real_now=clock.real_now())

        made = timed(
            f"upload{suffix}",
            lambda: operations.upload(
                file_name="list.csv", body=body, actor=actor, now=clock.now()
            ),
        )
        timed(f"check{suffix}", work)
        operations.confirm_import(import_id=made.pk, actor=actor, now=clock.now())
        timed(f"import{suffix}", work)
        return CustomerImport.objects.get(pk=made.pk)

    body = _list(rows, changed=False)
    print(f"{rows:,} rows, {len(body) / 2**20:.1f} MB", flush=True)
    first = come_in(body, "")
    seconds["all"] = sum(seconds.values())
    again = come_in(_list(rows, changed=True), ", a tenth changed")
    assert (first.state, first.added) == ("DONE", rows), first.trouble
    tenth = len(range(0, rows, 10))
    assert (again.added, again.changed, again.unchanged) == (0, tenth, rows - tenth)
    assert Customer.objects.count() == rows
    verdict = "met" if seconds["all"] < GOAL_S else "MISSED"
    print(f"{'first list, all of it':34}{seconds['all']:8.2f} s   {verdict}", flush=True)
    seconds["queue"] = _queue(rows)
    return {"rows": rows, "seconds": seconds}


def _queue(rows: int) -> float:
    """A page of applications, each with one digit wrong."""
    from base import clock
    from enrollments.models import Application
    from enrollments.queries import applications
    from tests import cast

    program = cast.program(needs_account=True)
    now = clock.now()
    for number in range(applications.PAGE):
        account = str(4_100_000_000 + 7 * (number * rows // applications.PAGE))
        Application.objects.create(
            user=cast.homeowner(f"h{number}@home.example"),
            program=program,
            state="NEEDS_ACTION",
            who="UTILITY",
            why="ACCOUNT",
            typed_account=account[:-1] + str((int(account[-1]) + 1) % 10),
            typed_postal=str(62700 + (number * rows // applications.PAGE) % 50),
            applied_at=now,
            changed_at=now,
        )
    began = time.perf_counter()
    found, _ = applications.find(who="UTILITY")
    took = time.perf_counter() - began
    assert all(row.near for row in found)
    print(f"{'a page of the queue':34}{1000 * took:8.1f} ms", flush=True)
    return took


if __name__ == "__main__":
    main()
