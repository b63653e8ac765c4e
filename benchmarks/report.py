"""From the rounds to medians, ratios and the goals they are held against."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

CORES = 2
Rounds = Sequence[dict[str, dict[str, Any]]]


def line(label: str, phases: dict[str, dict[str, Any]]) -> str:
    shown = "  ".join(f"{name} {phase['rate']:,.0f}/s" for name, phase in phases.items())
    others = max(phase["others_cores"] for phase in phases.values())
    return f"{label}: {shown}  (others kept up to {others:.1f} cores busy)"


def summary(options: Any, rounds: Rounds, memory_mb: list[float]) -> dict[str, Any]:
    """Medians over the warm rounds; ratios are taken inside each round first."""
    warm = rounds[1:] or rounds
    phases = {name: _middle([phases[name] for phases in warm]) for name in warm[0]}
    ratios = {
        f"rate / {name}": median(
            phases["offpeak"]["rate"] / phases[name]["rate"] for phases in warm
        )
        for name in warm[0]
        if name != "offpeak"
    }
    cpu = sum(phases["offpeak"]["cpu_s_per_1000"].values())
    bare_cpu = sum(phases["bare pycurl"]["cpu_s_per_1000"].values())
    result = {
        "systems": options.systems,
        "latency_ms": options.latency_ms,
        "tls": options.tls,
        "in_flight_a_process": options.in_flight,
        "rounds": len(rounds) - 1,
        "ideal_s": options.ideal_s,
        "cold": rounds[0]["offpeak"],
        "warm": phases,
        "ratios": ratios,
        "cpu_ratio": bare_cpu / cpu,
        "bound_rate": 1000 * CORES / cpu,
        "stub_ceiling": 1000 / phases["offpeak"]["cpu_s_per_1000"]["stub"],
        "worker_peak_mb": memory_mb,
        "all_rounds": list(rounds),
    }
    result["goals"] = _goals(result)
    return result


def _middle(phases: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        key: {part: median(phase[key][part] for phase in phases) for part in value}
        if isinstance(value, dict)
        else median(phase[key] for phase in phases)
        for key, value in phases[0].items()
    }


def _goals(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of the design's goals that this kind of run can speak about."""
    ratios, ours, cold = result["ratios"], result["warm"]["offpeak"], result["cold"]
    rows: list[tuple[str, float, str, float]] = []
    if result["ideal_s"]:
        slower = 1 / ratios["rate / bare pycurl"]
        rows.append(
            (
                "makespan / bare pycurl",
                slower,
                "<=",
                1.05 if len(set(result["latency_ms"])) == 1 else 1.08,
            )
        )
        if len(set(result["latency_ms"])) == 1:
            ideal = result["ideal_s"]
            rows.append(("makespan / ideal, warm", ours["makespan_s"] / ideal, "<=", 1.15))
            rows.append(("makespan / ideal, cold", cold["makespan_s"] / ideal, "<=", 1.25))
    else:
        rows += [
            ("rate / bare pycurl", ratios["rate / bare pycurl"], ">=", 0.60),
            ("rate / bare aiohttp", ratios["rate / bare aiohttp"], ">=", 1.8),
            ("CPU-bound efficiency", ours["rate"] / result["bound_rate"], ">=", 0.85),
        ]
        names = ("one task each", "one task each, connections kept")
        for name, goal in zip(names, (200.0, 100.0), strict=True):
            if f"rate / {name}" in ratios:
                rows.append((f"rate / {name}", ratios[f"rate / {name}"], ">=", goal))
    limit = 120 + 0.1 * result["in_flight_a_process"]
    rows += [
        ("memory of a worker process, MB", max(result["worker_peak_mb"]), "<=", limit),
        (
            "click to rows planned, s",
            ours["planned_s"],
            "<=",
            0.5 * max(1, result["systems"] / 20_000),
        ),
        ("click to first POST, s", max(ours["first_post_s"], cold["first_post_s"]), "<=", 2.0),
    ]
    return [
        {
            "what": what,
            "value": value,
            "goal": f"{sign} {goal:g}",
            "met": value <= goal if sign == "<=" else value >= goal,
        }
        for what, value, sign, goal in rows
    ]


def text(result: dict[str, Any]) -> str:
    low, high = result["latency_ms"]
    said = f"{low:g} ms" if low == high else f"{low:g} to {high:g} ms"
    lines = [
        "",
        f"{result['systems']:,} systems, {said}, {'TLS' if result['tls'] else 'plain HTTP'}, "
        f"2 x {result['in_flight_a_process']} in flight; medians of {result['rounds']} warm rounds",
        "",
        f"{'':34}{'systems/s':>10}{'makespan s':>12}{'ratio':>8}   CPU s per 1,000 systems",
    ]
    for name, phase in result["warm"].items():
        ratio = result["ratios"].get(f"rate / {name}")
        cpu = "  ".join(
            f"{part} {spent:.3f}"
            for part, spent in phase["cpu_s_per_1000"].items()
            if spent >= 0.0005
        )
        label = name + (f" ({phase['systems']:.0f} systems)" if name.startswith("one") else "")
        lines.append(
            f"{label:34}{phase['rate']:10,.0f}{phase['makespan_s']:12.3f}"
            f"{'' if ratio is None else f'{ratio:.3g}':>8}   {cpu}"
        )
    ours, cold = result["warm"]["offpeak"], result["cold"]
    lines += [
        "",
        f"approval: rows planned {ours['planned_s']:.3f} s after the click (PostgreSQL "
        f"{ours['planning_cpu_s']:.2f} s of CPU, not in the table), first POST "
        f"{ours['first_post_s']:.3f} s (cold worker {cold['first_post_s']:.3f} s)",
        f"makespan: warm {ours['makespan_s']:.3f} s, cold {cold['makespan_s']:.3f} s"
        + (f", ideal {result['ideal_s']:.3f} s" if result["ideal_s"] else ""),
        f"CPU: two idle cores could do {result['bound_rate']:,.0f}/s; "
        f"bare pycurl needs {result['cpu_ratio']:.2f} of our CPU; "
        f"the stub's own ceiling is {result['stub_ceiling']:,.0f}/s on one core",
        "worker processes, peak MB: "
        + ", ".join(f"{size:.0f}" for size in result["worker_peak_mb"]),
    ]
    peers = {name: phase for name, phase in result["warm"].items() if name.startswith("one")}
    if peers:
        times = ", ".join(
            f"{name} {result['systems'] / p['rate']:,.0f} s" for name, p in peers.items()
        )
        lines.append(f"extrapolated to {result['systems']:,} systems: {times}")
    lines.append("")
    for goal in result["goals"]:
        verdict = "met" if goal["met"] else "MISSED"
        lines.append(f"  {verdict:7}{goal['what']:44}{goal['value']:9.3g}  goal {goal['goal']}")
    return "\n".join(lines)
