"""Hammer: eight processes store and look up the entries of one store while they are killed at random; then every entry is verified.

    python -m tests.faults.hammer --seconds 60

Each process takes entries by chance: one that it finds must be what everybody stores under that key, and one that it does not find it
stores, and writes down that it did. What was written down must be found in the end, unless a sweep may have taken it.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import anyio
from faults import storing
from faults.outside import ROOT
from faults.storing import Entry
from faults.storing import Run

from localflyte.store.layout import Layout
from localflyte.store.memo import Limits
from localflyte.store.memo import Memo
from localflyte.store.sweep import sweep

__all__ = ("ENTRIES", "PROCESSES", "Tally", "hammer", "main", "race")

PROCESSES = 8
ENTRIES = 200
KILL_EVERY = (0.02, 0.3)  # seconds between two kills
REST_EVERY = 25  # entries after which a process rests, as an engine does between two runs
OVERWRITES = 0.3  # of all runs look nothing up, and store anew
RACE_SECONDS = 60.0  # reached only where something hangs
START_SECONDS = 30.0  # for a process to be at work; reached only where something hangs


@dataclass
class Tally:
    killed: int = 0
    swept: int = 0
    stored: int = 0
    found: int = 0
    missed: int = 0
    notices: dict[str, int] = field(default_factory=dict)
    verified: int = 0
    false: list[str] = field(default_factory=list)


def entries(folder: Path) -> list[Entry]:
    """:return: all entries, of all kinds: mostly of values that fit a record, some of a blob, some of files; made if they are not there"""
    found = []
    for number in range(ENTRIES):
        kind = ("files", "large", "inline", "inline")[number % 4]
        place = folder / f"made{number}"
        entry = Entry(number, kind, str(place), serialize=number % 3 == 0)
        if kind == "files" and not place.exists():
            storing.make_entry(number, kind, str(folder), serialize=entry.serialize)
        found.append(entry)
    return found


def hammer(folder: Path, seconds: float, *, kills: bool = True, sweeps: bool = False, seed: int = 0) -> Tally:
    """Have the processes at it for a while, and verify.

    :param kills: kill one of them now and then
    :param sweeps: sweep all the time
    """
    tally, chance = Tally(), random.Random(seed)
    entries(folder)
    workers = [_start(folder, chance.random()) for _ in range(PROCESSES)]
    try:
        _wait_until_at_work(folder, workers)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for number, worker in enumerate(workers):
                if worker.poll() is not None:
                    tally.false.append(f"a process ended by itself with {worker.returncode}")
                    workers[number] = _start(folder, chance.random())
            if sweeps:
                sweep(Layout(str(folder / "home")), max_bytes=1 << 20)
                tally.swept += 1
            if kills:
                time.sleep(chance.uniform(*KILL_EVERY))
                number = chance.randrange(PROCESSES)
                workers[number].kill()
                workers[number].wait()
                workers[number] = _start(folder, chance.random())
                tally.killed += 1
            elif not sweeps:
                time.sleep(0.05)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    _count(folder, tally)
    anyio.run(_verify, folder, tally, sweeps)
    return tally


def race(folder: Path, seed: int = 0) -> Tally:
    """Have each of the processes take each entry once, all at the same time, and verify."""
    tally = Tally()
    entries(folder)
    workers = [_start(folder, seed + number, "--once") for number in range(PROCESSES)]
    try:
        codes = [worker.wait(RACE_SECONDS) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    tally.false += [f"a process ended with {code}" for code in codes if code]
    _count(folder, tally)
    anyio.run(_verify, folder, tally, False)
    return tally


def _start(folder: Path, seed: float, *more: str) -> subprocess.Popen[bytes]:
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    return subprocess.Popen([sys.executable, "-m", "faults.hammer", "--work", str(folder), "--seed", str(seed), *more], env=environ)


def _wait_until_at_work(folder: Path, workers: list[subprocess.Popen[bytes]]) -> None:
    give_up = time.monotonic() + START_SECONDS
    while len(list((folder / "told").glob("*"))) < len(workers) and time.monotonic() < give_up:
        time.sleep(0.01)


# -- one of the processes ------------------------------------------------------------------------------------------------


async def _work(folder: Path, seed: float, once: bool) -> None:
    """Take entries, each once or until somebody kills this process, or whoever started it is gone."""
    chance, every, parent = random.Random(seed), entries(folder), os.getppid()
    (folder / "told").mkdir(exist_ok=True)
    told = os.open(folder / "told" / str(os.getpid()), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    memo, count = Memo(str(folder / "home"), Limits()), 0
    todo = chance.sample(every, len(every)) if once else None
    while os.getppid() == parent and todo != []:
        entry = chance.choice(every) if todo is None else todo.pop()
        run = Run(str(folder / "runs" / f"{os.getpid()}-{count}"))
        if chance.random() < OVERWRITES:
            run.request = replace(run.request, overwrite_cache=True)
        found, kept = await storing.answer(memo, run, entry)
        false = storing.false_about(entry, found)
        what = "found" if found is not None else "stored" if kept else "missed"
        lines = [f"{what} {entry.number}", *([f"false {false}"] if false else []), *(f"notice {_kind(text)}" for text in run.said)]
        shutil.rmtree(run.folder, ignore_errors=True)
        os.write(told, "".join(f"{line}\n" for line in lines).encode())
        count += 1
        if count % REST_EVERY == 0:
            await memo.rest()


def _kind(text: str) -> str:
    """:return: a notice without what is different each time"""
    return " ".join(word for word in text.split() if "/" not in word and not any(map(str.isdigit, word)))[:120]


# -- afterwards ----------------------------------------------------------------------------------------------------------


def _count(folder: Path, tally: Tally) -> None:
    for path in (folder / "told").iterdir():
        for line in path.read_text().splitlines():
            what, _, rest = line.partition(" ")
            match what:
                case "found":
                    tally.found += 1
                case "stored":
                    tally.stored += 1
                case "missed":
                    tally.missed += 1
                case "notice":
                    tally.notices[rest] = tally.notices.get(rest, 0) + 1
                case _:
                    tally.false.append(line)


async def _verify(folder: Path, tally: Tally, may_be_gone: bool) -> None:
    """Look up every entry, and look at every file of the store."""
    kept = {
        int(line.split()[1]) for path in (folder / "told").iterdir() for line in path.read_text().splitlines() if line.startswith("stored ")
    }
    home = folder / "home"
    with storing.opened(str(home)) as memo:
        for entry in entries(folder):
            run = Run(str(folder / "runs" / f"verify{entry.number}"))
            found = await storing.find(memo, run, entry)
            tally.verified += found is not None
            tally.false += [text for text in [storing.false_about(entry, found), *run.said] if text]
            if found is None and entry.number in kept and not may_be_gone:
                tally.false.append(f"entry {entry.number} was stored, and is not there")
    with closing(sqlite3.connect(home / "store" / "index" / "cache.db")) as index:
        answer = index.execute("PRAGMA integrity_check").fetchall()
        if answer != [("ok",)]:
            tally.false.append(f"the index is damaged: {answer}")
    aside = [path.name for path in (home / "store").glob("index.damaged-*")] + list(
        map(str, (home / "store" / "blobs" / "damaged").glob("*"))
    )
    tally.false += [f"{name} was set aside" for name in aside]


def main() -> int:
    """Hammer for as long as the command line says, print what was counted, and fail if an answer was false."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.hammer")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=float, default=0.0)
    parser.add_argument("--sweeps", action="store_true", help="sweep all the time")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work is not None:
        with suppress(KeyboardInterrupt):
            anyio.run(_work, options.work, options.seed, options.once)
        return 0
    with tempfile.TemporaryDirectory(prefix="localflyte-hammer-") as folder:
        tally = hammer(Path(folder), options.seconds, sweeps=options.sweeps, seed=int(options.seed))
    for name, value in vars(tally).items():
        print(f"{name}: {value}")
    return 1 if tally.false or not tally.found else 0


if __name__ == "__main__":
    sys.exit(main())
