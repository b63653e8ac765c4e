"""One event to many systems, as in production, against clients that only send.

    python -m benchmarks.dispatch [--systems N] [--latency-ms L | LOW-HIGH] [--rounds R] [--tls]

PostgreSQL, Valkey and a worker with two pool processes run as in production against the vendor
stub: tokens sealed, intent committed before sending, every outcome saved, and all of it checked.
Each round also runs, on the same machine in the same minute: the same requests from a bare pycurl
loop and a bare aiohttp loop in two processes, and the design with one task per system. Only the
ratios inside one run mean something. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.gauges import Gauge, Others, peak_mb
from benchmarks.parts import ROOT, Bare, Stub, bare_client, running, vendor_stub, wait_for
from benchmarks.surroundings import house, worker

LIMIT_S = 120.0
NAIVE_PROCESSES = 8
NAIVE = {"one task each": {}, "one task each, connections kept": {"ONE_BY_ONE_KEEP": "1"}}
AIOHTTP_AT_MOST = 5000  # at zero latency its rate does not depend on how many it sends


@dataclass(frozen=True)
class Options:
    systems: int
    latency_ms: tuple[float, float]
    rounds: int
    tls: bool
    in_flight: int
    naive: int
    json: Path | None

    @property
    def ideal_s(self) -> float:
        """Every lane always busy, and nothing but the vendor's latency."""
        return sum(self.latency_ms) / 2000 * self.systems / (2 * self.in_flight)


def _options() -> Options:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--systems", type=int, default=20_000)
    parser.add_argument("--latency-ms", default="0", help="such as 100, or 50-200 (uniform)")
    parser.add_argument("--rounds", type=int, default=3, help="warm rounds; one cold comes first")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument(
        "--in-flight", type=int, help="a process; default 64 at zero latency, else 500"
    )
    parser.add_argument(
        "--one-by-one", type=int, default=600, help="systems for the design compared with; 0: none"
    )
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    low, _, high = given.latency_ms.partition("-")
    span = (float(low), float(high or low))
    return Options(
        systems=given.systems,
        latency_ms=span,
        rounds=given.rounds,
        tls=given.tls,
        in_flight=given.in_flight or (500 if span[1] else 64),
        naive=min(given.one_by_one, given.systems),
        json=given.json,
    )


class Run:
    """Everything that is up, and one measured phase after the other."""

    def __init__(self, options: Options, stub: Stub, program: Any, roots: dict[str, list[int]]):
        self.options = options
        self.stub = stub
        self.program = program
        self.roots = roots | {"stub": [stub.pid]}
        self.days = iter(range(10_000))
        self.message = ""

    def measured(self, systems: int, work: Callable[[], dict[str, float]]) -> dict[str, Any]:
        """Run one phase and check at the stub that each system got exactly one POST."""
        self.stub.ask("reset")
        low, high = self.options.latency_ms
        self.stub.ask("latency", low_ms=low, high_ms=high)
        gauge, others = Gauge(self.roots), Others()
        found = work()
        cpu = gauge.used()
        # What happened before the clock of the makespan started is reported on its own.
        planning = found.get("planning_cpu_s", 0.0)
        busy = others.cores(sum(cpu.values()))
        cpu["PostgreSQL"] -= planning
        seen = self.stub.ask()
        if (seen["posts"], seen["unique"], seen["doubled"]) != (systems, systems, 0):
            raise SystemExit(f"the vendor stub saw {seen}, not {systems} systems once each")
        return {
            "systems": systems,
            "rate": systems / found["makespan_s"],
            "cpu_s_per_1000": {part: 1000 * spent / systems for part, spent in cpu.items()},
            "others_cores": busy,
            "connections_opened": seen["connections"],
            "peak_in_flight": seen["peak_waiting"],
            **found,
        }

    def product(self) -> dict[str, Any]:
        """Draft beforehand; the clock runs from the click that releases it."""
        from benchmarks import town

        event = town.draft(self.program, next(self.days))
        systems = self.options.systems
        gauge = Gauge(self.roots)

        def work() -> dict[str, float]:
            clicked, began = time.time(), time.monotonic()
            submitted = town.release(event)
            released, planning = time.monotonic(), gauge.used()["PostgreSQL"]
            self.message = bytes(submitted.message or b"").decode()
            wait_for("the last POST", lambda: self.stub.ask()["posts"] >= systems, limit_s=LIMIT_S)
            wait_for("the last outcome", lambda: not town.left_to_send(event), limit_s=LIMIT_S)
            done, seen = time.monotonic(), self.stub.ask()
            return {
                "planned_s": released - began,
                "first_post_s": seen["first_at"] - clicked,
                "sending_s": seen["last_at"] - seen["first_at"],
                # From the commit of the release to the last outcome on disk.
                "makespan_s": done - released,
                "planning_cpu_s": planning,
            }

        found = self.measured(systems, work)
        if (kept := town.saved(event)) != systems:
            raise SystemExit(f"{kept} of {systems} outcomes were saved as accepted")
        town.finish(event)
        return found

    def bare(self, client: Bare) -> dict[str, Any]:
        systems = self.options.systems
        if client.library == "aiohttp" and not self.options.latency_ms[1]:
            systems = min(systems, AIOHTTP_AT_MOST)
        order = {"body": self.message, "systems": systems}
        return self.measured(systems, lambda: {"makespan_s": client.go(**order)})

    def one_by_one(self, queue: str) -> dict[str, Any]:
        """A task for each of a few systems; enqueueing is part of it, as it is of the click."""
        from benchmarks import one_by_one, town

        rows = town.one_by_one(self.program, next(self.days), self.options.naive)

        def work() -> dict[str, float]:
            began = time.monotonic()
            for row in rows:
                one_by_one.post.apply_async(args=(row, self.message), queue=queue)
            enqueued = time.monotonic()
            wait_for("the last task", lambda: not town.open_rows(rows), limit_s=LIMIT_S)
            return {"enqueue_s": enqueued - began, "makespan_s": time.monotonic() - began}

        return self.measured(len(rows), work)


