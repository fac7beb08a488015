r"""Fork server: a single-threaded interpreter that has the user's code loaded and forks one child per attempt.

    engine ---- control socket ----> fork server ---- fork ----> child (idle) ... request ... reply, exit
       \_____________________ link socket, stdout and stderr pipes ______________________/

It never runs a task and never reads a value. It is the parent, so it alone may signal its children: a process that it
has not reaped yet keeps its number, so a signal can never reach a stranger. When the engine's end of the control
socket closes, however that came about, it ends every child with its whole group and then itself.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # the module `signal` wraps each of these in enums, at 80 page faults a child
import faulthandler
import gc
import os
import select
import sys
from _socket import AF_UNIX
from _socket import SCM_RIGHTS
from _socket import SOCK_STREAM
from _socket import SOL_SOCKET
from _socket import socket
from _socket import socketpair
from contextlib import suppress
from fcntl import F_DUPFD_CLOEXEC
from fcntl import fcntl
from time import monotonic
from time import sleep
from time import tzset
from typing import Any
from typing import NoReturn

from localflyte.api.port import enter_worker
from localflyte.api.resolve import plan_for
from localflyte.wire.frames import FrameReader
from localflyte.wire.frames import pack_frame
from localflyte.worker import debugger
from localflyte.worker.confine import become_subreaper
from localflyte.worker.confine import die_with_engine
from localflyte.worker.confine import die_with_parent
from localflyte.worker.confine import offer_to_kernel
from localflyte.worker.confine import outlive_parent
from localflyte.worker.confine import prepare
from localflyte.worker.forking import fork
from localflyte.worker.forking import reseed
from localflyte.worker.forking import thread_count
from localflyte.worker.loading import load_module
from localflyte.worker.serve import serve
from localflyte.worker.tables import load_tables
from localflyte.worker.usage import anonymous_bytes

__all__ = ("ForkServer",)

SWEEP_SECONDS = 0.1  # between the end of a task and of what left its group; looking costs 20 us, too much for every call
END_SECONDS = 1.5
OWN_FDS = 202  # our own descriptors are from here up; 200 and 201 are the children's
LINK_FD = 200  # tasks print to, close and write into low descriptors; nobody writes into this one by accident


class ForkServer:
    """:param is_contained: whether it runs in a container: then the kernel is to end children first where memory runs out"""

    def __init__(self, control: socket, lifeline: int = -1, *, is_contained: bool = False) -> None:
        self._control = _raised(control)
        self._lifeline = lifeline if lifeline < 0 else _raised_fd(lifeline)
        self._reader = FrameReader()
        self._engine = os.getppid()
        self._mark = b"_LOCALFLYTE_ENGINE=" + os.environb.get(b"_LOCALFLYTE_ENGINE", b"")
        self._children: set[int] = set()
        self._kept: set[int] = set()  # processes that the user's modules started when they were imported
        self._sweep_at = 0.0
        self._frozen = False
        self._mounts: dict[str, str] = {}
        self._is_contained = is_contained
        self._wake, self._alarm = map(_raised, socketpair(AF_UNIX, SOCK_STREAM))

    def run(self) -> NoReturn:
        """Serve until the engine is gone."""
        enter_worker()
        prepare()
        become_subreaper()
        for end in (self._wake, self._alarm):
            end.setblocking(False)
        self._arm()
        gc.disable()  # nothing here makes cycles, and a collection would unshare every page with every child
        self._send("hello", {"python": sys.version, "pid": os.getpid(), "anonymous": anonymous_bytes()})
        poll = select.poll()
        control = self._control.fileno()
        poll.register(control, select.POLLIN)
        poll.register(self._wake.fileno(), select.POLLIN)
        me = os.getpid()
        try:
            self._serve(poll, control)
        except BaseException:  # noqa: BLE001 - whatever it is, nothing may be left behind; what it is goes to the engine's log
            if os.getpid() != me:
                os._exit(1)
            with suppress(Exception):
                sys.__excepthook__(*sys.exc_info())
            self._end()

    def _serve(self, poll: Any, control: int) -> NoReturn:
        while True:
            ready = poll.poll(SWEEP_SECONDS * 1000 if self._sweep_at else None)
            for fd, _ in ready:
                if fd == control:
                    self._receive()
                else:
                    with suppress(BlockingIOError):
                        self._wake.recv(4096)
            self._reap()
            if self._sweep_at and monotonic() >= self._sweep_at:
                self._sweep()

    def _arm(self) -> None:
        """Have the poll end when a child does. Done again after each import, since user code may have set all of this otherwise."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._alarm.fileno(), warn_on_full_buffer=False)
        with suppress(AttributeError, ValueError, OSError):  # the user's code put another stderr in place, or none
            faulthandler.enable()  # children inherit it: a crash in native code leaves its Python stack in the task's log

    def _receive(self) -> None:
        try:
            data = self._control.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self._end()
        for message in self._reader.feed(data):
            match message:
                case ["setup", setup]:
                    self._set_up(setup)
                case ["load", module, file]:
                    self._load(module, file)
                case ["fork", count]:
                    for _ in range(count):
                        self._fork()
                case ["kill", pid, number]:
                    self._kill(pid, number)

    def _set_up(self, setup: dict[str, Any]) -> None:
        if not setup["keeps_env"]:
            os.environb.clear()  # what we were started with; the rest of a task's environment is for its processes alone to see
        os.environb.update(setup["env"])
        tzset()  # TZ may have come with it, and is read once
        os.umask(setup["umask"])
        with suppress(OSError):  # a folder that is gone meanwhile: the task's own error will say it better
            os.chdir(setup["cwd"])
        sys.argv[:] = setup["argv"]
        output: Any = sys.stdout
        with suppress(AttributeError, ValueError, OSError):  # none, or one that cannot
            output.reconfigure(line_buffering=True)  # a task that is killed keeps back nothing of what it printed
        debugger.use(setup["terminal"])
        sys.breakpointhook = debugger.hook
        # Our own modules are loaded by now, so a user's `types.py` cannot shadow what we need.
        sys.path[:] = [*setup["sys_path"], *sys.path] if setup["keeps_path"] else setup["sys_path"]
        if setup["mounts"]:
            from localflyte.worker.mounts import mount

            self._mounts = setup["mounts"]
            mount(self._mounts)
        if setup["sees"] is not None:
            from localflyte.api.outside import see_outside

            see_outside(setup["sees"])
        if setup["alias"]:
            from localflyte.bridges.flyte import install

            install()
        if os.environ.get("FLYTE_RESET_ROOT_LOGGER") == "1":  # before the program adds handlers of its own
            from importlib import import_module

            import_module("localflyte.logs")

    def _load(self, module: str, file: str) -> None:
        """Import the user's module before forking. What it raises is raised again, and reported, in the attempt."""
        problem = ""
        self._frozen = False  # what this brings in is frozen before the next fork
        die_with_parent(os.getppid())  # an import may take forever, and nobody reads the control socket meanwhile
        try:
            load_module(module, file)
        except BaseException as error:  # noqa: BLE001 - user code may raise anything, SystemExit included
            problem = f"{type(error).__name__}: {error}"
        outlive_parent()
        self._arm()
        self._kept.update(pid for pid in _direct_children() if pid not in self._children)
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, ValueError, OSError):  # closed, or replaced by something of the user's own
                stream.flush()
        problem = problem or _threads(module)
        if not problem and _warm_up():
            problem = _threads("pyarrow")
        self._send("loaded", module, problem)

    def _fork(self) -> None:
        if not self._frozen:
            gc.collect()
            gc.freeze()
            self._frozen = True
        opened: list[int] = []
        try:
            ours, theirs = socketpair(AF_UNIX, SOCK_STREAM)
            for _ in range(2):
                opened.extend(os.pipe())
            out_read, out_write, err_read, err_write = opened
            pid = fork()
        except OSError as error:  # no more processes, or descriptors: for now
            for fd in opened:
                os.close(fd)
            self._send("unforked", f"{type(error).__name__}: {error}")
            return
        if pid == 0:
            os.setpgid(0, 0)  # a group to end it by; a session of its own would cost a scheduling group each
            die_with_engine(self._lifeline)
            become_subreaper()  # so that nothing it starts becomes ours before it has ended
            reseed()
            if self._is_contained:
                offer_to_kernel()
            self._become_child(theirs, out_write, err_write, (ours, out_read, err_read))
        self._children.add(pid)
        fds = b"".join([fd.to_bytes(4, sys.byteorder) for fd in (ours.fileno(), out_read, err_read)])
        try:
            self._control.sendmsg([pack_frame(("child", pid))], [(SOL_SOCKET, SCM_RIGHTS, fds)])
        except OSError:  # the engine went while we forked
            self._end()
        for fd in (out_read, out_write, err_read, err_write):
            os.close(fd)
        ours.close()
        theirs.close()

    def _become_child(self, link: socket, out: int, err: int, others: tuple[Any, ...]) -> NoReturn:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for source, target in ((out, 1), (err, 2)):  # 0 is /dev/null already
            os.dup2(source, target)
            os.close(source)
        os.dup2(link.fileno(), LINK_FD, inheritable=False)
        ours, *reads = others
        for sock in (link, ours, self._control, self._wake, self._alarm):
            sock.close()
        for fd in reads:
            os.close(fd)
        gc.enable()
        serve(socket(AF_UNIX, SOCK_STREAM, 0, LINK_FD))

    def _reap(self) -> None:
        """Report every child that ended, after ending what it left behind."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            pid = ended.si_pid
            ours = pid in self._children
            if ours:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)  # the zombie still holds the number, so the group is really its
            _, status, usage = os.wait4(pid, 0)
            if ours:
                self._children.discard(pid)
                self._sweep_at = self._sweep_at or monotonic() + SWEEP_SECONDS
                self._send("exit", pid, status, [usage.ru_utime, usage.ru_stime])

    def _kill(self, pid: int, number: int) -> None:
        if pid in self._children:
            try:
                os.killpg(pid, number)
            except ProcessLookupError:  # so new that it has not made its group yet
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            except PermissionError:
                return

    def _sweep(self) -> None:
        """End what ended tasks left behind in groups of their own. It has become ours, by the deaths of all between."""
        self._sweep_at = 0.0
        for pid in _direct_children():
            if pid not in self._children and pid not in self._kept:
                self._sweep_at = monotonic() + SWEEP_SECONDS  # its own children become ours next
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)

    def _end(self) -> NoReturn:
        """End every child with its group, then what becomes ours as its parents die, until there is nothing."""
        for pid in self._children:
            self._kill(pid, signal.SIGKILL)
        give_up = monotonic() + END_SECONDS
        while monotonic() < give_up and (left := _direct_children()):
            for pid in left:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            sleep(0.001)
        if os.getppid() != self._engine:  # it was killed, so nobody else looks for what lost its fork server before
            from localflyte.worker.remains import end_remains

            end_remains(self._mark, give_up)
        if self._mounts:
            from localflyte.worker.mounts import remove_folder

            for folder in self._mounts.values():
                remove_folder(folder)  # the engine does it too, unless it was killed
        os._exit(0)

    def _send(self, *message: Any) -> None:
        try:
            self._control.sendall(pack_frame(message))
        except OSError:
            self._end()


def _raised(sock: socket) -> socket:
    """:return: the same socket out of the way of what modules print to and close while they are imported"""
    return socket(AF_UNIX, SOCK_STREAM, 0, _raised_fd(sock.detach()))


def _raised_fd(fd: int) -> int:
    raised = fcntl(fd, F_DUPFD_CLOEXEC, OWN_FDS)
    os.close(fd)
    return raised


def _threads(module: str) -> str:
    """:return: why this process may not be forked any more, or an empty string"""
    threads = thread_count()
    return f"threads: importing {module} starts {threads - 1} thread(s)" if threads > 1 else ""


def _warm_up() -> bool:
    """Import and make once, here, what every child of this code would otherwise need for itself.

    :return: whether more than our own modules was imported
    """
    from localflyte.api import registry

    for task in registry.tasks():
        with suppress(Exception):  # what is wrong with a task is said when it is called
            plan_for(task)
    if any(task.is_async for task in registry.tasks()):
        from localflyte.worker import loops

        loops.prepare()
    return load_tables(str(getattr(task.border, "digest_line", "")) for task in registry.tasks())


def _direct_children() -> list[int]:
    """:return: our direct children, the orphans we adopted included, as the kernel lists them"""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []
