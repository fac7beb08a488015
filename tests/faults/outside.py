"""Outside: a program of a person in a process of its own, to be killed and watched from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from localflyte.launch.census import MARK

__all__ = ("GONE_WITHIN", "ROOT", "SOON", "Program", "marked", "wait_until")

ROOT = Path(__file__).resolve().parents[2]
GONE_WITHIN = 2.0  # seconds: what localflyte promises after the end of an engine, kill -9 included
SOON = 20.0  # seconds: for what has no promise; reached only where something hangs


class Program:
    """A program of a person, running in a folder and a home of its own."""

    def __init__(self, folder: Path, text: str, *arguments: str, env: dict[str, str] | None = None, terminal: int | None = None) -> None:
        (folder / "program.py").write_text(text)
        self.folder = folder
        environ = {
            **os.environ,
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
            "LOCALFLYTE_HOME": str(folder / "home"),
            **(env or {}),
        }
        self.home = Path(environ["LOCALFLYTE_HOME"])
        stream = subprocess.PIPE if terminal is None else terminal
        self.process = subprocess.Popen(
            [sys.executable, *(arguments or ("program.py",))],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL if terminal is None else terminal,
            stdout=stream,
            stderr=stream,
            text=True,
            start_new_session=True,
        )
        self.me = psutil.Process(self.process.pid)
        self.out = self.err = ""

    def wait_for(self, *names: str) -> None:
        """Wait until the program, or a task of it, has made files of these names in its folder."""
        wait_until(lambda: all((self.folder / name).exists() for name in names) or self.process.poll() is not None)
        missing = [name for name in names if not (self.folder / name).exists()]
        assert not missing, (missing, self.finish())

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def finish(self, seconds: float = SOON) -> int:
        """:return: the exit code; `out` and `err` are what it printed"""
        try:
            self.out, self.err = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            raise
        return self.process.returncode

    def family(self) -> list[int]:
        """:return: every process that carries the mark of the program's engine, wherever in the tree it is now"""
        return marked(f"{MARK}={self.process.pid}.".encode())

    def names(self) -> list[str]:
        """:return: the names of its family"""
        names = []
        for pid in self.family():
            with suppress(psutil.NoSuchProcess):
                names.append(psutil.Process(pid).name())
        return names

    def left_after(self, seconds: float = GONE_WITHIN) -> list[str]:
        """:return: what of it is alive so many seconds from now"""
        give_up = time.monotonic() + seconds
        while left := self.family():
            if time.monotonic() > give_up:
                return [_describe(pid) for pid in left]
            time.sleep(0.005)
        return []

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        for pid in self.family():
            psutil.Process(pid).kill()


def marked(mark: bytes) -> list[int]:
    """:return: the processes whose environment holds the text; zombies have none"""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    if mark in file.read():
                        found.append(int(name))
            except OSError:
                continue
    return found


def wait_until(what: Callable[[], Any], seconds: float = SOON) -> Any:
    """:return: the first answer that is true, or the last one"""
    give_up = time.monotonic() + seconds
    while not (answer := what()) and time.monotonic() < give_up:
        time.sleep(0.005)
    return answer


def _describe(pid: int) -> str:
    try:
        return f"{pid} {' '.join(psutil.Process(pid).cmdline())[:100]}"
    except psutil.Error:
        return f"{pid} (gone by now)"
