"""Ports are taken before a conference exists, and no moment is oversold."""

from __future__ import annotations

import datetime
import functools
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from bench import booking
from conferences import ledger, policy, recurrence, selectors, services, wording
from conferences.ledger import Load, Span, Taken
from conferences.models import Conference, GroupQuota, Hold, Kind, Lease, Ledger, User
from conferences.services import Refused
from tests import people
from tests.conferences import postgres
from tests.conferences.test_api import Api, as_alice  # noqa: F401 - a fixture

MINUTE = datetime.timedelta(minutes=1)
HOUR = datetime.timedelta(hours=1)
DAY = datetime.timedelta(days=1)


@pytest.fixture(autouse=True)
def _few_ports(db: None) -> None:
    _set_ports(20)


def _set_ports(ports: int, *, overbooked: int = 0) -> None:
    Ledger.objects.update_or_create(
        pk=Ledger.ONLY, defaults={"ports": ports, "overbooked_percent": overbooked}
    )


@functools.cache
def _noon() -> datetime.datetime:
    """Noon of a day to come, UTC; the same one however late it gets meanwhile."""
    return timezone.now().replace(hour=12, minute=0, second=0, microsecond=0) + 7 * DAY


def _book(organizer: User, start: datetime.datetime | None, **said: object) -> Conference:
    given: dict[str, object] = {"title": "Talk", "duration_minutes": 60, **said}
    if start is None:
        del given["duration_minutes"]
    return services.book(organizer=organizer, starts_at=start, timezone="UTC", **given)  # type: ignore[arg-type]


@contextmanager
def _no_room(field: str = "starts_at") -> Iterator[list[datetime.datetime]]:
    """Refused for want of ports; what is proposed, once it is over."""
    proposed: list[datetime.datetime] = []
    with pytest.raises(ValidationError) as caught:
        yield proposed
    (error,) = caught.value.error_dict[field]
    assert error.code == "full"
    proposed += (error.params or {}).get("free", [])


def test_the_last_ports_are_sold_once_and_others_are_proposed(alice: User, bob: User) -> None:
    start = _noon()
    _book(alice, start, max_participants=15)
    with _no_room() as proposed:
        _book(bob, start + 30 * MINUTE, max_participants=6)
    assert proposed == [start + HOUR, start + 2 * HOUR, start + 3 * HOUR]
    assert Conference.objects.count() == 1
    _book(bob, start, max_participants=5)
    _book(bob, proposed[0], max_participants=6)


def test_a_refusal_says_what_is_free(alice: User) -> None:
    start = _noon()
    _book(alice, start, max_participants=19)
    with pytest.raises(ValidationError) as caught:
        _book(alice, start)
    year = "" if start.year == timezone.now().year else f" {start.year}"
    assert caught.value.message_dict["starts_at"] == [
        "This takes 10 ports, and only 1 is free at that time. There is room at: "
        + "; ".join(
            f"{start:%a} {start.day} {start:%b}{year}, {hour:%H:%M}"
            for hour in (start + HOUR, start + 2 * HOUR, start + 3 * HOUR)
        )
        + "."
    ]


def test_early_and_grace_are_taken_too(alice: User) -> None:
    start = _noon()
    _book(alice, start, max_participants=20, early_minutes=10, grace_minutes=5)
    with _no_room():
        _book(alice, start - HOUR)
    with _no_room() as proposed:
        _book(alice, start + HOUR)
    assert proposed[0] == start + HOUR + 15 * MINUTE
    _book(alice, start - 70 * MINUTE)


def test_a_series_takes_every_occurrence(alice: User) -> None:
    start = _noon()
    series = _book(alice, start, max_participants=15, rrule="FREQ=WEEKLY")
    # Ten years of weeks: all that the rule can ever have.
    assert series.holds.count() == recurrence.HORIZON.days // 7 + 1
    with _no_room():
        _book(alice, start + 52 * 7 * DAY)
    with _no_room() as proposed:
        _book(
            alice,
            start - DAY + HOUR,
            rrule="FREQ=DAILY;COUNT=400",
            max_participants=6,
            duration_minutes=1440,
        )
    assert proposed == []
    with _no_room() as proposed:
        _book(alice, start, rrule="FREQ=WEEKLY", max_participants=6)
    assert proposed[0] == start + HOUR
    assert proposed[-1].date() == start.date()


def test_a_standing_room_takes_its_ports_for_ever(alice: User) -> None:
    _book(alice, _noon() + 700 * DAY, max_participants=12)
    with _no_room("max_participants"):
        _book(alice, None, max_participants=9)
    room = _book(alice, None, max_participants=8)
    with _no_room():
        _book(alice, _noon(), max_participants=13)
    services.cancel(conference=room, actor=people.ALICE.uri)
    assert _book(alice, _noon(), max_participants=13).holds.get().ports == 13


