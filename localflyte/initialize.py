"""flyte.init and its kin: what a program says about itself before it runs tasks. Every form of it makes it run on this machine.

What concerns a server (endpoints, credentials, certificates) is accepted, so that the same line works on a cluster, and is not used.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any

from localflyte.errors import InitializationError
from localflyte.spec.image_reference import check_reference
from localflyte.syncify import WithAio

if TYPE_CHECKING:
    from localflyte.config import Config

__all__ = (
    "InitConfig",
    "current_domain",
    "current_project",
    "get_init_config",
    "image_names",
    "init",
    "init_from_api_key",
    "init_from_config",
    "init_in_cluster",
    "init_passthrough",
    "is_initialized",
)

NO_SERVER = "localflyte runs everything on this machine: the server that was configured is not contacted"


@dataclass(frozen=True, slots=True, kw_only=True)
class InitConfig:
    """What the last ``init`` call of this process said."""

    org: str | None = None
    project: str | None = None
    domain: str | None = None
    root_dir: str = field(default_factory=os.getcwd)
    """The folder that module names count from: absolute."""
    log_level: int | None = None
    user_log_level: int | None = None
    log_format: str | None = None
    storage: object = None
    images: Mapping[str, str] = field(default_factory=dict)
    image_builder: str = "local"
    batch_size: int = 1000
    source_config_path: str | None = None
    sync_local_sys_paths: bool = True


_config: InitConfig | None = None


def get_init_config() -> InitConfig:
    """:return: what the last ``init`` call of this process said
    :raises InitializationError: if there was none
    """
    if _config is None:
        raise InitializationError(
            "StorageNotInitializedError",
            "user",
            "flyte.init has not been called in this process. Call flyte.init() or flyte.init_from_config().",
        )
    return _config


def image_names() -> dict[str, str]:
    """:return: the references that ``init(images=...)`` or ``--image`` gave names to, for ``Image.from_ref_name``"""
    return dict(_config.images) if _config is not None else {}


def is_initialized() -> bool:
    """:return: whether some form of ``init`` was called in this process"""
    return _config is not None


def _init(
    org: str | None = None,
    project: str | None = None,
    domain: str | None = None,
    root_dir: str | os.PathLike[str] | None = None,
    log_level: int | None = None,
    log_format: str | None = None,
    reset_root_logger: bool = False,
    user_log_level: int | None = None,
    endpoint: str | None = None,
    headless: bool = False,
    insecure: bool = False,
    insecure_skip_verify: bool = False,
    ca_cert_file_path: str | None = None,
    auth_type: str = "Pkce",
    command: Sequence[str] | None = None,
    proxy_command: Sequence[str] | None = None,
    api_key: str | None = None,
    client_id: str | None = None,
    client_credentials_secret: str | None = None,
    auth_client_config: object = None,
    rpc_retries: int = 3,
    http_proxy_url: str | None = None,
    disable_keyring: bool = False,
    storage: object = None,
    batch_size: int = 1000,
    image_builder: str = "local",
    images: Mapping[str, str] | None = None,
    image_registry: str | None = None,
    source_config_path: str | os.PathLike[str] | None = None,
    sync_local_sys_paths: bool = True,
    load_plugin_type_transformers: bool = True,
    local_persistence: bool = False,
    local_tracked: bool = False,
    local_tracked_strict: bool = False,
    scopes: Sequence[str] | None = None,
) -> None:
    """Set what this program is: whose it is, where its code lies, how it logs. The last call of a process wins.

    :param root_dir: the folder that module names count from; it is appended to ``sys.path``. The current folder by default
    :param log_level: the level of ``flyte.system_logger``
    :param user_log_level: the level of ``flyte.logger``
    :param log_format: ``"console"`` or ``"json"``
    :param images: the URIs that ``Image.from_ref_name`` may name
    :raises ValueError: if one of them is not the URI of an image
    """
    if endpoint or api_key:
        from localflyte.logs import say_once

        say_once(NO_SERVER)
    _set(
        InitConfig(
            org=org,
            project=project,
            domain=domain,
            root_dir=_add_root(root_dir),
            log_level=log_level,
            user_log_level=user_log_level,
            log_format=log_format,
            storage=storage,
            images={name: check_reference(uri, f"the image {name!r}", filled=False) for name, uri in (images or {}).items()},
            image_builder=image_builder,
            batch_size=batch_size,
            source_config_path=os.fspath(source_config_path) if source_config_path is not None else None,
            sync_local_sys_paths=sync_local_sys_paths,
        ),
        reset_root_logger=reset_root_logger,
    )


def _init_from_config(
    path_or_config: str | os.PathLike[str] | Config | None = None,
    root_dir: str | os.PathLike[str] | None = None,
    log_level: int | None = None,
    log_format: str = "console",
    user_log_level: int | None = None,
    org: str | None = None,
    project: str | None = None,
    domain: str | None = None,
    storage: object = None,
    batch_size: int = 1000,
    image_builder: str | None = None,
    images: Sequence[str] | None = None,
    sync_local_sys_paths: bool = True,
) -> None:
    """Set what this program is from Flyte's configuration file; without one, this is the same as ``flyte.init``.

    :param path_or_config: the file, seen from `root_dir`, or a `flyte.config.Config`; by default Flyte's places are searched
    :param images: ``"name=uri"``, or ``"uri"`` for the default image
    :raises InitializationError: if a file was named and is not there
    """
    from localflyte.config import Config
    from localflyte.config import auto

    if isinstance(path_or_config, Config):
        config = path_or_config
    elif path_or_config is None:
        config = auto()
    else:
        config = auto(os.path.join(os.fspath(root_dir), path_or_config) if root_dir is not None else path_or_config)
    named = dict(config.image.image_refs)
    for image in images or ():
        name, separator, uri = image.partition("=")
        named[name if separator else "default"] = uri if separator else image
    _init(
        org=org or config.task.org,
        project=project or config.task.project,
        domain=domain or config.task.domain,
        root_dir=root_dir,
        log_level=log_level,
        log_format=log_format,
        user_log_level=user_log_level,
        storage=storage,
        batch_size=batch_size,
        image_builder=image_builder or config.image.builder or "local",
        images=named,
        source_config_path=config.source,
        sync_local_sys_paths=sync_local_sys_paths,
    )


def _init_from_api_key(
    api_key: str | None = None,
    project: str | None = None,
    domain: str | None = None,
    root_dir: str | os.PathLike[str] | None = None,
    log_level: int | None = None,
    log_format: str | None = None,
    storage: object = None,
    batch_size: int = 1000,
    image_builder: str = "local",
    images: Mapping[str, str] | None = None,
    sync_local_sys_paths: bool = True,
    insecure_skip_verify: bool = False,
    ca_cert_file_path: str | None = None,
) -> None:
    """Set what this program is, where on a cluster a key says it. The key is not used.

    :raises InitializationError: if there is no key, neither here nor in ``FLYTE_API_KEY``
    """
    if not (api_key or os.environ.get("FLYTE_API_KEY")):
        raise InitializationError(
            "MissingApiKeyError",
            "user",
            "There is no API key: pass api_key=, set FLYTE_API_KEY, or call flyte.init(), which needs none here.",
        )
    _init(
        project=project,
        domain=domain,
        root_dir=root_dir,
        log_level=log_level,
        log_format=log_format,
        api_key="given",
        storage=storage,
        batch_size=batch_size,
        image_builder=image_builder,
        images=images,
        sync_local_sys_paths=sync_local_sys_paths,
    )


def _init_in_cluster(
    org: str | None = None,
    project: str | None = None,
    domain: str | None = None,
    api_key: str | None = None,
    endpoint: str | None = None,
    insecure: bool = False,
) -> dict[str, Any]:
    """Set what this program is from the variables that a cluster gives its tasks, where there are any, and the file that they name.

    :return: what a client would have been made with
    :raises InitializationError: if ``UCTL_CONFIG`` or ``FLYTECTL_CONFIG`` names a file that is not there
    """
    org = org or os.environ.get("_U_ORG_NAME")
    project = project or os.environ.get(PROJECT_VARIABLE)
    domain = domain or os.environ.get(DOMAIN_VARIABLE)
    path = None if api_key else os.environ.get("UCTL_CONFIG") or os.environ.get("FLYTECTL_CONFIG")
    if path:
        _init_from_config(path, org=org, project=project, domain=domain)
    else:
        _init(org=org, project=project, domain=domain)
    return {"insecure": insecure, **({"api_key": api_key} if api_key else {"endpoint": endpoint})}


def _init_passthrough(
    endpoint: str | None = None,
    org: str | None = None,
    project: str | None = None,
    domain: str | None = None,
    insecure: bool = False,
) -> dict[str, Any]:
    """Set what this program is, where on a cluster each call brings its own credentials.

    :return: what a client would have been made with
    """
    endpoint = endpoint or os.environ.get("_U_EP_OVERRIDE")
    _init(org=org, project=project, domain=domain, endpoint=endpoint)
    return {"endpoint": endpoint, "insecure": insecure}


def current_project() -> str:
    """:return: the project of the task that is under way, else the one that ``init`` was given
    :raises InitializationError: if there is none
    """
    return _current("project", PROJECT_VARIABLE)


def current_domain() -> str:
    """:return: the domain of the task that is under way, else the one that ``init`` was given
    :raises InitializationError: if there is none
    """
    return _current("domain", DOMAIN_VARIABLE)


init = WithAio(_init)
init_from_config = WithAio(_init_from_config)
init_from_api_key = WithAio(_init_from_api_key)
init_in_cluster = WithAio(_init_in_cluster)
init_passthrough = WithAio(_init_passthrough)

PROJECT_VARIABLE = "FLYTE_INTERNAL_EXECUTION_PROJECT"
DOMAIN_VARIABLE = "FLYTE_INTERNAL_EXECUTION_DOMAIN"


def _set(config: InitConfig, *, reset_root_logger: bool) -> None:
    global _config  # noqa: PLW0603 - one per process, as flyte has it
    _config = config
    wanted = (config.log_level, config.user_log_level, config.log_format if config.log_format != "console" else None)
    if reset_root_logger or any(value is not None for value in wanted):
        from localflyte.logs import configure

        configure(
            level=config.log_level, user_level=config.user_log_level, log_format=config.log_format, reset_root_logger=reset_root_logger
        )


def _add_root(root_dir: str | os.PathLike[str] | None) -> str:
    import sys

    root = os.path.abspath(os.fspath(root_dir)) if root_dir is not None else os.getcwd()
    if root not in sys.path:
        sys.path.append(root)
    return root


def _current(what: str, variable: str) -> str:
    from localflyte.api.context import ctx

    found = getattr(getattr(ctx(), "action", None), what, None) or getattr(_config, what, None) or os.environ.get(variable)
    if not found:
        raise InitializationError(
            f"{what.capitalize()}NotInitializedError",
            "user",
            f"No {what} is known. Give it to flyte.init({what}=...), or set it in the configuration file.",
        )
    return str(found)
