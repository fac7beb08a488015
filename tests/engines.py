"""Container engines that the tests may use: which were started for them, and why the others were not."""

from __future__ import annotations

import os
import shutil

import pytest

__all__ = ("ENGINES", "started_engine")

ENGINES = ("docker", "podman")


def started_engine(name: str) -> str:
    """:return: the program of an engine; the test is skipped, with the reason, where that was not started"""
    if not os.environ.get("LOCALFLYTE_TEST_IMAGE"):
        why = "LOCALFLYTE_TEST_IMAGE is not set"
    elif name not in os.environ.get("LOCALFLYTE_TEST_CONTAINER_ENGINE", "docker").split():
        why = "it is not in LOCALFLYTE_TEST_CONTAINER_ENGINE"
    elif program := shutil.which(name):
        return program
    else:
        why = "there is no such program on the PATH"
    pytest.skip(f"no {name}: {os.environ.get(f'LOCALFLYTE_TEST_NO_{name.upper()}', why)}")
