"""A few bad days under pytest: the same program as ``script/faults``, with seeds that between them
meet every group of faults, and fewer homes. Real PostgreSQL, Valkey, web, workers, sandbox.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.faults.parts import ROOT
from tests.faults.plan import GROUPS, plan
from tests.faults.run import SHORT_SET

SYSTEMS, LIMIT_S = 40, 420.0


def test_the_short_set_meets_every_group_of_faults() -> None:
    met = {group for seed in SHORT_SET for group in plan(seed, SYSTEMS).groups}
    assert met == set(GROUPS)


def test_a_seed_is_a_plan() -> None:
    assert [plan(seed, SYSTEMS) for seed in SHORT_SET] == [
        plan(seed, SYSTEMS) for seed in SHORT_SET
    ]
    assert len({repr(plan(seed, SYSTEMS).steps) for seed in range(50)}) == 50


def test_steps_come_in_order_and_what_is_broken_is_mended_in_time() -> None:
    for seed in range(200):
        steps = plan(seed, SYSTEMS).steps
        assert [step.at for step in steps] == sorted(step.at for step in steps)
        assert steps[-1].at < 24.0


@pytest.mark.stack
def test_every_promise_holds_through_the_short_set() -> None:
    # The servers of this test run are not the harness's: it starts its own.
    outside = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")
    }
    command = [sys.executable, "-m", "tests.faults.run", "--short", "--systems", str(SYSTEMS)]
    done = subprocess.run(
        command, cwd=ROOT, env=outside, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    verdicts = re.findall(r"^seed +(\d+)  (\w+)", done.stdout, re.MULTILINE)
    assert verdicts == [(str(seed), "ok") for seed in SHORT_SET]
