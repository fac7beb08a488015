"""Examples: run the example programs of flyte-sdk, unmodified, under the SDK and under localflyte, and write down how they compare.

    python tests/parity/examples.py CHECKOUT --theirs SDK_PYTHON --ours PYTHON [--folder basics ...] [--write docs/parity.md]

Each program runs once with each interpreter, in a scratch copy of the checkout's examples, for at most a minute. What a program
asks for of its cluster, the folder `given` declares for localflyte (queues), and the environment for both (a secret). What came out
is kept in a file of results, so that folders can be run one after the other and the page written from all of them. Why two
outcomes differ is not something that a program can tell: reasons.toml says it, and what has no reason is marked so.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
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

__all__ = ("main",)

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
MARK = "LOCALFLYTE_TEST_PARITY_MARK"
LEAVE_WITHIN = 8.0  # seconds: the engine's own grace is 5
KEPT_LINES = 400
#: The folders that the project promises to run, then those where programs without servers and models are likely.
FIRST = ("basics", "caching", "higher_order_patterns", "reuse", "queues", "retries_timeout", "advanced", "customize", "context")
GIVEN = {"V2_SECRET_TEST": "the content of a secret"}  # for basics/secret_file_group.py

NOISE = (
    (re.compile(r"\x1b\[[0-9;?]*[A-Za-z]"), ""),
    (re.compile(r"\blocalflyte\b"), "flyte"),
    (re.compile(r"0x[0-9a-f]{6,}"), "0x"),
    (re.compile(r"(file://)?/(tmp|home|root|work|var|__w|usr|opt)/[^\s'\",)\]>]*"), "<path>"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)?"), "<time>"),
    (re.compile(r"\d\d:\d\d:\d\d([.,]\d+)?"), "<time>"),
    (re.compile(r"\b(dry-run|r[0-9a-z]{9,13})\b"), "<run>"),
    (re.compile(r"\b[0-9a-z]{22,64}\b"), "<id>"),
    (re.compile(r"_[a-z0-9_]{8}\b"), "_<random>"),
    (re.compile(r"\b1[678]\d{8}\.\d+"), "<time>"),
    (re.compile(r"\b\d+\.\d+\s*(s|secs?|seconds|ms)\b"), "<seconds>"),
    (re.compile(r"\b(pid|PID|thread)[ =:]*\d+"), "<pid>"),
)
#: A record that the SDK's logger prints to stdout, and its continuation lines.
LOGGED = re.compile(r"^\d\d:\d\d:\d\d\.\d+ +(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b|^ {20,}")
ENDED = re.compile(
    r"^(?:[A-Za-z_][\w]*\.)*([A-Z]\w*(?:Error|Exception|Exit|Interrupt|Breached|Failed|Warning|NotFound|Cancelled)\w*)(?::|$)\s*(.*)"
)


def main() -> int:
    """Run what is asked for, and write the page."""
    options = _options()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # started with "&", a shell has it ignored, and programs inherit that
    results = _load(options.results)
    reasons = _reasons()
    programs = _programs(options.checkout / "examples", options.folder, options.only)
    if not options.report_only:
        _run_all(options, programs, results)
    if options.write:
        options.write.write_text(_page(results, reasons, options), encoding="utf-8")
        print(f"written: {options.write}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="a checkout of flyte-sdk")
    parser.add_argument("--theirs", default=os.environ.get("LOCALFLYTE_TEST_FLYTE_PYTHON"), help="an interpreter with flyte 2.12.1")
    parser.add_argument("--ours", default=sys.executable, help="an interpreter with localflyte's dependencies; this one by default")
    parser.add_argument("--folder", action="append", help="a folder below examples; may be repeated; those promised by default")
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
    if not options.theirs and not (options.ours_only or options.report_only):
        parser.error("--theirs, or LOCALFLYTE_TEST_FLYTE_PYTHON, must name an interpreter with flyte 2.12.1")
    return options


def _programs(examples: Path, folders: list[str] | None, only: list[str] | None) -> list[str]:
    found = []
    for folder in folders or FIRST:
        found += sorted(str(path.relative_to(examples)) for path in (examples / folder).rglob("*.py"))
    return [name for name in found if only is None or any(part in name for part in only)]


def _run_all(options: argparse.Namespace, programs: list[str], results: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory(prefix="localflyte-parity-") as scratch, ThreadPoolExecutor(2) as pool:
        copies = {}
        for engine in ("ours", "theirs"):
            copies[engine] = Path(scratch, engine, "examples")
            shutil.copytree(options.checkout / "examples", copies[engine], symlinks=True)
        shutil.copytree(HERE / "given", copies["ours"], dirs_exist_ok=True)
        for name in programs:
            known = results.setdefault(name, {})
            if "ours" in known and not options.again:
                continue
            engines = ("ours",) if options.ours_only else ("ours", "theirs")
            started = {engine: pool.submit(run_program, copies[engine], name, engine, options) for engine in engines}
            for engine, future in started.items():
                known[engine] = future.result()
            known["main"] = "__main__" in (copies["ours"] / name).read_text(encoding="utf-8", errors="replace")
            verdict, note = judge(known)
            print(f"{verdict:12} {known['ours']['ended']:10} {known.get('theirs', {}).get('ended', ''):10} {name}  {note}", flush=True)
            options.results.write_text(json.dumps(results, indent=1), encoding="utf-8")


def run_program(examples: Path, name: str, engine: str, options: argparse.Namespace) -> dict[str, Any]:
    """Run one program as a person would, from its own folder.

    :return: how it ended (``ok``, ``exit N``, ``timeout``), what it printed, the error it ended with, and the processes it left
    """
    path = examples / name
    home = examples.parent / "home"
    home.mkdir(exist_ok=True)
    mark = f"{engine}-{time.time_ns()}"
    env = {key: value for key, value in os.environ.items() if key in ("PATH", "LANG", "LC_ALL", "TERM", "TZ", "SSL_CERT_FILE")}
    env |= GIVEN | {"HOME": str(home), "TMPDIR": str(home), "FLYTE_DISABLE_SENTRY": "1", MARK: mark, "COLUMNS": "200"}
    if engine == "ours":
        env |= {"PYTHONPATH": str(PROJECT), "LOCALFLYTE_HOME": str(home / "localflyte")}
        command = [options.ours, "-m", "localflyte", path.name]
    else:
        command = [options.theirs, path.name]
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
        "error": _last_error(stderr) or _last_error(stdout) if ended != "ok" else "",
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


def _last_error(lines: list[str]) -> str:
    # Below the error that a failed task became stands the traceback of the task's own process, with an error of its own.
    ends = next((index for index, line in enumerate(lines) if "in the task's own process" in line), len(lines))
    for line in reversed(lines[:ends]):
        match = ENDED.match(line.strip(" │"))
        if match:
            return f"{match[1]}: {match[2]}"[:300]
    return ""


def plain(lines: list[str]) -> list[str]:
    """:return: what a program printed, without log records and without what differs from run to run, in no order"""
    kept = []
    for line in lines:
        if LOGGED.match(line):
            continue
        for pattern, stand_in in NOISE:
            line = pattern.sub(stand_in, line)
        if line.strip():
            kept.append(line.strip())
    return sorted(kept)


def judge(known: dict[str, Any]) -> tuple[str, str]:
    """:return: a verdict of one word or two, and what can be told of it without knowing the program"""
    ours, theirs = known["ours"], known.get("theirs", {"ended": "not run", "stdout": [], "error": "", "left": []})
    if ours["left"]:
        return "leaves", f"localflyte left {len(ours['left'])} processes"
    if ours["ended"] == "ok" == theirs["ended"]:
        if plain(ours["stdout"]) == plain(theirs["stdout"]):
            return "same", "" if known.get("main", True) else "declares only; there is nothing to run"
        return "differs", "the lines printed differ"
    wanted = ours["error"].partition(":")[0], theirs["error"].partition(":")[0]
    if ours["ended"] != "ok" and theirs["ended"] != "ok":
        if wanted[0] == wanted[1] == "ModuleNotFoundError":
            return "package", _missing(theirs["error"])
        if ours["ended"] == theirs["ended"] and wanted[0] == wanted[1]:
            return "same", f"both end with {wanted[0] or ours['ended']}"
        return "both fail", ""
    return ("theirs fails", "") if ours["ended"] == "ok" else ("ours fails", "")


def _missing(error: str) -> str:
    match = re.search(r"'([\w.]+)'", error)
    return f"needs the package {match[1].partition('.')[0]}" if match else error


# ----------------------------------------------------------------------------------------------------------------- page


def _reasons() -> dict[str, dict[str, str]]:
    return tomllib.loads((HERE / "reasons.toml").read_text(encoding="utf-8"))


def _load(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _page(results: dict[str, Any], reasons: dict[str, dict[str, str]], options: argparse.Namespace) -> str:
    rows: dict[str, list[tuple[str, ...]]] = {}
    for name, known in results.items():
        if "ours" in known:
            verdict, note = judge(known)
            said = reasons["programs"].get(name, "") if verdict != "leaves" else ""  # nothing excuses a process left running
            kind, _, why = said.partition(": ") if said else (verdict, "", note)
            if not said and verdict not in ("same", "package"):
                why = why or "not yet looked into"
            rows.setdefault(name.partition("/")[0], []).append((name, kind, _outcome(known["theirs"]), _outcome(known["ours"]), why))
    folders = [folder for folder in FIRST if folder in rows] + sorted(folder for folder in rows if folder not in FIRST)
    kinds = list(dict.fromkeys(reasons["kinds"]))
    head = (HERE / "parity_head.md").read_text(encoding="utf-8").rstrip() + "\n"
    lines = [head, "## How many\n", f"| folder | programs | {' | '.join(kinds)} |", "| --- |" + " ---: |" * (len(kinds) + 1)]
    counts = {folder: [sum(row[1] == kind for row in rows[folder]) for kind in kinds] for folder in folders}
    for folder in folders:
        lines.append(f"| {folder} | {len(rows[folder])} | {' | '.join(str(count or '') for count in counts[folder])} |")
    totals = [sum(counts[folder][index] for folder in folders) for index in range(len(kinds))]
    lines.append(f"| **all** | {sum(map(len, rows.values()))} | {' | '.join(map(str, totals))} |\n")
    lines += [f"- **{kind}**: {meaning}" for kind, meaning in reasons["kinds"].items()]
    for folder in folders:
        lines += [f"\n## {folder}\n", "| program | outcome | flyte 2.12.1 | localflyte | why |", "| --- | --- | --- | --- | --- |"]
        lines += [
            f"| {name.partition('/')[2]} | {kind} | {theirs} | {ours} | {_cell(why)} |" for name, kind, theirs, ours, why in rows[folder]
        ]
    return "\n".join(lines) + "\n"


def _outcome(one: dict[str, Any]) -> str:
    error = one["error"].partition(":")[0]
    return f"{one['ended']}, {one['seconds']:.1f} s" if not error else f"{error}, {one['seconds']:.1f} s"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    sys.exit(main())
