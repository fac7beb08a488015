"""Loop: something is done with a store over and over, each time with another call to the file system failing, torn or deadly.

    LD_PRELOAD=shim.so python -m faults.loop SCENARIO FOLDER

The process forks for each fault: the child does what the scenario says, under the fault, on a copy of a store of its own. Then
another child, without faults, looks everything up. Printed is a line of JSON: how many faults were injected, and what was false.
"""

from __future__ import annotations

import errno
import gc
import hashlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from collections.abc import Sequence
from typing import NamedTuple

import anyio
from faults import shim
from faults import storing
from faults.shim import ANY
from faults.shim import Calls
from faults.shim import How
from faults.storing import KINDS
from faults.storing import Entry
from faults.storing import Run

from localflyte.launch import census
from localflyte.spec.packed import Packed
from localflyte.store import database
from localflyte.store.memo import Limits
from localflyte.store.memo import Memo

__all__ = ("SCENARIOS", "main")

SECONDS = 20  # that one point may take; reached only where something hangs
BATCH = 40  # points that one fresh process looks at, and that one plays where it survives them
CHANGES = Calls.OPEN | Calls.NAME | Calls.MODE | Calls.WRITE
SPARE = 1 if os.environ.get("LOCALFLYTE_TEST_FAULTS") == "all" else 3  # of so many calls that may fail, one does; each may be the last
AGAIN = 4  # of so many points, one is looked at for whether what was lost can be stored again
DEADLY = (How.KILL, How.TORN)
#: which calls fail in which ways
FAILURES = (
    (errno.ENOSPC, ANY),
    (errno.EIO, ANY),
    (errno.EACCES, Calls.OPEN | Calls.NAME | Calls.MODE),
    (errno.EROFS, CHANGES),
    (errno.ENOLCK, Calls.LOCK),
    (errno.EMFILE, Calls.OPEN),
    (errno.ENOENT, Calls.OPEN | Calls.NAME),
)
#: for each scenario: what the store holds before (None: there is none), what is looked up, and what is stored
SCENARIOS: dict[str, tuple[Sequence[str] | None, Sequence[str], Sequence[str]]] = {
    "first use": (None, (), ("inline", "large")),
    "lookup": (KINDS, KINDS, ()),
    "commit": (("inline", "large"), (), KINDS),
    "turn": (("inline",), ("inline",), ("inline",)),
    "sweep": (("inline", "large", "files"), (), ("large",)),
}


class Point(NamedTuple):
    how: How
    at: int
    error: int = 0
    calls: Calls = ANY

    def __str__(self) -> str:
        error = f" {errno.errorcode[self.error]}" if self.error else ""
        which = f" of {self.calls!r}" if self.calls != ANY else ""
        return f"{self.how.name.lower()} {self.at}{which}{error}"


