"""Container tasks through the whole of localflyte, with an engine whose containers are commands of this machine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from extras.conftest import PlainDocker
from programs import boxes

import localflyte as flyte
from localflyte.errors import ImageBuildError
from localflyte.errors import OOMError
from localflyte.errors import RuntimeSystemError
from localflyte.errors import RuntimeUserError
from localflyte.errors import TaskTimeoutError
from localflyte.extras import ContainerTask
from localflyte.io import Dir
from localflyte.io import File

pytestmark = pytest.mark.usefixtures("home", "plain")


class TestDeclaring:
    def test_it_has_a_typed_interface(self) -> None:
        assert (
            repr(boxes.values.native_interface)
            == "(flag: bool, number: int, moment: datetime) -> (flag: bool, number: int, moment: datetime, told: str):"
        )
        assert boxes.greet.task_type == "raw-container"
        assert boxes.greet.container_args(None)[:2] == ["sh", "-c"]
        assert repr(boxes.lasts) == "ContainerTask(name='lasts', command=['sh', '-c', 'echo started; exec sleep 1000'])"

    @pytest.mark.parametrize(
        ("settings", "problem"),
        [
            ({"command": ["echo", 3]}, "all elements of command= must be strings"),
            ({"command": "echo hi"}, "all elements of command= must be strings"),
            ({"arguments": [b"x"]}, "all elements of arguments= must be strings"),
            ({"arguments": ["{{.inputs.y}}"]}, "names the input 'y', and its inputs are x"),
            ({"image": "--privileged"}, "needs the URI of an image"),
            ({"inputs": {"../x": int}}, "'../x' is no name of a file"),
            ({"outputs": {"": int}}, "'' is no name of a file"),
            ({"input_data_dir": "var/in"}, "input_data_dir= must be an absolute path"),
            ({"output_data_dir": "/"}, "output_data_dir= must be an absolute path"),
            ({"output_data_dir": None}, "output_data_dir= must be an absolute path"),
            ({"metadata_format": "XML"}, "metadata_format= is one of JSON, YAML, PROTO, got 'XML'"),
            ({"file_input_layout": "FLAT"}, "file_input_layout= is one of DIRECT, NAMED_DIR"),
        ],
    )
    def test_what_cannot_be_run_is_refused(self, settings: dict[str, Any], problem: str) -> None:
        with pytest.raises(ValueError, match=problem.replace("[", r"\[").replace("(", r"\(")):
            ContainerTask(**{"name": "refused", "image": "alpine:3", "command": ["true"], "inputs": {"x": int}, **settings})

    def test_it_cannot_be_called_as_a_function(self) -> None:
        with pytest.raises(RuntimeUserError, match=r"task greet is a container and no function: call it inside a task, or with flyte\.run"):
            boxes.greet(name="x")

    def test_tasks_of_one_image_can_share_an_environment(self) -> None:
        tasks = [ContainerTask(f"shares_{number}", "alpine:3", ["true"]) for number in range(2)]
        assert len(flyte.TaskEnvironment.from_task("sharing", *tasks).tasks) == 2

    def test_it_may_be_an_entrypoint(self) -> None:
        assert ContainerTask("entry", "alpine:3", ["true"], entrypoint=True).entrypoint is True
        assert ContainerTask("plain", "alpine:3", ["true"]).entrypoint is False

    def test_the_command_is_part_of_the_version(self) -> None:
        parts = {ContainerTask("versioned", "alpine:3", ["echo", word]).version_parts()["command"] for word in ("a", "b", "a")}
        assert len(parts) == 2


class TestRunning:
    def test_a_value_is_put_into_the_command_and_one_is_read_back(self, plain: PlainDocker) -> None:
        assert flyte.run(boxes.greet, name="World").outputs()[0] == "Hello, World."
        (command,) = plain.calls("run")
        assert "--init" in command
        assert command[command.index("--") + 1].startswith("sha256:")
        assert plain.calls("rm")[0][-1] == command[command.index("--name") + 1]
        assert not plain.left()

    def test_it_is_called_inside_a_task(self) -> None:
        assert flyte.run(boxes.calls, "you").outputs()[0] == "Hello, you."

    def test_values_of_every_plain_type_go_there_and_back(self) -> None:
        moment = datetime(2026, 2, 3, 4, 5, 6, 7, tzinfo=UTC)
        flag, number, back, told = flyte.run(boxes.values, flag=False, number=-3, moment=moment).outputs()
        assert (flag, number, back) == (False, -3, moment)
        assert json.loads(told) == {"flag": False, "number": -3, "moment": str(moment)}

    def test_a_value_of_another_type_is_refused_before_anything_runs(self, plain: PlainDocker) -> None:
        with pytest.raises(TypeError, match="number"):
            flyte.run(boxes.values, flag=False, number="3", moment=datetime.now(UTC))
        assert not plain.calls("run")

    def test_files_and_folders_are_mounted_for_reading_and_come_back(self, plain: PlainDocker, tmp_path: Path) -> None:
        given = tmp_path / "given"
        given.mkdir()
        for name in ("one", "two", "inner.txt"):
            (given / name).write_text(f"{name}\n")
        one, two = (File.from_local_sync(given / name) for name in ("one", "two"))
        joined, made = flyte.run(boxes.files, one=one, many=[two, one], folder=Dir.from_local_sync(given)).outputs()
        assert Path(joined.path).read_text() == "one\ntwo\none\n"
        assert (Path(made.path) / "inner.txt").read_text() == "inner.txt\n"
        mounts = [word for word in plain.calls("run")[0] if word.startswith("type=bind")]
        assert f"type=bind,source={given}/one,target=/var/inputs/one,readonly" in mounts
        assert not any("readonly" in mount for mount in mounts if mount.endswith(("/var/inputs", "/var/outputs")))

    def test_a_file_keeps_its_name_where_that_is_asked_for(self, tmp_path: Path) -> None:
        for folder in ("a", "b"):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "reads.fastq").write_text(f"{folder}\n")
        one, other = (File.from_local_sync(tmp_path / folder / "reads.fastq") for folder in ("a", "b"))
        names, text = flyte.run(boxes.named, one=one, many=[one, other]).outputs()
        assert names == "one/reads.fastq many/1_reads.fastq many/reads.fastq\n"
        assert text == "a\nb\na\n"

    def test_a_result_is_reused_until_its_command_is_another(self, plain: PlainDocker) -> None:
        first, again = (flyte.run(boxes.counted, number=1).outputs() for _ in range(2))
        assert first == again
        assert len(plain.calls("run")) == 1
        script = boxes.counted.command[-1].replace("cat", "cat -")
        other = ContainerTask(
            "counted", boxes.IMAGE, ["sh", "-c", f"{script} </dev/null"], {"number": int}, None, {"o": int, "u": str}, cache="auto"
        )
        flyte.run(other, number=1)
        assert len(plain.calls("run")) == 2

    def test_variables_go_by_a_file_that_has_no_name(self, plain: PlainDocker) -> None:
        seen = flyte.with_runcontext(env_vars={"SECRET_WORD": "no secret"}).run(boxes.variables).outputs()[0]
        assert seen == "a b$c'\"|x\ny|a0|no secret"
        (command,) = plain.calls("run")
        assert command[command.index("--env-file") + 1].startswith("/dev/fd/")
        assert command[command.index("--env") + 1] == "SEVERAL"
        assert not any("no secret" in word for word in command)

    def test_limits_network_and_label_are_said(self, plain: PlainDocker, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOCALFLYTE_CONTAINER_NETWORK", "none")
        flyte.run(boxes.limits)
        (command,) = plain.calls("run")
        assert {"--memory=67108864", "--memory-swap=67108864", "--cpus=1.000", "--network=none", "--pull=never"} <= set(command)
        assert command[command.index("--label") + 1].startswith("localflyte.engine=")

    def test_it_is_told_which_gpus_are_its_own(self, plain: PlainDocker, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
        task = flyte.extras.ContainerTask(
            "uses_gpu", boxes.IMAGE, ["sh", "-c", "printf %s $CUDA_VISIBLE_DEVICES > /var/outputs/told"],
            outputs={"told": str}, resources=flyte.Resources(gpu=1),
        )  # fmt: skip
        assert flyte.run(task).outputs()[0] == "4"
        assert "--gpus=all" in plain.calls("run")[0]

    def test_nothing_is_left_of_the_run_but_what_was_asked_for(self, home: Path) -> None:
        flyte.run(boxes.greet, name="x")
        assert not list(home.glob("runs/*/containers/*"))
        assert not list(home.glob("runs/*/data/*/*"))

    def test_in_threads_of_this_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOCALFLYTE_ISOLATION", "inline")
        assert flyte.run(boxes.calls, "thread").outputs()[0] == "Hello, thread."


class TestFailing:
    def test_an_exit_code_fails_the_task_with_the_last_that_was_said(self, plain: PlainDocker) -> None:
        with pytest.raises(RuntimeUserError, match=r"The container of task fails \(.*\) ended with exit code 4") as caught:
            flyte.run(boxes.fails, code=4)
        assert caught.value.code == "ContainerExitError"
        assert "before\n" in str(caught.value)
        assert "wrong" in str(caught.value)
        assert "Traceback" not in "".join(caught.value.__notes__ if hasattr(caught.value, "__notes__") else [])
        assert len(plain.calls("run")) == 2  # retries=1

    def test_one_that_is_not_shown_tells_its_last_words_all_the_same(self, capfd: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(RuntimeUserError, match="unseen"):
            flyte.run(boxes.quiet)
        assert "quiet | unseen" not in capfd.readouterr().err

    def test_a_missing_output_is_named_with_what_is_there(self) -> None:
        with pytest.raises(RuntimeUserError, match=r"wrote no output 'wanted': there is no /var/outputs/wanted, only other"):
            flyte.run(boxes.lacks)

    def test_a_kill_for_memory_is_one(self, plain: PlainDocker) -> None:
        plain.order(state={"OOMKilled": True, "ExitCode": 137})
        with pytest.raises(OOMError, match="went over its memory limit"):
            flyte.run(boxes.fails, code=1)

    def test_an_engine_that_refuses_is_no_fault_of_the_task(self, plain: PlainDocker) -> None:
        plain.order(
            run={
                "code": 125,
                "err": "docker: Error response from daemon: no space left on device.\n\nRun 'docker run --help' for more information",
            }
        )
        with pytest.raises(RuntimeSystemError, match="docker refused to start a container of .*: .* no space left on device"):
            flyte.run(boxes.lasts)

    def test_a_program_that_the_image_has_not(self) -> None:
        task = ContainerTask("nothing", boxes.IMAGE, ["no-such-program"])
        with pytest.raises(RuntimeSystemError, match="has no such program as the command begins with: .*no-such-program"):
            flyte.run(task)

    def test_a_container_that_its_command_left_behind_is_removed(self, plain: PlainDocker) -> None:
        plain.order(run={"quits": 125})
        with pytest.raises(RuntimeSystemError, match="ran still when `docker run` ended with exit code 125"):
            flyte.run(boxes.lasts)
        assert not plain.left()

    def test_a_timeout_ends_the_container(self, plain: PlainDocker) -> None:
        with pytest.raises(TaskTimeoutError):
            flyte.run(boxes.hasty)
        assert not plain.left()

    def test_one_that_will_not_end_is_removed_after_the_grace(self, plain: PlainDocker, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOCALFLYTE_GRACE_SECONDS", "0.2")
        with pytest.raises(TaskTimeoutError):
            flyte.run(boxes.stubborn.override(timeout=1))
        assert not plain.left()

    def test_the_process_of_the_call_may_be_killed(self, plain: PlainDocker, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOCALFLYTE_SYSTEM_RETRIES", "0")
        with pytest.raises(RuntimeSystemError, match="was killed by SIGKILL"):
            flyte.with_runcontext(sinks=[on_start(lambda pid: os.kill(pid, signal.SIGKILL))]).run(boxes.lasts)
        assert not plain.left()

    def test_cancelled_in_threads_of_this_process(self, plain: PlainDocker, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOCALFLYTE_ISOLATION", "inline")
        with pytest.raises(TaskTimeoutError):
            flyte.run(boxes.hasty)
        assert not plain.left()

    def test_without_an_engine_it_is_refused_before_it_runs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOCALFLYTE_CONTAINER_ENGINE", "none")
        with pytest.raises(
            ImageBuildError, match=r"Task lasts is a container, and .*: the setting container_engine is none\. Install docker or podman"
        ):
            flyte.run(boxes.lasts)

    def test_that_images_are_not_honoured_changes_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOCALFLYTE_IMAGE_POLICY", "host")
        assert flyte.run(boxes.greet, name="x").outputs()[0] == "Hello, x."

    def test_a_file_that_is_named_as_a_value(self, tmp_path: Path) -> None:
        (tmp_path / "a").touch()
        task = ContainerTask("mistaken", boxes.IMAGE, ["cat", "{{.inputs.src}}"], {"src": File})
        with pytest.raises(RuntimeUserError, match="write /var/inputs/src instead"):
            flyte.run(task, src=File.from_local_sync(tmp_path / "a"))

    def test_what_is_too_long_for_a_command_line(self) -> None:
        with pytest.raises(RuntimeUserError, match="longer than a command line can be"):
            flyte.run(boxes.greet, name="x" * (1 << 18))

    def test_secret_files_are_refused_where_tasks_run_in_threads(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOCALFLYTE_ISOLATION", "inline")
        monkeypatch.setenv("WORD", "x")
        with pytest.raises(RuntimeUserError, match="secrets cannot be files"):
            flyte.run(boxes.secretive, stop=Dir.from_local_sync(tmp_path))

    def test_executing_it_by_hand_is_refused(self) -> None:
        import asyncio

        with pytest.raises(RuntimeSystemError, match="call it instead"):
            asyncio.run(boxes.lasts.execute())


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
class TestScripts:
    def test_values_flags_files_and_streams(self, plain: PlainDocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOCALFLYTE_PASS_ENV", "LOCALFLYTE_TEST_*")
        (tmp_path / "src.txt").write_text("content")
        text, log, parts, count = flyte.run(boxes.scripts, File.from_local_sync(tmp_path / "src.txt")).outputs()
        assert (text, parts, count) == ("content", ["a.part", "b.part"], 2)
        assert log == "[--loud][K=v w][L=][it's][--most][3][p]"
        assert not plain.left()

    def test_a_failure_tells_what_was_printed(self) -> None:
        with pytest.raises(RuntimeUserError, match=r"(?s)ended with exit code 7.*of no use"):
            flyte.run(boxes.fails_inside)


def on_start(act: Callable[[int], None]) -> Any:
    """:return: a sink that acts on the process of an attempt once its container prints"""
    pids: list[int] = []

    def sink(event: Any) -> None:
        if event.kind == "attempt.started":
            pids.append(event.data["pid"])
        elif event.kind == "log" and b"started" in event.data["data"]:
            threading.Thread(target=act, args=pids[:1]).start()

    return sink
