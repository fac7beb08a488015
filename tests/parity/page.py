"""Page: docs/parity.md, from the rows of all programs."""

from __future__ import annotations

from typing import Any

__all__ = ("page",)


def page(head: str, rows: list[Any], kinds: dict[str, str], first: tuple[str, ...]) -> str:
    """Write the page.

    :param head: what stands above the numbers
    :param kinds: each kind of outcome, and what it means
    :param first: the folders that come first; the others follow by name
    """
    by_folder: dict[str, list[Any]] = {}
    for row in rows:
        by_folder.setdefault(row.name.partition("/")[0] if "/" in row.name else "(top)", []).append(row)
    folders = [folder for folder in first if folder in by_folder] + sorted(folder for folder in by_folder if folder not in first)
    lines = [head.rstrip(), "", "## How many", "", *_summary(rows), "", *_totals(by_folder, folders, list(kinds)), ""]
    lines += [f"- **{kind}**: {meaning}" for kind, meaning in kinds.items()]
    for folder in folders:
        lines += ["", f"## {folder}", "", "| program | outcome | flyte 2.12.1 | localflyte | why |", "| --- | --- | --- | --- | --- |"]
        lines += [
            f"| {row.name.removeprefix(folder + '/')} | {row.kind} | {row.theirs} | {row.ours} | {_cell(row.why)} |"
            for row in by_folder[folder]
        ]
    return "\n".join(lines) + "\n"


def _summary(rows: list[Any]) -> list[str]:
    base = [row for row in rows if row.counts]
    same = [row for row in base if row.kind == "same"]
    purpose = [row for row in base if row.kind == "on purpose"]
    rest = [row for row in base if row not in same and row not in purpose]
    written = sum(row.by_hand for row in same)
    more = sum(row.kind == "theirs fails" and row.ours.startswith("ok") for row in rows)
    alike = sum(row.kind == "same" and not row.counts for row in rows)
    listed = f": {', '.join(row.name for row in rest)}" if rest else ""
    return [
        f"{len(rows)} files. {len(base)} of them do something and succeed with the SDK on one machine without a network:",
        "",
        f"- **{len(same)} ({_percent(same, base)}) run unmodified with localflyte, with the same outputs**: {len(same) - written}",
        f"  print the same lines, and {written} something that is written in another way or differs by chance, each with its reason below.",
        f"- {len(purpose)} ({_percent(purpose, base)}) differ on purpose, each with its reason below.",
        f"- {len(rest)} ({_percent(rest, base)}) do neither{listed}.",
        "",
        f"Of those that should be the same, which leaves out what differs on purpose, {_percent(same, [*same, *rest])} are. Beside them,",
        f"{more} files succeed with localflyte and not with the SDK's local mode, and {alike} end with the same error on both sides.",
    ]


def _percent(part: list[Any], of: list[Any]) -> str:
    return f"{100 * len(part) / max(len(of), 1):.1f}%"


def _totals(by_folder: dict[str, list[Any]], folders: list[str], kinds: list[str]) -> list[str]:
    lines = [f"| folder | files | {' | '.join(kinds)} |", "| --- |" + " ---: |" * (len(kinds) + 1)]
    counts = {folder: [sum(row.kind == kind for row in by_folder[folder]) for kind in kinds] for folder in folders}
    for folder in folders:
        lines.append(f"| {folder} | {len(by_folder[folder])} | {' | '.join(str(count or '') for count in counts[folder])} |")
    totals = [sum(counts[folder][index] for folder in folders) for index in range(len(kinds))]
    return [*lines, f"| **all** | {sum(map(len, by_folder.values()))} | {' | '.join(map(str, totals))} |"]


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
