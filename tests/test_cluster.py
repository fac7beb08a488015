"""What needs a cluster: it is imported and declared like everything else, and says what it is when it is used."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest

import localflyte as flyte
import localflyte.app.extras
import localflyte.clustered
import localflyte.connectors
import localflyte.extras.shell
import localflyte.remote
import localflyte.sandbox
from localflyte.errors import ClusterOnlyError
from localflyte.io import File

FUNCTIONS = ["deploy", "run_python_script", "serve", "with_servecontext"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_says_its_name_when_called(name: str) -> None:
    with pytest.raises(ClusterOnlyError, match=rf"flyte\.{name} needs a Flyte cluster"):
        getattr(flyte, name)()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_awaited_form_says_the_same(name: str) -> None:
    with pytest.raises(ClusterOnlyError, match=rf"flyte\.{name} needs"):
        asyncio.run(getattr(flyte, name).aio())


def test_error_says_what_to_do() -> None:
    with pytest.raises(ClusterOnlyError, match=r"flyte\.run\(task, \.\.\.\)"):
        flyte.deploy()


def test_class_method_of_a_cluster() -> None:
    with pytest.raises(ClusterOnlyError, match=r"flyte\.remote\.Secret\.create needs"):
        flyte.remote.Secret.create("name", "value")


def test_method_of_a_declared_thing() -> None:
    box = flyte.sandbox.create(name="b", code="1 + 1")
    with pytest.raises(ClusterOnlyError, match=r"flyte\.sandbox\.Sandbox\.run needs"):
        asyncio.run(box.run.aio())


def test_declared_thing_keeps_what_it_was_given() -> None:
    scaling = flyte.app.Scaling(replicas=(0, 2), metric=flyte.app.Scaling.Concurrency(val=10))
    assert scaling.replicas == (0, 2)
    assert repr(scaling) == "Scaling(replicas=(0, 2), metric=Concurrency(val=10))"


def test_declared_thing_can_be_copied() -> None:
    assert copy.deepcopy(flyte.app.Parameter(name="p", value=1)).value == 1


def test_what_a_program_derives_keeps_flytes_name() -> None:
    class Mine(flyte.connectors.AsyncConnector[Any]):
        """A connector of a program."""

    with pytest.raises(ClusterOnlyError, match=r"flyte\.connectors\.AsyncConnector\.create needs"):
        Mine().create()


def test_connector_is_registered_without_a_word() -> None:
    flyte.connectors.ConnectorRegistry.register(object())


class TestApps:
    def test_tasks_depend_on_apps(self) -> None:
        app = flyte.app.AppEnvironment("cluster-test-app", port=8000, args=["x"], resources=flyte.Resources(cpu=1))
        env = flyte.TaskEnvironment("cluster_test_env", depends_on=[app])
        assert env.depends_on == [app]
        assert (app.port, app.get_port().port, app.args) == (8000, 8000, ["x"])

    def test_decorated_functions_stay_functions(self) -> None:
        app = flyte.app.AppEnvironment("cluster-test-server")

        @app.server
        def serve() -> int:
            return 1

        assert serve() == 1

    def test_endpoint_is_refused(self) -> None:
        app = flyte.app.extras.FastAPIAppEnvironment(name="cluster-test-fast", app=object())
        with pytest.raises(ClusterOnlyError, match="cluster-test-fast"):
            app.endpoint  # noqa: B018


class TestTasks:
    def test_task_of_several_nodes_is_declared_and_refused(self) -> None:
        env = flyte.clustered.ClusteredTaskEnvironment(name="cluster_test_nodes", replicas=2, runtime=flyte.clustered.TorchRun())

        @env.task(retries=1)
        async def train(epochs: int) -> float:
            return 0.0

        assert list(train.native_interface.inputs) == ["epochs"]
        with pytest.raises(ClusterOnlyError, match=r"cluster_test_nodes\.train"):
            asyncio.run(train.func(1))

    def test_sleep_is_a_task_type(self) -> None:
        env = flyte.TaskEnvironment("cluster_test_sleep", plugin_config=flyte.extras.Sleep())

        @env.task
        def rest(seconds: float) -> None: ...

        assert isinstance(rest, flyte.extras.SleepTask)

    def test_deployed_task_is_named_and_refused(self) -> None:
        task = flyte.remote.Task.get("env.task", auto_version="latest")
        with pytest.raises(ClusterOnlyError, match=r"deployed task env\.task"):
            task(1)

    def test_tool_stays_what_it_was(self) -> None:
        from localflyte.ai.agents import tool

        def look() -> int:
            return 1

        assert tool(look) is look
        assert tool(requires_approval=True)(look) is look


def test_artifact_is_its_value() -> None:
    file = File("/a")
    made = flyte.artifacts.new(file, flyte.artifacts.Metadata(name="three"))
    assert made == file
    assert made.get_flyte_metadata().name == "three"  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="this File is no artifact"):
        file.get_flyte_metadata()


@pytest.mark.parametrize("value", [3, "three", [File("/a")], None])
def test_only_files_folders_and_tables_are_artifacts(value: object) -> None:
    with pytest.raises(TypeError, match=r"cannot be artifacts: name a flyte\.io\.File, Dir or DataFrame"):
        flyte.artifacts.new(value, flyte.artifacts.Metadata(name="three"))


def test_artifact_needs_metadata() -> None:
    with pytest.raises(TypeError, match="Metadata"):
        flyte.artifacts.new(File("/a"), {"name": "three"})
