"""PURE. Time zones: which can be booked in, and when their clocks are changed.

A zone is a place (``Europe/Berlin``) or ``UTC``. The names of before, which the
database of time zones keeps as links (``Asia/Calcutta``, ``US/Eastern``), mean
the place of today. What names no place is refused: ``EST`` is not the time of New
York in summer, and the sign of ``Etc/GMT+5`` is the other way round than people
read it.

When the clocks are changed is found out from `zoneinfo` itself, and told as
RFC 5545 3.6.5 wants it: as rules for ever from the year on in which they hold,
and as single changes before.
"""

from __future__ import annotations

import bisect
import calendar
import collections
import dataclasses
import datetime
import functools
import importlib.resources
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo, available_timezones

UTC = datetime.UTC
#: Clocks are not changed twice within it.
STEP = datetime.timedelta(days=5)

#: Names of UTC that are no places.
_UTC = ("UTC", "UCT", "GMT", "GMT0", "GMT+0", "GMT-0", "Greenwich", "Universal", "Zulu")
#: Years in which a rule is looked for: behind all that a table of changes has (2037, and
#: 2087 in Morocco), and enough of them to have each day of the week on each of the month.
_YEARS = range(2100, 2128)
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@functools.cache
def places() -> frozenset[str]:
    """The names of the zones that can be booked in: places, and ``UTC``."""
    table = _file("zone.tab")
    listed = {line.split("\t")[2] for line in table if line and not line.startswith("#")}
    return frozenset({"UTC"} | (listed & available_timezones()))


def named(text: str) -> str | None:
    """The zone that is meant by a name, whatever its case; None where that is no place."""
    return _names().get(text.strip().casefold())


@functools.cache
def _names() -> dict[str, str]:
    links = _links()
    slashed = (name for name in {*links, *places()} if "/" in name)
    found = {name.casefold(): place for name in slashed if (place := _place(name, links))}
    return found | {name.casefold(): "UTC" for one in _UTC for name in (one, f"Etc/{one}")}


def _place(name: str, links: dict[str, str]) -> str | None:
    while name not in places() and name in links:
        name = links[name]
    return name if name in places() else None


def _links() -> dict[str, str]:
    """Old names and what they mean, from lines like ``L Asia/Kolkata Asia/Calcutta``."""
    lines = (line.split() for line in _file("tzdata.zi") if line.startswith("L "))
    return {link: target for _, target, link in lines}


def _file(name: str) -> list[str]:
    return (importlib.resources.files("tzdata.zoneinfo") / name).read_text("utf-8").splitlines()


#: Offset before and after, and name: what is the same each year.
Kind = tuple[datetime.timedelta, datetime.timedelta, str]


@dataclass(frozen=True, slots=True)
class Observance:
    """What the clocks of a zone show from a change on (RFC 5545 3.6.5).

    `begins` are the local times of the changes, by the clock before: one at the
    least, and just the first one where they recur for ever by `rule`.
    """

    before: datetime.timedelta
    after: datetime.timedelta
    name: str
    begins: tuple[datetime.datetime, ...]
    rule: str = ""

    @property
    def kind(self) -> Kind:
        """What is the same each year."""
        return self.before, self.after, self.name

    @property
    def summer(self) -> bool:
        """Whether clocks are set forward; by its law Dublin has summer time in winter."""
        return self.after > self.before


@functools.lru_cache(maxsize=512)
def observances(zone: str, *, since: int, until: int) -> tuple[Observance, ...]:
    """What its clocks show after the year `since`, the earliest change first.

    Where no rule holds by then, changes are told until the end of the year `until`.
    """
    rules = _rules(zone)
    holds = min(_ruled_from(zone, since, rules), until + 1)
    single = [one for year in range(since, holds) for one in _changes(zone, year)]
    recurring = _changes(zone, holds) if holds <= until else ()
    told = [
        *_joined(single),
        *(dataclasses.replace(one, rule=rules[one.kind].text) for one in recurring),
    ]
    if not _changes(zone, since):
        told.append(_at_first(zone, since))
    return tuple(sorted(told, key=lambda one: one.begins[0]))


