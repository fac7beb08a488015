"""Checkup: what this machine has for localflyte, each thing tried without a task."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

from localflyte.api.sync import run_blocking
from localflyte.cli.finding import Examination
from localflyte.cli.finding import Finding
from localflyte.cli.finding import Verdict
from localflyte.images.engines import find_engine
from localflyte.images.uv import INSTALL_UV
from localflyte.images.uv import find_uv
from localflyte.launch.census import killed
from localflyte.launch.gpus import GPU_VARIABLE
from localflyte.launch.gpus import visible_gpus
from localflyte.launch.ground import Ground
from localflyte.launch.ground import find_ground
from localflyte.launch.leftovers import all_group_folders
from localflyte.launch.leftovers import leftovers
from localflyte.launch.machine import usable_cores
from localflyte.launch.machine import usable_memory
from localflyte.launch.wall import WallMaker
from localflyte.runs.folder import make_private_folder

__all__ = ("check_up",)

MIB = 1 << 20
GIB = 1 << 30
LITTLE_DISK = GIB
WALL_BYTES = 64 * MIB
SHARE = 0.2  # of a core
SHARE_GIVE = 0.15
SLOW_MOVE = 0.005  # seconds
HUNGRY = f"import sys; sys.stdin.readline(); block = bytearray({4 * WALL_BYTES}); print('still here')"
BUSY = """
import sys, time
sys.stdin.readline()
used, end = time.process_time(), time.monotonic() + 1
while time.monotonic() < end: pass
print(time.process_time() - used)
"""


def check_up(exam: Examination) -> Iterator[Finding]:
    """Look at the machine."""
    machine = (_system, _home, _store, _cgroup_memory, _cgroup_cpu, _gpus, _container_engine, _uv)
    for look in (*machine, _secrets_file, _dotenv, _keyring, _leftovers):
        yield look(exam)


def _system(exam: Examination) -> Finding:
    budget = f"{usable_cores():g} cores and {usable_memory() / GIB:.1f} GiB may be used"
    how = f"Python {platform.python_version()} on {platform.system()} {platform.release()} ({platform.machine()}); {budget}"
    if sys.platform == "linux":
        return Finding("system", Verdict.YES, how)
    advice = "Run in a Linux container or virtual machine where tasks have to be held hard."
    return Finding("system", Verdict.PARTLY, f"{how}; affinity, cgroups and signals on a parent's death are Linux's", advice)


def _home(exam: Examination) -> Finding:
    what, home = "home", exam.settings.home
    try:
        make_private_folder(str(home))
        probe = home / f".doctor-{os.getpid()}"
        probe.write_bytes(b"x" * 4096)
        probe.replace(home / f".doctor-{os.getpid()}-moved")
        (home / f".doctor-{os.getpid()}-moved").unlink()
    except OSError as error:
        return Finding(
            what, Verdict.NO, f"{home} cannot be written to: {error.strerror}", "Set LOCALFLYTE_HOME to a folder of yours.", broken=True
        )
    free = shutil.disk_usage(home).free
    how = f"{home} was written to; {free / GIB:.1f} GiB are free"
    if stat.S_IMODE(home.stat().st_mode) & 0o077:
        return Finding(what, Verdict.PARTLY, f"{how}; others may look into it", f"Run: chmod 700 {home}")
    if free < LITTLE_DISK:
        return Finding(what, Verdict.PARTLY, how, f"Make room, or set LOCALFLYTE_HOME to a larger disk; {home}/store may be removed.")
    return Finding(what, Verdict.YES, how)


def _store(exam: Examination) -> Finding:
    """A file system without locks, as some of the network are, cannot hold a database."""
    what, path = "locks in the home", exam.settings.home / f".doctor-{os.getpid()}.db"
    try:
        with closing(sqlite3.connect(path, timeout=1)) as database:
            database.execute("pragma journal_mode=wal")
            database.execute("create table probe (x)")
            database.commit()
    except sqlite3.Error as error:
        advice = "Set LOCALFLYTE_HOME to a folder on a disk of this machine; until then nothing is cached."
        return Finding(what, Verdict.NO, f"a database could not be made: {error}", advice)
    finally:
        for left in exam.settings.home.glob(f"{path.name}*"):
            left.unlink(missing_ok=True)
    return Finding(what, Verdict.YES, "a database was made and written to")


# -- control groups -----------------------------------------------------------------------------------------------


def _cgroup_memory(exam: Examination) -> Finding:
    what, wanted = "memory, by the kernel (cgroup)", exam.settings.memory_wall
    ground, reasons = find_ground()
    if ground is None:
        advice = "Start programs with `systemd-run --user --scope -p Delegate=yes ...` for this; the sampler holds tasks in any case."
        return Finding(what, Verdict.NO, "; ".join(reasons), advice if sys.platform == "linux" else "", broken=wanted == "cgroup")
    out, kills, seconds = _behind_wall(ground, HUNGRY, memory=WALL_BYTES)
    well = not out and kills > 0
    end = "killed by the kernel" if well else "not stopped"
    how = f"a process with 64Mi took 256Mi and was {end} (version {ground.version}, {ground.memory})"
    if not well:
        return Finding(what, Verdict.NO, how, "Set LOCALFLYTE_MEMORY_WALL=sampler and report this.", broken=True)
    if wanted == "sampler":
        return Finding(what, Verdict.NO, f"{how}; not used, as memory_wall = sampler", "Set memory_wall to auto to use it.")
    if seconds > SLOW_MOVE:
        how += f"; moving a process took {seconds * 1000:.0f} ms, which a task pays once it runs longer than sample_seconds"
    return Finding(what, Verdict.YES, how)


def _cgroup_cpu(exam: Examination) -> Finding:
    what = "a share of a core, by the kernel (cgroup)"
    ground, _ = find_ground()
    if ground is None or ground.cpu is None or exam.settings.memory_wall == "sampler":
        why = "there is no cgroup for it" if ground is None or ground.cpu is None else "memory_wall = sampler"
        return Finding(what, Verdict.NO, f"{why}; stopping and resuming does it")
    out, _, _ = _behind_wall(ground, BUSY, cpu=SHARE)
    got = float(out or 9)
    how = f"a busy process with cpu={SHARE} got {got:.2f} of a core in 1 s"
    return Finding(what, Verdict.YES if got <= SHARE + SHARE_GIVE else Verdict.NO, how, broken=got > SHARE + SHARE_GIVE)


def _behind_wall(ground: Ground, program: str, *, memory: int | None = None, cpu: float | None = None) -> tuple[str, int, float]:
    """:return: what a program said that waited for the wall, how many the kernel killed, and what moving it took"""
    maker = WallMaker(ground)
    command = [sys.executable, "-I", "-S", "-c", program]
    try:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            wall = maker.make("doctor", [process.pid], memory=memory, cpu=cpu)
            out, _ = process.communicate("go\n")
            return out.strip(), wall.oom_kills(), maker.move_seconds
    finally:
        maker.close()


# -- devices and secrets ------------------------------------------------------------------------------------------


def _gpus(exam: Examination) -> Finding:
    gpus, wanted = visible_gpus(), exam.settings.gpus
    if not gpus and not wanted:
        how = f"neither {GPU_VARIABLE} nor the driver of NVIDIA shows one; tasks that ask for a GPU run without, and are told so"
        return Finding("GPUs", Verdict.NO, how, f"Set {GPU_VARIABLE} if there is one all the same.")
    how = f"{', '.join(gpus) or 'none'} by {GPU_VARIABLE if GPU_VARIABLE in os.environ else 'the driver of NVIDIA'}"
    if wanted is not None and wanted > len(gpus):
        return Finding("GPUs", Verdict.PARTLY, f"{how}; the setting gpus says {wanted}")
    return Finding("GPUs", Verdict.YES, f"{how}; a task sees those it was given. Nothing keeps it from asking the driver for others")


def _container_engine(exam: Examination) -> Finding:
    what, settings = "containers, for images", exam.settings
    search = run_blocking(find_engine(settings))
    if search.engine is None:
        advice = "Install docker or podman and start it, for images that are more than Python packages."
        return Finding(what, Verdict.NO, "; ".join(search.reasons), advice, broken=settings.image_policy == "container")
    engine = search.engine
    how = f"{engine.name} {engine.version} answers ({engine.program}{', rootless' if engine.rootless else ''})"
    if settings.image_policy in ("venv", "host"):
        return Finding(what, Verdict.NO, f"{how}; not used, as image_policy = {settings.image_policy}")
    return Finding(what, Verdict.YES, how)


def _uv(exam: Examination) -> Finding:
    what, program = "uv, for images without containers", find_uv()
    if program is None:
        advice = f"{INSTALL_UV}, to run images of Python packages without a container engine."
        return Finding(what, Verdict.NO, "there is neither the package uv nor a program of that name", advice)
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return Finding(what, Verdict.NO, f"{program} ended with {done.returncode}", f"Install it again: {INSTALL_UV}.")
    return Finding(what, Verdict.YES, f"{done.stdout.strip()} ({program})")


def _secrets_file(exam: Examination) -> Finding:
    from localflyte.launch.secrets import read_secrets_file
    from localflyte.launch.secrets import usual_secrets_file

    path = exam.settings.secrets_file or usual_secrets_file()
    return _source("secrets in a file", path, lambda: len(read_secrets_file(path)))


def _dotenv(exam: Examination) -> Finding:
    from localflyte.launch.dotenv import parse_dotenv

    path = Path.cwd() / ".env"
    return _source("secrets in .env", path, lambda: len(parse_dotenv(path.read_text(encoding="utf-8", errors="surrogateescape"))))


def _source(what: str, path: Path, count: Callable[[], int]) -> Finding:
    if not path.exists():
        return Finding(what, Verdict.NO, f"there is no {path}")
    try:
        number = count()
    except (OSError, RuntimeError) as error:
        return Finding(what, Verdict.NO, str(error), broken=True)
    return Finding(what, Verdict.YES, f"{path} has {number} {'entry' if number == 1 else 'entries'}")


def _keyring(exam: Examination) -> Finding:
    what = "secrets in the keyring"
    if find_spec("keyring") is None:
        advice = "pip install 'localflyte[keyring]', if secrets are kept there."
        return Finding(what, Verdict.NO, "the package keyring is not installed", advice)
    import keyring

    name = type(keyring.get_keyring()).__module__
    if name.endswith((".fail", ".null")):
        return Finding(what, Verdict.NO, f"keyring finds no store of secrets on this system ({name})")
    return Finding(what, Verdict.YES, f"{name}; nothing was asked of it")


def _leftovers(exam: Examination) -> Finding:
    what = "nothing left of killed engines"
    engines, groups = killed(str(exam.settings.home)), list(leftovers(all_group_folders()))
    if not engines and not groups:
        return Finding(what, Verdict.YES, "every engine that used this home has ended in order, and no control group is left")
    how = f"{len(engines)} engines did not end in order, and {len(groups)} control groups are left"
    return Finding(what, Verdict.NO, how, "`localflyte doctor --clean` removes what they left; so does the next run.")
