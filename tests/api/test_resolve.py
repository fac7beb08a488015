"""Precedence: invocation over task over environment, for every shared setting, and what a run adds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from localflyte.api.context import activate
from localflyte.api.context import custom_context
from localflyte.api.context import group
from localflyte.api.environment import TaskEnvironment
from localflyte.api.resolve import invocation_for
from localflyte.api.resolve import merge
from localflyte.api.resolve import plan_for
from localflyte.api.resolve import settle
from localflyte.spec.cache import Cache
from localflyte.spec.image import Image
from localflyte.spec.options import OPTION_NAMES
from localflyte.spec.options import Options
from localflyte.spec.plan import Plan
from localflyte.spec.plan import TimeoutTerms
from localflyte.spec.pod import PodTemplate
from localflyte.spec.resources import Resources
from localflyte.spec.retry import RetryStrategy
from localflyte.spec.reuse import ReusePolicy
from localflyte.spec.secret import Secret
from localflyte.spec.timeout import Timeout
from localflyte.types.packing import SMALL
from tests.api.conftest import FakePort
from tests.api.conftest import make_context


async def work(x: int, y: str = "a") -> int:
    return x


def plan_of(environment: dict[str, Any], task: dict[str, Any], call: dict[str, Any]) -> Plan:
    return plan_for(TaskEnvironment("env", **environment).task(**task)(work).override(**call))


POLICY = ReusePolicy()
LEVELS: list[tuple[str, Any, Any, Any, str]] = [
    ("cache", "auto", "disable", Cache("override", "v1"), "cache.behavior"),
    ("resources", Resources(cpu=1), Resources(cpu=2), Resources(cpu=3), "resources.cpu"),
    ("env_vars", {"A": "env"}, {"B": "task"}, {"C": "call"}, "env_vars"),
    ("secrets", "a", ["b"], Secret("c"), "secrets"),
    ("pod_template", "env-pod", PodTemplate(labels={"a": "b"}), "call-pod", "pod_template"),
    ("queue", "env", "task", "call", "queue"),
    ("interruptible", True, False, True, "interruptible"),
]
ONLY_TASK_AND_CALL: list[tuple[str, Any, Any, str]] = [
    ("short_name", "task", "call", "short_name"),
    ("retries", 3, RetryStrategy(5), "retries.count"),
    ("timeout", 10, Timeout(deadline=5), "timeout"),
    ("max_inline_io_bytes", 10, 20, "max_inline_io_bytes"),
    ("report", True, False, "report"),
    ("entrypoint", True, False, "entrypoint"),
]


def read(plan: Plan, path: str) -> Any:
    value: Any = plan
    for step in path.split("."):
        value = getattr(value, step)
    return value


@pytest.mark.parametrize(("setting", "environment", "task", "call", "path"), LEVELS, ids=[level[0] for level in LEVELS])
class TestSharedSettings:
    def test_the_environment_holds_where_nobody_else_speaks(self, setting: str, environment: Any, task: Any, call: Any, path: str) -> None:
        alone = read(plan_of({setting: environment}, {}, {}), path)
        assert alone == read(plan_of({}, {setting: environment}, {}), path)

    def test_the_task_beats_the_environment(self, setting: str, environment: Any, task: Any, call: Any, path: str) -> None:
        both = read(plan_of({setting: environment}, {setting: task}, {}), path)
        assert both == read(plan_of({}, {setting: task}, {}), path)
        assert both != read(plan_of({setting: environment}, {}, {}), path)

    def test_the_call_beats_both(self, setting: str, environment: Any, task: Any, call: Any, path: str) -> None:
        all_three = read(plan_of({setting: environment}, {setting: task}, {setting: call}), path)
        assert all_three == read(plan_of({}, {}, {setting: call}), path)
        assert all_three != read(plan_of({}, {setting: task}, {}), path)

    def test_none_inherits(self, setting: str, environment: Any, task: Any, call: Any, path: str) -> None:
        assert read(plan_of({}, {setting: task}, {setting: None}), path) == read(plan_of({}, {setting: task}, {}), path)


@pytest.mark.parametrize(("setting", "task", "call", "path"), ONLY_TASK_AND_CALL, ids=[level[0] for level in ONLY_TASK_AND_CALL])
def test_the_call_beats_the_task(setting: str, task: Any, call: Any, path: str) -> None:
    assert read(plan_of({}, {setting: task}, {setting: call}), path) == read(plan_of({}, {}, {setting: call}), path)
    assert read(plan_of({}, {setting: task}, {setting: None}), path) == read(plan_of({}, {setting: task}, {}), path)


@pytest.mark.parametrize(
    ("environment", "task", "call", "path", "expected"),
    [
        ({}, {"retries": 3}, {"retries": 0}, "retries.count", 0),
        ({}, {"timeout": 10}, {"timeout": 0}, "timeout", TimeoutTerms()),
        ({}, {"max_inline_io_bytes": 10}, {"max_inline_io_bytes": 0}, "max_inline_io_bytes", 0),
        ({"env_vars": {"A": "1"}}, {}, {"env_vars": {}}, "env_vars", {}),
        ({"env_vars": {"A": "1"}}, {"env_vars": {}}, {}, "env_vars", {}),
        ({"secrets": "a"}, {"secrets": []}, {}, "secrets", ()),
        ({}, {"links": (object(),)}, {"links": ()}, "links", ()),
        ({"interruptible": True}, {"interruptible": False}, {}, "interruptible", False),
        ({"queue": "q"}, {"queue": ""}, {}, "queue", ""),
        ({"reusable": POLICY}, {}, {"reusable": "off"}, "reuse", None),
        ({"reusable": POLICY}, {"reusable": "off"}, {}, "reuse", None),
        ({"reusable": POLICY}, {"reusable": "off"}, {"reusable": POLICY}, "reuse", POLICY.terms()),
        ({"cache": "auto"}, {"cache": "disable"}, {}, "cache.behavior", "disable"),
        ({}, {"report": True}, {"report": False}, "report", False),
    ],
)
def test_an_empty_or_false_value_wins(environment: Any, task: Any, call: Any, path: str, expected: Any) -> None:
    assert read(plan_of(environment, task, call), path) == expected


def test_an_override_of_an_override_keeps_the_first_where_the_second_is_silent() -> None:
    task = TaskEnvironment("env").task(work).override(retries=2, queue="a").override(queue="b")
    assert (plan_for(task).retries.count, plan_for(task).queue) == (2, "b")


def test_every_setting_can_be_settled() -> None:
    first, second = (Options(**{name: (number, name) for name in OPTION_NAMES}) for number in range(2))  # type: ignore[arg-type]
    assert settle((first, second)) == {name: (0, name) for name in OPTION_NAMES}
    assert settle((None, Options(), second)) == {name: (1, name) for name in OPTION_NAMES}
    assert merge(Options(queue="a"), Options(queue="b", retries=1)) == Options(queue="a", retries=1)


class TestPlan:
    def test_defaults(self) -> None:
        plan = plan_of({}, {}, {})
        assert plan == Plan(
            task=plan.task,
            environment="env",
            short_name="work",
            interface="(x: int, y: str) -> (o0: int)",
            outputs=("o0",),
            declared_at=plan.declared_at,
            body=plan.body,
        )

    def test_everything_declared_is_in_it(self) -> None:
        plan = plan_of(
            {"image": "busybox", "secrets": "my-key", "queue": "gpu"},
            {"timeout": Timeout(max_runtime=timedelta(minutes=1), max_queued_time=2, deadline=3), "report": True},
            {"resources": Resources(cpu="500m", memory=("1Mi", "2Mi"))},
        )
        assert plan.image == Image.from_base("busybox").terms()
        assert plan.secrets[0].env_var == "MY_KEY"
        assert (plan.timeout.max_runtime, plan.timeout.max_queued_time, plan.timeout.deadline) == (60.0, 2.0, 3.0)
        assert (plan.resources.cpu, plan.resources.memory, plan.resources.memory_limit) == (0.5, 2**20, 2**21)

    def test_it_is_made_once(self) -> None:
        task = TaskEnvironment("env").task(work)
        assert plan_for(task) is plan_for(task)
        assert invocation_for(task, (1,), {}).plan is plan_for(task)

    def test_call_options_have_plans_of_their_own(self) -> None:
        task = TaskEnvironment("env").task(work)
        call = Options(queue="q")
        assert plan_for(task, call=call).queue == "q"
        assert plan_for(task, call=call) is plan_for(task, call=call)
        assert plan_for(task).queue == ""

    def test_plans_do_not_pile_up(self) -> None:
        task = TaskEnvironment("env").task(work)
        for _ in range(500):
            plan_for(task, run=Options(queue="q"))
        assert len(task.plans) < 100

    @pytest.mark.parametrize("value", [1, None, b"x"])
    def test_a_variable_that_is_no_text_is_refused(self, value: Any) -> None:
        with pytest.raises(TypeError, match=r"env_vars\['A'\] for task env.work must be a str"):
            plan_of({"env_vars": {"A": value}}, {}, {})

    def test_a_size_below_zero_is_refused(self) -> None:
        with pytest.raises(ValueError, match="max_inline_io_bytes of task env.work"):
            plan_of({}, {"max_inline_io_bytes": -1}, {})


class TestRunLevel:
    """What a run says is a default for its actions; for the root it is more than what task and environment say."""

    @pytest.mark.parametrize("level", ["environment", "task", "call"])
    def test_any_level_beats_it_in_a_nested_call(self, level: str) -> None:
        said: dict[str, dict[str, Any]] = {"environment": {}, "task": {}, "call": {}}
        said[level] = {"queue": "mine", "interruptible": False}
        task = TaskEnvironment("env", **said["environment"]).task(**said["task"])(work).override(**said["call"])
        plan = plan_for(task, run=Options(queue="run", interruptible=True))
        assert (plan.queue, plan.interruptible) == ("mine", False)

    def test_it_holds_where_no_level_speaks(self) -> None:
        plan = plan_for(TaskEnvironment("env").task(work), run=Options(queue="run", interruptible=True))
        assert (plan.queue, plan.interruptible) == ("run", True)

    def test_it_beats_task_and_environment_for_the_root(self) -> None:
        task = TaskEnvironment("env", queue="env").task(interruptible=False)(work)
        plan = plan_for(task, run=Options(queue="run", interruptible=True), root=True)
        assert (plan.queue, plan.interruptible) == ("run", True)

    def test_an_override_beats_it_for_the_root(self) -> None:
        task = TaskEnvironment("env").task(work).override(queue="call")
        assert plan_for(task, run=Options(queue="run"), root=True).queue == "call"

    @pytest.mark.parametrize("root", [True, False])
    def test_its_variables_are_added_for_every_action(self, root: bool) -> None:
        task = TaskEnvironment("env", env_vars={"A": "env"}).task(env_vars={"A": "task", "B": "task"})(work)
        plan = plan_for(task, run=Options(env_vars={"B": "run", "C": "run"}), root=root)
        assert plan.env_vars == {"A": "task", "B": "run", "C": "run"}

    def test_a_running_task_passes_it_on(self, port: FakePort) -> None:
        activate(make_context(run_options=Options(env_vars={"C": "run"})))
        assert invocation_for(TaskEnvironment("env").task(work), (1,), {}).plan.env_vars == {"C": "run"}

    def test_a_clone_of_a_silent_environment_is_silent(self) -> None:
        task = TaskEnvironment("env").clone_with("other").task(work)
        assert plan_for(task, run=Options(interruptible=True)).interruptible


class TestInvocation:
    def test_inputs_are_in_the_order_of_the_interface_with_defaults(self) -> None:
        invocation = invocation_for(TaskEnvironment("env").task(work), (), {"x": 3})
        assert list(invocation.inputs) == ["x", "y"]
        assert (invocation.group, invocation.custom_context) == ("", {})

    def test_group_and_context_are_those_of_the_running_code(self, port: FakePort) -> None:
        task = TaskEnvironment("env").task(work)
        with group("g"), custom_context(a="1"):
            invocation = invocation_for(task, (1,), {}, custom_context={"b": "2"})
        assert (invocation.group, invocation.custom_context) == ("g", {"a": "1", "b": "2"})

    def test_a_context_that_is_no_text_is_refused(self, port: FakePort) -> None:
        with custom_context(a=1), pytest.raises(TypeError, match=r"custom_context\['a'\] for task env.work must be a str"):  # type: ignore[arg-type]
            invocation_for(TaskEnvironment("env").task(work), (1,), {})

    def test_canonical_forms_are_made_for_the_cache_and_of_what_is_small(self) -> None:
        """Test that equal calls have one name however a dict was filled, unless it is large and nothing is cached."""

        async def of_dict(x: dict[str, int]) -> None: ...

        env = TaskEnvironment("env")
        cached = env.task(cache=Cache("override", "v"))(of_dict)
        assert invocation_for(cached, ({"b": 1, "a": 2},), {}).inputs["x"].canonical
        plain = cached.override(cache="disable")
        small = [invocation_for(plain, (each,), {}).inputs["x"] for each in ({"b": 1, "a": 2}, {"a": 2, "b": 1})]
        assert len({each.canonical or each.data for each in small}) == 1
        large = {f"key {number}": number for number in range(SMALL)}
        assert not invocation_for(plain, (large,), {}).inputs["x"].canonical
        assert invocation_for(cached, (large,), {}).inputs["x"].canonical

    @pytest.mark.parametrize(
        ("args", "kwargs", "error", "message"),
        [
            ((), {}, ValueError, "Missing required inputs: x"),
            ((1,), {"z": 2}, ValueError, "'z'"),
            ((1,), {"x": 2}, ValueError, "x"),
            ((1, "a", 3), {}, ValueError, "Too many"),
            (("text",), {}, TypeError, "variable 'x' of task 'env.work'.*int"),
        ],
    )
    def test_arguments_that_do_not_fit_are_refused_in_the_caller(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], error: type[Exception], message: str
    ) -> None:
        with pytest.raises(error, match=message):
            invocation_for(TaskEnvironment("env").task(work), args, kwargs)
