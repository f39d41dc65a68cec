"""One occurrence of a series, or this one and all that follow: moved, changed, called off."""

from __future__ import annotations

import datetime
import zoneinfo
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from icalendar import Calendar

from conferences import invitations, policy, recurrence, selectors, services
from conferences.models import Call, CallState, Conference, Ledger, Override, User
from conferences.services import Invitee
from tests import people
from tests.conferences.conftest import Joined

HOUR = datetime.timedelta(hours=1)
DAY = datetime.timedelta(days=1)
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
ALICE = people.ALICE.uri


def _monday() -> datetime.datetime:
    """A Monday to come at nine in Berlin, far from a change of the clocks."""
    year = timezone.now().year + 1
    first = datetime.datetime(year, 6, 1, 9, tzinfo=BERLIN)
    return first + (7 - first.weekday()) % 7 * DAY


@pytest.fixture
def weekly(alice: User, bob: User) -> Conference:
    """Mondays at nine for an hour, eight times."""
    return services.book(
        organizer=alice,
        title="Weekly",
        starts_at=_monday(),
        duration_minutes=60,
        timezone="Europe/Berlin",
        rrule="FREQ=WEEKLY;BYDAY=MO;COUNT=8",
        invitees=[Invitee(people.BOB.uri), Invitee(email="carol@example.org")],
    )


def _id(number: int) -> datetime.datetime:
    """The name of the occurrence in week `number`."""
    return (_monday() + number * 7 * DAY).astimezone(datetime.UTC)


def _starts(row: Conference) -> list[datetime.datetime]:
    row.refresh_from_db()
    found = selectors.occurrences(row, since=_id(0) - DAY, until=_id(0) + 900 * DAY)
    return [one.starts_at for one in found]


def _window(row: Conference, now: datetime.datetime) -> tuple[policy.Refusal | None, float | None]:
    found = selectors.snapshot(row.key, now=now)
    assert found is not None
    return policy.when(found, now=now.timestamp()), found.opens_at


def _holds(row: Conference) -> list[int]:
    return list(row.holds.order_by("starts_at").values_list("starts_at", flat=True))


def test_a_moved_occurrence_opens_when_it_was_moved_to(weekly: Conference) -> None:
    there = _id(1) + 28 * HOUR
    services.change_occurrence(
        conference=weekly, recurrence_id=_id(1), actor=ALICE, starts_at=there, duration_minutes=30
    )
    assert _starts(weekly)[:3] == [_id(0), there, _id(2)]
    before = _window(weekly, _id(1) + HOUR / 2)
    assert before == (policy.Refusal.TOO_EARLY, there.timestamp())
    assert _window(weekly, there + HOUR / 4)[0] is None
    after = _window(weekly, there + HOUR / 2)
    assert after == (policy.Refusal.TOO_EARLY, _id(2).timestamp())
    assert _holds(weekly)[1] == there.timestamp()
    assert len(_holds(weekly)) == 8


def test_one_that_is_called_off_does_not_open(weekly: Conference) -> None:
    services.cancel_occurrence(conference=weekly, recurrence_id=_id(0), actor=ALICE)
    assert _window(weekly, _id(0)) == (policy.Refusal.TOO_EARLY, _id(1).timestamp())
    assert _starts(weekly)[0] == _id(1)
    # It counts all the same: eight times are seven then.
    assert len(_starts(weekly)) == len(_holds(weekly)) == 7
    services.restore_occurrence(conference=weekly, recurrence_id=_id(0), actor=ALICE)
    assert _window(weekly, _id(0))[0] is None
    assert len(_starts(weekly)) == len(_holds(weekly)) == 8
    assert not Override.objects.exists()


def test_a_series_of_which_nothing_is_left_is_over(weekly: Conference) -> None:
    for number in range(8):
        services.cancel_occurrence(conference=weekly, recurrence_id=_id(number), actor=ALICE)
    assert _window(weekly, _id(0))[0] is policy.Refusal.OVER
    assert _holds(weekly) == []
    services.restore_occurrence(conference=weekly, recurrence_id=_id(7), actor=ALICE)
    assert _window(weekly, _id(0)) == (policy.Refusal.TOO_EARLY, _id(7).timestamp())


