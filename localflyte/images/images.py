"""Images: each declared image made into a way to run, once however many ask for it. What makes them is loaded where one is made."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import TYPE_CHECKING
from typing import Any
from typing import assert_never

import anyio

from localflyte.errors import BaseRuntimeError
from localflyte.images.decide import Decision
from localflyte.images.decide import decide
from localflyte.images.engines import Search
from localflyte.images.engines import find_engine
from localflyte.images.recipe import Recipe
from localflyte.images.recipe import read_recipe
from localflyte.images.recipe import wanted_terms
from localflyte.images.ways import Host
from localflyte.images.ways import Way
from localflyte.settings import Settings

if TYPE_CHECKING:
    from localflyte.images.venv import Venvs

__all__ = ("Images",)

Say = Callable[[str], None]
Terms = Mapping[str, Any]


class _Making:
    """An image that is being made, or has been."""

    def __init__(self) -> None:
        self.over = anyio.Event()
        self.way: Way | None = None
        self.error: BaseRuntimeError | None = None


class Images:
    """The images of one process. All methods are for one event loop.

    :param settings: those that say what an image may become
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._made: dict[str, _Making] = {}
        self._search: Search | None = None
        self._looking = anyio.Lock()
        self._envs: Venvs | None = None

    async def ready(self, terms: Terms | None, say: Say, names: Mapping[str, str] | None = None, *, fresh: bool = False) -> Way:
        """Make an image into something that processes can be started in, once for each content, however many ask.

        A failure stays one for the life of the process: a thousand calls must not build a thousand times.

        :param terms: what `Image.terms` gave; ``None`` is the image that has the name ``default``, or the interpreter that runs localflyte
        :param say: is given a line for each thing that takes time
        :param names: what ``Image.from_ref_name`` may name
        :param fresh: make it again, whatever was kept of it
        :raises ImageBuildError: if it cannot be had here; the message says why, and what to do
        :raises ImagePullBackOffError: if it is nowhere to be pulled from
        """
        terms = wanted_terms(terms, names or {})
        if terms is None:
            return Host()
        recipe = read_recipe(terms, names or {})
        key = await anyio.to_thread.run_sync(recipe.digest)
        while True:
            known = self._made.get(key)
            if known is None:
                return await self._make(key, recipe, say, fresh)
            await known.over.wait()
            if known.error is not None:
                raise known.error.with_traceback(None)
            if known.way is not None:
                return known.way
            # Who made it was cancelled: it is for one of those who wait.

    async def check(self, terms: Terms | None, names: Mapping[str, str] | None = None) -> Decision:
        """Decide what an image would become, without making it, so that a run can be refused before it starts.

        :raises ImageBuildError: as `ready` would, as far as that can be told beforehand
        """
        terms = wanted_terms(terms, names or {})
        if terms is None:
            return Decision("host")
        recipe = read_recipe(terms, names or {})
        return await self._decide(recipe)

    async def engine(self) -> Search:
        """:return: the container engine of this machine, or why there is none; looked for once"""
        async with self._looking:
            if self._search is None:
                self._search = await find_engine(self.settings)
            return self._search

    def forget_failures(self) -> None:
        """Try again what failed, and look for an engine again where there was none: a person may have seen to it since."""
        self._made = {key: making for key, making in self._made.items() if making.error is None}
        if self._search is not None and self._search.engine is None:
            self._search = None

    def close(self) -> None:
        """Let go of the environments: others may remove them then."""
        if self._envs is not None:
            self._envs.close()

    async def _decide(self, recipe: Recipe) -> Decision:
        # An engine that hangs takes seconds to be found out, and here it would not be used.
        is_unused = self.settings.image_policy in ("host", "venv")
        return decide(recipe, Search(None) if is_unused else await self.engine(), self.settings)

    async def _make(self, key: str, recipe: Recipe, say: Say, fresh: bool) -> Way:
        making = self._made[key] = _Making()
        try:
            making.way = await self._work(key, recipe, say, fresh)
            return making.way
        except BaseRuntimeError as error:
            making.error = error
            raise
        except BaseException:
            del self._made[key]
            raise
        finally:
            making.over.set()

    async def _work(self, key: str, recipe: Recipe, say: Say, fresh: bool) -> Way:
        decision = await self._decide(recipe)
        match decision.way:
            case "host":
                return Host(notice=decision.notice)
            case "venv":
                return await self._venvs().venv(recipe, decision.notice, say, fresh=fresh)
            case "container":
                from localflyte.images.build import Build
                from localflyte.images.build import base_of
                from localflyte.images.context import remove_abandoned
                from localflyte.images.pull import bring
                from localflyte.images.pull import container_of

                assert decision.engine is not None
                if recipe.is_built:
                    await anyio.to_thread.run_sync(remove_abandoned, self.settings.home)
                    return await Build(decision.engine, self.settings, say, fresh=fresh).image(recipe, key)
                name = base_of(recipe, self.settings)
                return container_of(decision.engine, name, await bring(decision.engine, name, self.settings, say))
            case _:
                assert_never(decision.way)

    def _venvs(self) -> Venvs:
        from localflyte.images.uv import find_uv
        from localflyte.images.venv import Venvs

        if self._envs is None:
            program = find_uv()
            assert program is not None, "decided by it"
            self._envs = Venvs(program, self.settings)
        return self._envs
