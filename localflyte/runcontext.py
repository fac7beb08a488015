"""Runcontext: the options of flyte.with_runcontext, and what each becomes on one machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from localflyte.spec.options import Options
from localflyte.spec.run import RunRequest

__all__ = ("after", "check_mode", "merged", "said_of", "several", "sort_options")

#: Options of with_runcontext that say something to a cluster's server alone; here they change nothing.
_NOTED = (
    "copy_bundle_to",
    "copy_style",
    "debug",
    "service_account",
    "version",
)
#: Options that tasks are told by a variable.
_VARIABLES = {
    "log_level": "LOG_LEVEL",
    "user_log_level": "USER_LOG_LEVEL",
    "log_format": "LOG_FORMAT",
    "reset_root_logger": "FLYTE_RESET_ROOT_LOGGER",
}
_REFUSED = {
    "tracked_strict": "there is no control plane to report to on this machine",
    "run_base_dir": "localflyte gives every run a folder of its own; set LOCALFLYTE_HOME or raw_data_path",
}
#: Options that are fields of RunRequest under the same name.
_OWN = (
    "annotations",
    "cache_lookup_scope",
    "check_determinism",
    "custom_context",
    "disable_run_cache",
    "domain",
    "explain",
    "force_rerun_actions",
    "labels",
    "max_action_concurrency",
    "name",
    "overwrite_cache",
    "project",
    "recover",
    "trigger",
)


_MODES = ("local", "remote", "hybrid", None)
#: Options of which each entry is said by itself.
_BY_NAME = ("env_vars", "labels", "annotations")


def check_mode(mode: str | None, options: Mapping[str, Any]) -> None:
    """Check what a mode needs on a cluster, though all of them run here.

    :raises ValueError: if there is no such mode, or it does not go with the options
    """
    if mode not in _MODES:
        raise ValueError(f"mode must be 'local', 'remote' or 'hybrid', got {mode!r}; localflyte runs all of them on this machine")
    if mode == "hybrid" and not options.get("name") and not options.get("run_base_dir"):
        raise ValueError("mode='hybrid' needs name=... and run_base_dir=...: on a cluster the tasks find by them what this process does")
    if options.get("tracked") and mode not in ("local", None):
        raise ValueError(f"tracked=True is for mode='local', not {mode!r}: it reports a run that a cluster does not carry itself")


def sort_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], Options | None]:
    """Sort the options that a person gave.

    :return: what concerns the run alone, and what its actions inherit
    :raises TypeError: if there is no option of a name
    :raises ValueError: if one is not what it may be, or cannot mean anything on this machine
    """
    said = {key: value for key, value in options.items() if value is not None}
    for key in ("tracked", "preserve_original_types", "dry_run", "_tracker"):
        if said.pop(key, None) and key == "dry_run":
            raise ValueError("dry_run=True: localflyte has nothing to show without running yet. Leave it out to run.")
    for key, reason in _REFUSED.items():
        if said.pop(key, None):
            raise ValueError(f"with_runcontext({key}=...) is refused: {reason}.")
    _check(said)
    shared = {key: said.pop(key) for key in ("env_vars", "queue", "interruptible") if key in said}
    if "task_queue" in said:
        shared["queue"] = said.pop("task_queue")
    if variables := {name: _variable(said.pop(key)) for key, name in _VARIABLES.items() if key in said}:
        shared["env_vars"] = {**{name: text for name, text in variables.items() if text}, **shared.get("env_vars", {})}
    for key in _NOTED:
        said.pop(key, None)
    own: dict[str, Any] = {}
    if isinstance(start := said.pop("run_start_time", None), datetime):
        own["run_start_time"] = start.timestamp()
    if "interactive_mode" in said:
        own["interactive"] = bool(said.pop("interactive_mode"))
    if raw := said.pop("raw_data_path", None):
        own["raw_data_path"] = os.path.abspath(getattr(raw, "path", raw))
    for key in _OWN:
        if key in said:
            own[key] = said.pop(key)
    if said:
        from difflib import get_close_matches

        name = next(iter(said))
        near = get_close_matches(name, [*RunRequest.__dataclass_fields__, "env_vars", "queue", "strict_remote", *_NOTED], 1)
        raise TypeError(f"with_runcontext() has no option {name!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
    return own, Options(**shared) if shared else None


def said_of(options: Options | None) -> dict[str, Any]:
    """:return: what a run says for its actions, by name"""
    if options is None:
        return {}
    return {name: value for name in ("env_vars", "queue", "interruptible") if (value := getattr(options, name)) is not None}


def merged(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """:return: options that an earlier run was given, and over them those of now; of variables, labels and annotations each by itself"""
    by_name = {key: {**before.get(key, {}), **now.get(key, {})} for key in _BY_NAME if key in before or key in now}
    return {**before, **now, **by_name}


def after(before: Mapping[str, Any], own: Mapping[str, Any], shared: Options | None) -> tuple[dict[str, Any], Options | None]:
    """Put sorted options over those that an earlier run was given, as `merged` does.

    :return: what concerns the run alone, and what its actions inherit
    """
    said, over = sort_options(before)
    told = merged(said_of(over), said_of(shared))
    return merged(said, own), replace(over or shared or Options(), **told) if told else None


def several(notifications: Any) -> tuple[Any, ...]:
    """:return: one notification, or several, or none, as several"""
    return tuple(notifications) if isinstance(notifications, list | tuple) else () if notifications is None else (notifications,)


def _variable(value: Any) -> str:
    """:return: how a variable says what an option of logging is; empty where it says nothing"""
    return ("1" if value else "") if isinstance(value, bool) else str(value)


def _check(said: Mapping[str, Any]) -> None:
    concurrency = said.get("max_action_concurrency", 0)
    if concurrency < 0 or concurrency == 1:
        raise ValueError(f"max_action_concurrency must be 0 (no limit) or at least 2 (a parent and its child), got {concurrency}")
    if said.get("copy_style") == "none" and not said.get("version"):
        raise ValueError("copy_style='none' needs version=...: without a code bundle a cluster finds the code by its version")
    if said.get("copy_style") == "custom":
        raise ValueError("copy_style='custom' cannot be used with run: give 'loaded_modules', 'all' or 'none'")
    for option in _BY_NAME:
        _check_texts(option, said.get(option) or {})
    if said.get("cache_lookup_scope", "global") not in ("global", "project-domain"):
        raise ValueError(f"cache_lookup_scope must be 'global' or 'project-domain', got {said['cache_lookup_scope']!r}")
    if "name" in said:
        from localflyte.runs.names import check_run_name

        check_run_name(said["name"])
    if "queue" in said and "task_queue" in said:
        raise ValueError("queue= and task_queue= are two words for one setting; give one of them")


def _check_texts(option: str, given: Any) -> None:
    if not isinstance(given, Mapping):
        raise ValueError(f"{option} must be a dict of texts by name, got {given!r}")
    for key, value in given.items():
        if not isinstance(key, str):
            raise ValueError(f"{option} must have names that are str, got {key!r}: write {str(key)!r}")
        if not isinstance(value, str):
            raise ValueError(f"{option}[{key!r}] must be a str, got {value!r}: write {str(value)!r}")
        try:
            f"{key}{value}".encode()
        except UnicodeEncodeError:
            raise ValueError(f"{option}[{key!r}] must be text that UTF-8 has, got {value!r}: decode it with errors='replace'") from None
