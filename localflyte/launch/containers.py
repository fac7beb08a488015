"""Containers: the command lines that start a container with a fork server in it, and end it.

What is declared for the task is set around the whole container, so one with limits serves one call at a time. Values never stand on the
command line: they come over its stdin.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass

from localflyte.images.engines import Engine
from localflyte.images.options import end_options
from localflyte.images.options import gpu_options
from localflyte.images.options import limit_options
from localflyte.images.options import mount_option
from localflyte.images.options import network_options
from localflyte.images.options import user_options
from localflyte.images.ways import Container
from localflyte.launch.footing import INSIDE
from localflyte.launch.footing import runtime_folders
from localflyte.launch.gpus import visible_gpus
from localflyte.launch.relay import PROGRAM
from localflyte.launch.start import Started
from localflyte.runs.lives import Life
from localflyte.runs.lives import my_life
from localflyte.settings import Settings
from localflyte.spec.plan import ResourceTerms

__all__ = ("LABEL", "Commands", "container_memory", "end_left_containers", "new_name", "start_relay", "write_commands", "writable_folders")

LABEL = "localflyte.engine"
OWN_BYTES = 48 << 20  # what the hatch, the fork server and a child hold before they load anything of the user's, in all
SWEEP_SECONDS = 30.0
#: How each is asked for the names of containers and what their label says.
LISTED = {
    "docker": '{{.Names}} {{.Label "' + LABEL + '"}}',
    "podman": '{{.Names}} {{index .Labels "' + LABEL + '"}}',
}
#: Folders of the system, which a container has of its own.
NOT_TO_MOUNT = frozenset(
    ("/", "/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/opt", "/proc", "/run", "/sbin", "/sys", "/tmp", "/usr", "/var")  # noqa: S108
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """How to start one container, and how to end it."""

    run: tuple[str, ...]
    stop: tuple[str, ...]
    image: str
    python: str
    """The name of the interpreter that is asked for."""
    sees: tuple[str, ...]
    """The folders of this machine that are in it."""


def write_commands(
    way: Container,
    *,
    python: str,
    program: str,
    writable: Sequence[str],
    readable: Sequence[str],
    secrets: tuple[str, str] | None,
    resources: ResourceTerms,
    settings: Settings,
    cores: float,
) -> Commands:
    """Write the command lines for a new container.

    :param python: the name of the interpreter in it
    :param program: what it is to run
    :param writable: folders that are seen in it under their own path
    :param readable: the same, for reading alone
    :param secrets: a folder, and where it is to be seen
    :param cores: that this machine has
    :raises RuntimeUserError: if a path cannot be mounted
    """
    name = new_name()
    mounts = [*_mounts(writable, readable)]
    mounts += [mount_option(folder, f"{INSIDE}/{package}", readonly=True) for package, folder in runtime_folders().items()]
    if secrets is not None:
        mounts.append(mount_option(*secrets, readonly=True))
    memory = container_memory(resources, settings)
    limits = limit_options(resources, None if memory is None else memory + OWN_BYTES, min(cores, way.engine.cpus or cores))
    options = [
        "-i", "--rm", "--init", "--pull=never", "--name", name,
        "--label", f"{LABEL}={my_life()}",
        "--env", "PYTHONSAFEPATH=1",
        *network_options(settings), *user_options(way.engine), *end_options(way.engine),
        *limits, *gpu_options(way.engine, resources, visible_gpus()),
        *(word for mount in mounts for word in ("--mount", mount)),
        "--entrypoint", python,
    ]  # fmt: skip
    inside = [program, "--contained", *(["--limited"] if memory is not None else [])]
    engine = way.engine.program
    run = (engine, "run", *options, "--", way.image, *inside)
    return Commands(run=run, stop=(engine, "rm", "--force", "--", name), image=way.name, python=python, sees=(*writable, *readable))


def new_name() -> str:
    """:return: a name for a container that no other has, which tells whose it is"""
    return f"localflyte-{my_life()}-{os.urandom(6).hex()}".replace(".", "-")[-120:]


def container_memory(resources: ResourceTerms, settings: Settings) -> int | None:
    """:return: the bytes that a task may hold, by the same rules as outside of containers; ``None`` is no limit"""
    if resources.memory_limit is None and settings.memory_requests == "enforce":
        return resources.memory
    return resources.memory_limit


def writable_folders(cwd: str, *others: str) -> tuple[str, ...]:
    """:return: which of these folders a container may be given; the system's own are never"""
    return tuple(
        path for path in dict.fromkeys((cwd, *others)) if path and os.path.isabs(path) and path not in NOT_TO_MOUNT and os.path.isdir(path)
    )


def start_relay(commands: Commands) -> Started:
    """Start a container, by way of the process that carries everything to it.

    :raises OSError: if that process cannot be started
    """
    ours, theirs = socket.socketpair()
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    text = json.dumps({"run": commands.run, "stop": commands.stop})
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", PROGRAM, str(theirs.fileno()), text],
            stdin=subprocess.DEVNULL,
            stdout=out_write,
            stderr=err_write,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    except OSError:
        for fd in (out_read, err_read):
            os.close(fd)
        ours.close()
        raise
    finally:
        theirs.close()
        os.close(out_write)
        os.close(err_write)
    return Started(process, ours, out_read, err_read, -1)


def end_left_containers(engine: Engine) -> list[str]:
    """Remove the containers of engines that were killed. Those end by themselves, unless what runs them was stopped in that moment.

    :return: their names
    """
    listed = _quietly(engine.program, "ps", "--all", "--filter", f"label={LABEL}", "--format", LISTED[engine.name])
    rows = [line.split(" ") for line in listed.splitlines()]
    left = [row[0] for row in rows if len(row) == 2 and (life := Life.parse(row[1])) is not None and life.is_over]
    if left:
        _quietly(engine.program, "rm", "--force", "--", *left)
    return left


def _quietly(*command: str) -> str:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SWEEP_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""  # there will be another start
    return done.stdout.decode("utf-8", "replace")


def _mounts(writable: Sequence[str], readable: Sequence[str]) -> Iterator[str]:
    """Mount each folder once: what lies in another that is mounted, is there with it."""
    taken: list[str] = []
    for folders, readonly in ((writable, False), (readable, True)):
        for folder in sorted(set(folders)):
            if not any(os.path.join(folder, "").startswith(os.path.join(other, "")) for other in taken):
                taken.append(folder)
                yield mount_option(folder, folder, readonly=readonly)
