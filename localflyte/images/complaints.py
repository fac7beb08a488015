"""Complaints: what an engine says when it starts no container, in words that lead on."""

from __future__ import annotations

__all__ = ("NOT_EXECUTABLE", "NO_SUCH_PROGRAM", "REFUSED_BY_ENGINE", "last_line", "said_by_init", "why_refused")

REFUSED_BY_ENGINE, NOT_EXECUTABLE, NO_SUCH_PROGRAM = 125, 126, 127  # what engines use for themselves
NO_NAME = ("no such image", "unable to find image", "image not known")
NO_ENGINE = ("cannot connect to the docker daemon", "is the docker daemon running", "cannot connect to podman", "connection refused")
#: Lines that docker adds to every failure, and that say nothing of it.
NOT_NEWS = ("run 'docker run --help'", "see 'docker run --help'")
#: What the first process of a container, which the engine puts there, says of a program that it cannot start.
BY_INIT = ("[fatal tini", "[fatal docker-init", "catatonit:", "error (catatonit:")


def why_refused(engine: str, image: str, code: int, told: str) -> str | None:
    """:param engine: the name of its program
    :param code: what its command ended with
    :param told: what it printed
    :return: what was wrong, and what to do, where the engine itself is what complains
    """
    last, lowered = last_line(told), told.lower()
    if any(words in lowered for words in NO_ENGINE):
        return f"{engine} does not answer: {last}. Start it, or run without containers: LOCALFLYTE_IMAGE_POLICY=host"
    if any(words in lowered for words in NO_NAME):
        return f"the image {image} is not on this machine any more. Get it with `{engine} pull {image}`"
    if code == REFUSED_BY_ENGINE or (code == NOT_EXECUTABLE and _is_of_runtime(last.lower())):
        return f"{engine} refused to start a container of {image}: {last}"
    return None


def _is_of_runtime(last: str) -> bool:
    """Podman ends with 126 as well where what it has start containers refuses one: for its limits, or for what the kernel lacks."""
    return "oci " in last and "exec" not in last


def said_by_init(code: int, told: str) -> int | None:
    """Podman's first process ends with 1 whatever kept it from starting the program; only its words tell what that was.

    :param code: that the container ended with
    :param told: what it printed
    :return: what an engine ends with where it finds that itself; ``None`` where the program was started
    """
    last = last_line(told).lower()
    if not last.startswith(BY_INIT):
        return None
    if "failed to exec" in last:
        return NO_SUCH_PROGRAM if "no such file" in last else NOT_EXECUTABLE
    return code if code in (NOT_EXECUTABLE, NO_SUCH_PROGRAM) else None


def last_line(told: str) -> str:
    """:return: the last line that says something"""
    lines = [line.strip() for line in told.splitlines() if line.strip() and not line.strip().lower().startswith(NOT_NEWS)]
    return lines[-1] if lines else "it said nothing"
