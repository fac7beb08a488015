"""flyte.report: the HTML that a task writes about itself, in tabs; the last flush is what people see.

It is kept as a page in the folder of the run, ``reports/<action>.html``; how that looks, and what the HTML in it may do, says
localflyte/observe/report.py. Outside a task there is nobody to show it to: everything works, and nothing is kept.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any

from localflyte.api.context import current
from localflyte.api.port import current_port
from localflyte.syncify import WithAio

if TYPE_CHECKING:
    from localflyte.api.context import TaskContext

__all__ = ("Report", "Tab", "Timeline", "abbreviate", "current_report", "duration_ms", "flush", "get_tab", "log", "replace")

MAIN = "main"
LONGEST_TEXT = 20_000  # characters of one value in a report; a page with a whole response body in it opens slowly


@dataclass
class Tab:
    """One tab: pieces of HTML, one below the other."""

    name: str
    content: list[str] = field(default_factory=list, init=False)

    def log(self, content: str) -> None:
        """Add HTML at the end."""
        self.content.append(content)

    def replace(self, content: str) -> None:
        """Put HTML in the place of all that was there."""
        self.content = [content]

    def get_html(self) -> str:
        """:return: all of it"""
        return "\n".join(self.content)


@dataclass
class Report:
    """A page with tabs. The tab ``main`` is always there, and shown when something is in it."""

    name: str
    tabs: dict[str, Tab] = field(default_factory=dict)
    template_path: os.PathLike[str] | None = None
    """HTML of one's own, with ``$NAV_HTML`` and ``$BODY_HTML`` where the tabs and their contents go."""
    title: str = field(default="", kw_only=True)
    """What stands above the tabs instead of the name, as text."""
    place: str = field(default="", kw_only=True)
    """Where the report comes from, as text below the title."""

    def __post_init__(self) -> None:
        self.tabs.setdefault(MAIN, Tab(MAIN))

    def has_content(self) -> bool:
        """:return: whether anything was written to any tab"""
        return any(tab.content for tab in self.tabs.values())

    def get_tab(self, name: str, create_if_missing: bool = True) -> Tab:
        """Get a tab by its name.

        :raises ValueError: if it is not there and must not be made
        """
        if name not in self.tabs:
            if not create_if_missing:
                raise ValueError(f"Tab {name} does not exist. There are: {', '.join(self.tabs)}.")
            self.tabs[name] = Tab(name)
        return self.tabs[name]

    def get_final_report(self) -> str:
        """:return: the whole page; the HTML of a template is shown on it as that of a tab is"""
        from localflyte.observe.report import render_report

        shown = [tab for tab in self.tabs.values() if tab.content or tab.name != MAIN]
        tabs = [(tab.name, tab.get_html()) for tab in shown]
        if self.template_path is not None:
            tabs = [(self.name, _filled(self.template_path, tabs))]
        return render_report(self.title or self.name, self.place, tabs)


_written: dict[int, tuple[object, Report]] = {}


def current_report() -> Report:
    """:return: the report of the task that is under way; outside a task, one that nobody will see"""
    context = current()
    if context is None:
        return Report("dummy")
    # By identity: a retry in the same process has an equal action, and a page of its own.
    action = context.task_action
    known = _written.get(id(action))
    if known is None:
        known = _written[id(action)] = action, _report_of(context)
    return known[1]


def forget_report(context: TaskContext | None) -> None:
    """Let the page of a task go that has ended, in a process that serves others."""
    if context is not None:
        _written.pop(id(context.task_action), None)


def get_tab(name: str, /, create_if_missing: bool = True) -> Tab:
    """Get a tab of the current report.

    :raises ValueError: if it is not there and must not be made
    """
    return current_report().get_tab(name, create_if_missing)


def _log(content: str, do_flush: bool = False) -> None:
    """Add HTML to the main tab.

    :param do_flush: show it now, not only at the end of the task
    """
    get_tab(MAIN).log(content)
    if do_flush:
        _flush()


def _replace(content: str, do_flush: bool = False) -> None:
    """Put HTML in the place of all that the main tab has.

    :param do_flush: show it now, not only at the end of the task
    """
    get_tab(MAIN).replace(content)
    if do_flush:
        _flush()


