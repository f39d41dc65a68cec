r"""PURE. What people type in one line, titles and names: all that is written, and nothing else.

Format characters (Unicode's Cf) belong to words: the joiners of emoji families and of
Persian, soft hyphens, the marks of direction of a Hebrew title. Those that turn the
direction of what follows (Unicode's annex 9, 2.1 and 2.4) end with the line, so that a
title cannot turn the words beside it; overrides (2.2), which show letters in another
order than they are written, are left out. Controls are no text at all.
"""

from __future__ import annotations

import unicodedata

#: What opens an embedding or an isolate, and what closes it.
_CLOSES = dict.fromkeys("\u202a\u202b", "\u202c") | dict.fromkeys("\u2066\u2067\u2068", "\u2069")
_OVERRIDES = "\u202d\u202e"
#: Controls, and halves of letters that cannot be sent.
_NO_TEXT = ("Cc", "Cs")
#: What is not seen by itself.
_UNSEEN = ("Cf", "Mn", "Zs")


class NoText(ValueError):
    """There are control characters in it."""


def check(text: str) -> None:
    """Raise `NoText` for controls (line breaks too) and for what Unicode calls no characters."""
    if any(unicodedata.category(one) in _NO_TEXT or _is_nothing(ord(one)) for one in text):
        raise NoText


def _is_nothing(number: int) -> bool:
    """Noncharacters (Unicode 23.7), which XML cannot hold."""
    return number & 0xFFFE == 0xFFFE or 0xFDD0 <= number <= 0xFDEF


def line(text: str) -> str:
    r"""`text` with single blanks and all turns of direction closed; "" for what nobody sees.

    Raises `NoText`.

    >>> line("  Weekly \n review")
    'Weekly review'
    """
    text = " ".join(text.split())
    check(text)
    if all(unicodedata.category(one) in _UNSEEN for one in text):
        return ""
    return _closed(text)


def _closed(text: str) -> str:
    """Opened turns of direction are closed at the end, what closes nothing is left out."""
    kept: list[str] = []
    opened: list[str] = []
    for one in text:
        if one in _OVERRIDES:
            continue
        if one in _CLOSES:
            opened.append(_CLOSES[one])
        elif one in _CLOSES.values():
            if one not in opened:
                continue
            # What was opened inside ends with it.
            while (closed := opened.pop()) != one:
                kept.append(closed)
        kept.append(one)
    return "".join(kept + opened[::-1])
