"""Container engines that the tests may use: which were started for them, and why the others were not."""

from __future__ import annotations

import os
import shutil

import pytest

__all__ = ("ENGINES", "is_started", "started_engine")

ENGINES = ("docker", "podman")


def is_started(name: str) -> bool:
    """:return: whether an engine is here for the tests"""
    named = os.environ.get("LOCALFLYTE_TEST_CONTAINER_ENGINE", "docker").split()
    return bool(os.environ.get("LOCALFLYTE_TEST_IMAGE")) and name in named and shutil.which(name) is not None


def started_engine(name: str) -> str:
    """:return: the program of an engine; the test is skipped, with the reason, where that was not started"""
    if is_started(name):
        return shutil.which(name) or ""
    if not os.environ.get("LOCALFLYTE_TEST_IMAGE"):
        why = "LOCALFLYTE_TEST_IMAGE is not set"
    elif name not in os.environ.get("LOCALFLYTE_TEST_CONTAINER_ENGINE", "docker").split():
        why = "it is not in LOCALFLYTE_TEST_CONTAINER_ENGINE"
    else:
        why = "there is no such program on the PATH"
    pytest.skip(f"no {name}: {os.environ.get(f'LOCALFLYTE_TEST_NO_{name.upper()}', why)}")
