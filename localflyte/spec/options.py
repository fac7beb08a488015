"""Options: what one level (environment, task, invocation or run) says about a call. Which level wins is `api.resolve`'s affair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields
from typing import TYPE_CHECKING
from typing import Any
from typing import Literal

if TYPE_CHECKING:
    from localflyte.spec.cache import CacheRequest
    from localflyte.spec.image import Image
    from localflyte.spec.pod import PodTemplate
    from localflyte.spec.resources import Resources
    from localflyte.spec.retry import RetryStrategy
    from localflyte.spec.reuse import ReusePolicy
    from localflyte.spec.secret import SecretRequest
    from localflyte.spec.timeout import TimeoutType

__all__ = ("NOTHING_SAID", "OPTION_NAMES", "Options")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """``None`` means that this level says nothing; every other value, an empty or a false one too, is said."""

    short_name: str | None = None
    cache: CacheRequest | None = None
    retries: int | RetryStrategy | None = None
    timeout: TimeoutType | None = None
    resources: Resources | None = None
    env_vars: Mapping[str, str] | None = None
    secrets: SecretRequest | None = None
    image: str | Image | None = None
    pod_template: str | PodTemplate | None = None
    reusable: ReusePolicy | Literal["off"] | None = None
    queue: str | None = None
    interruptible: bool | None = None
    service_account: str | None = None
    max_inline_io_bytes: int | None = None
    report: bool | None = None
    links: tuple[Any, ...] | None = None
    triggers: tuple[Any, ...] | None = None
    entrypoint: bool | None = None
    produces_artifacts: bool | None = None
    plugin_config: Any = None
    docs: Any = None


#: The name of every setting that levels share, in the order of `Options`.
OPTION_NAMES: tuple[str, ...] = tuple(field.name for field in fields(Options))

NOTHING_SAID = Options()
