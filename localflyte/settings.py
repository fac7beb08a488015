"""Settings: how localflyte itself behaves on this machine, from LOCALFLYTE_* variables and ``[tool.localflyte]``, decided once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from math import isfinite
from pathlib import Path
from typing import Any

from localflyte.errors import ConfigurationError
from localflyte.spec.queue import QueueTerms

__all__ = ("Settings", "explain_settings", "load_settings", "variables_in")

PREFIX = "LOCALFLYTE_"
#: Variables of that prefix that are no settings: the switches of our own tests and benchmarks.
OTHER_PREFIXES = ("LOCALFLYTE_TEST_", "LOCALFLYTE_BENCH_")

MIB = 1024 * 1024


def _default_home() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("localflyte", appauthor=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every field can be set as ``LOCALFLYTE_<FIELD>`` or as ``<field>`` in ``[tool.localflyte]``; the variable wins."""

    #: the folder of the store, the journal and the runs; a relative path counts from the folder of its pyproject.toml
    home: Path = field(default_factory=_default_home)
    #: cores that localflyte may hand out; None: what this machine lets us use
    cpu: float | None = None
    #: bytes of memory that localflyte may hand out; None: what this machine lets us use
    memory: int | None = None
    #: GPUs that localflyte may hand out; None: those that this machine shows us
    gpus: int | None = None
    #: cores that a task asks for when it declares none
    default_cpu: float = 0.25
    #: what a single value in Resources(cpu=...) means beyond its share in the ledger: "enforce" holds the task to it, "account" does not
    cpu_requests: str = "enforce"
    #: the same for Resources(memory=...)
    memory_requests: str = "enforce"
    #: what holds a task to its memory: "auto" adds a cgroup to the sampler where one can be had, "sampler" never does, "cgroup" insists
    memory_wall: str = "auto"
    #: seconds between two looks of the sampler at what tasks use
    sample_seconds: float = 0.05
    #: children forked ahead of demand for each fork server; None: as many as there are cores
    prefork: int | None = None
    #: seconds between asking a worker to end (SIGTERM) and killing it
    grace_seconds: float = 5.0
    #: how deep tasks may call tasks; deeper is taken for endless recursion
    max_depth: int = 100
    #: calls of one run that may be under way or waiting at once; more is taken for an endless fan-out
    max_in_flight: int = 20_000
    #: how often an attempt is started again that was lost through no fault of its task: its fork server died, somebody killed it
    system_retries: int = 1
    #: bytes of one message between the engine and a worker; a larger one is refused before it is read
    max_frame_bytes: int = 1024 * MIB
    #: bytes kept of what one attempt prints on one stream; the rest is dropped, and the log says so
    log_cap_bytes: int = 64 * MIB
    #: environment variables that tasks are given besides those on the allow-list; ``*`` stands for any text
    pass_env: tuple[str, ...] = ()
    #: the file that secrets are looked up in, after the caller's environment and .env; only its owner may be able to read it;
    #: None: secrets.toml in the user's configuration folder
    secrets_file: Path | None = None
    #: queues by name; only in [tool.localflyte.queues]: ``serial = 1`` or ``train = { concurrency = 2, priority = 10 }``;
    #: ``run_concurrency`` and ``max_depth`` limit the runs in it, and what may wait
    queues: Mapping[str, QueueTerms] = field(default_factory=dict)
    #: pod templates by name, as Kubernetes writes them; only in [tool.localflyte.pod_templates.<name>]
    pod_templates: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: bytes that the store may take; what was used longest ago goes first, and never what a run under way has used
    cache_max_bytes: int = 20 * 1024 * MIB
    #: seconds after which a result that nobody used goes from the store, or text like "30d"; None: never
    cache_max_age: float | None = None
    #: a folder that `localflyte cache export` wrote, where results are looked for that the store does not have; nothing is written to it
    cache_tier: Path | None = None
    #: seconds that a call with Cache(serialize=True) waits for another engine that computes the same, before it computes it too
    serialize_seconds: float = 3600.0
    #: where a task runs: "process", one of its own; "inline", a thread of the caller's process, for debuggers and monkeypatching
    isolation: str = "process"
    #: what runs containers: "docker" or "podman" insists on one, "none" uses none, "auto" takes the first of the two that answers
    container_engine: str = "auto"
    #: what a declared image becomes: "container", "venv" (its Python packages in an environment of this machine), or "host" (this very
    #: interpreter, the image is not honoured); "auto": a container where there is an engine, else an environment where that is enough
    image_policy: str = "auto"
    #: the network of containers: "none", "host", or "bridge", which is whatever the engine gives by itself
    container_network: str = "bridge"
    #: the network of image builds; "default" is what the engine gives by itself
    build_network: str = "default"
    #: what stands for Flyte's own base image, which holds flyte and little else; {python} is the version, as in 3.12
    base_image: str = "python:{python}-slim-bookworm"
    #: seconds that pulling an image may take
    image_pull_seconds: float = 1800.0
    #: seconds that building an image, or an environment, may take
    image_build_seconds: float = 3600.0
    #: environments kept that were made of images; what was used longest ago goes first, and never one that is in use
    max_environments: int = 20
    #: refuse what is clamped or only recorded otherwise, such as a request larger than this machine
    strict: bool = False
    #: warn of what passes on this machine and breaks in a pod
    strict_remote: bool = False


