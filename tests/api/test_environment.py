"""Environments: what they accept, refuse, remember and copy."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

from localflyte.api import registry
from localflyte.api.environment import Environment
from localflyte.api.environment import TaskEnvironment
from localflyte.api.environment import list_loaded_environments
from localflyte.api.plugins import TaskPluginRegistry
from localflyte.api.resolve import plan_for
from localflyte.api.task import AsyncFunctionTaskTemplate
from localflyte.spec.image import Image
from localflyte.spec.pod import PodTemplate
from localflyte.spec.podspec import PodPart
from localflyte.spec.resources import Resources
from localflyte.spec.reuse import ReusePolicy


def plain() -> None: ...


async def pausing() -> None: ...


@pytest.mark.parametrize("name", ["a", "1", "snake_case", "kebab-case", "a1-b_2", "x" * 200])
def test_names_in_snake_or_kebab_case_are_allowed(name: str) -> None:
    assert TaskEnvironment(name).name == name


@pytest.mark.parametrize("name", ["", "Upper", "a.b", "a b", "a__b", "a-_b", "a_", "-a", "a\n", "é"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must be in snake_case or kebab-case format"):
        TaskEnvironment(name)


def test_a_refused_name_comes_with_one_that_works() -> None:
    with pytest.raises(ValueError, match="Try 'my_env'"):
        TaskEnvironment("MyEnv")


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("image", 3, "Expected image to be of type str or Image"),
        ("secrets", {"a": 1}, "Expected secrets to be of type SecretRequest"),
        ("depends_on", ["other"], "Expected depends_on to be of type"),
        ("resources", {"cpu": 1}, "Expected resources to be of type Resources"),
        ("env_vars", [("A", "1")], "Expected env_vars to be of type Dict"),
        ("pod_template", 1, "Expected pod_template to be of type str or PodTemplate"),
        ("pod_template", {"env": []}, "Expected pod_template to be of type str or PodTemplate"),
        ("include", "file.txt", "got a bare str"),
        ("include", 7, "Expected include to be a sequence"),
        ("include", [1], "include entries must be str"),
        ("reusable", 2, "Expected reusable to be of type ReusePolicy"),
        ("cache", 5, "Expected cache to be of type str or Cache"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(setting: str, value: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        TaskEnvironment("env", **{setting: value})


@pytest.mark.parametrize(
    "spec", [{"containers": [{"name": "primary"}]}, PodPart(containers=[PodPart(name="primary")])], ids=["mapping", "object"]
)
def test_a_pod_may_be_given_as_itself(spec: Any) -> None:
    """Flyte takes a PodTemplate or a name; what has containers cannot be anything else than a pod."""
    for pod in (spec, {"spec": spec}, PodPart(spec=spec)):
        task = TaskEnvironment("env", pod_template=pod).task(pausing)
        assert plan_for(task).pod_template == {"spec": {"containers": [{"name": "primary"}]}, "labels": {}, "annotations": {}}
        assert plan_for(task.override(pod_template="named")).pod_template == {"name": "named"}


def test_an_unknown_cache_behavior_is_refused() -> None:
    with pytest.raises(ValueError, match="Invalid cache behavior"):
        TaskEnvironment("env", cache="sometimes")


def test_the_order_of_positional_arguments_is_that_of_flyte() -> None:
    names = [
        "name", "depends_on", "pod_template", "description", "secrets", "env_vars", "resources", "interruptible", "image", "include",
        "service_account", "cache", "reusable", "plugin_config", "queue",
    ]  # fmt: skip
    assert [*inspect.signature(TaskEnvironment).parameters][: len(names)] == names


def test_a_long_description_is_cut() -> None:
    description = TaskEnvironment("env", description="x" * 300).description
    assert description is not None
    assert len(description) == 255
    assert description.endswith("...(tr.)")


@pytest.mark.parametrize("kind", [Environment, TaskEnvironment])
def test_include_becomes_a_tuple_in_its_order(kind: type[Environment]) -> None:
    names: Any = ["c", "a/", "b"]
    for given in (tuple(names), names, iter(names)):
        assert kind("env", include=given).include == ("c", "a/", "b")
    assert kind("env").include == ()


def test_reuse_and_a_plugin_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="Cannot set plugin_config when environment is reusable"):
        TaskEnvironment("env", reusable=ReusePolicy(), plugin_config=object())


def test_a_plugin_can_allow_reuse() -> None:
    class Config: ...

    class Template(AsyncFunctionTaskTemplate[Any, Any, Any]):
        supports_reuse_policy = True

    TaskPluginRegistry.register(Config, Template)
    assert TaskEnvironment("env", reusable=ReusePolicy(), plugin_config=Config()).plugin_config is not None


def test_environments_are_listed_in_the_order_of_loading() -> None:
    first, second = TaskEnvironment("first"), TaskEnvironment("second")
    assert list_loaded_environments()[-2:] == [first, second]


def test_an_environment_knows_the_line_that_made_it() -> None:
    assert re.fullmatch(re.escape(__file__) + r":\d+", TaskEnvironment("env").declared_at)


class TestOldWords:
    """The older names of settings mean the same as the new ones."""

    def test_env_is_env_vars(self) -> None:
        assert TaskEnvironment("env", env={"A": "1"}).env_vars == {"A": "1"}

    def test_task_queue_is_queue(self) -> None:
        assert TaskEnvironment("env", task_queue="gpu").queue == "gpu"

    def test_both_spellings_are_an_error_that_names_both(self) -> None:
        with pytest.raises(TypeError, match=r"environment 'env' got both env= and env_vars="):
            TaskEnvironment("env", env={"A": "1"}, env_vars={"A": "2"})
        with pytest.raises(TypeError, match=r"both task_queue= and queue="):
            TaskEnvironment("env", task_queue="a", queue="b")


class TestDependencies:
    def test_an_added_environment_is_there(self) -> None:
        env, other = TaskEnvironment("env"), TaskEnvironment("other")
        env.add_dependency(other)
        assert env.depends_on == [other]

    def test_a_duplicate_is_ignored(self) -> None:
        env, other = TaskEnvironment("env"), TaskEnvironment("other")
        env.add_dependency(other, other)
        env.add_dependency(other)
        assert env.depends_on == [other]

    def test_itself_is_refused(self) -> None:
        env = TaskEnvironment("env")
        with pytest.raises(ValueError, match="Cannot add self as a dependency"):
            env.add_dependency(env)

    def test_something_else_is_refused(self) -> None:
        with pytest.raises(TypeError, match="Expected Environment"):
            TaskEnvironment("env").add_dependency("other")  # type: ignore[arg-type]


class TestClone:
    def test_it_keeps_what_is_not_given(self) -> None:
        resources = Resources(cpu=1)
        env = TaskEnvironment(
            "env", resources=resources, queue="q", cache="auto", pod_template="pod", interruptible=True, env_vars={"A": "1"}
        )
        clone = env.clone_with("other")
        assert clone.name == "other"
        assert clone.resources is resources
        assert (clone.queue, clone.cache, clone.pod_template, clone.interruptible) == ("q", "auto", "pod", True)
        assert clone.env_vars is env.env_vars

    def test_it_takes_what_is_given(self) -> None:
        clone = TaskEnvironment("env").clone_with(
            "other",
            image="busybox",
            queue="q",
            pod_template=PodTemplate(),
            plugin_config=7,
            cache="auto",
            interruptible=True,
            include=("a",),
        )
        assert (clone.image, clone.queue, clone.plugin_config, clone.cache, clone.interruptible) == ("busybox", "q", 7, "auto", True)
        assert clone.include == ("a",)

    def test_what_it_includes(self) -> None:
        env = TaskEnvironment("env", include=("a",))
        assert env.clone_with("other").include == ("a",)
        given: Any = ["b"]
        assert env.clone_with("other", include=given).include == ("b",)
        assert env.include == ("a",)

    def test_it_has_no_tasks(self) -> None:
        env = TaskEnvironment("env")
        env.task(plain)
        assert env.clone_with("other").tasks == {}

    def test_its_dependencies_are_its_own(self) -> None:
        env = TaskEnvironment("env", depends_on=[TaskEnvironment("a")])
        clone = env.clone_with("other")
        clone.add_dependency(TaskEnvironment("b"))
        assert len(env.depends_on) == 1

    def test_reuse_is_kept_unless_it_is_cleared(self) -> None:
        env = TaskEnvironment("env", reusable=ReusePolicy())
        assert env.clone_with("other").reusable is env.reusable
        assert env.clone_with("other", reusable=None).reusable is None

    def test_old_words_work(self) -> None:
        clone = TaskEnvironment("env").clone_with("other", env={"A": "1"}, task_queue="q")
        assert (clone.env_vars, clone.queue) == ({"A": "1"}, "q")

    def test_an_unknown_setting_is_refused(self) -> None:
        with pytest.raises(TypeError, match="memory"):
            TaskEnvironment("env").clone_with("other", memory="1Gi")  # type: ignore[call-arg]

    def test_only_task_environments_can_be_cloned(self) -> None:
        with pytest.raises(NotImplementedError, match="Environment cannot be cloned"):
            Environment("env").clone_with("other")


class TestDecorator:
    def test_a_bare_decorator_makes_a_task(self) -> None:
        env = TaskEnvironment("env")
        task = env.task(plain)
        assert isinstance(task, AsyncFunctionTaskTemplate)
        assert (task.name, task.short_name, task.parent_env_name, task.task_type) == ("env.plain", "plain", "env", "python")
        assert task.parent_env is not None
        assert task.parent_env() is env

    def test_a_called_decorator_makes_a_task(self) -> None:
        task = TaskEnvironment("env").task(short_name="shown", retries=3)(plain)
        assert (task.short_name, task.retries.count, task.name) == ("shown", 3, "env.plain")

    def test_tasks_are_listed_by_full_name(self) -> None:
        env = TaskEnvironment("env")
        first = env.task(plain)
        second = env.task(plain)
        assert first is not second
        assert env.tasks == {"env.plain": second}

    def test_a_module_level_function_is_registered(self) -> None:
        task = TaskEnvironment("registered").task(plain)
        assert registry.find(__name__, "registered.plain") is task
        assert task in registry.tasks(__name__)

    def test_a_closure_is_not_registered(self) -> None:
        def inner() -> None: ...

        TaskEnvironment("registered").task(inner)
        assert registry.find(__name__, "registered.inner") is None

    def test_one_link_becomes_a_tuple(self) -> None:
        link: Any = object()
        env = TaskEnvironment("env")
        assert env.task(links=link)(plain).links == (link,)
        assert env.task(links=[link])(plain).links == (link,)
        assert env.task(triggers=link)(plain).triggers == (link,)

    def test_settings_shared_with_the_environment_can_be_given(self) -> None:
        resources = Resources(cpu=2)
        task = TaskEnvironment("env").task(
            resources=resources, env_vars={"A": "1"}, secrets="key", image="busybox", reusable=ReusePolicy()
        )(pausing)
        assert (task.resources, task.env_vars, task.secrets) == (resources, {"A": "1"}, "key")
        assert isinstance(task.image, Image)
        assert task.reusable == ReusePolicy()

    def test_old_words_work(self) -> None:
        task = TaskEnvironment("env").task(name="shown", env={"A": "1"}, task_queue="q")(plain)
        assert (task.name, task.short_name, task.env_vars, task.queue) == ("env.plain", "shown", {"A": "1"}, "q")

    @pytest.mark.parametrize(
        "both",
        [{"name": "a", "short_name": "b"}, {"env": {}, "env_vars": {}}, {"task_queue": "a", "queue": "b"}],
        ids=lambda both: "-".join(both),
    )
    def test_both_spellings_are_an_error_that_names_both(self, both: dict[str, Any]) -> None:
        old, new = both
        with pytest.raises(TypeError, match=f"task env.plain got both {old}= and {new}="):
            TaskEnvironment("env").task(**both)(plain)

    @pytest.mark.parametrize(
        ("settings", "error"),
        [
            ({"retries": -1}, ValueError),
            ({"retries": "a"}, ValueError),
            ({"timeout": "soon"}, ValueError),
            ({"cache": 3}, TypeError),
            ({"resources": "1Gi"}, TypeError),
            ({"queue": 3}, TypeError),
            ({"interruptible": "yes"}, TypeError),
        ],
        ids=str,
    )
    def test_a_value_that_can_never_work_is_refused_where_it_is_written(self, settings: dict[str, Any], error: type[Exception]) -> None:
        with pytest.raises(error, match="task env.plain"):
            TaskEnvironment("env").task(**settings)(plain)

    def test_a_static_method_is_its_function(self) -> None:
        assert TaskEnvironment("env").task(staticmethod(plain)).func is plain

    def test_what_is_no_function_is_refused(self) -> None:
        with pytest.raises(TypeError, match="a task is made of a function"):
            TaskEnvironment("env").task(3)  # type: ignore[call-overload]

    def test_an_unknown_setting_is_refused(self) -> None:
        with pytest.raises(TypeError, match="memory"):
            TaskEnvironment("env").task(memory="1Gi")  # type: ignore[call-overload]

    def test_variable_arguments_are_refused(self) -> None:
        def several(*numbers: int) -> None: ...

        with pytest.raises(ValueError, match="env.several"):
            TaskEnvironment("env").task(several)


class TestReuse:
    """What a pool of warm processes was started with cannot be changed for one task."""

    def test_a_pod_template_is_refused(self) -> None:
        with pytest.raises(ValueError, match="Cannot set pod_template when environment is reusable"):
            TaskEnvironment("env", reusable=ReusePolicy()).task(pod_template="pod")(pausing)

    @pytest.mark.parametrize(
        "setting", [{"resources": Resources(cpu=1)}, {"env_vars": {}}, {"secrets": "key"}], ids=lambda one: "".join(one)
    )
    def test_what_processes_are_started_with_is_refused(self, setting: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="when reusable is set"):
            TaskEnvironment("env", reusable=ReusePolicy()).task(**setting)(pausing)

    def test_a_task_can_step_out(self) -> None:
        task = TaskEnvironment("env", reusable=ReusePolicy()).task(reusable="off", resources=Resources(cpu=1), pod_template="pod")(pausing)
        assert task.reusable is None

    def test_concurrency_needs_async(self) -> None:
        env = TaskEnvironment("env", reusable=ReusePolicy(concurrency=2))
        with pytest.raises(ValueError, match="only supported for async tasks"):
            env.task(plain)
        assert env.task(pausing).is_async


class TestFromTask:
    def test_it_adopts_tasks(self) -> None:
        def alone() -> None: ...

        task: Any = AsyncFunctionTaskTemplate(func=alone, name="alone")
        env = TaskEnvironment.from_task("env", task)
        assert env.tasks == {"alone": task}
        assert (task.parent_env_name, task.parent_env()) == ("env", env)

    def test_a_task_with_an_environment_is_refused(self) -> None:
        env = TaskEnvironment("env")
        with pytest.raises(ValueError, match="already belongs to environment 'env'"):
            TaskEnvironment.from_task("other", env.task(plain))

    def test_different_images_are_refused(self) -> None:
        first: Any = AsyncFunctionTaskTemplate(func=plain, name="first", image="a")
        second: Any = AsyncFunctionTaskTemplate(func=plain, name="second", image="b")
        with pytest.raises(ValueError, match="must have one image"):
            TaskEnvironment.from_task("env", first, second)

    def test_equal_images_are_one_image(self) -> None:
        """Each task makes an image of its own out of one name."""
        first: Any = AsyncFunctionTaskTemplate(func=plain, name="first", image=Image.from_base("debian:12-slim"))
        second: Any = AsyncFunctionTaskTemplate(func=plain, name="second", image=Image.from_base("debian:12-slim"))
        assert TaskEnvironment.from_task("env", first, second).image == Image.from_base("debian:12-slim")
