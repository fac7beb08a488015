"""What a task declares of memory, disk and CPU is what it gets."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from programs import limits

import localflyte as flyte
from localflyte.engine.thread import close_engine
from localflyte.errors import OOMError
from localflyte.errors import RuntimeUserError
from localflyte.launch.ground import find_ground
from localflyte.runs.history import load_run

MIB = 1 << 20
END_WITHIN = 5.0  # seconds for a process that was killed
WALLS = ["sampler", *(["cgroup"] if find_ground()[0] is not None else [])]


@pytest.fixture(params=WALLS)
def wall(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Both walls where this machine has both; the sampler everywhere."""
    monkeypatch.setenv("LOCALFLYTE_MEMORY_WALL", request.param)
    return request.param


def test_what_fits_runs(wall: str) -> None:
    assert flyte.run(limits.within, 64).outputs() == (64 * MIB,)


def test_what_is_given_back_may_be_taken_again(wall: str) -> None:
    assert flyte.run(limits.gives_back_and_takes_again, 100).outputs() == (100,)


def test_ordinary_code_fits_into_the_most_common_request() -> None:
    env = limits.within.override(resources=flyte.Resources(memory="250Mi"))
    assert flyte.run(env, 200).outputs() == (200 * MIB,)


def test_the_limit_of_a_pair_is_the_limit() -> None:
    task = limits.within.override(resources=flyte.Resources(memory=("64Mi", "256Mi")))
    assert flyte.run(task, 150).outputs() == (150 * MIB,)
    with pytest.raises(OOMError, match=r'Change memory=\(\.\.\., "256Mi"\) to at least'):
        flyte.run(limits.over.override(resources=flyte.Resources(memory=("64Mi", "256Mi"))), 512)


def test_a_request_can_be_for_the_books_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_MEMORY_REQUESTS", "account")
    assert flyte.run(limits.within, 300).outputs() == (300 * MIB,)


def test_memory_that_forks_share_counts_once(wall: str) -> None:
    assert flyte.run(limits.shared_by_forks, 90, 3).outputs() == (90 * MIB,)


def test_pages_of_a_file_do_not_count(tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(bytes(256 * MIB))
    assert flyte.run(limits.maps_a_file, str(file)).outputs() == (0,)


def test_a_task_that_ran_out_can_be_called_with_more(wall: str) -> None:
    assert flyte.run(limits.recovers).outputs() == (["OOMKilled", str(200 * MIB)],)


def test_running_out_takes_a_retry() -> None:
    with pytest.raises(OOMError):
        flyte.run(limits.over.override(retries=1), 320)
    record = load_run(flyte_home(), last_run())
    assert [attempt.status.value for attempt in record.roots[0].attempts] == ["failed", "failed"]


def test_peak_memory_and_cpu_are_recorded() -> None:
    run = flyte.run(limits.within.override(resources=flyte.Resources(memory="1Gi")), 300)
    attempt = load_run(flyte_home(), run.name).roots[0].attempts[0]
    assert 300 * MIB < (attempt.peak_memory or 0) < 500 * MIB
    assert 0 < (attempt.cpu_seconds or 0) < 60


def test_a_killed_attempt_has_a_peak_too() -> None:
    with pytest.raises(OOMError):
        flyte.run(limits.over, 320)
    attempt = load_run(flyte_home(), last_run()).roots[0].attempts[0]
    assert (attempt.peak_memory or 0) > 100 * MIB


def test_the_disk_is_measured_and_held(tmp_path: Path) -> None:
    with pytest.raises(RuntimeUserError, match=r'on disk, over its limit of 32Mi.*Change disk="32Mi" to at least disk="') as caught:
        flyte.run(limits.fills_its_disk.override(resources=flyte.Resources(disk="32Mi")), 256)
    assert caught.value.code == "DiskLimitExceeded"


def test_scratch_of_a_task_with_a_disk_is_its_own_and_gone_afterwards() -> None:
    run = flyte.run(limits.fills_its_disk.override(resources=flyte.Resources(disk="32Mi")), 2)
    (folder,) = run.outputs()
    assert "/scratch/" in folder
    close_engine()  # the task's process may outlive its reply by a moment
    assert not os.path.exists(os.path.dirname(folder))


def test_whole_cores_are_the_cores_it_sees() -> None:
    assert flyte.run(limits.cores.override(resources=flyte.Resources(cpu=1))).outputs() == (1,)


def test_a_fraction_of_a_core_is_all_it_gets(wall: str) -> None:
    """Four times the share is a wide bound, so that a busy machine cannot fail it and a task that is not held must."""
    (seconds,) = flyte.run(limits.burns.override(resources=flyte.Resources(cpu="100m")), 2.0).outputs()
    assert seconds < 0.8


def flyte_home() -> str:
    """:return: the home of this test's runs"""
    return os.environ["LOCALFLYTE_HOME"]


def last_run() -> str:
    """:return: the name of the run that was started last"""
    from localflyte.runs.history import list_runs

    return next(iter(list_runs(flyte_home()))).name


@pytest.mark.parametrize(
    ("shown", "asked", "declared", "seen"),
    [
        ("3,4", 0, {}, ""),
        ("3,4", 1, {}, "3"),
        ("3,4", 2, {}, "3,4"),
        ("3,4", 0, {"CUDA_VISIBLE_DEVICES": "9"}, "9"),
        ("", 0, {}, "(unset)"),
        ("", 1, {}, ""),
    ],
)
def test_a_task_sees_the_gpus_it_asked_for(
    monkeypatch: pytest.MonkeyPatch, shown: str, asked: int, declared: dict[str, str], seen: str
) -> None:
    """A task that asks for none sees none: it would have none on a cluster, and ours may be another task's."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    task = limits.seen_gpus.override(resources=flyte.Resources(gpu=asked), env_vars=declared)
    assert flyte.run(task).outputs() == (seen,)
