"""The doctor tells the truth: what works, what does not, and what is left; and it removes what is left of the dead alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from localflyte.cli import checkup
from localflyte.cli import proofs
from localflyte.cli import trials
from localflyte.cli.app import run_command_line
from localflyte.cli.doctor import _clean
from localflyte.cli.finding import Examination
from localflyte.cli.finding import Finding
from localflyte.cli.finding import Verdict
from localflyte.errors import RuntimeSystemError
from localflyte.launch.census import MARK
from localflyte.launch.ground import find_ground
from localflyte.launch.hierarchy import places
from localflyte.runs.lives import life_of
from localflyte.settings import Settings
from localflyte.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
NOT_HERE = () if hasattr(os, "sched_setaffinity") else ("whole cores, by affinity",)


@pytest.fixture
def exam(tmp_path: Path) -> Examination:
    return Examination(Settings(home=tmp_path / "home"), scratch=tmp_path)


def test_everything_that_is_promised_is_proved_here(tmp_path: Path, home: Path) -> None:
    """The whole of it, as a person runs it."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "LOCALFLYTE_GRACE_SECONDS": "2"}
    (tmp_path / "pyproject.toml").write_text("[tool.localflyte]\nmax_depth = 7\n")
    command = [sys.executable, "-m", "localflyte", "doctor", "--json"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=200, check=False)
    assert done.stderr == ""
    said = json.loads(done.stdout)
    assert [row for row in said["findings"] if row["broken"]] == []
    assert (said["healthy"], done.returncode) == (True, 0)
    assert set(proofs.PROOFS) <= {row["what"] for row in said["findings"]}
    rows = {row["name"]: row for row in said["settings"]}
    assert rows["home"] == {"name": "home", "value": str(home), "from": "LOCALFLYTE_HOME"}
    assert rows["grace_seconds"] == {"name": "grace_seconds", "value": 2.0, "from": "LOCALFLYTE_GRACE_SECONDS"}
    assert rows["max_depth"] == {"name": "max_depth", "value": 7, "from": str(tmp_path / "pyproject.toml")}
    assert rows["strict"] == {"name": "strict", "value": False, "from": "default"}
    assert not (home / "runs").exists()  # what was tried has a home of its own


