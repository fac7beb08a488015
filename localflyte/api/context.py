"""The context of the running task: what ``flyte.ctx()`` gives, and the blocks that change it (`group`, `custom_context`).

A task's own context lives in a context variable, so it follows asyncio tasks and ``asyncio.to_thread``. A thread that
user code starts by hand has no copy of it; there, the context that this process entered last is taken.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from dataclasses import replace
from datetime import UTC
from datetime import datetime
from typing import TYPE_CHECKING
from typing import Any
from typing import Literal

from localflyte.api.action import ActionID
from localflyte.api.action import CheckpointPaths
from localflyte.api.action import GroupData
from localflyte.api.action import RawDataPath

if TYPE_CHECKING:
    from localflyte.spec.options import Options

__all__ = (
    "NULL_TASK_CONTEXT",
    "TaskContext",
    "activate",
    "context_of",
    "ctx",
    "current",
    "custom_context",
    "enter",
    "enter_later",
    "get_custom_context",
    "group",
    "in_trace",
    "promise",
    "replaced",
)


@dataclass(frozen=True, kw_only=True)
class TaskContext:
    """What a running task can know about itself. ``flyte.ctx()`` gives it."""

    action: ActionID
    version: str
    raw_data_path: RawDataPath
    input_path: str | None = None
    output_path: str
    run_base_dir: str
    report: Any = None
    group_data: GroupData | None = None
    checkpoint_paths: CheckpointPaths | None = None
    code_bundle: Any = None
    compiled_image_cache: Any = None
    data: dict[str, Any] = field(default_factory=dict)
    mode: Literal["local", "remote", "hybrid"] = "local"
    interactive_mode: bool = False
    custom_context: dict[str, str] = field(default_factory=dict)
    disable_run_cache: bool = False
    in_driver_literal_conversion: bool = False
    run_start_time: datetime | None = field(default_factory=lambda: datetime.now(UTC))
    task_action: ActionID | None = None
    """The task itself; `action` is something else inside a traced function."""
    run_options: Options | None = field(default=None, repr=False)
    """What the run as a whole was given; nested calls inherit it."""
    trace_calls: dict[str, int] = field(default_factory=dict, repr=False, compare=False)
    """How often each traced call was made, so that equal calls get different names."""
    attempt: int | None = field(default=None, repr=False)
    """The number of the attempt; ``None`` leaves it to the environment. Tasks that share a process share their variables."""
    container: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)
    """What the container of a task that is one is started with."""
    recorded: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """What traced calls gave in earlier attempts: the name of their action to their outputs, as they came over the wire."""
    task_name: str = field(default="", repr=False)
    """The full name of the task."""

    def __post_init__(self) -> None:
        if self.task_action is None:
            object.__setattr__(self, "task_action", self.action)

    def replace(self, **changes: Any) -> TaskContext:
        """:return: a copy with these fields changed; `data` is added to what is there, and ``None`` adds nothing"""
        if "data" in changes:
            added = changes.pop("data")
            if added is not None:
                changes["data"] = {**(self.data or {}), **added}
        return replace(self, **changes)

    def __getitem__(self, key: str) -> Any:
        return self.data.get(key)

    def is_in_cluster(self) -> bool:
        """:return: whether this task runs on a cluster"""
        return self.mode == "remote"

    @property
    def checkpoint(self) -> Any:
        """The checkpoint of this action, or ``None`` where the action has no place for one."""
        paths = self.checkpoint_paths
        place = paths.checkpoint_path if paths else None
        if paths is None or place is None or not place.strip():
            return None
        from localflyte.checkpoint import Checkpoint

        return self.data.setdefault("flyte.checkpoint", Checkpoint(place, paths.prev_checkpoint_path))

    @property
    def attempt_number(self) -> int:
        """0 in the first attempt, 1 in the first retry, and so on."""
        return int(os.environ.get("FLYTE_ATTEMPT_NUMBER") or 0) if self.attempt is None else self.attempt

    @property
    def rank(self) -> int | None:
        """The number of this process among all of a clustered task; ``None`` elsewhere, as for all that follow."""
        return _number("RANK")

    @property
    def local_rank(self) -> int | None:
        """The number of this process on its node."""
        return _number("LOCAL_RANK")

    @property
    def world_size(self) -> int | None:
        """How many processes a clustered task has."""
        return _number("WORLD_SIZE")

    @property
    def local_world_size(self) -> int | None:
        """How many processes a clustered task has on this node."""
        return _number("LOCAL_WORLD_SIZE")

    @property
    def node_rank(self) -> int | None:
        """The number of this node."""
        return _number("NODE_RANK")

    @property
    def nnodes(self) -> int | None:
        """How many nodes a clustered task has."""
        return _number("NNODES")

    @property
    def master_addr(self) -> str | None:
        """The address at which the processes of a clustered task meet."""
        return os.environ.get("MASTER_ADDR")

    @property
    def master_port(self) -> int | None:
        """The port at which the processes of a clustered task meet."""
        return _number("MASTER_PORT")

    @property
    def restart_attempt(self) -> int | None:
        """How often a clustered task was started again."""
        return _number("JOBSET_RESTART_ATTEMPT")


class _NullTaskContext(TaskContext):
    """What ``flyte.ctx()`` gives where no task runs: false, and every field is ``None``."""

    def __init__(self) -> None:
        for each in fields(TaskContext):
            object.__setattr__(self, each.name, None)

    def __bool__(self) -> bool:
        return False

    def __getitem__(self, key: str) -> Any:
        return None

    def __repr__(self) -> str:
        return "NullTaskContext()"


NULL_TASK_CONTEXT: TaskContext = _NullTaskContext()

_current: ContextVar[TaskContext | None] = ContextVar("localflyte_task_context", default=None)
_process: TaskContext | None = None
_promised: Callable[[], TaskContext | None] | None = None


def current() -> TaskContext | None:
    """:return: the context of the running task, or ``None`` where no task runs"""
    return _current.get() or _process or (None if _promised is None else _promised())


def ctx() -> TaskContext:
    """:return: the context of the running task; where no task runs, a false one whose fields are all ``None``"""
    return current() or NULL_TASK_CONTEXT


def activate(context: TaskContext | None) -> None:
    """Make this the context of the running code, and of every thread that has none of its own. ``None`` takes it away."""
    global _process, _promised  # noqa: PLW0603 - the fallback for threads that were started without a copy of the context
    _process = context
    _promised = None
    _current.set(context)


def enter_later(request: Mapping[str, Any], *, run_options: Options | None = None) -> None:
    """Promise the context that `enter` would make, to be made when something first asks for it: most tasks never do,
    and making it costs a forked child a quarter of a millisecond of page faults.
    """
    promise(lambda: enter(request, run_options=run_options))


def promise(make: Callable[[], TaskContext | None]) -> None:
    """Have this asked for the context wherever none is set. A process that serves several tasks at once answers for each."""
    global _promised  # noqa: PLW0603 - see activate
    _promised = make


def in_trace() -> bool:
    """:return: whether the running code is the body of a traced function"""
    context = current()
    return context is not None and context.action is not context.task_action


@contextmanager
def replaced(context: TaskContext) -> Iterator[None]:
    """Run a block under another context; other asyncio tasks and threads keep theirs."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def group(name: str) -> Iterator[None]:
    """Group the task calls that are made in a block, under this name. Outside a task it does nothing."""
    context = current()
    if context is None:
        yield
        return
    with replaced(context.replace(group_data=GroupData(name))):
        yield


