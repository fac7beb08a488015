"""Tasks that have a secret and let it out in every way there is."""

from __future__ import annotations

import base64
import glob
import html
import json
import os
import subprocess
import sys
import threading
import time
import traceback
from typing import Any
from urllib.parse import quote

import localflyte as flyte
from localflyte import errors

MOUNT = "/etc/flyte/secrets"
env = flyte.TaskEnvironment("secretive", secrets="canary")
files = flyte.TaskEnvironment("secretive_files", secrets=flyte.Secret("canary", mount=MOUNT))
warm = flyte.TaskEnvironment("secretive_warm", secrets="canary", reusable=flyte.ReusePolicy(replicas=1, idle_ttl=60))
plain = flyte.TaskEnvironment("secretive_plain")


def secret() -> str:
    return os.environ["CANARY"]


def in_pieces(value: str) -> None:
    for letter in value:
        os.write(1, letter.encode())
        time.sleep(0.001)


def in_two(value: str) -> None:
    os.write(1, value[:10].encode())
    time.sleep(0.05)
    os.write(1, value[10:].encode())


def with_locals(value: str) -> None:
    try:
        raise KeyError("x")
    except KeyError as error:
        found = traceback.TracebackException.from_exception(error, capture_locals=True)
        print("".join(found.format()), file=sys.stderr)


def from_a_program(value: str) -> None:
    subprocess.run(["sh", "-c", 'echo "$CANARY"; echo "$CANARY" >&2'], check=True)


def from_a_thread(value: str) -> None:
    thread = threading.Thread(target=print, args=(value,))
    thread.start()
    thread.join()


#: what a task does with the value before it is over
WAYS: dict[str, Any] = {
    "plain": print,
    "no line": lambda value: print(value, end=""),
    "to stderr": lambda value: print(value, file=sys.stderr),
    "often": lambda value: print(value * 3),
    "repr": lambda value: print(repr(value), [value], {"key": value}),
    "json": lambda value: print(json.dumps({"key": value})),
    "url": lambda value: print(quote(value), quote(value, safe="")),
    "html": lambda value: print(html.escape(value)),
    "base64": lambda value: print(base64.b64encode(value.encode()).decode()),
    "basic authentication": lambda value: print(base64.b64encode(f"user:{value}".encode()).decode()),
    "hex": lambda value: print(value.encode().hex()),
    "in two": in_two,
    "in pieces": in_pieces,
    "in the middle of much": lambda value: print("x" * 100_000 + value + "y" * 100_000),
    "locals": with_locals,
    "from a program": from_a_program,
    "from a thread": from_a_thread,
    "the environment": lambda value: print(dict(os.environ)),
}


@env.task
def prints(way: str) -> int:
    WAYS[way](secret())
    return len(secret())


@env.task
def raises(way: str) -> None:
    value = secret()
    match way:
        case "chain":
            try:
                raise KeyError(value)
            except KeyError as error:
                raise ValueError(value) from error
        case "group":
            raise ExceptionGroup(value, [ValueError(value)])
        case "exit":
            sys.exit(value)
        case "custom":
            raise errors.CustomError("MINE", value)
    raise ValueError(f"bad {value}")


@plain.task
def catches() -> str:
    try:
        raises("raise")
    except errors.BaseRuntimeError as error:
        return f"{type(error).__name__}: {error}"
    return ""


@plain.task
def catches_missing() -> str:
    try:
        length()
    except errors.SecretNotFoundError as error:
        return error.code
    return ""


@env.task(report=True)
def reports() -> None:
    flyte.report.log(f"<b>{secret()}</b>", do_flush=True)
    flyte.report.log(f"<b>{html.escape(secret())}</b>")


@flyte.trace
def traced(value: str) -> str:
    return value * 2


@env.task
def traces() -> None:
    traced(secret())


@plain.task
def prints_input(value: str) -> None:
    print(value)


@env.task
def starts_a_run() -> None:
    flyte.run(prints_input, value=secret())


@warm.task
async def prints_again() -> int:
    print(secret())
    return os.getpid()


@env.task
def length() -> int:
    return len(secret())


@env.task(cache="auto")
def cached_length(x: int) -> int:
    return len(secret())


@env.task(cache="auto")
def returns(way: str) -> dict[str, str]:
    value = secret()
    if way == "base64":
        value = base64.b64encode(value.encode()).decode()
    return {"value": f"<<{value}>>" if way == "inside" else value, "when": str(time.time_ns())}


@plain.task(cache="auto")
def cached_text(value: str) -> int:
    return len(value)


@env.task
def hands_on() -> int:
    return cached_text(secret())


@env.task
def shown_by_the_system(core: str) -> list[str]:
    """:param core: what to look for, backwards, so that it is not in the arguments of whoever asks"""
    looked_for = core[::-1].encode()
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline") + [f"/proc/{pid}/environ" for pid in ("self", os.getppid())]:
        try:
            with open(path, "rb") as file:
                if looked_for in file.read():
                    found.append(path)
        except OSError:
            continue
    return found


@files.task
def mounted() -> dict[str, str]:
    where = os.environ["FLYTE_SECRETS_DEFAULT_DIR"]
    with open(f"{MOUNT}/canary") as file:
        text = file.read()
    modes = {name: oct(os.stat(path).st_mode & 0o777) for name, path in (("file", f"{MOUNT}/canary"), ("folder", where))}
    return {"text": str(len(text)), "where": where, **modes}


@files.task
def read(path: str) -> int:
    with open(path) as file:
        return len(file.read())


@files.task
def read_by_a_program() -> int:
    return len(subprocess.check_output(["sh", "-c", 'cat "$FLYTE_SECRETS_DEFAULT_DIR/canary"']))


@plain.task
def has_folder() -> bool:
    return os.path.exists(MOUNT) or "FLYTE_SECRETS_DEFAULT_DIR" in os.environ


@plain.task
def nothing() -> None:
    """Do nothing."""


@env.task
def has_it() -> bool:
    return "CANARY" in os.environ


@plain.task
def has_it_too() -> bool:
    return "CANARY" in os.environ


@files.task
def has_it_as_well() -> bool:
    return "CANARY" in os.environ


@env.task
def variables_around_a_secret() -> list[bool]:
    return [has_it(), has_it_too(), has_it_as_well()]


@env.task
def server_with() -> int:
    return os.getppid()


@plain.task
def server_without() -> int:
    return os.getppid()
