"""Tasks: what they show, how they are called inside and outside of a task, overridden, and found by another process."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import subprocess
import sys
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localflyte.api.context import replaced
from localflyte.api.environment import TaskEnvironment
from localflyte.api.port import current_port
from localflyte.api.resolve import plan_for
from localflyte.api.task import TaskTemplate
from localflyte.api.task import from_pickle
from localflyte.api.task import load_task
from localflyte.errors import CodeBundleError
from localflyte.errors import RuntimeUserError
from localflyte.errors import TraceDoesNotAllowNestedTasksError
from localflyte.spec.cache import Cache
from localflyte.spec.image import Image
from localflyte.spec.pod import PodTemplate
from localflyte.spec.resources import Resources
from localflyte.spec.reuse import ReusePolicy
from localflyte.types.opaque import dumps
from localflyte.types.opaque import loads
from tests.api.conftest import FakePort
from tests.api.conftest import make_context

env = TaskEnvironment("env", resources=Resources(cpu=1))
spare = TaskEnvironment("spare", resources=Resources(cpu=1))


@dataclass
class Point:
    x: int


@env.task
async def double(x: int) -> int:
    """Twice as much."""
    return 2 * x


@env.task
def triple(x: int, y: str = "a") -> tuple[int, str]:
    return 3 * x, y


@env.task
def fail(message: str) -> None:
    raise KeyError(message)


@env.task
async def fail_later(message: str) -> None:
    raise KeyError(message)


class Holder:
    @env.task
    def inside(x: int) -> int:
        return x


other_name = env.task(lambda: None)


class TestAttributes:
    """What programs read from a task."""

    def test_what_was_not_declared_reads_as_the_default(self) -> None:
        assert (double.retries.count, double.timeout, double.report, double.interruptible) == (0, 0, False, False)
        assert (double.links, double.triggers, double.max_inline_io_bytes) == ((), (), 10 * 1024 * 1024)
        assert (double.cache, double.queue, double.env_vars, double.secrets) == (Cache("disable"), None, None, None)
        assert (double.reusable, double.pod_template, double.docs, double.entrypoint, double.debuggable) == (None, None, None, False, True)

    def test_settings_read_decided(self) -> None:
        assert double.resources is env.resources
        assert double.override(resources=Resources(cpu=2)).resources == Resources(cpu=2)

    def test_an_image_reads_as_an_image(self) -> None:
        assert isinstance(double.image, Image)

    def test_the_interface_reads_as_types(self) -> None:
        interface = triple.native_interface
        assert interface.inputs == {"x": (int, inspect.Parameter.empty), "y": (str, "a")}
        assert interface.outputs == {"o0": int, "o1": str}
        assert (interface.required_inputs(), interface.has_outputs()) == (["x"], True)
        assert repr(interface) == "(x: int, y: str = a) -> (o0: int, o1: str):"

    def test_the_interface_has_two_names(self) -> None:
        assert triple.interface is triple.native_interface
        assert triple.override(short_name="other").interface.inputs == triple.interface.inputs

    def test_the_schema_of_inputs(self) -> None:
        properties = {"x": {"type": "integer"}, "y": {"type": "string"}}
        assert triple.json_schema == {"type": "object", "properties": properties, "required": ["x"]}

    def test_the_source_file(self) -> None:
        assert double.source_file == __file__

    def test_a_task_may_be_an_entrypoint(self) -> None:
        told = spare.task(entrypoint=True)(double.func)
        assert (told.entrypoint, double.override(entrypoint=True).entrypoint, double.entrypoint) == (True, True, False)

    def test_whether_it_is_async(self) -> None:
        assert (double.is_async, triple.is_async) == (True, False)

    def test_it_has_no_dunder_name(self) -> None:
        assert not hasattr(double, "__name__")

    def test_assigning_a_setting_holds(self) -> None:
        task = spare.task(retries=1)(double.func)
        assert task.retries.count == 1
        task.retries = 4
        assert (task.retries.count, plan_for(task).retries.count) == (4, 4)


class TestCalledOutside:
    """Outside of a task a call is the plain function's."""

    def test_a_sync_task(self) -> None:
        assert triple(2) == (6, "a")

    def test_an_async_task_gives_a_coroutine(self) -> None:
        called = double(2)
        assert inspect.iscoroutine(called)
        assert asyncio.run(called) == 4

    def test_nothing_is_checked(self) -> None:
        assert triple("ab") == ("ababab", "a")  # type: ignore[arg-type]

    def test_the_error_of_a_sync_task_is_wrapped(self) -> None:
        with pytest.raises(RuntimeUserError, match="lost") as caught:
            fail("lost")
        assert caught.value.code == "KeyError"
        assert isinstance(caught.value.__cause__, KeyError)

    def test_an_error_of_ours_is_not_wrapped(self) -> None:
        def refuse() -> None:
            raise error

        error = RuntimeUserError("MyCode", "no")
        with pytest.raises(RuntimeUserError) as caught:
            env.task(refuse)()
        assert caught.value is error

    def test_the_error_of_an_async_task_is_its_own(self) -> None:
        with pytest.raises(KeyError):
            asyncio.run(fail_later("lost"))

    def test_aio_awaits_both_kinds(self) -> None:
        async def both() -> list[Any]:
            return [await double.aio(2), await triple.aio(2)]

        assert asyncio.run(both()) == [4, (6, "a")]

    def test_forward(self) -> None:
        assert triple.forward(2) == (6, "a")
        assert asyncio.run(double.forward(2)) == 4


