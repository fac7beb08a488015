"""Environment and TaskEnvironment: what a set of tasks has in common, and the decorator that makes tasks."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import InitVar
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from typing import Any
from typing import ParamSpec
from typing import TypeVar
from typing import cast
from typing import overload
from weakref import ref as weak

from localflyte.api import registry
from localflyte.api.checks import check_settings
from localflyte.api.checks import check_task_environment
from localflyte.api.checks import checked_environment
from localflyte.api.checks import declaring_place
from localflyte.api.overriding import ALIASES
from localflyte.api.overriding import as_tuple
from localflyte.api.overriding import check_reuse
from localflyte.api.overriding import one_spelling
from localflyte.api.plugins import plugin_class
from localflyte.api.resolve import MAX_INLINE_IO_BYTES
from localflyte.api.resolve import settle
from localflyte.api.task import AsyncFunctionTaskTemplate
from localflyte.api.task import TaskTemplate
from localflyte.errors import ClusterOnlyError
from localflyte.spec.options import OPTION_NAMES
from localflyte.spec.options import Options

__all__ = ("Environment", "TaskEnvironment", "list_loaded_environments")

P = ParamSpec("P")
R = TypeVar("R")

_NAME = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*", re.ASCII)
_UNSET: Any = object()


class _RemembersWhatWasGiven:
    """A default that was not given is no word of the environment's, although it reads the same as one that was."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__new__(cls)
        positional = [each.name for each in fields(cast("Any", cls)) if each.init and not each.kw_only]
        made.__dict__["_given"] = frozenset((*positional[: len(args)], *kwargs))
        return made


@dataclass
class Environment(_RemembersWhatWasGiven):
    """What tasks and apps have in common.

    :param name: in snake_case or kebab-case
    :param depends_on: other environments that tasks of this one use
    :param description: for people, at most 255 characters
    :param include: more files that belong to the code, relative to the file that makes the environment
    :param env: the older name of `env_vars`
    :raises TypeError: if a value is not of the type of its setting
    :raises ValueError: if the name is not allowed
    """

    name: str
    depends_on: list[Environment] = field(default_factory=list)
    pod_template: Any = None
    description: str | None = None
    secrets: Any = None
    env_vars: dict[str, str] | None = None
    resources: Any = None
    interruptible: bool = False
    image: Any = "auto"
    include: tuple[str, ...] = field(default_factory=tuple)
    service_account: str | None = None
    env: InitVar[dict[str, str] | None] = field(default=None, kw_only=True)
    declared_at: str = field(init=False, default="", repr=False, compare=False)

    def __post_init__(self, env: dict[str, str] | None = None) -> None:  # noqa: RUF033 - subclasses call it without
        self.env_vars = one_spelling({"env": env, "env_vars": self.env_vars}, f"environment {self.name!r}")["env_vars"]
        self.description, self.include = checked_environment(self, Environment)
        if not _NAME.fullmatch(str(self.name)):
            raise ValueError(f"Environment name {self.name!r} must be in snake_case or kebab-case format.{_suggestion(self.name)}")
        self.declared_at = declaring_place()
        registry.add_environment(self)

    def add_dependency(self, *env: Environment) -> None:
        """Add environments that tasks of this one use; those that are known already are left as they are.

        :raises TypeError: if one of them is no environment
        :raises ValueError: if one of them is this environment
        """
        for each in env:
            if not isinstance(each, Environment):
                raise TypeError(f"Expected Environment, got {type(each)}")
            if each.name == self.name:
                raise ValueError(f"Cannot add self as a dependency (environment {self.name!r})")
            if not any(each is known for known in self.depends_on):
                self.depends_on.append(each)

    def clone_with(self, name: str, **changes: Any) -> Environment:
        """Make an environment like this one under another name."""
        raise NotImplementedError(f"{type(self).__name__} cannot be cloned")


