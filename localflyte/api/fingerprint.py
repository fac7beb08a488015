"""Fingerprint: a digest of everything that a function really runs, part by part, so that a change can be named.

It follows the function's names into the project's own modules: functions, classes, constants, closures, defaults, and the
tasks that are called. Installed packages count by name and version; the standard library and flyte itself do not count.
Where something cannot be told for certain, it raises: a key that is too weak would give stale results.

Parts are called after what they are, as ``function main.helper`` or ``constant main.RATE``; docs/cache.md lists the words.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from types import BuiltinFunctionType
from types import FunctionType
from types import MethodType
from types import ModuleType
from typing import Any

from localflyte.api.meanings import Meanings
from localflyte.api.members import DATA
from localflyte.api.members import bytecode
from localflyte.api.members import cells_of
from localflyte.api.members import code_names
from localflyte.api.members import defaults_of
from localflyte.api.members import defaults_of_fields
from localflyte.api.members import functions_in
from localflyte.api.members import home_of
from localflyte.api.members import is_internal
from localflyte.api.outline import Chain
from localflyte.api.outline import Decorator
from localflyte.api.outline import Definition
from localflyte.api.packages import package_version
from localflyte.api.sources import Sources
from localflyte.api.sources import file_of
from localflyte.api.sources import owner_of
from localflyte.api.values import Describer
from localflyte.api.values import UncertainError
from localflyte.api.values import is_plain
from localflyte.spec.digest import sha256

__all__ = ("Fingerprint",)

_MISSING = object()
_SUBCLASSES: Callable[[type[Any]], list[type[Any]]] = type.__subclasses__  # a metaclass may have another
_COMPILED = ("builtin_function_or_method", "cython_function_or_method")


class Fingerprint:
    """Collects the parts of one task's code."""

    def __init__(self) -> None:
        self.parts: dict[str, str] = {}
        self.sources = Sources()
        self._labels: dict[int, tuple[str, Any]] = {}
        self._taken: dict[str, int] = {}
        self._todo: deque[Callable[[], None]] = deque()
        self._own: set[int] = set()
        self._with_subclasses = False
        self.values = Describer(self.code)
        self._meanings = Meanings(self)

    def add_task(self, function: Any) -> None:
        """Add the function of a task and all it uses.

        :raises UncertainError: if something it uses has no certain digest
        """
        self._own.add(id(function))
        self.code(function)
        self._work()

    def add_class(self, cls: type[Any]) -> None:
        """Add a class and all it uses.

        :raises UncertainError: if something it uses has no certain digest
        """
        self.code(cls)
        self._work()

    def _work(self) -> None:
        # One after the other and not one inside the other: a project is deeper than Python's stack.
        while self._todo:
            self._todo.popleft()()
            if not self._todo and self._with_subclasses:
                classes = [value for _, value in self._labels.values() if isinstance(value, type) and _is_of_project(value)]
                below: list[type[Any]] = [found for cls in classes for found in _SUBCLASSES(cls) if _is_of_project(found)]
                for each in sorted(below, key=lambda found: (found.__module__, found.__qualname__)):
                    self.code(each)

    def add_subclasses(self) -> None:
        """Count the subclasses of all classes, since some code asks which there are."""
        self._with_subclasses = True

    # -- labels: how code is called -----------------------------------------------------------------------------

    def code(self, value: Any) -> str | None:
        """:return: how code is called; it is added as a part later on. ``None`` for what is no code"""
        if type(value) in DATA:
            return None
        known = self._labels.get(id(value))
        if known is not None:
            return known[0]
        label = self._label(value)
        if label is not None:
            self._labels[id(value)] = (label, value)
        return label

    def _label(self, value: Any) -> str | None:
        kind = type(value)
        if kind is FunctionType:
            return self._function(value)
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, ModuleType):
            return self._contents(value)
        if kind.__name__ in _COMPILED and (kind is not BuiltinFunctionType or isinstance(value.__self__, ModuleType | None)):
            return f"{self.module(value.__module__ or 'builtins')} {value.__qualname__}"
        if hasattr(kind, "native_interface") and hasattr(kind, "forget_code"):
            return self._task(value)
        wrapped = getattr(value, "__wrapped__", None)
        if type(wrapped) is FunctionType and owner_of(kind.__module__) != "project":
            return f"{self.foreign(kind.__module__, kind.__qualname__)} around {self.code(wrapped)}"
        if kind.__module__.startswith("localflyte.api."):
            return f"flyte {kind.__qualname__}"
        return None

    def new_label(self, label: str) -> str:
        """:return: the label, with a number where another thing has it already"""
        number = self._taken[label] = self._taken.get(label, 0) + 1
        return label if number == 1 else f"{label} #{number}"  # two closures made by one factory have one name

    def _function(self, function: Any) -> str:
        module = str(function.__globals__.get("__name__", ""))
        # What was typed in belongs to the person, also where `__main__` is the program that reads it.
        typed = module == "__main__" and function.__code__.co_filename[:1] == "<"
        if not typed and owner_of(module) not in ("project", "missing"):
            return self._foreign_function(function, module)
        label = self.new_label(f"function {home_of(function.__globals__)}.{function.__code__.co_qualname}")
        self._todo.append(lambda: self._add_function(label, function))
        return label

    def _foreign_function(self, function: Any, module: str) -> str:
        label = self.foreign(module, function.__qualname__)
        if "<locals>" not in function.__code__.co_qualname and not hasattr(function, "__wrapped__"):
            return label
        # Made by a factory or decorator of someone else's: what it was given is the project's.
        given = [getattr(function, "__wrapped__", None), *cells_of(function).values(), *(value for _, value in defaults_of(function))]
        for registry in [each for each in given if isinstance(each, dict)]:  # functools.singledispatch keeps its functions in one
            given += registry.values()
        around = [self._given(each) for each in given if each is not None]
        return " around ".join([label, *(each for each in around if each)])

    def _given(self, value: Any) -> str | None:
        if is_plain(value):
            return self.values.describe(value, "a closure variable")
        kind = value if isinstance(value, type) else type(value)
        if kind is FunctionType:
            return self.code(value)
        if owner_of(kind.__module__) == "project":
            return self.values.describe(value, "a closure variable")
        return None

    def _class(self, cls: type[Any]) -> str:
        if owner_of(cls.__module__) not in ("project", "missing"):
            return self.foreign(cls.__module__, cls.__qualname__)
        module = sys.modules.get(cls.__module__)
        home = home_of(vars(module)) if module is not None else cls.__module__
        label = self.new_label(f"class {home}.{cls.__qualname__}")
        self._todo.append(lambda: self._add_class(label, cls))
        return label

    def _contents(self, module: ModuleType) -> str:
        """Name a module that is used as a whole: its source, and what its names mean here."""
        if owner_of(module.__name__) == "missing":
            raise UncertainError(f"module {module.__name__} was not imported by its name, so what is in it cannot be told")
        static = self.module(module.__name__)
        if owner_of(module.__name__) != "project":
            return static
        outline = self.sources.of_file(file_of(module.__name__) or "")
        if outline is None:
            return static
        label = f"contents {home_of(vars(module))}"
        names = [(name,) for name in outline.bound()]
        self._todo.append(lambda: self.add_part(label, [static, *self._meanings.resolved(names, {}, vars(module), label)]))
        return label

    def module(self, module: str) -> str:
        """:return: how a module is called; it is added as it is written, loaded or not, with the modules that it imports"""
        owner = owner_of(module)
        if owner != "project":
            return self.foreign(module, "")
        label = f"module {module}"
        if label not in self._taken:
            self._taken[label] = 1
            self._todo.append(lambda: self._add_module(label, module))
        return label

    def foreign(self, module: str, name: str) -> str:
        """:return: how a thing of someone else's is called; a package is added as a part with its version"""
        owner = owner_of(module)
        if owner == "package":
            key, version = package_version(module.partition(".")[0])
            self.parts[f"package {key}"] = version
        return f"{owner} {module}.{name}"

    def _task(self, task: Any) -> str:
        label = self.new_label(f"task {task.name}")
        if task.function is not None:
            self._own.add(id(task.function))
        self._todo.append(lambda: self._add_called_task(label, task))
        return label

    # -- parts ----------------------------------------------------------------------------------------------------

    def add_part(self, label: str, text: Iterable[str]) -> None:
        """Add a part that is made of these texts."""
        self.parts[label] = sha256("\n".join(text).encode("utf-8", "surrogatepass"))

    def _add_function(self, label: str, function: Any) -> None:
        name = label.partition(" ")[2]
        cells, namespace = cells_of(function), function.__globals__
        text: list[str] = []
        definitions = self.sources.of_function(function)
        for each in definitions:
            text += self._definition(each, cells, namespace, name)
            text += self._decorators(each.decorators, cells, namespace, name, own=id(function) in self._own)
        if not definitions:
            text.append(bytecode(function.__code__))
            text += self._meanings.resolved([(each,) for each in sorted(set(code_names(function.__code__)))], cells, namespace, name)
        for parameter, value in defaults_of(function):
            text.append(f"default {parameter}")
            part = f"default {parameter} of {name}"
            self.add_part(part, [self.values.describe(value, f"the default of {parameter!r} of {name}")])
        for key, value in sorted(vars(function).items()):
            text += self._held(key, value, name)
        wrapped = getattr(function, "__wrapped__", None)
        if wrapped is not None:
            text.append(f"around {self.code(wrapped)}")
        self.add_part(label, text)

    def _definition(self, one: Definition, cells: Mapping[str, Any], namespace: Mapping[str, Any], where: str) -> list[str]:
        imported = sorted({self._meanings.imported(each, namespace) for each in one.imports})
        return [one.digest, *imported, *self._meanings.resolved(one.names, cells, namespace, where)]

    def _decorators(
        self, rows: list[Decorator], cells: Mapping[str, Any], namespace: Mapping[str, Any], where: str, *, own: bool
    ) -> list[str]:
        text: list[str] = []
        for row in rows:
            meant = _walk(row.called, cells, namespace)
            if _is_task_of_environment(meant) or (own and meant is _MISSING and row.named_task):
                continue
            text += [row.digest, *self._meanings.resolved(row.names, cells, namespace, where)]
        return text

    def _add_class(self, label: str, cls: type[Any]) -> None:
        name = label.partition(" ")[2]
        members = {key: functions_in(value) for key, value in list(vars(cls).items())}
        functions = [each for found in members.values() for each in found]
        definitions = self.sources.of_class(cls, functions)
        module = sys.modules.get(cls.__module__)
        namespace: Mapping[str, Any] = {"__name__": cls.__module__} if module is None else vars(module)
        text = [self.values.describe(base, f"a base of {name}") for base in cls.__bases__]
        cells: dict[str, Any] = {}
        for each in functions:
            cells.update(cells_of(each))
        cells.pop("__class__", None)
        for one in definitions:
            text += [*self._definition(one, cells, namespace, name), *self._decorators(one.decorators, cells, namespace, name, own=False)]
        if definitions:
            text += self._methods(cls, definitions, cells, namespace, name)
            text += self._attributes(
                cls, members, {method for one in definitions for method in one.methods}, name, several=len(definitions) > 1
            )
        elif (file_of(cls.__module__) or "").endswith((".so", ".pyd")):
            text.append(self.module(cls.__module__))
        else:
            text += [f"{key}={self._member(value, name)}" for key, value in vars(cls).items() if key not in _MADE_FOR_CLASSES]
        self.add_part(label, text)

    def _methods(
        self, cls: type[Any], definitions: list[Definition], cells: Mapping[str, Any], namespace: Mapping[str, Any], where: str
    ) -> list[str]:
        """Add the methods as they are written: what a decorator made of them may hide the function."""
        labels = []
        for method in sorted({each for one in definitions for each in one.methods}):
            text: list[str] = []
            for one in self.sources.methods_of(cls, method):
                text += self._definition(one, cells, namespace, where)
                text += self._decorators(one.decorators, cells, namespace, where, own=False)
                text += [one.defaults[0], *self._meanings.resolved(one.defaults[1], cells, namespace, where)]
            label = f"method {where}.{method}"
            self.add_part(label, text)
            labels.append(label)
        return labels

    def _attributes(self, cls: type[Any], members: Mapping[str, list[Any]], written: set[str], where: str, *, several: bool) -> list[str]:
        """Describe what the class got from elsewhere, or by computing it.

        :param several: whether there are several classes of this name, of which this one has to be told by its methods
        """
        text = []
        for key, value in list(vars(cls).items()):
            for function in members[key]:
                if key in written and function.__code__.co_qualname.startswith(f"{cls.__qualname__}."):
                    self.sources.verify(function)
                    text += [f"{key} {name}={self.values.describe(default, where)}" for name, default in defaults_of(function)]
                    text += [str(self.code(function))] if several else []
                elif owner_of(str(function.__globals__.get("__name__", ""))) == "project" and function.__code__.co_filename[:1] != "<":
                    text.append(f"{key}={self.code(function)}")
            if not is_internal(key) and not members[key] and not _is_machinery(value):
                text += self._held(key, value, where)
        for key, value in defaults_of_fields(cls):
            text += self._held(key, value, where)
        return text

    def _held(self, key: str, value: Any, where: str) -> list[str]:
        """Describe what may be something that a library keeps there, and counts as it is written if it cannot be told."""
        try:
            return [f"{key}={self.values.describe(value, where)}"]
        except UncertainError:
            return []

    def _member(self, value: Any, where: str) -> str:
        functions = functions_in(value)
        if functions:
            return " and ".join(str(self.code(each)) for each in functions)
        return self.values.describe(value, f"a member of {where}")

    def _add_module(self, label: str, module: str) -> None:
        file = file_of(module) or ""
        outline = self.sources.of_file(file)
        if outline is not None:
            self.sources.check(module, file)
            home = {"__name__": module, "__package__": module if "/__init__." in file else module.rpartition(".")[0]}
            self.add_part(label, [outline.digest, *sorted({self._meanings.imported(each, home) for each in outline.imports})])
        elif not file.endswith((".so", ".pyd", ".pyc")):
            self.add_part(label, [])  # an empty file, or a package without one
        else:
            with open(file, "rb") as binary:
                self.add_part(label, [sha256(binary.read())])

    def _add_called_task(self, label: str, task: Any) -> None:
        """Add a task that is called: a result that is reused skips it, so what would make it run anew has to count here too."""
        cache, image = task.cache, task.image
        text = [f"version {getattr(cache, 'version_override', None)!r} salt {getattr(cache, 'salt', '')!r}"]
        if not getattr(image, "is_default", True):
            text.append(f"image {image.digest}")
        if owner_of(type(task).__module__) == "project":
            text.append(str(self.code(type(task))))
        if task.function is None:
            state = {key: value for key, value in vars(task).items() if not key.startswith("_") and is_plain(value)}
            text += sorted(f"{key}={self.values.describe(value, label)}" for key, value in state.items())
        else:
            text.append(str(self.code(task.function)))
        self.add_part(label, text)


def _walk(chain: Chain, cells: Mapping[str, Any], namespace: Mapping[str, Any]) -> Any:
    """:return: what a decorator's name means here"""
    if not chain:
        return _MISSING
    value = cells.get(chain[0], namespace.get(chain[0], _MISSING))
    for attribute in chain[1:]:
        if value is _MISSING:
            break
        value = getattr(value, attribute, _MISSING)
    return value


def _is_of_project(cls: type[Any]) -> bool:
    return cls.__module__ in sys.modules and owner_of(cls.__module__) == "project"


def _is_machinery(value: Any) -> bool:
    """:return: whether a member of a class is what someone else's descriptor makes of what is written"""
    kind = type(value)
    return hasattr(kind, "__get__") and owner_of(kind.__module__) != "project"


def _is_task_of_environment(value: Any) -> bool:
    return type(value) is MethodType and value.__name__ == "task" and type(value.__self__).__module__.startswith("localflyte.api.")


_MADE_FOR_CLASSES = frozenset(
    ("__annotate__", "__annotate_func__", "__annotations_cache__", "__dict__", "__doc__", "__firstlineno__", "__module__", "__qualname__",
     "__slots__", "__static_attributes__", "__weakref__")
)  # fmt: skip