class TestCalledInside:
    """Inside a task a call goes to the engine and comes back as values."""

    def test_an_async_task_is_submitted_when_it_is_awaited(self, port: FakePort) -> None:
        called = double(2)
        assert inspect.iscoroutine(called)
        assert port.calls == []
        assert asyncio.run(called) == 4
        assert [call.plan.task.name for call in port.calls] == ["env.double"]

    def test_a_sync_task_blocks(self, port: FakePort) -> None:
        assert triple(2, y="b") == (6, "b")
        assert len(port.calls) == 1

    def test_aio_awaits_both_kinds(self, port: FakePort) -> None:
        async def both() -> list[Any]:
            return [await double.aio(2), await triple.aio(2)]

        assert asyncio.run(both()) == [4, (6, "a")]
        assert len(port.calls) == 2

    def test_gathered_calls_run_at_a_time(self, port: FakePort) -> None:
        async def several() -> list[int]:
            return await asyncio.gather(*(double(number) for number in range(5)))

        assert asyncio.run(several()) == [0, 2, 4, 6, 8]
        assert port.most_running == 5

    def test_cancelling_reaches_the_call(self, port: FakePort) -> None:
        async def impatient() -> None:
            port.gate = asyncio.Event()
            task = asyncio.create_task(double(1))
            while not port.running:
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(impatient())
        assert port.cancelled == ["env.double"]

    @pytest.mark.parametrize("call", [lambda: fail("lost"), lambda: asyncio.run(fail_later("lost"))], ids=["sync", "async"])
    def test_a_failure_arrives_as_its_code(self, port: FakePort, call: Any) -> None:
        with pytest.raises(RuntimeUserError, match="lost") as caught:
            call()
        assert caught.value.code == "KeyError"

    def test_forward_stays_here(self, port: FakePort) -> None:
        assert triple.forward(2) == (6, "a")
        assert port.calls == []

    def test_an_input_of_the_wrong_type_makes_no_call(self, port: FakePort) -> None:
        with pytest.raises(TypeError, match="variable 'x' of task 'env.triple'"):
            triple("a")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="variable 'x' of task 'env.double'"):
            asyncio.run(double("a"))  # type: ignore[arg-type]
        assert port.calls == []

    def test_arguments_are_copies(self, port: FakePort) -> None:
        def change(numbers: list[int]) -> list[int]:
            numbers.append(1)
            return numbers

        mine = [0]
        assert env.task(change)(mine) == [0, 1]
        assert mine == [0]

    def test_a_traced_body_cannot_call_tasks(self, port: FakePort) -> None:
        context = make_context()
        traced = context.replace(action=context.action.new_sub_action("t"))
        with replaced(traced), pytest.raises(TraceDoesNotAllowNestedTasksError, match=r"triple\.forward"):
            triple(1)
        with replaced(traced), pytest.raises(TraceDoesNotAllowNestedTasksError):
            asyncio.run(double.aio(1))

    def test_a_call_that_outlives_its_task_says_so(self, port: FakePort, monkeypatch: pytest.MonkeyPatch) -> None:
        called = double(1)
        monkeypatch.setattr("localflyte.api.task.current_port", lambda: None)
        with pytest.raises(Exception, match="called inside a task and awaited outside"):
            asyncio.run(called)

    def test_a_thread_makes_nested_calls_too(self, port: FakePort) -> None:
        results: list[Any] = []
        thread = threading.Thread(target=lambda: results.append(triple(1)))
        thread.start()
        thread.join()
        assert (results, len(port.calls)) == ([(3, "a")], 1)


