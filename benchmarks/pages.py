"""How fast the operator's pages answer when the tables are big.

    python -m benchmarks.pages [--homes N] [--events E] [--rounds R]

Makes N systems, E events and N x E dispatch rows in a PostgreSQL of its own, then asks for every
page and fragment of the console in this process, as the web server would: middleware, sign-in,
queries, template. Goals: a median below 100 ms and at most 12 queries a page. "First" is the first
time ever; "CPU" is what this process and PostgreSQL used for one page, which does not depend on who
else keeps the machine busy.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import median
from typing import Any

from benchmarks.gauges import Gauge, Others
from benchmarks.surroundings import house

GOAL_MS, GOAL_QUERIES, GOAL_MAKING_S = 100.0, 12, 300.0


@dataclass
class Line:
    """One page, measured. ``first_ms`` is the first time ever: nothing was kept for it yet."""

    name: str
    first_ms: float = 0.0
    ms: list[float] = field(default_factory=list)
    queries: int = 0
    cpu_ms: float = 0.0

    @property
    def met(self) -> bool:
        return median(self.ms) < GOAL_MS and self.queries <= GOAL_QUERIES

    def __str__(self) -> str:
        return (
            f"{self.name:34}{median(self.ms):9.1f}{max(self.ms):9.1f}{self.first_ms:10.1f}"
            f"{self.cpu_ms:9.1f}{self.queries:9}   {'met' if self.met else 'MISSED'}"
        )


class Meter:
    """Counts statements."""

    queries = 0

    def __call__(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        self.queries += 1
        return execute(*arguments)


@contextmanager
def metered() -> Iterator[Meter]:
    from django.db import connection

    meter = Meter()
    with connection.execute_wrapper(meter):
        yield meter


def measure(
    name: str,
    ask: Callable[[], Any],
    rounds: int,
    pids: list[int],
    before: Callable[[], Any] = lambda: None,
) -> Line:
    """Ask once, then ``rounds`` times; ``pids`` are the processes whose CPU is counted. Of what is
    done ``before`` each time only the CPU counts."""
    line = Line(name)
    gauge = Gauge({"ours": pids})
    for number in range(rounds + 1):
        before()
        with metered() as meter:
            began = time.perf_counter()
            answer = ask()
            took = 1000 * (time.perf_counter() - began)
        if answer.status_code not in (200, 286):
            raise RuntimeError(f"{name}: {answer.status_code} {answer.get('Location', '')}")
        if number:
            line.ms.append(took)
            line.queries = max(line.queries, meter.queries)
        else:
            line.first_ms = took
            gauge = Gauge({"ours": pids})
    line.cpu_ms = 1000 * gauge.used()["ours"] / rounds
    return line


def pages(events: list[Any]) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """Every page and fragment: (name, how to ask a client for it)."""
    from django.urls import reverse

    from benchmarks import city
    from enrollments.models import Group, System

    over, running, waiting = events[-3], events[-2], events[-1]
    draft = city.draft(waiting)
    by_rule, by_hand = Group.objects.get(name="Group 1"), Group.objects.get(name="Group 15")
    middle = System.objects.order_by("name", "id")[System.objects.count() // 2]

    def page(name: str, *arguments: Any, query: str = "") -> Callable[[Any], Any]:
        return lambda client: client.get(reverse(name, args=arguments) + query)

    yield "today", page("console")
    yield f"today{NO_WORKER}", page("console")
    yield "today's fragment", page("console_now")
    yield f"today's fragment{NO_WORKER}", page("console_now")
    yield "events", page("console_events")
    yield "events, later page", page("console_events", query=f"?before={events[-21].pk}")
    for name, event in (("running", running), ("waiting", waiting), ("over", over)):
        yield f"board, {name}", page("event", event.pk)
        yield f"board's fragment, {name}", page("event_board", event.pk)
    yield "how warm, running", page("event_indoors", running.pk)
    yield "results, running", page("event_results", running.pk)
    yield f"results, running{NO_WORKER}", page("event_results", running.pk)
    yield "results, over", page("event_results", over.pk)
    yield "designer", page("event_new")
    yield "designer, a copy", page("event_new", query=f"?copy={over.pk}")
    day = waiting.starts_at + timedelta(days=3)
    typed = {
        "program": "summer-peak", "name": "Next", "date": f"{day:%Y-%m-%d}", "start": "15:00",
        "end": "17:00", "response": "customer",
    }  # fmt: skip
    yield "designer's preview", lambda client: client.post(reverse("event_preview"), typed)
    yield "programs", page("console_programs")
    yield "program, to change", page("program_edit", "summer-peak")
    yield "season", page("season", "summer-peak")
    yield f"season{NO_WORKER}", page("season", "summer-peak")
    yield "season, later homes", page("season", "summer-peak", query=f"?after={middle.pk}")
    yield "season, events.csv", page("season_csv", "summer-peak")
    yield "program, its terms", page("program_terms", "summer-peak")
    yield "program", page("console_program", "summer-peak")
    yield "systems", page("console_systems")
    yield "systems, later page", page("console_systems", query=f"?after={middle.pk}")
    yield "systems, offline", page("console_systems", query="?state=OFFLINE")
    yield "systems, to renew", page("console_systems", query="?state=RELINK")
    yield "systems, a serial", page("console_systems", query=f"?q={middle.serial}")
    yield "system", page("console_system", middle.pk)
    yield "systems, a group", page("console_systems", query=f"?group={by_rule.pk}")
    yield "systems, a program", page("console_systems", query="?program=summer-peak")
    yield "systems, a name", page("console_systems", query="?q=upstairs")
    yield "systems, an e-mail", page("console_systems", query="?q=h4711%40home.example")
    yield "systems, an account", page("console_systems", query="?q=4100000077")
    yield "systems, a customer", page("console_systems", query="?q=Lovelace77")
    yield "systems, firmware", page("console_systems", query="?firmware=4.05")
    yield "systems, equipment", page("console_systems", query="?outdoor=varcaphp")
    yield "systems, not heard of", page("console_systems", query="?unseen=30")
    far = "?outdoor=varcaphp&firmware=4.31&unseen=30&state=ACTIVE"
    yield "systems, all at once", page("console_systems", query=far)
    yield "systems, an act for all", page("bulk_act", city.act_for_all(middle).pk)
    yield "results, parts by postal code", page("event_breakdown", over.pk, query="?by=postal")
    yield "results, parts by group", page("event_breakdown", over.pk, query="?by=group")
    yield "draft", page("event", draft.pk)
    yield "draft, to change", page("event_edit", draft.pk)
    yield "groups", page("groups", "summer-peak")
    yield "group, by rule", page("group", by_rule.pk)
    yield "group, by hand", page("group", by_hand.pk)
    yield "applications", page("console_applications", query="?who=")
    yield "applications, to decide", page("console_applications", query="?who=UTILITY")
    yield "applications, week by week", page("applications_weeks")
    yield "applications, weeks of one", page("applications_weeks", query="?program=summer-peak")
    yield "customers", page("console_customers")
    yield "customers, a name", page("console_customers", query="?q=Lovelace77")
    yield "mail", page("console_notices")
    yield "mail, to one home", page("console_notices", query="?email=h77%40home.example")
    yield "activity", page("audit")
    yield "activity, one act", page("audit", query="?verb=pause")
    yield "people", page("people")
    yield "partners", page("console_partners")


# A page that finds no recent figures of the running event, and counts them itself.
NO_WORKER = ", no worker"


def forget() -> None:
    """As if no worker counted the event that runs; figures of the one that waits stay good."""
    from django.utils import timezone

    from dr_events import tasks
    from dr_events.models import KeptTally

    tasks.count.run()
    KeptTally.objects.filter(is_final=False, event__send_at__lte=timezone.now()).delete()


def counted(events: int) -> str:
    """Every event is counted once when it is closed, as the pages do it."""
    from django.utils import timezone

    from dr_events import operations

    took = []
    for _ in range(events):
        began = time.perf_counter()
        if operations.keep_tally(now=timezone.now()):
            took.append(1000 * (time.perf_counter() - began))
    return f"  closed events counted once each: {len(took)}, median {median(took):.0f} ms"


def exports(client: Any, event: Any) -> str:
    """A spreadsheet of one event: the first line at once, then as fast as it can be read."""
    from django.urls import reverse

    began = time.perf_counter()
    answer = client.get(reverse("event_results_csv", args=[event.pk]))
    lines = iter(answer.streaming_content)
    next(lines)
    next(lines)
    first = 1000 * (time.perf_counter() - began)
    rows = 1 + sum(1 for _ in lines)
    took = time.perf_counter() - began
    return f"results.csv: first row after {first:.0f} ms, {rows:,} rows in {took:.1f} s"


def run(homes: int, events: int, rounds: int) -> bool:
    with house() as (_, servers):
        import os

        from allauth.mfa.models import Authenticator
        from django.test import Client
        from django.utils import timezone

        from benchmarks import city
        from dr_events import tasks
        from people.models import User

        began = time.monotonic()
        print(f"{homes:,} systems, {events} events, {homes * events:,} dispatch rows")
        made = city.build(homes=homes, events=events, now=timezone.now())
        took = time.monotonic() - began
        client = Client(HTTP_HOST="localhost")
        olga = User.objects.get(email="olga@utility.example")
        Authenticator.objects.create(user=olga, type="totp", data={})  # asked for, never used
        client.force_login(olga)
        print(counted(len(made)))
        gauge, others = Gauge({"ours": [os.getpid(), *servers.values()]}), Others()
        pids = [os.getpid(), *servers.values()]
        head = f"{'ms':34}{'median':>9}{'worst':>9}{'first':>10}{'CPU':>9}{'queries':>9}"
        print(f"\n{head}")
        lines = []
        for name, ask in pages(made):
            before = forget if name.endswith(NO_WORKER) else tasks.count.run
            lines.append(measure(name, lambda ask=ask: ask(client), rounds, pids, before))  # type: ignore[misc]
            print(lines[-1], flush=True)
        print(exports(client, made[-3]))
        busy = others.cores(gauge.used()["ours"])
        print(f"\nothers kept {busy:.1f} cores busy meanwhile")
        made_in_time = took < GOAL_MAKING_S
        print(f"rows made in {took:.0f} s, goal < {GOAL_MAKING_S:.0f} s: "
              f"{'met' if made_in_time else 'MISSED'}")  # fmt: skip
        missed = [line.name for line in lines if not line.met]
        print(f"pages that met their goal: {len(lines) - len(missed)} of {len(lines)}")
    return made_in_time and not missed


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--homes", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    return 0 if run(given.homes, max(given.events, 21), given.rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
