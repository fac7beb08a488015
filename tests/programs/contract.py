"""What every way to run a task has to hold, as tasks of environments that differ in nothing else: a process, a replica, a container, ..."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import localflyte as flyte
from localflyte.io import Dir
from localflyte.io import File

IMAGE = os.environ.get("LOCALFLYTE_TEST_IMAGE", "localflyte/testbase:py")
seen: list[int] = []
if "LOCALFLYTE_TEST_THREAD_AT_IMPORT" in os.environ:  # nothing can be forked after that: each call imports for itself
    threading.Thread(target=threading.Event().wait, daemon=True).start()


@dataclass
class Point:
    x: int
    name: str
    tags: dict[str, list[float]]


def where() -> dict[str, str]:
    return {"pid": str(os.getpid()), "python": sys.executable, "cwd": os.getcwd(), "attempt": os.environ["FLYTE_ATTEMPT_NUMBER"]}


def remembers(x: int) -> list[int]:
    seen.append(x)
    return seen


async def values(
    point: Point, text: str, maybe: int | None, rows: list[Point], blob: bytes
) -> tuple[Point, str, int | None, list[Point], bytes]:
    point.tags["seen"] = [1.5]
    return point, text[::-1], maybe, rows, blob[::-1]


async def reads(file: File, folder: Dir) -> tuple[File, Dir, str]:
    """Read what is given, and give files that were made where nobody else looks."""
    async with file.open() as stream:
        text = bytes(await stream.read()).decode()
    names = [each.name async for each in folder.walk()]
    made = Path(tempfile.mkdtemp())
    (made / "sub").mkdir()
    (made / "upper.txt").write_text(text.upper())
    (made / "sub" / "names.txt").write_text(" ".join(sorted(names)))
    return await File.from_local(str(made / "upper.txt")), await Dir.from_local(str(made / "sub")), text


def raises(kind: str) -> int:
    if kind == "raise":
        raise LookupError("nothing here")
    if kind == "exit":
        sys.exit(3)
    if kind == "_exit":
        os._exit(0)
    if kind == "segv":
        os.kill(os.getpid(), signal.SIGSEGV)
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "group":
        os.killpg(0, signal.SIGKILL)
    return 0


def prints(lines: int) -> int:
    for number in range(lines):
        print("line", number)
    print("last", file=sys.stderr)
    return lines


def holds(mib: int) -> int:
    block = bytearray(mib << 20)
    for place in range(0, len(block), 4096):
        block[place] = 1
    return len(block)


def sleeps(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def ignores(seconds: float) -> float:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.1)
    return seconds


def environment(name: str) -> str:
    return os.environ.get(name, "")


def length_of(name: str) -> int:
    """How long a secret is that comes as a variable, or, by its path, as a file."""
    return len(Path(name).read_text() if "/" in name else os.environ.get(name, ""))


def flaky() -> int:
    attempt = int(os.environ["FLYTE_ATTEMPT_NUMBER"])
    if attempt < 2:
        raise RuntimeError(f"attempt {attempt}")
    return attempt


def tasks_of(env: flyte.TaskEnvironment) -> SimpleNamespace:
    """Every task above, in an environment."""
    bodies = (where, remembers, values, reads, raises, prints, sleeps, environment, length_of)
    tasks = SimpleNamespace(**{body.__name__: env.task(body) for body in bodies})
    tasks.flaky = env.task(retries=2)(flaky)
    tasks.brief = env.task(timeout=1, short_name="brief")(ignores)
    tasks.holds = env.task(holds)
    tasks.env = env
    return tasks


plain = tasks_of(flyte.TaskEnvironment("plain"))
replica = tasks_of(flyte.TaskEnvironment("replica", reusable=flyte.ReusePolicy(replicas=2, idle_ttl=60)))
container = tasks_of(flyte.TaskEnvironment("container", image=IMAGE))
warm = tasks_of(flyte.TaskEnvironment("warm", image=IMAGE, reusable=flyte.ReusePolicy(replicas=1, idle_ttl=60)))
venv = tasks_of(flyte.TaskEnvironment("venv", image=flyte.Image.from_debian_base(name="contract").with_pip_packages("sample_of_contract")))
KINDS = {"plain": plain, "replica": replica, "container": container, "warm": warm, "venv": venv}

driver = flyte.TaskEnvironment("driver")  # a run is refused whose environment depends on an image that cannot be had, so it names none


@driver.task
async def calls(kind: str, count: int) -> list[str]:
    """Call a kind from a process, many at once."""
    found = await asyncio.gather(*(KINDS[kind].where.aio() for _ in range(count)))
    return sorted({each["pid"] for each in found})


@driver.task
async def cancels(kind: str) -> str:
    try:
        await asyncio.wait_for(KINDS[kind].sleeps.aio(60.0), 1.0)
    except TimeoutError:
        return "cancelled"
    return "came back"


async def chain(own: SimpleNamespace, text: str) -> tuple[str, str]:
    made = Path(tempfile.mkdtemp()) / "given.txt"
    made.write_text(text)
    folder = made.parent
    file, _, _ = await own.reads(await File.from_local(str(made)), await Dir.from_local(str(folder)))
    again, _, _ = await plain.reads(file, await Dir.from_local(str(folder)))
    async with again.open() as stream:
        upper = bytes(await stream.read()).decode()
    return upper, (await own.where.aio())["pid"]


@plain.env.task
async def plain_parent(text: str) -> tuple[str, str]:
    return await chain(plain, text)


@container.env.task
async def container_parent(text: str) -> tuple[str, str]:
    return await chain(container, text)


@warm.env.task
async def warm_parent(text: str) -> tuple[str, str]:
    return await chain(warm, text)


@replica.env.task
async def replica_parent(text: str) -> tuple[str, str]:
    return await chain(replica, text)


@venv.env.task
async def venv_parent(text: str) -> tuple[str, str]:
    return await chain(venv, text)


PARENTS = {"plain": plain_parent, "replica": replica_parent, "container": container_parent, "warm": warm_parent, "venv": venv_parent}


@driver.task
async def beside() -> tuple[str, int]:
    """One call that runs out of memory, beside one that does not."""
    task = container.holds.override(resources=flyte.Resources(memory="64Mi", cpu=0.5))
    one, other = await asyncio.gather(task.aio(300), task.aio(30), return_exceptions=True)
    return type(one).__name__, other


@container.env.task
def marks(note: str) -> str:
    """Wait to be killed with everything around it, the first time."""
    if os.path.exists(note):
        return "1"
    Path(note).write_text(socket.gethostname())
    time.sleep(600)
    return "0"


@driver.task
async def kills_its_container(engine: str, note: str) -> str:
    call = asyncio.create_task(marks.aio(note))
    while not os.path.exists(note) or not Path(note).read_text():
        await asyncio.sleep(0.05)
    await asyncio.create_subprocess_exec(engine, "kill", Path(note).read_text())
    return await call
