"""FAULTS 2.6: a secret has one home, the environment of the process that asked for it.

Every test with the fixture `canary` ends with a search of all its files, the home of its runs included, for that value.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import canary as canaries
import pytest
from faults.outside import GONE_WITHIN
from faults.outside import Program
from faults.outside import wait_until
from hypothesis import given
from hypothesis import strategies as st
from programs import secretive

import localflyte as flyte
from localflyte import errors
from localflyte.api.resolve import plan_for
from localflyte.launch.secrets import give_secrets
from localflyte.launch.serverspec import ServerSpec
from localflyte.running import surroundings
from localflyte.spec.invocation import Invocation
from localflyte.spec.run import RunRequest

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).parent / "golden" / "environment.txt"
IN_MEMORY = Path("/dev/shm")


@pytest.fixture
def value(canary: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The value of the secret, in the caller's environment, and a home that no other run has used."""
    monkeypatch.setenv("CANARY", canary)
    return canary


def run(task: Any, *sinks: Any, **inputs: Any) -> Any:
    return flyte.with_runcontext(sinks=sinks or (lambda event: None,)).run(task, **inputs).outputs()[0]


def failing(task: Any, **inputs: Any) -> errors.BaseRuntimeError:
    with pytest.raises(errors.BaseRuntimeError) as caught:
        run(task, **inputs)
    return caught.value


def folder_of(home: Path) -> Path:
    (folder,) = (home / "runs").iterdir()
    return folder


def notices(events: list[Any]) -> list[str]:
    return [event.data["text"] for event in events if event.kind == "notice"]


def places_in_memory() -> list[Path]:
    return list(IN_MEMORY.glob("localflyte-secrets-*"))