def test_a_broken_thing_is_told_and_is_the_exit_code(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = Finding("a wall", Verdict.NO, "it fell", "Build it again.", broken=True)
    monkeypatch.setattr(checkup, "check_up", lambda exam: iter([bad]))
    monkeypatch.setattr(proofs, "prove", lambda exam: iter([Finding("a roof", Verdict.PARTLY, "it drips")]))
    assert run_command_line(["doctor"]) == 1
    text = capsys.readouterr().out
    assert text.startswith("BROKEN  a wall\n        it fell\n        -> Build it again.\npartly  a roof\n        it drips\n")
    assert text.endswith("Something is broken.\n")


def test_what_is_not_there_is_not_broken(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(checkup, "check_up", lambda exam: iter([Finding("GPUs", Verdict.NO, "none")]))
    monkeypatch.setattr(proofs, "prove", lambda exam: iter([]))
    assert run_command_line(["doctor"]) == 0
    assert capsys.readouterr().out.endswith("Nothing is broken.\n")


# -- proofs that fail ---------------------------------------------------------------------------------------------

WRONG: dict[str, dict[str, Any]] = {
    "process": {"apart": False, "milliseconds": 1.0},
    "memory": {"error": "", "message": "it succeeded"},
    "share": {"share": 0.9},
    "cores": {"cores": [0, 1]},
    "time": {"error": "", "message": "it succeeded", "seconds": 9.0},
    "disk": {"error": "TaskTimeoutError", "message": "too long"},
    "left behind": {"gone": False},
    "variables": {"undeclared": [trials.PLAIN], "declared": [trials.SECRET]},
}


@pytest.mark.parametrize("name", WRONG)
def test_a_promise_that_is_not_kept_is_found(exam: Examination, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(proofs, "usable_cores", lambda: 2.0)
    monkeypatch.setattr(proofs, "_try", lambda exam, name, **variables: WRONG[name])
    proof = getattr(proofs, f"_{name.replace(' ', '_')}")
    finding = proof(exam, name)
    assert finding.verdict is not Verdict.YES
    assert finding.broken or sys.platform != "linux"


def test_a_trial_that_comes_to_nothing_is_one_broken_thing(exam: Examination, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> dict[str, Any]:
        raise RuntimeSystemError("DoctorError", "the trial did not end")

    monkeypatch.setattr(proofs, "_start", fails)
    found = {finding.what: finding for finding in proofs.prove(exam)}
    assert list(found) == list(proofs.PROOFS)
    assert all(finding.broken and finding.how == "the trial did not end" for finding in found.values() if finding.what not in NOT_HERE)


def test_a_trial_that_dies_is_told_with_its_last_words(exam: Examination, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proofs, "PROGRAM", "import sys; print('one'); sys.exit('last words')")
    with pytest.raises(RuntimeSystemError, match="the trial 'memory' ended with exit code 1: last words"):
        proofs._try(exam, "memory")


def test_every_trial_has_its_wrong_answer_here() -> None:
    assert set(WRONG) == set(trials.TRIALS)


# -- the machine --------------------------------------------------------------------------------------------------


def test_a_home_that_cannot_be_is_broken(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    finding = checkup._home(Examination(Settings(home=tmp_path / "file" / "home"), scratch=tmp_path))
    assert finding.broken
    assert "LOCALFLYTE_HOME" in finding.advice


def programs(folder: Path, monkeypatch: pytest.MonkeyPatch, **texts: str) -> None:
    """Let these be the only programs on the PATH, beside those of the system."""
    for name, text in texts.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_a_container_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs(tmp_path, monkeypatch, docker='case "$1" in version) echo 24.0.7 ;; *) echo \'4 ["name=rootless"]\' ;; esac')
    finding = checkup._container_engine(Examination(Settings(home=tmp_path), scratch=tmp_path))
    assert (finding.verdict, finding.how) == (Verdict.YES, f"docker 24.0.7 answers ({tmp_path}/docker, rootless)")
    finding = checkup._container_engine(Examination(Settings(home=tmp_path, image_policy="venv"), scratch=tmp_path))
    assert (finding.verdict, finding.how.endswith("not used, as image_policy = venv")) == (Verdict.NO, True)


@pytest.mark.parametrize("policy", ["auto", "container"])
def test_no_container_engine_is_broken_only_where_it_is_insisted_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str) -> None:
    programs(tmp_path, monkeypatch)
    finding = checkup._container_engine(Examination(Settings(home=tmp_path, image_policy=policy), scratch=tmp_path))
    assert finding.how == "there is no program docker on the PATH; there is no program podman on the PATH"
    assert (finding.verdict, finding.broken) == (Verdict.NO, policy == "container")


@pytest.mark.parametrize(
    ("program", "verdict", "how"),
    [
        ("echo uv 1.2.3", Verdict.YES, "uv 1.2.3 ("),
        ("exit 3", Verdict.NO, "uv ended with 3"),
        ("", Verdict.NO, "there is neither the package"),
    ],
)
def test_uv(exam: Examination, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, verdict: Verdict, how: str) -> None:
    monkeypatch.setitem(sys.modules, "uv", None)
    programs(tmp_path, monkeypatch, **({"uv": program} if program else {}))
    finding = checkup._uv(exam)
    assert (finding.verdict, finding.broken, how in finding.how) == (verdict, False, True)


def test_a_home_that_others_may_read_is_told(exam: Examination) -> None:
    exam.settings.home.mkdir()
    exam.settings.home.chmod(0o755)
    finding = checkup._home(exam)
    assert (finding.verdict, finding.broken) == (Verdict.PARTLY, False)
    assert "chmod 700" in finding.advice


def test_looking_leaves_nothing_in_the_home(exam: Examination) -> None:
    assert checkup._home(exam).verdict is Verdict.YES
    assert checkup._store(exam).verdict is Verdict.YES
    assert list(exam.settings.home.iterdir()) == []


def test_without_control_groups_it_is_said_why(exam: Examination, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "find_ground", lambda: (None, ["the moon is full"]))
    memory, cpu = checkup._cgroup_memory(exam), checkup._cgroup_cpu(exam)
    assert (memory.verdict, memory.how, memory.broken) == (Verdict.NO, "the moon is full", False)
    assert (cpu.verdict, cpu.broken) == (Verdict.NO, False)


def test_without_control_groups_insisting_on_them_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "find_ground", lambda: (None, ["the moon is full"]))
    assert checkup._cgroup_memory(Examination(Settings(home=tmp_path, memory_wall="cgroup"), scratch=tmp_path)).broken


def test_control_groups_that_nobody_wants_are_said_to_be_unused(tmp_path: Path) -> None:
    ground, reasons = find_ground()
    if ground is None:
        pytest.skip(f"no control groups can be made here: {'; '.join(reasons)}")
    finding = checkup._cgroup_memory(Examination(Settings(home=tmp_path, memory_wall="sampler"), scratch=tmp_path))
    assert (finding.verdict, finding.broken) == (Verdict.NO, False)
    assert "killed by the kernel" in finding.how
    assert "not used" in finding.how


def test_a_file_of_secrets_that_others_may_read_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "secrets.toml"
    exam = Examination(Settings(home=tmp_path, secrets_file=path), scratch=tmp_path)
    assert (checkup._secrets_file(exam).verdict, checkup._secrets_file(exam).broken) == (Verdict.NO, False)
    path.write_text('key = "value"\n')
    path.chmod(0o644)
    assert checkup._secrets_file(exam).broken
    assert "chmod 600" in checkup._secrets_file(exam).how
    path.chmod(0o600)
    finding = checkup._secrets_file(exam)
    assert finding.verdict is Verdict.YES
    assert "1 entry" in finding.how
    assert "value" not in finding.how


@pytest.mark.parametrize(("named", "gpus", "verdict"), [("0,1", None, "yes"), ("0", 2, "partly"), ("", None, "no")])
def test_gpus_are_those_that_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, gpus: int | None, verdict: str) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    finding = checkup._gpus(Examination(Settings(home=tmp_path, gpus=gpus), scratch=tmp_path))
    assert (finding.verdict.value, finding.broken) == (verdict, False)


# -- what is left -------------------------------------------------------------------------------------------------

DIES = """
import os, subprocess, sys
from localflyte.launch.census import enroll, mark
from localflyte.launch.ground import find_ground
from localflyte.launch.mounts import Mounts
from localflyte.launch.wall import WallMaker
home = sys.argv[1]
enroll(home)
Mounts(home).create([("key", "value")])
nap = [sys.executable, "-c", "import time; time.sleep(100)"]
left = [subprocess.Popen(nap, start_new_session=True, stdout=subprocess.DEVNULL, env={**os.environ, **mark()}) for _ in range(2)]
ground = find_ground()[0]
if ground is not None:
    WallMaker(ground._replace(leaf="")).make("left", [left[0].pid], memory=1 << 26, cpu=None)
print(os.getpid(), *[process.pid for process in left], flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="what a killed engine left is found by /proc")
def test_what_a_killed_engine_left_is_found_and_removed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", DIES, str(home)], env=env, stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    engine, *orphans = map(int, done.stdout.split())
    exam = Examination(load_settings())
    assert checkup._leftovers(exam).verdict is Verdict.NO
    assert run_command_line(["doctor", "--clean"]) == 0
    assert "1 engines had not ended in order" in capsys.readouterr().out
    assert [pid for pid in orphans if life_of(pid) is not None] == []
    assert not [name for name in os.listdir("/dev/shm") if name.startswith(f"localflyte-secrets-{engine}.")]
    assert run_command_line(["doctor", "--clean", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["engines"], again["processes"], again["left"]) == (0, 0, 0)


@pytest.mark.skipif(not places(), reason="this system has no cgroups")
def test_what_a_living_engine_has_is_left_alone(home: Path) -> None:
    me = life_of(os.getpid())
    nap = [sys.executable, "-c", "import time; time.sleep(100)"]
    with subprocess.Popen(nap, env={**os.environ, MARK: str(me)}) as process:
        assert _clean(load_settings())["processes"] == 0
        assert psutil.Process(process.pid).is_running()
        process.kill()
