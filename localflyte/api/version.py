"""Version: the code version of a task, one part of its cache key."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from localflyte.spec.digest import sha256
from localflyte.spec.plan import CacheTerms

__all__ = ("AutoPolicy", "FunctionBodyPolicy", "cache_terms", "get_default_policies")

OFF = CacheTerms()

_parts: WeakKeyDictionary[Any, dict[str, str]] = WeakKeyDictionary()


class FunctionBodyPolicy:
    """A version of the function's own source alone, without comments, formatting, docstrings and task settings.

    It does not see what the function calls. Leave the policies out to have all of that counted.
    """

    def get_version(self, salt: str, params: Any) -> str:
        """:return: a digest of the source of ``params.func``; empty for a task that is no Python function

        :raises LookupError: if there is no source
        """
        if params.func is None:
            return ""
        from localflyte.api.canonical import canonical
        from localflyte.api.canonical import without_task_decorators
        from localflyte.api.sources import Sources

        nodes = Sources().of_function(params.func)
        if not nodes:
            raise LookupError(f"the source of {params.func.__qualname__} is not available")
        return sha256("\n".join([*(canonical(without_task_decorators(node)) for node in nodes), salt]).encode("utf-8", "surrogatepass"))

    def __repr__(self) -> str:
        return "FunctionBodyPolicy()"


class AutoPolicy:
    """The default: a version of everything that the task really runs, down to the versions of installed packages."""

    def get_version(self, salt: str, params: Any) -> str:
        """:return: a digest of all that ``params.func`` runs; empty for a task that is no Python function

        :raises UncertainError: if something it uses has no certain content
        """
        if params.func is None:
            return ""
        return _digest(code_parts(params.func), salt)

    def __repr__(self) -> str:
        return "AutoPolicy()"


def get_default_policies() -> list[AutoPolicy]:
    """:return: what makes the version where a ``Cache`` names no policies"""
    return [AutoPolicy()]


def code_parts(function: Any) -> dict[str, str]:
    """Take a function's code apart. It is done once for a function.

    :return: a digest for each function, class, value and module it uses, and a version for each package
    :raises UncertainError: if something it uses has no certain content
    """
    known = _parts.get(function)
    if known is None:
        from localflyte.api.fingerprint import Fingerprint

        fingerprint = Fingerprint()
        fingerprint.add_function(function)
        known = _parts[function] = dict(sorted(fingerprint.parts.items()))
    return known


def cache_terms(request: Any, function: Any, *, image: Any, task: str) -> CacheTerms:
    """Decide how a task is cached, and make its version.

    What goes wrong is no error here: the call runs, nothing of it is cached, and `CacheTerms.problem` says why.

    :param request: what was declared for ``cache=``
    """
    if request == "disable":
        return OFF
    from localflyte.spec.cache import VersionParameters
    from localflyte.spec.cache import cache_from_request

    cache = cache_from_request(request)
    if not cache.is_enabled():
        return OFF
    ignored = cache.get_ignored_inputs()
    terms: dict[str, Any] = {"behavior": cache.behavior, "serialize": cache.serialize, "ignored_inputs": ignored}
    if cache.version_override is not None:
        return CacheTerms(**terms, version=cache.version_override, parts={"version_override": cache.version_override})
    try:
        version = cache.get_version(VersionParameters(function, image), default=AutoPolicy())
        parts = code_parts(function) if cache.policies is None and function is not None else {"policies": version}
    except Exception as error:  # noqa: BLE001 - a policy of the user's may raise anything
        return CacheTerms(**terms, problem=_problem(task, error))
    if cache.salt:
        parts = {**parts, "salt": sha256(cache.salt.encode())}
    return CacheTerms(**terms, version=version, parts=parts)


def _digest(parts: dict[str, str], salt: str) -> str:
    return sha256("\n".join([salt, *(f"{name}={digest}" for name, digest in parts.items())]).encode("utf-8", "surrogatepass"))


def _problem(task: str, error: BaseException) -> str:
    cause = error.__cause__ or error
    return (
        f"task {task} is not cached: {cause}. Create that value inside the task, pass it as an input, "
        f'or choose the version yourself with Cache(behavior="override", version_override="1").'
    )
