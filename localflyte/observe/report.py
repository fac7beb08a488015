"""Report: the page that a task wrote about itself, self-contained, with each tab in a frame that it cannot leave.

What a task puts into its report is HTML of unknown origin, and it is meant to be shown as it is, its scripts included: charts are made
of them. So each tab is a document of its own in a frame with a `sandbox`, whose origin is nobody's: it reaches neither the page nor the
other tabs, no file, no cookie, no form, no popup. The policy of the page holds in its frames too (a frame without an address inherits it),
so that nothing is fetched and nothing is sent. Because of that inheritance a report with scripts has a page whose policy allows them; what
keeps them out of the page itself is that all of it is escaped. A report without scripts has a page that allows none.

Switching tabs is done by radio buttons and rules of style: the page has no script of its own.

What no policy forbids a report in the browsers of today: to have a connection opened to a host that it names, by a hint or a frame, on
which nothing is then asked for; and WebRTC, for a script.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from localflyte.observe.style import open_page
from localflyte.observe.text import one_line

__all__ = ("framed", "render_report")

#: where libraries for charts have their scripts and styles loaded from, if a report asks for that instead of bringing them along
LIBRARIES = (
    "cdn.bokeh.org", "cdn.holoviz.org", "cdn.jsdelivr.net", "cdn.plot.ly", "cdn.pydata.org", "cdnjs.cloudflare.com", "d3js.org",
    "fonts.googleapis.com", "fonts.gstatic.com", "unpkg.com",
)  # fmt: skip

# What can make a script run: an element, an attribute, an address. It finds too much rather than too little.
_SCRIPT = re.compile(r"<script|\bon\w+\s*=|javascript:", re.IGNORECASE)

_STYLE = """
html, body { height: 100%; }
body { display: flex; flex-direction: column; }
header { max-height: 25vh; overflow-y: auto; flex: none; padding: .8rem 1.25rem .6rem; }
h1 { font-size: 1.15rem; margin: 0; }
input { position: absolute; opacity: 0; pointer-events: none; }
nav { display: flex; flex-wrap: wrap; gap: 0 .25rem; flex: none; max-height: 25vh; padding: 0 1.25rem; overflow-y: auto; }
nav label { flex: none; max-width: 20rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; padding: .35rem .8rem;
  cursor: pointer; color: var(--soft); border-bottom: 2px solid transparent; }
nav label:hover { color: inherit; }
.frames { position: relative; flex: 1; min-height: 0; border-top: 1px solid var(--line); background: #fff; }
iframe { position: absolute; inset: 0; width: 100%; height: 100%; border: 0; visibility: hidden; }
.empty { padding: 1.25rem; color: #6b6b78; }
"""
# A frame that waits is hidden and not removed: a chart that is drawn while its frame has no size has none either.
_SHOWN = """#t{0}:checked ~ .frames #f{0} {{ visibility: visible; }}
#t{0}:checked ~ nav label[for="t{0}"] {{ color: inherit; border-color: var(--live); }}
#t{0}:focus-visible ~ nav label[for="t{0}"] {{ outline: 2px solid var(--live); outline-offset: -2px; border-radius: 6px; }}
"""
# Reports are written for white paper: plots and tables bring black text of their own.
_TAB_HEAD = (
    '<html><head><meta charset="utf-8"><meta name="color-scheme" content="light"><style>'
    "body{margin:1.25rem;color:#1d1d24;background:#fff;font:14px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif}"
    "table{border-collapse:collapse}td,th{border:1px solid #ddd;padding:.25rem .6rem;text-align:left}img,svg{max-width:100%}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere}</style></head><body>"
)
# A browser may begin with a frame's document before it has told the frame its size: then charts are drawn into no space at all. Where
# scripts run, one comes first that has the rest of such a document taken as text, and written anew once there is room, or after a second.
_WHEN_SIZED = """<script>{
  const width = () => Math.min(innerWidth, document.documentElement.getBoundingClientRect().width);
  if (!width()) {
    let turns = 0;
    const begin = () => {
      if (!width() && ++turns < 100) return setTimeout(begin, 10);
      const text = document.querySelector("plaintext").textContent;
      document.open(); document.write("<!doctype html>" + text); document.close();
    };
    addEventListener("DOMContentLoaded", begin);
    document.write("<plaintext hidden>");
  }
}</script>"""


def render_report(title: str, place: str, html_tabs: Sequence[tuple[str, str]]) -> str:
    """Return one HTML page that shows each tab's HTML in a frame that it cannot leave.

    :param title: what the report is about; shown as text
    :param place: where it comes from; shown as text
    :param html_tabs: the name of each tab, shown as text, and its body, shown as HTML
    """
    name = one_line(title)
    style = _STYLE + "".join(_SHOWN.format(number) for number in range(len(html_tabs)))
    parts = [open_page(f"{name} report", style, _allowed(html_tabs))]
    parts.append(f'<header><h1>{escape(name)}</h1><div class="soft">{escape(one_line(place))}</div></header>')
    names = [one_line(tab) or "(no name)" for tab, _ in html_tabs]
    hidden = "" if len(names) > 1 else " hidden"
    parts += [
        f'<input type="radio" name="tab" id="t{number}" aria-label="{escape(tab)}"{"" if number else " checked"}{hidden}>'
        for number, tab in enumerate(names)
    ]
    if len(names) > 1:
        labels = (f'<label for="t{number}">{escape(tab)}</label>' for number, tab in enumerate(names))
        parts.append(f"<nav>{''.join(labels)}</nav>")
    parts.append('<div class="frames">')
    parts += [_frame(number, tab, body) for number, (tab, (_, body)) in enumerate(zip(names, html_tabs, strict=True))]
    if not names:
        parts.append('<p class="empty">Nothing was written into this report.</p>')
    parts.append("</div></body></html>\n")
    return "\n".join(parts)


def framed(text: str) -> str:
    """:return: HTML as it stands in the attribute that makes it the document of a frame; nothing but these two can end or change that"""
    return text.replace("&", "&amp;").replace('"', "&quot;")


def _frame(number: int, name: str, body: str) -> str:
    sandbox, first = ("allow-scripts", _WHEN_SIZED) if _SCRIPT.search(body) else ("", "")
    source = framed(f"<!doctype html>{first}{_TAB_HEAD}{_encodable(body)}</body></html>")
    return f'<iframe id="f{number}" title="{escape(name)}" sandbox="{sandbox}" referrerpolicy="no-referrer" srcdoc="{source}"></iframe>'


def _allowed(html_tabs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """:return: what the page has to allow for the scripts in its frames to work; nothing where there are none"""
    if not any(_SCRIPT.search(body) for _, body in html_tabs):
        return {}
    hosts = "".join(f" https://{host}" for host in LIBRARIES if any(host in body for _, body in html_tabs))
    return {
        "script-src": f"'unsafe-inline' 'unsafe-eval'{hosts}",
        "style-src": f"'unsafe-inline'{hosts}",
        "font-src": f"data:{hosts}",
        "img-src": "data: blob:",
        "media-src": "data: blob:",
        "connect-src": "data: blob:",
        "worker-src": "blob:",
    }


def _encodable(text: str) -> str:
    """Replace what UTF-8 cannot hold, and NUL, which no HTML may hold."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\N{REPLACEMENT CHARACTER}")
