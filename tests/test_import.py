"""The front door: every public name is there, and nothing is loaded before it is used."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import localflyte
from localflyte._lazy import DOORS
from tests.modules import loaded_by

#: What `dir(flyte)` of flyte 2.12.1 offers in its `__all__`, and what CONTRACT lists beside it.
FLYTE = """
    AMD_GPU AppHandle AsyncFunctionTaskTemplate Backoff BaseCheckpoint Cache CachePolicy CacheRequest Checkpoint ConditionWebhook Cron
    Device DeviceClass Environment FixedRate GPU HABANA_GAUDI Image ImageBuild Link Neuron OnArtifact PodTemplate Resources RetryStrategy
    ReusePolicy Secret SecretRequest TPU TaskEnvironment TaskTemplate Timeout TimeoutType Trigger TriggerTime TriggeredArtifact __version__
    build build_images ctx current_domain current_project custom_context deploy get_custom_context group init init_from_api_key
    init_from_config init_in_cluster init_passthrough latest_checkpoint load_interactive_ctx load_plugin_config logger map new_condition
    rerun run run_python_script serve system_logger trace version with_runcontext with_servecontext
"""

HEAVY = {
    "anyio",
    "sqlite3",
    "diskcache",
    "psutil",
    "click",
    "rich",
    "asyncio",
    "platformdirs",
    "cloudpickle",
    "msgpack",
    "pydantic",
    "logging",
}


def test_every_name_of_flyte_is_offered() -> None:
    assert set(FLYTE.split()) <= set(localflyte.__all__)


@pytest.mark.parametrize("name", localflyte.__all__)
def test_name_resolves(name: str) -> None:
    assert getattr(localflyte, name) is not None


@pytest.mark.parametrize("name", DOORS)
def test_door_is_an_attribute_and_a_module(name: str) -> None:
    assert getattr(localflyte, name) is importlib.import_module(f"localflyte.{name}")


@pytest.mark.parametrize("name", DOORS)
def test_door_has_what_its_all_says(name: str) -> None:
    module = importlib.import_module(f"localflyte.{name}")
    missing = [entry for entry in module.__all__ if not hasattr(module, entry)]
    assert not missing


def test_type_checkers_see_what_the_table_says() -> None:
    """The block under TYPE_CHECKING and the table are two lists of one thing."""
    tree = ast.parse(Path(localflyte.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: statement.module.removeprefix("localflyte").removeprefix(".")
        for statement in block.body
        if isinstance(statement, ast.ImportFrom) and statement.module
        for alias in statement.names
    }
    call = next(node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "lazy_exports")
    table = ast.literal_eval(call.args[1])
    assert seen == {**table, **dict.fromkeys(DOORS, "")}
    assert set(localflyte.__all__) == {*table, *DOORS, "__version__", "version"}


def test_dir_names_everything() -> None:
    assert set(localflyte.__all__) <= set(dir(localflyte))


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'localflyte' has no attribute 'TaskEnvironement'"):
        localflyte.TaskEnvironement  # noqa: B018


def test_version() -> None:
    assert localflyte.version() == localflyte.__version__


def test_import_loads_nothing_heavy() -> None:
    assert not HEAVY & loaded_by("import localflyte")


def test_import_loads_no_room() -> None:
    loaded = {name for name in loaded_by("import localflyte") if name.startswith("localflyte")}
    assert loaded == {"localflyte", "localflyte._lazy", "localflyte._version"}


def test_declaring_a_task_loads_nothing_of_the_engine() -> None:
    """What a module of tasks imports is what each worker pays for."""
    code = (
        "import localflyte as flyte\n"
        "env = flyte.TaskEnvironment(name='e', resources=flyte.Resources(cpu=1, memory='1Gi'), image=flyte.Image.from_debian_base())\n"
        "@env.task\n"
        "async def task(number: int) -> str: return str(number)"
    )
    too_heavy = {"hashlib", "ssl", "random", "tempfile", "subprocess", "threading", "concurrent.futures"}
    assert not (HEAVY - {"msgpack"} | too_heavy) & loaded_by(code)
