"""Who may be called out, when, and how often: pure rules, as `policy` has them.

Against toll fraud a target is looked up in a list of patterns that the back
office keeps; of those that match, the longest decides, so ``tel:+49*`` may be
open and ``tel:+49900*`` shut. Our own people are not asked about.
"""

from __future__ import annotations

import datetime
import enum
import re
import zoneinfo
from collections.abc import Iterable


class Who(enum.StrEnum):
    """Who may have targets of a pattern called."""

    ADDERS = "adders"  # whoever may add somebody to the conference
    COMMANDERS = "commanders"
    NOBODY = "nobody"


#: As long as nobody has said anything: whatever leaves the house may cost money, and a trunk
#: takes its numbers as SIP addresses, too.
UNLESS_TOLD = (("*", Who.COMMANDERS),)


def verdict(patterns: Iterable[tuple[str, Who]], uri: str) -> Who:
    """Who may have `uri` called: the longest pattern that matches says so, else nobody may.

    In a pattern ``*`` stands for anything, and letters' case counts for nothing.
    Parameters of a SIP address are not looked at; with maddr, which leads past the
    host (RFC 3263 4), it fits no pattern but ``*``.

    >>> verdict([("tel:+49*", Who.ADDERS), ("tel:+49900*", Who.NOBODY)], "tel:+499001234")
    <Who.NOBODY: 'nobody'>
    """
    target = _bare(uri)
    fitting = [(len(pattern), who) for pattern, who in patterns if _matches(pattern, target)]
    return max(fitting, key=lambda one: one[0])[1] if fitting else Who.NOBODY


def _bare(uri: str) -> str:
    """Scheme, user and host; the first "@" ends the user part, which may hold semicolons."""
    user, at, rest = uri.partition("@")
    host, *params = re.split("[;?]", rest)
    if any(one.lower().startswith("maddr=") for one in params):
        return "maddr"
    return f"{user}{at}{host}"


def _matches(pattern: str, uri: str) -> bool:
    literal = (re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(".*".join(literal), uri, re.IGNORECASE) is not None


def quiet_until(
    now: datetime.datetime, *, zone: str, start: datetime.time | None, end: datetime.time | None
) -> datetime.datetime | None:
    """When the quiet hours that `now` lies in are over, in UTC; None outside of them.

    `start` and `end` are local times of `zone`; from 22:00 to 07:00 goes over
    midnight. Equal, or one of them missing, means that there are none.
    """
    if start is None or end is None or start == end:
        return None
    local = now.astimezone(zoneinfo.ZoneInfo(zone))
    at = local.time()
    inside = start <= at < end if start < end else at >= start or at < end
    if not inside:
        return None
    day = local.date() if at < end else local.date() + datetime.timedelta(days=1)
    over = datetime.datetime.combine(day, end, tzinfo=local.tzinfo)
    return over.astimezone(datetime.UTC)


class Outcome(enum.StrEnum):
    """What is left to hope for after a call that failed."""

    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FINAL = "final"


def outcome(status: int | None) -> Outcome:
    """What a call's last status says (RFC 3261 21.4, 21.6): worth another try, and when."""
    if status in (486, 600):
        return Outcome.BUSY
    return Outcome.NO_ANSWER if status in (408, 480, 487) else Outcome.FINAL
