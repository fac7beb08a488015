"""Rows: what is measured, how often, and by whom."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ("ROWS", "Row")

EVERYBODY = ("localflyte", "floor", "flyte", "futures", "loky")
ENGINES = ("localflyte", "flyte")
WARM = ("localflyte", "seat", "echo", "flyte")
CACHE = "The cache"
VALUES = "Values, in and out of one call"
VERSIONS = ("store", "memory", "flyte")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    name: str
    title: str
    program: str
    calls: int
    """Calls in one process of the subject; a pool that is slow gets fewer, see `Subject.most_calls`."""
    rounds: int = 5
    quick_calls: int
    """Calls under ``--quick``; 0 leaves the row out."""
    subjects: tuple[str, ...] = EVERYBODY
    warm: bool = False
    """Run once before measuring, so that the measured run finds everything in the cache."""
    drawn: bool = True
    """Whether the picture shows it; what is no single call would stretch its scale."""
    table: str = "Times"
    """The table of the page that it stands in."""


ROWS = (
    Row(name="sequential-async", title="no-op call, async task", program="sequential_async", calls=300, quick_calls=100),
    Row(name="sequential-sync", title="no-op call, sync task", program="sequential_sync", calls=300, quick_calls=100),
    Row(name="fanout-async", title="fan-out of 1,000, a call, async task", program="fanout_async", calls=1000, quick_calls=1000),
    Row(name="fanout-sync", title="fan-out of 1,000, a call, sync task", program="fanout_sync", calls=1000, quick_calls=1000),
    Row(
        name="fanout-10000",
        title="fan-out of 10,000, a call, async task",
        program="fanout_async",
        calls=10_000,
        rounds=3,
        quick_calls=0,
        subjects=("localflyte", "floor", "flyte", "loky"),
    ),
    Row(
        name="cached-async",
        title="cache hit in a second run, async task",
        program="cached_async",
        calls=500,
        quick_calls=100,
        subjects=("localflyte", "flyte", "memory"),
        warm=True,
        table=CACHE,
    ),
    Row(
        name="cached-sync",
        title="cache hit in a second run, sync task",
        program="cached_sync",
        calls=500,
        quick_calls=100,
        subjects=("localflyte", "flyte", "memory"),
        warm=True,
        table=CACHE,
    ),
    Row(name="payload", title="1 MB of bytes in and out", program="payload", calls=40, quick_calls=20),
    Row(
        name="nested",
        title="nested pair, both calls",
        program="nested",
        calls=150,
        quick_calls=50,
        subjects=("localflyte", "floor", "flyte"),
    ),
    Row(
        name="warm-async", title="no-op call of a warm replica, async task", program="warm_async", calls=300, quick_calls=100, subjects=WARM
    ),
    Row(name="warm-sync", title="no-op call of a warm replica, sync task", program="warm_sync", calls=300, quick_calls=100, subjects=WARM),
    Row(
        name="contained-sync",
        title="no-op call in a warm container, sync task",
        program="contained_sync",
        calls=300,
        quick_calls=100,
        subjects=("container",),
        drawn=False,
    ),
    Row(
        name="environment",
        title="environment made by uv, found again and up",
        program="environment",
        calls=10,
        rounds=3,
        quick_calls=3,
        subjects=("environment",),
        drawn=False,
    ),
    Row(
        name="sampler",
        title="sampler with 50 live tasks, CPU a second",
        program="sampler",
        calls=10,
        rounds=3,
        quick_calls=3,
        subjects=("sampler",),
        drawn=False,
    ),
    *(
        Row(name=name, title=title, program=name, calls=3000, rounds=3, quick_calls=1000, subjects=("ledger",), drawn=False)
        for name, title in (
            ("ledger", "ledger: acquire and release, nothing declared"),
            ("ledger_declared", "ledger: CPU, memory, GPU and a queue declared"),
            ("ledger_line", "ledger: the same two, 1,000 in line"),
        )
    ),
    Row(
        name="lookup",
        title="key and lookup of a small hit, in the store",
        program="lookup",
        calls=500,
        quick_calls=200,
        subjects=("store", "diskcache"),
        warm=True,
        table=CACHE,
    ),
    Row(
        name="lookup_key",
        title="the key of it alone",
        program="lookup_key",
        calls=500,
        quick_calls=200,
        subjects=("store",),
        drawn=False,
        table=CACHE,
    ),
    *(
        Row(
            name=name,
            title=title,
            program=name,
            calls=calls,
            rounds=rounds,
            quick_calls=1,
            subjects=VERSIONS,
            drawn=False,
            table=CACHE,
            warm=True,
        )
        for name, title, calls, rounds in (
            ("version_new", "code version of a task, 200 modules, just written", 1, 5),
            ("version_cold", "the same, unchanged, in a new process", 1, 11),
            ("version_warm", "the same, asked again in that process", 200, 3),
        )
    ),
    Row(
        name="content",
        title="content of a file hashed, a GB",
        program="content",
        calls=2,
        rounds=3,
        quick_calls=1,
        subjects=("store", "hashlib"),
        drawn=False,
        table=CACHE,
    ),
    *(
        Row(
            name=name,
            title=title,
            program=name.replace("-", "_"),
            calls=calls,
            rounds=2,
            quick_calls=1,
            subjects=ENGINES,
            drawn=False,
            table=VALUES,
        )
        for name, title, calls in (
            ("value-ints", "200,000 whole numbers", 1),
            ("value-dataclasses", "10 MB of nested dataclasses", 2),
            ("value-files", "1,000 files", 5),
            ("value-frames", "a pandas table of 1,000 rows", 10),
        )
    ),
    Row(name="chain", title="chain 40 deep, a link", program="chain", calls=10, quick_calls=3, subjects=ENGINES),
    Row(name="cpu", title="8 x 0.5 s of CPU, wall time", program="cpu", calls=8, rounds=3, quick_calls=8, drawn=False),
    Row(
        name="cold",
        title="`localflyte run` of a hello, whole command",
        program="hello",
        calls=1,
        rounds=15,
        quick_calls=1,
        subjects=("localflyte", "python", "flyte"),
        drawn=False,
    ),
    Row(
        name="import",
        title="`import localflyte`, whole interpreter",
        program="",
        calls=1,
        rounds=25,
        quick_calls=1,
        subjects=("localflyte", "python", "flyte"),
        drawn=False,
    ),
)
