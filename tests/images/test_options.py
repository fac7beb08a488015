"""Options: what containers are started with."""

from __future__ import annotations

import os
import sys

import pytest

from localflyte.errors import RuntimeUserError
from localflyte.images.engines import Engine
from localflyte.images.options import end_options
from localflyte.images.options import gpu_options
from localflyte.images.options import limit_options
from localflyte.images.options import mount_option
from localflyte.images.options import network_options
from localflyte.images.options import user_options
from localflyte.settings import Settings
from localflyte.spec.plan import ResourceTerms


def test_a_path_that_would_be_read_as_more_than_a_path_is_refused() -> None:
    assert mount_option("/a b", "/c", readonly=True) == "type=bind,source=/a b,target=/c,readonly"
    for path in ("/a,readonly", '/a"', "/a\nb"):
        with pytest.raises(RuntimeUserError, match="cannot be mounted"):
            mount_option("/x", path, readonly=False)


def test_the_network_that_an_engine_gives_by_itself_needs_no_option() -> None:
    assert list(network_options(Settings(container_network="bridge"))) == []
    assert list(network_options(Settings(container_network="none"))) == ["--network=none"]


@pytest.mark.parametrize(("name", "rootless", "keeps"), [("docker", False, False), ("podman", True, True), ("podman", False, False)])
def test_it_runs_as_the_caller_unless_that_is_root(monkeypatch: pytest.MonkeyPatch, name: str, rootless: bool, keeps: bool) -> None:
    engine = Engine(name=name, program=name, version="1", rootless=rootless)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    monkeypatch.setattr(os, "getgid", lambda: 1001)
    options = list(user_options(engine))
    assert options[options.index("--user") + 1] == "1000:1001"
    assert ("--userns=keep-id" in options) is keeps
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert list(user_options(engine)) == []


def test_podman_does_not_wait_for_what_is_removed_by_force() -> None:
    assert [list(end_options(Engine(name=name, program=name, version="1"))) for name in ("docker", "podman")] == [[], ["--stop-timeout=0"]]


def test_limits_are_those_of_the_task_and_no_more_cores_than_there_are() -> None:
    assert list(limit_options(ResourceTerms(), None, 2.0)) == ["--pids-limit=4096"]
    options = list(limit_options(ResourceTerms(cpu=8.0, shm=5), 7, 2.0))
    assert options[1:] == ["--memory=7", "--memory-swap=7", "--cpus=2.000", "--shm-size=5"]


@pytest.mark.parametrize(("name", "option"), [("docker", "--gpus=all"), ("podman", "--device=nvidia.com/gpu=all")])
def test_gpus_are_there_where_the_machine_has_any_and_the_task_asks_for_one(name: str, option: str) -> None:
    """Which of them it may use it is told by CUDA_VISIBLE_DEVICES; an engine without the drivers would refuse the option for nothing."""
    engine = Engine(name=name, program=name, version="1", rootless=False)
    assert list(gpu_options(engine, ResourceTerms(gpu=1), ("0", "1"))) == [option]
    assert list(gpu_options(engine, ResourceTerms(gpu=1), ())) == []
    assert list(gpu_options(engine, ResourceTerms(cpu=1.0), ("0",))) == []
