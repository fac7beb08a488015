"""Page: one self-contained HTML file that shows a run: how it ended, what it called, when, and what went wrong."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from collections.abc import Sequence
from html import escape
from typing import NamedTuple
from urllib.parse import quote

from localflyte.observe.groups import describe_times
from localflyte.observe.groups import group_calls
from localflyte.observe.groups import shown_status
from localflyte.observe.logs import tail
from localflyte.observe.style import PAGE_STYLE
from localflyte.observe.style import open_page
from localflyte.observe.text import bare
from localflyte.observe.text import clock
from localflyte.observe.text import duration
from localflyte.observe.text import one_line
from localflyte.runs.folder import INDEX
from localflyte.runs.folder import write_private_file
from localflyte.runs.history import read_run
from localflyte.runs.record import ActionRecord
from localflyte.runs.record import AttemptRecord
from localflyte.runs.record import RunRecord
from localflyte.spec.event import Event

__all__ = ("PageSink", "render_index", "write_index", "write_page")

MOST_ACTIONS = 5_000  # of a run whose page is written here; that of a larger one takes seconds, and memory, which a process gives back
MOST_SECONDS = 600.0  # that the other process may take

MOST_CHILDREN = 500  # of one caller, each with a row; of more, only the bad ones have one
MOST_BAD = 50  # rows of bad calls beside the row that stands for the others
MOST_ROWS = 3000  # of the table; what is called after that is summed up per task
MOST_REPORTS = 50  # linked above the table; the others in their rows
MOST_ERRORS = 50  # told at length
MOST_TAILS = 10  # errors that are shown with the end of their log
DEEPEST_INDENT = 20


class _Span(NamedTuple):
    """The time that the page covers, in seconds since the epoch."""

    start: float
    length: float

    def bar(self, begin: float | None, end: float | None, style: str) -> str:
        if begin is None or end is None:
            return ""
        left = min(100.0, max(0.0, (begin - self.start) / self.length * 100))
        width = min(100.0 - left, max(0.0, (end - begin) / self.length * 100))
        return f'<i class="{style}" style="left:{left:.2f}%;width:{width:.2f}%"></i>'


class PageSink:
    """A sink that writes the page of a run once it is over, from its journal: have it finish after that was flushed.

    :param run_dir: folder of the run
    """

    def __init__(self, run_dir: str) -> None:
        self._run_dir = run_dir
        self._is_over = False
        self._actions = 0

    def __call__(self, event: Event) -> None:
        if event.kind == "action.queued":
            self._actions += 1
        elif event.kind == "run.finished":
            self._is_over = True

    def finish(self) -> str:
        """Write the page, if the run came to its end. It may take seconds.

        :return: a sentence for people if it cannot be written
        """
        if not self._is_over:
            return ""
        self._is_over = False
        try:
            if self._actions <= MOST_ACTIONS or not _write_elsewhere(self._run_dir):
                write_page(self._run_dir)
        except OSError as error:
            return f"The page of the run cannot be written to {self._run_dir} ({error.strerror or error})."
        return ""


def write_page(run_dir: str) -> None:
    """Write the page of a run from its journal.

    :raises OSError: if that cannot be read, or the page not be written
    """
    write_index(read_run(run_dir), run_dir)


_ELSEWHERE = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(1)), daemon=True).start()  # whoever wants the page is gone
sys.path.insert(0, sys.argv[1])
from localflyte.observe.page import write_page
write_page(sys.argv[2])
os._exit(0)
"""


def _write_elsewhere(run_dir: str) -> bool:
    """:return: whether another process has written the page"""
    import subprocess
    import sys

    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    command = [sys.executable, "-P", "-c", _ELSEWHERE, os.path.dirname(package), run_dir]
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
    except OSError:
        return False
    with process:
        try:
            return process.wait(MOST_SECONDS) == 0
        except subprocess.TimeoutExpired:
            process.kill()
            return False


def write_index(record: RunRecord, run_dir: str) -> str:
    """Write the page of a run into its folder and return its path.

    :raises OSError: if it cannot be written
    """
    path = os.path.join(run_dir, INDEX)
    write_private_file(path, render_index(record, run_dir).encode("utf-8", "backslashreplace"))
    return path


