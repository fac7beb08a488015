"""Names: what a piece of source takes from outside of itself, definition by definition."""

from __future__ import annotations

import ast
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

from localflyte.api.outline import Chain
from localflyte.api.outline import Import

__all__ = ("Names", "imports_of")

#: What stands among the names, under one that no program can have, for code that reaches what its names do not tell.
_ANY_MODULE = ("import_module()",)
_ANY_SUBCLASS = ("__subclasses__()",)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def imports_of(node: ast.AST) -> Iterator[Import]:
    """:return: what this one node imports"""
    if isinstance(node, ast.Import):
        yield from ((alias.name, "", 0) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from ((node.module or "", alias.name, node.level) for alias in node.names)
    elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        module = node.args[0].value
        if called in ("import_module", "__import__") and isinstance(module, str):
            level = len(module) - len(module.lstrip("."))
            yield (module, "", 0) if not level else (module[level:], "", level)


def _is_import_of_any(node: ast.Call) -> bool:
    """:return: whether this imports a module whose name is not written here"""
    called = node.func
    if isinstance(called, ast.Attribute):
        known = isinstance(called.value, ast.Name) and called.value.id in ("importlib", "builtins")
        name = called.attr if known else ""
    else:
        name = getattr(called, "id", "")
    if name not in ("import_module", "__import__"):
        return False
    first, *rest = [*node.args, *(each.value for each in node.keywords)] or [node]
    if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
        return True
    return first.value.startswith(".") and not (len(rest) == 1 and isinstance(rest[0], ast.Name) and rest[0].id == "__package__")


class _Scope:
    """A place where names are looked up: a function, a comprehension, or what is around them."""

    __slots__ = ("bound", "imports", "shared", "sure", "used")

    def __init__(self, bound: Iterable[str] = (), shared: Iterable[str] = ()) -> None:
        self.bound = frozenset(bound)
        self.shared = frozenset(shared)
        self.used: set[Chain] = set()
        self.sure: set[Chain] = set()
        """Names declared global, whatever the functions around bind."""
        self.imports: list[Import] = []

    def take(self, inner: _Scope) -> None:
        """Add what an inner scope takes from outside of itself."""
        self.used |= inner.outside()
        self.sure |= inner.sure
        self.imports += inner.imports

    def outside(self) -> set[Chain]:
        if not self.bound:
            return self.used
        return {chain for chain in self.used if chain[0] not in self.bound}


class Names:
    """The names of a tree and of every definition in it, found in one pass.

    :param scan: whether there may be a ``:=`` in it
    """

    def __init__(self, tree: ast.AST, *, scan: bool = True) -> None:
        self._found: dict[ast.AST, _Scope] = {}
        self._scan = scan
        self._prefix = ""
        self.definitions: list[tuple[Any, str]] = []
        """Every function, lambda and class, with what stands before its name in its qualified name."""
        self._whole = _Scope()
        self._visit(tree, self._whole)

    def used(self) -> set[Chain]:
        """:return: what the tree takes from outside"""
        return self._whole.outside() | self._whole.sure

    def imports(self) -> list[Import]:
        """:return: every import in the tree, those that are spelled as calls of ``import_module`` included"""
        return self._whole.imports

    def own(self, node: ast.AST) -> tuple[set[Chain], list[Import]]:
        """:return: names and imports of a definition, without those of its decorators, its defaults, and its methods"""
        scope = self._found[node]
        return scope.outside() | scope.sure, scope.imports

    def _visit(self, node: ast.AST, scope: _Scope) -> None:
        handler = _HANDLERS.get(type(node))
        if handler is not None:
            handler(self, node, scope)
            return
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                self._visit(value, scope)
            elif isinstance(value, list):
                for each in value:
                    if isinstance(each, ast.AST):
                        self._visit(each, scope)

    def _all(self, nodes: Iterable[ast.AST | None], scope: _Scope) -> None:
        for each in nodes:
            if each is not None:
                self._visit(each, scope)

    def _name(self, node: ast.Name, scope: _Scope) -> None:
        _use((node.id,), scope)

    def _attribute(self, node: ast.Attribute, scope: _Scope) -> None:
        attributes: list[str] = []
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            attributes.append(root.attr)
            root = root.value
        if "__subclasses__" in attributes:
            _use(_ANY_SUBCLASS, scope)
        if isinstance(root, ast.Name):
            _use((root.id, *reversed(attributes)), scope)
        else:
            self._visit(root, scope)

    def _function(self, node: Any, scope: _Scope) -> None:
        arguments = node.args
        every = _arguments(arguments)
        body = node.body if isinstance(node.body, list) else [node.body]
        bound, shared = _assigned(body, self._scan)
        prefix = self._enter(node, ".<locals>.")
        parameters = {each.name for each in getattr(node, "type_params", ())}
        around = _Scope(parameters)
        self._all(getattr(node, "type_params", ()), around)
        for annotation in (*(each.annotation for each in every), getattr(node, "returns", None)):
            self._annotation(annotation, around)
        inner = _Scope({each.arg for each in every} | bound, shared)
        self._all(body, inner)
        self._prefix = prefix
        around.take(inner)
        self._found[node] = around
        scope.take(around)
        self._all(getattr(node, "decorator_list", ()), scope)
        self._all((*arguments.defaults, *arguments.kw_defaults), scope)

    def _enter(self, node: Any, ending: str) -> str:
        prefix = self._prefix
        self.definitions.append((node, prefix))
        self._prefix = f"{prefix}{getattr(node, 'name', '<lambda>')}{ending}"
        return prefix

    def _class(self, node: ast.ClassDef, scope: _Scope) -> None:
        # Names bound in a class body are not hidden: counting a global of the same name too is harmless, missing it is not.
        prefix = self._enter(node, ".")
        around = _Scope({each.name for each in getattr(node, "type_params", ())})
        self._all((*getattr(node, "type_params", ()), *node.bases, *(each.value for each in node.keywords)), around)
        self._all((each for each in node.body if not isinstance(each, _FUNCTIONS)), around)
        self._found[node] = around
        methods = _Scope(around.bound)
        self._all((each for each in node.body if isinstance(each, _FUNCTIONS)), methods)
        self._prefix = prefix
        scope.take(around)
        scope.take(methods)
        self._all(node.decorator_list, scope)

    def _comprehension(self, node: Any, scope: _Scope) -> None:
        first, *rest = node.generators
        self._visit(first.iter, scope)
        results = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        targets = [each.target for each in node.generators]
        inner = _Scope(name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))
        self._all((*first.ifs, *(part for each in rest for part in (each.iter, *each.ifs)), *results, *targets), inner)
        scope.take(inner)

    def _annotated(self, node: ast.AnnAssign, scope: _Scope) -> None:
        self._annotation(node.annotation, scope)
        self._all((node.target, node.value), scope)

    def _annotation(self, node: ast.AST | None, scope: _Scope) -> None:
        """Look into an annotation, also where it is written as text: what it names is what the code gets its hands on."""
        if node is None:
            return
        self._visit(node, scope)
        if type(node) in (ast.Name, ast.Attribute):
            return
        left = [node]
        while left:
            each = left.pop()
            if isinstance(each, ast.Subscript) and ast.unparse(each.value).endswith("Literal"):
                continue
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                try:
                    self._visit(ast.parse(each.value, mode="eval"), scope)
                except (SyntaxError, ValueError):
                    continue
            left.extend(ast.iter_child_nodes(each))

    def _import(self, node: ast.AST, scope: _Scope) -> None:
        scope.imports += imports_of(node)

    def _call(self, node: ast.Call, scope: _Scope) -> None:
        scope.imports += imports_of(node)
        if _is_import_of_any(node):
            _use(_ANY_MODULE, scope)
        self._all((node.func, *node.args, *(each.value for each in node.keywords)), scope)