class Scene:
    """A scenario, with the store that it begins with."""

    def __init__(self, name: str, folder: str) -> None:
        before, looked_up, stored = SCENARIOS[name]
        self.folder = folder
        self.serialize = name == "turn"
        self.before = [storing.make_entry(number, kind, folder, serialize=self.serialize) for number, kind in enumerate(before or ())]
        self.sweeps = name == "sweep"
        self.is_thorough = name != "lookup"
        """Whether calls fail in every way; those that open a store are most of this one, and of another."""
        self.is_open = name in ("commit", "turn", "sweep")
        """Whether the store is in use already; how it is opened is for the others."""
        self.looked_up = [entry for entry in self.before if entry.kind in looked_up]
        self.stored = [storing.make_entry(100 + number, kind, folder, serialize=self.serialize) for number, kind in enumerate(stored)]
        self.model = os.path.join(folder, "model")
        os.mkdir(self.model, 0o700)
        if before is not None:
            in_child(self._fill)

    def _fill(self) -> None:
        async def fill() -> None:
            run = Run(os.path.join(self.folder, "filling"))
            with storing.opened(os.path.join(self.model, "home")) as memo:
                for entry in self.before:
                    assert await storing.store(memo, run, entry), run.said

        anyio.run(fill)

    def place(self, name: str) -> str:
        """:return: a fresh copy of the store, below a folder of its own"""
        place = os.path.join(self.folder, name)
        shutil.copytree(self.model, place)
        return place

    async def play(self, place: str, point: Point, told: int, log: str = "") -> list[str]:
        """Do what the scenario says under a fault, and tell of every entry that the store says it has.

        :return: what is false
        """
        memo = Memo(os.path.join(place, "home"), Limits(max_bytes=1 if self.sweeps else None))
        if self.is_open:
            await storing.find(memo, Run(os.path.join(place, "before")), self.before[0])
        shim.arm(place, point.how, point.at, point.error, point.calls, log)
        found = []
        for entry in self.looked_up + self.stored:
            try:
                outputs, kept = await self._one(memo, Run(os.path.join(place, f"run{entry.number}")), entry)
            except Exception as error:  # that is what is looked for
                return [f"entry {entry.number}: {error!r} out of the store"]
            found.append((entry, outputs))
            if kept:
                os.write(told, f"{entry.number}\n".encode())
        try:
            if self.sweeps:
                await memo.rest()
            memo.close()
        except Exception as error:
            return [f"{error!r} as the store was closed"]
        shim.stop()
        return [text for entry, outputs in found if (text := storing.false_about(entry, outputs))]

    async def _one(self, memo: Memo, run: Run, entry: Entry) -> tuple[tuple[Packed, ...] | None, bool]:
        if self.serialize:
            return await storing.answer(memo, run, entry)
        if entry in self.looked_up:
            return await storing.find(memo, run, entry), False
        return None, await storing.store(memo, run, entry)

    async def inspect(self, place: str, point: Point, told: set[int]) -> list[str]:
        """Look everything up without faults, and store some of it again.

        :return: what is false
        """
        false = []
        home = os.path.join(place, "home")
        run = Run(os.path.join(place, "inspection"))
        kept = {entry.number for entry in self.before} | told if not self.sweeps else set()
        with storing.opened(home) as memo:
            for entry in self.before + self.stored:
                found = await storing.find(memo, run, entry)
                if text := storing.false_about(entry, found):
                    false.append(text)
                if found is None and entry.number in kept:
                    false.append(f"entry {entry.number}: lost: {run.said}")
            for entry in self.stored if point.at % AGAIN == 0 else ():
                again = Run(os.path.join(place, "again"))
                if not await storing.store(memo, again, entry) or await storing.find(memo, again, entry) is None:
                    false.append(f"entry {entry.number}: cannot be stored any more: {again.said}")
        return false + list(self._strange(home, point))

    def _strange(self, home: str, point: Point) -> Iterator[str]:
        """Blobs that are not what their names say, and what was never finished and would stay."""
        blobs = os.path.join(home, "store", "blobs")
        for folder, _folders, names in os.walk(blobs):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.basename(folder) == "new":
                    continue
                with open(path, "rb") as file:
                    if hashlib.sha256(file.read()).hexdigest() != name:
                        yield f"{path} is not what its name says"
        drafts = os.path.join(blobs, "new")
        left = os.listdir(drafts) if os.path.isdir(drafts) else []
        if left and point.how in (How.OFF, How.SHORT):
            yield f"{left} was left"
        for name in left:
            os.utime(os.path.join(drafts, name), (time.time() - 2 * census.DRAFT_SECONDS,) * 2)
        census._remove_drafts(drafts)
        if left and os.listdir(drafts):
            yield f"{left} stays for ever"