class TestRow71:
    """Whatever a task does with its secret on the way out: people see ``***``."""

    @pytest.mark.parametrize("way", secretive.WAYS)
    def test_row_71_what_a_task_prints_is_masked(self, value: str, home: Path, way: str) -> None:
        assert run(secretive.prints, way=way) == len(value)
        log = b"".join(path.read_bytes() for path in (folder_of(home) / "logs").iterdir())
        assert b"***" in log

    @pytest.mark.parametrize("way", ["raise", "chain", "group", "exit", "custom", "retry"])
    def test_row_71_what_a_task_raises_is_masked(self, value: str, home: Path, way: str) -> None:
        error = failing(secretive.raises.override(retries=1 if way == "retry" else 0), way=way)
        told = f"{error}{error.code}{error.remote_traceback}{getattr(error, '__notes__', '')}"
        assert "***" in told
        assert canaries.CORE not in told
        assert "***" in (folder_of(home) / "journal.jsonl").read_text()
        assert "***" in (folder_of(home) / "index.html").read_text()

    def test_row_71_what_a_caller_sees_of_it_is_masked(self, value: str) -> None:
        assert run(secretive.catches) == "RuntimeUserError: bad ***"

    def test_row_71_a_report_is_masked(self, value: str, home: Path) -> None:
        run(secretive.reports)
        report = (folder_of(home) / "reports" / "a0.html").read_text()
        assert report.count("***") >= 2
        assert "<b>" in report

    def test_row_71_a_trace_is_masked(self, value: str) -> None:
        run(secretive.traces)

    def test_row_71_a_run_that_a_task_starts_is_masked(self, value: str, home: Path) -> None:
        run(secretive.starts_a_run)
        assert len(list((home / "runs").iterdir())) == 2

    def test_row_71_a_replica_that_an_earlier_run_started_is_masked(self, value: str, home: Path) -> None:
        assert run(secretive.prints_again) == run(secretive.prints_again)
        logs = [path.read_text() for path in (home / "runs").glob("*/logs/a0.0.out.txt")]
        assert logs == ["***\n", "***\n"]

    def test_row_71_a_module_that_prints_while_it_is_imported_is_masked(self, canary: str, start: Callable[..., Program]) -> None:
        program = start(AT_IMPORT, env={"CANARY": canary})
        assert program.finish() == 0, program.err
        assert program.out.splitlines() == ["imported ***", "at import ***"]

    def test_row_71_the_terminal_sees_nothing_of_it(self, canary: str, start: Callable[..., Program]) -> None:
        program = start(SHOWN, "-m", "localflyte", "run", "program.py", "main", env={"CANARY": canary})
        assert program.finish() == 1
        shown = program.out + program.err
        assert shown.count("***") >= 3
        assert not any(form in shown.encode() for form in canaries.FORMS)

    @pytest.mark.parametrize("column", ["--verbose", "--json"])
    def test_row_71_nor_does_who_asks_for_more(self, canary: str, start: Callable[..., Program], column: str) -> None:
        program = start(SHOWN, "-m", "localflyte", "run", column, "program.py", "main", env={"CANARY": canary})
        assert program.finish() == 1
        assert not any(form in (program.out + program.err).encode() for form in canaries.FORMS)

    def test_row_71_a_short_value_is_warned_about(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CANARY", "12345")
        events: list[Any] = []
        assert run(secretive.prints, events.append, way="plain") == 5
        assert notices(events) == [
            "the secret canary has fewer than 6 characters and is not hidden in logs: it would hide innocent words too"
        ]


class TestRow72:
    """Whatever is kept or shown of a run says which secret it was, never what was in it."""

    def test_row_72_events_say_only_the_name(self, value: str) -> None:
        events: list[Any] = []
        run(secretive.length, events.append)
        assert canaries.CORE not in repr(events)

    def test_row_72_keys_and_records_hold_no_value(self, value: str, home: Path) -> None:
        assert run(secretive.cached_length, x=1) == len(value)
        assert any((home / "store").rglob("*"))

    def test_row_72_a_new_value_is_no_new_key(self, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
        assert run(secretive.cached_length, x=1) == len(value)
        monkeypatch.setenv("CANARY", value + "longer")
        assert run(secretive.cached_length, x=1) == len(value)

    @given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=8, max_size=40))
    def test_row_72_no_repr_tells_it(self, text: str) -> None:
        value = f"canary{text}"
        around = replace(surroundings(), env={"CANARY": value})
        plan = plan_for(secretive.mounted)
        request = RunRequest(invocation=Invocation(plan=plan, inputs={}), surroundings=around)
        found = give_secrets(plan, around, Path("/nowhere"))
        spec = ServerSpec(python="", cwd="", env=found.variables, start_env={}, sys_path=(), argv=(), alias=False, umask=0, mounts={})
        for shown in (repr(request), repr(plan), repr(found), repr(spec), str(plan.secrets)):
            assert value not in shown
            assert repr(value)[1:-1] not in shown
        assert "canary" in repr(plan)

    @pytest.mark.parametrize("command", [["runs"], ["show"], ["logs"], ["show", "--json"]])
    def test_row_72_history_tells_only_the_name(self, value: str, start: Callable[..., Program], home: Path, command: list[str]) -> None:
        run(secretive.prints, way="plain")
        name = [folder_of(home).name] if command != ["runs"] else []
        program = start("", "-m", "localflyte", *command[:1], *name, *command[1:], env={"LOCALFLYTE_HOME": str(home)})
        program.finish()
        assert folder_of(home).name in program.out or "***" in program.out, program.err
        assert not any(form in (program.out + program.err).encode() for form in canaries.FORMS)


