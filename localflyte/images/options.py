"""Options: what a container is started with, whatever runs in it: where its files are, its user, its network and its limits."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from collections.abc import Sequence

from localflyte.errors import RuntimeUserError
from localflyte.images.engines import Engine
from localflyte.settings import Settings
from localflyte.spec.plan import ResourceTerms

__all__ = ("PROCESSES", "end_options", "gpu_options", "limit_options", "mount_option", "network_options", "user_options")

PROCESSES = 4096
LEAST_CPU = 0.01


def mount_option(source: str, target: str, *, readonly: bool) -> str:
    """Write the value of ``--mount`` for a folder or a file of this machine. It has to be there: an engine would make a folder of root's.

    :raises RuntimeUserError: if the path cannot be written there
    """
    for path in (source, target):
        if any(character in path for character in ',"\n\r\0'):
            raise RuntimeUserError(
                "MountError",
                f"{path!r} cannot be mounted into a container: its name holds a comma, a quote or a line break. "
                "Rename it, or run from another folder.",
                "user",
            )
    return f"type=bind,source={source},target={target}" + (",readonly" if readonly else "")


def network_options(settings: Settings) -> Iterator[str]:
    """:return: the options that choose the network; what the engine does by itself needs none"""
    if settings.container_network != "bridge":
        yield f"--network={settings.container_network}"


def user_options(engine: Engine) -> Iterator[str]:
    """Files that a task writes belong to who runs localflyte. Where engines run in a machine of their own, they see to that themselves."""
    if sys.platform != "linux" or os.getuid() == 0:
        return
    if engine.name == "podman" and engine.rootless:
        yield "--userns=keep-id"
    yield from ("--user", f"{os.getuid()}:{os.getgid()}", "--env", "HOME=/tmp", "--env", f"USER=user{os.getuid()}")


def end_options(engine: Engine) -> Iterator[str]:
    """What is removed by force has had its grace: podman would ask it to end once more, and wait ten seconds for that."""
    if engine.name == "podman":
        yield "--stop-timeout=0"


def limit_options(resources: ResourceTerms, memory: int | None, cores: float) -> Iterator[str]:
    """:param memory: bytes that all in it may hold, swap included
    :param cores: that there are
    """
    yield f"--pids-limit={PROCESSES}"
    if memory is not None:
        yield from (f"--memory={memory}", f"--memory-swap={memory}")
    cpu = resources.cpu_limit or resources.cpu
    if cpu:  # engines refuse more than they have
        yield f"--cpus={max(LEAST_CPU, min(cpu, cores)):.3f}"
    if resources.shm:
        yield f"--shm-size={resources.shm}"


def gpu_options(engine: Engine, resources: ResourceTerms, gpus: Sequence[str]) -> Iterator[str]:
    """Have the GPUs of the machine in the container of a task that asks for one. Which of them are its own CUDA_VISIBLE_DEVICES says, as
    outside of containers; so all of them are there, with the numbers that they have here.

    :param gpus: of this machine; without any the task takes the CPU, as outside of containers
    """
    if resources.gpu and gpus:
        yield "--device=nvidia.com/gpu=all" if engine.name == "podman" else "--gpus=all"
