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

__all__ = ("Settings", "load_settings")

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
    #: cores that a task asks for when it declares none
    default_cpu: float = 0.25
    #: children forked ahead of demand for each fork server; None: as many as there are cores
    prefork: int | None = None
    #: seconds between asking a worker to end (SIGTERM) and killing it
    grace_seconds: float = 5.0
    #: how deep tasks may call tasks; deeper is taken for endless recursion
    max_depth: int = 100
    #: bytes of one message between the engine and a worker; a larger one is refused before it is read
    max_frame_bytes: int = 1024 * MIB
    #: bytes kept of what one attempt prints on one stream; the rest is dropped, and the log says so
    log_cap_bytes: int = 64 * MIB
    #: refuse what is clamped or only recorded otherwise, such as a request larger than this machine
    strict: bool = False


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


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or variable.startswith(OTHER_PREFIXES):
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name not in _KINDS:
            raise _unknown(variable, "the environment", [PREFIX + known.upper() for known in _KINDS])
        values[name] = _convert(name, text, variable, Path.cwd())
    return values


def _from_pyproject(start: Path) -> dict[str, Any]:
    path = next((place for folder in (start, *start.absolute().parents) if (place := folder / "pyproject.toml").is_file()), None)
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
    "default_cpu": "a number above 0",
    "prefork": "a whole number of at least 0",
    "grace_seconds": "a number of at least 0",
    "max_depth": "a whole number above 0",
    "max_frame_bytes": "a size",
    "log_cap_bytes": "a size",
    "strict": "true or false",
}
_BOOLS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def _convert(name: str, value: Any, where: str, base: Path) -> Any:
    kind = _KINDS[name]
    try:
        match kind:
            case "a folder":
                return _folder(value, base)
            case "true or false":
                return value if isinstance(value, bool) else _BOOLS[value.strip().lower()]
            case "a size":
                return _size(value)
            case _:
                return _number(value, whole=kind.startswith("a whole"), positive=kind.endswith("above 0"))
    except (ValueError, KeyError, AttributeError, TypeError, OverflowError):
        example = ', in bytes or like "512Mi"' if kind == "a size" else ""
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


def _unknown(name: str, where: str, known: list[str]) -> ConfigurationError:
    from difflib import get_close_matches

    near = get_close_matches(name.replace("-", "_") if "-" in name else name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
    return ConfigurationError(f"{name} in {where} is not a setting of localflyte; {hint}")
