"""The engine of a process is the one that the variables of the moment ask for, as a suite of tests changes them from test to test."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from programs import inlined

import localflyte as flyte


def value() -> int:
    return int(flyte.run(inlined.where).outputs()[3])


def test_a_setting_that_is_changed_between_runs_is_heeded(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inlined, "VALUE", 2)
    monkeypatch.setattr(inlined, "helper", lambda: 40)
    isolated = value()
    with monkeypatch.context() as patch:
        patch.setenv("LOCALFLYTE_ISOLATION", "inline")
        patch.setenv("LOCALFLYTE_HOME", str(tmp_path / "other"))
        assert value() == 42
        (folder,) = (tmp_path / "other" / "runs").iterdir()
        assert not (home / "runs" / folder.name).exists()
    assert value() == isolated != 42
    assert len(list((home / "runs").iterdir())) == 2


def test_the_engine_stays_where_nothing_was_changed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from localflyte.engine import thread

    value()
    first = thread._engine
    monkeypatch.setenv("LOCALFLYTE_TEST_SOMETHING", "1")
    monkeypatch.setenv("INLINED_SOMETHING", "1")
    value()
    assert thread._engine is first


def test_a_run_that_goes_on_keeps_its_engine(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is changed meanwhile counts from the first run that begins when it is over."""
    monkeypatch.setenv("LOCALFLYTE_ISOLATION", "inline")
    begun, go_on = threading.Event(), threading.Event()
    seen: list[int] = []

    def waits() -> int:
        begun.set()
        assert go_on.wait(60)
        return 40

    monkeypatch.setattr(inlined, "helper", waits)
    other = threading.Thread(target=lambda: seen.append(value()))
    other.start()
    assert begun.wait(60)
    monkeypatch.setattr(inlined, "helper", lambda: 20)
    monkeypatch.setenv("LOCALFLYTE_HOME", str(tmp_path / "other"))
    assert value() == inlined.VALUE + 20
    assert not (tmp_path / "other").exists()
    go_on.set()
    other.join()
    assert seen == [inlined.VALUE + 40]
    value()
    assert (tmp_path / "other" / "runs").is_dir()
