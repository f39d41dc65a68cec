"""PURE. Between a rule (RFC 5545 3.3.10) and what people choose and say.

A form offers what people do: every day, on weekdays, weekly on some days,
monthly by date or by weekday, each with a step and an end. `build_rule` writes
the rule, `parse_repetition` reads back what it wrote and leaves every other
rule as text; `describe` takes either apart for who says it in words.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import re
from dataclasses import dataclass

#: RFC 5545 names of weekdays, Monday first, as `datetime.date.weekday` counts.
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_WORKDAYS = DAYS[:5]
#: Places of a weekday in a month that have a name: the first, …, the last.
_PLACES = (1, 2, 3, 4, -1)
_SAID = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")


class Repeats(enum.StrEnum):
    """What a form offers."""

    NEVER = "never"
    DAILY = "daily"
    WEEKDAYS = "weekdays"
    WEEKLY = "weekly"
    BY_DATE = "by-date"
    BY_WEEKDAY = "by-weekday"
    RULE = "rule"


@dataclass(frozen=True, slots=True)
class Repetition:
    """How something repeats, from a first day on.

    `days` are names out of `DAYS`, for `WEEKLY` alone; `rule` is the text of
    `RULE`. `until` is the last day that counts; at most one end is set.
    """

    repeats: Repeats = Repeats.NEVER
    every: int = 1
    days: tuple[str, ...] = ()
    until: datetime.date | None = None
    count: int | None = None
    rule: str = ""


def build_rule(repetition: Repetition, first: datetime.date) -> str:
    """The rule of what repeats from `first` on; empty for what does not."""
    if repetition.repeats is Repeats.NEVER:
        return ""
    if repetition.repeats is Repeats.RULE:
        return repetition.rule
    parts = [_FREQUENCIES[repetition.repeats]]
    if repetition.every != 1:
        parts.append(f"INTERVAL={repetition.every}")
    if (by := _by(repetition, first)) is not None:
        parts.append(by)
    if repetition.until is not None:
        parts.append(f"UNTIL={repetition.until:%Y%m%d}")
    elif repetition.count is not None:
        parts.append(f"COUNT={repetition.count}")
    return ";".join(parts)


_FREQUENCIES = {
    Repeats.DAILY: "FREQ=DAILY",
    Repeats.WEEKDAYS: "FREQ=WEEKLY",
    Repeats.WEEKLY: "FREQ=WEEKLY",
    Repeats.BY_DATE: "FREQ=MONTHLY",
    Repeats.BY_WEEKDAY: "FREQ=MONTHLY",
}


def _by(repetition: Repetition, first: datetime.date) -> str | None:
    """The part that says on which days."""
    if repetition.repeats is Repeats.WEEKDAYS:
        return f"BYDAY={','.join(_WORKDAYS)}"
    if repetition.repeats is Repeats.WEEKLY:
        chosen = [day for day in DAYS if day in repetition.days] or [DAYS[first.weekday()]]
        return f"BYDAY={','.join(chosen)}"
    if repetition.repeats is Repeats.BY_DATE:
        return f"BYMONTHDAY={first.day}"
    if repetition.repeats is Repeats.BY_WEEKDAY:
        return f"BYDAY={_place(first)}{DAYS[first.weekday()]}"
    return None


def _place(day: datetime.date) -> int:
    """Which one of its weekday in the month it is; the fifth is the last."""
    place = (day.day + 6) // 7
    return place if place in _PLACES else -1


def parse_repetition(rule: str, first: datetime.date) -> Repetition:
    """What a form shows of `rule`: a choice that builds the same rule again, or its text."""
    if not rule:
        return Repetition()
    parts = dict(part.partition("=")[::2] for part in rule.split(";"))
    every = int(parts.get("INTERVAL", "1"))
    until = re.fullmatch("[0-9]{8}", parts.get("UNTIL", ""))
    days = tuple(parts.get("BYDAY", "").split(","))
    for repeats in _FREQUENCIES:
        found = Repetition(
            repeats,
            every=every,
            days=days if repeats is Repeats.WEEKLY else (),
            until=datetime.datetime.strptime(until[0], "%Y%m%d").date() if until else None,  # noqa: DTZ007
            count=int(parts["COUNT"]) if "COUNT" in parts else None,
        )
        if build_rule(found, first) == rule:
            return found
    return Repetition(Repeats.RULE, rule=rule)


def moved(rule: str, before: datetime.date, after: datetime.date) -> str:
    """`rule` of a series whose day was `before`, when that is `after`.

    A weekday among others gives way to the new one; a rule that the form does
    not know stays.
    """
    known = parse_repetition(rule, before)
    if known.repeats in (Repeats.NEVER, Repeats.RULE, Repeats.WEEKDAYS) or before == after:
        return rule
    was, is_now = DAYS[before.weekday()], DAYS[after.weekday()]
    days = tuple(is_now if day == was else day for day in known.days)
    return build_rule(dataclasses.replace(known, days=days), after)


@dataclass(frozen=True, slots=True)
class Described:
    """A rule for which people have words: how often, on which days, until when."""

    frequency: str
    every: int = 1
    #: Days of the month.
    dates: tuple[int, ...] = ()
    #: Weekdays, 0 is Monday, each with its place in the month, -1 for the last, 0 for every one.
    days: tuple[tuple[int, int], ...] = ()
    until: datetime.date | None = None
    count: int | None = None

    @property
    def on_workdays(self) -> bool:
        """Every Monday to Friday."""
        return (self.frequency, self.every, self.days) == (
            "WEEKLY",
            1,
            tuple((0, day) for day in range(len(_WORKDAYS))),
        )


def describe(rule: str) -> Described | None:
    """`rule` in its parts; None where there are no words for it."""
    parts = dict(part.partition("=")[::2] for part in rule.split(";"))
    known = {"FREQ", "INTERVAL", "BYDAY", "BYMONTHDAY", "UNTIL", "COUNT", "WKST"}
    if not known.issuperset(parts) or parts.get("FREQ") not in _SAID:
        return None
    found = Described(
        parts["FREQ"],
        every=int(parts.get("INTERVAL", "1")),
        dates=tuple(int(one) for one in parts.get("BYMONTHDAY", "").split(",") if one),
        days=tuple(_day(one) for one in parts.get("BYDAY", "").split(",") if one),
        until=_date(parts["UNTIL"]) if "UNTIL" in parts else None,
        count=int(parts["COUNT"]) if "COUNT" in parts else None,
    )
    return found if _has_words(found) else None


def _has_words(found: Described) -> bool:
    """The 31st and the third Tuesday of a month, Tuesdays of a week: nothing else is said."""
    if found.dates:
        return found.frequency == "MONTHLY" and not found.days and min(found.dates) > 0
    if found.frequency == "WEEKLY":
        return not any(place for place, _day_of_week in found.days)
    if found.frequency == "MONTHLY":
        return all(not place or place in _PLACES for place, _day_of_week in found.days)
    return not found.days


def _day(text: str) -> tuple[int, int]:
    """One element of BYDAY: its place, 0 for none, and the weekday."""
    return int(text[:-2] or 0), DAYS.index(text[-2:])


def _date(text: str) -> datetime.date:
    return datetime.date.fromisoformat(f"{text[:4]}-{text[4:6]}-{text[6:8]}")
