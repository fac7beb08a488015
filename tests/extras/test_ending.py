"""Ending: whose fault the end of a container was, and the words for it."""

from __future__ import annotations

from typing import Any

import pytest

from localflyte.errors import OOMError
from localflyte.errors import RuntimeSystemError
from localflyte.errors import RuntimeUserError
from localflyte.extras.ending import why_ended

TERMS = {"program": "/usr/bin/docker", "called": "alpine:3", "memory": 64 << 20}
EXITED = {"Status": "exited", "StartedAt": "2026-01-01T00:00:00Z"}
CATATONIT = "ERROR (catatonit:6): failed to exec pid1"
TOO_LITTLE = "OCI runtime error: runc: runc create failed: unable to set memory limit to 1048576"
NOT_ALLOWED = "crun: setrlimit 'RLIMIT_NOFILE': Operation not permitted: OCI permission denied"
NO_RIGHT = "crun: open executable: Permission denied: OCI permission denied"
CREATED = {"Status": "created", "StartedAt": "0001-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("code", "state", "told", "kind", "words"),
    [
        (3, {**EXITED, "ExitCode": 3}, "", RuntimeUserError, "ended with exit code 3.\nlast words"),
        (139, {**EXITED, "ExitCode": 139}, "", RuntimeUserError, "exit code 139, as after SIGSEGV"),
        (190, {**EXITED, "ExitCode": 190}, "", RuntimeUserError, "exit code 190, as after "),
        (137, {**EXITED, "ExitCode": 137}, "", RuntimeUserError, "goes over its memory limit, here 64Mi"),
        (137, {**EXITED, "ExitCode": 137, "OOMKilled": True}, "", OOMError, "over its memory limit of 64Mi"),
        (127, {**EXITED, "ExitCode": 127}, "sh: nope: not found", RuntimeUserError, "exit code 127"),
        (127, {**EXITED, "ExitCode": 127}, "[FATAL tini (7)] exec nope failed", RuntimeSystemError, "no such program"),
        (1, {**EXITED, "ExitCode": 1}, f"{CATATONIT}: No such file or directory", RuntimeSystemError, "no such program"),
        (
            1,
            {**EXITED, "ExitCode": 1},
            f"{CATATONIT}: Permission denied",
            RuntimeSystemError,
            "cannot be executed in the image alpine:3",
        ),
        (1, {**EXITED, "ExitCode": 1}, "ERROR (catatonit:6): failed to forward", RuntimeUserError, "exit code 1"),
        (
            126,
            {**CREATED, "Error": "exec: permission denied"},
            "",
            RuntimeSystemError,
            "cannot be executed in the image alpine:3: exec: permission",
        ),
        (
            125,
            None,
            "docker: Cannot connect to the Docker daemon at x.\n\nRun 'docker run --help'",
            RuntimeSystemError,
            "docker does not answer: docker: Cannot",
        ),
        (125, None, "Unable to find image 'x' locally", RuntimeSystemError, "`docker pull alpine:3`"),
        (125, CREATED, "no space left", RuntimeSystemError, "docker refused to start a container of alpine:3: no space left"),
        (1, None, "", RuntimeSystemError, "docker ended with exit code 1 and started no container of alpine:3: it said nothing"),
        (
            126,
            {**CREATED, "Status": "configured"},
            f"Error: {TOO_LITTLE}",
            RuntimeSystemError,
            "refused to start a container of alpine:3",
        ),
        (126, None, f"Error: {NOT_ALLOWED}", RuntimeSystemError, "refused to start a container of alpine:3: Error: crun"),
        (126, None, f"Error: {NO_RIGHT}", RuntimeSystemError, "cannot be executed in the image alpine:3: Error: crun"),
        (-9, {**EXITED, "Status": "running"}, "", RuntimeSystemError, "ran still when `docker run` ended by SIGKILL"),
        (125, {**EXITED, "Status": "running"}, "unexpected EOF", RuntimeSystemError, "ended with exit code 125: unexpected EOF"),
    ],
)
def test_each_end_has_its_class_and_its_words(code: int, state: Any, told: str, kind: type[Exception], words: str) -> None:
    error = why_ended(TERMS, "boxed", code, state, "last words", told)
    assert type(error) is kind
    assert words in str(error)
    assert "boxed" in str(error)


def test_a_kill_without_a_limit_says_nothing_of_one() -> None:
    terms = {**TERMS, "memory": None}
    assert "limit" not in str(why_ended(terms, "boxed", 137, {**EXITED, "ExitCode": 137}, "", ""))
    assert "its memory limit, and" in str(why_ended(terms, "boxed", 137, {**EXITED, "OOMKilled": True}, "", ""))