def load_settings(environ: Mapping[str, str] | None = None, start_dir: str | os.PathLike[str] | None = None) -> Settings:
    """Read the settings from the environment and the nearest pyproject.toml.

    :param environ: the environment variables; those of this process by default
    :param start_dir: where the search for a pyproject.toml starts, going up; the current folder by default
    :raises ConfigurationError: if a name is not a setting, or a value is not of its kind
    """
    values = {
        **_from_pyproject(Path(start_dir) if start_dir is not None else Path.cwd()),
        **_from_environment(os.environ if environ is None else environ),
    }
    return Settings(**values)


def explain_settings(environ: Mapping[str, str] | None = None, start_dir: str | os.PathLike[str] | None = None) -> dict[str, str]:
    """Tell where the settings come from; the parameters are those of `load_settings`.

    :return: for each that was set the variable, or the file, that decides it
    :raises ConfigurationError: as `load_settings`
    """
    start = Path(start_dir) if start_dir is not None else Path.cwd()
    return {
        **dict.fromkeys(_from_pyproject(start), str(_find_pyproject(start))),
        **{name: PREFIX + name.upper() for name in _from_environment(os.environ if environ is None else environ)},
    }


def variables_in(environ: Mapping[str, str]) -> dict[str, str]:
    """:return: the variables that decide settings, as they are written"""
    return {name: text for name, text in environ.items() if name.startswith(PREFIX) and not name.startswith(OTHER_PREFIXES)}


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for variable, text in variables_in(environ).items():
        name = variable.removeprefix(PREFIX).lower()
        if name not in _KINDS:
            raise _unknown(variable, "the environment", [PREFIX + known.upper() for known in _KINDS])
        values[name] = _convert(name, text, variable, Path.cwd())
    return values


def _find_pyproject(start: Path) -> Path | None:
    return next((place for folder in (start, *start.absolute().parents) if (place := folder / "pyproject.toml").is_file()), None)


