"""PURE. Between a rule (RFC 5545 3.3.10) and what people choose and say.

A form offers what people do: every day, on weekdays, weekly on some days,
monthly by date or by weekday, each with a step and an end. `build_rule` writes
the rule, `parse_repetition` reads back what it wrote and leaves every other
rule as text; `words` says either.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import re
from dataclasses import dataclass

#: RFC 5545 names of weekdays, Monday first, as `datetime.date.weekday` counts.
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_DAY_WORDS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WORKDAYS = DAYS[:5]
_ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", -1: "last"}
_STEPS = {
    "DAILY": ("day", "days"),
    "WEEKLY": ("week", "weeks"),
    "MONTHLY": ("month", "months"),
    "YEARLY": ("year", "years"),
}


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
    return place if place in _ORDINALS else -1


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


def words(rule: str) -> str:
    """`rule` as one says it, in lower case: "every week on Monday, 5 times"."""
    parts = dict(part.partition("=")[::2] for part in rule.split(";"))
    found = _on(parts)
    if found is None:
        return f"by the rule {rule}"
    return found + _end(parts)


def _on(parts: dict[str, str]) -> str | None:
    """Without the end; None where there are no words for it."""
    known = {"FREQ", "INTERVAL", "BYDAY", "BYMONTHDAY", "UNTIL", "COUNT", "WKST"}
    if not known.issuperset(parts) or parts.get("FREQ") not in _STEPS:
        return None
    frequency, by = parts["FREQ"], parts.get("BYDAY", "")
    one, many = _STEPS[frequency]
    step = (
        f"every {one}" if parts.get("INTERVAL", "1") == "1" else f"every {parts['INTERVAL']} {many}"
    )
    if "BYMONTHDAY" in parts:
        dates = parts["BYMONTHDAY"].split(",")
        if by or frequency != "MONTHLY" or any(date.startswith("-") for date in dates):
            return None
        return f"{step} on day {_listed(dates)}"
    if not by:
        return step
    if frequency == "WEEKLY" and by == ",".join(_WORKDAYS) and step == "every week":
        return "every weekday"
    named = [_day(one) for one in by.split(",")]
    if frequency not in ("WEEKLY", "MONTHLY") or None in named:
        return None
    if frequency == "WEEKLY" and any(" " in (day or "") for day in named):
        return None
    return f"{step} on {_listed([day for day in named if day])}"


def _day(text: str) -> str | None:
    """One element of BYDAY."""
    place, day = text[:-2], _DAY_WORDS[DAYS.index(text[-2:])]
    if not place:
        return day
    ordinal = _ORDINALS.get(int(place))
    return f"the {ordinal} {day}" if ordinal else None


def _listed(some: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(some[:-1]), some[-1]]))


def _end(parts: dict[str, str]) -> str:
    if "COUNT" in parts:
        return ", once" if parts["COUNT"] == "1" else f", {parts['COUNT']} times"
    if "UNTIL" in parts:
        day = datetime.datetime.strptime(parts["UNTIL"][:8], "%Y%m%d")  # noqa: DTZ007 - a date
        return f", until {day.day} {day:%B %Y}"
    return ""
