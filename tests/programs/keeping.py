"""Cached tasks whose files and folders are not left in peace, and cached tasks that fail. Imported by workers: nothing of pytest."""

from __future__ import annotations

import asyncio
import mmap
import os
import resource
import shutil
import sys
import time
from datetime import timedelta
from pathlib import Path

import localflyte as flyte
from localflyte.io import Dir
from localflyte.io import File

env = flyte.TaskEnvironment(name="keeping")
CACHED = flyte.Cache(behavior="auto", ignored_inputs=("marks", "way"))


def mark(path: str) -> int:
    """Note that a task ran; the file counts."""
    with open(path, "a", encoding="utf-8") as file:
        file.write("x")
    return os.path.getsize(path)


# -- every kind of output ------------------------------------------------------------------------------------------------


@env.task(cache=CACHED)
def small(x: int, marks: str) -> int:
    mark(marks)
    return 3 * x


@env.task(cache=CACHED)
def large(x: int, marks: str) -> bytes:
    mark(marks)
    return bytes([x]) * 300_000


@env.task(cache=CACHED)
def note(x: int, marks: str) -> File:
    mark(marks)
    file = File.new_remote("note.txt")
    Path(file.path).write_text(str(x) * 1000)
    return file


@env.task(cache=CACHED)
def tree(x: int, marks: str) -> Dir:
    mark(marks)
    folder = Dir.new_remote("tree")
    os.makedirs(os.path.join(folder.path, "sub"))
    Path(folder.path, "sub", "data").write_bytes(bytes([x]) * 50_000)
    Path(folder.path, "same").write_text("same")
    return folder


@env.task
async def everything(marks: str, n: int = 3) -> list[int]:
    """Of each kind some, as numbers that say whether they are right."""
    told = list(await asyncio.gather(*[small.aio(x, marks) for x in range(n)]))
    for x in range(n):
        block = await large.aio(x, marks)
        told += [len(block), sum(block)]
        told.append(len(Path((await note.aio(x, marks)).path).read_text()))
        folder = await tree.aio(x, marks)
        told.append(sum(Path(folder.path, "sub", "data").read_bytes()) + len(Path(folder.path, "same").read_text()))
    return told


def right(n: int = 3) -> list[int]:
    """What `everything` gives."""
    told = [3 * x for x in range(n)]
    for x in range(n):
        told += [300_000, 300_000 * x, 1000, 50_000 * x + 4]
    return told


@env.task
async def twice(marks: str, folder: str) -> list[int]:
    """Use a result, wait until somebody says so, and use it again."""
    first = await note.aio(7, marks)
    open(os.path.join(folder, "used"), "w").close()
    while not os.path.exists(os.path.join(folder, "go")):
        await asyncio.sleep(0.005)
    second = await note.aio(7, marks)
    return [len(Path(file.path).read_text()) for file in (first, second)]


# -- inputs that change, and copies that are spoilt ----------------------------------------------------------------------


@env.task(cache=CACHED)
def disturbs(file: File, folder: Dir, way: str, marks: str) -> int:
    """Do something to the inputs where they lie."""
    mark(marks)
    path, inside = Path(file.path), Path(folder.path)
    match way:
        case "append":
            with open(path, "a", encoding="utf-8") as stream:
                stream.write("more")
        case "in place":
            state = path.stat()
            path.write_text("x" * state.st_size)
            os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
        case "replace":
            path.with_name("other").write_text("other")
            path.with_name("other").replace(path)
        case "remove":
            path.unlink()
        case "add to the folder":
            (inside / "new").write_text("new")
        case "empty folder":
            (inside / "empty").mkdir()
        case "remove from the folder":
            shutil.rmtree(inside)
        case "touch":
            os.utime(path)
    return 1