_HANDLERS: dict[type[ast.AST], Callable[[Names, Any, _Scope], None]] = {
    ast.Name: Names._name,
    ast.Attribute: Names._attribute,
    ast.FunctionDef: Names._function,
    ast.AsyncFunctionDef: Names._function,
    ast.Lambda: Names._function,
    ast.ClassDef: Names._class,
    ast.ListComp: Names._comprehension,
    ast.SetComp: Names._comprehension,
    ast.DictComp: Names._comprehension,
    ast.GeneratorExp: Names._comprehension,
    ast.AnnAssign: Names._annotated,
    ast.Import: Names._import,
    ast.ImportFrom: Names._import,
    ast.Call: Names._call,
    ast.Constant: lambda *_: None,
}


def _use(chain: Chain, scope: _Scope) -> None:
    (scope.sure if chain[0] in scope.shared else scope.used).add(chain)


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return every + [each for each in (arguments.vararg, arguments.kwarg) if each is not None]


def _assigned(body: list[Any], scan: bool) -> tuple[set[str], set[str]]:
    """Find what a function's own statements make local.

    :param scan: whether to look into expressions as well, for ``:=``
    :return: the local names, and the names declared global
    """
    bound: set[str] = set()
    shared: set[str] = set()
    outer: set[str] = set()
    left = list(body)
    while left:
        node = left.pop()
        kind = type(node)
        if kind is ast.Global:
            shared.update(node.names)
        elif kind is ast.Nonlocal:
            outer.update(node.names)
        elif kind in _IMPORTS:
            bound.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif kind in _NAMED:
            if node.name:
                bound.add(node.name)
            if kind in _DEFINITIONS:
                continue
        elif kind is ast.MatchMapping and node.rest:
            bound.add(node.rest)
        elif kind is ast.Name:
            if type(node.ctx) is not ast.Load:
                bound.add(node.id)
            continue
        elif kind is ast.Lambda:
            continue
        elif kind in _COMPREHENSIONS:
            # Only an assignment expression reaches out of a comprehension.
            bound.update(each.target.id for each in ast.walk(node) if isinstance(each, ast.NamedExpr))
            continue
        for name in node._fields:
            if name in _VALUES and not scan:
                continue
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                left.append(value)
            elif isinstance(value, list):
                left += [each for each in value if isinstance(each, ast.AST)]
    return bound - shared - outer, shared


_DEFINITIONS = frozenset((ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
_NAMED = _DEFINITIONS | {ast.ExceptHandler, ast.MatchAs, ast.MatchStar}
_IMPORTS = frozenset((ast.Import, ast.ImportFrom))
_COMPREHENSIONS = frozenset((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp))
#: The fields of statements that hold values, which bind no names but by ``:=``.
_VALUES = frozenset(("value", "test", "iter", "context_expr", "exc", "cause", "msg", "subject", "guard", "type", "annotation", "slice"))
