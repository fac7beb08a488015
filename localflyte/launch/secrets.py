"""Secrets: finds the value of a secret where the person who started the run keeps it, once a run."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any
from typing import Protocol

import anyio
import anyio.to_thread

from localflyte.errors import ConfigurationError
from localflyte.errors import RuntimeUserError
from localflyte.errors import SecretNotFoundError
from localflyte.launch.dotenv import parse_dotenv
from localflyte.launch.environ import check_variable
from localflyte.spec.plan import Plan
from localflyte.spec.plan import SecretTerms
from localflyte.spec.run import RunRequest
from localflyte.spec.run import Surroundings

__all__ = ("Given", "Secrets", "find_secret", "give_secrets", "read_secrets_file", "usual_secrets_file")

SERVICE = "localflyte"  # under which a keyring keeps secrets that have no group
DOTENV = ".env"


class _Run(Protocol):
    request: RunRequest

    def hide(self, name: str, value: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Given:
    """The secrets of a task, ready to be handed over. Its repr tells none of them."""

    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    files: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """The paths of files below the folder of secrets, and what is in them."""
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Each value by the name that people may read."""


NOTHING = Given()


class Secrets:
    """:param secrets_file: the file of the settings; ``None`` is the usual one"""

    def __init__(self, secrets_file: Path | None) -> None:
        self._file = secrets_file
        self._given: dict[tuple[int, tuple[SecretTerms, ...]], Given] = {}
        self._turn = anyio.Lock()

    async def give(self, run: _Run, plan: Plan) -> Given:
        """:return: what a task of the run is given; its values are hidden from then on in all that the run tells
        :raises SecretNotFoundError: if something is nowhere
        """
        if not plan.secrets:
            return NOTHING
        key = (id(run), plan.secrets)
        async with self._turn:  # a keyring may ask the person, and does so once
            given = self._given.get(key)
            if given is None:
                given = await anyio.to_thread.run_sync(give_secrets, plan, run.request.surroundings, self._file)
                for name, value in given.values.items():
                    run.hide(name, value)
                self._given[key] = given
        return given

    def forget(self, run: object) -> None:
        """Forget the secrets of a run that ended."""
        for key in [key for key in self._given if key[0] == id(run)]:
            del self._given[key]


def give_secrets(plan: Plan, around: Surroundings, secrets_file: Path | None) -> Given:
    """Find every secret that a task declares.

    :raises SecretNotFoundError: if one is nowhere
    :raises RuntimeUserError: if one cannot be given in the way that was asked for
    """
    variables: dict[str, str] = {}
    files: dict[str, str] = {}
    values: dict[str, str] = {}
    for terms in plan.secrets:
        value = values[_label(terms)] = find_secret(terms, around, secrets_file, plan.task.name)
        if terms.env_var:
            check_variable(terms.env_var, value, plan.task.name)
            variables[terms.env_var] = value
        if terms.mount:
            files[_path(terms, plan.task.name)] = value
    return Given(variables, tuple(sorted(files.items())), values)


def find_secret(terms: SecretTerms, around: Surroundings, secrets_file: Path | None, task: str) -> str:
    """Find the value of one secret; the first place that has it wins.

    :param secrets_file: the file of the settings; ``None`` is the usual one
    :param task: who asks
    :raises SecretNotFoundError: if no place has it
    :raises ConfigurationError: if others could read the secrets file
    """
    path = secrets_file or usual_secrets_file()
    looked: list[str] = []
    for value, place in _look(terms, around, path):
        if value:
            return value
        looked.append(place if value is None else f"{place} (it is there, and empty)")
    what = f"the secret {terms.key!r}" + (f" of the group {terms.group!r}" if terms.group else "")
    places = "".join(f"\n  - {place}" for place in looked)
    raise SecretNotFoundError(f"Task {task} needs {what}, which is not set. {_way_out(terms, path)}\nIt was looked for in:{places}")