class TestRow73:
    """Who looks at the processes of the machine sees nothing: no argument, no variable of a block that the system shows."""

    def test_row_73_no_process_shows_it(self, value: str) -> None:
        assert run(secretive.shown_by_the_system, core=canaries.CORE[::-1]) == []

    def test_row_73_a_file_is_for_its_owner_alone(self, value: str) -> None:
        seen = run(secretive.mounted)
        assert seen["text"] == str(len(value))
        assert (seen["file"], seen["folder"]) == ("0o600", "0o700")
        if IN_MEMORY.is_dir() and os.access(IN_MEMORY, os.W_OK):
            assert seen["where"].startswith(str(IN_MEMORY))

    def test_row_73_a_file_goes_with_the_engine(self, value: str) -> None:
        from localflyte.engine.thread import close_engine

        where = Path(run(secretive.mounted)["where"])
        assert where.is_dir()
        close_engine()
        assert not where.exists()
        assert not where.parent.exists()

    def test_row_73_a_file_is_gone_soon_after_an_engine_is_killed(self, canary: str, start: Callable[..., Program]) -> None:
        program = start(WAITS, env={"CANARY": canary})
        program.wait_for("started")
        assert any(place.name.startswith(f"localflyte-secrets-{program.process.pid}.") for place in places_in_memory())
        program.send(signal.SIGKILL)
        program.process.wait()
        assert not program.left_after()
        wait_until(lambda: not canaries.traces_of_canary(*places_in_memory()))

    def test_row_73_what_nobody_could_remove_the_next_engine_does(self, canary: str, start: Callable[..., Program]) -> None:
        program = start(WAITS, env={"CANARY": canary})
        program.wait_for("started")
        server = program.me.children()
        server[0].kill()  # it would have removed the files
        program.send(signal.SIGKILL)
        program.process.wait()
        assert not program.left_after(GONE_WITHIN)
        run(secretive.nothing)
        assert not [place for place in places_in_memory() if place.name.startswith(f"localflyte-secrets-{program.process.pid}.")]

    @pytest.mark.parametrize("path", ["canary", "CANARY"])
    def test_row_73_a_program_finds_the_file_where_it_is_on_a_cluster(self, value: str, path: str) -> None:
        assert run(secretive.read, path=f"/etc/flyte/secrets/{path}") == len(value)

    def test_row_73_a_program_that_a_task_starts_is_told_where_it_is(self, value: str) -> None:
        assert run(secretive.read_by_a_program) == len(value)

    def test_row_73_others_have_no_such_folder(self, value: str) -> None:
        assert run(secretive.has_folder) is os.path.exists("/etc/flyte/secrets")


class TestRow74:
    """A result that holds a secret goes to its caller, and is not kept."""

    @pytest.mark.parametrize("way", ["plain", "base64", "inside"])
    def test_row_74_an_output_that_holds_it_is_not_stored_and_that_is_said(self, value: str, home: Path, way: str) -> None:
        events: list[Any] = []
        first = run(secretive.returns, events.append, way=way)
        assert run(secretive.returns, way=way) != first, "it was a hit"
        assert [text for text in notices(events) if "holds the value of a secret: its result is not cached" in text]
        assert not [event for event in events if event.kind == "action.stored"]

    def test_row_74_nor_is_the_result_of_an_input_that_holds_it(self, value: str) -> None:
        events: list[Any] = []
        run(secretive.hands_on, events.append)
        assert len(notices(events)) == 1
        assert "an input of secretive_plain.cached_text holds the value of a secret" in notices(events)[0]

    def test_row_74_any_other_result_is_stored(self, value: str) -> None:
        events: list[Any] = []
        run(secretive.cached_length, events.append, x=2)
        assert [event for event in events if event.kind == "action.stored"]


