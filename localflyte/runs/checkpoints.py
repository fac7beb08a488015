"""Checkpoints: what the attempts of an earlier run have saved, handed over to the run that recovers it."""

from __future__ import annotations

import os
import shutil

__all__ = ("BEFORE", "CHECKPOINTS", "hand_over", "has_saved")

CHECKPOINTS = "checkpoints"
BEFORE = "before"  # beside the attempts of an action, and built like their folder
_OTHERS = (".loaded", ".part")  # what an attempt works with; .old is what was there before a folder was saved again


def has_saved(folder: str, action: str) -> bool:
    """:return: whether an action of a run, by its folder, may have left a checkpoint"""
    return os.path.isdir(os.path.join(folder, CHECKPOINTS, action))


def hand_over(folder: str, to: str, action: str) -> bool:
    """Put what an action has saved where the same action of another run finds it. The files are shared: nobody writes to a saved one.

    :param folder: of the earlier run
    :param to: the folder of the run that recovers it
    :return: whether there was anything
    :raises OSError: if it cannot be read or written
    """
    source = os.path.join(folder, CHECKPOINTS, action)
    passed_over = [name for name in os.listdir(source) if name.endswith(_OTHERS)]
    if not set(os.listdir(source)).difference(passed_over):
        return False
    target = os.path.join(to, CHECKPOINTS, action, BEFORE)
    shutil.copytree(source, target, symlinks=True, ignore=lambda folder, _: passed_over if folder == source else (), copy_function=_shared)
    return True


def _shared(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # other filesystems, or one without links
        shutil.copy2(source, target)