def _from_pyproject(start: Path) -> dict[str, Any]:
    path = _find_pyproject(start)
    if path is None:
        return {}
    text = path.read_bytes()
    if b"localflyte" not in text:  # most projects say nothing to us: do not pay for tomllib
        return {}
    import tomllib

    try:
        tool = tomllib.loads(text.decode()).get("tool", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}") from None
    table = tool.get("localflyte", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise ConfigurationError(f"{path}: [tool.localflyte] must be a table, not {table!r}")
    values: dict[str, Any] = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in _KINDS:
            raise _unknown(key, f"[tool.localflyte] of {path}", list(_KINDS))
        values[name] = _convert(name, value, f"{key} in [tool.localflyte] of {path}", path.parent)
    return values


#: What each setting is, in the words of an error message.
_KINDS = {
    "home": "a folder",
    "cpu": "a number above 0",
    "memory": "a size",
    "gpus": "a whole number of at least 0",
    "default_cpu": "a number above 0",
    "cpu_requests": "enforce or account",
    "memory_requests": "enforce or account",
    "memory_wall": "auto, sampler or cgroup",
    "sample_seconds": "a number above 0",
    "prefork": "a whole number of at least 0",
    "grace_seconds": "a number of at least 0",
    "max_depth": "a whole number above 0",
    "max_in_flight": "a whole number above 0",
    "system_retries": "a whole number of at least 0",
    "max_frame_bytes": "a size",
    "log_cap_bytes": "a size",
    "pass_env": "a list of names",
    "secrets_file": "a file",
    "queues": "a table of queues",
    "pod_templates": "a table of pod templates",
    "cache_max_bytes": "a size",
    "cache_max_age": "a span of time above 0",
    "cache_tier": "a folder",
    "serialize_seconds": "a number of at least 0",
    "isolation": "process or inline",
    "container_engine": "auto, docker, podman or none",
    "image_policy": "auto, container, venv or host",
    "container_network": "none, host or bridge",
    "build_network": "default, none, host or bridge",
    "base_image": "the name of an image",
    "image_pull_seconds": "a number above 0",
    "image_build_seconds": "a number above 0",
    "max_environments": "a whole number above 0",
    "strict": "true or false",
    "strict_remote": "true or false",
}
_EXAMPLES = {
    "the name of an image": ', like "python:{python}-slim-bookworm"',
    "a size": ', in bytes or like "512Mi"',
    "a span of time above 0": ', in seconds or like "30d"',
}
_BOOLS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def _convert(name: str, value: Any, where: str, base: Path) -> Any:
    kind = _KINDS[name]
    try:
        match kind:
            case "a folder" | "a file":
                return _folder(value, base)
            case "a list of names":
                return _names(value)
            case "a table of queues":
                return {queue: _queue(terms) for queue, terms in value.items()}
            case "a table of pod templates":
                return {template: dict(terms) for template, terms in value.items()}
            case "true or false":
                return value if isinstance(value, bool) else _BOOLS[value.strip().lower()]
            case "the name of an image":
                return _image_name(value)
            case "a size":
                return _size(value)
            case "a span of time above 0":
                return _span(value)
            case _ if " or " in kind:
                return _choice(value, kind)
            case _:
                return _number(value, whole=kind.startswith("a whole"), positive=kind.endswith("above 0"))
    except (ValueError, KeyError, AttributeError, TypeError, OverflowError):
        example = _EXAMPLES.get(kind, "")
        raise ConfigurationError(f"{where} must be {kind}{example}, not {value!r}") from None


def _folder(value: Any, base: Path) -> Path:
    if not value:
        raise ValueError
    return (base / Path(value).expanduser()).absolute()


def _number(value: Any, *, whole: bool, positive: bool) -> int | float:
    if isinstance(value, bool):
        raise TypeError
    number: int | float = int(value) if whole else float(value)
    if not isfinite(number) or number != float(value) or number < 0 or (positive and number == 0):
        raise ValueError
    return number


def _size(value: Any) -> int:
    from localflyte.spec.quantity import parse_bytes

    return int(_number(parse_bytes(value) if isinstance(value, str) else value, whole=True, positive=True))


def _span(value: Any) -> float:
    from localflyte.spec.span import parse_seconds

    return float(_number(parse_seconds(value) if isinstance(value, str) else value, whole=False, positive=True))


def _choice(value: Any, kind: str) -> str:
    """:param kind: the choices, as people write a list of them"""
    chosen = str(value).strip().lower()
    if chosen not in kind.replace(" or ", ", ").split(", "):
        raise ValueError
    return chosen


def _image_name(value: Any) -> str:
    """:param value: a reference, in which ``{python}`` stands for a version"""
    from localflyte.spec.image_reference import check_reference

    check_reference(str(value).replace("{python}", "3.12"), "")
    return str(value)


def _names(value: Any) -> tuple[str, ...]:
    names = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise TypeError
    return tuple(names)


def _queue(value: Any) -> QueueTerms:
    terms = dict(value) if isinstance(value, dict) else {"concurrency": value}
    priority = terms.pop("priority", 0)
    if isinstance(priority, bool) or not isinstance(priority, int):
        raise ValueError
    # What is left are limits; of another name there is no field.
    return QueueTerms(priority=priority, **{name: int(_number(limit, whole=True, positive=True)) for name, limit in terms.items()})


def _unknown(name: str, where: str, known: list[str]) -> ConfigurationError:
    from difflib import get_close_matches

    near = get_close_matches(name.replace("-", "_") if "-" in name else name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
    return ConfigurationError(f"{name} in {where} is not a setting of localflyte; {hint}")
