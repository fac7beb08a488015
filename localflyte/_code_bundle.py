"""flyte._code_bundle: a private module of flyte that tests of programs import from, to forget the bundles that were made before them."""

from __future__ import annotations

from localflyte.cluster import ClusterFunction

__all__ = ("build_code_bundle",)


class _Bundler(ClusterFunction):
    """Packs a program for a cluster, which is refused: workers import it where it lies."""

    def cache_clear(self) -> None:
        """Forget what was packed: nothing was."""


build_code_bundle = _Bundler(
    "flyte._code_bundle.build_code_bundle", "It packs a program for a cluster. Here workers import it where it lies, so nothing is packed."
)
