"""Rehearsal: a child that waits for its request goes through the motions of one first.

After a fork the first touch of a page copies it, and a call touches some 250: 0.5 ms of a call's time. A child forked
ahead of demand touches them while it waits. Nothing of the user's runs, and nothing is sent.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from localflyte.spec.inline import breach
from localflyte.types.interface import Interface
from localflyte.wire.frames import FrameReader
from localflyte.wire.frames import pack_frame
from localflyte.wire.messages import inputs_from_wire

__all__ = ("prepare", "rehearse")

_INPUTS: dict[str, tuple[bytes, tuple[()], bytes]] = {"x": (b"\x01", (), b"")}


async def _part(x: int) -> int:
    return x


class _Play:
    """What a rehearsal needs, made before the forks."""

    def __init__(self) -> None:
        self.interface = Interface.from_function(_part, task="rehearsal")
        self.frame = pack_frame(("request", {"inputs": _INPUTS, "env": {"RUN_NAME": "rehearsal"}, "run_options": {}}))


_play: _Play | None = None
_run_to_end: Any = None


def prepare(run_to_end: Any) -> None:
    """Make ready, before the forks.

    :param run_to_end: what runs coroutines here; ``None`` where no task is async, and asyncio is not loaded
    """
    global _play, _run_to_end  # noqa: PLW0603 - made once, before the forks
    _play = _Play()
    _run_to_end = run_to_end


def rehearse() -> None:
    """Go through a request, but for its task."""
    if _play is None:
        return
    for _, request in FrameReader().feed(_play.frame):
        values = _play.interface.decode_inputs(inputs_from_wire(request["inputs"]), task="rehearsal")
        result = _run_to_end(_part(**values)) if _run_to_end is not None else values["x"]
        outputs = _play.interface.encode_outputs(result, task="rehearsal")
        breach("rehearsal", "outputs", zip(_play.interface.outputs, outputs, strict=True), 100)
        pack_frame(("reply", True, outputs))
        for name, value in request["env"].items():
            os.environ[name] = value
        sys.stdout.flush()