def _naive_worker(queue: str, extra: dict[str, str], env: dict[str, str], folder: Path) -> Any:
    command = ["-m", "celery", "-A", "benchmarks.one_by_one", "worker", "-Q", queue]
    command += ["-c", str(NAIVE_PROCESSES), "--without-gossip", "--without-mingle", "-n", queue]
    # requests-oauthlib insists on https; the stub may speak plain HTTP on the loopback.
    extra = {**extra, "ONE_BY_ONE_QUEUE": queue, "OAUTHLIB_INSECURE_TRANSPORT": "1"}
    return running(command, env=env | extra, log=folder / f"{queue}.log")


@contextmanager
def _logs_on_trouble(folder: Path) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, SystemExit):
        for log in sorted(folder.glob("*.log")):
            print(f"--- {log.name}", *log.read_text().splitlines()[-15:], sep="\n", file=sys.stderr)
        raise


def main() -> None:
    options = _options()
    with ExitStack() as stack:
        folder, servers = stack.enter_context(house())
        from benchmarks import town

        homes = folder / "homes.txt"
        print(f"enrolling {options.systems:,} systems ...", flush=True)
        program = town.build(options.systems, homes)
        stub = stack.enter_context(vendor_stub(homes, tls=options.tls))
        env = {"CARRIER_BASE_URL": stub.url, "CARRIER_IN_FLIGHT": str(options.in_flight)}
        if stub.ca:
            env |= {"CARRIER_CA_BUNDLE": stub.ca, "REQUESTS_CA_BUNDLE": stub.ca}
        bares = [
            stack.enter_context(bare_client(library, homes, stub, options.in_flight))
            for library in ("pycurl", "aiohttp")
        ]
        queues, peers = {}, []
        for number, (name, extra) in enumerate(NAIVE.items() if options.naive else ()):
            queues[name] = f"one-by-one-{number}"
            peer = stack.enter_context(_naive_worker(queues[name], extra, env, folder))
            peers.append(peer.pid)
        the_worker = stack.enter_context(worker(folder, env))
        roots = {name: [pid] if pid else [] for name, pid in servers.items()}
        roots["worker"] = [the_worker.pid]
        roots["bare client"] = [pid for client in bares for pid in client.pids]
        roots["workers compared with"] = peers
        run = Run(options, stub, program, roots)
        rounds = []
        for number in range(options.rounds + 1):
            with _logs_on_trouble(folder):
                phases = {"offpeak": run.product()}
                phases |= {f"bare {client.library}": run.bare(client) for client in bares}
                phases |= {name: run.one_by_one(queue) for name, queue in queues.items()}
            rounds.append(phases)
            label = f"warm round {number}" if number else "cold round"
            print(report.line(label, phases), flush=True)
            if not number:
                town.learn_statistics()
        memory = sorted(peak_mb(the_worker.pid).values())
    result = report.summary(options, rounds, memory)
    print(report.text(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    os.chdir(ROOT)
    # A benchmark that is told to stop still takes its servers and data with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main()
