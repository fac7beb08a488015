"""Row 35: a soak. Runs go on and on while children, fork servers and engines are killed at random; promises 1 to 3 are checked throughout.

    python -m tests.faults.soak --seconds 600

1. The truth or nothing: every output that a run gives is checked, and what the cache gives is what the task would have given.
2. One order, one outcome: every run that its engine lived to end has one; one whose engine was killed is shown as lost.
3. Nothing left: 2 s after an engine was killed, no process of it lives.

And within an engine that lives, memory, descriptors and threads stay flat.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from faults.outside import Program

from localflyte.runs.history import list_runs
from localflyte.runs.record import State

__all__ = ("main",)

ENGINE_SECONDS = (20.0, 45.0)  # that an engine lives before it is killed
KILL_EVERY = (0.05, 0.6)  # seconds between two kills of a child
SERVER_EVERY = (4.0, 12.0)  # seconds between two kills of a fork server: four a minute are replaced, more are done without
WARM_RUNS = 5  # whose growth is the loading of what is loaded once
MOST_GROWTH = {"rss": 24 * 2**20, "fds": 24, "threads": 3}

PROGRAM = """
import json, os, threading, time
import psutil
import localflyte as flyte
from programs import soaking

def numbers():
    me = psutil.Process()
    return {"rss": me.memory_info().rss, "fds": me.num_fds(), "threads": threading.active_count()}

count = 0
while True:
    runner = flyte.with_runcontext(sinks=[lambda event: None])
    try:
        result = runner.run(soaking.everything, seed=count).outputs()[0]
        told = "right" if result == soaking.expected(count) else f"WRONG: {result}"
    except flyte.errors.BaseRuntimeError as error:
        told = f"failed: {error.code}"
    count += 1
    with open("told", "a") as file:
        file.write(json.dumps({"told": told, **numbers()}) + "\\n")
"""


@dataclass
class Tally:
    engines: int = 0
    runs: int = 0
    right: int = 0
    lost: int = 0
    killed: dict[str, int] = field(default_factory=lambda: {"child": 0, "server": 0, "engine": 0})
    failed: dict[str, int] = field(default_factory=dict)
    growth: dict[str, int] = field(default_factory=lambda: dict.fromkeys(MOST_GROWTH, 0))
    faults: list[str] = field(default_factory=list)


def main() -> int:
    """Soak for as long as the command line says, print what was counted, and fail if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance, tally = random.Random(options.seed), Tally()
    end = time.monotonic() + options.seconds
    with tempfile.TemporaryDirectory(prefix="localflyte-soak-") as folder:
        home = Path(folder, "home")
        while time.monotonic() < end:
            work = Path(folder, str(tally.engines))
            work.mkdir()
            _live_and_die(work, home, chance, tally, min(chance.uniform(*ENGINE_SECONDS), end - time.monotonic()))
        _check_history(home, tally)
    for name, value in vars(tally).items():
        print(f"{name}: {value}")
    return 1 if tally.faults or not tally.right else 0


def _live_and_die(work: Path, home: Path, chance: random.Random, tally: Tally, seconds: float) -> None:
    """Start an engine, kill children and servers of it for a while, and then it."""
    program = Program(work, PROGRAM, env={"LOCALFLYTE_HOME": str(home), "LOCALFLYTE_SYSTEM_RETRIES": "1000"})
    try:
        end = time.monotonic() + seconds
        server_at = time.monotonic() + chance.uniform(*SERVER_EVERY)
        while time.monotonic() < end:
            time.sleep(min(chance.uniform(*KILL_EVERY), max(end - time.monotonic(), 0)))
            kind = "server" if time.monotonic() > server_at else "child"
            if _kill_one(program, kind, chance):
                tally.killed[kind] += 1
                if kind == "server":
                    server_at = time.monotonic() + chance.uniform(*SERVER_EVERY)
            if program.process.poll() is not None:
                tally.faults.append(f"an engine ended by itself: {program.finish()} {program.err[-2000:]}")
                return
        program.process.kill()
        program.process.wait()
        tally.killed["engine"] += 1
        tally.engines += 1
        if left := program.left_after():
            tally.faults.append(f"left running: {left}")
    finally:
        program.close()
        _read(work / "told", tally)


def _kill_one(program: Program, kind: str, chance: random.Random) -> bool:
    """:return: whether there was one to be killed"""
    servers = [child for child in program.me.children() if child.status() != psutil.STATUS_ZOMBIE]
    try:
        found = servers if kind == "server" else [child for server in servers for child in server.children()]
        if not found:
            return False
        chance.choice(found).kill()
    except psutil.Error:
        return False
    return True


def _read(told: Path, tally: Tally) -> None:
    """Count what an engine told of its runs, and how it grew."""
    rows: list[dict[str, Any]] = [json.loads(line) for line in told.read_text().splitlines()] if told.exists() else []
    for row in rows:
        tally.runs += 1
        if row["told"] == "right":
            tally.right += 1
        elif row["told"].startswith("WRONG"):
            tally.faults.append(row["told"])
        else:
            tally.failed[row["told"]] = tally.failed.get(row["told"], 0) + 1
    if len(rows) > 2 * WARM_RUNS:
        for name, most in MOST_GROWTH.items():
            grown = min(row[name] for row in rows[-WARM_RUNS:]) - min(row[name] for row in rows[WARM_RUNS : 2 * WARM_RUNS])
            tally.growth[name] = max(tally.growth[name], grown)
            if grown > most:
                tally.faults.append(f"{name} grew by {grown} in {len(rows)} runs")


def _check_history(home: Path, tally: Tally) -> None:
    """Each run has ended in one way that is true: as it told, or lost with its engine."""
    states = [run.status for run in list_runs(home)]
    tally.lost = states.count(State.LOST)
    succeeded = states.count(State.SUCCEEDED)
    if State.RUNNING in states:
        tally.faults.append("a run of a dead engine is shown as running")
    # A run may have ended in the journal just before its engine was killed, and not been told.
    if not tally.right <= succeeded <= tally.right + tally.killed["engine"]:
        tally.faults.append(f"{tally.right} runs told of success, and the history knows {succeeded}")
    if tally.lost > tally.killed["engine"]:
        tally.faults.append(f"{tally.lost} runs are lost, and {tally.killed['engine']} engines were killed")


if __name__ == "__main__":
    sys.exit(main())