def test_an_adhoc_conference_sees_what_is_free_for_a_day(alice: User) -> None:
    _book(alice, timezone.now() + 23 * HOUR, max_participants=15)
    with pytest.raises(Refused) as caught:
        services.create_adhoc(creator=people.BOB)
    assert caught.value.refusal is policy.Refusal.NO_PORTS
    pk = services.create_adhoc(creator=people.BOB, max_participants=5)
    with pytest.raises(Refused):
        services.create_adhoc(creator=people.CAROL, max_participants=1)
    services.conference_ended(conference=pk, at=timezone.now().timestamp(), by="")
    services.create_adhoc(creator=people.CAROL, max_participants=5)


def test_the_application_is_told_that_all_ports_are_taken(db: None) -> None:
    _set_ports(1)
    services.open_setup(token="t", caller=people.BOB, at=timezone.now().timestamp())
    with pytest.raises(ValidationError) as caught:
        services.answer_setup(token="t", title="Talk")
    assert caught.value.error_list[0].code == "full"


def test_an_adhoc_conference_lasts_a_day_and_ends_when_it_is_given_up(db: None) -> None:
    now = timezone.now()
    left, served = (services.create_adhoc(creator=people.BOB, max_participants=2) for _ in "12")
    snapshot = selectors.snapshot(left)
    assert snapshot is not None
    assert snapshot.closes_at == pytest.approx((now + DAY).timestamp(), abs=5)
    Lease.objects.create(conference_id=served, owner="focus", expires_at=now + DAY)
    services.open_and_close(now=now + 9 * MINUTE)
    assert Hold.objects.count() == 2
    services.open_and_close(now=now + 11 * MINUTE)
    assert [hold.conference_id for hold in Hold.objects.all()] == [served]
    after = selectors.snapshot(left)
    assert after is not None
    assert after.over


def test_a_change_takes_what_it_needs_or_changes_nothing(alice: User) -> None:
    start = _noon()
    row = _book(alice, start, max_participants=10)
    _book(alice, start + HOUR, max_participants=12)
    services.change(conference=row, actor=people.ALICE.uri, max_participants=20)
    for said in ({"starts_at": start + 30 * MINUTE}, {"duration_minutes": 61}):
        with _no_room():
            services.change(conference=row, actor=people.ALICE.uri, **said)
        assert (row.starts_at, row.duration_minutes) == (start, 60)
    # It does not stand in its own way.
    services.change(conference=row, actor=people.ALICE.uri, starts_at=start - 30 * MINUTE)
    hold = row.holds.get()
    assert (hold.starts_at, hold.ports) == ((start - 30 * MINUTE).timestamp(), 20)


def test_a_change_by_somebody_who_read_an_older_booking(alice: User) -> None:
    row = _book(alice, _noon(), max_participants=20)
    stale = Conference.objects.get(pk=row.pk)
    services.change(conference=row, actor=people.ALICE.uri, max_participants=5)
    services.change(conference=stale, actor=people.ALICE.uri, title="Other")
    row.refresh_from_db()
    assert (row.title, row.max_participants, row.holds.get().ports) == ("Other", 5, 5)


