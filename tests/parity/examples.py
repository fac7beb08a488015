"""Examples: run the example programs of flyte-sdk, unmodified, under the SDK and under localflyte, and write down how they compare.

    python tests/parity/examples.py CHECKOUT --theirs SDK_PYTHON --ours PYTHON [--folder basics ...] [--write docs/parity.md]

Each program runs once with each interpreter, in a scratch copy of the checkout's examples, for at most a minute. What a program
asks for of its cluster, the folder `given` declares for localflyte (queues, cores), and the environment for both (secrets). What came out
is kept in a file of results, so that folders can be run one after the other and the page written from all of them. Why two
outcomes differ is not something that a program can tell: reasons.toml says it, and what has no reason is marked so.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from layout import copy
from layout import roots
from page import page
from verdict import judge
from verdict import last_error
from verdict import left_out
from verdict import rows_of

__all__ = ("main",)

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
MARK = "LOCALFLYTE_TEST_PARITY_MARK"
LEAVE_WITHIN = 8.0  # seconds: the engine's own grace is 5
KEPT_LINES = 20_000  # of each stream
#: The folders that come first: those where the most is that the project promises.
FIRST = ("basics", "caching", "higher_order_patterns", "reuse", "queues", "retries_timeout", "advanced", "customize", "context")
#: The secrets of basics/secret_file_group.py, image/private_base_image.py and the agents.
GIVEN = {"V2_SECRET_TEST": "the content of a secret", "PINGSUTW": "a password of a registry", "ANTHROPIC_API_KEY": "a key of nobody"}


def main() -> int:
    """Run what is asked for, and write the page."""
    options = _options()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # started with "&", a shell has it ignored, and programs inherit that
    results = _load(options.results)
    programs = _programs(options.checkout / "examples", options.folder, options.only)
    if not options.report_only:
        _run_all(options, programs, results)
    if options.write:
        for name in results:
            results[name] |= _told(options.checkout / "examples" / name)
        reasons = tomllib.loads((HERE / "reasons.toml").read_text(encoding="utf-8"))
        head = (HERE / "parity_head.md").read_text(encoding="utf-8")
        options.write.write_text(page(head, rows_of(results, reasons), reasons["kinds"], FIRST), encoding="utf-8")
        print(f"written: {options.write}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="a checkout of flyte-sdk")
    parser.add_argument("--theirs", default=os.environ.get("LOCALFLYTE_TEST_FLYTE_PYTHON"), help="an interpreter with flyte 2.12.1")
    parser.add_argument("--ours", default=sys.executable, help="an interpreter with localflyte's dependencies; this one by default")
    parser.add_argument("--folder", action="append", help="a folder below examples; may be repeated; all of them by default")
    parser.add_argument("--only", action="append", help="run only the programs whose path contains this; may be repeated")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds for each program")
    parser.add_argument(
        "--results", type=Path, default=Path(tempfile.gettempdir()) / "localflyte-parity.json", help="where results are kept"
    )
    parser.add_argument("--again", action="store_true", help="run what has a result already")
    parser.add_argument("--ours-only", action="store_true", help="run only localflyte; keep what the SDK did")
    parser.add_argument("--report-only", action="store_true", help="run nothing; write the page from the results")
    parser.add_argument("--write", type=Path, help="the page to write")
    options = parser.parse_args()
    options.ours = os.path.abspath(options.ours)  # programs run in their own folders; a link stays one, as a venv is known by it
    if not options.theirs and not (options.ours_only or options.report_only):
        parser.error("--theirs, or LOCALFLYTE_TEST_FLYTE_PYTHON, must name an interpreter with flyte 2.12.1")
    return options


def _programs(examples: Path, folders: list[str] | None, only: list[str] | None) -> list[str]:
    others = sorted(path.name for path in examples.iterdir() if path.is_dir() and path.name not in FIRST)
    found = [] if folders else sorted(path.name for path in examples.glob("*.py"))
    for folder in folders or (*FIRST, *others):
        found += sorted(str(path.relative_to(examples)) for path in (examples / folder).rglob("*.py"))
    return [name for name in found if only is None or any(part in name for part in only)]


def _run_all(options: argparse.Namespace, programs: list[str], results: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory(prefix="localflyte-parity-") as scratch, ThreadPoolExecutor(2) as pool:
        copies = copy(options.checkout, HERE / "given", Path(scratch))
        for name in programs:
            known = results.setdefault(name, {})
            if "ours" in known and not options.again:
                continue
            engines = ("ours",) if options.ours_only else ("ours", "theirs")
            started = {engine: pool.submit(run_program, copies[engine], name, engine, options) for engine in engines}
            for engine, future in started.items():
                known[engine] = future.result()
            known |= _told(options.checkout / "examples" / name)
            verdict, note = judge(known)
            print(f"{verdict:12} {known['ours']['ended']:10} {known['theirs']['ended']:10} {name}  {note}", flush=True)
            options.results.write_text(json.dumps(results, indent=1), encoding="utf-8")


def _told(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8", errors="replace")
    return {"main": "__main__" in text, "left_out": left_out(text)}


def run_program(examples: Path, name: str, engine: str, options: argparse.Namespace) -> dict[str, Any]:
    """Run one program as a person would, from its own folder.

    :return: how it ended (``ok``, ``exit N``, ``timeout``), what it printed, the error it ended with, and the processes it left
    """
    path = examples / name
    home = examples.parent / "home"
    home.mkdir(exist_ok=True)
    mark = f"{engine}-{time.time_ns()}"
    env = {key: value for key, value in os.environ.items() if key in ("PATH", "LANG", "LC_ALL", "TERM", "TZ", "SSL_CERT_FILE")}
    installed = roots(examples, name)
    env |= GIVEN | {"HOME": str(home), "TMPDIR": str(home), "FLYTE_DISABLE_SENTRY": "1", MARK: mark, "COLUMNS": "200"}
    if engine == "ours":
        installed = [str(PROJECT), *installed]
        # There is neither an engine nor a network to get images with; the SDK ignores them.
        env |= {"LOCALFLYTE_HOME": str(home / "localflyte"), "LOCALFLYTE_IMAGE_POLICY": "host"}
        command = [options.ours, "-m", "localflyte", path.name]
    else:
        command = [options.theirs, path.name]
    env |= {"PYTHONPATH": os.pathsep.join(installed)}
    began = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            command, cwd=path.parent, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
        )
        try:
            code = process.wait(options.timeout)
            ended = "ok" if code == 0 else f"exit {code}"
        except subprocess.TimeoutExpired:
            ended = "timeout"
            os.killpg(process.pid, signal.SIGINT)  # what Ctrl-C does; tasks have sessions of their own, and must end all the same
        seconds = time.monotonic() - began
        left = _clear(mark)
        process.wait()
        stdout, stderr = _text(out), _text(err)
    return {
        "ended": ended,
        "seconds": round(seconds, 1),
        "stdout": stdout,
        "stderr": stderr,
        "error": last_error(stderr) or last_error(stdout) if ended != "ok" else "",
        "left": left,
    }


def _clear(mark: str) -> list[str]:
    """End every process that carries the mark; how a stray one is found that has left its session.

    :return: the commands of those that were still there after the program and its grace had ended
    """
    patience = time.monotonic() + LEAVE_WITHIN
    while (there := _marked(mark)) and time.monotonic() < patience:
        time.sleep(0.2)
    left = []
    for process in there:
        try:
            left.append(" ".join(process.cmdline())[:120])
        except psutil.Error:
            continue
        _signal(process, signal.SIGKILL)
    return left


def _marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def _signal(process: psutil.Process, number: int) -> None:
    with suppress(psutil.Error):
        process.send_signal(number)


def _text(stream: Any) -> list[str]:
    stream.seek(0)
    lines = stream.read().decode(errors="replace").splitlines()
    return lines if len(lines) <= KEPT_LINES else [*lines[: KEPT_LINES // 2], "...", *lines[-KEPT_LINES // 2 :]]


def _load(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


if __name__ == "__main__":
    sys.exit(main())
