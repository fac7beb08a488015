"""Checks: what a person may write for the settings of an environment and of a task, told where it is written."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

__all__ = ("check_settings", "check_task_environment", "checked_environment", "declaring_place")

_OWN_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def checked_environment(environment: Any, base: type[Any]) -> tuple[str | None, tuple[str, ...]]:
    """Check the settings of an environment, in Flyte's order.

    :param base: the class that dependencies have to be of
    :return: the description, cut where it is too long, and `include` as a tuple
    :raises TypeError: if a value is not of the type of its setting
    """
    _check_image(environment.image, "image")
    _check_secrets(environment.secrets, "secrets")
    for each in environment.depends_on:
        if not isinstance(each, base):
            raise TypeError(f"Expected depends_on to be of type List[Environment], got {type(each)}")
    _check_resources(environment.resources, "resources")
    if environment.env_vars is not None and not isinstance(environment.env_vars, dict):
        raise TypeError(f"Expected env_vars to be of type Dict[str, str], got {type(environment.env_vars)}")
    _check_pod_template(environment.pod_template, "pod_template")
    description = environment.description
    if description is not None:
        from localflyte.spec.documentation import truncate_description

        description = truncate_description(description)
    return description, _include(environment.include)


def check_task_environment(environment: Any) -> None:
    """Check what only an environment for tasks has.

    :raises TypeError: if a value is not of the type of its setting
    :raises ValueError: if settings contradict each other
    """
    if environment.reusable is not None and environment.plugin_config is not None:
        from localflyte.api.plugins import TaskPluginRegistry

        plugin = TaskPluginRegistry.find(type(environment.plugin_config))
        if plugin is None or not getattr(plugin, "supports_reuse_policy", False):
            raise ValueError(f"Cannot set plugin_config when environment is reusable (environment {environment.name!r}).")
    _check_reusable(environment.reusable, "reusable")
    _check_cache(environment.cache, "cache")


def check_settings(said: Mapping[str, Any], where: str) -> None:
    """Check the settings that a task or an override gives.

    :raises TypeError: if a value is not of the type of its setting
    :raises ValueError: if it is of the right type and means nothing
    """
    for name, check in _CHECKS.items():
        value = said.get(name)
        if value is not None:
            try:
                check(value, name)
            except (TypeError, ValueError) as error:
                raise type(error)(f"{where}: {error}") from error


def _include(include: Any) -> tuple[str, ...]:
    if isinstance(include, str):
        raise TypeError(f"Expected include to be a sequence of str paths, got a bare str ({include!r}).")
    try:
        paths = tuple(include or ())
    except TypeError as error:
        raise TypeError(f"Expected include to be a sequence of str paths, got {type(include)}") from error
    for each in paths:
        if not isinstance(each, str):
            raise TypeError(f"include entries must be str, got {type(each)}")
    return paths


def _check_image(image: Any, name: str) -> None:
    if image and not isinstance(image, str):
        from localflyte.spec.image import Image

        _expect(image, (Image,), name, "str or Image")


def _check_secrets(secrets: Any, name: str) -> None:
    if secrets and not isinstance(secrets, str | list):
        from localflyte.spec.secret import Secret

        _expect(secrets, (Secret,), name, "SecretRequest")


def _check_resources(resources: Any, name: str) -> None:
    if resources is not None:
        from localflyte.spec.resources import Resources

        _expect(resources, (Resources,), name, "Resources")


def _check_pod_template(template: Any, name: str) -> None:
    if template is not None and not isinstance(template, str):
        from localflyte.spec.pod import PodTemplate
        from localflyte.spec.podspec import is_pod

        if not is_pod(template):  # Flyte takes none of those; whoever writes one means it
            _expect(template, (PodTemplate,), name, "str or PodTemplate")


def _check_reusable(policy: Any, name: str) -> None:
    if policy and policy != "off":
        from localflyte.spec.reuse import ReusePolicy

        _expect(policy, (ReusePolicy,), name, "ReusePolicy")


def _check_cache(cache: Any, name: str) -> None:
    if cache and cache not in ("auto", "disable"):
        from localflyte.spec.cache import Cache
        from localflyte.spec.cache import cache_from_request

        _expect(cache, (str, Cache), name, "str or Cache")
        cache_from_request(cache)


def _check_retries(retries: Any, _name: str) -> None:
    if type(retries) is int and retries >= 0:
        return
    from localflyte.spec.retry import retries_from_request

    retries_from_request(retries)


def _check_timeout(timeout: Any, _name: str) -> None:
    if type(timeout) is int and timeout >= 0:
        return
    from localflyte.spec.timeout import timeout_from_request

    timeout_from_request(timeout)


def _check_env_vars(variables: Any, name: str) -> None:
    _expect(variables, (dict,), name, "Dict[str, str]")


def _check_flag(flag: Any, name: str) -> None:
    _expect(flag, (bool,), name, "bool")


def _check_text(text: Any, name: str) -> None:
    _expect(text, (str,), name, "str")


_CHECKS = {
    "image": _check_image,
    "secrets": _check_secrets,
    "resources": _check_resources,
    "env_vars": _check_env_vars,
    "pod_template": _check_pod_template,
    "reusable": _check_reusable,
    "cache": _check_cache,
    "retries": _check_retries,
    "timeout": _check_timeout,
    "queue": _check_text,
    "short_name": _check_text,
    "interruptible": _check_flag,
    "report": _check_flag,
    "entrypoint": _check_flag,
}


def _expect(value: Any, types: tuple[type[Any], ...], name: str, words: str) -> None:
    if not isinstance(value, types):
        raise TypeError(f"Expected {name} to be of type {words}, got {type(value)}")


def declaring_place() -> str:
    """:return: file and line of the code that makes an environment, ``/path/file.py:12``; empty where there is none"""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(("<", _OWN_FOLDER)):
            return f"{os.path.abspath(file)}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return ""
