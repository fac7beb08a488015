"""Columns: rows of text that line up, cut to the width of the terminal where one column can do with less."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from collections.abc import Sequence

from localflyte.observe.text import shorten

__all__ = ("columns",)

GAP = "  "
NARROWEST = 16  # that the column which is cut may get


def columns(head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = (), elastic: str = "") -> Iterator[str]:
    """Lay out a table.

    :param head: the titles
    :param right: the titles of the columns that are aligned to the right
    :param elastic: the title of the column that is cut where the terminal is too narrow for all
    """
    table = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    if elastic:
        place = list(head).index(elastic)
        spare = shutil.get_terminal_size((120, 24)).columns - sum(widths) - len(GAP) * (len(widths) - 1)
        widths[place] = min(widths[place], max(widths[place] + spare, NARROWEST))
    for row in table:
        cells = [shorten(cell, width) for cell, width in zip(row, widths, strict=True)]
        aligned = [
            cell.rjust(width) if title in right else cell.ljust(width) for cell, width, title in zip(cells, widths, head, strict=True)
        ]
        yield GAP.join(aligned).rstrip()