def _look(terms: SecretTerms, around: Surroundings, path: Path) -> Iterator[tuple[str | None, str]]:
    """Yield the value, or ``None``, from each place in turn, with its name."""
    names = _names(terms)
    yield _first(around.env, names), f"the environment variables {', '.join(names)}"
    dotenv = os.path.join(around.cwd, DOTENV)
    try:
        with open(dotenv, encoding="utf-8", errors="surrogateescape") as file:
            yield _first(parse_dotenv(file.read()), names), f"{dotenv} (under the same names)"
    except OSError as error:
        yield None, f"{dotenv} ({error.strerror or error})"
    try:
        yield _in_file(read_secrets_file(path), terms, path), f"{path} ({_entry(terms)})"
    except OSError as error:
        yield None, f"{path} ({error.strerror or error})"
    yield _in_keyring(terms)


def _names(terms: SecretTerms) -> list[str]:
    """:return: the names of variables that may hold it, the most specific first"""
    grouped = f"{terms.group}_{terms.key}" if terms.group else terms.key
    return list(dict.fromkeys(name for name in (terms.env_var, _as_name(grouped), _as_name(terms.key), terms.key) if name))


def _as_name(text: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", text.upper(), flags=re.ASCII)


def _first(values: Mapping[str, str], names: list[str]) -> str | None:
    """:return: the first that is not empty; an empty one if there is no other"""
    found = [values[name] for name in names if name in values]
    return next((value for value in found if value), "" if found else None)


def usual_secrets_file() -> Path:
    """:return: the file that is read where the settings name none"""
    from platformdirs import user_config_path

    return user_config_path("localflyte", appauthor=False) / "secrets.toml"


def read_secrets_file(path: Path) -> dict[str, Any]:
    """Read a file of secrets.

    :raises ConfigurationError: if anybody else could read it, or it is not TOML
    """
    import tomllib

    with path.open("rb") as file:
        info = os.fstat(file.fileno())
        if info.st_uid != os.getuid():
            raise ConfigurationError(f"The secrets file {path} belongs to another user. Run: chown {os.getuid()} {path}")
        if stat.S_IMODE(info.st_mode) & 0o077:
            raise ConfigurationError(f"The secrets file {path} can be read or written by others. Run: chmod 600 {path}")
        try:
            return tomllib.load(file)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            # What the parser says may quote the file.
            place = re.search(r"\(at [^)]*\)", str(error))
            raise ConfigurationError(f"The secrets file {path} is not valid TOML {place[0] if place else ''}".rstrip()) from None


def _in_file(table: Mapping[str, Any], terms: SecretTerms, path: Path) -> str | None:
    if terms.group:
        inner = table.get(terms.group)
        table = inner if isinstance(inner, dict) else {}
    value = table.get(terms.key)
    if value is None or isinstance(value, dict):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ConfigurationError(f"{_entry(terms)} in {path} must be text in quotes, not {type(value).__name__}")
    return str(value)


def _entry(terms: SecretTerms) -> str:
    return f"{terms.key} in [{terms.group}]" if terms.group else terms.key


def _in_keyring(terms: SecretTerms) -> tuple[str | None, str]:
    service = terms.group or SERVICE
    place = f"the keyring of the system (service {service}, user {terms.key})"
    try:
        import keyring
    except ImportError:
        return None, "the keyring of the system (not asked: pip install 'localflyte[keyring]')"
    try:
        value: str | None = keyring.get_password(service, terms.key)
    except Exception as error:  # noqa: BLE001 - a keyring is any program of the system's
        return None, f"{place} ({type(error).__name__})"
    return value, place


def _way_out(terms: SecretTerms, path: Path) -> str:
    name = terms.env_var or _as_name(terms.key)
    table = f'[{_toml(terms.group)}] {_toml(terms.key)} = "..."' if terms.group else f'{_toml(terms.key)} = "..."'
    return f"Set {name} in the environment or in {DOTENV}, or write {table} into {path} (chmod 600)."


def _toml(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else f'"{key}"'


def _label(terms: SecretTerms) -> str:
    return f"{terms.group}/{terms.key}" if terms.group else terms.key


def _path(terms: SecretTerms, task: str) -> str:
    """:return: where tasks find it below the folder of secrets: ``<group>/<key in lower case>``"""
    path = os.path.join(terms.group, terms.key.lower())
    if os.path.isabs(path) or "\0" in path or any(part in ("", ".", "..") for part in path.split("/")):
        message = f"Task {task}: the secret {_label(terms)!r} cannot be a file below {terms.mount}. Take it as a variable: as_env_var=..."
        raise RuntimeUserError("SecretMountError", message)
    return path