def in_child(work: object, *arguments: object) -> int:
    """Do something in a child.

    :return: how it ended, as waitpid tells
    """
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            shim.end_with_parent()
            signal.alarm(SECONDS)
            work(*arguments)  # type: ignore[operator]
            code = 0
        except BaseException:  # told to the parent by the code
            import traceback

            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def points(scene: Scene) -> Iterator[Point]:
    """Every point at which something may go wrong, of those that a faultless run comes by; of calls that fail, every `SPARE`-th.

    Each way to fail begins at another call, so that together they come by all of them.
    """
    log = os.path.join(scene.folder, "log")

    def count(calls: Calls) -> int:
        place = scene.place("counted")
        told = os.open(os.path.join(scene.folder, "told"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        counted = os.path.join(scene.folder, "count")

        def play() -> None:
            assert anyio.run(scene.play, place, Point(How.COUNT, 0, 0, calls), told, log if calls == ANY else "") == []
            with open(counted, "w", encoding="ascii") as file:
                file.write(str(shim.seen()))

        assert in_child(play) == 0
        os.close(told)
        shutil.rmtree(place)
        with open(counted, encoding="ascii") as file:
            return int(file.read())

    whole, writes = count(ANY), count(Calls.WRITE)
    yield from (Point(How.KILL, at) for at in range(1, whole + 1))
    yield from (Point(how, at, 0, Calls.WRITE) for how in (How.TORN, How.SHORT) for at in range(1, writes + 1))
    ways = 0
    for error, calls in FAILURES if scene.is_thorough else FAILURES[:2]:
        many = whole if calls == ANY else count(calls)
        for how in (How.ONCE, How.FROM) if calls == ANY else (How.FROM,):
            yield from (Point(how, at, error, calls) for at in range(1 + ways % SPARE, many + 1, SPARE))
            ways += 1


class Played(NamedTuple):
    """A point that was played, and what there is to be looked at."""

    point: Point
    place: str
    told: str
    """A file of the numbers of the entries that the store said it has."""


class Worker:
    """Plays a scenario at some of its points, a batch at a time: those that end a process in one each, the others all in one.

    :param out: where it is written down what was false
    """

    def __init__(self, scene: Scene, out: str) -> None:
        self.scene = scene
        self.out = out
        self.injected = 0

    def work(self, points: Sequence[Point]) -> None:
        for start in range(0, len(points), BATCH):
            batch = [self._prepare(index, point) for index, point in enumerate(points[start : start + BATCH])]
            deadly = [each for each in batch if each.point.how in DEADLY]
            for each in deadly:
                code = in_child(lambda each=each: anyio.run(self._play, [each]))
                self.injected += code == -signal.SIGKILL
                if code not in (0, -signal.SIGKILL):
                    self.write([(each.point, f"it ended with {code}")])
            if code := in_child(anyio.run, self._play, [each for each in batch if each not in deadly]):
                self.write([(batch[-1].point, f"this, or one of the {BATCH} before, ended with {code}")])
            if code := in_child(anyio.run, self._inspect, batch):
                self.write([(batch[-1].point, f"whoever looked at this, or at one of the {BATCH} before, ended with {code}")])
            for each in batch:
                shutil.rmtree(each.place)
            self.injected += len(batch) - len(deadly)

    def _prepare(self, index: int, point: Point) -> Played:
        place = self.scene.place(f"{os.getpid()}-{index}")
        told = f"{place}.told"
        open(told, "w").close()
        return Played(point, place, told)

    async def _play(self, batch: Sequence[Played]) -> None:
        for each in batch:
            signal.alarm(SECONDS)
            told = os.open(each.told, os.O_WRONLY | os.O_CLOEXEC)
            self.write([(each.point, text) for text in await self.scene.play(each.place, each.point, told)])
            os.close(told)
            if shim.seen() < each.point.at:
                self.write([(each.point, "there was no such call")])

    async def _inspect(self, batch: Sequence[Played]) -> None:
        for each in batch:
            signal.alarm(SECONDS)
            with open(each.told, encoding="ascii") as file:
                told = {int(line) for line in file}
            try:
                false = await self.scene.inspect(each.place, each.point, told)
            except Exception as error:  # whatever it is, it is false
                false = [f"{error!r} afterwards"]
            self.write([(each.point, text) for text in false])

    def write(self, false: Sequence[tuple[Point, str]]) -> None:
        with open(self.out, "a", encoding="utf-8") as file:
            file.writelines(json.dumps([str(point), text]) + "\n" for point, text in false)


async def warm(folder: str) -> None:
    """Do everything once, so that all that it takes is loaded before the first fork."""
    entries = [storing.make_entry(number, kind, folder, serialize=True) for number, kind in enumerate(KINDS)]
    for _ in range(2):
        with storing.opened(os.path.join(folder, "home"), max_bytes=1) as memo:
            for entry in entries:
                found, kept = await storing.answer(memo, Run(os.path.join(folder, "run")), entry)
                assert kept
                assert storing.false_about(entry, found) == ""
            await memo.rest()


def main() -> int:
    """Go through all points of a scenario, on as many cores as there are."""
    name, folder = sys.argv[1:3]
    database.BUSY_SECONDS = 0.02  # nobody else is there: whoever finds the database busy finds a fault
    anyio.run(warm, os.path.join(folder, "warm"))
    scene = Scene(name, folder)
    gc.freeze()
    every = list(points(scene))
    cores = len(os.sched_getaffinity(0))
    outs = [os.path.join(folder, f"out{number}") for number in range(cores)]
    pids = []
    for number, out in enumerate(outs):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                shim.end_with_parent()
                worker = Worker(scene, out)
                worker.work(every[number::cores])
                with open(f"{out}.injected", "w", encoding="ascii") as file:
                    file.write(str(worker.injected))
                code = 0
            finally:
                os._exit(code)
        pids.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    assert not any(codes), codes
    false, injected = [], 0
    for out in outs:
        if os.path.exists(out):
            with open(out, encoding="utf-8") as file:
                false += [json.loads(line) for line in file]
        with open(f"{out}.injected", encoding="ascii") as file:
            injected += int(file.read())
    print(json.dumps({"points": len(every), "injected": injected, "false": false}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
