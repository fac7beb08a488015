"""Process: the container of one attempt, run by the command line of its engine, listened to, judged and removed.

No shell of ours reads a word of it. Values of variables go over a file that has no name, never on the command line.
"""

from __future__ import annotations

import errno
import json
import os
import re
import selectors
import subprocess
import sys
from codecs import getincrementaldecoder
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from contextlib import suppress
from tempfile import TemporaryFile
from typing import IO
from typing import Any

from localflyte.errors import RuntimeSystemError
from localflyte.errors import RuntimeUserError
from localflyte.extras.ending import why_ended
from localflyte.extras.inputs import Mount
from localflyte.images.options import mount_option

__all__ = ("Process",)

KEPT_BYTES = 8192  # of the last that was printed, for the message of an error
READ_BYTES = 1 << 16
ASK_SECONDS = 30.0  # for an engine to say what became of a container, or to remove it
LOOK_SECONDS = 0.5  # between looks whether the command has ended, while nothing is printed
LONGEST_VALUE = 1 << 15  # engines read files of variables line by line, and lines have an end
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)

#: what there is to say, for people, of the last that was printed
Tell = Callable[[str], str]


class Process:
    """:param terms: what it is to be started with
    :param task: whose it is
    :param tell: tells of the last that it printed
    """

    def __init__(self, terms: Mapping[str, Any], task: str, tell: Tell) -> None:
        self._terms = terms
        self._task = task
        self._tell = tell
        self._process: subprocess.Popen[bytes] | None = None
        self._is_unwanted = False
        self._kept = {"both": b"", "stderr": b""}

    def end(self) -> None:
        """Ask it to end, from another thread; one that was not started is not."""
        self._is_unwanted = True
        if self._process is not None:
            self._process.terminate()  # it passes that on

    def leave(self) -> None:
        """Take note that it was asked to end; where it runs, its command was asked as well."""
        self._is_unwanted = True

    def run(self, mounts: Sequence[Mount], words: Sequence[str], *, show: bool) -> None:
        """Run it to its end.

        :param words: its command; none for that of the image
        :param show: whether what it prints is printed here
        :raises RuntimeUserError: if its exit code is not 0
        :raises OOMError: if its memory ran out
        :raises RuntimeSystemError: if it could not be started, or was lost
        """
        if self._is_unwanted:
            raise self._ended()
        try:
            code = self._carry(mounts, words, show=show)
            if code != 0:
                said, told = (self._kept[each].decode("utf-8", "replace") for each in ("both", "stderr"))
                raise why_ended(self._terms, self._task, code, self._state(), self._tell(said), told)
        finally:
            self._remove()

    def _carry(self, mounts: Sequence[Mount], words: Sequence[str], *, show: bool) -> int:
        terms = self._terms
        with self._variables() as (options, fds, odd):
            mounted = (word for each in mounts for word in ("--mount", mount_option(each.source, each.target, readonly=each.readonly)))
            command = [terms["program"], "run", *terms["options"], *options, *mounted, "--", terms["image"], *words]
            try:
                process = self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    pass_fds=fds,
                    env={**terms["environ"], **odd},
                )
            except OSError as error:
                raise self._unstarted(error) from error
        if self._is_unwanted:
            process.terminate()
        with process:
            self._listen(process, show=show)
            return process.wait()

    @contextmanager
    def _variables(self) -> Iterator[tuple[list[str], list[int], dict[str, str]]]:
        """Have the values of variables where the command can read them and nobody else.

        :return: options, descriptors to hand down, and what is given by way of the command's own environment
        """
        values = {name: os.environ[name] for name in self._terms["variables"] if name in os.environ}
        if self._terms["secrets"]:
            values["FLYTE_SECRETS_DEFAULT_DIR"] = self._terms["secrets"]
        odd = {name: value for name, value in values.items() if not _fits_line(name, value)}
        with _nameless() as file:
            file.write("".join(f"{name}={value}\n" for name, value in values.items() if name not in odd).encode())
            file.seek(0)  # which writes it out; some systems give the reader this very position
            named = [word for name in odd for word in ("--env", name)]
            yield ["--env-file", f"/dev/fd/{file.fileno()}", *named], [file.fileno()], odd

    def _listen(self, process: subprocess.Popen[bytes], *, show: bool) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ, _Stream("stdout", sys.stdout if show else None))
            selector.register(process.stderr, selectors.EVENT_READ, _Stream("stderr", sys.stderr if show else None))
            while selector.get_map():
                ready = selector.select(LOOK_SECONDS)
                if not ready and process.poll() is not None:
                    break  # what the command has started and left behind may hold the streams open
                for key, _ in ready:
                    data = os.read(key.fd, READ_BYTES)
                    key.data.put(data)
                    if not data:
                        selector.unregister(key.fileobj)
                    for kept in ("both", key.data.name):
                        if kept in self._kept:
                            self._kept[kept] = (self._kept[kept] + data)[-KEPT_BYTES:]

    def _state(self) -> dict[str, Any] | None:
        done = self._ask("container", "inspect", "--format", "{{json .State}}", "--", self._terms["name"])
        if done is None or done.returncode != 0:
            return None
        with suppress(ValueError):
            found = json.loads(done.stdout)
            return found if isinstance(found, dict) else None
        return None

    def _remove(self) -> None:
        if self._process is not None:
            self._ask("rm", "--force", "--volumes", "--", self._terms["name"])

    def _ask(self, *words: str) -> subprocess.CompletedProcess[bytes] | None:
        command = [self._terms["program"], *words]
        try:
            return subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, env=dict(self._terms["environ"]), timeout=ASK_SECONDS, check=False
            )
        except (OSError, subprocess.SubprocessError):
            return None  # its own end says more, and what is left the next start removes

    def _unstarted(self, error: OSError) -> RuntimeUserError | RuntimeSystemError:
        if error.errno == errno.E2BIG:
            text = f"The command of task {self._task} with its inputs is longer than a command line can be. Pass what is long as a File."
            return RuntimeUserError("CommandError", text, "user")
        text = f"Task {self._task}: {self._terms['program']} cannot be started: {error.strerror}"
        return RuntimeSystemError("ContainerStartError", text, "system")

    def _ended(self) -> RuntimeSystemError:
        return RuntimeSystemError("ContainerStartError", f"Task {self._task} was asked to end before its container started.", "system")


def _nameless() -> IO[bytes]:
    """:return: a file that is in no folder, and in memory where the system has that"""
    return open(os.memfd_create("variables"), "w+b") if hasattr(os, "memfd_create") else TemporaryFile()


class _Stream:
    """What a container prints on one stream, printed here."""

    def __init__(self, name: str, onto: IO[str] | None) -> None:
        self.name = name
        self._onto = onto
        self._decoder = getincrementaldecoder("utf-8")("backslashreplace")

    def put(self, data: bytes) -> None:
        """:param data: nothing at its end"""
        if self._onto is not None:
            self._onto.write(self._decoder.decode(data, not data))
            self._onto.flush()


def _fits_line(name: str, value: str) -> bool:
    """:return: whether a variable can be a line of a file, as engines read that"""
    plain = len(value) <= LONGEST_VALUE and value.splitlines() in ([], [value]) and value.encode("utf-8", "replace") == _bytes(value)
    return plain and _NAME.fullmatch(name) is not None


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")
