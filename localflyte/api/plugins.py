"""Plugins: which template class stands for which ``plugin_config``."""

from __future__ import annotations

from dataclasses import MISSING
from dataclasses import fields
from typing import Any

from localflyte.spec.options import OPTION_NAMES

__all__ = ("TaskPluginRegistry", "plugin_class", "rebuild_as")


class _Registry:
    def __init__(self) -> None:
        self._plugins: dict[type[Any], type[Any]] = {}

    def register(self, config_type: type[Any], plugin: type[Any]) -> None:
        """Let tasks with a config of this type be made of this template class."""
        self._plugins[config_type] = plugin

    def find(self, config_type: type[Any]) -> type[Any] | None:
        """:return: the template class for configs of this type, if there is one"""
        return self._plugins.get(config_type)

    def list_plugins(self) -> list[type[Any]]:
        """:return: the types of config that have a template class"""
        return list(self._plugins)

    def __repr__(self) -> str:
        return f"TaskPluginRegistry(plugins={self.list_plugins()})"


TaskPluginRegistry = _Registry()


def plugin_class(config: Any) -> type[Any]:
    """:return: the template class for this config

    :raises ValueError: if none was registered
    """
    found = TaskPluginRegistry.find(type(config))
    if found is None:
        raise ValueError(
            f"No task plugin found for config type {type(config)}. "
            f"Import the plugin's package first, or register its class with flyte.extend.TaskPluginRegistry.register()."
        )
    return found


def rebuild_as(task: Any, config: Any, call_options: Any = None) -> Any:
    """Make a task anew as the class that its new config stands for.

    Fields keep what they hold, save those that still have the old class's default where the new class has another.

    :param call_options: what was overridden since
    :raises ValueError: if no class was registered for the config
    """
    cls = plugin_class(config)
    old = {field.name: field.default for field in fields(type(task))}
    new = {field.name: field.default for field in fields(cls)}
    carried: dict[str, Any] = {name: getattr(task.task_options, name) for name in OPTION_NAMES}
    for field in fields(type(task)):
        name = field.name
        if not field.init or name in carried:
            continue
        value = getattr(task, name)
        theirs = new.get(name, MISSING)
        if theirs is not MISSING and theirs != old[name] and value == old[name]:
            continue
        carried[name] = value
    carried["plugin_config"] = config
    if call_options is not None:
        carried["call_options"] = call_options
    made = cls(**carried)
    made.remade_from = (task, config)
    return made
