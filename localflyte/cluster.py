"""What needs a Flyte cluster, or is no part of localflyte yet: it can be imported and declared, and says what it is when it is used.

Programs name these things beside their tasks. So importing and declaring must work, that the tasks can run; using one
raises `ClusterOnlyError`, with what it is for and what to do instead.
"""

from __future__ import annotations

from typing import Any
from typing import NoReturn

from localflyte.errors import ClusterOnlyError

__all__ = (
    "AppHandle",
    "ClusterFunction",
    "ClusterRecord",
    "deploy",
    "load_interactive_ctx",
    "run_python_script",
    "serve",
    "with_servecontext",
)

WITH_THE_SDK = "It works with the flyte SDK, against a cluster."


class ClusterFunction:
    """A function of Flyte that cannot do its work here; its ``.aio`` form cannot either.

    :param name: the name as people write it, ``flyte.deploy``
    :param instead: what it is for and what to do instead, in sentences
    """

    def __init__(self, name: str, instead: str = WITH_THE_SDK) -> None:
        self.name = name
        self.instead = instead

    def __call__(self, *args: object, **kwargs: object) -> NoReturn:
        raise ClusterOnlyError(self.name, self.instead)

    async def aio(self, *args: object, **kwargs: object) -> NoReturn:
        """Raise the same as the blocking form."""
        raise ClusterOnlyError(self.name, self.instead)

    def __repr__(self) -> str:
        return f"<{self.name}: needs a Flyte cluster>"


class _RecordType(type):
    """Gives each record class its name in Flyte, and lets its class methods be named, ``flyte.remote.Task.get``."""

    #: the name as people write it
    flyte_name: str
    #: what the thing is for and what to do instead, in sentences
    instead: str

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}", name=name, obj=cls)
        return ClusterFunction(f"{cls.flyte_name}.{name}", cls.instead)


class ClusterRecord(metaclass=_RecordType):
    """Something that is declared here and acted upon only by a cluster. It keeps what it was given, and may be subclassed."""

    flyte_name = "flyte"
    instead = WITH_THE_SDK

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        package, _, place = cls.__module__.partition(".")
        if package == "localflyte":  # what a program derives from ours keeps the name of ours
            cls.flyte_name = ".".join(part for part in ("flyte", place.removeprefix("cluster"), cls.__qualname__) if part)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.declared = args
        self.__dict__.update(kwargs)

    def __call__(self, *args: object, **kwargs: object) -> NoReturn:
        raise ClusterOnlyError(type(self).flyte_name, type(self).instead)

    def __class_getitem__(cls, item: object) -> type:
        return cls

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
        return ClusterFunction(f"{type(self).flyte_name}.{name}", type(self).instead)

    def __repr__(self) -> str:
        given = [repr(value) for value in self.declared] + [f"{key}={value!r}" for key, value in vars(self).items() if key != "declared"]
        return f"{type(self).__name__}({', '.join(given)})"


class AppHandle(ClusterRecord):
    """An app that is being served."""

    instead = "Apps are served with the flyte SDK; localflyte runs tasks."


deploy = ClusterFunction(
    "flyte.deploy",
    "It registers environments with a cluster, with the flyte SDK. Here nothing needs to be registered: flyte.run(task, ...).",
)
load_interactive_ctx = ClusterFunction("flyte.load_interactive_ctx", "It opens the context of an action on a cluster in a notebook.")
run_python_script = ClusterFunction(
    "flyte.run_python_script", "It sends a script to a cluster. Here, run it with `localflyte run`, or with Python itself."
)
serve = ClusterFunction("flyte.serve", AppHandle.instead)
with_servecontext = ClusterFunction("flyte.with_servecontext", AppHandle.instead)