def test_a_change_of_words_leaves_the_ledger_alone(
    alice: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    row = _book(alice, _noon(), rrule="FREQ=DAILY")
    before = set(row.holds.values_list("pk", flat=True))
    with django_assert_max_num_queries(27):
        services.change(conference=row, actor=people.ALICE.uri, title="Other", pin="4711")
    assert set(row.holds.values_list("pk", flat=True)) == before


def test_a_quota_is_the_organizers(alice: User, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(ports_quota=12)
    bob.refresh_from_db()
    start = _noon()
    _book(bob, start)
    with pytest.raises(ValidationError) as caught:
        _book(bob, start, max_participants=3)
    assert "of your quota of 12" in caught.value.message_dict["starts_at"][0]
    _book(alice, start, max_participants=3)
    _book(bob, start, max_participants=2)
    with pytest.raises(Refused):
        services.create_adhoc(creator=people.BOB, max_participants=13)


def test_overbooking_is_the_administrators_word(alice: User) -> None:
    _set_ports(20, overbooked=50)
    row = _book(alice, _noon(), max_participants=30)
    with _no_room():
        _book(alice, _noon(), max_participants=1)
    assert list(Hold.objects.values_list("conference", "ports")) == [(row.pk, 30)]


def test_occurrences_that_overlap_take_their_ports_once(alice: User) -> None:
    row = _book(
        alice,
        _noon(),
        duration_minutes=1440,
        grace_minutes=60,
        max_participants=15,
        rrule="FREQ=DAILY;COUNT=5",
    )
    assert row.holds.count() == 5
    assert all(
        hold.ends_at and hold.ends_at - hold.starts_at <= ledger.LONGEST_PIECE
        for hold in row.holds.all()
    )


def test_the_past_is_forgotten(alice: User) -> None:
    row = _book(alice, _noon())
    services.prune(now=_noon() + DAY)
    assert row.holds.exists()
    services.prune(now=_noon() + 2 * DAY)
    assert not row.holds.exists()


def test_the_api_says_conflict_and_when_it_is_free(alice: User, as_alice: Api) -> None:  # noqa: F811
    start = _noon()
    said = {"title": "Talk", "starts_at": start.isoformat(), "max_participants": 20}
    assert as_alice.call("POST", "/conferences", said)[0] == 201
    status, problem = as_alice.call("POST", "/conferences", said)
    assert status == 409
    assert problem["errors"][0]["field"] == "starts_at"
    assert problem["errors"][0]["free"][0] == (start + HOUR).isoformat()


# --- No sequence oversells ----------------------------------------------------------

starts = st.integers(0, 24).map(lambda quarters: _noon() + quarters * 15 * MINUTE)
rules = st.sampled_from(["", "", "FREQ=DAILY;COUNT=3", "FREQ=WEEKLY;BYDAY=MO,TU,WE;COUNT=4"])
times = st.fixed_dictionaries(
    {
        "starts_at": starts,
        "duration_minutes": st.sampled_from([15, 45, 60, 1500]),
        "rrule": rules,
        "early_minutes": st.sampled_from([0, 10]),
        "grace_minutes": st.sampled_from([0, 15]),
        "max_participants": st.none() | st.integers(1, 20),
    }
)
rooms = st.fixed_dictionaries({"starts_at": st.none(), "max_participants": st.integers(1, 8)})
#: What can become of one time of a series, or of it and all that follow.
OCCURRENCES: dict[str, Callable[..., object]] = {
    "move": services.change_occurrence,
    "off": services.cancel_occurrence,
    "back": services.restore_occurrence,
    "split": services.change_following,
    "stop": services.cancel_following,
}
wishes = st.lists(
    st.tuples(
        st.sampled_from(["book", "book", "adhoc", "change", "cancel", "end", *OCCURRENCES]),
        st.integers(0, 9),
        times | rooms,
    ),
    min_size=3,
    max_size=12,
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(wishes)
def test_no_sequence_of_wishes_oversells_a_minute(
    alice: User, wished: list[tuple[str, int, dict[str, object]]]
) -> None:
    with transaction.atomic():
        for what, which, said in wished:
            _carry_out(alice, what, which, said)
            assert _most_sold() <= 20
            _holds_are_exact()
        transaction.set_rollback(True)


def _carry_out(alice: User, what: str, which: int, said: dict[str, object]) -> None:
    rows = list(Conference.objects.order_by("pk"))
    row = rows[which % len(rows)] if rows else None
    try:
        if what == "book":
            services.book(organizer=alice, title="Talk", **said)  # type: ignore[arg-type]
        elif what == "adhoc":
            services.create_adhoc(creator=people.ALICE, max_participants=5)
        elif row is not None and what == "change":
            services.change(conference=row, actor="", **said)  # type: ignore[arg-type]
        elif row is not None and what == "cancel":
            services.cancel(conference=row, actor="")
        elif row is not None and what in OCCURRENCES:
            _change_one(row, what, which, said)
        elif row is not None:
            services.conference_ended(conference=row.key, at=timezone.now().timestamp(), by="")
    except (ValidationError, Refused):
        pass


def _change_one(row: Conference, what: str, which: int, said: dict[str, object]) -> None:
    found = list(itertools.islice(selectors.planned(row, since=timezone.now()), 6))
    if not found:
        return
    name = found[which % len(found)].recurrence_id
    given = {}
    if what in ("move", "split"):
        given = {key: said.get(key) for key in ("starts_at", "duration_minutes")}
    OCCURRENCES[what](conference=row, recurrence_id=name, actor="", **given)


def _holds_are_exact() -> None:
    """The ledger holds what can be joined, not a second more."""
    for row in Conference.objects.filter(cancelled_at__isnull=True, kind=Kind.BOOKED):
        held = [Span(one.starts_at, one.ends_at or ledger.FOR_EVER) for one in row.holds.all()]
        assert ledger.merged(held) == _joinable(row)


def _most_sold() -> int:
    """Counted from what people can join, the windows of the bookings, not from the ledger."""
    taken: list[Taken] = []
    for row in Conference.objects.filter(cancelled_at__isnull=True):
        ports = row.max_participants or 10
        taken += [Taken(span, ports) for span in _joinable(row)]
    return Load(taken).peak(Span(0.0))


def _joinable(row: Conference) -> list[Span]:
    now = timezone.now()
    if row.kind != Kind.BOOKED:
        when = selectors.window(row, now=now)
        end = when.closes_at.timestamp() if when.closes_at else ledger.FOR_EVER
        return [] if when.over else [Span(now.timestamp(), end)]
    early, grace = row.early_minutes * MINUTE, row.grace_minutes * MINUTE
    found = selectors.occurrences(row, since=now, until=now + 60 * DAY)
    return ledger.merged(
        Span((one.starts_at - early).timestamp(), (one.ends_at + grace).timestamp())
        for one in found
    )


# --- Many at once -------------------------------------------------------------------

ATTEMPTS, THREADS = 100, 8


@pytest.mark.live
def test_many_at_once_on_sqlite() -> None:
    assert booking.sound(found := booking.contend(ATTEMPTS, THREADS)), found


@pytest.mark.live
def test_many_at_once_on_postgresql() -> None:
    try:
        with postgres.running() as url:
            found = booking.contend(ATTEMPTS, THREADS, database_url=url)
    except postgres.Absent as absent:
        pytest.skip(f"{absent} is not installed")
    assert found["database"] == "postgresql"
    assert booking.sound(found), found


def _group(name: str, *members: User, **limits: int) -> None:
    group = Group.objects.create(name=name)
    group.user_set.set(members)
    GroupQuota.objects.create(group=group, **limits)


def test_the_quota_of_a_group_is_its_members_together(
    alice: User, bob: User, mallory: User
) -> None:
    _set_ports(100)
    _group("Sales", alice, mallory, ports=12)
    start = _noon()
    row = _book(alice, start, max_participants=8)
    with pytest.raises(ValidationError) as caught:
        _book(mallory, start, max_participants=5)
    error = caught.value.message_dict["starts_at"][0]
    assert "of the quota of 12 that Sales has together, and only 4 are free" in error
    assert "There is room at" in error
    _book(bob, start, max_participants=50)
    with pytest.raises(ValidationError):
        services.change(conference=row, actor=people.ALICE.uri, max_participants=13)
    services.cancel(conference=row, actor=people.ALICE.uri)
    _book(mallory, start, max_participants=12)
    with pytest.raises(ValidationError) as caught:
        _book(alice, None, max_participants=1)
    assert "at all times" in caught.value.message_dict["max_participants"][0]


def test_who_has_a_small_quota_may_leave_the_size_out(alice: User, bob: User) -> None:
    """The ports that are kept then are no more than he may take at all."""
    User.objects.filter(pk=alice.pk).update(ports_quota=5)
    start = _noon()
    row = _book(alice, start, max_participants=None)
    assert [one.ports for one in row.holds.all()] == [5]
    with pytest.raises(ValidationError) as caught:
        _book(alice, start, max_participants=1)
    (error,) = caught.value.message_dict["starts_at"]
    assert "This takes 1 port of your quota of 5, and only 0 are free" in error
    _group("Twos", bob, ports=2)
    assert [one.ports for one in _book(bob, start, max_participants=None).holds.all()] == [2]


@pytest.mark.parametrize(("year", "shown"), [(2026, False), (2027, True)])
def test_what_is_proposed_has_its_year_where_that_is_another(year: int, shown: bool) -> None:
    told = wording.moment(datetime.datetime(year, 3, 1, 9), datetime.datetime(2026, 11, 22, 12))  # noqa: DTZ001
    assert ("2027" in told) is shown


def test_each_of_a_group_has_a_quota_unless_he_has_his_own(
    alice: User, bob: User, mallory: User
) -> None:
    _set_ports(100)
    _group("Sales", alice, bob, ports_each=5)
    _group("Heads", alice, ports_each=7)
    User.objects.filter(pk=bob.pk).update(ports_quota=2)
    start = _noon()
    for who, most in ((alice, 7), (bob, 2)):
        with pytest.raises(ValidationError) as caught:
            _book(who, start, max_participants=most + 1)
        assert f"of your quota of {most}" in caught.value.message_dict["starts_at"][0]
        _book(who, start, max_participants=most)
    _book(mallory, start, max_participants=50)


def test_a_quota_of_a_group_limits_something(db: None) -> None:
    group = Group.objects.create(name="Idle")
    with pytest.raises(IntegrityError):
        GroupQuota.objects.create(group=group)
