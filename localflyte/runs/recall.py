"""Recall: what a run was asked for and what its actions gave, kept in its folder, so that it can be run again and go on where it ended.

A file of frames: first ``["run", task, inputs, path, said]``, then ``["gave", action, task, body, outputs]`` of each that succeeded.
A file that ends in the middle of a frame ends there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from contextlib import suppress
from typing import Any
from typing import NamedTuple

from localflyte.errors import ProtocolError
from localflyte.errors import RunNotFoundError
from localflyte.spec.packed import Packed
from localflyte.spec.plan import TaskRef
from localflyte.wire.frames import FrameReader
from localflyte.wire.frames import pack_frame
from localflyte.wire.messages import inputs_from_wire
from localflyte.wire.messages import outputs_from_wire
from localflyte.wire.messages import task_to_wire

__all__ = ("FILE", "Asked", "MOST_BYTES", "MOST_IN_ALL", "Recall", "Recalled", "recalled", "request_of")

FILE = "recall.frames"
MOST_BYTES = 1 << 16  # of the outputs of one action; what gives more is done again
MOST_IN_ALL = 1 << 28  # of one run, so that no fan-out fills a disk with what may never be asked for
FLUSH_AT = 1 << 18
PIECE = 1 << 20


class Recall:
    """The writing side. What cannot be written is given up, and said: the run goes on.

    :param folder: of the run
    """

    def __init__(self, folder: str, notice: Callable[[str], None]) -> None:
        self._path = os.path.join(folder, FILE)
        self._notice = notice
        self._frames: list[bytes] = []
        self._waiting = 0
        self._left = MOST_IN_ALL
        self._fd: int | None = None

    def begin(self, task: TaskRef, inputs: Mapping[str, Packed], path: Sequence[str], said: Mapping[str, Any]) -> None:
        """Note what the run was asked for.

        :param path: where its modules were found
        :param said: how it was to be run
        """
        try:
            self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            self._give_up(error)
            return
        self._add(("run", task_to_wire(task), dict(inputs), tuple(path), dict(said)))

    def keep(self, action: str, task: str, body: str, outputs: Sequence[Packed]) -> None:
        """Note what an action gave.

        :param body: a digest of the task's own code
        """
        size = sum(len(value.data) for value in outputs)
        if self._fd is None or size > MOST_BYTES or not self._left:
            return
        self._left -= min(size, self._left)
        self._add(("gave", action, task, body, tuple(outputs)))
        if not self._left:
            self._notice(f"{self._path} has reached {MOST_IN_ALL >> 20} MiB; what else this run gives cannot be recovered later")

    def flush(self) -> None:
        """Write down what was noted."""
        if not self._frames or self._fd is None:
            return
        data = memoryview(b"".join(self._frames))
        self._frames.clear()
        self._waiting = 0
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        """Write what is left and close the file."""
        self.flush()
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def drop(self) -> None:
        """Keep nothing after all."""
        self._frames.clear()
        if self._fd is not None:
            self.close()
            with suppress(OSError):
                os.unlink(self._path)

    def _add(self, message: tuple[Any, ...]) -> None:
        frame = pack_frame(message)
        self._frames.append(frame)
        self._waiting += len(frame)
        if self._waiting > FLUSH_AT:
            self.flush()

    def _give_up(self, error: OSError) -> None:
        self._frames.clear()
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        self._notice(f"{self._path} cannot be written ({error.strerror}); the run goes on, and cannot be recovered later")


class _Gave(NamedTuple):
    task: str
    body: str
    outputs: Any


class Recalled:
    """The reading side.

    :param gave: what its actions gave
    :param inputs: what the run was asked for with
    """

    def __init__(self, gave: dict[str, _Gave], inputs: Mapping[str, Packed]) -> None:
        self._gave = gave
        self._inputs = inputs

    def is_asked_with(self, inputs: Mapping[str, Packed]) -> bool:
        """:return: whether these are the inputs that the run had"""
        return _content(inputs) == _content(self._inputs)

    def find(self, action: str, task: str, body: str) -> tuple[Packed, ...] | None:
        """:return: what the action gave, if it was the same task with the same code of its own, and its files are still there"""
        found = self._gave.get(action)
        if found is None or (found.task, found.body) != (task, body):
            return None
        try:
            outputs = outputs_from_wire(found.outputs)
        except ProtocolError:
            return None
        paths = [ref.path for value in outputs for ref in value.refs if "://" not in ref.path]
        return outputs if all(map(os.path.exists, paths)) else None


def _content(inputs: Mapping[str, Packed]) -> dict[str, object]:
    return {name: (value.canonical or value.data, value.refs) for name, value in inputs.items()}


class Asked(NamedTuple):
    """What a run was asked for."""

    task: TaskRef
    inputs: dict[str, Packed]
    path: tuple[str, ...]
    """Where its modules were found."""
    said: dict[str, Any]
    """How it was to be run, by the names of ``flyte.with_runcontext``."""


def request_of(folder: str) -> Asked:
    """:return: what a run was asked for
    :raises RunNotFoundError: if nothing was kept of it, or if that cannot be read
    """
    with _reading(folder) as messages:
        _, task, inputs, path, *said = next(messages)  # a run of before has kept nothing of how it was to be run
        return Asked(TaskRef(**task), inputs_from_wire(inputs), tuple(map(str, path)), dict(*said))


def recalled(folder: str) -> Recalled:
    """:return: what the actions of a run gave
    :raises RunNotFoundError: if nothing was kept of it, or if that cannot be read
    """
    with _reading(folder) as messages:
        gave = {str(message[1]): _Gave(*message[2:]) for message in messages if message[0] == "gave" and len(message) == 5}
    return Recalled(gave, request_of(folder).inputs)


@contextmanager
def _reading(folder: str) -> Iterator[Iterator[list[Any]]]:
    path, name = os.path.join(folder, FILE), os.path.basename(folder)
    try:
        with open(path, "rb") as file:
            reader = FrameReader()
            yield (message for data in iter(lambda: file.read(PIECE), b"") for message in reader.feed(data))
    except FileNotFoundError:
        raise RunNotFoundError(f"Of run {name} nothing is kept that it could be run again from, in {path}.") from None
    except (OSError, ValueError, TypeError, StopIteration, ProtocolError) as error:
        raise RunNotFoundError(f"What is kept of run {name} in {path} cannot be read: {str(error) or 'it is empty'}") from None
