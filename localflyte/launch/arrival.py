"""Arrival: what is said when a container does not come up, in words that lead on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localflyte.errors import RuntimeSystemError
from localflyte.images.complaints import NO_SUCH_PROGRAM
from localflyte.images.complaints import NOT_EXECUTABLE
from localflyte.images.complaints import last_line
from localflyte.images.complaints import said_by_init
from localflyte.images.complaints import why_refused

if TYPE_CHECKING:
    from localflyte.launch.containers import Commands

__all__ = ("NO_PYTHON", "why_not_started")

NO_PYTHON = "NoPythonInImageError"


def why_not_started(commands: Commands, code: int | None, told: str) -> RuntimeSystemError:
    """:param code: that the command ended with, engines use 125 to 127 for themselves; ``None`` if it was ended for having taken too long
    :param told: what it printed last
    """
    image, last, kind = commands.image, last_line(told), "ContainerStartError"
    if code is None:
        return RuntimeSystemError(kind, f"the container of {image} did not come up in time, and was ended: {last}", "system")
    what = why_refused(commands.run[0], image, code, told)
    if what is None and (said_by_init(code, told) or code) in (NOT_EXECUTABLE, NO_SUCH_PROGRAM):
        kind = NO_PYTHON
        what = (
            f"the image {image} has no {commands.python} that can be started: {last}. A task's image needs Python 3.11 or newer on its PATH"
        )
    elif what is None:
        what = f"the container of {image} ended with exit code {code} before it could serve: {last}"
    return RuntimeSystemError(kind, what, "system")