@contextmanager
def custom_context(**context: str) -> Iterator[None]:
    """Add to the context that the tasks called in a block, and all they call, can read. Outside a task it does nothing.

    It is no part of a cache key.
    """
    running = current()
    if running is None:
        yield
        return
    with replaced(running.replace(custom_context={**running.custom_context, **context})):
        yield


def get_custom_context() -> dict[str, str]:
    """:return: the custom context of the running task; empty where no task runs"""
    return ctx().custom_context or {}


def enter(request: Mapping[str, Any], *, report: Any = None, run_options: Options | None = None) -> TaskContext:
    """Make the context of the attempt that a request asks for, as `context_of` does, and activate it."""
    context = context_of(request, report=report, run_options=run_options)
    activate(context)
    return context


def context_of(request: Mapping[str, Any], *, report: Any = None, run_options: Options | None = None) -> TaskContext:
    """Make the context of the attempt that a request asks for.

    Read from the request, each with a default: ``action``, ``run``, ``project``, ``domain``, ``org``, ``version``,
    ``raw_data_path``, ``input_path``, ``output_path``, ``run_base_dir``, ``custom_context``, ``run_start_time`` (seconds
    since the epoch), ``disable_run_cache``, ``interactive_mode``, ``mode``, ``attempt``, ``container``, ``traces`` and
    the name of the ``task``.

    :param report: what ``ctx().report`` is to be
    :param run_options: what the run was given for all of its actions
    """
    started = request.get("run_start_time")
    return TaskContext(
        action=ActionID(
            name=request.get("action") or "a0",
            run_name=request.get("run") or None,
            project=request.get("project") or None,
            domain=request.get("domain") or None,
            org=request.get("org") or None,
        ),
        version=request.get("version") or "",
        raw_data_path=RawDataPath(path=request.get("raw_data_path") or ""),
        input_path=request.get("input_path") or None,
        output_path=request.get("output_path") or "",
        run_base_dir=request.get("run_base_dir") or "",
        report=report,
        mode=request.get("mode") or "local",
        interactive_mode=bool(request.get("interactive_mode")),
        custom_context=dict(request.get("custom_context") or {}),
        disable_run_cache=bool(request.get("disable_run_cache")),
        run_start_time=datetime.now(UTC) if started is None else datetime.fromtimestamp(started, UTC),
        run_options=run_options,
        attempt=request.get("attempt"),
        container=request.get("container"),
        recorded=request.get("traces") or {},
        task_name=(request.get("task") or {}).get("name") or "",
        checkpoint_paths=_checkpoint_paths(request.get("checkpoint_path"), request.get("attempt") or 0, request.get("recovers") or ""),
    )


def _checkpoint_paths(folder: str | None, attempt: int, earlier: str) -> CheckpointPaths | None:
    """:param earlier: the folder beside the attempts where those of a run lie that is recovered; empty where none is
    :return: the place of this attempt, and that of the last one before it which has saved something
    """
    if not folder:
        return None
    own, saved = folder, _last_saved(folder, attempt)
    while earlier and saved is None and os.path.isdir(f"{folder}/{earlier}"):
        folder = f"{folder}/{earlier}"
        numbers = [int(name) for name in (name.partition(".")[0] for name in os.listdir(folder)) if name.isdigit()]
        saved = _last_saved(folder, max(numbers, default=-1) + 1)
    return CheckpointPaths(saved, f"{own}/{attempt}")


def _last_saved(folder: str, attempt: int) -> str | None:
    """:return: what the last attempt before one has saved; its .old where it was ended just as it saved a folder again"""
    places = (f"{folder}/{number}{ending}" for number in range(attempt - 1, -1, -1) for ending in ("", ".old"))
    return next(filter(os.path.exists, places), None)


def _number(variable: str) -> int | None:
    text = os.environ.get(variable)
    return None if text is None else int(text)
