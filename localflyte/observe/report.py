"""Report: the page that a task wrote about itself, made self-contained and inert.

What a task puts into its report is HTML of unknown origin. Each tab is a document of its own in a frame with an empty
`sandbox`: no script, no form, no popup, no plugin, an origin that is nobody's. The policy of the page holds in its frames
too, so that nothing is fetched from anywhere either: pictures and fonts have to be in the report as ``data:``.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from localflyte.observe.style import HEAD
from localflyte.observe.text import one_line

__all__ = ("wrap_report",)

_STYLE = """
* { box-sizing: border-box; }
body { margin: 0; height: 100vh; display: flex; flex-direction: column; background: #fbfbfd; color: #1d1d24;
  font: 14px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
@media (prefers-color-scheme: dark) { body { background: #131318; color: #e8e8ee; } }
h1 { font-size: 1.1rem; margin: 0; padding: .9rem 1.25rem .3rem; overflow-wrap: anywhere; }
input { position: absolute; opacity: 0; pointer-events: none; }
nav { padding: 0 1.25rem; border-bottom: 1px solid #8884; }
label { display: inline-block; padding: .4rem .8rem; cursor: pointer; border-bottom: 2px solid transparent; color: #6b6b78; }
iframe { display: none; flex: 1; width: 100%; border: 0; background: #fff; }
"""
# Reports are written for white paper: plots and tables bring black text of their own.
_TAB_HEAD = (
    '<!doctype html><html><head><meta charset="utf-8"><meta name="color-scheme" content="light"><style>'
    "body{margin:1.25rem;color:#1d1d24;background:#fff;font:14px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif}"
    "table{border-collapse:collapse}td,th{border:1px solid #ddd;padding:.25rem .6rem;text-align:left}img,svg{max-width:100%}"
    "</style></head><body>"
)


def wrap_report(title: str, html_tabs: Sequence[tuple[str, str]]) -> str:
    """Return one HTML page that shows each tab's HTML in a frame where nothing of it can act.

    :param title: what the report is about; shown as text
    :param html_tabs: the name of each tab, shown as text, and its body, shown as HTML
    """
    name = escape(one_line(title))
    shown = [f"#t{place}:checked ~ #f{place} {{ display: block; }}" for place in range(len(html_tabs))]
    shown += [
        f'#t{place}:checked ~ nav label[for="t{place}"] {{ color: inherit; border-color: #6d4fd0; }} '
        f'#t{place}:focus-visible ~ nav label[for="t{place}"] {{ outline: 2px solid #6d4fd0; }}'
        for place in range(len(html_tabs))
    ]
    parts = [HEAD, f"<title>{name}</title><style>{_STYLE}{chr(10).join(shown)}</style></head><body>", f"<h1>{name}</h1>"]
    parts += [f'<input type="radio" name="tab" id="t{place}"{" checked" if not place else ""}>' for place in range(len(html_tabs))]
    if len(html_tabs) > 1:
        labels = (f'<label for="t{place}">{escape(one_line(tab))}</label>' for place, (tab, _) in enumerate(html_tabs))
        parts.append(f"<nav>{''.join(labels)}</nav>")
    for place, (tab, body) in enumerate(html_tabs):
        source = escape(f"{_TAB_HEAD}{_encodable(body)}</body></html>")
        parts.append(
            f'<iframe id="f{place}" title="{escape(one_line(tab))}" sandbox="" referrerpolicy="no-referrer" srcdoc="{source}"></iframe>'
        )
    parts.append("</body></html>\n")
    return "\n".join(parts)


def _encodable(text: str) -> str:
    """Replace what UTF-8 cannot hold, and NUL, which no HTML may hold."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\N{REPLACEMENT CHARACTER}")
