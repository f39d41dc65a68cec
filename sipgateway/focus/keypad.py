"""The keypad in a conference: ``*`` and a digit, the same commands as the page's buttons.

A key is a wish like any other: it goes through the services, is refused by
the same policy, and what comes of it is seen by all in the same way.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping


class Verb(enum.StrEnum):
    """What a key asks for."""

    MUTE = "mute"  # oneself, or the other way round
    HAND = "hand"  # up, or down again
    COUNT = "count"
    AGREE = "agree"  # to be recorded
    HELP = "help"
    LOCK = "lock"  # or unlock
    MUTE_ALL = "mute-all"  # the others, or have them heard again
    REMOVE_LAST = "remove-last"
    CALL = "call"  # a number follows, and ``#``
    RECORD = "record"  # or no more
    LET_IN = "let-in"  # all who wait
    END = "end"


#: ``*`` and this key. The first are for everybody, the others for those who command.
KEYS: Mapping[str, Verb] = {
    "6": Verb.MUTE,
    "9": Verb.HAND,
    "2": Verb.COUNT,
    "4": Verb.AGREE,
    "*": Verb.HELP,
    "5": Verb.LOCK,
    "8": Verb.MUTE_ALL,
    "3": Verb.REMOVE_LAST,
    "1": Verb.CALL,
    "7": Verb.RECORD,
    "0": Verb.END,
    "#": Verb.LET_IN,
}
COMMANDS = frozenset(
    {Verb.LOCK, Verb.MUTE_ALL, Verb.REMOVE_LAST, Verb.RECORD, Verb.END, Verb.LET_IN}
)


PATIENCE = 3.0
"""Seconds from ``*`` to its key, else it was pressed by mistake."""

DIALING_PATIENCE = 20.0
"""Seconds between two digits of a number to call, of which the first waits for what is said."""


def press(keyed: str, digit: str) -> tuple[str, Verb | None]:
    """What is keyed after a digit, and the wish that it completes, if any.

    >>> press("*", "6")
    ('', <Verb.MUTE: 'mute'>)
    """
    if keyed == "*":
        return "", KEYS.get(digit)
    return ("*", None) if digit == "*" else ("", None)
