"""SIP messages folded to the arrows that the figures of RFC 4579 have.

A request that was challenged is one arrow with the one that carried credentials, so is
what was sent again, 100 is left out, and a NOTIFY has its answer in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.conf import settings

from conferences.selectors.traces import Seen

_CHALLENGES = (401, 407)


@dataclass(slots=True)
class Arrow:
    """One arrow of the figure, and the messages that it stands for."""

    peer: str
    sent: bool
    what: str
    call: str
    method: str
    status: int
    messages: list[Seen] = field(default_factory=list)
    #: Which of the peer's phones, where there are several; else 0.
    phone: int = 0

    @property
    def label(self) -> str:
        """Who is at the other end, told apart from another phone of his."""
        return f"{self.peer} ({self.phone})" if self.phone else self.peer

    @property
    def at(self) -> datetime:
        """When its first message was seen."""
        return datetime.fromtimestamp(self.messages[0].at, tz=UTC)

    @property
    def way(self) -> str:
        """By what, and where to or from."""
        return self.messages[0].way

    @property
    def failed(self) -> bool:
        """Whether it says no."""
        return self.status >= 400

    @property
    def note(self) -> str:
        """What is folded into it, in words."""
        if any(one.status in _CHALLENGES for one in self.messages):
            return "after a challenge"
        again = sum(one.text == self.messages[0].text for one in self.messages) - 1
        return f"sent {again + 1} times" if again else ""


def fold(messages: Iterable[Seen]) -> list[Arrow]:
    """The arrows of a figure."""
    arrows: list[Arrow] = []
    challenged: dict[tuple[str, str], list[Seen]] = {}
    for one in messages:
        key = (one.call, one.method)
        into = _into(arrows, one)
        if into is not None:
            into.messages.append(one)
        elif one.status in _CHALLENGES and (asked := _asked(arrows, one)) is not None:
            arrows.remove(asked)
            challenged[key] = [*asked.messages, one]
        elif one.method == "ACK" and (one.call, "INVITE") in challenged:
            challenged[(one.call, "INVITE")].append(one)
        else:
            before = challenged.pop(key, []) if not one.status else []
            arrow = Arrow(bare(one.peer), one.sent, _what(one), one.call, one.method, one.status)
            arrow.messages = [*before, one]
            arrows.append(arrow)
    _number(arrows)
    return arrows


def _number(arrows: Iterable[Arrow]) -> None:
    """Phones of one person by the connections that they have, in the order of their coming."""
    arrows = list(arrows)
    ways: dict[str, list[str]] = {}
    for arrow in arrows:
        known = ways.setdefault(arrow.peer, [])
        if arrow.way not in known:
            known.append(arrow.way)
    for arrow in arrows:
        known = ways[arrow.peer]
        arrow.phone = known.index(arrow.way) + 1 if arrow.peer and len(known) > 1 else 0


def bare(peer: str) -> str:
    """Our own people by their user name."""
    return peer.removesuffix(f"@{settings.SIP_DOMAIN}")


#: What of a request is written on its arrow besides its method.
_TELLING = {
    "NOTIFY": "event",
    "SUBSCRIBE": "event",
    "REFER": "refer-to",
    "BYE": "reason",
    "CANCEL": "reason",
}
_TEXT = re.compile(r'text="((?:[^"\\]|\\.)*)"')
_FRAGMENT = re.compile(r"\r?\n\r?\nSIP/2\.0 (\d{3}[^\r\n]*)")
"""What a NOTIFY tells of a REFER: the status line in its body (RFC 3515 2.4.5)."""


def _what(one: Seen) -> str:
    """What is written on an arrow: method or status, and what it is about or why."""
    if one.status:
        why = _TEXT.search(one.field("reason"))
        return f"{one.first_line} ({why[1]})" if why else one.first_line
    method = one.first_line.partition(" ")[0]
    told = one.field(_TELLING.get(method, "")).partition(";id=")[0]
    if _TELLING.get(method) == "reason":
        why = _TEXT.search(told)
        told = why[1] if why else ""
    if method == "NOTIFY" and (fragment := _FRAGMENT.search(one.text)):
        told = f"{told} ({fragment[1].strip()})"
    over = ", over" if one.field("subscription-state").startswith("terminated") else ""
    return f"{method} {told}{over}".strip()


def _into(arrows: list[Arrow], one: Seen) -> Arrow | None:
    """The arrow that already says what a message says: sent again, 100, 200 to NOTIFY."""
    for arrow in reversed(arrows):
        if arrow.call != one.call:
            continue
        if any(one.text == known.text for known in arrow.messages):
            return arrow
        progress = one.status == 100 or (one.status == 200 and one.method == "NOTIFY")
        if progress and arrow.method == one.method and not arrow.status:
            return arrow
    return None


def _asked(arrows: list[Arrow], answer: Seen) -> Arrow | None:
    """The request that a challenge answers."""
    for arrow in reversed(arrows):
        if (arrow.call, arrow.method, arrow.status) == (answer.call, answer.method, 0):
            return arrow
    return None
