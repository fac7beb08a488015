"""What is Python's standard library made of? Read every module of it, in parallel, and find out.

    localflyte run examples/stdlib_report.py main                       # the library of this interpreter
    localflyte run examples/stdlib_report.py main --root path/to/src    # any other tree of Python files

One task measures one file, in a process of its own, and is cached by the content of that file: run it twice and
nothing is measured again; edit one file and only that file is. A second task looks at all measurements at once.
`main` returns what was found as a table and draws it as the page that `flyte.report` keeps beside the run.
"""

import ast
import asyncio
import html
import os
import sysconfig
import warnings
from collections import Counter
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import flyte
import flyte.report
from flyte.io import File

env = flyte.TaskEnvironment(name="stdlib", resources=flyte.Resources(cpu=1, memory="250Mi"))

SKIPPED = {"test", "tests", "idle_test", "site-packages", "dist-packages", "node_modules", "venv", "__pycache__"}
BRANCHES = (
    ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.comprehension, ast.match_case, ast.BoolOp,
)  # fmt: skip
NEVER_IMPORTED = {"TYPE_CHECKING", "typing.TYPE_CHECKING", "__name__ == '__main__'"}


@dataclass
class Function:
    """One function: where it is, how long it is, and how many ways lead through it."""

    name: str
    line: int
    lines: int
    paths: int = 1
    """Cyclomatic complexity: one, and one more for every branch and every `and` / `or`."""


@dataclass
class Module:
    """What one file says about itself."""

    name: str
    lines: int
    problem: str = ""
    """Why the file could not be parsed, if it could not."""
    functions: int = 0
    classes: int = 0
    paths: int = 0
    public: int = 0
    documented: int = 0
    notable: list[Function] = field(default_factory=list)
    """Its longest functions and those with the most paths."""
    imports: list[str] = field(default_factory=list)
    """What importing this module imports, as absolute dotted names."""
    deferred: int = 0
    """Imports that wait inside a function until they are needed."""


@dataclass
class Package:
    """The sum over the modules of one package; modules that belong to none are counted together."""

    name: str
    modules: int
    lines: int
    functions: int
    paths: float
    """The mean over its functions."""
    documented: float
    """The share of its public modules, classes and functions that have a docstring."""


@dataclass
class Survey:
    """What all modules say together."""

    total: Package
    packages: list[Package]
    classes: int
    deferred: int
    tangled: list[Function]
    longest: list[Function]
    wanted: list[tuple[str, int]]
    """Module, and how many others import it by name."""
    heavy: list[tuple[str, int]]
    """Module, and how many others can be loaded by importing it, counted through everything those import in turn."""
    loop: list[str]
    """The largest set of modules that all import each other, directly or around a corner."""
    problems: list[str]


# ---- one file ------------------------------------------------------------------------------------------------------


