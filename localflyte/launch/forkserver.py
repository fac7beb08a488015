"""The outside of a fork server: start it, have it load and fork, keep a few children ahead of demand, take them when needed."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections import deque
from collections.abc import Callable
from signal import SIGKILL
from typing import Any

import anyio

from localflyte.errors import RuntimeSystemError
from localflyte.launch.arrival import why_not_started
from localflyte.launch.channel import LOST_FD
from localflyte.launch.channel import Channel
from localflyte.launch.child import Child
from localflyte.launch.child import Exit
from localflyte.launch.hub import Hub
from localflyte.launch.loads import Loads
from localflyte.launch.orphans import Orphans
from localflyte.launch.orphans import kill_child_of
from localflyte.launch.refusals import ServerBusyError
from localflyte.launch.refusals import ServerEndedError
from localflyte.launch.serverspec import ServerSpec
from localflyte.launch.start import reap
from localflyte.launch.streams import Streams

__all__ = ("ForkServerHandle",)

REFUSED_SECONDS = 0.1  # between tries while the system refuses a fork (EAGAIN: too many processes for now)
MAX_REFUSALS = 100
INSIST_SECONDS = 0.25  # for a server to have killed what it was told to kill
HANG_SECONDS = 10.0  # for a server that imports nothing to fork; one that takes longer has been stopped, or hangs
ARRIVE_SECONDS = 60.0  # for a container to come up, on a machine that has much else to do
CONTAINER_SECONDS = 2.0  # for a server in a container to have killed what it was told to kill; then the container goes, with all in it
PATIENCE = 1.0  # seconds for the import of another module; who waits longer has a server of its own


class ForkServerHandle:
    """:param on_output: called with what the server's own streams carry: prints at import time
    :param on_orphaned: called when the server has died, and when a child that it left has: what they had adopted is nobody's now
    :param notice: called with a line for the person
    """

    def __init__(
        self,
        hub: Hub,
        spec: ServerSpec,
        *,
        ahead: int,
        on_output: Callable[[str, bytes], None],
        on_orphaned: Callable[[], None],
        notice: Callable[[str], None],
        max_frame_bytes: int,
    ) -> None:
        self.spec = spec
        self.alive = self.died_importing = False
        self.death = ""
        self.is_lent = False  # to the one call that its container is for
        self.version = ""  # of its Python, once it has come up
        self.refused: RuntimeSystemError | None = None
        self._hub = hub
        self._ahead = ahead
        self._on_output = on_output
        self._on_orphaned = on_orphaned
        self._notice = notice
        self._max_frame_bytes = max_frame_bytes
        self._idle: deque[Child] = deque()
        self._children: dict[int, Child] = {}
        self._waiting: deque[anyio.Event] = deque()
        self._loads = Loads()
        self._asked = self._refusals = self._bare = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline = -1
        self._orphans = Orphans(hub, self._on_orphan)  # children whose server died while they worked
        self._channel: Channel | None = None
        self._streams: Streams | None = None

    # -- life ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the interpreter and tell it who it is. Does not wait: frames queue until it listens.

        :raises RuntimeSystemError: if the interpreter cannot be started
        """
        try:
            started = self.spec.start()
        except OSError as error:
            raise RuntimeSystemError("WorkerStartError", f"{self.spec.python} could not be started: {error}") from error
        self._process, self._lifeline, self.alive = started.process, started.lifeline, True
        self._channel = Channel(self._hub, started.control, self._on_message, self._on_close, with_fds=True)
        self._streams = Streams(self._hub, started.stdout, started.stderr, self._on_output)
        self._channel.send("setup", self.spec.setup())

    async def load(self, module: str, file: str) -> str:
        """Have the module imported before the next fork.

        :return: why it could not be used so; empty when it could
        :raises ServerBusyError: if the import of another module takes long
        """
        if not self.spec.preload or not module:
            return ""
        load, is_new = self._loads.find(module)
        if is_new:
            self._let_idle_go()
            if self._channel is not None:
                self._channel.send("load", module, file)
                self._fork_ahead()
        waited = 0.0
        while not load.over.is_set():
            with anyio.move_on_after(PATIENCE):
                await load.over.wait()
                break
            waited += PATIENCE
            if not self.version or self.importing != module:
                self._lose_patience(waited)
        return load.problem

    @property
    def importing(self) -> str:
        """The module that is being imported, empty if none is."""
        return self._loads.current

    def give_up(self) -> None:
        """End a server whose import nobody wants to wait for any more. What it had started runs on."""
        if self.alive and self._process is not None:
            self.death = f"the import of {self.importing} took longer than its task may run"
            self._end_process()

    @property
    def pids(self) -> set[int]:
        """The processes of this machine that it has forked and that have not ended."""
        return set(self._children) if self.spec.commands is None else set()

    @property
    def busy(self) -> bool:
        """Whether somebody has a child of it, or waits for one."""
        return self.is_lent or bool(self.importing) or bool(self._waiting) or len(self._children) > len(self._idle)

    def dismiss(self) -> None:
        """Have the server and its idle children end, without waiting for it; `has_ended` tells when."""
        self._shut("dismissed")
        self._bury()

    def has_ended(self) -> bool:
        """:return: whether the process is gone, and reaped, and none of its children is left"""
        return not self._children and (self._process is None or self._process.poll() is not None)

    async def aclose(self) -> None:
        """End the server and, by closing its control socket, every child it has."""
        self._shut("closed")
        self._cut_lifeline()
        if self._process is not None:
            with anyio.CancelScope(shield=True):
                for _ in range(400):
                    if self._process.poll() is not None:
                        break
                    await anyio.sleep(0.005)
                else:
                    self._process.kill()
                    self._process.wait()
        self._bury()

    # -- children -----------------------------------------------------------------------------------------------

    async def take(self) -> Child:
        """:return: a child that waits for its request
        :raises ServerEndedError: if the server is gone, or goes meanwhile
        :raises ServerBusyError: if it imports something, and that takes long
        """
        waited = 0.0
        while True:
            if not self.alive:
                if self.refused is not None:
                    raise self.refused
                if self._refusals >= MAX_REFUSALS:
                    raise RuntimeSystemError("WorkerStartError", f"no worker could be started: {self.death}")
                raise ServerEndedError
            while self._idle:
                child = self._idle.popleft()
                if child.exit is None and child.generation == self._loads.asked:
                    if not self._idle:
                        self._fork_ahead()  # else when this one ends, and leaves the cores to it meanwhile
                    return child
            turn = anyio.Event()
            self._waiting.append(turn)
            self._fork_ahead()
            try:
                with anyio.move_on_after(min(PATIENCE, HANG_SECONDS)):
                    await turn.wait()
                if not turn.is_set():
                    self._waiting.remove(turn)
                    waited += min(PATIENCE, HANG_SECONDS)
                    self._lose_patience(waited)
            except BaseException:
                if turn in self._waiting:
                    self._waiting.remove(turn)
                elif self._idle and self._waiting:
                    self._waiting.popleft().set()  # the turn we were given goes to the next
                raise

    def _lose_patience(self, waited: float) -> None:
        """Send on who has waited for long, or kill the server if it should have forked long ago: its children finish all the same."""
        if self.importing and self.version:
            raise ServerBusyError
        patience = HANG_SECONDS if self.version else ARRIVE_SECONDS
        if waited >= patience and self.alive and self._asked and not self._refusals:
            self.death = f"it did not fork for {patience:g} s"
            if not self.version and self.spec.commands is not None:  # the relay may have no time to tell what its container said
                self.refused = why_not_started(self.spec.commands, None, "")
            self._end_process()

    def _fork_ahead(self) -> None:
        wanted = self._ahead + len(self._waiting) - len(self._idle) - self._asked
        if wanted > 0 and self._channel is not None:
            self._asked += wanted
            self._channel.send("fork", wanted)

    def _let_idle_go(self) -> None:
        for child in self._idle:
            child.discard()
        self._idle.clear()

    def _on_message(self, message: list[Any]) -> None:
        match message:
            case ["hello", {"anonymous": int(bare), "python": str(version)}]:
                self._bare, self.version = bare, version.partition(" ")[0]
            case ["unstarted", int(code), str(told)]:
                assert self.spec.commands is not None
                self.refused = why_not_started(self.spec.commands, None if self.death else code, told)
            case ["oom", int(peak)]:
                self._ran_out(peak)
            case ["child", pid]:
                self._on_child(pid)
            case ["exit", pid, status, cpu]:
                child = self._children.pop(pid, None)
                if child is not None:
                    child.ended(Exit(status, cpu))
                    self._fork_ahead()
            case ["loaded", module, problem]:
                self._loads.finish(module, problem)
            case ["unforked", problem]:
                self._on_refusal(problem)

    def _on_child(self, pid: int) -> None:
        assert self._channel is not None
        fds = self._channel.fds
        link, out, err = fds.popleft(), fds.popleft(), fds.popleft()
        if link == LOST_FD:  # and so is the child: without the other end of its link it leaves
            self._on_refusal("this process has too many open files")
            return
        child = Child(
            self._hub,
            pid,
            (link, out, err),
            signal=lambda number, pid=pid: self._signal(pid, number),  # type: ignore[misc]
            generation=self._loads.done,
            bare=self._bare,
            sees=None if self.spec.commands is None else self.spec.commands.sees,
            on_done=self._on_child_done,
            max_frame_bytes=self._max_frame_bytes,
        )
        self._asked -= 1
        self._refusals = 0
        self._children[pid] = child
        if child.generation != self._loads.asked:
            child.discard()
            self._fork_ahead()
            return
        self._idle.append(child)
        if self._waiting:
            self._waiting.popleft().set()

    def _on_refusal(self, problem: str) -> None:
        self._asked -= 1
        self._refusals += 1
        if self._refusals >= MAX_REFUSALS:
            self._shut(f"the system refuses to start processes: {problem}")
            return
        if self._refusals == 1:
            self._notice(f"a worker could not be forked: {problem}; trying again for {MAX_REFUSALS * REFUSED_SECONDS:.0f} s")
        asyncio.get_running_loop().call_later(REFUSED_SECONDS, self._fork_ahead)

    def _on_child_done(self, child: Child) -> None:
        if child in self._idle:
            self._idle.remove(child)

    def _signal(self, pid: int, number: int) -> None:
        if pid in self._orphans:
            self._orphans.signal(pid, number)
        elif self._channel is not None and self.alive:
            self._channel.send("kill", pid, number)
            if number == SIGKILL:
                loop = asyncio.get_running_loop()
                if self.spec.commands is None:
                    loop.call_later(INSIST_SECONDS, self._insist, pid)
                else:
                    loop.call_later(CONTAINER_SECONDS, self._end_container, pid)

    def _end_container(self, pid: int) -> None:
        """End a container whose fork server does not do as it is told."""
        if pid in self._children and self.alive:
            self.death = f"it did not end process {pid} for {CONTAINER_SECONDS:g} s"
            self._end_process()

    def _ran_out(self, peak: int) -> None:
        """Take note that memory ran out in the container, and end what of the call is left: the kernel ended one process of it."""
        self.death = "its container ran out of memory"
        for child in tuple(self._children.values()):
            if child.is_at_work:
                child.ran_out = max(peak, 1)
                child.signal(SIGKILL)

    def _insist(self, pid: int) -> None:
        """Kill a child ourselves, whose server is busy importing something, or hangs. It reaps nobody meanwhile, so as long
        as a child of it has that number, it is the one.
        """
        child = self._children.get(pid)
        if child is None or self._process is None or pid in self._orphans:
            return
        match kill_child_of(self._process.pid, pid):
            case "killed":
                asyncio.get_running_loop().call_later(INSIST_SECONDS, self._insist, pid)
            case "ended":
                del self._children[pid]
                child.ended(Exit(SIGKILL, (0.0, 0.0)))

    # -- its end ------------------------------------------------------------------------------------------------

    def _on_close(self, reason: str) -> None:
        self._shut(reason or self._cause_of_death())
        for child in tuple(self._children.values()):
            # What was in a container has gone with it.
            if self.spec.commands is not None or not (child.is_at_work and self._orphans.adopt(child)):
                self._end_child(child, None)
        if not self._children:
            self._cut_lifeline()
        self._on_orphaned()

    def _on_orphan(self, child: Child) -> None:
        self._end_child(child, None)
        self._on_orphaned()

    def _end_child(self, child: Child, status: int | None) -> None:
        """Take note that a child is gone which no server reports; what is left of its group goes with it."""
        if self.spec.commands is None:
            self._orphans.end(child.pid)
        self._children.pop(child.pid, None)
        child.lost = status is None
        child.ended(Exit(status, (0.0, 0.0)))
        if not self.alive and not self._children:
            self._cut_lifeline()

    def _cut_lifeline(self) -> None:
        """Have the kernel end every child that is left, at once."""
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def _bury(self) -> None:
        """Settle the children of a server that we ended."""
        self._cut_lifeline()
        for child in tuple(self._children.values()):
            self._end_child(child, SIGKILL)

    def _cause_of_death(self) -> str:
        """Reap the server, which has closed its socket and so is at its end, and say how it ended."""
        self._end_process()
        how = reap(self._process)
        self.died_importing = bool(self.importing)
        return f"{how} while it imported {self.importing}" if self.importing else how

    def _end_process(self) -> None:
        """End the server; a relay is asked to, since it has its container to end."""
        if self._process is None:
            return
        if self.spec.commands is None:
            self._process.kill()
        else:
            self._process.terminate()

    def _shut(self, reason: str) -> None:
        self.alive = False
        self.death = self.death or reason
        if self._streams is not None:
            self._streams.close()
        if self._channel is not None:
            self._channel.close()
            for fd in self._channel.fds:
                os.close(fd)
            self._channel.fds.clear()
        self._idle.clear()
        self._loads.abandon(reason)
        while self._waiting:
            self._waiting.popleft().set()
