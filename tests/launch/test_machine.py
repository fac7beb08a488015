"""What this process may use is the least of what the machine has and what its cgroups, or those above them, allow."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from localflyte.launch.hierarchy import places
from localflyte.launch.machine import kernel_oom_kills
from localflyte.launch.machine import usable_cores
from localflyte.launch.machine import usable_memory
from tests.launch.fake_root import separate
from tests.launch.fake_root import unified
from tests.launch.fake_root import write

GIB = 1 << 30


def test_this_machine_is_no_larger_than_it_is() -> None:
    assert 0 < usable_memory() <= psutil.virtual_memory().total
    assert 0 < usable_cores() <= (os.cpu_count() or 1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, "proc/meminfo", f"MemTotal: {16 * GIB // 1024} kB\n")
    return tmp_path


def test_without_cgroups_the_machine_is_the_limit(root: Path) -> None:
    assert usable_memory(str(root)) == 16 * GIB
    assert places(str(root)) == {}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"user/memory.max": "max\n", "user/app/memory.max": "max\n"}, 16 * GIB),
        ({"user/memory.max": "max\n", "user/app/memory.max": f"{2 * GIB}\n"}, 2 * GIB),
        ({"user/memory.max": f"{GIB}\n", "user/app/memory.max": f"{2 * GIB}\n"}, GIB),
        ({"memory.max": f"{3 * GIB}\n", "user/app/memory.max": "max\n"}, 3 * GIB),
        ({"user/app/memory.max": f"{64 * GIB}\n"}, 16 * GIB),
        ({"other/memory.max": f"{GIB}\n", "user/app/memory.max": "max\n"}, 16 * GIB),
    ],
)
def test_the_smallest_limit_from_our_group_up_counts_v2(root: Path, files: dict[str, str], expected: int) -> None:
    assert usable_memory(str(unified(root, "/user/app", files))) == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"memory/user/app/memory.limit_in_bytes": "9223372036854771712\n"}, 16 * GIB),
        ({"memory/user/app/memory.limit_in_bytes": f"{2 * GIB}\n"}, 2 * GIB),
        ({"memory/user/memory.limit_in_bytes": f"{GIB}\n", "memory/user/app/memory.limit_in_bytes": f"{2 * GIB}\n"}, GIB),
    ],
)
def test_the_smallest_limit_from_our_group_up_counts_v1(root: Path, files: dict[str, str], expected: int) -> None:
    assert usable_memory(str(separate(root, "/user/app", files))) == expected


def test_a_container_sees_only_its_part_of_the_tree_v1(root: Path) -> None:
    """The path is told from the host's root, and only what is below the container's is mounted."""
    separate(root, "/docker/abc", {"memory/memory.limit_in_bytes": f"{GIB}\n"}, top="/docker/abc")
    assert usable_memory(str(root)) == GIB


def test_a_container_sees_only_its_part_of_the_tree_v2(root: Path) -> None:
    unified(root, "/../../elsewhere", {"memory.max": f"{GIB}\n"})
    assert usable_memory(str(root)) == GIB


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"user/cpu.max": "max 100000\n"}, None),
        ({"user/cpu.max": "25000 100000\n"}, 0.25),
        ({"cpu.max": "25000 100000\n", "user/cpu.max": "50000 100000\n"}, 0.25),
        ({"user/cpu.max": "1000 1000000\n"}, 0.1),
        ({"user/cpu.max": "nonsense\n"}, None),
    ],
)
def test_the_smallest_quota_counts_v2(root: Path, files: dict[str, str], expected: float | None) -> None:
    assert usable_cores(str(unified(root, "/user", files))) == (expected or usable_cores(str(root / "nowhere")))


@pytest.mark.parametrize(("quota", "expected"), [("-1", None), ("50000", 0.5)])
def test_the_smallest_quota_counts_v1(root: Path, quota: str, expected: float | None) -> None:
    files = {"cpu,cpuacct/user/cpu.cfs_quota_us": f"{quota}\n", "cpu,cpuacct/user/cpu.cfs_period_us": "100000\n"}
    assert usable_cores(str(separate(root, "/user", files))) == (expected or usable_cores(str(root / "nowhere")))


def test_a_place_with_a_blank_in_its_name_is_found(root: Path) -> None:
    write(root, "proc/self/cgroup", "0::/a b\n")
    write(root, "proc/self/mountinfo", "31 23 0:28 / /my\\040groups rw - cgroup2 cgroup2 rw\n")
    write(root, "my groups/a b/memory.max", str(GIB))
    assert usable_memory(str(root)) == GIB


def test_the_kernel_tells_how_often_it_ran_out_of_memory(root: Path) -> None:
    write(root, "proc/vmstat", "nr_free_pages 5\noom_kill 7\noom_killer_disabled 9\n")
    assert kernel_oom_kills(str(root)) == 7
    assert kernel_oom_kills(str(root / "nowhere")) == 0
