"""The context of the running task: what it shows, whom it follows, and the blocks that change it."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import fields
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from localflyte.api.action import ActionID
from localflyte.api.action import CheckpointPaths
from localflyte.api.action import GroupData
from localflyte.api.action import PathRewrite
from localflyte.api.action import RawDataPath
from localflyte.api.context import TaskContext
from localflyte.api.context import activate
from localflyte.api.context import ctx
from localflyte.api.context import current
from localflyte.api.context import custom_context
from localflyte.api.context import enter
from localflyte.api.context import get_custom_context
from localflyte.api.context import group
from localflyte.api.context import in_trace
from localflyte.api.context import replaced
from tests.api.conftest import FakePort
from tests.api.conftest import make_context


class TestOutside:
    def test_the_context_is_false_and_empty(self) -> None:
        assert not ctx()
        assert {getattr(ctx(), each.name) for each in fields(TaskContext)} == {None}
        assert (ctx().checkpoint, ctx().attempt_number, ctx()["anything"]) == (None, 0, None)
        assert current() is None

    def test_blocks_do_nothing(self) -> None:
        with group("g"), custom_context(a="1"):
            assert not ctx()
            assert get_custom_context() == {}
        assert not in_trace()


class TestInside:
    def test_the_context_is_true(self, port: FakePort) -> None:
        assert ctx()
        assert (ctx().action.name, ctx().action.run_name, ctx().mode) == ("a0", "r1", "local")
        assert ctx().task_action is ctx().action

    def test_groups_nest_and_end(self, port: FakePort) -> None:
        with group("outer"):
            with group("inner"):
                assert ctx().group_data == GroupData("inner")
            assert ctx().group_data == GroupData("outer")
        assert ctx().group_data is None

    def test_a_group_ends_with_an_error(self, port: FakePort) -> None:
        with pytest.raises(KeyError), group("g"):
            raise KeyError
        assert ctx().group_data is None

    def test_custom_context_is_merged(self, port: FakePort) -> None:
        with custom_context(a="1", b="1"), custom_context(b="2"):
            assert get_custom_context() == {"a": "1", "b": "2"}
        assert get_custom_context() == {}

    def test_asyncio_tasks_have_groups_of_their_own(self, port: FakePort) -> None:
        async def in_group(name: str) -> str:
            with group(name):
                await asyncio.sleep(0)
                assert ctx().group_data is not None
                return ctx().group_data.name

        async def both() -> list[str]:
            return await asyncio.gather(in_group("a"), in_group("b"))

        assert asyncio.run(both()) == ["a", "b"]

    def test_to_thread_keeps_the_group(self, port: FakePort) -> None:
        async def beside() -> Any:
            with group("g"):
                return await asyncio.to_thread(lambda: ctx().group_data)

        assert asyncio.run(beside()) == GroupData("g")

    def test_a_plain_thread_sees_the_task(self, port: FakePort) -> None:
        seen: list[TaskContext] = []
        thread = threading.Thread(target=lambda: seen.append(ctx()))
        thread.start()
        thread.join()
        assert seen == [ctx()]

    @pytest.mark.parametrize("place", [None, "", "  "])
    def test_without_a_place_there_is_no_checkpoint(self, place: str | None) -> None:
        assert make_context().checkpoint is None
        assert make_context(checkpoint_paths=CheckpointPaths(None, place)).checkpoint is None

    def test_there_is_one_checkpoint(self, tmp_path: Path) -> None:
        context = make_context(checkpoint_paths=CheckpointPaths(str(tmp_path / "0"), str(tmp_path / "1")))
        assert context.checkpoint is context.checkpoint
        assert (context.checkpoint.remote_destination, context.checkpoint.remote_source) == (str(tmp_path / "1"), str(tmp_path / "0"))

    def test_data_is_added_to(self) -> None:
        context = make_context(data={"a": 1})
        assert context.replace(data={"b": 2}).data == {"a": 1, "b": 2}
        assert context.replace(data=None).data == {"a": 1}
        assert context.replace(data={"b": 2})["b"] == 2
        assert context["b"] is None

    def test_a_swapped_action_is_a_trace(self, port: FakePort) -> None:
        with replaced(ctx().replace(action=ctx().action.new_sub_action("t"))):
            assert in_trace()
            assert ctx().task_action is not None
            assert ctx().task_action.name == "a0"
        assert not in_trace()


class TestEnvironmentVariables:
    def test_the_attempt_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FLYTE_ATTEMPT_NUMBER", "2")
        assert make_context().attempt_number == 2

    @pytest.mark.parametrize(
        ("variable", "name"),
        [
            ("RANK", "rank"),
            ("LOCAL_RANK", "local_rank"),
            ("WORLD_SIZE", "world_size"),
            ("LOCAL_WORLD_SIZE", "local_world_size"),
            ("NODE_RANK", "node_rank"),
            ("NNODES", "nnodes"),
            ("MASTER_PORT", "master_port"),
            ("JOBSET_RESTART_ATTEMPT", "restart_attempt"),
        ],
    )
    def test_the_place_in_a_cluster_is_read(self, variable: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv(variable, raising=False)
        assert getattr(make_context(), name) is None
        monkeypatch.setenv(variable, "3")
        assert getattr(make_context(), name) == 3

    def test_the_master_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MASTER_ADDR", "host")
        assert make_context().master_addr == "host"


def test_a_request_makes_the_context() -> None:
    try:
        made = enter(
            {
                "action": "a7", "run": "r", "project": "p", "domain": "d", "version": "v", "raw_data_path": "/raw", "output_path": "/out",
                "run_base_dir": "/base", "custom_context": {"k": "v"}, "run_start_time": 0.0, "disable_run_cache": True,
            }
        )  # fmt: skip
        assert ctx() is made
    finally:
        activate(None)
    assert made.action == ActionID(name="a7", run_name="r", project="p", domain="d")
    assert (made.raw_data_path.path, made.output_path, made.run_base_dir, made.version) == ("/raw", "/out", "/base", "v")
    assert (made.custom_context, made.disable_run_cache) == ({"k": "v"}, True)
    assert made.run_start_time == datetime(1970, 1, 1, tzinfo=UTC)
    assert not made.is_in_cluster()


class TestValues:
    def test_an_action_alone_is_its_own_run(self) -> None:
        assert ActionID(name="a").run_name == "a"
        assert ActionID.create_random().name != ActionID.create_random().name
        assert ActionID(name="a", project="p", domain="d").unique_id_str("s") == "p-d-a-a-s"

    def test_is_shown_with_what_is_known(self) -> None:
        """As the SDK shows it."""
        assert repr(ActionID(name="a0", run_name="r1")) == "ActionID('a0', run_name='r1')"
        assert repr(ActionID(name="a", domain="d")) == "ActionID('a', run_name='a', domain='d')"

    def test_a_path_rewrite_is_read(self) -> None:
        assert PathRewrite.from_str("s3://a->/b") == PathRewrite("s3://a", "/b")

    @pytest.mark.parametrize("pattern", ["a", "a->", "a->a", "a->b->c"])
    def test_a_bad_path_rewrite_is_refused(self, pattern: str) -> None:
        with pytest.raises(ValueError, match="prefix"):
            PathRewrite.from_str(pattern)

    def test_raw_data_lies_in_a_folder(self, tmp_path: Any) -> None:
        place = RawDataPath.from_local_folder(tmp_path / "raw")
        assert (tmp_path / "raw").is_dir()
        assert place.get_random_remote_path("f.txt").endswith("f.txt")
        assert place.get_random_remote_path() != place.get_random_remote_path()
        assert RawDataPath(path="s3://b").get_random_remote_path("f").startswith("s3://b/")
        with pytest.raises(ValueError, match="Invalid local path"):
            RawDataPath.from_local_folder(3)  # type: ignore[arg-type]
