"""Sixty bad days: script/faults [--schedules N] [--systems M] [--seed S]

Everything is real and runs on spare ports: PostgreSQL, Valkey, the pretend Carrier, web, two
workers, two beats. Each seed plans events for fresh homes while a nemesis breaks things; then all
is healed and the pretend Carrier's own ledger is judged (docs/faults.md). Exit status 1 and a
folder in .offpeak/faults/ for every seed that broke a promise.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.parts import ROOT
from tests.faults.plan import GROUPS, plan
from tests.faults.stack import Stack, open_stack

if TYPE_CHECKING:
    from tests.faults.readers import Readers
    from tests.faults.schedule import Result

# Seeds that between them meet every group of faults (test_schedules.py).
SHORT_SET = (364, 158, 356, 299)
KEPT = ROOT / ".offpeak" / "faults"


def options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/faults", description=__doc__.split("\n\n")[1])
    add = parser.add_argument
    add("--schedules", type=int, default=60, metavar="N")
    add("--systems", type=int, default=100, metavar="M", help="homes' systems per schedule")
    add("--seed", type=int, help="replay this one schedule")
    add("--short", action="store_true", help="the few seeds that run with the tests")
    add("--first", type=int, default=1, metavar="S", help="the first seed of a longer run")
    add("--recall", choices=("none", "modification"), default="none", help="CARRIER_CANCEL")
    add("--keep", action="store_true", help="keep the evidence of every schedule")
    add("--group", action="append", choices=GROUPS, help="these faults instead of the dice's")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    given = options(arguments)
    seeds: Sequence[int] = range(given.first, given.first + given.schedules)
    if given.seed is not None:
        seeds = [given.seed]
    elif given.short:
        seeds = SHORT_SET
    chosen = tuple(given.group or ())
    began = time.monotonic()
    with contextlib.ExitStack() as house:
        folder = Path(house.enter_context(tempfile.TemporaryDirectory(prefix="offpeak-faults-")))
        stack = house.enter_context(open_stack(folder, recall=given.recall))
        say(f"Everything is up after {time.monotonic() - began:.0f} s.")
        import django

        django.setup()
        from tests.faults.readers import Readers
        from tests.faults.schedule import Runner

        readers = Readers(stack)
        readers.start()
        runner, results = Runner(stack, readers), []
        for seed in seeds:
            results.append(runner.run(plan(seed, given.systems, chosen)))
            report(results[-1], stack, given.keep, "".join(f" --group {name}" for name in chosen))
        readers.stop()
        broken = summary(results, readers, time.monotonic() - began)
    return 1 if broken else 0


def report(result: Result, stack: Stack, keep_all: bool, again: str) -> None:
    """One line for a schedule; a violation adds its evidence and how to see it again."""
    rows = ", ".join(f"{count} {name.lower()}" for name, count in sorted(result.deliveries.items()))
    verdict = f"{len(result.violations)} VIOLATIONS" if result.violations else "ok"
    say(
        f"seed {result.plan.seed:>5}  {verdict:<14} {result.seconds:5.1f} s  "
        f"{len(result.found.requests):>5} requests  {sum(result.blows.values()):>4} faults  "
        f"[{' '.join(result.plan.groups)}]  {rows}"
    )
    say("    " + ", ".join(f"{name} {at:.1f}" for name, at in result.phases.items()))
    if result.violations or keep_all:
        from tests.faults.evidence import keep

        seed = result.plan.seed
        folder = keep(stack, KEPT / str(seed), result.found, result.violations, result.plan)
        for sentence in result.violations[:12]:
            say(f"    {sentence}")
        say(f"    evidence in {folder}")
        say(f"    again: script/faults --seed {seed} --systems {result.plan.systems}{again}")


def summary(results: list[Result], readers: Readers, seconds: float) -> int:
    from tests.faults.readers import percentile

    blows: Counter[str] = Counter()
    rows: Counter[str] = Counter()
    for result in results:
        blows += result.blows
        rows += result.deliveries
    say(f"\n{len(results)} schedules, {sum(rows.values())} deliveries, {seconds:.0f} s.")
    say("Deliveries: " + ", ".join(f"{count} {name.lower()}" for name, count in rows.most_common()))
    say("Faults: " + ", ".join(f"{count} x {name}" for name, count in blows.most_common()))
    hurt = readers.while_only_the_broker_was_down()
    wrong = [one for one in hurt if one.status != 200]
    for name, seen in (("pages", readers.seen), ("pages while only the broker was down", hurt)):
        times = [one.seconds for one in seen]
        p50, p99 = percentile(times, 0.5), percentile(times, 0.99)
        say(f"{len(seen)} {name}: p50 {p50:.3f} s, p99 {p99:.3f} s")
    for one in wrong[:5]:
        say(f"    {one.page} answered {one.status} after {one.seconds:.1f} s, the broker down")
    broken = [result.plan.seed for result in results if result.violations]
    if broken:
        say(f"Broken promises: seeds {', '.join(map(str, broken))}.")
    return len(broken) + len(wrong)


def say(words: str) -> None:
    print(words, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
