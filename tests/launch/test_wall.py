"""What is behind a wall dies of its own hunger, is held to its share, and leaves nothing when the wall is taken down."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from localflyte.errors import ConfigurationError
from localflyte.launch import ground as grounds
from localflyte.launch import wall as walls
from localflyte.launch.cgroup import Group
from localflyte.launch.ground import Ground
from localflyte.launch.ground import find_ground
from localflyte.launch.ground import leave_leaf
from localflyte.launch.leftovers import all_group_folders
from localflyte.launch.leftovers import clean
from localflyte.launch.leftovers import leftovers
from localflyte.launch.leftovers import marker
from localflyte.launch.wall import WallMaker
from localflyte.launch.wall import find_wall
from localflyte.runs.lives import my_life
from localflyte.settings import Settings
from tests.launch.fake_root import unified

MIB = 1 << 20
ENDS_WITHIN = 10.0  # seconds

Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    found, reasons = find_ground()
    if found is None:
        pytest.skip(f"no control groups can be made here: {'; '.join(reasons)}")
    yield found._replace(leaf="")  # so that no maker of a test leaves it
    leave_leaf(found.leaf)


@pytest.fixture
def maker(ground: Ground) -> Iterator[WallMaker]:
    """A maker that has to leave nothing."""
    maker = WallMaker(ground)
    yield maker
    maker.close()
    prefix = marker()
    left = [name for folder in {ground.memory, ground.cpu or ground.memory} for name in os.listdir(folder) if name.startswith(prefix)]
    assert [name for name in left if not name.endswith("-engine")] == []


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a program that does nothing before it is given a line."""
    with ExitStack() as ends:

        def start(program: str) -> subprocess.Popen[str]:
            code = f"import os, sys, time\nsys.stdin.readline()\n{program}"
            process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            ends.enter_context(process)
            ends.callback(process.kill)
            return process

        yield start


def until(condition: Callable[[], bool]) -> bool:
    """Wait for what is about to be so."""
    deadline = time.monotonic() + ENDS_WITHIN
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return condition()


def is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_who_needs_more_than_there_is_is_killed_and_it_is_known_why(maker: WallMaker, start: Start) -> None:
    process = start(f"hungry = bytearray({200 * MIB})\nprint('still here')")
    wall = maker.make("hungry", [process.pid], memory=64 * MIB, cpu=None)
    out, _ = process.communicate("go\n", timeout=30)
    assert (out, process.returncode) == ("", -9)
    assert wall.oom_kills() >= 1
    peak = wall.peak()
    assert peak is None or 60 * MIB <= peak <= 64 * MIB
    wall.close()


def test_a_neighbour_is_untouched(maker: WallMaker, start: Start) -> None:
    hungry, modest = start(f"hungry = bytearray({200 * MIB})"), start("sys.stdin.readline()\nprint('still here')")
    one = maker.make("hungry", [hungry.pid], memory=64 * MIB, cpu=None)
    other = maker.make("modest", [modest.pid], memory=64 * MIB, cpu=None)
    hungry.communicate("go\n", timeout=30)
    assert modest.communicate("go\ngo\n", timeout=30)[0] == "still here\n"
    assert (hungry.returncode, modest.returncode) == (-9, 0)
    assert one.oom_kills() >= 1
    assert other.oom_kills() == 0
    one.close()
    other.close()


def test_what_a_process_starts_counts_with_it(maker: WallMaker, start: Start) -> None:
    program = f"""
pids = [os.fork() for _ in range(1)]
if pids == [0]:
    os.setsid()
    hungry = bytearray({200 * MIB})
    os._exit(0)
print(os.waitpid(pids[0], 0)[1])
"""
    process = start(program)
    wall = maker.make("family", [process.pid], memory=64 * MIB, cpu=None)
    out, _ = process.communicate("go\n", timeout=30)
    # A unified tree ends the whole group, an older one the largest process of it.
    assert out in ("", "9\n")
    assert wall.oom_kills() >= 1
    wall.close()