def _at_first(zone: str, year: int) -> Observance:
    begin = datetime.datetime(year, 1, 1, tzinfo=UTC)
    offset, name = _shown(ZoneInfo(zone), begin)
    return Observance(offset, offset, name, ((begin + offset).replace(tzinfo=None),))


def _joined(changes: list[Observance]) -> Iterator[Observance]:
    """Changes of the same kind made one."""
    for kind in dict.fromkeys(one.kind for one in changes):
        yield Observance(*kind, tuple(one.begins[0] for one in changes if one.kind == kind))


def _ruled_from(zone: str, since: int, rules: Mapping[Kind, _Rule]) -> int:
    """The first year, from `since` on, in which and after which the rules hold."""
    found = _YEARS.stop
    for year in range(_YEARS.start, since - 1, -1) if rules else ():
        changes = {one.kind: one.begins[0] for one in _changes(zone, year)}
        if changes.keys() != rules.keys():
            break
        if not all(rules[kind].fits(begin) for kind, begin in changes.items()):
            break
        found = year
    return found


# --- The rule behind changes -------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Rule:
    """A day of the week on one of seven days of a month, at a time of the day."""

    month: int
    weekday: int
    first: int
    time: datetime.time

    def fits(self, begin: datetime.datetime) -> bool:
        day = begin.day - self.first in range(7) and begin.weekday() == self.weekday
        return day and (begin.month, begin.time()) == (self.month, self.time)

    @property
    def text(self) -> str:
        """As RFC 5545 3.3.10 writes it, and as simply as it can be said."""
        day, month = _DAYS[self.weekday], f"FREQ=YEARLY;BYMONTH={self.month}"
        if self.first == calendar.monthrange(2100, self.month)[1] - 6:
            return f"{month};BYDAY=-1{day}"
        if self.first % 7 == 1:
            return f"{month};BYDAY={self.first // 7 + 1}{day}"
        days = ",".join(str(self.first + number) for number in range(7))
        return f"{month};BYMONTHDAY={days};BYDAY={day}"


def _rules(zone: str) -> dict[Kind, _Rule]:
    """The rule of each kind of change in years to come; none where there is not one a year."""
    kinds = collections.defaultdict(list)
    for year in _YEARS:
        for one in _changes(zone, year):
            kinds[one.kind].append(one.begins[0])
    found = {kind: _rule(begins) for kind, begins in kinds.items()}
    whole = {kind: rule for kind, rule in found.items() if rule is not None}
    return whole if len(whole) == len(found) else {}


def _rule(begins: Sequence[datetime.datetime]) -> _Rule | None:
    first = min(begins, key=lambda one: one.day)
    rule = _Rule(first.month, first.weekday(), first.day, first.time())
    yearly = [one.year for one in begins] == list(_YEARS)
    return rule if yearly and all(rule.fits(one) for one in begins) else None


# --- What the clocks show ----------------------------------------------------------


def _shown(zone: ZoneInfo, at: datetime.datetime) -> tuple[datetime.timedelta, str]:
    local = at.astimezone(zone)
    return local.utcoffset() or datetime.timedelta(), local.tzname() or ""


@functools.lru_cache(maxsize=8192)
def _changes(zone: str, year: int) -> tuple[Observance, ...]:
    """The changes of that year, as they come."""
    return tuple(_looked_for(ZoneInfo(zone), year))


def _looked_for(zone: ZoneInfo, year: int) -> Iterator[Observance]:
    first, last = (datetime.datetime(one, 1, 1, tzinfo=UTC) for one in (year, year + 1))
    days = [first + STEP * number for number in range((last - first) // STEP + 1)]
    for low, high in itertools.pairwise([*days, last]):
        before, after = _shown(zone, low), _shown(zone, high)
        if before != after:
            moment = _moment(zone, low, high) + before[0]
            yield Observance(before[0], *after, (moment.replace(tzinfo=None),))


def _moment(zone: ZoneInfo, low: datetime.datetime, high: datetime.datetime) -> datetime.datetime:
    """The first second after `low` at which the clocks show something else."""
    before, second = _shown(zone, low), datetime.timedelta(seconds=1)
    changed = bisect.bisect_left(
        range((high - low) // second),
        True,
        key=lambda one: _shown(zone, low + one * second) != before,
    )
    return low + changed * second