def test_the_last_one_may_be_moved_beyond_the_end(weekly: Conference) -> None:
    later = _id(7) + 30 * DAY
    services.change_occurrence(
        conference=weekly, recurrence_id=_id(7), actor=ALICE, starts_at=later
    )
    weekly.refresh_from_db()
    assert weekly.closes_at == later + HOUR


def test_what_is_said_of_one_is_said_of_one(weekly: Conference) -> None:
    services.change_occurrence(
        conference=weekly, recurrence_id=_id(1), actor=ALICE, title="With guests"
    )
    services.change_occurrence(
        conference=weekly, recurrence_id=_id(1), actor=ALICE, duration_minutes=90
    )
    found = selectors.planned_one(weekly, _id(1))
    assert found is not None
    assert found.now is not None
    assert (found.now.title, found.now.ends_at) == ("With guests", _id(1) + 1.5 * HOUR)
    titles = []
    for number in (0, 1, 2):
        told = selectors.snapshot(weekly.key, now=_id(number))
        assert told is not None
        titles.append(told.title)
    assert titles == ["Weekly", "With guests", "Weekly"]
    # Said as the series has it, it is as the series has it.
    services.change_occurrence(
        conference=weekly, recurrence_id=_id(1), actor=ALICE, title="", duration_minutes=None
    )
    found = selectors.planned_one(weekly, _id(1))
    assert found is not None
    assert found.now is not None
    assert (found.now.title, found.now.ends_at) == ("", _id(1) + HOUR)


def test_each_has_its_own_history(weekly: Conference) -> None:
    services.cancel_occurrence(conference=weekly, recurrence_id=_id(0), actor=ALICE)
    services.change_occurrence(
        conference=weekly, recurrence_id=_id(2), actor=ALICE, starts_at=_id(2) + HOUR
    )
    joined = Joined(weekly)
    services.participant_joined(
        conference=weekly.key,
        key=joined.key(people.BOB),
        entity=people.BOB.uri,
        display_text="Bob",
        role=policy.Role.PARTICIPANT,
        endpoint="sip:bob@phone.invalid",
        joining_method="dialed-in",
        at=(_id(2) + 1.5 * HOUR).timestamp(),
    )
    kinds = []
    for number in (0, 1, 2):
        found = selectors.planned_one(weekly, _id(number))
        assert found is not None
        kinds.append([one.kind for one in selectors.events_of(weekly, found)])
    assert kinds == [["occurrence-cancelled"], [], ["occurrence-changed", "joined"]]


def test_ports_follow_exactly(alice: User, weekly: Conference) -> None:
    Ledger.objects.update_or_create(pk=Ledger.ONLY, defaults={"ports": 15})
    other = services.book(
        organizer=alice, title="Other", starts_at=_id(1) + 2 * HOUR, duration_minutes=60
    )
    with pytest.raises(ValidationError) as caught:
        services.change_occurrence(
            conference=weekly, recurrence_id=_id(1), actor=ALICE, starts_at=_id(1) + 1.5 * HOUR
        )
    (error,) = caught.value.error_dict["starts_at"]
    assert error.code == "full"
    assert error.params is not None
    assert error.params["free"][0] == _id(1) + 3 * HOUR
    assert _starts(weekly)[1] == _id(1)
    assert not Override.objects.exists()
    services.cancel(conference=other, actor=ALICE)
    services.change_occurrence(
        conference=weekly, recurrence_id=_id(1), actor=ALICE, starts_at=_id(1) + 1.5 * HOUR
    )
    services.book(organizer=alice, title="In its place", starts_at=_id(1), duration_minutes=60)


