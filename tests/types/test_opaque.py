"""Pickles: what travels by name, what by content, and how the part that cannot travel is named."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from localflyte.types.codec import codec_for
from localflyte.types.opaque import dumps
from localflyte.types.opaque import loads
from localflyte.types.packing import pack
from localflyte.types.refusal import TypeTransformerFailedError


class Holder:
    def __init__(self, **parts: Any) -> None:
        self.__dict__.update(parts)


class Slotted:
    __slots__ = ("lock",)

    def __init__(self) -> None:
        self.lock = threading.Lock()


def test_a_class_of_a_module_travels_by_name() -> None:
    assert loads(dumps(Holder)) is Holder


def test_a_closure_travels_by_content() -> None:
    factor = 3
    assert loads(dumps(lambda value: value * factor))(2) == 6


def function_with_lock() -> Any:
    lock = threading.Lock()
    return lambda: lock


CULPRITS: list[tuple[Any, str]] = [
    (threading.Lock(), "cannot pickle _thread.lock"),
    ([1, threading.Lock()], "[1]: cannot pickle _thread.lock"),
    ({"a": {"b": threading.Lock()}}, "['a']['b']: cannot pickle _thread.lock"),
    (Holder(deep=Holder(lock=threading.Lock())), "deep.lock: cannot pickle _thread.lock"),
    (Slotted(), "lock: cannot pickle _thread.lock"),
    (function_with_lock(), "(its variable 'lock'): cannot pickle _thread.lock"),
]


@pytest.mark.parametrize(("value", "message"), CULPRITS, ids=[message for _, message in CULPRITS])
def test_the_part_that_cannot_be_pickled_is_named(value: Any, message: str) -> None:
    with pytest.raises(TypeTransformerFailedError) as caught:
        pack(codec_for(Any), value)
    assert message in str(caught.value)


def test_only_a_type_that_is_opaque_opens_a_pickle() -> None:
    pickled = pack(codec_for(Any), Holder())
    from localflyte.types.packing import unpack

    assert type(unpack(codec_for(list[int]), pickled)).__name__ == "ExtType"


SCRIPT = """
import sys
sys.path.insert(0, {root!r})

class Thing:
    def __init__(self, value):
        self.value = value

def helper():
    return 1

if __name__ == "__main__":
    from localflyte.types.opaque import dumps, loads
    class Guarded:
        pass
    sent = dumps([Thing(5), helper])
    assert b"__main__" not in sent, sent
    # The worker imports the script under the stem of its file.
    import importlib.util
    spec = importlib.util.spec_from_file_location("my_script", __file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    import subprocess
    worker = "import sys; sys.path[:0] = [{root!r}, {folder!r}]; import my_script; from localflyte.types.opaque import dumps, loads; " \\
        "thing, helper = loads(sys.stdin.buffer.read()); assert type(thing) is my_script.Thing and helper is my_script.helper; " \\
        "sys.stdout.buffer.write(dumps(thing))"
    back = loads(subprocess.run([sys.executable, "-c", worker], input=sent, capture_output=True, check=True).stdout)
    assert type(back) is Thing, type(back)
    # What no worker defines by importing travels by content.
    assert b"Guarded" in dumps(Guarded()) and b"cloudpickle" in dumps(Guarded())
    print("fine", back.value)
"""


def test_a_class_of_the_script_is_one_class_in_script_and_worker(tmp_path: Path) -> None:
    script = tmp_path / "my_script.py"
    root = str(Path(__file__).resolve().parents[2])
    script.write_text(SCRIPT.format(root=root, folder=str(tmp_path)))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.stdout == "fine 5\n", done.stderr
