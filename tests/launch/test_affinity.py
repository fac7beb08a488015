"""A pinned process, and what it starts, keeps to its cores; who cannot be pinned is left alone."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from localflyte.launch.affinity import _pin_with_psutil
from localflyte.launch.affinity import pin

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no os.sched_setaffinity")

PROGRAM = """
import os, sys
sys.stdin.readline()
import threading
seen = []
thread = threading.Thread(target=lambda: seen.append(os.sched_getaffinity(0)))
thread.start()
thread.join()
pid = os.fork()
if pid == 0:
    os._exit(0 if os.sched_getaffinity(0) == seen[0] else 1)
print(sorted(seen[0]), os.waitpid(pid, 0)[1])
"""


@pytest.mark.parametrize("by", [pin, _pin_with_psutil])
def test_what_is_started_later_stays_on_the_same_cores(by: object) -> None:
    core = max(os.sched_getaffinity(0))
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    by(process.pid, (core,))  # type: ignore[operator]
    out, _ = process.communicate("go\n", timeout=30)
    assert out.split() == [f"[{core}]", "0"]


def test_a_process_that_is_gone_is_no_error() -> None:
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    pin(process.pid, (0,))
    _pin_with_psutil(process.pid, (0,))


def test_a_core_that_does_not_exist_is_no_error() -> None:
    before = os.sched_getaffinity(0)
    pin(os.getpid(), (100_000,))
    assert os.sched_getaffinity(0) == before


def test_no_cores_leave_a_process_where_it_is() -> None:
    before = psutil.Process().cpu_affinity()
    pin(os.getpid(), ())
    assert psutil.Process().cpu_affinity() == before