class TestOverride:
    def test_the_original_stays(self) -> None:
        changed = double.override(retries=3, short_name="other")
        assert (changed.retries.count, changed.short_name, changed.name) == (3, "other", "env.double")
        assert (double.retries.count, double.short_name) == (0, "double")
        assert changed.parent_env is double.parent_env

    def test_it_is_of_the_same_class_and_calls_the_same_function(self) -> None:
        assert type(double.override()) is type(double)
        assert asyncio.run(double.override(retries=1)(2)) == 4

    @pytest.mark.parametrize("name", ["name", "image", "docs", "interface"])
    def test_what_makes_the_task_cannot_be_overridden(self, name: str) -> None:
        with pytest.raises(ValueError, match=rf"{name.capitalize()} cannot be overridden \(task env.double\)"):
            double.override(**{name: "x"})

    def test_an_unknown_setting_is_refused_with_the_nearest(self) -> None:
        with pytest.raises(TypeError, match="unexpected keyword argument 'retrys'; did you mean 'retries'"):
            double.override(retrys=3)

    @pytest.mark.parametrize("call", [{"resources": "big"}, {"retries": -1}, {"timeout": "x"}, {"cache": 3}], ids=str)
    def test_a_value_that_can_never_work_is_refused_at_once(self, call: dict[str, Any]) -> None:
        with pytest.raises((TypeError, ValueError), match=r"task env.double: override\(\)"):
            double.override(**call)

    def test_old_words_work(self) -> None:
        changed = double.with_overrides(name="shown", env={"A": "1"}, task_queue="q")
        assert (changed.name, changed.short_name, changed.env_vars, changed.queue) == ("env.double", "shown", {"A": "1"}, "q")

    @pytest.mark.parametrize(
        "both",
        [{"name": "a", "short_name": "b"}, {"env": {}, "env_vars": {}}, {"task_queue": "a", "queue": "b"}],
        ids=lambda both: "-".join(both),
    )
    def test_both_spellings_are_an_error_that_names_both(self, both: dict[str, Any]) -> None:
        old, new = both
        with pytest.raises(TypeError, match=f"both {old}= and {new}="):
            double.with_overrides(**both)

    @pytest.mark.parametrize("call", [{"resources": Resources(cpu=1)}, {"env_vars": {}}, {"secrets": "a"}], ids=lambda one: "".join(one))
    def test_reuse_holds_what_processes_are_started_with(self, call: dict[str, Any]) -> None:
        reusable = TaskEnvironment("reusable", reusable=ReusePolicy()).task(double.func)
        with pytest.raises(ValueError, match=f"Cannot override {next(iter(call))} when reusable is set"):
            reusable.override(**call)
        assert reusable.override(reusable="off", **call).reusable is None

    def test_reuse_and_what_it_holds_cannot_come_together(self) -> None:
        with pytest.raises(ValueError, match="resources"):
            double.override(resources=Resources(cpu=2), reusable=ReusePolicy())

    def test_a_reusable_task_takes_what_its_processes_do_not_depend_on(self) -> None:
        reusable = TaskEnvironment("reusable", reusable=ReusePolicy(), resources=Resources(cpu=1)).task(double.func)
        changed = reusable.override(cache=Cache("auto"), short_name="other")
        assert (changed.short_name, changed.cache.behavior, changed.resources.cpu) == ("other", "auto", 1)
        assert changed.reusable is reusable.reusable

    def test_what_it_does_not_say_is_kept_however_often(self) -> None:
        pod = PodTemplate(labels={"team": "ml"})
        of_environment = TaskEnvironment("podded", pod_template=pod).task(double.func)
        given = double.override(pod_template=pod, short_name="first")
        for task in (of_environment, given):
            later = task.override(short_name="second").override(retries=1)
            assert (later.short_name, later.pod_template, later.retries.count) == ("second", pod, 1)

    def test_other_fields_can_be_set(self) -> None:
        assert double.override(task_type="special", report=True).task_type == "special"

    def test_a_plugin_config_needs_a_plugin(self) -> None:
        with pytest.raises(ValueError, match="No task plugin found for config type"):
            double.override(plugin_config=object())


