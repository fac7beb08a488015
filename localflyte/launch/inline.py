"""Inline: work done in threads of this very process, for debuggers and monkeypatching. An attempt sees of it what it sees of a child."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from typing import Any

import anyio

from localflyte.errors import ProtocolError
from localflyte.launch.channel import Channel
from localflyte.launch.child import Exit
from localflyte.launch.child import Reply
from localflyte.launch.child import Talk
from localflyte.launch.child import read_reply
from localflyte.launch.hub import Hub
from localflyte.launch.secrets import Secrets
from localflyte.launch.servers import RunView
from localflyte.settings import Settings
from localflyte.spec.plan import Plan

__all__ = ("Inline", "InlineWorker", "Serve")

#: given a socket, serves the one request that comes over it, in a thread, and returns what asks it to end
Serve = Callable[[socket.socket], Callable[[], None]]

NOTICE = (
    "inline: tasks run in threads of this process. Limits of memory, CPU, GPUs and disk are off, a timeout ends only what is Python, "
    "environment variables are set for the whole process, and a crash ends everything"
)


class InlineWorker:
    """:param cancel: asks the thread to end; what is in native code hears it late, or never"""

    def __init__(self, hub: Hub, sock: socket.socket, cancel: Callable[[], None], env: dict[str, str], max_frame_bytes: int) -> None:
        self.pid = os.getpid()
        self.bare = 0
        self.shared = True
        self.reply: Reply | None = None
        self.exit: Exit | None = None
        self.broken = ""
        self.lost = False
        self.sees: tuple[str, ...] | None = None
        self.ran_out = 0
        self.settled = anyio.Event()
        self._cancel = cancel
        self._env = env
        self._talk: Talk | None = None
        self._when_gone: list[Callable[[], None]] = []
        self._channel = Channel(hub, sock, self._on_message, self._on_close, max_frame_bytes=max_frame_bytes)

    def begin(self, talk: Talk, request: dict[str, Any]) -> None:
        """Hand over the request."""
        self._talk = talk
        self._channel.send("request", {**request, "env": {**self._env, **request["env"]}})

    def send(self, *message: Any) -> None:
        """Send a message: the result of a call that the task made."""
        self._channel.send(*message)

    def signal(self, number: int, /) -> None:
        """Ask the task to end; a thread cannot be killed, so what is not heard is left behind."""
        if self.exit is None:
            self._cancel()
            if number == signal.SIGKILL:
                self._end()

    def when_gone(self, callback: Callable[[], None]) -> None:
        """Call back once the thread is done, at once if it is already."""
        if self.exit is None:
            self._when_gone.append(callback)
        else:
            callback()

    async def wait_gone(self) -> None:
        """Wait until the thread is done."""
        gone = anyio.Event()
        self.when_gone(gone.set)
        await gone.wait()

    def discard(self) -> None:
        """Let it go unused."""
        self._end()

    def _on_message(self, message: list[Any]) -> None:
        if self._talk is None or self.reply is not None:
            raise ProtocolError("a message before the request, or after the reply")
        if message[0] == "reply":
            self.reply = read_reply(message)
            self._end()
        else:
            self._talk.on_message(self, message)

    def _on_close(self, reason: str) -> None:
        self.broken = reason
        self._end()

    def _end(self) -> None:
        if self.exit is not None:
            return
        self.exit = Exit(None, (0.0, 0.0))
        self._channel.close()
        self.settled.set()
        for callback in self._when_gone:
            callback()


class Inline:
    """:param serve: serves a request in a thread"""

    def __init__(self, hub: Hub, settings: Settings, serve: Serve) -> None:
        self._hub = hub
        self._settings = settings
        self._serve = serve
        self._secrets = Secrets(settings.secrets_file)

    async def take(self, run: RunView, plan: Plan) -> InlineWorker:
        """:return: a thread that waits for its request
        :raises SecretNotFoundError: if a secret of the task is nowhere
        """
        run.notice(NOTICE)
        given = await self._secrets.give(run, plan)
        ours, theirs = socket.socketpair()
        env = {**plan.env_vars, **given.variables}
        return InlineWorker(self._hub, ours, self._serve(theirs), env, self._settings.max_frame_bytes)