class TestRow75:
    """A task has what it declared and a short list, and nothing of what is around its caller."""

    def test_row_75_the_environment_of_an_empty_task(self, home: Path, tmp_path: Path) -> None:
        """The caller has one of everything; what comes through is a golden file."""
        (tmp_path / "program.py").write_text(EMPTY)
        passed = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT), "TZ": "UTC"}
        ours = {"LOCALFLYTE_HOME": str(home), "LOCALFLYTE_PREFORK": "1", "LOCALFLYTE_SECRETS_FILE": "/nowhere"}
        more = dict.fromkeys(
            ("AWS_SECRET_ACCESS_KEY", "PYTEST_CURRENT_TEST", "OMP_NUM_THREADS", "LD_PRELOAD", "FLYTE_API_KEY", "SHLVL"), ""
        )
        environ = {**passed, **ours, **more, "https_proxy": "http://me:password@proxy:3128", "no_proxy": "localhost"}
        done = subprocess.run(
            [sys.executable, "program.py"], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        golden = [row for row in GOLDEN.read_text().splitlines() if not row.startswith("#")]
        assert sorted(_without_what_changes(row) for row in done.stdout.splitlines()) == golden

    def test_row_75_a_task_that_did_not_ask_has_none(self, value: str) -> None:
        assert run(secretive.variables_around_a_secret) == [True, False, False]

    def test_row_75_nor_has_its_server(self, value: str) -> None:
        servers = [run(task) for task in (secretive.server_with, secretive.server_without, secretive.server_with)]
        assert servers[0] == servers[2]
        assert servers[0] != servers[1]

    def test_row_75_a_module_finds_it_when_it_is_imported(self, canary: str, start: Callable[..., Program]) -> None:
        program = start(AT_IMPORT, env={"CANARY": canary})
        assert program.finish() == 0
        assert "at import ***" in program.out


class TestMissing:
    def test_it_fails_before_it_starts_and_is_not_tried_again(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CANARY", raising=False)
        events: list[Any] = []
        with pytest.raises(errors.SecretNotFoundError, match="Set CANARY in the environment") as caught:
            run(secretive.length.override(retries=3), events.append)
        assert caught.value.code == "SecretNotFoundError"
        assert not [event for event in events if event.kind in {"attempt.started", "action.retrying"}]

    def test_a_caller_can_catch_it_by_its_class(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CANARY", raising=False)
        assert run(secretive.catches_missing) == "SecretNotFoundError"

    @pytest.mark.parametrize("place", ["dotenv", "file"])
    def test_it_may_lie_in_a_file(self, canary: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
        monkeypatch.chdir(tmp_path)
        path = tmp_path / (".env" if place == "dotenv" else "secrets.toml")
        path.write_text(f"CANARY='{canary}'" if place == "dotenv" else f"canary = '{canary}'")
        path.chmod(0o600)
        canaries.sources.add(path)
        monkeypatch.setenv("LOCALFLYTE_SECRETS_FILE", str(tmp_path / "secrets.toml"))
        monkeypatch.delenv("CANARY", raising=False)
        assert run(secretive.length) == len(canary)


def _without_what_changes(row: str) -> str:
    name, _, value = row.partition("=")
    return f"{name}=..." if name in {"PATH", "HOME", "PYTHONPATH", "RUN_NAME", "_LOCALFLYTE_ENGINE"} else f"{name}={value}"


EMPTY = """
import localflyte as flyte, os
env = flyte.TaskEnvironment("empty")

@env.task
def dump() -> dict[str, str]:
    return dict(os.environ)

if __name__ == "__main__":
    print(*(f"{name}={value}" for name, value in flyte.run(dump).outputs()[0].items()), sep="\\n")
"""
AT_IMPORT = """
import localflyte as flyte, os
env = flyte.TaskEnvironment("imports", secrets="canary")
VALUE = os.environ.get("CANARY", "")
if __name__ != "__main__":
    print("imported", VALUE)

@env.task
def at_import() -> None:
    print("at import", VALUE)

if __name__ == "__main__":
    flyte.run(at_import)
"""
SHOWN = """
import flyte, os, sys
env = flyte.TaskEnvironment("shown", secrets="canary")

@env.task
def prints() -> None:
    print("printed", os.environ["CANARY"])

@env.task
def raises() -> None:
    value = os.environ["CANARY"]
    print("to stderr", value, file=sys.stderr)
    raise ValueError(f"raised {value}")

@env.task
def main() -> None:
    prints()
    raises()
"""
WAITS = """
import localflyte as flyte, time
env = flyte.TaskEnvironment("waits", secrets=flyte.Secret("canary", mount="/etc/flyte/secrets"))

@env.task
def waits() -> None:
    open("/etc/flyte/secrets/canary").close()
    open("started", "w").close()
    time.sleep(1000)

if __name__ == "__main__":
    flyte.run(waits)
"""
