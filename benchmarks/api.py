"""How long a page of the partner API takes, at the first page and at the last.

python -m benchmarks.api [--systems 100000] [--deliveries 1000000] [--json FILE]

A real gunicorn, asked over HTTP by one client, page after page by cursor; 500 rows a page.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import Request, urlopen

from benchmarks.parts import running
from benchmarks.surroundings import house
from portal.embedded import spare_port

GOAL_MS, GOAL_GROWTH, GOAL_MB = 100.0, 1.25, 20.0


def main() -> None:
    options = _options()
    with house() as (folder, _):
        from benchmarks import api_town

        started = time.monotonic()
        found = api_town.build(options.systems, options.deliveries, folder)
        print(f"rows made in {time.monotonic() - started:.0f} s", flush=True)
        with _web(folder) as (address, process):
            lists = {
                "systems": "systems/",
                "enrollments": f"enrollments/?program={found.program}",
                "deliveries": f"events/{found.event}/deliveries/",
                "home results": f"events/{found.event}/results/homes/",
            }
            result = {}
            for name, at in lists.items():
                result[name] = _walk(_url(address, at), found.token, process, found.rows[name])
                _print(name, result[name])
    if options.json:
        options.json.write_text(json.dumps(result, indent=2))
    sys.exit(not all(goal["met"] for one in result.values() for goal in one["goals"]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.api", description=__doc__)
    parser.add_argument("--systems", type=int, default=100_000)
    parser.add_argument("--deliveries", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


@contextmanager
def _web(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    port = spare_port()
    env = os.environ | {
        "WEB_BIND": f"127.0.0.1:{port}",
        "WEB_WORKERS": "1",
        "WEB_THREADS": "1",
        "ALLOWED_HOSTS": "127.0.0.1",
        "LOG_LEVEL": "WARNING",
        "PARTNER_REQUESTS_PER_MINUTE": "10000000",
    }
    command = ["-m", "gunicorn", "-c", "portal/gunicorn.py", "portal.wsgi"]
    with running(command, env=env, log=folder / "web.log") as process:
        address = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                urlopen(f"{address}/readyz", timeout=2).close()
                break
            except OSError:
                time.sleep(0.1)
        yield address, process


def _walk(url: str, token: str, process: subprocess.Popen[str], rows: int) -> dict[str, Any]:
    """Every page of a list; each is timed from the request to its last byte."""
    onward: str | None = url
    times, seen, first_mb = [], 0, 0.0
    last = ""
    while onward:
        began = time.perf_counter()
        with urlopen(
            Request(onward, headers={"Authorization": f"Bearer {token}"}), timeout=60
        ) as got:
            page = json.load(got)
        times.append((time.perf_counter() - began) * 1000)
        key = [next(iter(one.values())) for one in page["items"]]
        assert not key or key[0] > last, "a row came twice, or out of order"
        last = key[-1] if key else last
        seen += len(key)
        if len(times) == 20:
            first_mb = _memory_mb(process)
        onward = page["next"]
    assert seen == rows, f"{seen} rows of {rows}"
    tenth = max(1, len(times) // 10)
    growth = median(times[-tenth - 1 : -1] or times) / median(times[:tenth])
    grown_mb = _memory_mb(process) - first_mb if first_mb else 0.0
    return {
        "rows": seen,
        "pages": len(times),
        "median_ms": median(times),
        "p99_ms": sorted(times)[int(len(times) * 0.99) - 1],
        "first_tenth_ms": median(times[:tenth]),
        "last_tenth_ms": median(times[-tenth - 1 : -1] or times),
        "memory_grown_mb": grown_mb,
        "goals": [
            _goal("a page of 500, median ms", median(times), GOAL_MS),
            _goal("last tenth / first tenth", growth, GOAL_GROWTH),
            _goal("web process, MB grown after page 20", grown_mb, GOAL_MB),
        ],
    }


def _url(address: str, at: str) -> str:
    return f"{address}/api/v1/{at}{'&' if '?' in at else '?'}limit=500"


def _goal(what: str, value: float, most: float) -> dict[str, Any]:
    return {"what": what, "value": value, "goal": f"<= {most:g}", "met": value <= most}


def _memory_mb(process: subprocess.Popen[str]) -> float:
    """Resident memory of the web server's processes."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    pages = sum(
        int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in [process.pid, *children]
    )
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _print(name: str, one: dict[str, Any]) -> None:
    print(
        f"\n{name}: {one['rows']:,} rows, {one['pages']:,} pages; "
        f"median {one['median_ms']:.1f} ms, p99 {one['p99_ms']:.1f} ms; "
        f"first tenth {one['first_tenth_ms']:.1f} ms, "
        f"last tenth {one['last_tenth_ms']:.1f} ms",
        flush=True,
    )
    for goal in one["goals"]:
        verdict = "met" if goal["met"] else "MISSED"
        print(
            f"  {verdict:7}{goal['what']:40}{goal['value']:9.3g}  goal {goal['goal']}", flush=True
        )


if __name__ == "__main__":
    main()