def render_index(record: RunRecord, run_dir: str = "") -> str:
    """Return the page of a run as HTML.

    :param run_dir: folder of the run, for the ends of logs; empty leaves them out
    """
    title = f"{one_line(record.name)} {_words(record.status)}"
    parts = [open_page(title, PAGE_STYLE), "<main>"]
    parts.append(f"<h1>{escape(one_line(record.task or record.name))} {_badge(record.status)}</h1>")
    place = f" of <code>{escape(one_line(record.file))}</code>" if record.file else ""
    when = f", started {clock(record.started, with_date=True)}" if record.started is not None else ""
    when += f" by trigger <code>{escape(one_line(record.trigger))}</code>" if record.trigger else ""
    parts.append(f'<div class="soft">run <code>{escape(one_line(record.name))}</code>{place}{when}</div>')
    parts.extend(_said(record))
    parts.extend(_facts(record))
    parts.extend(_reports(record))
    parts.extend(_errors(record, run_dir))
    parts.append(
        '<h2>Actions</h2><div class="scroll"><table>'
        '<tr><th>action</th><th>status</th><th class="num">time</th><th class="time">timeline</th><th></th></tr>'
    )
    parts.extend(_rows(record))
    parts.append("</table></div>")
    parts.extend(_notices(record))
    parts.append("<footer>Written by localflyte. Nothing on this page is fetched, and no script runs.</footer></main></body></html>\n")
    return "\n".join(parts)


def _said(record: RunRecord) -> Iterator[str]:
    """:return: the labels and annotations, a line each"""
    for name, pairs in (("labels", record.labels), ("annotations", record.annotations)):
        if pairs:
            codes = (f"<code>{escape(one_line(f'{key}={value}'))}</code>" for key, value in pairs.items())
            yield f'<div class="soft">{name} {" ".join(codes)}</div>'


def _facts(record: RunRecord) -> list[str]:
    counts = record.counts()
    facts = [("wall time", duration(_wall(record)) or "unknown"), ("actions", f"{len(record.actions):,}")]
    facts += [(_words(name), f"{count:,}") for name, count in sorted(counts.items())]
    retried = sum(len(action.attempts) > 1 for action in record.actions.values())
    if retried:
        facts.append(("retried", f"{retried:,}"))
    return ['<ul class="facts">', *(f"<li><b>{value}</b><span>{name}</span></li>" for name, value in facts), "</ul>"]


def _reports(record: RunRecord) -> list[str]:
    written = [action for action in record.actions.values() if action.report]
    links = [_link(action.report, f"{one_line(action.label, 60)} {action.name[:8]}") for action in written[:MOST_REPORTS]]
    more = f' <span class="soft">and {len(written) - MOST_REPORTS:,} more</span>' if len(written) > MOST_REPORTS else ""
    return ["<h2>Reports</h2>", f'<p class="reports">{" ".join(links)}{more}</p>'] if links else []


def _errors(record: RunRecord, run_dir: str) -> list[str]:
    failed = [action for action in record.actions.values() if action.error is not None and action.status.is_bad]
    # What failed first is the cause; its callers failed after it, and of it.
    failed.sort(key=lambda action: action.ended if action.ended is not None else float("inf"))
    parts = []
    if record.error is not None and not failed:
        parts.append(_detail("the run", record.error.headline, record.error.traceback or record.error.message, is_open=True))
    for place, action in enumerate(failed[:MOST_ERRORS]):
        error = action.error
        if error is None:
            continue
        text = error.traceback if error.message in error.traceback else f"{error.message}\n\n{error.traceback}"
        output = tail(run_dir, action.name) if run_dir and place < MOST_TAILS else ""
        parts.append(_detail(f"{one_line(action.label, 60)} {action.name[:8]}", error.headline, text, output, is_open=not place))
    if len(failed) > MOST_ERRORS:
        parts.append(f'<p class="soft">and {len(failed) - MOST_ERRORS:,} more</p>')
    return ["<h2>Errors</h2>", *parts] if parts else []


def _detail(who: str, headline: str, text: str, output: str = "", *, is_open: bool = False) -> str:
    body = f"<pre>{escape(bare(text.strip()))}</pre>" if text.strip() else ""
    if output:
        body += f'<div class="soft">the end of its output</div><pre>{escape(bare(output))}</pre>'
    summary = f'<b class="failed">{escape(one_line(who))}</b> {escape(one_line(headline, 300))}'
    return f"<details{' open' if is_open else ''}><summary>{summary}</summary>{body}</details>"


def _notices(record: RunRecord) -> list[str]:
    texts = [*record.notices[:100]]
    if record.damaged:
        texts.append(f"{record.damaged} lines of the journal are damaged and were left out")
    return ["<h2>Notes</h2><ul>", *(f"<li>{escape(one_line(text))}</li>" for text in texts), "</ul>"] if texts else []


