"""A fake engine at the other end of a link: it does with each call what the test says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any
from typing import Self

from localflyte.spec.invocation import Invocation
from localflyte.spec.packed import Packed
from localflyte.spec.plan import Plan
from localflyte.spec.plan import TaskRef
from localflyte.wire.frames import FrameReader
from localflyte.wire.frames import pack_frame
from localflyte.worker.link import Link

__all__ = ("FakeEngine", "answer", "call_of", "plan_of")


def plan_of(name: str = "env.task") -> Plan:
    return Plan(task=TaskRef(name=name), environment="env", short_name=name, interface="()")


PLAN = plan_of()


def call_of(value: int = 0, plan: Plan = PLAN, **fields: Any) -> Invocation:
    return Invocation(plan=plan, inputs={"x": Packed(value.to_bytes(4, "big"))}, **fields)


def answer(outputs: Any) -> int:
    """What the caller got, as the number it sent."""
    return int.from_bytes(outputs[0].data, "big")


class FakeEngine:
    """Echoes the input of every call as its output, unless `on_message` says otherwise.

    :param on_message: called in the engine's thread with each message; true when it has dealt with it
    """

    def __init__(self, on_message: Callable[[FakeEngine, list[Any]], bool] = lambda *_: False, window: int = 1000) -> None:
        self.sock, theirs = socket.socketpair()
        self.link = Link(theirs, window)
        self.theirs = theirs
        self.messages: list[list[Any]] = []
        self.problems: list[str] = []
        self._on_message = on_message
        self._seen = threading.Condition()
        self._sending = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.hang_up()
        self._thread.join(10)
        self.sock.close()
        self.theirs.close()
        assert not self._thread.is_alive()
        assert not self.problems

    def hang_up(self) -> None:
        self.sock.shutdown(socket.SHUT_RDWR)

    def echo(self, message: list[Any]) -> None:
        self.reply(message[1], True, [message[3]["x"]])

    def reply(self, number: int, ok: bool, payload: Any) -> None:
        self.send(pack_frame(("result", number, ok, payload, {})))

    def send(self, data: bytes) -> None:
        with self._sending:
            self.sock.sendall(data)

    def of_kind(self, kind: str) -> list[list[Any]]:
        return [message for message in self.messages if message[0] == kind]

    def wait_for(self, kind: str, count: int) -> list[list[Any]]:
        """Wait until so many messages of a kind have come."""
        with self._seen:
            assert self._seen.wait_for(lambda: len(self.of_kind(kind)) >= count, 10), self.messages
        return self.of_kind(kind)

    def _run(self) -> None:
        reader = FrameReader()
        plans: set[int] = set()
        while True:
            try:
                data = self.sock.recv(1 << 16)
            except OSError:
                return
            if not data:
                return
            for message in reader.feed(data):
                if message[0] == "plan":
                    plans.add(message[1])
                if message[0] in ("call", "run") and message[2] not in plans:
                    self.problems.append(f"call {message[1]} names plan {message[2]}, which was never sent")
                with self._seen:
                    self.messages.append(message)
                    self._seen.notify_all()
                try:
                    if not self._on_message(self, message) and message[0] in ("call", "run"):
                        self.echo(message)
                except OSError:
                    return
