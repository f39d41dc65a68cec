"""The ledger: every conference takes its ports before it exists.

`take` runs inside the transaction that writes the conference. It locks the
ledger's one row first (SQLite: the whole database is locked by BEGIN
IMMEDIATE), so of two who want the last ports one waits, then sees what the
other took. All occurrences that a rule can ever have (`recurrence.HORIZON`,
ten years) are taken at once: nothing has to be found room for later.

A conference takes `max_participants` ports; where nothing is said, `DEFAULT_SIZE` of
them, or as many as its organizer may take at all (`selectors.ports_kept`).
"""

from __future__ import annotations

import datetime
import math
import zoneinfo
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils import timezone as clock
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, ngettext_lazy

from conferences import ledger, recurrence, selectors, wording
from conferences.ledger import FOR_EVER, Limit, Load, Span, Taken
from conferences.models import Conference, Hold, Kind, Ledger

#: How many starts a refusal proposes.
PROPOSED = 3
#: So long after its end nobody asks about a hold any more.
KEEP_HOLDS = datetime.timedelta(days=1)

#: Within a day a series can be put off without falling on other days.
_SAME_DAY = datetime.timedelta(days=1)


class NoRoom(Exception):
    """Not enough ports are free: `free` of them, because of the `quota` or of the whole."""

    def __init__(self, free: int, quota: selectors.Quota | None) -> None:
        super().__init__(f"{free} ports are free")
        self.free = free
        self.quota = quota


def size(conference: Conference) -> int:
    """How many ports it takes."""
    return conference.max_participants or selectors.ports_kept(conference.organizer_id)


def shape(conference: Conference) -> tuple[object, ...]:
    """All that its ports depend on: while this is the same, so are they."""
    return (
        conference.kind,
        conference.starts_at,
        conference.duration_minutes,
        conference.timezone,
        conference.rrule,
        conference.early_minutes,
        conference.grace_minutes,
        conference.closes_at,
        conference.max_participants,
    )


def take(conference: Conference, *, now: datetime.datetime) -> None:
    """Take the ports of `conference`, in place of those that it has. Raises `NoRoom`.

    To be called in the transaction that writes the conference, which is to be
    rolled back where there is no room.
    """
    only, _ = Ledger.objects.select_for_update().get_or_create(pk=Ledger.ONLY)
    conference.holds.all().delete()
    spans = ledger.whole_seconds(_spans(conference, now))
    if not spans:
        return
    for limit, quota in _limits(conference, only, spans[0].starts_at, spans[-1].ends_at):
        if (free := limit.free(spans)) < size(conference):
            raise NoRoom(free, quota)
    Hold.objects.bulk_create(
        Hold(
            conference=conference,
            starts_at=int(piece.starts_at),
            ends_at=None if piece.ends_at == FOR_EVER else int(piece.ends_at),
            ports=size(conference),
        )
        for span in spans
        for piece in ledger.pieces(span)
    )


def give_back(conference: int) -> None:
    """Its ports are free for others: it was called off, or is over for good."""
    Hold.objects.filter(conference_id=conference).delete()


def complaint(
    conference: Conference,
    no_room: NoRoom,
    *,
    now: datetime.datetime,
    one: recurrence.Occurrence | None = None,
) -> ValidationError:
    """`no_room` for people: at the field to mend, code ``full``, with times that are free.

    The times stand in the parameter ``free`` of the error; they are for `one`
    occurrence where that was to be changed. Nothing is locked meanwhile, so
    they are proposals.
    """
    free = _proposals(conference, now, one)
    booked = conference.kind == Kind.BOOKED
    told: dict[str, object] = {"ports": _ports(size(conference)), "count": no_room.free}
    if no_room.quota is not None:
        told |= {"quota": no_room.quota.ports, "group": no_room.quota.group}
    if not booked:
        words = _lacking(no_room, _ALWAYS) % told
        words = _("%(lack)s Choose a smaller size, or a date and time.") % {"lack": words}
        return ValidationError({"max_participants": ValidationError(words, code="full")})
    words = _lacking(no_room, _THEN) % told
    if free:
        times = "; ".join(_words(at, conference.timezone) for at in free)
        words = _("%(lack)s There is room at: %(times)s.") % {"lack": words, "times": times}
    error = ValidationError(words, code="full", params={"free": free})
    return ValidationError({"starts_at": error})


#: What is lacking: of the installation's ports, of one's quota, and of a group's.
_THEN = (
    ngettext_lazy(
        "This takes %(ports)s, and only %(count)s is free at that time.",
        "This takes %(ports)s, and only %(count)s are free at that time.",
        "count",
    ),
    ngettext_lazy(
        "This takes %(ports)s of your quota of %(quota)s, and only %(count)s is free at that time.",
        "This takes %(ports)s of your quota of %(quota)s, "
        "and only %(count)s are free at that time.",
        "count",
    ),
    ngettext_lazy(
        "This takes %(ports)s of the quota of %(quota)s that %(group)s has together, "
        "and only %(count)s is free at that time.",
        "This takes %(ports)s of the quota of %(quota)s that %(group)s has together, "
        "and only %(count)s are free at that time.",
        "count",
    ),
)
_ALWAYS = (
    ngettext_lazy(
        "This takes %(ports)s, and only %(count)s is free at all times.",
        "This takes %(ports)s, and only %(count)s are free at all times.",
        "count",
    ),
    ngettext_lazy(
        "This takes %(ports)s of your quota of %(quota)s, and only %(count)s is free at all times.",
        "This takes %(ports)s of your quota of %(quota)s, "
        "and only %(count)s are free at all times.",
        "count",
    ),
    ngettext_lazy(
        "This takes %(ports)s of the quota of %(quota)s that %(group)s has together, "
        "and only %(count)s is free at all times.",
        "This takes %(ports)s of the quota of %(quota)s that %(group)s has together, "
        "and only %(count)s are free at all times.",
        "count",
    ),
)