class Reader(ast.NodeVisitor):
    """Walks one syntax tree once, and knows at every node which class and function it is in."""

    def __init__(self, module: Module, is_package: bool) -> None:
        self.module = module
        self.package = module.name if is_package else module.name.rpartition(".")[0]
        self.scope: list[str] = []
        self.inside: list[Function] = []
        self.functions: list[Function] = []

    def visit_Module(self, node: ast.Module) -> None:
        self.note_public(node)
        self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.module.classes += 1
        self.scope.append(node.name)
        self.note_public(node)
        self.generic_visit(node)
        self.scope.pop()

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.scope.append(node.name)
        self.note_public(node)
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        self.inside.append(Function(".".join((self.module.name, *self.scope)), node.lineno, lines))
        self.functions.append(self.inside[-1])
        self.generic_visit(node)
        self.inside.pop()
        self.scope.pop()

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_If(self, node: ast.If) -> None:
        if self.scope or ast.unparse(node.test) not in NEVER_IMPORTED:
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.note_imports([alias.name for alias in node.names])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        above = self.package.split(".")[: -(node.level - 1) or None] if node.level else []
        base = ".".join((*above, *filter(None, [node.module])))
        self.note_imports([f"{base}.{alias.name}" for alias in node.names])

    def generic_visit(self, node: ast.AST) -> None:
        if self.inside and isinstance(node, BRANCHES):
            self.inside[-1].paths += len(node.values) - 1 if isinstance(node, ast.BoolOp) else 1
        super().generic_visit(node)

    def note_imports(self, names: list[str]) -> None:
        if self.inside:
            self.module.deferred += len(names)
        else:
            self.module.imports += names

    def note_public(self, node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        if not self.inside and not any(name.startswith("_") for name in (*self.module.name.split("."), *self.scope)):
            self.module.public += 1
            self.module.documented += ast.get_docstring(node, clean=False) is not None


@env.task(cache="auto")
async def measure(name: str, source: File, is_package: bool) -> Module:
    """Parse one file and count what is in it."""
    async with source.open("rb") as stream:
        text = bytes(await stream.read())
    module = Module(name=name, lines=text.count(b"\n"))
    warnings.simplefilter("ignore")  # old escapes in old strings; the process is this file's alone, nobody else goes quiet
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        module.problem = f"{name}: {error}"
        return module
    reader = Reader(module, is_package)
    reader.visit(tree)
    module.functions = len(reader.functions)
    module.paths = sum(function.paths for function in reader.functions)
    longest = sorted(reader.functions, key=lambda function: -function.lines)[:5]
    tangled = sorted(reader.functions, key=lambda function: -function.paths)[:5]
    module.notable = longest + [function for function in tangled if function not in longest]
    return module


# ---- all of them ---------------------------------------------------------------------------------------------------


@env.task(cache="auto")
async def summarise(modules: list[Module]) -> Survey:
    """Add up the packages, and follow the imports from module to module."""
    known = {module.name for module in modules}
    packages: dict[str, list[Module]] = defaultdict(list)
    for module in modules:
        top = module.name.partition(".")[0]
        packages[top if any(name.startswith(f"{top}.") for name in known) else "(single files)"].append(module)
    functions = [function for module in modules for function in module.notable]

    named = {module.name: {resolve(name, known) for name in module.imports} - {"", module.name} for module in modules}
    loaded = {name: targets.union(*map(parents, (name, *targets))) & known for name, targets in named.items()}
    around = {name: reachable(name, named) for name in named}
    loops = ([other for other in around[name] if name in around[other]] for name in named)

    return Survey(
        total=add_up("all of it", modules),
        packages=sorted((add_up(name, group) for name, group in packages.items()), key=lambda package: -package.lines),
        classes=sum(module.classes for module in modules),
        deferred=sum(module.deferred for module in modules),
        tangled=sorted(functions, key=lambda function: -function.paths)[:10],
        longest=sorted(functions, key=lambda function: -function.lines)[:10],
        wanted=Counter(target for targets in named.values() for target in targets).most_common(10),
        heavy=Counter({name: len(reachable(name, loaded) - {name}) for name in named if "." not in name}).most_common(10),
        loop=sorted(max(loops, key=len, default=[])),
        problems=[module.problem for module in modules if module.problem],
    )


def add_up(name: str, modules: list[Module]) -> Package:
    functions = sum(module.functions for module in modules)
    return Package(
        name=name,
        modules=len(modules),
        lines=sum(module.lines for module in modules),
        functions=functions,
        paths=sum(module.paths for module in modules) / max(1, functions),
        documented=sum(module.documented for module in modules) / max(1, sum(module.public for module in modules)),
    )


def resolve(name: str, known: set[str]) -> str:
    """The module that an import of `name` finds: `from os import path` names `os.path`, and `os` is what we know."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name


def parents(name: str) -> set[str]:
    """Importing `a.b.c` imports `a` and `a.b` first."""
    return {name[:end] for end, letter in enumerate(name) if letter == "."}


def reachable(start: str, graph: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        new = graph[ahead.pop()] - seen
        seen |= new
        ahead += new
    return seen


# ---- what a person sees --------------------------------------------------------------------------------------------


@env.task(report=True)
async def main(root: str = "") -> str:
    """Measure every module under `root` (the standard library if empty), then say what was found."""
    top = root or sysconfig.get_path("stdlib")
    files = sorted(python_files(Path(top)))
    if not files:
        raise ValueError(f"no Python files under {top}: give another folder with --root")
    modules = await asyncio.gather(*(measure_file(name, path) for name, path in files))
    survey = await summarise(list(modules))
    await flyte.report.replace.aio(page(survey, top))
    return table(survey)


async def measure_file(name: str, path: Path) -> Module:
    return await measure(name, await File.from_local(str(path)), path.name == "__init__.py")


def python_files(top: Path) -> Iterator[tuple[str, Path]]:
    """Every module below a folder: the name it is imported by, and its file."""
    top = top.resolve()
    base = top.parent if (top / "__init__.py").exists() else top
    for folder, folders, names in os.walk(top):
        folders[:] = [name for name in folders if name not in SKIPPED and not name.startswith(".")]
        for path in (Path(folder, name) for name in names if name.endswith(".py")):
            parts = path.relative_to(base).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def table(survey: Survey) -> str:
    total, lines = survey.total, []
    lines.append(f"{total.modules:,} modules, {total.lines:,} lines, {survey.classes:,} classes, {total.functions:,} functions")
    lines += ["", f"{'package':<18}{'modules':>8}{'lines':>10}{'functions':>11}{'paths each':>12}{'documented':>12}"]
    for package in [*survey.packages[:12], total]:
        lines.append(
            f"{package.name:<18}{package.modules:>8,}{package.lines:>10,}{package.functions:>11,}"
            f"{package.paths:>12.1f}{package.documented:>12.0%}"
        )
    for title, rows in findings(survey).items():
        lines += ["", title, *(f"{value:>8,}  {name}" for name, value in rows[:5])]
    loop = ", ".join(survey.loop[:8]) + (" ..." if len(survey.loop) > 8 else "")
    lines += ["", f"The largest import loop joins {len(survey.loop)} modules: {loop}" if survey.loop else "No import loops."]
    lines += [f"Not parsed: {problem}" for problem in survey.problems]
    return "\n".join(lines)


def findings(survey: Survey) -> dict[str, list[tuple[str, int]]]:
    return {
        "Most paths through one function": [(f"{f.name}:{f.line}", f.paths) for f in survey.tangled],
        "Longest functions, in lines": [(f"{f.name}:{f.line}", f.lines) for f in survey.longest],
        "Imported by the most modules": survey.wanted,
        "Other modules that importing it can load": survey.heavy,
    }


STYLE = """
.survey { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
.survey h1 { font-size: 1.6rem; margin: 0 } .survey h2 { font-size: 1.05rem; margin: 2rem 0 .5rem }
.survey .tiles { display: flex; gap: 2.5rem; margin: 1.5rem 0; flex-wrap: wrap } .survey .tiles b { display: block; font-size: 1.8rem }
.survey table { border-collapse: collapse; width: 100% } .survey td, .survey th { padding: .2rem .6rem; text-align: right }
.survey td:first-child, .survey th:first-child { text-align: left } .survey tr { border-bottom: 1px solid #8883 }
.survey .two { display: grid; grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)); gap: 0 2.5rem }
.survey td.bar { background: linear-gradient(#3b82f640, #3b82f640) no-repeat left center / calc(var(--share) * 1%) 70% }
"""


def page(survey: Survey, top: str) -> str:
    total, biggest = survey.total, max(1, *(package.lines for package in survey.packages))
    numbers = {"modules": total.modules, "lines": total.lines, "classes": survey.classes, "functions": total.functions}
    tiles = "".join(f"<div><b>{number:,}</b>{name}</div>" for name, number in numbers.items())
    rows = "".join(
        f'<tr><td class="bar" style="--share: {100 * package.lines / biggest:.1f}">{html.escape(package.name)}</td>'
        f"<td>{package.modules:,}</td><td>{package.lines:,}</td><td>{package.functions:,}</td>"
        f"<td>{package.paths:.1f}</td><td>{package.documented:.0%}</td></tr>"
        for package in survey.packages
    )
    loop = ", ".join(f"<code>{html.escape(name)}</code>" for name in survey.loop)
    return (
        f'<style>{STYLE}</style><div class="survey"><h1>What {html.escape(top)} is made of</h1><div class="tiles">{tiles}</div>'
        f'<div class="two">{"".join(chart(title, rows) for title, rows in findings(survey).items())}</div>'
        f"<h2>{len(survey.loop)} modules import each other in one loop</h2><p>{loop or 'No loops: a rare sight.'}</p>"
        "<h2>Packages</h2><table><tr><th>package</th><th>modules</th><th>lines</th><th>functions</th>"
        f"<th>paths each</th><th>documented</th></tr>{rows}</table></div>"
    )


def chart(title: str, rows: list[tuple[str, int]]) -> str:
    most = max([1, *(value for _, value in rows)])
    bars = "".join(
        f'<tr><td class="bar" style="--share: {100 * value / most:.1f}"><code>{html.escape(name)}</code></td><td>{value:,}</td></tr>'
        for name, value in rows
    )
    return f"<section><h2>{title}</h2><table>{bars}</table></section>"


if __name__ == "__main__":
    flyte.init_from_config()
    print(flyte.run(main).outputs()[0])
