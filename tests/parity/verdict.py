"""Verdict: how what a program did under localflyte compares with what it did under the SDK, as one row of the page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

__all__ = ("Row", "judge", "last_error", "left_out", "plain", "rows_of")

NOISE = (
    (re.compile(r"\x1b\[[0-9;?]*[A-Za-z]"), ""),
    (re.compile(r"\blocalflyte\b"), "flyte"),
    (re.compile(r"0x[0-9a-f]{6,}"), "0x"),
    (re.compile(r"(file://)?/(tmp|home|root|work|var|__w|usr|opt)/[^\s'\",)\]>]*"), "<path>"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)?"), "<time>"),
    (re.compile(r"\d\d:\d\d:\d\d([.,]\d+)?"), "<time>"),
    (re.compile(r"\b(dry-run|r[0-9a-z]{9,13})\b"), "<run>"),
    (re.compile(r"\b([0-9a-z]{20,64}|[0-9a-f]{16})\b"), "<id>"),
    (re.compile(r"run_name='<uuid>'"), "run_name='<run>'"),
    (re.compile(r"_[a-z0-9_]{8}\b"), "_<random>"),
    (re.compile(r"\b1[678]\d{8}\.\d+"), "<time>"),
    (re.compile(r"\b\d+\.\d+\s*(s|secs?|seconds|ms)\b"), "<seconds>"),
    (re.compile(r"\b\d+(\.\d+)? [KMG]i?B/s"), "<rate>"),
    (re.compile(r"\b(pid|PID|thread)[ =:]*\d+"), "<pid>"),
)
#: A record that the SDK's logger prints to stdout, and its continuation lines.
LOGGED = re.compile(r"^\d\d:\d\d:\d\d\.\d+ +(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b|^ {20,}")
ENDED = re.compile(
    r"^(?:[A-Za-z_][\w]*\.)*([A-Z]\w*(?:Error|Exception|Exit|Interrupt|Breached|Failed|Warning|NotFound|Cancelled)\w*)(?::|$)\s*(.*)"
)
NAMED = re.compile(r"No module named '([\w.]+)'")

#: What the project does not do, by what the text of a program says: such programs must import, and say in one line what they need.
LEFT_OUT = (
    (re.compile(r"^\s*(from|import) flyteplugins\b", re.MULTILINE), "a plugin package"),
    (re.compile(r"\bflyte\.ai\b|\bflyte import ai\b"), "flyte.ai"),
    (re.compile(r"\bflyte\.sandbox\b|\bflyte import sandbox\b|\.sandbox\.|import flyte_sandbox"), "a sandbox"),
    (re.compile(r"\bflyte\.app\b|\bflyte import app\b|AppEnvironment|\bflyte\.serve\b|with_servecontext"), "app serving"),
)
OF_FAILURES = ("not yet", "ours fails", "cluster", "package", "timeout", "both fail")  # reasons why something does not succeed here
REFUSALS = ("", "ClusterOnlyError")  # how a program that is left out may end here


@dataclass(frozen=True)
class Row:
    """One program: what each side did, and what is to be said of it."""

    name: str
    kind: str
    theirs: str
    ours: str
    why: str
    #: whether it does something, is no part of what is left out, and succeeds with the SDK: what the percentage is of
    counts: bool
    #: whether a person judged it, and not a comparison
    by_hand: bool


def rows_of(results: dict[str, Any], reasons: dict[str, dict[str, str]]) -> list[Row]:
    """:return: the rows of all programs that have run, in the order of their names"""
    return [_row(name, results[name], reasons["programs"]) for name in sorted(results) if "ours" in results[name]]


def _row(name: str, known: dict[str, Any], programs: dict[str, str]) -> Row:
    verdict, note = judge(known)
    said = programs.get(name, "")
    if not said and verdict in ("same", "theirs fails", "ours fails", "both fail", "differs") and known["theirs"]["ended"] != "ok":
        said = programs.get(f"{name.partition('/')[0]}/", "")  # what the programs of a folder have in common that do not succeed there
    succeeded = known["ours"]["ended"] == "ok"
    if verdict in ("leaves", "left out", "declares") or (succeeded and (verdict == "same" or said.partition(": ")[0] in OF_FAILURES)):
        said = ""  # nothing excuses a process left running, and no reason outlives what it was for
    kind, _, why = said.partition(": ") if said else (verdict, "", note)
    if not said and verdict not in ("same", "package", "left out", "declares"):
        why = why or "not yet looked into"
    counts = known["theirs"]["ended"] == "ok" and kind not in ("left out", "declares")
    return Row(name, kind, _outcome(known["theirs"]), _outcome(known["ours"]), why, counts, bool(said))


def _outcome(one: dict[str, Any]) -> str:
    error = one["error"].partition(":")[0]
    return f"{one['ended']}, {one['seconds']:.1f} s" if not error else f"{error}, {one['seconds']:.1f} s"


def left_out(text: str) -> str:
    """:return: what a program asks for that the project does not do; empty when it asks for nothing of the kind"""
    return next((what for pattern, what in LEFT_OUT if pattern.search(text)), "")


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
    ours, theirs = known["ours"], known["theirs"]
    mine, other = ours["error"].partition(":")[0], theirs["error"].partition(":")[0]
    if ours["left"]:
        return "leaves", f"localflyte left {len(ours['left'])} processes"
    if known.get("left_out") and (mine in REFUSALS or "ClusterOnlyError" in "".join(ours["stderr"][-3:]) or mine == other):
        return "left out", known["left_out"]
    if ours["ended"] == "ok" == theirs["ended"]:
        if not known.get("main", True) and not theirs["stdout"]:
            return "declares", "imported by both; there is nothing to run"
        return ("same", "") if plain(ours["stdout"]) == plain(theirs["stdout"]) else ("differs", "the lines printed differ")
    if ours["ended"] == "timeout" == theirs["ended"]:
        return "timeout", "runs longer than it was given, with both; Ctrl-C ends it with everything it started"
    if ours["ended"] != "ok" != theirs["ended"]:
        lacking = NAMED.search(ours["error"]), NAMED.search(theirs["error"])
        if all(lacking):
            return "package", f"needs the package {lacking[1][1].partition('.')[0]}"
        if ours["ended"] == theirs["ended"] and mine == other:
            return "same", f"both end with {mine or ours['ended']}"
        if (mine, other) == ("ClusterOnlyError", "InitializationError"):
            return "cluster", f"{ours['error'].partition(': ')[2].partition(' needs ')[0]} asks for a control plane, which neither has"
        return "both fail", ""
    return ("theirs fails", "") if ours["ended"] == "ok" else ("ours fails", "")


def last_error(lines: list[str]) -> str:
    """:return: the error that a program ended with, as its last line says it"""
    # Below the error that a failed task became stands the traceback of the task's own process, with an error of its own.
    ends = next((index for index, line in enumerate(lines) if "in the task's own process" in line), len(lines))
    for line in reversed(lines[:ends]):
        match = ENDED.match(line.strip(" │"))
        if match:
            return f"{match[1]}: {match[2]}"[:300]
    return ""