def _flush() -> None:
    """Write the page to the folder of the run. A task that was declared with ``report=True`` does it at its end by itself."""
    from localflyte.runs.folder import REPORTS
    from localflyte.runs.folder import write_private_file

    context, port = current(), current_port()
    if context is None or port is None or not context.run_base_dir:
        return
    path = os.path.join(context.run_base_dir, REPORTS, f"{_name_of(context)}.html")
    # In one step: who has the page open never reads half of it.
    write_private_file(path, current_report().get_final_report().encode("utf-8", "backslashreplace"))
    port.tell("report", {"path": path})


log = WithAio(_log)
replace = WithAio(_replace)
flush = WithAio(_flush)


def flush_at_end() -> None:
    """Write the page when something was put into it: what a worker does after a task with ``report=True`` has returned."""
    if current_report().has_content():
        _flush()


class Timeline:
    """A tab in which rows are added one below the other, as things happen.

    :param tab_name: the tab
    """

    def __init__(self, tab_name: str = MAIN) -> None:
        self.tab_name = tab_name

    def heading(self, text: Any) -> None:
        """Begin a part."""
        from html import escape

        get_tab(self.tab_name).log(f'<h3 style="margin:.8rem 0 .3rem">{escape(str(text))}</h3>')

    def row(self, *, icon: str = "•", label: Any = "", meta: str = "", detail: str = "", error: Any = None) -> None:
        """Add a row.

        :param icon: a sign before it, as HTML
        :param meta: a word beside the label, such as how long it took
        :param detail: more of it, as HTML
        :param error: what went wrong
        """
        from html import escape

        parts = [icon, f"<b>{escape(str(label))}</b>", f'<small style="color:#6b6b78">{escape(meta)}</small>' if meta else "", detail]
        if error:
            parts.append(f'<span style="color:#c62f3b">{abbreviate(error, 200)}</span>')
        row = " ".join(part for part in parts if part)
        # The rules stand in the row, so that one who has a template of his own sees the same.
        get_tab(self.tab_name).log(f'<div style="padding:.25rem 0;border-bottom:1px solid #e4e4ea">{row}</div>')


def abbreviate(value: Any, limit: int = 300) -> str:
    """Show a value as HTML: its first `limit` characters, which open to show the rest."""
    from html import escape

    text = "" if value is None else str(value)
    if len(text) <= limit:
        return escape(text)
    rest = f"\n... {len(text) - LONGEST_TEXT:,} more characters are left out" if len(text) > LONGEST_TEXT else ""
    return (
        '<details style="display:inline-block;vertical-align:top;max-width:100%">'
        f'<summary style="cursor:pointer;overflow-wrap:anywhere">{escape(text[:limit])}... (+{len(text) - limit})</summary>'
        f'<pre style="white-space:pre-wrap;overflow-wrap:anywhere">{escape(text[:LONGEST_TEXT])}{rest}</pre></details>'
    )


def duration_ms(start_iso: Any, end_iso: Any) -> str:
    """:return: the time between two ISO 8601 timestamps, as ``"12 ms"``; empty where one of them is none"""
    from datetime import datetime

    try:
        span = datetime.fromisoformat(str(end_iso)) - datetime.fromisoformat(str(start_iso))
    except (ValueError, TypeError):
        return ""
    return f"{span.total_seconds() * 1000:.0f} ms"


def _name_of(context: TaskContext) -> str:
    action = context.task_action or context.action
    return action.name


def _report_of(context: TaskContext) -> Report:
    name = _name_of(context)
    run = context.action.run_name
    return Report(name, title=context.task_name, place=f"Report of action {name}" + (f" in run {run}" if run else ""))


def _filled(template: os.PathLike[str], html_tabs: Sequence[tuple[str, str]]) -> str:
    from html import escape
    from string import Template

    with open(template, encoding="utf-8") as file:
        text = file.read()
    nav = "".join(f'<li onclick="handleLinkClick(this)">{escape(name)}</li>' for name, _ in html_tabs)  # as flyte's own template takes them
    return Template(text).safe_substitute(NAV_HTML=nav, BODY_HTML="".join(f"<div>{body}</div>" for _, body in html_tabs))
