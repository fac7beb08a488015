"""Aims: what was promised as ratios, and whether this run kept it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.machine import cores
from benchmarks.measure import Cell

__all__ = ("AIMS", "Aim", "Results", "Verdict")

Results = dict[str, dict[str, Cell]]

CPU_SECONDS = 8 * 0.5


@dataclass(frozen=True, slots=True)
class Verdict:
    measured: str
    met: bool | None
    """None when something that it needs was not measured."""


@dataclass(frozen=True, slots=True)
class Aim:
    title: str
    target: str
    judge: Callable[[Results], Verdict]


def _median(results: Results, row: str, subject: str) -> float | None:
    cell = results.get(row, {}).get(subject)
    return cell.median if cell is not None and cell.seconds else None


def _ratio(row: str, subject: str, most: float, of: str = "localflyte") -> Callable[[Results], Verdict]:
    def judge(results: Results) -> Verdict:
        ours, theirs = _median(results, row, of), _median(results, row, subject)
        if ours is None or theirs is None:
            return Verdict(f"{subject if ours is not None else of} was not measured", None)
        return Verdict(f"{ours / theirs:.2f} x", ours / theirs <= most)

    return judge


def _contained(results: Results) -> Verdict:
    inside, forked = _median(results, "contained-sync", "container"), _median(results, "sequential-sync", "localflyte")
    if inside is None or forked is None:
        return Verdict("no container was measured", None)
    return Verdict(f"{inside / forked:.2f} x", inside <= 2 * forked)


def _growth(results: Results) -> Verdict:
    small, large = _median(results, "fanout-async", "localflyte"), _median(results, "fanout-10000", "localflyte")
    if small is None or large is None:
        return Verdict("10,000 was not measured", None)
    return Verdict(f"{10 * large / small:.1f} x", 10 * large / small <= 10.5)


def _memory(results: Results) -> Verdict:
    peaks = [results.get(row, {}).get("localflyte", Cell(calls=0)).peak_bytes / 2**20 for row in ("fanout-async", "fanout-10000")]
    if not all(peaks):
        return Verdict("10,000 was not measured", None)
    return Verdict(f"{peaks[0]:.0f} MiB, then {peaks[1]:.0f} MiB", peaks[1] <= 1.25 * peaks[0])


def _busy(results: Results) -> Verdict:
    seconds = _median(results, "cpu", "localflyte")
    if seconds is None:
        return Verdict("localflyte was not measured", None)
    share = CPU_SECONDS / (seconds * cores())
    return Verdict(f"{share:.0%} of {cores()} cores", share >= 0.95)


def _import(results: Results) -> Verdict:
    ours, bare = _median(results, "import", "localflyte"), _median(results, "import", "python")
    if ours is None or bare is None:
        return Verdict("not measured", None)
    return Verdict(f"{(ours - bare) * 1e3:.1f} ms", ours - bare <= 0.025)


def _sampler(results: Results) -> Verdict:
    share = _median(results, "sampler", "sampler")
    return Verdict("not measured", None) if share is None else Verdict(f"{share:.1%}", share <= 0.02)


def _ledger(results: Results) -> Verdict:
    costs = [_median(results, row, "ledger") for row in ("ledger", "ledger_declared", "ledger_line")]
    if None in costs:
        return Verdict("not measured", None)
    said = [cost * 1e6 for cost in costs if cost is not None]
    return Verdict(", ".join(f"{cost:.1f} us" for cost in said), max(said) <= 20)


def _lookup(results: Results) -> Verdict:
    ours, key, bare = _median(results, "lookup", "store"), _median(results, "lookup_key", "store"), _median(results, "lookup", "diskcache")
    if ours is None or key is None or bare is None:
        return Verdict("not measured", None)
    return Verdict(f"{ours / (key + bare):.2f} x", ours <= 3 * (key + bare))


def _at_most(row: str, subject: str, most: float) -> Callable[[Results], Verdict]:
    def judge(results: Results) -> Verdict:
        seconds = _median(results, row, subject)
        return Verdict("not measured", None) if seconds is None else Verdict(f"{seconds * 1e3:.3g} ms", seconds <= most)

    return judge


def _content(results: Results) -> Verdict:
    ours, bare = _median(results, "content", "store"), _median(results, "content", "hashlib")
    if ours is None or bare is None:
        return Verdict("not measured", None)
    return Verdict(f"{bare / ours:.0%}", bare >= 0.8 * ours)


AIMS = (
    Aim("a fresh process a call, sequential, beside flyte's in-process call (async)", "<= 1.0 x", _ratio("sequential-async", "flyte", 1.0)),
    Aim("the same, sync", "<= 1.0 x", _ratio("sequential-sync", "flyte", 1.0)),
    Aim("the same, beside the floor (async)", "<= 1.5 x", _ratio("sequential-async", "floor", 1.5)),
    Aim("the same, beside the floor (sync)", "<= 1.5 x", _ratio("sequential-sync", "floor", 1.5)),
    Aim("fan-out of 1,000, a call, beside the floor on all cores (async)", "<= 1.2 x", _ratio("fanout-async", "floor", 1.2)),
    Aim("fan-out of 1,000, a call, beside the floor on all cores (sync)", "<= 1.2 x", _ratio("fanout-sync", "floor", 1.2)),
    Aim("10,000 calls beside 1,000", "<= 10.5 x", _growth),
    Aim("engine memory, 1,000 and then 10,000 calls", "<= 1.25 x", _memory),
    Aim("a cache hit beside flyte's (async)", "<= 0.35 x", _ratio("cached-async", "flyte", 0.35)),
    Aim("a cache hit beside flyte's (sync)", "<= 0.35 x", _ratio("cached-sync", "flyte", 0.35)),
    Aim("a cache hit beside joblib.Memory's", "<= 1.0 x", _ratio("cached-async", "memory", 1.0)),
    Aim("a cache hit, from a task and back (async)", "<= 0.2 ms", _at_most("cached-async", "localflyte", 0.0002)),
    Aim("the same, sync", "<= 0.2 ms", _at_most("cached-sync", "localflyte", 0.0002)),
    Aim("key and lookup of a small hit, beside diskcache's own get and the key", "<= 3.0 x", _lookup),
    Aim(
        "code version of a task in a project of 200 modules, unchanged, in a new process",
        "<= 50 ms",
        _at_most("version_cold", "store", 0.05),
    ),
    Aim("the same, asked again in that process", "<= 1 ms", _at_most("version_warm", "store", 0.001)),
    Aim("speed of hashing a file of 1 GB, beside hashlib.file_digest", ">= 80%", _content),
    Aim("1 MB in and out beside flyte's", "<= 0.5 x", _ratio("payload", "flyte", 0.5)),
    Aim("200,000 whole numbers in and out beside flyte's", "<= 0.1 x", _ratio("value-ints", "flyte", 0.1)),
    Aim("10 MB of nested dataclasses in and out beside flyte's", "<= 0.1 x", _ratio("value-dataclasses", "flyte", 0.1)),
    Aim("to a warm replica and back beside a socket echo (sync)", "<= 2.0 x", _ratio("warm-sync", "echo", 2.0, of="seat")),
    Aim("a whole call of a warm replica beside a socket echo (sync)", "<= 2.0 x", _ratio("warm-sync", "echo", 2.0)),
    Aim("a call in a warm container beside one in a process (sync)", "<= 2.0 x", _contained),
    Aim("an environment made by uv, found again and up", "<= 0.2 s", _at_most("environment", "environment", 0.2)),
    Aim("a share of the machine, had and given back: nothing declared, all declared, 1,000 in line", "<= 20 us", _ledger),
    Aim("share of one core that the sampler takes, 50 live tasks", "<= 2%", _sampler),
    Aim("8 x 0.5 s of CPU", ">= 95%", _busy),
    Aim("cold `localflyte run` beside `flyte run --local`", "<= 0.40 x", _ratio("cold", "flyte", 0.4)),
    Aim("`import localflyte` above bare Python", "<= 25 ms", _import),
)
