"""Where the time of one wave goes: Python functions and SQL statements, in this process.

    python -m benchmarks.wave_profile [--systems N] [--top K]

One warm wave runs unobserved and is timed, one under cProfile (the task's thread and the fan-out's
apart), one with PostgreSQL counting its statements. cProfile makes every call dearer, so read its
shares, not its seconds.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from benchmarks.gauges import Gauge
from benchmarks.parts import ROOT, vendor_stub
from benchmarks.surroundings import house


def _in_threads(work: Callable[[], Any]) -> dict[str, cProfile.Profile]:
    """Run `work` with a profiler in this thread and in the fan-out's."""
    from carrier import fanout
    from dr_events.dispatch import vendor

    ours, theirs = cProfile.Profile(), cProfile.Profile()
    turn, done = fanout.Fanout._turn, threading.Event()

    def then(act: Callable[[], Any]) -> None:
        """Let the fan-out's thread do something at its next turn: profilers belong to threads."""

        def once(self: fanout.Fanout) -> None:
            fanout.Fanout._turn = turn  # type: ignore[method-assign]
            act()
            turn(self)

        fanout.Fanout._turn = once  # type: ignore[method-assign]
        vendor.requests().wake()

    then(theirs.enable)
    ours.enable()
    work()
    ours.disable()

    def last() -> None:
        theirs.disable()
        done.set()

    then(last)
    done.wait(5)
    return {"the task's thread": ours, "the fan-out's thread": theirs}


def _statements(work: Callable[[], Any]) -> list[tuple[float, int, str]]:
    """(seconds, times, beginning) of each kind of statement, as the client waits for it."""
    from django.db import connection

    found: dict[str, list[float]] = defaultdict(list)

    def clocked(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            found[" ".join(sql.split())[:70]].append(time.perf_counter() - began)

    with connection.execute_wrapper(clocked):
        work()
    return sorted(((sum(t), len(t), sql) for sql, t in found.items()), reverse=True)


def _report(title: str, rows: list[tuple[float, int, str]], systems: int, top: int) -> None:
    print(f"\n{title}")
    for seconds, times, what in rows[:top]:
        print(f"  {1e6 * seconds / systems:8.1f} us a system {times:7,} x  {what}")


def _functions(profile: cProfile.Profile) -> list[tuple[float, int, str]]:
    stats: dict[Any, Any] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    rows = [
        (own, calls, f"{os.path.basename(file)}:{line} {name}")
        for (file, line, name), (calls, _, own, _, _) in stats.items()
    ]
    return sorted(rows, reverse=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--systems", type=int, default=20_000)
    parser.add_argument("--top", type=int, default=16)
    options = parser.parse_args()
    systems = options.systems
    with house() as (folder, servers):
        from django.conf import settings

        from benchmarks import town

        homes = folder / "homes.txt"
        program = town.build(systems, homes)
        with vendor_stub(homes, tls=False) as stub:
            settings.CARRIER["base_url"] = stub.url
            settings.CARRIER_IN_FLIGHT = 64
            from dr_events.dispatch import send_wave

            gauge_of = {"PostgreSQL": [servers["PostgreSQL"]]}
            days = iter(range(1000))

            def wave(observe: Callable[[Callable[[], Any]], Any] | None = None) -> Any:
                event = town.draft(program, next(days))
                began, gauge = time.monotonic(), Gauge(gauge_of)
                town.release(event)
                planned, planning = time.monotonic() - began, gauge.used()
                began, gauge = time.monotonic(), Gauge(gauge_of)
                own = time.process_time()

                def work() -> None:
                    while town.left_to_send(event):
                        send_wave(event.pk)

                found = None
                if observe:
                    found = observe(work)
                else:
                    work()
                used = gauge.used() | {"this process": time.process_time() - own}
                spent = {name: f"{1e6 * s / systems:.0f}" for name, s in used.items()}
                print(
                    f"plan {planned:.2f} s (PostgreSQL {planning['PostgreSQL']:.2f} s of CPU); "
                    f"send {time.monotonic() - began:.2f} s, CPU us a system: {spent}"
                )
                town.finish(event)
                return found

            wave()
            town.learn_statistics()
            wave()
            threads = wave(_in_threads)
            sql = wave(_statements)
        for name, profile in threads.items():
            _report(f"own time in {name}", _functions(profile), systems, options.top)
        _report("statements, as the task's thread waits for them", sql, systems, options.top)


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
