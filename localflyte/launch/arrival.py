"""Arrival: what is said when a container does not come up, in words that lead on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localflyte.errors import RuntimeSystemError

if TYPE_CHECKING:
    from localflyte.launch.containers import Commands

__all__ = ("NO_PYTHON", "why_not_started")

REFUSED_BY_ENGINE, NOT_EXECUTABLE, NO_SUCH_PROGRAM = 125, 126, 127
NO_PYTHON = "NoPythonInImageError"
NO_NAME = "no such image"
NO_ENGINE = ("cannot connect to the docker daemon", "is the docker daemon running", "cannot connect to podman", "connection refused")


def why_not_started(commands: Commands, code: int, told: str) -> RuntimeSystemError:
    """:param code: that the command ended with; engines use 125 to 127 for themselves
    :param told: what it printed last
    """
    engine, image = commands.run[0], commands.image
    last = told.splitlines()[-1].strip() if told else "it said nothing"
    lowered, kind = told.lower(), "ContainerStartError"
    if any(words in lowered for words in NO_ENGINE):
        what = f"{engine} does not answer: {last}. Start it, or run without containers: LOCALFLYTE_IMAGE_POLICY=host"
    elif NO_NAME in lowered or "unable to find image" in lowered or "image not known" in lowered:
        what = f"the image {image} is not on this machine any more. Get it with `{engine} pull {image}`"
    elif code == REFUSED_BY_ENGINE:
        what = f"{engine} refused to start a container of {image}: {last}"
    elif code in (NOT_EXECUTABLE, NO_SUCH_PROGRAM):
        kind = NO_PYTHON
        what = (
            f"the image {image} has no {commands.python} that can be started: {last}. A task's image needs Python 3.11 or newer on its PATH"
        )
    else:
        what = f"the container of {image} ended with exit code {code} before it could serve: {last}"
    return RuntimeSystemError(kind, what, "system")
