"""A limit over four worker processes: how near to it, and never above it in any second.

    python -m benchmarks.pace [--rate R] [--in-flight K] [--seconds S] [--latency-ms L]

One event goes to R x S systems through two Celery workers with two pool processes each, as in
production. The vendor counts by the kernel's time stamps. The rate is that of the middle of the
run: from the third second, when every process has its part, until nine tenths have arrived.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import Any

from benchmarks.counting_vendor import in_flight_peak, worst_second
from benchmarks.gauges import Others
from benchmarks.parts import ROOT, Stub, running, wait_for
from benchmarks.surroundings import house, worker

PROCESSES = 4
RAMP_S = 2.0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=int, default=200, help="requests per second; 0: no limit")
    parser.add_argument("--in-flight", type=int, default=60, help="requests; 0: no limit")
    parser.add_argument("--seconds", type=int, default=20, help="of work, at the limit")
    parser.add_argument("--latency-ms", type=float, default=100.0)
    return parser.parse_args()


def _report(options: argparse.Namespace, arrived: list[float], answered: list[float]) -> bool:
    """Print what was seen; whether both limits were kept and the rate was near its own."""
    arrived = sorted(arrived)
    ends = arrived[len(arrived) * 9 // 10]
    middle = [t for t in arrived if arrived[0] + RAMP_S <= t < ends]
    rate = len(middle) / (ends - arrived[0] - RAMP_S)
    whole = len(arrived) / (arrived[-1] - arrived[0])
    worst, peak = worst_second(arrived), in_flight_peak(arrived, answered)
    good = True
    print(f"{len(arrived):,} requests in {arrived[-1] - arrived[0]:.2f} s, {whole:.1f}/s in all")
    if options.rate:
        near = rate >= 0.98 * options.rate
        good = near and worst <= options.rate
        print(
            f"limit {options.rate}/s: {rate:.1f}/s in the middle of the run, "
            f"{100 * rate / options.rate:.1f} %  goal >= 98 %  {'met' if near else 'MISSED'}"
        )
        print(f"worst second: {worst}  goal <= {options.rate}  "
              f"{'met' if worst <= options.rate else 'MISSED'}")  # fmt: skip
    if options.in_flight:
        kept = peak <= options.in_flight
        good = good and kept
        print(f"in flight at most: {peak}  goal <= {options.in_flight}  "
              f"{'met' if kept else 'MISSED'}")  # fmt: skip
    return good


def main() -> int:
    options = _options()
    systems = max(options.rate * options.seconds, 1000 if not options.rate else 1)
    with ExitStack() as stack:
        folder, _ = stack.enter_context(house())
        from benchmarks import town

        print(f"enrolling {systems:,} systems ...", flush=True)
        program = town.build(systems, folder / "homes.txt")
        command = ["-m", "benchmarks.counting_vendor"]
        process = stack.enter_context(running(command, stdout=subprocess.PIPE))
        stub = Stub(process)
        stub.ask("latency", ms=options.latency_ms)
        env = {
            "CARRIER_BASE_URL": stub.url,
            "CARRIER_MAX_REQUESTS_PER_S": str(options.rate),
            "CARRIER_MAX_IN_FLIGHT": str(options.in_flight),
            "STREAMS_PER_EVENT": str(PROCESSES),
        }
        for number in range(PROCESSES // 2):
            (folder / str(number)).mkdir()
            stack.enter_context(worker(folder / str(number), env))
        wait_for("both workers", lambda: _listening() == PROCESSES // 2)
        event = town.draft(program, 0)
        others = Others()
        town.release(event)
        limit_s = 60 + 5 * options.seconds
        wait_for("the last outcome", lambda: _done(event), limit_s=limit_s)
        seen = stub.ask()["seen"]
        if len({path for path, *_ in seen}) != systems or town.saved(event) != systems:
            raise SystemExit(f"{len(seen)} requests, {town.saved(event)} saved, of {systems}")
        good = _report(options, [one[1] for one in seen], [one[2] for one in seen])
        print(f"everybody, ourselves included, kept {others.cores(0.0):.1f} cores busy")
    return 0 if good else 1


def _listening() -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN %'")
        return int(cursor.fetchone()[0])


def _done(event: Any) -> bool:
    from benchmarks import town

    time.sleep(0.2)  # the database has other work
    return not town.left_to_send(event)


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