def _rows(record: RunRecord) -> list[str]:
    """Write the table: calls below their callers, and one row for many where there are too many."""
    span = _span(record)
    rows: list[str] = []
    waiting: list[tuple[int, Sequence[ActionRecord]]] = [(0, (root,)) for root in reversed(record.roots)]
    while waiting:
        depth, actions = waiting.pop()
        if len(rows) >= 2 * MOST_ROWS:
            rows.append(f'<tr><td class="soft" colspan="5">{len(waiting) + 1:,} groups of calls are not shown</td></tr>')
            break
        rows.append(_row(actions[0], depth, span) if len(actions) == 1 else _sum_row(actions, depth, span))
        children = actions[0].children if len(actions) == 1 else [child for action in actions for child in action.children]
        alone = len(children) if len(children) <= MOST_CHILDREN else MOST_BAD
        room = len(actions) == 1 and len(rows) + len(waiting) + alone <= MOST_ROWS
        groups = group_calls(children, MOST_CHILDREN, MOST_BAD) if room else group_calls(children, 1, 0)
        waiting.extend((depth + 1, group) for group in reversed(groups))
    return rows


def _row(action: ActionRecord, depth: int, span: _Span) -> str:
    status = shown_status(action)
    badge = _badge(status)
    if len(action.attempts) > 1:
        badge += f' <span class="soft">{len(action.attempts)} attempts</span>'
    group = f' <span class="soft">{escape(one_line(action.group, 40))}</span>' if action.group else ""
    name = f'{escape(one_line(action.label, 60))}{group} <code class="soft">{escape(one_line(action.name[:8]))}</code>'
    many = len(action.attempts) > 1
    links = [_link(path, _stream(path, with_number=many)) for path in action.logs]
    if action.report:
        links.append(_link(action.report, "report"))
    lane = span.bar(action.queued, action.started if action.started is not None else action.ended, "wait")
    lane += "".join(_attempt_bar(attempt, action, span) for attempt in action.attempts) or span.bar(action.queued, action.ended, status)
    return _cells(name, depth, badge, duration(action.seconds), lane, " ".join(links))


def _attempt_bar(attempt: AttemptRecord, action: ActionRecord, span: _Span) -> str:
    end = attempt.ended if attempt.ended is not None else action.ended
    return span.bar(attempt.started, end if end is not None else span.start + span.length, attempt.status.value)


def _sum_row(actions: Sequence[ActionRecord], depth: int, span: _Span) -> str:
    counts = Counter(shown_status(action) for action in actions)
    badges = " ".join(_badge(status, f"{count:,} ") for status, count in counts.most_common())
    begins = [time for action in actions if (time := action.started if action.started is not None else action.queued) is not None]
    ends = [action.ended for action in actions if action.ended is not None]
    worst = next((status for status in ("failed", "timed_out", "lost", "aborted", "running") if counts[status]), "succeeded")
    lane = span.bar(min(begins, default=None), max(ends, default=None), worst)
    return _cells(f"{escape(one_line(actions[0].label, 60))} <b>× {len(actions):,}</b>", depth, badges, describe_times(actions), lane, "")


def _cells(name: str, depth: int, status: str, took: str, lane: str, links: str) -> str:
    indent = 0.7 + 1.3 * min(depth, DEEPEST_INDENT)
    return (
        f'<tr><td class="name" style="padding-left:{indent:.1f}rem">{name}</td><td>{status}</td><td class="num">{took}</td>'
        f'<td class="time"><div class="lane">{lane}</div></td><td>{links}</td></tr>'
    )


def _badge(status: str, before: str = "") -> str:
    return f'<span class="state {status}">{before}{_words(status)}</span>'


def _words(status: str) -> str:
    return str(status).replace("_", " ")


def _link(path: str, text: str) -> str:
    # "./" keeps a name with a colon from being read as a scheme.
    return f'<a href="./{quote(path, errors="replace")}">{escape(text)}</a>'


def _stream(path: str, *, with_number: bool) -> str:
    _, number, stream, _ = path.rsplit(".", 3)
    return f"{stream} {number}" if with_number else stream


def _span(record: RunRecord) -> _Span:
    times = [time for action in record.actions.values() for time in (action.queued, action.started, action.ended) if time is not None]
    times += [time for time in (record.started, record.ended) if time is not None]
    start = min(times, default=0.0)
    return _Span(start, max(max(times, default=0.0) - start, 1e-6))


def _wall(record: RunRecord) -> float | None:
    if record.seconds is not None:
        return record.seconds
    return record.ended - record.started if record.ended is not None and record.started is not None else None
