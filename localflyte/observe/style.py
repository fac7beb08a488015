"""Style: how the pages look, written once, with nothing fetched from anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

__all__ = ("PAGE_STYLE", "open_page")

#: What every page may do: show itself. No script runs, nothing is loaded, nothing is sent.
_NOTHING = {
    "default-src": "'none'",
    "style-src": "'unsafe-inline'",
    "img-src": "data:",
    "font-src": "data:",
    "media-src": "data:",
    "base-uri": "'none'",
    "form-action": "'none'",
}

_THEME = """
:root { --back: #fbfbfd; --card: #ffffff; --text: #1d1d24; --soft: #6b6b78; --line: #e4e4ea; --wait: #d9d9e2;
  --good: #1a8f4b; --hit: #1479b8; --bad: #c62f3b; --warn: #9a6412; --live: #6d4fd0; }
@media (prefers-color-scheme: dark) { :root { --back: #131318; --card: #1b1b22; --text: #e8e8ee; --soft: #9a9aa8; --line: #2e2e38;
  --wait: #3a3a46; --good: #43c27a; --hit: #4fb0ea; --bad: #ff6b75; --warn: #e0a94a; --live: #a48cf5; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); overflow-wrap: anywhere;
  font: 14px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; }
a { color: var(--hit); }
.soft { color: var(--soft); }
code, pre { font: 12px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
"""

PAGE_STYLE = """
main { max-width: 1200px; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h2 { font-size: 1.05rem; margin: 2rem 0 .6rem; }
.facts { display: flex; flex-wrap: wrap; gap: .6rem; margin: 1.2rem 0; padding: 0; list-style: none; }
.facts li { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: .55rem .9rem; min-width: 6.5rem; }
.facts b { display: block; font-size: 1.15rem; font-variant-numeric: tabular-nums; }
.facts span { color: var(--soft); font-size: .8rem; }
.state { display: inline-block; border-radius: 99px; padding: 0 .55rem; font-size: .8rem; border: 1px solid currentColor;
  white-space: nowrap; }
.succeeded { color: var(--good); } .cached { color: var(--hit); } .failed, .timed_out, .lost { color: var(--bad); }
.aborted { color: var(--warn); } .running { color: var(--live); } .queued { color: var(--soft); }
.reports a { display: inline-block; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: .3rem .8rem;
  margin: 0 .3rem .4rem 0; text-decoration: none; }
.reports a:hover { border-color: currentColor; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; font-size: .8rem; color: var(--soft); }
th, td { padding: .32rem .7rem; border-bottom: 1px solid var(--line); vertical-align: middle; white-space: nowrap; }
tr:last-child td { border-bottom: 0; }
td.name { max-width: 26rem; overflow: hidden; text-overflow: ellipsis; }
.num { text-align: right; }
td.time { width: 38%; min-width: 12rem; }
.lane { position: relative; height: .7rem; border-radius: 3px;
  background: linear-gradient(var(--line), var(--line)) 0 50%/100% 1px no-repeat; }
.lane i { position: absolute; top: 0; bottom: 0; min-width: 2px; border-radius: 3px; background: currentColor; }
.lane i.wait { background: var(--wait); }
details { background: var(--card); border: 1px solid var(--line); border-radius: 10px; margin: .5rem 0; padding: .5rem .9rem; }
summary { cursor: pointer; }
pre { margin: .6rem 0 .3rem; overflow-x: auto; white-space: pre-wrap; }
@media (max-width: 40rem) { main { padding: 1rem .75rem 3rem; } .time { display: none; } th, td { padding: .32rem .4rem; } }
footer { margin-top: 3rem; color: var(--soft); font-size: .8rem; }
"""


def open_page(title: str, style: str, allowed: Mapping[str, str] | None = None) -> str:
    """:param title: shown as text
    :param style: the rules of this page, after those that all have
    :param allowed: what the page may do beyond showing itself, as directives of its policy and their sources
    :return: the page down to the beginning of its body
    """
    policy = "; ".join(f"{directive} {sources}" for directive, sources in {**_NOTHING, **(allowed or {})}.items())
    return (
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>{_THEME}{style}</style></head>\n<body>"
    )
