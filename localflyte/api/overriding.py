"""Overriding: read the keywords of ``task.override(...)``, and the two spellings that some settings have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import Any
from typing import TypedDict

from localflyte.api.checks import check_settings
from localflyte.api.resolve import settle
from localflyte.spec.options import OPTION_NAMES
from localflyte.spec.options import Options

__all__ = ("ALIASES", "NamedOverrides", "Overrides", "as_tuple", "check_reuse", "one_spelling", "options_from_override")


class Overrides(TypedDict, total=False):
    """What ``task.override(...)`` takes; ``env`` and ``task_queue`` are the older names of ``env_vars`` and ``queue``."""

    short_name: str | None
    resources: Any
    cache: Any
    retries: Any
    timeout: Any
    reusable: Any
    env_vars: Mapping[str, str] | None
    env: Mapping[str, str] | None
    secrets: Any
    service_account: str | None
    max_inline_io_bytes: int | None
    pod_template: Any
    queue: str | None
    task_queue: str | None
    interruptible: bool | None
    entrypoint: bool | None
    produces_artifacts: bool | None
    links: Any
    triggers: Any
    report: bool | None
    plugin_config: Any


class NamedOverrides(Overrides, total=False):
    """What ``task.with_overrides(...)`` takes; ``name`` is the older name of ``short_name``."""

    name: str | None


#: The words of Flyte's older guide, and the settings they stand for.
ALIASES = {"env": "env_vars", "task_queue": "queue"}

_FIXED = {"name": "Name", "image": "Image", "docs": "Docs", "interface": "Interface"}
_HELD_BY_REUSE = ("resources", "env_vars", "secrets")


def one_spelling(given: Mapping[str, Any], where: str, aliases: Mapping[str, str] = ALIASES) -> dict[str, Any]:
    """Give every setting its own name.

    :param where: what the settings were given to, for the message
    :raises TypeError: if one setting is given under both of its names
    """
    said = dict(given)
    for alias, name in aliases.items():
        value = said.pop(alias, None)
        if value is None:
            continue
        if said.get(name) is not None:
            raise TypeError(f"{where} got both {alias}= and {name}=, two spellings of one setting; give one of them.")
        said[name] = value
    return said


def options_from_override(task: Any, changes: Mapping[str, Any]) -> tuple[Options, dict[str, Any]]:
    """Read what an override says.

    :return: the shared settings, and other fields of the template
    :raises ValueError: if a setting cannot be overridden
    :raises TypeError: if there is no such setting
    """
    where = f"task {task.name}: override()"
    said = one_spelling(changes, where)
    for name, word in _FIXED.items():
        if name in said:
            raise ValueError(f"{word} cannot be overridden (task {task.name}). {_INSTEAD[name]}")
    shared = {name: said.pop(name) for name in OPTION_NAMES if name in said}
    known = {field.name for field in fields(task) if field.init} - set(OPTION_NAMES)
    for name in said:
        if name not in known:
            close = get_close_matches(name, [*OPTION_NAMES, *known, *ALIASES], n=1)
            raise TypeError(f"{where} got an unexpected keyword argument {name!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
    for name in ("links", "triggers"):
        if shared.get(name) is not None:
            shared[name] = as_tuple(shared[name])
    check_settings(shared, where)
    options = Options(**shared)
    check_reuse(settle((options, task.call_options, task.task_options, task.environment_options)), shared, where)
    return options, {name: value for name, value in said.items() if value is not None}


def as_tuple(several: Any) -> tuple[Any, ...]:
    """:return: one link or trigger, or a list of them, as a tuple"""
    return tuple(several) if isinstance(several, list | tuple) else (several,)


def check_reuse(settled: Mapping[str, Any], given: Mapping[str, Any], where: str) -> None:
    """Refuse what a pool of warm processes cannot change for one call.

    :param settled: what holds with this level heard
    :param given: what this level says
    :raises ValueError: if the task runs in reused processes and this level sets what they are started with
    """
    if settled.get("reusable", "off") == "off":
        return
    for name in _HELD_BY_REUSE:
        if given.get(name) is not None:
            raise ValueError(
                f"Cannot override {name} when reusable is set ({where}): the processes of a reusable environment are started "
                f'with the environment\'s {name}. Add reusable="off" to run this in a process of its own.'
            )


_INSTEAD = {
    "name": "A task keeps its full name; give short_name= for the name that is shown.",
    "image": "Set it on the TaskEnvironment, or use another environment made with env.clone_with(name=..., image=...).",
    "docs": "Set it on @env.task.",
    "interface": "It follows from the function's signature.",
}
