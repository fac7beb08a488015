"""Secret: a value that a task gets as an environment variable or a file, and that is never written anywhere else."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

from localflyte.spec.digest import sha256
from localflyte.spec.plan import SecretTerms

__all__ = ("MOUNT", "Secret", "SecretRequest", "secrets_from_request")

MOUNT = "/etc/flyte/secrets"

_ENV_VAR = re.compile(r"[A-Z_][A-Z0-9_]*", re.ASCII)


@dataclass(frozen=True, slots=True, eq=True)
class Secret:
    """Ask for a secret by its key.

    :param key: its name in the secret store
    :param group: its group, in stores that have groups
    :param mount: the folder to see it in as a file; Flyte knows only ``/etc/flyte/secrets``
    :param as_env_var: the environment variable to see it in; without this and without `mount`, the group and the key
        joined by ``_``, in upper case, with ``_`` for ``-``
    :raises ValueError: if the mount or the name of the variable cannot be used
    """

    key: str
    group: str | None = None
    mount: str | os.PathLike[str] | None = None
    as_env_var: str | None = None

    def __post_init__(self) -> None:
        key: object = self.key
        if not isinstance(key, str) or not key:
            raise ValueError(f"a Secret needs a key, got {key!r}")
        if self.mount and str(self.mount) != MOUNT:
            raise ValueError(f"Secret {self.key!r}: mount must be {MOUNT}, the only path Flyte mounts secrets at, got {self.mount}")
        if not self.mount and not self.as_env_var:
            name = f"{self.group}_{self.key}" if self.group else self.key
            object.__setattr__(self, "as_env_var", name.replace("-", "_").upper())
        if self.as_env_var is not None and not _ENV_VAR.fullmatch(self.as_env_var):
            raise ValueError(
                f"Secret {self.key!r}: {self.as_env_var!r} cannot be the name of an environment variable (it must match"
                f' {_ENV_VAR.pattern}); choose one with as_env_var="MY_SECRET"'
            )

    def stable_hash(self) -> str:
        """:return: a digest that is the same in every process"""
        parts = (self.key, self.group or "", str(self.mount) if self.mount else "", self.as_env_var or "")
        return sha256("|".join(parts).encode())

    def __hash__(self) -> int:
        return int(self.stable_hash()[:16], 16)

    def terms(self) -> SecretTerms:
        """Read the declaration with empty text for what is not set."""
        mount = str(self.mount) if self.mount else ""
        return SecretTerms(key=self.key, group=self.group or "", mount=mount, env_var=self.as_env_var or "")


SecretRequest = str | Secret | list[str | Secret]


def secrets_from_request(secrets: str | Secret | Iterable[str | Secret]) -> list[Secret]:
    """Accept what a person may write for ``secrets=``.

    :raises TypeError: if one of them is neither a key nor a Secret
    """
    several = [secrets] if isinstance(secrets, str | Secret) else list(secrets)
    for secret in several:
        if not isinstance(secret, str | Secret):
            raise TypeError(f"secrets must be keys or flyte.Secret objects, got {secret!r}")
    return [Secret(secret) if isinstance(secret, str) else secret for secret in several]