def test_a_share_of_the_cpu_is_held(maker: WallMaker, start: Start) -> None:
    if not maker.holds_cpu:
        pytest.skip("the CPU controller cannot be had here")
    program = """
used, end = time.process_time(), time.monotonic() + 2
while time.monotonic() < end: pass
print(time.process_time() - used)
"""
    process = start(program)
    wall = maker.make("busy", [process.pid], memory=None, cpu=0.2)
    out, _ = process.communicate("go\n", timeout=60)
    assert float(out) <= 2 * 0.2 + 0.3
    assert wall.oom_kills() == 0
    assert wall.peak() is None
    wall.close()


def test_killing_finds_those_who_left_their_parents_and_their_session(maker: WallMaker, start: Start) -> None:
    program = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print('up', flush=True)
    time.sleep(100)
time.sleep(100)
"""
    process = start(program)
    wall = maker.make("wide", [process.pid], memory=64 * MIB, cpu=1.0)
    assert process.stdin
    assert process.stdout
    process.stdin.write("go\n")
    process.stdin.flush()
    assert process.stdout.readline() == "up\n"
    found = [psutil.Process(pid) for pid in wall.pids()]
    assert len(found) == 3
    wall.kill()
    assert until(lambda: not wall.pids())
    assert wall.kill()
    assert [process for process in found if is_alive(process)] == []
    wall.close()


def test_killing_catches_up_with_who_forks_meanwhile(maker: WallMaker, start: Start) -> None:
    process = start("print('up', flush=True)\nfor _ in range(200):\n    if os.fork(): time.sleep(100)")
    wall = maker.make("forking", [process.pid], memory=256 * MIB, cpu=None)
    assert process.stdin
    assert process.stdout
    process.stdin.write("go\n")
    process.stdin.flush()
    process.stdout.readline()
    assert until(wall.kill)
    assert wall.pids() == []
    wall.close()


def test_a_wall_that_is_closed_early_takes_its_processes_along(maker: WallMaker, start: Start) -> None:
    process = start("time.sleep(100)")
    maker.make("early", [process.pid], memory=64 * MIB, cpu=0.5).close()
    assert process.wait(ENDS_WITHIN) == -9


def test_who_is_gone_already_is_no_error(maker: WallMaker) -> None:
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    wall = maker.make("gone", [process.pid], memory=64 * MIB, cpu=0.5)
    assert wall.pids() == []
    wall.close()
    wall.close()


def test_no_memory_left_to_give_still_makes_a_wall(maker: WallMaker, start: Start) -> None:
    """Who has used up its limit before it is moved has nothing left; that is no reason to fail."""
    process = start("hungry = bytearray(10_000_000)")
    wall = maker.make("nothing left", [process.pid], memory=-5, cpu=None)
    process.communicate("go\n", timeout=30)
    assert process.returncode == -9
    wall.close()


def test_any_name_will_do(maker: WallMaker) -> None:
    for name in ("../../etc", "a/b", "", "x" * 1000, "ü\n"):
        maker.make(name, [], memory=64 * MIB, cpu=None).close()


def test_the_wall_is_not_made_where_the_system_refuses(maker: WallMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walls, "_memory_terms", lambda *_: [("no.such.file", "1", True)])
    with pytest.raises(OSError, match=r"no\.such\.file"):
        maker.make("refused", [], memory=64 * MIB, cpu=None)


# -- leftovers ----------------------------------------------------------------------------------------------------

DIES = """
import os, subprocess, sys
from localflyte.launch.ground import Ground
from localflyte.launch.wall import WallMaker
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"], start_new_session=True, stdout=subprocess.DEVNULL)
wall = WallMaker(Ground(int(sys.argv[1]), sys.argv[2], sys.argv[3] or None)).make("left", [child.pid], memory=1 << 26, cpu=0.5)
print(child.pid, flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("by", ["its successor", "the doctor"])
def test_what_a_killed_engine_left_is_found_and_removed(ground: Ground, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-c", DIES, str(ground.version), ground.memory, ground.cpu or ""]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    orphan = psutil.Process(int(done.stdout))
    maker = WallMaker(ground)
    assert maker.leftovers()
    if by == "its successor":
        monkeypatch.setattr(walls, "find_ground", lambda: (ground, []))
        find_wall(Settings())  # as every engine does
    else:
        clean(leftovers(all_group_folders()))
    assert until(lambda: not is_alive(orphan))
    assert until(lambda: clean(maker.leftovers()) == (0, 0))


def test_what_a_living_engine_has_is_left_alone(maker: WallMaker, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    process = start("print('still here')")
    wall = maker.make("living", [process.pid], memory=64 * MIB, cpu=None)
    assert maker.leftovers() == []
    monkeypatch.setattr(walls, "find_ground", lambda: (maker.ground, []))
    find_wall(Settings())
    assert wall.pids() == [process.pid]
    assert process.communicate("go\n", timeout=30)[0] == "still here\n"
    wall.close()


def test_a_mark_is_of_one_process_and_no_other_of_that_number(tmp_path: Path) -> None:
    pid, boot, space, ticks = str(my_life()).split(".")
    assert marker() == f"localflyte-{pid}.{boot}.{space}.{ticks}-"
    dead = [f"localflyte-{pid}.{boot}.{space}.{int(ticks) + 1}-1-a", f"localflyte-4194999.{boot}.{space}.5-1-a"]
    others = [f"{marker()}1-a", f"localflyte-{pid}.{boot}.1.{int(ticks) + 1}-1-a", "localflyte-x-y", "localflyte-", "system.slice"]
    for name in (*dead, *others):
        (tmp_path / name).mkdir()
    assert sorted(group.folder for group in leftovers([str(tmp_path)])) == sorted(str(tmp_path / name) for name in dead)
    assert clean(leftovers([str(tmp_path), str(tmp_path / "nowhere")])) == (2, 0)
    assert sorted(os.listdir(tmp_path)) == sorted(others)


# -- where walls can be made --------------------------------------------------------------------------------------


def test_without_a_wish_the_sampler_stands_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walls, "find_ground", lambda: pytest.fail("looked although nobody asked"))
    assert find_wall(Settings(memory_wall="sampler")) is None


def test_where_there_is_none_auto_does_without_and_cgroup_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walls, "find_ground", lambda: (None, ["the moon is full"]))
    assert find_wall(Settings(memory_wall="auto")) is None
    with pytest.raises(ConfigurationError, match=r"the moon is full.*systemd-run.*LOCALFLYTE_MEMORY_WALL"):
        find_wall(Settings(memory_wall="cgroup"))


@pytest.fixture
def writable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree of plain files in which whoever is moved arrives. The files of a new group are there at once, as in a real one."""

    def create(group: Group) -> None:
        os.mkdir(group.folder)
        for name in ("memory.max", "memory.limit_in_bytes", "cgroup.procs", "cpu.max"):
            (Path(group.folder) / name).write_text("")

    def remove(group: Group) -> bool:
        for file in Path(group.folder).iterdir():
            file.unlink()
        os.rmdir(group.folder)
        return True

    monkeypatch.setattr(Group, "create", create)
    monkeypatch.setattr(Group, "remove", remove)


HANDED_DOWN = {"cgroup.subtree_control": "cpu memory pids\n", "cgroup.controllers": "cpu memory pids\n", "cgroup.type": "domain\n"}
OURS = {"cgroup.subtree_control": "", "cgroup.type": "domain\n", "cgroup.procs": "1\n", "memory.max": "max\n", "cpu.max": "max 100000\n"}


def tree(**groups: dict[str, str]) -> dict[str, str]:
    """The files of a unified tree with the groups user and, in it, app, which is ours."""
    folders = {"top": "", "user": "user/", "app": "user/app/"}
    return {f"{folders[group]}{name}": text for group, files in groups.items() for name, text in files.items()}


def test_a_group_above_ours_will_do_if_it_hands_memory_down(tmp_path: Path, writable: None) -> None:
    root = unified(tmp_path, "/user/app", tree(user=HANDED_DOWN, app=OURS))
    user = str(tmp_path / "sys/fs/cgroup/user")
    assert find_ground(str(root)) == (Ground(2, user, user), [])


def test_without_the_cpu_controller_memory_alone_is_held(tmp_path: Path, writable: None) -> None:
    root = unified(tmp_path, "/user/app", tree(user={**HANDED_DOWN, "cgroup.subtree_control": "memory pids\n"}, app=OURS))
    user = str(tmp_path / "sys/fs/cgroup/user")
    assert find_ground(str(root))[0] == Ground(2, user, None)


@pytest.mark.parametrize("limit", [{"memory.max": "1000\n"}, {"memory.high": "5\n"}, {"cpu.max": "5000 100000\n"}, {"cpuset.cpus": "0\n"}])
def test_a_limit_that_somebody_set_for_us_is_not_escaped(tmp_path: Path, writable: None, limit: dict[str, str]) -> None:
    root = unified(tmp_path, "/user/app", tree(user=HANDED_DOWN, app={**OURS, **limit}))
    found, reasons = find_ground(str(root))
    assert found is None
    assert "has limits of its own" in reasons[-1]


def test_a_tree_that_hands_nothing_down_is_named(tmp_path: Path, writable: None) -> None:
    root = unified(tmp_path, "/user/app", tree(top={"cgroup.subtree_control": "pids\n"}, user={}, app=OURS))
    found, reasons = find_ground(str(root))
    assert found is None
    assert len(reasons) == 4
    assert all("does not hand the memory controller down" in reason for reason in reasons[1:])


def test_a_group_that_is_all_ours_is_cleared_for_handing_down(tmp_path: Path, writable: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """We and what we started move into a leaf; then our group may hand controllers to groups below it."""
    procs = f"{os.getpid()}\n"
    root = unified(tmp_path, "/", {**HANDED_DOWN, "cgroup.subtree_control": "", "cgroup.procs": procs})
    folder = tmp_path / "sys/fs/cgroup"
    moved: list[int] = []

    def add(group: Group, pids: list[int]) -> None:
        if group.folder.endswith("-engine"):
            moved.extend(pids)
            (folder / "cgroup.procs").write_text("")
        (Path(group.folder) / "cgroup.procs").write_text("\n".join(map(str, pids)))

    monkeypatch.setattr(Group, "add", add)
    found, _ = find_ground(str(root))
    assert moved == [os.getpid()]
    # A plain file is written over; the kernel adds up what is written, and this is no ground without it.
    assert found is None
    assert "+cpu" in (folder / "cgroup.subtree_control").read_text()
    assert moved == [os.getpid()]
    assert not [name for name in os.listdir(folder) if name.startswith("localflyte")]


def test_a_group_with_others_in_it_is_not_cleared(tmp_path: Path, writable: None) -> None:
    root = unified(tmp_path, "/", {**HANDED_DOWN, "cgroup.subtree_control": "", "cgroup.procs": f"{os.getpid()}\n1\n"})
    found, reasons = find_ground(str(root))
    assert found is None
    assert "processes that are not ours" in reasons[0]


def test_whose_a_process_is_goes_by_its_line() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert grounds._all_ours([os.getpid(), child.pid])
        assert not grounds._all_ours([child.pid, os.getppid()])
        child.communicate()


def test_a_system_without_cgroups_says_so(tmp_path: Path) -> None:
    assert find_ground(str(tmp_path)) == (None, ["this system has no cgroups"])
