"""The name ``flyte`` for localflyte: an import hook under which ``import flyte`` and all below it are localflyte's own module objects.

One module is one object, whichever name it was imported by, so that classes stay the same classes, and ``except flyte.errors.OOMError``
catches what ``localflyte.errors.OOMError`` raised. The hook stands before every other finder, so an installed flyte is not looked at.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from localflyte._lazy import DOORS

__all__ = ("install", "installed", "uninstall")

#: Private modules of flyte that programs reach into all the same, where we have what they look for.
PRIVATE = {
    "_code_bundle": "_code_bundle",
    "_image": "_image",
    "_initialize": "initialize",
    "_logging": "logs",
    "_resources": "spec.resources",
    "_task": "api.task",
    "_task_environment": "api.environment",
    "io._hashing_io": "io.hashing",
}

_evicted: dict[str, ModuleType] = {}


def install(*, replace: bool = False) -> None:
    """Make ``flyte`` mean localflyte in this process. Doing it again changes nothing.

    :param replace: put aside a real flyte that is already imported; what was imported from it before keeps pointing to it
    :raises ImportError: if the real flyte is already imported and `replace` was not asked for
    """
    if installed():
        return
    real = [name for name in sys.modules if name == "flyte" or name.startswith("flyte.")]
    if real and not replace:
        place = getattr(sys.modules.get("flyte"), "__file__", None) or "memory"
        raise ImportError(
            f"flyte is already imported, from {place}, so the name cannot mean localflyte any more: "
            "call localflyte.bridges.flyte.install() before the first `import flyte`, or install(replace=True)",
            name="flyte",
        )
    for name in real:
        _evicted[name] = sys.modules.pop(name)
    sys.meta_path.insert(0, _finder)
    sys.modules["flyte"] = import_module("localflyte")


def uninstall() -> None:
    """Take the name ``flyte`` back; a real flyte that was put aside is there again."""
    if not installed():
        return
    sys.meta_path.remove(_finder)
    for name in [name for name in sys.modules if name == "flyte" or name.startswith("flyte.")]:
        del sys.modules[name]
    sys.modules.update(_evicted)
    _evicted.clear()


def installed() -> bool:
    """:return: whether ``flyte`` means localflyte in this process"""
    return _finder in sys.meta_path


class _AliasFinder:
    """Answers for ``flyte`` and everything below it, and for nothing else."""

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname != "flyte" and not fullname.startswith("flyte."):
            return None
        real = _real_name(fullname)
        try:
            module = import_module(real)
        except ModuleNotFoundError as error:
            if error.name is None or not (real == error.name or real.startswith(f"{error.name}.")):
                raise  # it exists, and something that it needs does not
            raise _not_found(fullname) from None
        loader: Any = _AliasLoader(module)  # a loader by its methods: importlib.abc, with the base class, costs as much as all of this file
        return ModuleSpec(fullname, loader, origin=getattr(module, "__file__", None))


class _AliasLoader:
    """Hands out a module that is already loaded under its own name."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.own_spec = module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just written the alias's spec over the module's own.
        module.__spec__ = self.own_spec


_finder = _AliasFinder()


def _real_name(fullname: str) -> str:
    _, _, below = fullname.partition(".")
    if not below:
        return "localflyte"
    if below in PRIVATE:
        return f"localflyte.{PRIVATE[below]}"
    if below.partition(".")[0] not in DOORS:
        raise _not_found(fullname)
    return f"localflyte.{below}"


def _not_found(fullname: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(
        f"No module named {fullname!r}: here flyte is localflyte, which has flyte.{', flyte.'.join(DOORS)}; "
        "other modules of flyte exist only with the real SDK, on a cluster",
        name=fullname,
    )
