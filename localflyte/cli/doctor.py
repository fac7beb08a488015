"""Doctor: ``localflyte doctor``, which walls this machine has, proved by running into them, and what is left of killed engines."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from dataclasses import fields
from textwrap import wrap

import click

from localflyte.cli.exits import ExitCode
from localflyte.cli.finding import Examination
from localflyte.cli.finding import Finding
from localflyte.cli.finding import Verdict
from localflyte.settings import Settings
from localflyte.settings import explain_settings
from localflyte.settings import load_settings

__all__ = ("doctor",)

HELP_NAMES = {"help_option_names": ["-h", "--help"]}
MARKS = {Verdict.YES: "yes", Verdict.PARTLY: "partly", Verdict.NO: "no"}
CLEAN_SECONDS = 2.0  # for what was killed to be gone


@click.command(context_settings=HELP_NAMES)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--clean", is_flag=True, help="Only remove what killed engines left: processes, control groups, files of secrets.")
def doctor(as_json: bool, clean: bool) -> int:
    """Say what this machine holds tasks to, and prove each by running a task into it. It takes about ten seconds.

    It exits with 1 if something is broken. What a system does not have is not broken.
    """
    settings = load_settings()
    if clean:
        removed = _clean(settings)
        print(json.dumps(removed) if as_json else _removed(removed))
        return ExitCode.SUCCEEDED
    with _examination(settings) as exam:
        findings = []
        for finding in _findings(exam):
            findings.append(finding)
            if not as_json:
                print("\n".join(_lines(finding)), flush=True)
        rows = _settings(exam)
    broken = any(finding.broken for finding in findings)
    if as_json:
        print(json.dumps({"healthy": not broken, "findings": [asdict(finding) for finding in findings], "settings": rows}))
    else:
        print("\n".join(_settings_lines(rows)))
        print("\nSomething is broken." if broken else "\nNothing is broken.")
    return ExitCode.FAILED if broken else ExitCode.SUCCEEDED


@contextmanager
def _examination(settings: Settings) -> Iterator[Examination]:
    exam = Examination(settings, explain_settings())
    try:
        yield exam
    finally:
        shutil.rmtree(exam.scratch, ignore_errors=True)


def _findings(exam: Examination) -> Iterator[Finding]:
    from localflyte.cli.checkup import check_up
    from localflyte.cli.proofs import prove

    yield from check_up(exam)
    yield from prove(exam)


def _lines(finding: Finding) -> Iterator[str]:
    width = max(shutil.get_terminal_size((120, 24)).columns, 60)
    mark = "BROKEN" if finding.broken else MARKS[finding.verdict]
    yield f"{mark:<7} {finding.what}"
    for text in filter(None, (finding.how, finding.advice and f"-> {finding.advice}")):
        yield from wrap(text, width, initial_indent=" " * 8, subsequent_indent=" " * 8, break_long_words=False, break_on_hyphens=False)


def _settings(exam: Examination) -> list[dict[str, object]]:
    """:return: each setting, its value, and who says so"""
    rows = []
    for field in fields(exam.settings):
        value = getattr(exam.settings, field.name)
        rows.append({"name": field.name, "value": _plain(value), "from": exam.origins.get(field.name, "default")})
    return rows


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _settings_lines(rows: list[dict[str, object]]) -> Iterator[str]:
    yield "\nSettings"
    for row in rows:
        value = "(default)" if row["value"] is None else row["value"]
        yield f"        {row['name']!s:<16} {value!s:<24} {'' if row['from'] == 'default' else row['from']}".rstrip()


def _clean(settings: Settings) -> dict[str, int]:
    """Remove what engines left that are no more; what belongs to a living one is not touched."""
    from localflyte.launch.census import killed
    from localflyte.launch.census import sweep
    from localflyte.launch.leftovers import all_group_folders
    from localflyte.launch.leftovers import clean
    from localflyte.launch.leftovers import leftovers
    from localflyte.launch.mounts import Mounts

    home = str(settings.home)
    engines = len(killed(home))
    processes = len(sweep(home))
    Mounts(home)  # looks for folders of secrets that nobody has any more when it is made
    groups, left, give_up = 0, 1, time.monotonic() + CLEAN_SECONDS
    while left and time.monotonic() < give_up:  # what was killed takes a moment to be gone
        removed, left = clean(leftovers(all_group_folders()))
        groups += removed
        time.sleep(0.01 if left else 0)
    return {"engines": engines, "processes": processes, "control_groups": groups, "left": left}


def _removed(counts: dict[str, int]) -> str:
    text = f"{counts['engines']} engines had not ended in order; "
    text += f"{counts['processes']} processes were ended and {counts['control_groups']} control groups removed."
    return text + (f" {counts['left']} groups are still busy; try again." if counts["left"] else "")