class TestReference:
    """A worker imports the task where it can, and gets it as a pickle where not."""

    @pytest.mark.parametrize("task", [double, Holder.inside, other_name], ids=["function", "in a class", "bound to another name"])
    def test_by_import(self, task: Any) -> None:
        assert (task.ref().module, task.ref().file, task.ref().pickle) == (__name__, "", b"")
        assert load_task(__name__, task.name) is task

    def test_an_override_has_the_reference_of_its_task(self) -> None:
        assert double.override(retries=1).ref() == double.ref()

    def test_a_closure_by_pickle(self) -> None:
        number = 5

        def add(x: int) -> int:
            return x + number

        task = env.task(add)
        reference = task.ref()
        assert reference.pickle
        copy = from_pickle(reference.pickle)
        assert (copy.name, copy(1), copy.resources, copy.parent_env) == ("env.add", 6, Resources(cpu=1), None)

    def test_two_closures_of_one_factory_stay_apart(self) -> None:
        def make(number: int) -> Any:
            def add(x: int) -> int:
                return x + number

            return env.task(add)

        assert [from_pickle(make(number).ref().pickle)(1) for number in (1, 2)] == [2, 3]

    def test_a_redefined_task_is_not_taken_for_its_successor(self) -> None:
        mine = TaskEnvironment("redefined")
        first = mine.task(double.func)
        second = mine.task(double.func)
        assert first.ref().pickle
        assert not second.ref().pickle

    def test_text_annotations_cross_with_a_closure(self) -> None:
        def moved(x: Point) -> Point:
            return x

        copy = from_pickle(env.task(moved).ref().pickle)
        assert copy.native_interface.inputs["x"][0] is Point

    def test_a_variable_that_cannot_be_pickled_is_named(self) -> None:
        lock = threading.Lock()

        def locked() -> None:
            with lock:
                pass

        with pytest.raises(
            CodeBundleError, match=r"closure variable 'lock' of task env.locked cannot be pickled.*Create that value inside"
        ):
            env.task(locked).ref()

    def test_it_is_named_through_a_helper(self) -> None:
        lock = threading.Lock()

        def helper() -> None:
            lock.acquire()

        def outer() -> None:
            helper()

        with pytest.raises(CodeBundleError, match="closure variable 'lock' of closure variable 'helper' of task env.outer"):
            env.task(outer).ref()

    def test_a_task_in_a_value_crosses_by_name(self) -> None:
        assert loads(dumps([double])) == [double]
        changed = loads(dumps(double.override(retries=3)))
        assert (changed.retries.count, changed.func is double.func) == (3, True)

    def test_a_task_that_is_gone_is_named(self) -> None:
        with pytest.raises(LookupError, match=r"defines no task 'env.gone'; it defines: .*env.double"):
            load_task(__name__, "env.gone")

    def test_something_else_in_the_pickle_is_refused(self) -> None:
        with pytest.raises(TypeError, match="holds a int"):
            from_pickle(dumps(3))


SCRIPT = """
import sys
from localflyte.api.environment import TaskEnvironment
env = TaskEnvironment("env")

@env.task
def top() -> None: ...

def factory():
    @env.task
    def inner() -> None: ...
    return inner

if __name__ == "__main__":
    @env.task
    def guarded() -> None: ...
    for task in (top, factory(), guarded):
        ref = task.ref()
        print(ref.name, ref.module, ref.file, bool(ref.pickle))
"""


def run_script(*arguments: str, cwd: Path) -> list[str]:
    import localflyte

    environment = {"PYTHONPATH": f"{Path(localflyte.__file__).parent.parent}", "PATH": "/usr/bin"}
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=cwd, env=environment, check=True, timeout=60)
    return done.stdout.splitlines()


def test_a_script_is_referred_to_by_its_file(tmp_path: Path) -> None:
    script = tmp_path / "my-script.py"
    script.write_text(SCRIPT)
    assert run_script("my-script.py", cwd=tmp_path) == [
        f"env.top my-script {script} False",
        f"env.inner my-script {script} True",
        f"env.guarded my-script {script} True",
    ]


def test_a_module_run_with_m_is_referred_to_by_its_name(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "program.py").write_text(SCRIPT)
    assert run_script("-m", "package.program", cwd=tmp_path)[0] == "env.top package.program  False"


def test_a_typed_task_is_pickled(tmp_path: Path) -> None:
    assert run_script("-c", SCRIPT, cwd=tmp_path)[0] == "env.top   True"


def test_calls_keep_their_signature() -> None:
    """What a type checker sees; mypy reads it in the lint run."""
    coroutine: Coroutine[Any, Any, int] = double(1)
    coroutine.close()
    several: tuple[int, str] = triple(1, y="b")
    assert several == (3, "b")
    template: TaskTemplate[..., Any, Any] = double
    assert template is double
    assert current_port() is None
    assert contextvars.copy_context() is not None