def test_calls_are_planned_for_the_next_that_takes_place(weekly: Conference) -> None:
    services.change(
        conference=weekly, actor=ALICE, invitees=[Invitee(people.BOB.uri, dial_out=True)]
    )
    services.cancel_occurrence(conference=weekly, recurrence_id=_id(0), actor=ALICE)
    planned = Call.objects.filter(state=CallState.PLANNED)
    assert [call.due_at for call in planned] == [_id(1)]
    services.change_occurrence(
        conference=weekly, recurrence_id=_id(1), actor=ALICE, starts_at=_id(1) + HOUR
    )
    assert [call.due_at for call in planned.all()] == [_id(1) + HOUR]


def test_what_became_of_one_stays_with_its_day(weekly: Conference) -> None:
    services.cancel_occurrence(conference=weekly, recurrence_id=_id(1), actor=ALICE)
    services.change_occurrence(
        conference=weekly, recurrence_id=_id(2), actor=ALICE, starts_at=_id(2) + 5 * HOUR
    )
    services.change(conference=weekly, actor=ALICE, starts_at=_monday() + HOUR)
    assert _starts(weekly)[:3] == [_id(0) + HOUR, _id(2) + 5 * HOUR, _id(3) + HOUR]
    services.change(
        conference=weekly, actor=ALICE, starts_at=_monday() + DAY, rrule="FREQ=WEEKLY;COUNT=3"
    )
    assert _starts(weekly) == [_id(number) + DAY for number in range(3)]
    assert not Override.objects.exists()
    services.cancel_occurrence(conference=weekly, recurrence_id=_id(1) + DAY, actor=ALICE)
    services.change(conference=weekly, actor=ALICE, starts_at=None)
    assert not Override.objects.exists()


def test_this_and_following_end_the_series(weekly: Conference) -> None:
    services.cancel_occurrence(conference=weekly, recurrence_id=_id(5), actor=ALICE)
    services.cancel_following(conference=weekly, recurrence_id=_id(3), actor=ALICE)
    assert _starts(weekly) == [_id(0), _id(1), _id(2)]
    assert len(_holds(weekly)) == 3
    assert weekly.closes_at == _id(2) + HOUR
    assert not Override.objects.exists()
    with pytest.raises(ValidationError, match="cancel the conference"):
        services.cancel_following(conference=weekly, recurrence_id=_id(0), actor=ALICE)


def test_this_and_following_are_a_series_of_their_own(weekly: Conference) -> None:
    services.cancel_occurrence(conference=weekly, recurrence_id=_id(1), actor=ALICE)
    services.cancel_occurrence(conference=weekly, recurrence_id=_id(4), actor=ALICE)
    services.change_following(
        conference=weekly,
        recurrence_id=_id(3),
        actor=ALICE,
        starts_at=_id(3) + DAY + HOUR,
        duration_minutes=30,
        title="Weekly, shorter",
    )
    # Tuesdays at ten from then on: all eight but for the two that are called off.
    tuesdays = [_id(number) + DAY + HOUR for number in (3, 4, 5, 6, 7)]
    assert _starts(weekly) == [_id(0), _id(2), *tuesdays]
    # The row has what comes next.
    assert (weekly.title, weekly.starts_at) == ("Weekly", _id(0))
    assert weekly.rrule == f"FREQ=WEEKLY;BYDAY=MO;UNTIL={_id(2):%Y%m%d}"
    later = weekly.others.get()
    assert (later.title, later.number) == ("Weekly, shorter", 1)
    assert later.rrule == "FREQ=WEEKLY;BYDAY=TU;COUNT=5"
    assert len(_holds(weekly)) == 7
    assert weekly.closes_at == tuesdays[-1] + HOUR / 2
    assert _window(weekly, tuesdays[0] + HOUR / 4)[0] is None
    services.restore_occurrence(conference=weekly, recurrence_id=_id(1), actor=ALICE)
    services.cancel_occurrence(conference=weekly, recurrence_id=tuesdays[0], actor=ALICE)
    assert _starts(weekly) == [_id(0), _id(1), _id(2), *tuesdays[1:]]
    services.change_following(
        conference=weekly, recurrence_id=tuesdays[2], actor=ALICE, duration_minutes=45
    )
    assert sorted(one.number for one in selectors.series(weekly)) == [0, 1, 2]
    assert _starts(weekly) == [_id(0), _id(1), _id(2), *tuesdays[1:]]


