"""Sentences out of prompts: scripts as `media.engine` takes them. Pure.

A script is names of prompts one after the other, behind their language. What
numbers and times are made of differs from language to language; the order
here is one that suits all three.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from conferences.policy import Language, Refusal, Snapshot

LARGEST = 100
"""The largest number that there is a prompt for."""

#: What somebody hears who is not let in, but for `TOO_EARLY`.
REFUSED: Mapping[Refusal, str] = {
    Refusal.OVER: "over",
    Refusal.FULL: "full",
    Refusal.LOCKED: "locked",
    Refusal.NOT_INVITED: "not-invited",
    Refusal.BANNED: "banned",
    Refusal.WRONG_PIN_TOO_OFTEN: "held-off",
}


#: The refusals that a caller is told by voice before the answer to his INVITE: what can
#: change, or he can mend. A stranger is refused at once, as ever.
AT_THE_DOOR = frozenset({Refusal.TOO_EARLY, Refusal.OVER, Refusal.FULL, Refusal.LOCKED})


def script(language: Language, *names: str) -> str:
    """Names of prompts as a script.

    >>> script(Language.GERMAN, "muted")
    'de: muted'
    """
    spoken = " ".join(names)
    return spoken if language is Language.ENGLISH else f"{language}: {spoken}"


def refused(snapshot: Snapshot, refusal: Refusal, now: float) -> str:
    """Why somebody is not let in; "" where there are no words for it."""
    if refusal is Refusal.TOO_EARLY and snapshot.opens_at is not None:
        names = ("too-early", *opening(snapshot, snapshot.opens_at, now))
    elif refusal in REFUSED:
        names = (REFUSED[refusal],)
    else:
        return ""
    return script(snapshot.language, *names)


def opening(snapshot: Snapshot, opens_at: float, now: float) -> tuple[str, ...]:
    """When it opens, in the local time of the conference: today, tomorrow, a day or a date."""
    zone = _zone(snapshot.timezone)
    # Rounded up to the minute: who calls again then is let in.
    at = datetime.datetime.fromtimestamp(-(-opens_at // 60) * 60, zone)
    days = (at.date() - datetime.datetime.fromtimestamp(now, zone).date()).days
    clock = hour_and_minute(snapshot.language, at.hour, at.minute)
    if days == 0:
        return ("opens-today", *clock)
    if days == 1:
        return ("opens-tomorrow", *clock)
    day = (f"weekday-{at.isoweekday()}",) if days < 7 else (f"day-{at.day}", f"month-{at.month}")
    return ("opens-on", *day, "at", *clock)


def _zone(name: str) -> datetime.tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return datetime.UTC


def hour_and_minute(language: Language, hour: int, minute: int) -> tuple[str, ...]:
    """A time of the day."""
    names = [f"hour-{hour}"]
    if minute or language is Language.SPANISH:
        names.append(f"minute-{minute}")
    if language is Language.ENGLISH:
        names.append("am" if hour < 12 else "pm")
    return tuple(names)


def number(value: int) -> tuple[str, ...]:
    """A number from 0."""
    if value > LARGEST:
        return ("more-than", f"number-{LARGEST}")
    return (f"number-{value}",)


def digits(text: str) -> tuple[str, ...]:
    """Digits one by one, a pause behind each four."""
    names: list[str] = []
    for place, digit in enumerate(text, 1):
        names.append(f"number-{digit}")
        if place % 4 == 0 and place < len(text):
            names.append("pause")
    return tuple(names)


def ends_in(minutes: int) -> tuple[str, ...]:
    """How long it goes on."""
    if minutes == 1:
        return ("ends-in", "one-minute")
    return ("ends-in", *number(minutes), "minutes")


def place(count: int) -> tuple[str, ...]:
    """The how many-th in a queue."""
    return ("place", *number(count), "in-line")


def waiting(count: int) -> tuple[str, ...]:
    """How many wait to be let in, and what lets them in."""
    return ("one-waits",) if count == 1 else (*number(count), "people-wait")


def people(count: int) -> tuple[str, ...]:
    """How many are here."""
    return ("alone",) if count <= 1 else (*number(count), "people-here")