@dataclass
class TaskEnvironment(Environment):
    """What a set of tasks has in common. `task` makes a task of a function.

    :param cache: ``"auto"``, ``"override"``, ``"disable"`` or a ``Cache``
    :param reusable: keep processes warm for the next task
    :param plugin_config: makes tasks of the type that the config stands for
    :param queue: where tasks wait for their turn
    :param task_queue: the older name of `queue`
    """

    cache: Any = "disable"
    reusable: Any = None
    plugin_config: Any = None
    queue: str | None = None
    task_queue: InitVar[str | None] = field(default=None, kw_only=True)
    _tasks: dict[str, TaskTemplate[..., Any, Any]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self, env: dict[str, str] | None = None, task_queue: str | None = None) -> None:  # noqa: RUF033 - as above
        super().__post_init__(env)
        self.queue = one_spelling({"task_queue": task_queue, "queue": self.queue}, f"environment {self.name!r}")["queue"]
        check_task_environment(self)

    @property
    def tasks(self) -> dict[str, TaskTemplate[..., Any, Any]]:
        """The tasks by full name."""
        return self._tasks

    @property
    def sandbox(self) -> Any:
        """Tasks in an interpreter that can do nothing but compute; not here.

        :raises ClusterOnlyError: always
        """
        raise ClusterOnlyError("TaskEnvironment.sandbox", "Use @env.task: here every task runs in a process of its own.")

    def options(self) -> Options:
        """:return: what this environment says for its tasks; a default that was not given says nothing"""
        given: frozenset[str] = self.__dict__.get("_given", frozenset())
        said = {name: getattr(self, name) for name in OPTION_NAMES if hasattr(self, name)}
        if self.interruptible is False and "interruptible" not in given:
            said["interruptible"] = None
        return Options(**said)

    def clone_with(  # type: ignore[override]
        self,
        name: str,
        image: Any = None,
        resources: Any = None,
        env_vars: dict[str, str] | None = None,
        secrets: Any = None,
        depends_on: list[Environment] | None = None,
        description: str | None = None,
        interruptible: bool | None = None,
        include: tuple[str, ...] | None = None,
        service_account: str | None = None,
        *,
        cache: Any = None,
        reusable: Any = _UNSET,
        queue: str | None = None,
        pod_template: Any = None,
        plugin_config: Any = None,
        env: dict[str, str] | None = None,
        task_queue: str | None = None,
    ) -> TaskEnvironment:
        """Make an environment like this one under another name, with its own tasks.

        ``None`` keeps what this environment has, save ``reusable=None``, which ends the reuse.
        """
        given_here = {each: value for each, value in locals().items() if each not in ("self", "name", "reusable")}
        changes = one_spelling(given_here, f"environment {self.name!r}: clone_with()")
        given: frozenset[str] = self.__dict__.get("_given", frozenset())
        kept = {each.name: getattr(self, each.name) for each in fields(self) if each.init and each.name != "name"}
        if "interruptible" not in given:
            kept.pop("interruptible")
        kept.update({each: value for each, value in changes.items() if value is not None})
        if reusable is not _UNSET:
            kept["reusable"] = reusable
        return type(self)(name, **{**kept, "depends_on": list(kept["depends_on"])})

    @classmethod
    def from_task(cls, name: str, *tasks: TaskTemplate[..., Any, Any], depends_on: list[Environment] | None = None) -> TaskEnvironment:
        """Make an environment for tasks that were made without one.

        :raises ValueError: if a task has an environment already, or if the tasks have different images
        """
        for task in tasks:
            owner = task.parent_env() if task.parent_env is not None else None
            if owner is not None:
                raise ValueError(f"task {task.name} already belongs to environment {owner.name!r}; a task has one environment.")
        image = tasks[0].image if tasks else "auto"
        if any(task.image != image for task in tasks):
            names = ", ".join(task.name for task in tasks)
            raise ValueError(f"the tasks of one environment must have one image, and these have several: {names}. Make one for each image.")
        made = cls(name, depends_on=depends_on or [], image=image)
        for task in tasks:
            made._tasks[task.name] = task
            task.parent_env = weak(made)
            task.parent_env_name = name
            task.plans.clear()
        return made

    @overload
    def task(self, _func: Callable[P, R], /) -> AsyncFunctionTaskTemplate[P, R, Callable[P, R]]: ...

    @overload
    def task(
        self,
        *,
        short_name: str | None = None,
        cache: Any = None,
        retries: Any = 0,
        timeout: Any = 0,
        docs: Any = None,
        pod_template: Any = None,
        report: bool = False,
        interruptible: bool | None = None,
        max_inline_io_bytes: int = MAX_INLINE_IO_BYTES,
        queue: str | None = None,
        service_account: str | None = None,
        triggers: Any = (),
        links: Any = (),
        task_resolver: Any = None,
        entrypoint: bool = False,
        produces_artifacts: bool = False,
        resources: Any = None,
        env_vars: dict[str, str] | None = None,
        secrets: Any = None,
        reusable: Any = None,
        image: Any = None,
        plugin_config: Any = None,
        name: str | None = None,
        env: dict[str, str] | None = None,
        task_queue: str | None = None,
    ) -> Callable[[Callable[P, R]], AsyncFunctionTaskTemplate[P, R, Callable[P, R]]]: ...

    def task(
        self,
        _func: Any = None,
        *,
        short_name: str | None = None,
        cache: Any = None,
        retries: Any = 0,
        timeout: Any = 0,
        docs: Any = None,
        pod_template: Any = None,
        report: bool = False,
        interruptible: bool | None = None,
        max_inline_io_bytes: int = MAX_INLINE_IO_BYTES,
        queue: str | None = None,
        service_account: str | None = None,
        triggers: Any = (),
        links: Any = (),
        task_resolver: Any = None,
        entrypoint: bool = False,
        produces_artifacts: bool = False,
        resources: Any = None,
        env_vars: dict[str, str] | None = None,
        secrets: Any = None,
        reusable: Any = None,
        image: Any = None,
        plugin_config: Any = None,
        name: str | None = None,
        env: dict[str, str] | None = None,
        task_queue: str | None = None,
    ) -> Any:
        """Make a task of a function, ``@env.task`` or ``@env.task(...)``. What is not given comes from the environment.

        :param name: the older name of `short_name`
        :param env: the older name of `env_vars`
        :param task_queue: the older name of `queue`
        :raises TypeError: if one setting is given under both of its names, or an annotation cannot be used
        :raises ValueError: if settings contradict each other, or the function takes ``*args`` or ``**kwargs``
        """
        settings = {each: value for each, value in locals().items() if each not in ("self", "_func", "task_resolver")}
        settings.update(triggers=as_tuple(triggers), links=as_tuple(links))

        def decorate(func: Any) -> Any:
            return self._make_task(func, settings, task_resolver)

        return decorate if _func is None else decorate(_func)

    def _make_task(self, func: Any, settings: dict[str, Any], task_resolver: Any) -> TaskTemplate[..., Any, Any]:
        if isinstance(func, staticmethod):
            func = func.__func__
        if not hasattr(func, "__name__"):
            raise TypeError(f"environment {self.name!r}: a task is made of a function, got {func!r}")
        name = f"{self.name}.{func.__name__}"
        where = f"task {name}"
        said = one_spelling(settings, where, {**ALIASES, "name": "short_name"})
        check_settings(said, where)
        environment = self.options()
        settled = settle((Options(**said), environment))
        if settled.get("reusable", "off") != "off":
            if said["pod_template"] is not None:
                raise ValueError(
                    f"Cannot set pod_template when environment is reusable ({where}). "
                    f'Set it on the environment, or give the task reusable="off".'
                )
            if said["reusable"] is None:  # a task with a policy of its own has a pool of its own, and says what that starts with
                check_reuse(settled, said, where)
            _check_concurrency(settled["reusable"], func, where)
        config = settled.get("plugin_config")
        cls = AsyncFunctionTaskTemplate if config is None else plugin_class(config)
        made: TaskTemplate[..., Any, Any] = cls(
            func=func,
            name=name,
            parent_env=weak(self),
            parent_env_name=self.name,
            environment_options=environment,
            task_resolver=task_resolver,
            **said,
        )
        self._tasks[name] = made
        if "<locals>" not in func.__qualname__:
            registry.add_task(func.__module__, name, made)
        return made


def list_loaded_environments() -> list[Environment]:
    """:return: every environment in the order in which they were made"""
    return registry.environments()


def _check_concurrency(policy: Any, func: Any, where: str) -> None:
    if policy.concurrency > 1 and not inspect.iscoroutinefunction(func):
        raise ValueError(
            f"Reusable environments with concurrency greater than 1 are only supported for async tasks ({where}). "
            f"Make the function async, or set concurrency to 1."
        )


def _suggestion(name: object) -> str:
    close = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", str(name)).lower()).strip("_")
    return f" Try {close!r}." if close else ""