@env.task(cache=CACHED)
def spoils(x: int, way: str, marks: str) -> int:
    """Take a cached file, and change what was given out."""
    path = Path(note(x, marks).path)
    match way:
        case "append":
            with open(path, "a", encoding="utf-8") as stream:
                stream.write("more")
        case "truncate":
            os.truncate(path, 3)
        case "chmod and write":
            path.chmod(0o777)
            path.write_text("other")
        case "map":
            with open(path, "r+b") as stream, mmap.mmap(stream.fileno(), 0) as memory:
                memory[:5] = b"other"
        case "hard link":
            os.link(path, path.with_name("linked"))
            path.with_name("linked").write_text("other")
    return len(path.read_text())


@env.task(retries=2, cache=CACHED)
def half(marks: str) -> File:
    """Fail with half an output written, twice; then tell what was there, and write all of it."""
    count = mark(marks)
    place = Dir.new_remote("place")
    found = sorted(os.listdir(place.path))
    out = Path(place.path, "out.txt")
    with open(out, "a", encoding="utf-8") as stream:
        stream.write(f"{found} {flyte.ctx().attempt_number} ")
        stream.flush()
        if count < 3:
            raise ValueError("half way")
        stream.write("whole")
    return File(path=str(out))


# -- turns ---------------------------------------------------------------------------------------------------------------


@env.task(cache=flyte.Cache(behavior="auto", serialize=True, ignored_inputs=("folder",)))
def in_turn(x: int, folder: str) -> int:
    """Note that it runs, and go on when somebody says so."""
    mark(os.path.join(folder, "ran"))
    while not os.path.exists(os.path.join(folder, "go")):
        time.sleep(0.005)
    return 5 * x


# -- failures ------------------------------------------------------------------------------------------------------------


@env.task(cache=CACHED, timeout=flyte.Timeout(max_runtime=timedelta(seconds=0.3)))
def times_out(way: str) -> int:
    time.sleep(1000)
    return 1


@env.task(cache=CACHED, timeout=flyte.Timeout(deadline=timedelta(seconds=0.3)))
def comes_too_late(way: str) -> int:
    time.sleep(1000)
    return 1


@env.task(cache=CACHED, max_inline_io_bytes=1000)
def too_large(way: str) -> bytes:
    return b"x" * 2000


@env.task(cache=CACHED)
def nothing_there(way: str) -> File:
    """Give a file that is not there, or is none."""
    file = File.new_remote("out")
    if way == "fifo":
        os.mkfifo(file.path)
    return file


@env.task(cache=CACHED)
def out_of_descriptors(way: str) -> int:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    held = []
    while True:
        held.append(open("/dev/null"))


@env.task(cache=CACHED)
async def cancelled(way: str) -> int:
    await asyncio.sleep(1000)
    return 1


@env.task
async def gives_up(folder: str) -> str:
    """Give up a cached call while it runs."""
    task = asyncio.ensure_future(cancelled.aio(""))
    await asyncio.sleep(0.3)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return "cancelled"
    return "not cancelled"


@env.task(cache=CACHED)
def has_no_store(way: str) -> list[str]:
    """Tell what of the store is in this process: open files, and modules."""
    here = [os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{name}")]
    above = [os.readlink(f"/proc/{os.getppid()}/fd/{name}") for name in os.listdir(f"/proc/{os.getppid()}/fd")]
    files = [path for path in here + above if "/store/" in path or "cache.db" in path]
    return files + sorted(name for name in sys.modules if name.startswith(("sqlite3", "_sqlite3", "diskcache", "localflyte.store")))


# -- keys ----------------------------------------------------------------------------------------------------------------


@env.task(cache=CACHED)
def of_float(x: float, marks: str) -> int:
    return mark(marks)


@env.task(cache=CACHED)
def of_text(x: str, marks: str) -> int:
    return mark(marks)


@env.task(cache=CACHED)
def of_number_or_flag(x: int | bool | float, marks: str) -> int:  # noqa: PYI041 - three types with equal values
    return mark(marks)


@env.task(cache=CACHED)
def of_dict(x: dict[str, int], marks: str) -> int:
    return mark(marks)


@env.task(cache=CACHED)
def of_file(x: File, marks: str) -> int:
    return mark(marks)
