"""Version: the code version of a task, one part of its cache key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from localflyte.api.loaded import loads_for_itself
from localflyte.api.loaded import note_import
from localflyte.spec.digest import sha256
from localflyte.spec.plan import CacheTerms

__all__ = ("AutoPolicy", "FunctionBodyPolicy", "cache_terms", "code_parts", "forget_code", "get_default_policies", "has_changed")

OFF = CacheTerms()

LOOK_SECONDS = 0.1  # a call in between may come too soon after an edit; asking at each would cost more than the call

_look_at: WeakKeyDictionary[Any, float] = WeakKeyDictionary()

note_import()  # before the modules of the project are imported, since they import this one

_parts: WeakKeyDictionary[Any, dict[str, str]] = WeakKeyDictionary()
_stamps: WeakKeyDictionary[Any, dict[str, tuple[int, int, int, int] | None]] = WeakKeyDictionary()


class FunctionBodyPolicy:
    """A version of the function's own source alone, without comments, formatting, docstrings and task settings.

    It does not see what the function calls. Leave the policies out to have all of that counted.
    """

    def get_version(self, salt: str, params: Any) -> str:
        """:return: a digest of the source of ``params.func``; empty for a task that is no Python function

        :raises LookupError: if there is no source
        :raises UncertainError: if the source is not what runs here
        """
        if params.func is None:
            return ""
        from localflyte.api.sources import Sources

        found = Sources().of_function(params.func)
        if not found:
            raise LookupError(f"the source of {params.func.__qualname__} is not available")
        rows = [[one.digest, one.defaults[0], *(each.digest for each in one.decorators if not each.named_task)] for one in found]
        return sha256("\n".join([*(" ".join(row) for row in rows), salt]).encode("utf-8", "surrogatepass"))

    def __repr__(self) -> str:
        return "FunctionBodyPolicy()"


class AutoPolicy:
    """The default: a version of everything that the task really runs, with the versions of installed packages and the image."""

    def get_version(self, salt: str, params: Any) -> str:
        """:return: a digest of all that ``params.func`` runs, and of its image if one is set

        :raises UncertainError: if something it uses has no certain content
        """
        parts = self.get_parts(params)
        return _digest(parts, salt) if parts else ""

    def get_parts(self, params: Any) -> dict[str, str]:
        """:return: what the version is made of"""
        parts = {} if params.func is None else code_parts(params.func)
        image = _image_digest(params.image)
        return {**parts, "image": image} if image else parts

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
        try:
            fingerprint.add_task(function)
        finally:
            _stamps[function] = fingerprint.sources.stamps()
        known = _parts[function] = dict(sorted(fingerprint.parts.items()))
    return known


def forget_code(function: Any = None, *, everything: bool = True) -> bool:
    """Take code apart anew when it is next asked for: a file may have changed, and in a notebook a name may mean another thing.

    :param everything: all code, and not only this function's if a file that was looked at for it has changed
    :return: whether something was forgotten
    """
    if everything:
        _parts.clear()
        _stamps.clear()
        return True
    stamps = _stamps.get(function) if function is not None else None
    if not stamps:
        return False
    from localflyte.api.sources import stamp_of

    if all(stamp_of(file) == stamp for file, stamp in stamps.items()):
        return False
    _parts.pop(function, None)
    _stamps.pop(function, None)
    return True


def has_changed(function: Any) -> bool:
    """Look again, now and then, where the next call of a run may load other code than the one before.

    :return: whether a file that was looked at for the function has changed; then its code is taken apart anew
    """
    from time import monotonic

    if not loads_for_itself() or monotonic() < _look_at.get(function, 0.0):
        return False
    _look_at[function] = monotonic() + LOOK_SECONDS
    return forget_code(function, everything=False)


def cache_terms(
    request: Any, function: Any, *, image: Any, kind: type[Any] | None = None, own: Mapping[str, str] | None = None
) -> CacheTerms:
    """Decide how a task is cached, and make its version.

    What goes wrong is no error here: the call runs, nothing of it is cached, and `CacheTerms.problem` says why.

    :param request: what was declared for ``cache=``
    :param image: what was declared for ``image=``
    :param kind: the class of the task's template
    :param own: what else decides the result of the task
    """
    if request == "disable":
        return OFF
    from localflyte.spec.cache import VersionParameters
    from localflyte.spec.cache import cache_from_request

    cache = cache_from_request(request)
    if not cache.is_enabled():
        return OFF
    terms: dict[str, Any] = {"behavior": cache.behavior, "serialize": cache.serialize, "ignored_inputs": cache.get_ignored_inputs()}
    age: Any = cache.max_age
    if age:
        terms["max_age"] = age.total_seconds()
    if cache.version_override is not None:
        return CacheTerms(**terms, version=cache.version_override, parts={"version_override": cache.version_override})
    policies: Any = [AutoPolicy()] if cache.policies is None else cache.policies
    asked = [_Asked(policy) for policy in policies]
    try:
        version = replace(cache, policies=asked).get_version(VersionParameters(function, image))
        parts = _named(asked)
        template = {**_template_parts(kind), **(own or {})}
        if template:
            parts, version = {**parts, **template}, sha256(f"{version} {_digest(template, '')}".encode())
    except Exception as error:  # noqa: BLE001 - a policy of the user's may raise anything
        return CacheTerms(**terms, problem=_problem(error))
    if cache.salt:
        parts = {**parts, "salt": sha256(cache.salt.encode("utf-8", "surrogatepass"))}
    return CacheTerms(**terms, version=version, parts=parts)


class _Asked:
    """A policy that remembers what it answered, so that a miss can be explained."""

    def __init__(self, policy: Any) -> None:
        self._policy = policy
        self.parts: dict[str, str] = {}

    def get_version(self, salt: str, params: Any) -> str:
        if type(self._policy) is AutoPolicy:
            self.parts = self._policy.get_parts(params)
            return _digest(self.parts, salt) if self.parts else ""
        answer = self._policy.get_version(salt, params)
        if not isinstance(answer, str):
            raise TypeError(f"it gave {type(answer).__name__}, and a version is text")
        self.parts = {f"policy {self!r}": sha256(answer.encode("utf-8", "surrogatepass"))}
        return answer

    def __repr__(self) -> str:
        said = repr(self._policy)
        # What Python says of an object without a repr of its own is another thing in every process.
        return f"{type(self._policy).__qualname__}()" if " at 0x" in said else said


def _named(asked: list[_Asked]) -> dict[str, str]:
    parts: dict[str, str] = {}
    for one in asked:
        for name, digest in one.parts.items():
            key, number = name, 1
            while key in parts:  # two policies of one kind
                number += 1
                key = f"{name} #{number}"
            parts[key] = digest
    return parts


def _template_parts(kind: type[Any] | None) -> dict[str, str]:
    """:return: the parts of a template class of the project's own, which runs around the function"""
    if kind is None or kind.__module__.startswith("localflyte."):
        return {}
    known = _parts.get(kind)
    if known is None:
        from localflyte.api.fingerprint import Fingerprint

        fingerprint = Fingerprint()
        fingerprint.add_class(kind)
        known = _parts[kind] = dict(sorted(fingerprint.parts.items()))
    return known


def _image_digest(image: Any) -> str:
    """:return: what an image adds to the version; empty for the default one"""
    if image is None or image == "auto":
        return ""
    from localflyte.spec.image import image_from_request

    asked = image_from_request(image)
    return "" if asked.is_default else asked.digest


def _digest(parts: dict[str, str], salt: str) -> str:
    return sha256("\n".join([salt, *(f"{name}={digest}" for name, digest in parts.items())]).encode("utf-8", "surrogatepass"))


def _problem(error: BaseException) -> str:
    cause = error.__cause__
    if cause is not None and type(cause).__name__ == "UncertainError":
        advice = "Create that value inside the task, pass it as an input, or choose"
        error = cause
    else:
        advice = "Mend that, or choose"
    return f'{error}. {advice} the version yourself with Cache(behavior="override", version_override="1").'
