"""``flyte`` as another name of localflyte."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import localflyte
from localflyte.bridges import flyte as bridge


@pytest.fixture
def alias() -> Iterator[None]:
    bridge.install()
    yield
    bridge.uninstall()


def run(code: str, *path: Path) -> str:
    """Run code in an interpreter of its own, with `path` before everything else, and return what it printed."""
    lines = "import sys\n" + "".join(f"sys.path.insert(0, {str(part)!r})\n" for part in path) + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.usefixtures("alias")
class TestNames:
    def test_import_flyte_is_localflyte(self) -> None:
        import flyte

        assert flyte is localflyte

    def test_submodule_is_one_object_under_both_names(self) -> None:
        import flyte.errors

        import localflyte.errors

        assert flyte.errors is localflyte.errors is sys.modules["flyte.errors"]

    def test_from_import_gives_the_same_class(self) -> None:
        from flyte.errors import OOMError

        from localflyte.errors import OOMError as ours

        assert OOMError is ours

    def test_deep_module(self) -> None:
        from flyte.app.extras import FastAPIAppEnvironment

        import localflyte.app.extras

        assert FastAPIAppEnvironment is localflyte.app.extras.FastAPIAppEnvironment

    def test_private_module_that_programs_use(self) -> None:
        from flyte._image import PythonWheels

        import localflyte.spec.image

        assert PythonWheels is localflyte.spec.image.PythonWheels

    def test_private_function_that_needs_a_cluster(self) -> None:
        """Tests of programs have it forget, and never call it."""
        from flyte._code_bundle import build_code_bundle

        build_code_bundle.cache_clear()
        with pytest.raises(localflyte.errors.ClusterOnlyError, match="workers import it where it lies"):
            build_code_bundle()

    def test_private_module_below_a_public_one(self) -> None:
        from flyte.types._type_engine import TypeEngine

        import localflyte.types

        assert TypeEngine is localflyte.types.TypeEngine

    def test_module_keeps_its_own_name_and_spec(self) -> None:
        """Import machinery writes the alias's spec on the module for a moment; it must not stay."""
        import flyte.extend

        assert flyte.extend.__name__ == "localflyte.extend"
        assert flyte.extend.__spec__ is not None
        assert flyte.extend.__spec__.name == "localflyte.extend"

    def test_unknown_module_names_what_exists(self) -> None:
        with pytest.raises(ModuleNotFoundError, match=r"No module named 'flyte.nothing'.*flyte\.app.*flyte\.types"):
            __import__("flyte.nothing")

    def test_unknown_module_below_a_known_one(self) -> None:
        with pytest.raises(ModuleNotFoundError, match=r"No module named 'flyte.errors.nothing'"):
            __import__("flyte.errors.nothing")

    def test_unknown_name_is_an_import_error(self) -> None:
        with pytest.raises(ImportError, match="cannot import name 'nothing'"):
            from flyte import nothing  # noqa: F401

    def test_engine_rooms_are_not_part_of_flyte(self) -> None:
        with pytest.raises(ModuleNotFoundError):
            __import__("flyte.engine")


class TestInstall:
    def test_twice_is_once(self) -> None:
        before = len(sys.meta_path)
        bridge.install()
        bridge.install()
        assert len(sys.meta_path) == before + 1
        bridge.uninstall()
        assert len(sys.meta_path) == before

    def test_uninstall_takes_every_name_back(self) -> None:
        bridge.install()
        __import__("flyte.errors")
        bridge.uninstall()
        assert not [name for name in sys.modules if name.partition(".")[0] == "flyte"]

    def test_uninstall_without_install_does_nothing(self) -> None:
        before = list(sys.meta_path)
        bridge.uninstall()
        assert sys.meta_path == before

    def test_module_imported_through_the_alias_first(self) -> None:
        out = run("""
            from localflyte.bridges.flyte import install
            install()
            import flyte.errors
            import localflyte.errors
            print(flyte.errors is localflyte.errors)
        """)
        assert out == "True"


class TestRealFlyte:
    """With a package called flyte on sys.path, as where the SDK is installed."""

    @pytest.fixture
    def real(self, tmp_path: Path) -> Path:
        package = tmp_path / "flyte"
        package.mkdir()
        (package / "__init__.py").write_text("real = True\n")
        (package / "errors.py").write_text("real = True\n")
        return tmp_path

    def test_alias_comes_before_an_installed_flyte(self, real: Path) -> None:
        out = run("from localflyte.bridges.flyte import install\ninstall()\nimport flyte.errors\nprint(flyte.errors.__name__)", real)
        assert out == "localflyte.errors"

    def test_flyte_imported_too_early_is_refused(self, real: Path) -> None:
        out = run(
            """
            import flyte
            from localflyte.bridges.flyte import install
            try:
                install()
            except ImportError as error:
                print(error)
            """,
            real,
        )
        assert "already imported" in out
        assert "before the first `import flyte`" in out

    def test_replace_puts_the_real_one_aside(self, real: Path) -> None:
        out = run(
            """
            import flyte.errors
            first = flyte
            from localflyte.bridges.flyte import install, uninstall
            install(replace=True)
            import flyte.errors as errors
            print(errors.__name__)
            uninstall()
            import flyte
            print(flyte is first, flyte.errors.real)
            """,
            real,
        )
        assert out.splitlines() == ["localflyte.errors", "True True"]