@pytest.fixture
def split(weekly: Conference) -> Conference:
    """Three Mondays at nine, then "Later" on five Mondays at two."""
    services.change_following(
        conference=weekly,
        recurrence_id=_id(3),
        actor=ALICE,
        starts_at=_id(3) + 5 * HOUR,
        title="Later",
    )
    return weekly


def _parts(row: Conference) -> list[tuple[str, int]]:
    return [
        (one.title, sum(1 for _ in recurrence.planned(one.pattern)))
        for one in selectors.series(row)
    ]


def test_the_row_has_the_part_that_is_next(split: Conference) -> None:
    assert (split.title, split.starts_at) == ("Weekly", _id(0))
    services.open_and_close(now=_id(2) + HOUR)
    split.refresh_from_db()
    assert (split.title, split.starts_at) == ("Later", _id(3) + 5 * HOUR)
    assert split.next_until == _id(3) + 6 * HOUR
    assert _parts(split) == [("Weekly", 3), ("Later", 5)]
    # Long over, it is the last one.
    services.open_and_close(now=_id(9))
    split.refresh_from_db()
    assert split.title == "Later"


def test_the_following_of_an_earlier_part_end_at_the_next_one(split: Conference) -> None:
    services.change_following(
        conference=split, recurrence_id=_id(1), actor=ALICE, duration_minutes=30, title="Shorter"
    )
    assert _parts(split) == [("Weekly", 1), ("Shorter", 2), ("Later", 5)]
    found = {one.number: one.title for one in selectors.series(split)}
    # UIDs, which are made of the numbers, stay with their parts.
    assert found == {0: "Weekly", 1: "Later", 2: "Shorter"}
    services.change_following(
        conference=split, recurrence_id=_id(0), actor=ALICE, rrule="FREQ=WEEKLY;BYDAY=MO"
    )
    # A rule without an end goes on as long as nothing follows.
    assert _parts(split) == [("Weekly", 1), ("Shorter", 2), ("Later", 5)]
    assert split.closes_at == _id(7) + 6 * HOUR


def test_parts_stay_one_after_the_other(split: Conference) -> None:
    before = _starts(split)
    for name, at, words in (
        (_id(0), _id(4), "From .* on it takes place as changed"),
        (_id(3) + 5 * HOUR, _id(1) + HOUR, "The times before that go on until"),
    ):
        with pytest.raises(ValidationError, match=words):
            services.change_following(
                conference=split, recurrence_id=name, actor=ALICE, starts_at=at
            )
        assert _starts(split) == before


def test_the_series_ends_where_a_later_part_begins(split: Conference) -> None:
    services.cancel_following(conference=split, recurrence_id=_id(3) + 5 * HOUR, actor=ALICE)
    assert _starts(split) == [_id(0), _id(1), _id(2)]
    assert split.closes_at == _id(2) + HOUR
    assert len(_holds(split)) == 3


def test_the_series_ends_within_an_earlier_part(split: Conference) -> None:
    later = _id(4) + 5 * HOUR
    services.cancel_occurrence(conference=split, recurrence_id=later, actor=ALICE)
    services.cancel_following(conference=split, recurrence_id=_id(1), actor=ALICE)
    assert _starts(split) == [_id(0)]
    assert _parts(split) == [("Weekly", 1)]
    assert not Override.objects.exists()
    with pytest.raises(ValidationError, match="cancel the conference"):
        services.cancel_following(conference=split, recurrence_id=_id(0), actor=ALICE)
    # What was called off keeps its number, for calendars know it by that.
    services.change(conference=split, actor=ALICE, rrule="FREQ=WEEKLY;COUNT=4")
    services.change_following(conference=split, recurrence_id=_id(2), actor=ALICE, title="Again")
    assert [one.number for one in selectors.series(split)] == [0, 2]


