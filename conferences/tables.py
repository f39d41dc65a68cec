"""PURE. Tables as CSV (RFC 4180) that a spreadsheet opens without carrying anything out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

#: What a spreadsheet takes for the beginning of a formula, also behind blanks.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
#: So that programs on Windows read the letters as what they are.
_MARK = "\ufeff"


def build_csv(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    r"""`header` and `rows`; None is an empty cell.

    >>> build_csv(["a", "b"], [["=1+1", 2]])
    "\ufeffa,b\r\n'=1+1,2\r\n"
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([_safe(cell) for cell in header])
    writer.writerows([_safe(cell) for cell in row] for row in rows)
    return _MARK + text.getvalue()


def _safe(cell: object) -> str:
    """With a quotation mark before what would be a formula."""
    text = "" if cell is None else str(cell)
    if isinstance(cell, int | float):
        return text
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
