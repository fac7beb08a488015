"""TaskTemplate: a declared task. Calling it inside a task makes a nested call; elsewhere it is the plain function."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from collections.abc import Coroutine
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Any
from typing import ClassVar
from typing import Generic
from typing import ParamSpec
from typing import TypeVar
from typing import Unpack
from typing import cast
from typing import overload

from localflyte.api import registry
from localflyte.api.body import run_body
from localflyte.api.body import run_steps
from localflyte.api.context import in_trace
from localflyte.api.native import as_interface
from localflyte.api.native import as_types
from localflyte.api.overriding import NamedOverrides
from localflyte.api.overriding import Overrides
from localflyte.api.overriding import one_spelling
from localflyte.api.overriding import options_from_override
from localflyte.api.port import current_port
from localflyte.api.reference import annotations_of
from localflyte.api.reference import place_of
from localflyte.api.reference import reference_to
from localflyte.api.resolve import DEFAULTS
from localflyte.api.resolve import invocation_for
from localflyte.api.resolve import merge
from localflyte.api.resolve import settle
from localflyte.api.resolve import shown
from localflyte.api.version import forget_code
from localflyte.errors import RuntimeSystemError
from localflyte.errors import RuntimeUserError
from localflyte.errors import TraceDoesNotAllowNestedTasksError
from localflyte.spec.options import NOTHING_SAID
from localflyte.spec.options import OPTION_NAMES
from localflyte.spec.options import Options
from localflyte.spec.plan import TaskRef
from localflyte.types.interface import Interface
from localflyte.types.script import is_script

__all__ = ("AsyncFunctionTaskTemplate", "TaskTemplate", "from_pickle", "load_task")

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
F = TypeVar("F")

_SHARED = frozenset(OPTION_NAMES)


def _unsaid() -> Any:
    # A factory leaves no class attribute behind, so that reading a shared setting reaches `__getattr__`, which decides it.
    return None


@dataclass(kw_only=True, eq=False, repr=False)
class TaskTemplate(Generic[P, R, F]):
    """What is common to all tasks, those of plugins included.

    A shared setting given here is what the task says; reading it gives what holds after all levels were heard.
    """

    name: str
    interface: Any = field(default_factory=_unsaid)
    border: Interface = field(init=False)
    short_name: str = field(default_factory=_unsaid)
    task_type: str = "python"
    task_type_version: int = 0
    image: Any = field(default_factory=_unsaid)
    resources: Any = field(default_factory=_unsaid)
    cache: Any = field(default_factory=_unsaid)
    interruptible: bool = field(default_factory=_unsaid)
    retries: Any = field(default_factory=_unsaid)
    reusable: Any = field(default_factory=_unsaid)
    docs: Any = field(default_factory=_unsaid)
    env_vars: Any = field(default_factory=_unsaid)
    secrets: Any = field(default_factory=_unsaid)
    service_account: str | None = field(default_factory=_unsaid)
    timeout: Any = field(default_factory=_unsaid)
    pod_template: Any = field(default_factory=_unsaid)
    report: bool = field(default_factory=_unsaid)
    queue: str | None = field(default_factory=_unsaid)
    debuggable: bool = False
    entrypoint: bool = field(default_factory=_unsaid)
    produces_artifacts: bool = field(default_factory=_unsaid)
    parent_env: Callable[[], Any] | None = None
    parent_env_name: str | None = None
    max_inline_io_bytes: int = field(default_factory=_unsaid)
    triggers: tuple[Any, ...] = field(default_factory=_unsaid)
    links: tuple[Any, ...] = field(default_factory=_unsaid)
    plugin_config: Any = field(default_factory=_unsaid)
    environment_options: Options = NOTHING_SAID
    call_options: Options = NOTHING_SAID
    _call_as_synchronous: bool = False
    is_container: ClassVar[bool] = False  # whether the image is for a container beside the process of the call, for what is no Python

    def __post_init__(self) -> None:
        said = {name: self.__dict__.pop(name, None) for name in OPTION_NAMES}
        for name, value in said.items():
            if name in ("links", "triggers") and value is not None and not isinstance(value, tuple):
                said[name] = tuple(value) if isinstance(value, list) else (value,)
        self.task_options = Options(**said)
        self.original: TaskTemplate[P, R, F] = self
        self.remade_from: tuple[Any, Any] | None = None
        self._ref: TaskRef | None = None
        self.plans: dict[Any, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if name == "interface" and "border" in self.__dict__:
            return self.__dict__.setdefault(name, as_types(self.border, self.function))
        if name not in _SHARED or "plans" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
        said = settle((self.call_options, self.task_options, self.environment_options, DEFAULTS))
        value = self.__dict__[name] = shown(name, said.get(name), self.name)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _SHARED and "plans" in self.__dict__:
            self.__dict__["task_options"] = replace(self.task_options, **{name: value})
            self.__dict__["call_options"] = replace(self.call_options, **{name: None})
            self.plans.clear()
            self.__dict__.pop(name, None)
            return
        if name == "interface":
            # what values cross by is made once; what people and tools read is made of it when they ask
            self.__dict__.pop(name, None)
            name, value = "border", as_interface(value)
        object.__setattr__(self, name, value)

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self), *OPTION_NAMES})

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, interface={self.native_interface!r})"

    @property
    def function(self) -> Any:
        """The Python function that runs, or ``None`` for a task that is none."""
        return getattr(self, "func", None)

    @property
    def is_async(self) -> bool:
        """Whether calling the task gives a coroutine."""
        return not self._call_as_synchronous

    @property
    def source_file(self) -> str | None:
        """The file that defines the function, if there is one."""
        code = getattr(self.function, "__code__", None)
        return None if code is None else str(code.co_filename)

    @property
    def native_interface(self) -> Any:
        """The interface as plain Python types, under its other name."""
        return self.interface

    @property
    def json_schema(self) -> dict[str, Any]:
        """A JSON schema of the inputs."""
        return cast("dict[str, Any]", self.native_interface.json_schema)

    # -- what plugins fill in ---------------------------------------------------------------------------------------

    async def pre(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Run before the task, in its process. What it gives is found in ``flyte.ctx().data``."""
        return {}

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task itself, in its process."""
        raise NotImplementedError(f"task {self.name}: {type(self).__name__} does not define execute()")

    async def post(self, return_vals: Any) -> Any:
        """Run after the task, in its process. What it gives is not used."""
        return return_vals

    def execute_in_worker(self, values: Mapping[str, Any]) -> Any:
        """Run the task on decoded inputs: the result of a sync task, a coroutine for an async one."""
        return run_body(self, values, AsyncFunctionTaskTemplate)

    def config(self, sctx: Any) -> dict[str, str]:
        """Settings for the place where the task runs."""
        return {}

    def custom_config(self, sctx: Any) -> dict[str, Any]:
        """Settings for the cluster's plugin of this task type."""
        return {}

    def data_loading_config(self, sctx: Any) -> Any:
        """How a container without Python gets its inputs."""
        return None

    def container_args(self, serialize_context: Any) -> list[str]:
        """The command of a container task."""
        return []

    def version_parts(self) -> dict[str, str]:
        """:return: what decides the result beside function, image and inputs, for the key of the cache"""
        return {}

    def sql(self, sctx: Any) -> str | None:
        """The statement of an SQL task."""
        return None

    # -- calling ----------------------------------------------------------------------------------------------------

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the task: a nested call inside a task, the plain function elsewhere.

        :raises RuntimeUserError: if the task failed
        """
        port = current_port()
        if port is None:
            return self._call_plainly(args, kwargs)
        self._refuse_in_trace()
        if not self._call_as_synchronous:
            return cast(R, self._submit(args, kwargs))
        packed = port.call(invocation_for(self, args, kwargs))
        return cast(R, self.border.decode_outputs(packed, task=self.name))

    @overload
    def aio(self: TaskTemplate[P, Coroutine[Any, Any, T], F], *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]: ...

    @overload
    def aio(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]: ...

    async def aio(self, *args: Any, **kwargs: Any) -> Any:
        """Call the task and await its result, also when it is a sync function."""
        if current_port() is not None:
            self._refuse_in_trace()
            return await self._submit(args, kwargs)
        result: Any = self.forward(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    def forward(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the plain function, here and now, whatever runs around it."""
        raise NotImplementedError(f"task {self.name}: {type(self).__name__} does not define forward()")

    async def _submit(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        port = current_port()
        if port is None:
            raise RuntimeSystemError("BadContext", f"task {self.name} was called inside a task and awaited outside of any.")
        packed = await port.acall(invocation_for(self, args, kwargs))
        return self.border.decode_outputs(packed, task=self.name)

    def _call_plainly(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> R:
        try:
            return self.forward(*args, **kwargs)
        except (RuntimeSystemError, RuntimeUserError):
            raise
        except Exception as error:
            # As flyte has it: a program that matches on `e.code` works the same with and without a run.
            raise RuntimeUserError(type(error).__name__, str(error)) from error

    def _refuse_in_trace(self) -> None:
        if in_trace():
            raise TraceDoesNotAllowNestedTasksError(
                f"task {self.name} is called from inside a @flyte.trace function, where no nested call can be recorded. "
                f"Call {self.name.rpartition('.')[2]}.forward(...) to run its function inline, or call it from the task itself."
            )

    # -- changing ---------------------------------------------------------------------------------------------------

    def override(self, **changes: Unpack[Overrides]) -> TaskTemplate[P, R, F]:
        """Make a copy of the task for which some settings are different; the task itself stays as it is.

        ``None`` keeps what was there; every other value holds, also an empty one.

        :raises ValueError: if the setting cannot be overridden, or not while the task's environment is reusable
        :raises TypeError: if there is no such setting, or one is given under two names
        """
        said, others = options_from_override(self, changes)
        made = self._copied(merge(said, self.call_options), others)
        if said.plugin_config is None:
            return made
        from localflyte.api.plugins import rebuild_as

        return cast("TaskTemplate[P, R, F]", rebuild_as(made, said.plugin_config))

    def with_overrides(self, **changes: Unpack[NamedOverrides]) -> TaskTemplate[P, R, F]:
        """Do as `override`, and take ``name=`` for the short name."""
        return self.override(**cast("Overrides", one_spelling(changes, f"task {self.name}: with_overrides()", {"name": "short_name"})))

    def _copied(self, call_options: Options, others: Mapping[str, Any]) -> TaskTemplate[P, R, F]:
        made = object.__new__(type(self))
        made.__dict__.update({name: value for name, value in self.__dict__.items() if name not in _SHARED})
        made.__dict__.update(others, call_options=call_options, plans={}, _ref=self._ref if not others else None)
        if others:
            made.__dict__.update(original=made, remade_from=None)
        return made

    # -- crossing to another process --------------------------------------------------------------------------------

    def ref(self) -> TaskRef:
        """:return: how a worker finds this task

        :raises CodeBundleError: if it has to be pickled and cannot be, naming the variable
        """
        if self._ref is None:
            self._ref = reference_to(self, self.name, self.function or type(self), self.original)
        return self._ref

    def forget_code(self) -> None:
        """Look at the code again when it is next asked for: in a notebook, what it refers to may be another thing by then."""
        if carried := self._ref is not None and bool(self._ref.pickle):
            self._ref = None
        if forget_code(self.function, everything=carried):
            self.plans.clear()

    def __reduce_ex__(self, protocol: Any) -> Any:
        if self.remade_from is not None:
            from localflyte.api.plugins import rebuild_as

            return rebuild_as, (*self.remade_from, self.call_options)
        place = place_of(self.function) if self.function is not None else None
        if place is not None and registry.find(self.function.__module__, self.name) is self.original:
            return load_task, (place[0], self.name, self.call_options)
        return object.__new__, (type(self),), self.__getstate__()

    def __getstate__(self) -> dict[str, Any]:
        transient = ("border", "interface", "original", "parent_env", "plans", "_ref", *_SHARED)
        state = {name: value for name, value in self.__dict__.items() if name not in transient}
        function = self.function
        return {**state, **({"like": self.native_interface} if function is None else {"annotations": annotations_of(function, self.name)})}

    def __setstate__(self, state: dict[str, Any]) -> None:
        annotations, like = state.pop("annotations", None), state.pop("like", None)
        self.__dict__.update(state, parent_env=None, original=self, plans={}, _ref=None)
        if annotations is not None:
            # Text annotations name things of the module, which a function that was pickled by value does not bring along.
            self.function.__annotations__ = annotations
            self.interface = Interface.from_function(self.function, task=self.name)
        elif like is not None:
            self.interface = like


@dataclass(kw_only=True, eq=False, repr=False)
class AsyncFunctionTaskTemplate(TaskTemplate[P, R, F]):
    """A task made of a Python function, sync or async."""

    func: F
    debuggable: bool = True
    task_resolver: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.border is None:
            self.interface = Interface.from_function(cast(Any, self.func), task=self.name)
        if not inspect.iscoroutinefunction(self.func):
            self._call_as_synchronous = True

    def forward(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the plain function, here and now, whatever runs around it."""
        return cast("Callable[P, R]", self.func)(*args, **kwargs)

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Run `pre`, the function and `post`."""
        return await run_steps(self, args, kwargs)


def from_pickle(data: bytes) -> TaskTemplate[..., Any, Any]:
    """Load a task that came by value.

    :raises TypeError: if the pickle holds something else
    """
    from localflyte.types.opaque import loads

    task = loads(data)
    if not isinstance(task, TaskTemplate):
        raise TypeError(f"a task was expected in the pickle, and it holds a {type(task).__name__}")
    return task


def load_task(module: str, name: str, call_options: Options = NOTHING_SAID) -> TaskTemplate[..., Any, Any]:
    """Import a task by the name of its module and its own full name.

    :raises LookupError: if the module defines no such task
    """
    if is_script(module):
        # What its caller knows as __main__, a worker has loaded under the script's own name.
        module = module if registry.find(module, name) is not None else "__main__"
    elif module not in sys.modules:
        from importlib import import_module

        import_module(module)
    task: TaskTemplate[..., Any, Any] | None = registry.find(module, name)
    if task is None:
        known = ", ".join(each.name for each in registry.tasks(module)) or "none"
        raise LookupError(f"module {module!r} defines no task {name!r}; it defines: {known}")
    return task if call_options == NOTHING_SAID else task._copied(call_options, {})
