"""Resolve: the one place where it is decided which level's word counts.

For every setting that levels share: invocation over task over environment. ``None`` inherits; any other value wins where it
is said most specifically, 0, ``()``, ``{}``, ``False`` and ``"off"`` included, and replaces the less specific one as a whole.
What a run says holds for actions that say nothing themselves. For its root action it beats the task and the environment, not
an override. Its environment variables are added, for every action, to whatever was decided.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from typing import Protocol

from localflyte.api.context import current
from localflyte.api.version import cache_terms
from localflyte.api.version import has_changed
from localflyte.spec.digest import sha256
from localflyte.spec.invocation import Invocation
from localflyte.spec.options import OPTION_NAMES
from localflyte.spec.options import Options
from localflyte.spec.packed import Packed
from localflyte.spec.plan import Plan
from localflyte.spec.plan import RetryTerms
from localflyte.spec.plan import ReuseTerms
from localflyte.spec.plan import SecretTerms
from localflyte.spec.plan import TaskRef
from localflyte.spec.plan import TimeoutTerms
from localflyte.types.filed import is_to_pickle
from localflyte.types.interface import Interface

__all__ = ("DEFAULTS", "MAX_INLINE_IO_BYTES", "Declared", "invocation_for", "merge", "plan_for", "settle", "shown")

MAX_INLINE_IO_BYTES = 10 * 1024 * 1024  # Flyte's own default
PICKLED = b"\x80\x05"  # how every pickle of ours begins
MOST_PLANS = 64  # a session that makes a run context for every call must not keep a plan of each

#: What holds where no level says anything.
DEFAULTS = Options(
    cache="disable",
    retries=0,
    timeout=0,
    image="auto",
    interruptible=False,
    max_inline_io_bytes=MAX_INLINE_IO_BYTES,
    report=False,
    links=(),
    triggers=(),
    entrypoint=False,
    produces_artifacts=False,
)


class Declared(Protocol):
    """What resolving needs to know of a task: its name, its border, its function, and what each level said."""

    name: str
    border: Interface
    parent_env: Any
    parent_env_name: str | None
    call_options: Options
    task_options: Options
    environment_options: Options
    plans: dict[Any, Any]

    @property
    def is_container(self) -> bool: ...

    @property
    def function(self) -> Any: ...

    def ref(self) -> TaskRef: ...

    def version_parts(self) -> dict[str, str]: ...


def settle(levels: Iterable[Options | None]) -> dict[str, Any]:
    """Decide every setting.

    :param levels: the most specific first
    :return: each setting that a level says, by name
    """
    said: dict[str, Any] = {}
    for level in levels:
        if level is None:
            continue
        for name in OPTION_NAMES:
            if name not in said:
                value = getattr(level, name)
                if value is not None:
                    said[name] = value
    return said


def merge(over: Options, under: Options) -> Options:
    """:return: both as one level, in which `over` wins: an override of an override is one override"""
    return Options(**settle((over, under)))


def plan_for(task: Declared, *, call: Options | None = None, run: Options | None = None, root: bool = False) -> Plan:
    """Decide everything that was declared for calls of a task. Equal questions are answered from memory.

    :param call: what this call says beyond the task's own overrides
    :param run: what the run says for all of its actions
    :param root: whether the call is the run's first
    """
    key = (id(call), id(run), root)
    known = task.plans.get(key)
    if known is not None and known[0].cache.parts and task.function is not None and has_changed(task.function):
        known = None
    if known is None:
        if len(task.plans) >= MOST_PLANS:
            task.plans.clear()
        # The options are kept beside the plan: as long as they live, no others can have their identities.
        known = task.plans[key] = (_decide(task, call, run, root), call, run)
    plan: Plan = known[0]
    return plan


def invocation_for(
    task: Declared,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    call: Options | None = None,
    run: Options | None = None,
    root: bool = False,
    custom_context: Mapping[str, str] | None = None,
) -> Invocation:
    """Make the invocation for one call, in the process of its caller: bind its arguments and pack them.

    The group and the custom context are those of the running code.

    :param custom_context: added to the custom context of the running code
    :raises ValueError: if the arguments do not fit the parameters
    :raises TypeError: if a value is not what its parameter declares
    """
    context = current()
    if run is None and context is not None:
        run = context.run_options
    plan = plan_for(task, call=call, run=run, root=root)
    interface = task.border
    values = interface.bind(args, kwargs, task=task.name)
    cached = plan.cache.behavior != "disable"
    # Without a cache it is for the name of the action alone, by which a later run finds it again.
    packed = interface.encode_inputs(values, task=task.name, canonical=cached or None)
    if cached:
        plan, packed = _with_carried_code(plan, packed, interface)
    if context is None and not custom_context and not plan.links:
        return Invocation(plan=plan, inputs=packed)
    group = context.group_data if context is not None else None
    carried = {**(context.custom_context if context is not None else {}), **(custom_context or {})}
    if carried:
        _check_texts(carried, "custom_context", task.name)
    if plan.links:
        from localflyte.api.links import with_links

        plan = with_links(plan, task, context, carried)
    return Invocation(plan=plan, inputs=packed, group=group.name if group is not None else "", custom_context=carried)


def _is_pickled(value: Packed) -> bool:
    return PICKLED in value.data or any(map(is_to_pickle, value.refs))


def _with_carried_code(plan: Plan, packed: dict[str, Packed], interface: Interface) -> tuple[Plan, dict[str, Packed]]:
    """Let functions and objects of the project's, passed as inputs, count by their code and not by their names."""
    carrying = [name for name, value in packed.items() if _is_pickled(value) and name not in plan.cache.ignored_inputs]
    if not carrying or plan.cache.problem:
        return plan, packed
    from localflyte.api.carried import with_code
    from localflyte.api.values import UncertainError

    try:
        return plan, packed | {name: with_code(packed[name], interface.inputs[name].codec) for name in carrying}
    except UncertainError as error:
        return replace(plan, cache=replace(plan.cache, problem=str(error))), packed