def test_the_booking_is_what_comes_next(split: Conference) -> None:
    services.change(conference=split, actor=ALICE, title="Now", duration_minutes=30)
    assert _parts(split) == [("Now", 3), ("Later", 5)]
    services.change(conference=split, actor=ALICE, pin="4711")
    assert _parts(split) == [("Now", 3), ("Later", 5)]
    services.change(conference=split, actor=ALICE, rrule="")
    assert _parts(split) == [("Now", 1)]


def test_a_standing_room_has_no_parts(split: Conference) -> None:
    services.change(conference=split, actor=ALICE, starts_at=None)
    assert selectors.series(split) == []
    services.change(conference=split, actor=ALICE, starts_at=_monday())
    assert _parts(split) == [("Weekly", 1)]


def test_no_time_overlaps_another(alice: User, weekly: Conference) -> None:
    for at in (_id(2), _id(2) + HOUR / 2, _id(2) - HOUR / 2):
        with pytest.raises(ValidationError, match="would overlap") as caught:
            services.change_occurrence(
                conference=weekly, recurrence_id=_id(1), actor=ALICE, starts_at=at
            )
        assert list(caught.value.error_dict) == ["starts_at"]
    services.change_occurrence(
        conference=weekly, recurrence_id=_id(1), actor=ALICE, starts_at=_id(2) - HOUR
    )
    with pytest.raises(ValidationError, match="would overlap") as caught:
        services.book(
            organizer=alice,
            title="Without end",
            starts_at=_monday(),
            duration_minutes=2000,
            rrule="FREQ=DAILY",
        )
    assert list(caught.value.error_dict) == ["duration_minutes"]
    with pytest.raises(ValidationError, match="would overlap"):
        services.change(conference=weekly, actor=ALICE, rrule="FREQ=DAILY", duration_minutes=1441)


def test_what_is_called_off_is_restored_before_it_is_changed(weekly: Conference) -> None:
    services.cancel_occurrence(conference=weekly, recurrence_id=_id(1), actor=ALICE)
    with pytest.raises(ValidationError, match="restore it, then change it"):
        services.change_occurrence(
            conference=weekly, recurrence_id=_id(1), actor=ALICE, title="Other"
        )
    assert _id(1) not in _starts(weekly)


def test_what_changes_nothing_is_told_to_nobody(weekly: Conference) -> None:
    services.cancel_occurrence(conference=weekly, recurrence_id=_id(1), actor=ALICE)
    weekly.refresh_from_db()
    sequence, events = weekly.sequence, weekly.events.count()
    mails = selectors.outbox(weekly).count()
    services.cancel_occurrence(conference=weekly, recurrence_id=_id(1), actor=ALICE)
    services.restore_occurrence(conference=weekly, recurrence_id=_id(2), actor=ALICE)
    services.change_occurrence(
        conference=weekly, recurrence_id=_id(3), actor=ALICE, starts_at=_id(3)
    )
    weekly.refresh_from_db()
    assert (weekly.sequence, weekly.events.count()) == (sequence, events)
    assert selectors.outbox(weekly).count() == mails


def test_the_first_and_following_are_the_series_itself(weekly: Conference) -> None:
    services.change_following(
        conference=weekly, recurrence_id=_id(0), actor=ALICE, duration_minutes=15
    )
    assert (weekly.series, weekly.duration_minutes) == (0, 15)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"title": "x" * 201}, "title"),
        ({"duration_minutes": 0}, "duration_minutes"),
        ({"starts_at": datetime.datetime(1999, 1, 1, tzinfo=datetime.UTC)}, "starts_at"),
        ({"starts_at": datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)}, "starts_at"),
    ],
)
@pytest.mark.parametrize("change", [services.change_occurrence, services.change_following])
def test_what_cannot_be_is_said_by_field(
    weekly: Conference, said: dict[str, Any], field: str, change: Any
) -> None:
    before = _starts(weekly)
    with pytest.raises(ValidationError) as caught:
        change(conference=weekly, recurrence_id=_id(2), actor=ALICE, **said)
    assert list(caught.value.error_dict) == [field]
    assert _starts(weekly) == before
    assert weekly.series == 0