def _lacking(no_room: NoRoom, words: tuple[Any, Any, Any]) -> Any:
    if no_room.quota is None:
        return words[0]
    return words[2] if no_room.quota.group else words[1]


def _ports(count: int) -> str:
    return ngettext("%(count)s port", "%(count)s ports", count) % {"count": count}


def _words(at: datetime.datetime, zone: str) -> str:
    return wording.moment(recurrence.local(at, zone), recurrence.local(clock.now(), zone))


def _spans(conference: Conference, now: datetime.datetime) -> Iterable[Span]:
    """When it takes ports from `now` on; they may overlap."""
    if conference.cancelled_at is not None:
        return []
    if conference.kind == Kind.ROOM:
        return [Span(now.timestamp())]
    if conference.kind == Kind.ADHOC:
        until = conference.closes_at
        if conference.ended_at is not None or until is None or until <= now:
            return []
        return [Span(now.timestamp(), until.timestamp())]
    return _occurrences(conference, now)


def _occurrences(conference: Conference, now: datetime.datetime) -> Iterator[Span]:
    early = datetime.timedelta(minutes=conference.early_minutes)
    grace = datetime.timedelta(minutes=conference.grace_minutes)
    for found in selectors.all_occurrences(conference, after=now - grace):
        if conference.ended_at is None or found.starts_at - early > conference.ended_at:
            yield _span(conference, found)


def _span(conference: Conference, found: recurrence.Occurrence) -> Span:
    early = datetime.timedelta(minutes=conference.early_minutes)
    grace = datetime.timedelta(minutes=conference.grace_minutes)
    return Span((found.starts_at - early).timestamp(), (found.ends_at + grace).timestamp())


def _limits(
    conference: Conference, only: Ledger, since: float, until: float
) -> list[tuple[Limit, selectors.Quota | None]]:
    """What may be taken from `since` to `until`: in all, and by the organizer's quotas."""
    others = list(_taken(_holds(since, until).exclude(conference=conference.pk)))
    limits: list[tuple[Limit, selectors.Quota | None]] = [
        (Limit(Load(one for _, one in others), only.bookable), None)
    ]
    if conference.organizer_id is not None:
        for quota in selectors.quotas(conference.organizer_id):
            theirs = Load(one for whose, one in others if whose in quota.whose)
            limits.append((Limit(theirs, quota.ports), quota))
    return limits


def _holds(since: float, until: float) -> QuerySet[Hold]:
    """Those that lie, even in part, in that time; by the index, for no piece is longer."""
    pieces = Q(starts_at__gt=since - ledger.LONGEST_PIECE, ends_at__gt=since)
    if until != FOR_EVER:
        pieces &= Q(starts_at__lt=until)
    return Hold.objects.filter(pieces | Q(ends_at__isnull=True))


def _taken(holds: QuerySet[Hold]) -> Iterator[tuple[int | None, Taken]]:
    """Whose they are, and what they take."""
    rows = holds.values_list("conference__organizer", "starts_at", "ends_at", "ports")
    for whose, starts_at, ends_at, ports in rows.iterator(2000):
        yield whose, Taken(Span(starts_at, FOR_EVER if ends_at is None else ends_at), ports)


def _proposals(
    conference: Conference, now: datetime.datetime, one: recurrence.Occurrence | None
) -> list[datetime.datetime]:
    """Starts at which the whole series would find room: for a single one within a week."""
    spans = ledger.whole_seconds(
        [_span(conference, one)] if one is not None else _spans(conference, now)
    )
    if conference.kind != Kind.BOOKED or conference.starts_at is None or not spans:
        return []
    single = one is not None or not conference.rrule
    searched = ledger.SEARCHED if single else _rest_of_day(conference)
    only, _ = Ledger.objects.get_or_create(pk=Ledger.ONLY)
    limits = _limits(conference, only, spans[0].starts_at, spans[-1].ends_at + searched)
    shifts = ledger.free_starts(
        spans,
        size(conference),
        [limit for limit, _ in limits],
        until=searched,
        most=PROPOSED,
    )
    first = conference.starts_at if one is None else one.starts_at
    return [first + datetime.timedelta(seconds=shift) for shift in shifts]


def _rest_of_day(conference: Conference) -> float:
    """Seconds from the start of a series to the end of that day in its zone."""
    assert conference.starts_at is not None, "asked of bookings alone"
    local = conference.starts_at.astimezone(zoneinfo.ZoneInfo(conference.timezone))
    midnight = (local + _SAME_DAY).replace(hour=0, minute=0, second=0, microsecond=0)
    return math.floor((midnight - local).total_seconds()) - 1.0


def prune_holds(*, now: datetime.datetime) -> None:
    """Forget what was taken in the past."""
    Hold.objects.filter(ends_at__lte=(now - KEEP_HOLDS).timestamp()).delete()
