"""GPUs: which of the machine's GPUs localflyte may hand out, found without a driver's library and without a subprocess."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cache
from glob import glob

__all__ = ("GPU_VARIABLE", "visible_gpus")

GPU_VARIABLE = "CUDA_VISIBLE_DEVICES"
_ID = re.compile(r"[0-9]+|(GPU|MIG)-[0-9A-Za-z/-]+")


def visible_gpus(environ: Mapping[str, str] | None = None, root: str = "/") -> tuple[str, ...]:
    """:param environ: the variables of the caller; those of this process by default
    :param root: where the file system begins; tests have one of their own
    :return: the GPUs, as CUDA_VISIBLE_DEVICES names them: those it names where it is set, else all that the driver shows
    """
    return _found((os.environ if environ is None else environ).get(GPU_VARIABLE), root)


@cache
def _found(named: str | None, root: str) -> tuple[str, ...]:
    if named is None:
        return tuple(str(number) for number in range(_count(root)))
    ids: list[str] = []
    for word in named.split(","):
        if not _ID.fullmatch(word.strip()):
            break  # as CUDA reads it: what cannot be a GPU ends the list, -1 and nothing at all among it
        ids.append(word.strip())
    return tuple(dict.fromkeys(ids))


def _count(root: str) -> int:
    driver = len(glob(os.path.join(root, "proc/driver/nvidia/gpus/*")))
    devices = len(glob(os.path.join(root, "dev/nvidia[0-9]*")))
    # In a container one of them may show the host's; and the numbers that CUDA counts with begin at 0 in each container.
    return min(driver, devices) if driver and devices else driver or devices