def test_what_is_no_occurrence(weekly: Conference, room: Conference) -> None:
    for row, name in ((weekly, _id(0) + HOUR), (room, _id(0))):
        with pytest.raises(ValidationError, match="no such occurrence"):
            services.cancel_occurrence(conference=row, recurrence_id=name, actor=ALICE)
    services.cancel(conference=weekly, actor=ALICE)
    with pytest.raises(ValidationError, match="is cancelled"):
        services.cancel_occurrence(conference=weekly, recurrence_id=_id(0), actor=ALICE)


def test_a_series_does_not_begin_in_an_hour_that_is_skipped(alice: User) -> None:
    skipped = datetime.datetime.fromisoformat("2098-03-30T02:30")
    single = services.book(
        organizer=alice, title="Once", starts_at=skipped, timezone="Europe/Berlin"
    )
    assert single.starts_at == datetime.datetime(2098, 3, 30, 1, 30, tzinfo=datetime.UTC)
    with pytest.raises(ValidationError) as caught:
        services.book(
            organizer=alice,
            title="Often",
            starts_at=skipped,
            timezone="Europe/Berlin",
            rrule="FREQ=DAILY",
        )
    assert "The clocks skip 02:30" in str(caught.value)
    doubled = services.book(
        organizer=alice,
        title="First",
        starts_at=datetime.datetime.fromisoformat("2098-10-26T02:30"),
        timezone="Europe/Berlin",
    )
    assert doubled.starts_at == datetime.datetime(2098, 10, 26, 0, 30, tzinfo=datetime.UTC)


# --- What calendars read ---------------------------------------------------------------


def _events(letter: invitations.Letter) -> list[Any]:
    read = Calendar.from_ical(letter.calendar.decode())
    assert isinstance(read, Calendar)
    for event in read.walk("VEVENT"):
        assert event.errors == []
    return list(read.walk("VEVENT"))


def _letters(row: Conference, address: str = "carol@example.org") -> list[invitations.Letter]:
    mails = selectors.outbox(row).filter(address=address).order_by("pk")
    return [invitations.letter(mail, at=timezone.now()) for mail in mails]


def test_a_calendar_reads_one_series_with_its_exceptions(weekly: Conference) -> None:
    services.cancel_occurrence(conference=weekly, recurrence_id=_id(1), actor=ALICE)
    services.change_occurrence(
        conference=weekly,
        recurrence_id=_id(2),
        actor=ALICE,
        starts_at=_id(2) + HOUR,
        title="With guests",
    )
    invited, off, moved = _letters(weekly)
    assert "Not on Monday" in off.text
    assert off.subject.startswith("Cancelled: Weekly (Mon ")
    assert "Instead of Monday" in moved.text
    assert "With guests" in moved.text
    assert off.method == moved.method == "REQUEST"
    whole, single = _events(moved)
    assert str(whole["UID"]) == str(single["UID"]) == str(_events(invited)[0]["UID"])
    assert whole["SEQUENCE"] == single["SEQUENCE"] == 2
    assert whole["EXDATE"].dts[0].dt == _id(1)
    assert single["RECURRENCE-ID"].dt == _id(2)
    assert single["RECURRENCE-ID"].params["TZID"] == "Europe/Berlin"
    assert single["DTSTART"].dt == _id(2) + HOUR
    assert single["SUMMARY"] == "With guests"
    assert str(single["ATTENDEE"]) == "mailto:carol@example.org"


def test_a_split_is_two_series_with_two_uids(weekly: Conference) -> None:
    services.change_following(
        conference=weekly, recurrence_id=_id(3), actor=ALICE, starts_at=_id(3) + HOUR
    )
    _, before, after = _letters(weekly)
    (old,), (new,) = _events(before), _events(after)
    assert str(old["UID"]) != str(new["UID"])
    assert old["RRULE"]["UNTIL"] == [
        datetime.datetime.combine(
            _id(2).date(), datetime.time(23, 59, 59), tzinfo=BERLIN
        ).astimezone(datetime.UTC)
    ]
    assert new["DTSTART"].dt == _id(3) + HOUR
    assert new["RRULE"]["COUNT"] == [5]
    # Whoever is invited later is told of both, and all hear that it is called off.
    services.change(conference=weekly, actor=ALICE, invitees=[Invitee(email="mallory@example.org")])
    late = _letters(weekly, "mallory@example.org")
    uids = [str(_events(one)[0]["UID"]) for one in late]
    assert uids == [str(old["UID"]), str(new["UID"])]
    gone = _letters(weekly)[-2:]
    assert [one.method for one in gone] == ["CANCEL", "CANCEL"]
    assert [str(_events(one)[0]["UID"]) for one in gone] == uids