def shown(name: str, value: Any, task: str) -> Any:
    """:return: a decided setting in the form in which people read it from a task"""
    match name:
        case "short_name":
            return value or task.rpartition(".")[2]
        case "reusable":
            return None if value == "off" else value
        case "retries":
            from localflyte.spec.retry import retries_from_request

            return retries_from_request(value)
        case "cache":
            from localflyte.spec.cache import cache_from_request

            return cache_from_request(value)
        case "image":
            from localflyte.spec.image import image_from_request

            return image_from_request(value)
        case _:
            return value


def _body(function: Any, own: Mapping[str, str]) -> str:
    code = getattr(function, "__code__", None)
    if code is None:
        return sha256("\n".join(own.values()).encode())[:16] if own else ""
    from localflyte.api.members import bytecode

    return sha256(bytecode(code).encode("utf-8", "surrogatepass"))[:16]


def _decide(task: Declared, call: Options | None, run: Options | None, root: bool) -> Plan:
    task_levels = (task.task_options, task.environment_options)
    said = settle((call, task.call_options, *((run, *task_levels) if root else (*task_levels, run)), DEFAULTS))
    if run is not None and run.env_vars is not None:
        own = settle((call, task.call_options, *task_levels)).get("env_vars", {})
        said["env_vars"] = {**own, **run.env_vars}
    env_vars = dict(said.get("env_vars", {}))
    _check_texts(env_vars, "env_vars", task.name)
    resources = said.get("resources")
    own = task.version_parts()
    return Plan(
        task=task.ref(),
        environment=task.parent_env_name or "",
        short_name=said.get("short_name") or task.name.rpartition(".")[2],
        interface=task.border.digest_line,
        cache=cache_terms(said["cache"], task.function, image=said["image"], kind=type(task), own=own),
        retries=_retries(said["retries"]),
        timeout=_timeout(said["timeout"]),
        **({} if resources is None else {"resources": resources.terms()}),
        body=_body(task.function, own),
        env_vars=env_vars,
        secrets=_secrets(said.get("secrets", ())),
        queue=said.get("queue", ""),
        image=None if task.is_container else _image(said["image"]),
        container_image=_described(said["image"]) if task.is_container else None,
        pod_template=_pod(said.get("pod_template")),
        reuse=None if task.is_container else _reuse(said.get("reusable")),
        interruptible=bool(said["interruptible"]),
        entrypoint=bool(said["entrypoint"]),
        report=bool(said["report"]),
        max_inline_io_bytes=_limit(said["max_inline_io_bytes"], task.name),
        links=tuple(_link(link) for link in said["links"]),
        outputs=tuple(task.border.outputs),
        declared_at=getattr(task.parent_env() if task.parent_env else None, "declared_at", ""),
    )


def _check_texts(values: Mapping[Any, Any], setting: str, task: str) -> None:
    for name, value in values.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(
                f"{setting}[{name!r}] for task {task} must be a str, got {value!r} ({type(value).__name__}). "
                f"It crosses to another process as text: write {str(value)!r}."
            )


def _limit(limit: object, task: str) -> int:
    if type(limit) is not int or limit < 0:
        raise ValueError(f"max_inline_io_bytes of task {task} must be a whole number of bytes, 0 or more, got {limit!r}")
    return limit


def _retries(retries: Any) -> RetryTerms:
    if retries == 0:
        return RetryTerms()
    from localflyte.spec.retry import retries_from_request

    return retries_from_request(retries).terms()


def _timeout(timeout: Any) -> TimeoutTerms:
    if timeout == 0:
        return TimeoutTerms()
    from localflyte.spec.timeout import timeout_from_request

    return timeout_from_request(timeout).terms()


def _secrets(secrets: Any) -> tuple[SecretTerms, ...]:
    if not secrets:
        return ()
    from localflyte.spec.secret import secrets_from_request

    return tuple(secret.terms() for secret in secrets_from_request(secrets))


def _image(image: Any) -> Mapping[str, Any] | None:
    if image == "auto":
        return None
    from localflyte.spec.image import image_from_request

    return image_from_request(image).terms()


def _described(image: Any) -> Mapping[str, Any]:
    from localflyte.spec.image import image_from_request

    return image_from_request(image).describe()


def _pod(template: Any) -> Mapping[str, Any] | None:
    if template is None:
        return None
    if isinstance(template, str):
        return {"name": template}
    from localflyte.spec.pod import PodTemplate
    from localflyte.spec.podspec import pod_terms

    return template.terms() if isinstance(template, PodTemplate) else pod_terms(template)


def _reuse(policy: Any) -> ReuseTerms | None:
    if policy is None or policy == "off":
        return None
    terms: ReuseTerms = policy.terms()
    return terms


def _link(link: Any) -> Mapping[str, Any]:
    return {"name": str(getattr(link, "name", "")), "icon_uri": str(getattr(link, "icon_uri", None) or "")}
