"""Engines: docker or podman, found by asking them, and driven by their command lines.

An engine is asked through its program and never through its socket: contexts, remote engines and credentials are then what
they are for the person. The arguments are a list, no shell reads them, and what comes after ``--`` is never an option.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import anyio
from anyio.abc import ByteReceiveStream
from anyio.abc import Process

from localflyte.settings import Settings

__all__ = ("Engine", "Finished", "Search", "find_engine")

OnLine = Callable[[str], None]

ANSWER_SECONDS = 3.0  # that a daemon may take to say its version; a warm one takes 0.02
KEPT_BYTES = 1 << 20  # of what a program prints, its end
LONGEST_LINE = 8192
TIMED_OUT = 124  # as of timeout(1)
_COLOUR = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A program that has ended."""

    code: int
    stdout: str
    stderr: str
    timed_out: bool = False

    @property
    def complaint(self) -> str:
        """What it said last that was not empty, for a message of one line."""
        lines = [line.strip() for line in (self.stderr or self.stdout).splitlines() if line.strip()]
        return lines[-1] if lines else f"it said nothing, and its exit code was {self.code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A container engine that answers."""

    name: str
    """``docker`` or ``podman``: what it behaves like."""
    program: str
    """The path of its program."""
    version: str
    cpus: int | None = None
    """The cores that it has; more cannot be asked of it."""
    rootless: bool = False
    """Whether it runs as an ordinary user."""

    async def run(
        self,
        *args: str,
        timeout: float,  # noqa: ASYNC109 - the process has to be killed, which a scope of the caller's would not do
        on_line: OnLine | None = None,
        input: bytes | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Finished:
        """Run a command of the engine to its end. It is killed where the time is up, or the caller is cancelled.

        :param timeout: seconds
        :param on_line: is given each line of both streams as it comes
        :param input: what its stdin holds
        :param env: variables beside those of this process
        """
        return await run_program([self.program, *args], timeout=timeout, on_line=on_line, input=input, env=env)

    async def inspect(self, image: str) -> dict[str, Any] | None:
        """Ask about an image that is here already.

        :return: what the engine says of it, or ``None`` if it has none of that name
        """
        done = await self.run("image", "inspect", "--", image, timeout=30.0)
        if done.code != 0:
            return None
        try:
            found = json.loads(done.stdout)
        except ValueError:
            return None
        return found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else None


@dataclass(frozen=True, slots=True)
class Search:
    """What came of looking for an engine."""

    engine: Engine | None
    reasons: tuple[str, ...] = ()
    """Why each that was asked is none; in words."""


async def find_engine(settings: Settings) -> Search:
    """Look for the engine that the settings name, or for the first that answers."""
    wanted = settings.container_engine
    if wanted == "none":
        return Search(None, ("the setting container_engine is none",))
    reasons = []
    for name in ("docker", "podman") if wanted == "auto" else (wanted,):
        found = await _ask(name)
        if isinstance(found, Engine):
            return Search(found)
        reasons.append(found)
    return Search(None, tuple(reasons))


async def run_program(
    command: list[str],
    *,
    timeout: float,  # noqa: ASYNC109 - see Engine.run
    on_line: OnLine | None = None,
    input: bytes | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
) -> Finished:
    """Run a program to its end; the parameters are those of `Engine.run`."""
    process = await anyio.open_process(
        command,
        stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
        env=None if env is None else {**os.environ, **env},
        cwd=cwd,
        start_new_session=True,  # Ctrl-C is the caller's to handle
    )
    kept = (bytearray(), bytearray())
    timed_out = True
    try:
        with anyio.move_on_after(timeout):
            async with anyio.create_task_group() as tasks:
                for stream, into in zip((process.stdout, process.stderr), kept, strict=True):
                    assert stream is not None
                    tasks.start_soon(_read, stream, into, on_line)
                if input is not None:
                    tasks.start_soon(_feed, process, input)
                code = await process.wait()
            timed_out = False
    finally:
        await _end(process)
    out, err = (bytes(each).decode("utf-8", "replace") for each in kept)
    if timed_out:
        return Finished(code=TIMED_OUT, stdout=out, stderr=f"{err}\nit took longer than {timeout:g} seconds", timed_out=True)
    return Finished(code=code, stdout=out, stderr=err)


async def _end(process: Process) -> None:
    """Kill what still runs, with what it started, and close the pipes."""
    with anyio.CancelScope(shield=True):
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        await process.aclose()


async def _read(stream: ByteReceiveStream, into: bytearray, on_line: OnLine | None) -> None:
    rest = b""
    async for chunk in stream:
        into += chunk
        del into[:-KEPT_BYTES]
        if on_line is None:
            continue
        # A progress bar draws over its own line: what counts is the line in the end.
        *lines, rest = (rest + chunk)[-LONGEST_LINE * 64 :].split(b"\n")
        for line in lines:
            _tell(line, on_line)
        rest = rest[-LONGEST_LINE:]
    if on_line is not None and rest:
        _tell(rest, on_line)


def _tell(line: bytes, on_line: OnLine) -> None:
    text = _COLOUR.sub(b"", line.rstrip(b"\r").rpartition(b"\r")[2][:LONGEST_LINE]).decode("utf-8", "replace").rstrip()
    if text:
        on_line(text)


async def _feed(process: Process, data: bytes) -> None:
    assert process.stdin is not None
    with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # it ended without reading all; its code says why
        await process.stdin.send(data)
    await process.stdin.aclose()


# -- asking -------------------------------------------------------------------------------------------------------

#: How each is asked for the version of what does the work, not of the program alone.
VERSION = {
    "docker": ("version", "--format", "{{.Server.Version}}"),
    "podman": ("info", "--format", "{{.Version.Version}}"),
}
#: cores, and something that says "rootless" or "true" where it is
FACTS = {
    "docker": ("info", "--format", "{{.NCPU}} {{json .SecurityOptions}}"),
    "podman": ("info", "--format", "{{.Host.CPUs}} {{.Host.Security.Rootless}}"),
}


async def _ask(name: str) -> Engine | str:
    """:return: the engine, or why there is none"""
    program = shutil.which(name)
    if program is None:
        return f"there is no program {name} on the PATH"
    try:
        done = await run_program([program, *VERSION[name]], timeout=ANSWER_SECONDS)
    except OSError as error:
        return f"{program} cannot be started: {error.strerror}"
    version = done.stdout.strip()
    if done.timed_out:
        return f"{name} did not answer within {ANSWER_SECONDS:g} seconds"
    if done.code != 0 or not version:
        return f"{name} does not answer: {done.complaint}"
    if len(version.split()) != 1 or not version[0].isdigit():
        return f"{program} does not answer as {name} does: {version[:80]!r} is no version"
    facts = await _facts(name, program)
    if facts is None and name == "docker" and await _is_podman(program):
        name = "podman"
        facts = await _facts(name, program)
    cpus, rootless = facts or (None, False)
    return Engine(name=name, program=program, version=version, cpus=cpus, rootless=rootless)


async def _facts(name: str, program: str) -> tuple[int, bool] | None:
    done = await run_program([program, *FACTS[name]], timeout=ANSWER_SECONDS)
    first, _, rest = done.stdout.strip().partition(" ")
    if done.code != 0 or not first.isdigit():
        return None
    return int(first), "rootless" in rest or rest == "true"


async def _is_podman(program: str) -> bool:
    """Some systems have podman under the name of docker, and it tells its version as docker does."""
    done = await run_program([program, "--version"], timeout=ANSWER_SECONDS)
    return done.stdout.startswith("podman ")