def test_only_what_has_changed_is_told(split: Conference) -> None:
    before = len(_letters(split))
    services.cancel_occurrence(conference=split, recurrence_id=_id(1), actor=ALICE)
    services.restore_occurrence(conference=split, recurrence_id=_id(1), actor=ALICE)
    services.change(conference=split, actor=ALICE, title="Now")
    told = _letters(split)[before:]
    # Each is written from what is booked now; there is none about the later part.
    assert [one.subject.partition(" (")[0] for one in told] == ["Changed: Now"] * 3
    assert all("\nLater\n" not in one.text for one in told)


def test_calendars_hear_that_a_part_is_called_off(split: Conference) -> None:
    later = _events(_letters(split)[-1])[0]
    services.cancel_following(conference=split, recurrence_id=_id(1), actor=ALICE)
    shortened, gone = _letters(split)[-2:]
    assert (shortened.method, gone.method) == ("REQUEST", "CANCEL")
    assert _events(shortened)[0]["RRULE"]["UNTIL"][0].date() == _id(0).date()
    (off,) = _events(gone)
    assert (str(off["UID"]), str(off["SUMMARY"])) == (str(later["UID"]), "Later")
    assert gone.subject == "Cancelled: Later (the whole series)"
    assert "has cancelled “Later” (Monday" in gone.text
    assert "for you" not in gone.text
    assert "This means all times of the series: every week on Monday, 5 times." in gone.text


def test_who_is_off_the_list_is_told_so_of_each_part(split: Conference) -> None:
    services.change(conference=split, actor=ALICE, invitees=[])
    gone = _letters(split)[-2:]
    assert [str(_events(one)[0]["SUMMARY"]) for one in gone] == ["Weekly", "Later"]
    assert [one.subject.partition(" (")[0] for one in gone] == [
        "Cancelled: Weekly",
        "Cancelled: Later",
    ]
    assert all(") for you." in one.text for one in gone)


def test_a_feed_has_all_series_with_their_exceptions(alice: User, weekly: Conference) -> None:
    services.cancel_occurrence(conference=weekly, recurrence_id=_id(1), actor=ALICE)
    services.change_following(
        conference=weekly, recurrence_id=_id(3), actor=ALICE, starts_at=_id(3) + HOUR
    )
    services.change_occurrence(
        conference=weekly, recurrence_id=_id(4) + HOUR, actor=ALICE, title="Other"
    )
    now = timezone.now()
    rows = [(row, "words") for row in selectors.calendar(alice, since=now)]
    read = Calendar.from_ical(invitations.feed(rows, name="Feed", at=now).decode())
    assert isinstance(read, Calendar)
    told = [
        (str(one["UID"]), str(one["SUMMARY"]), "RECURRENCE-ID" in one)
        for one in read.walk("VEVENT")
    ]
    first, second = told[0][0], told[1][0]
    assert told == [
        (first, "Weekly", False),
        (second, "Weekly", False),
        (second, "Other", True),
    ]


def test_carrying_over_by_days() -> None:
    at = datetime.datetime(2026, 3, 2, 8, tzinfo=datetime.UTC)
    off = recurrence.Override(cancelled=True)
    before = recurrence.Pattern(at, HOUR, "UTC", "FREQ=DAILY", {at + DAY: off, at + 2 * DAY: off})
    after = recurrence.Pattern(at + HOUR, HOUR, "UTC", "FREQ=DAILY;INTERVAL=2")
    assert recurrence.carried_over(before, after) == {at + 2 * DAY: at + 2 * DAY + HOUR}
