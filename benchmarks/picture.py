"""Picture: the medians as bars on a logarithmic scale, in an SVG that we write ourselves."""

from __future__ import annotations

from html import escape
from math import ceil
from math import floor
from math import log10

from benchmarks.aims import Results
from benchmarks.rows import ROWS
from benchmarks.subjects import Subject

__all__ = ("draw",)

COLOURS = {
    "localflyte": "#2563eb",
    "floor": "#94a3b8",
    "flyte": "#f59e0b",
    "futures": "#a78bfa",
    "loky": "#34d399",
    "memory": "#f472b6",
    "seat": "#60a5fa",
    "echo": "#cbd5e1",
    "store": "#2563eb",
    "diskcache": "#94a3b8",
    "hashlib": "#94a3b8",
    "sampler": "#1e3a8a",
    "ledger": "#1e40af",
    "python": "#d1d5db",
}
LEFT, RIGHT, TOP, WIDTH = 290, 80, 64, 960
BAR, GAP = 13, 16


def draw(results: Results, subjects: dict[str, Subject]) -> str:
    """Draw one group of bars for each row and one bar for each subject that was measured.

    :return: the SVG as text; empty if nothing was measured
    """
    rows = [row for row in ROWS if row.drawn and row.name in results]
    groups = [(row.title, [(name, cell.median) for name, cell in results[row.name].items() if cell.seconds]) for row in rows]
    values = [value * 1e3 for _, bars in groups for _, value in bars]
    if not values:
        return ""
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    scale = (WIDTH - LEFT - RIGHT) / max(1, high - low)
    parts: list[str] = []
    y = TOP
    for title, bars in groups:
        middle = y + len(bars) * BAR / 2 + 4
        parts.append(f'<text x="{LEFT - 10}" y="{middle:.0f}" text-anchor="end">{escape(title.replace("`", ""))}</text>')
        for name, value in bars:
            width = max(2.0, (log10(value * 1e3) - low) * scale)
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR - 2}" fill="{COLOURS[name]}" rx="2"/>')
            parts.append(f'<text x="{LEFT + width + 5:.1f}" y="{y + 9}" class="value">{value * 1e3:.3g} ms</text>')
            y += BAR
        y += GAP
    grid = "".join(_line(LEFT + (power - low) * scale, y, power) for power in range(low, high + 1))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 10}" viewBox="0 0 {WIDTH} {y + 10}">'
        "<style>text{font:12px system-ui,sans-serif;fill:#1f2937}.value,.tick{font-size:10px;fill:#6b7280}</style>"
        f'<rect width="100%" height="100%" fill="#fff"/>{_legend(groups, subjects)}{grid}{"".join(parts)}</svg>\n'
    )


def _line(x: float, bottom: int, power: int) -> str:
    label = f"{10.0**power:g} ms"
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{bottom - GAP + 4}" stroke="#e5e7eb"/>'
        f'<text x="{x:.1f}" y="{TOP - 14}" text-anchor="middle" class="tick">{label}</text>'
    )


def _legend(groups: list[tuple[str, list[tuple[str, float]]]], subjects: dict[str, Subject]) -> str:
    parts = []
    x = 14
    for name in dict.fromkeys(name for _, bars in groups for name, _ in bars):
        title = subjects[name].title
        parts.append(f'<rect x="{x:.0f}" y="14" width="11" height="11" rx="2" fill="{COLOURS[name]}"/>')
        parts.append(f'<text x="{x + 16:.0f}" y="24">{escape(title)}</text>')
        x += 30 + 6.6 * len(title)
    return "".join(parts)
