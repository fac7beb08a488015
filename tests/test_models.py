"""The door flyte.models: the names that programs import from it."""

from __future__ import annotations

import pytest

from localflyte import models
from localflyte.spec.plan import Plan


def test_everything_it_names_is_there() -> None:
    for name in models.__all__:
        assert getattr(models, name) is not None
    with pytest.raises(AttributeError, match="nope"):
        _ = models.nope


def test_inline_limit_is_the_one_of_a_plan() -> None:
    assert Plan.__dataclass_fields__["max_inline_io_bytes"].default == models.MAX_INLINE_IO_BYTES == 10_485_760


def test_code_bundle() -> None:
    bundle = models.CodeBundle(computed_version="v", tgz="s3://b/x.tgz")
    assert bundle.with_downloaded_path("/tmp/x").downloaded_path == "/tmp/x"
    with pytest.raises(ValueError, match="tgz or pkl"):
        models.CodeBundle(computed_version="v")


def test_serialization_context() -> None:
    context = models.SerializationContext("v1")
    assert context.get_entrypoint_path() == "/opt/venv/bin/runtime.py"
    assert context.get_entrypoint_path("/usr/bin/python3") == "/usr/bin/runtime.py"


def test_action_id() -> None:
    action = models.ActionID(name="a0")
    assert action.run_name == "a0"
    assert action.new_sub_action("b").run_name == "a0"
