"""Booked, changed, called off; and what the focus reads of it."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from conferences import policy, selectors, services
from conferences.models import Call, CallState, Conference, Kind, User
from conferences.policy import Refusal, Role
from conferences.services import Invitee
from tests import people

MINUTE = datetime.timedelta(minutes=1)
DAY = datetime.timedelta(days=1)


def _soon() -> datetime.datetime:
    return timezone.now().replace(second=0, microsecond=0) + 60 * MINUTE


def _snapshot(row: Conference, now: datetime.datetime | None = None) -> policy.Snapshot:
    found = selectors.snapshot(row.key, now=now)
    assert found is not None
    return found


def test_a_standing_room(alice: User) -> None:
    row = services.book(organizer=alice, title="  Weekly \n review")
    assert row.title == "Weekly review"
    assert row.kind == Kind.ROOM
    assert row.name.isdigit()
    assert len(row.name) == 20
    snapshot = _snapshot(row)
    assert policy.when(snapshot, now=0.0) is None
    assert snapshot.roles == {people.ALICE.uri: Role.ORGANIZER}
    assert snapshot.creator == people.ALICE.uri


def test_a_booking_opens_and_closes(alice: User) -> None:
    start = _soon()
    row = services.book(
        organizer=alice,
        title="Talk",
        starts_at=start,
        duration_minutes=30,
        early_minutes=10,
        grace_minutes=5,
    )
    snapshot = _snapshot(row)
    assert snapshot.opens_at == (start - 10 * MINUTE).timestamp()
    assert snapshot.closes_at == (start + 35 * MINUTE).timestamp()
    assert policy.when(snapshot, now=(start - 11 * MINUTE).timestamp()) is Refusal.TOO_EARLY
    assert policy.when(snapshot, now=start.timestamp()) is None
    for minutes, refusal in ((34, None), (35, Refusal.OVER), (100, Refusal.OVER)):
        now = start + minutes * MINUTE
        assert policy.when(_snapshot(row, now=now), now=now.timestamp()) is refusal


def test_a_recurring_booking_goes_from_one_occurrence_to_the_next(alice: User) -> None:
    start = _soon()
    row = services.book(
        organizer=alice,
        title="Daily",
        starts_at=start,
        duration_minutes=15,
        rrule="FREQ=DAILY;COUNT=2",
    )
    assert row.closes_at == start + DAY + 15 * MINUTE
    assert _snapshot(row, now=start + 14 * MINUTE).opens_at == start.timestamp()
    assert _snapshot(row, now=start + 15 * MINUTE).opens_at == (start + DAY).timestamp()
    past = start + DAY + 15 * MINUTE
    assert policy.when(_snapshot(row, now=past), now=past.timestamp()) is Refusal.OVER


def test_a_time_without_offset_is_that_of_the_zone(alice: User) -> None:
    year = timezone.now().year + 1
    row = services.book(
        organizer=alice,
        title="Talk",
        timezone="Europe/Berlin",
        starts_at=datetime.datetime(year, 7, 1, 9, 0),  # noqa: DTZ001 - what is tested
    )
    assert row.starts_at == datetime.datetime(year, 7, 1, 7, 0, tzinfo=datetime.UTC)
    assert row.duration_minutes == 60


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"name": "Conference-Factory"}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": "guest-7"}, "name"),
        ({"name": "alice"}, "name"),
        ({"starts_at": timezone.now() - 2 * MINUTE}, "starts_at"),
        ({"starts_at": timezone.now() + DAY, "duration_minutes": 0 - 1}, "duration_minutes"),
        ({"starts_at": timezone.now() + DAY, "duration_minutes": 99999}, "duration_minutes"),
        ({"starts_at": timezone.now() + DAY, "early_minutes": -1}, "early_minutes"),
        ({"starts_at": timezone.now() + DAY, "grace_minutes": 10**12}, "grace_minutes"),
        ({"starts_at": datetime.datetime.max.replace(tzinfo=datetime.UTC)}, "starts_at"),
        (
            {
                "starts_at": timezone.now() + DAY,
                "timezone": "Europe/Berlin",
                "rrule": "FREQ=DAILY;UNTIL=99991231T235959Z",
            },
            "rrule",
        ),
        ({"starts_at": timezone.now() + DAY, "rrule": "FREQ=SECONDLY"}, "rrule"),
        ({"rrule": "FREQ=DAILY"}, "rrule"),
        ({"timezone": "Europe/Nowhere"}, "timezone"),
        ({"pin": "12"}, "pin"),
        ({"pin": "12a4"}, "pin"),
        ({"max_participants": 0}, "max_participants"),
        ({"invitees": [Invitee("nobody at all")]}, "invitees"),
        ({"invitees": [Invitee()]}, "invitees"),
        ({"invitees": [Invitee(f"sip:{'x' * 600}@y.example")]}, "invitees"),
        ({"invitees": [Invitee(email=f"{'x' * 400}@y.example")]}, "invitees"),
        ({"invitees": [Invitee("sip:x@y", role=Role.ORGANIZER)]}, "invitees"),
        ({"invitees": [Invitee(email="x@y.example", dial_out=True)]}, "invitees"),
    ],
)
def test_what_is_wrong_is_said_by_field(alice: User, said: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        services.book(**{"organizer": alice, "title": "Talk", **said})
    assert set(caught.value.message_dict) == {field}
    assert not Conference.objects.exists()


def test_everything_that_is_wrong_is_said_at_once(alice: User) -> None:
    with pytest.raises(ValidationError) as caught:
        services.book(organizer=alice, title="", pin="1", name="a b")
    assert set(caught.value.message_dict) == {"title", "pin", "name"}


def test_a_name_is_given_once_in_any_case(alice: User) -> None:
    services.book(organizer=alice, title="Talk", name="Weekly")
    with pytest.raises(ValidationError) as caught:
        services.book(organizer=alice, title="Talk", name="WEEKLY")
    assert caught.value.error_dict["name"][0].code == "taken"
    found = selectors.conference_by_name("wEEkly")
    assert found is not None
    assert found.name == "weekly"


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("bob", "sip:bob@conf.test"),
        ("BOB", "sip:bob@conf.test"),
        ("sip:Bob@CONF.test", "sip:bob@conf.test"),
        ("sips:bob@conf.test;transport=tls", "sip:bob@conf.test"),
        ("sip:%62ob@conf.test", "sip:bob@conf.test"),
        ("sip:Carol@Example.com;transport=tcp", "sip:Carol@example.com;transport=tcp"),
        ("sip:carol@192.0.2.1:5070", "sip:carol@192.0.2.1:5070"),
        ("sip:carol@[2001:db8::1]", "sip:carol@[2001:db8::1]"),
        ("tel:+49 30 123", None),
        ("+49 (30) 123-4/5", "tel:+493012345"),
        ("sip:+49.30.123@conf.test;user=phone", "tel:+4930123"),
        ("sip:+4930123@example.com", "sip:+4930123@example.com"),
        ("030 123", None),
        ("tel:+49(30)123-4", "tel:+49301234"),
        ("nobody", None),
        ("mailto:bob@conf.test", None),
        ("sip:bob@conf.test\r\nVia: x", None),
        ("sip:bob@conf.test?Replaces=x", None),
    ],
)
def test_uris_are_compared_in_one_form(bob: User, typed: str, stored: str | None) -> None:
    if stored is None:
        with pytest.raises(ValidationError):
            services.canonical_uri(typed)
    else:
        assert services.canonical_uri(typed) == stored


def test_the_list(alice: User, bob: User) -> None:
    bob.email = "bob@example.com"
    bob.save()
    row = services.book(
        organizer=alice,
        title="Talk",
        invitees=[
            Invitee(email="Bob@Example.com", role=Role.MODERATOR),
            Invitee("sip:carol@example.com"),
            Invitee(email="new@example.com"),
        ],
    )
    assert _snapshot(row).roles == {
        people.ALICE.uri: Role.ORGANIZER,
        people.BOB.uri: Role.MODERATOR,
        "sip:carol@example.com": Role.PARTICIPANT,
    }
    assert [one.user for one in row.invitations.all()] == [bob, None, None]


def test_a_list_is_replaced_and_who_stays_keeps_his_token(room: Conference) -> None:
    token = room.invitations.get().token
    services.change(
        conference=room,
        actor=people.ALICE.uri,
        invitees=[Invitee("sip:bob@conf.test", role=Role.MODERATOR), Invitee("sip:z@y.example")],
    )
    kept = room.invitations.get(uri=people.BOB.uri)
    assert (kept.token, kept.role) == (token, Role.MODERATOR)
    services.change(conference=room, actor=people.ALICE.uri, title="Other")
    assert room.invitations.count() == 2
    services.change(conference=room, actor=people.ALICE.uri, invitees=[])
    assert not room.invitations.exists()


def test_a_change_that_cannot_be_changes_nothing(room: Conference) -> None:
    with pytest.raises(ValidationError):
        services.change(conference=room, actor=people.ALICE.uri, title="", pin="1234")
    assert room.title == "Weekly"
    room.refresh_from_db()
    assert (room.title, room.pin) == ("Weekly", "")


def test_a_running_booking_is_changed_without_being_moved(alice: User) -> None:
    row = services.book(
        organizer=alice,
        title="Talk",
        starts_at=timezone.now() - 10 * MINUTE,
        duration_minutes=60,
        running=True,
    )
    services.change(conference=row, actor=people.ALICE.uri, title="Long talk")
    with pytest.raises(ValidationError):
        services.change(
            conference=row, actor=people.ALICE.uri, starts_at=timezone.now() - 20 * MINUTE
        )


def test_who_may_add_follows_who_may_come_in_until_somebody_says(alice: User) -> None:
    row = services.book(organizer=alice, title="Talk", admission=policy.Admission.OPEN)
    may_add = [row.participants_may_add]
    services.change(
        conference=row,
        actor=people.ALICE.uri,
        participants_may_add=False,
        admission=policy.Admission.OPEN,
    )
    admissions = (policy.Admission.OPEN, policy.Admission.INVITED, policy.Admission.OPEN)
    for admission in admissions:
        services.change(conference=row, actor=people.ALICE.uri, admission=admission)
        may_add.append(row.participants_may_add)
    assert may_add == [True, False, False, True]


def test_a_booking_becomes_a_room_and_back(alice: User) -> None:
    row = services.book(organizer=alice, title="Talk", starts_at=_soon(), rrule="FREQ=DAILY")
    services.change(conference=row, actor=people.ALICE.uri, starts_at=None)
    row.refresh_from_db()
    assert (row.kind, row.rrule, row.duration_minutes) == (Kind.ROOM, "", None)
    services.change(conference=row, actor=people.ALICE.uri, starts_at=_soon())
    row.refresh_from_db()
    assert row.kind == Kind.BOOKED


def test_cancelled_is_over_for_good(room: Conference) -> None:
    services.cancel(conference=room, actor=people.ALICE.uri)
    services.cancel(conference=room, actor=people.ALICE.uri)
    assert policy.when(_snapshot(room), now=0.0) is Refusal.OVER
    assert room.end_by == ""
    assert selectors.events(room).filter(kind="cancelled").count() == 1
    with pytest.raises(ValidationError):
        services.change(conference=room, actor=people.ALICE.uri, title="Still")


def test_calls_are_planned_for_the_start(alice: User) -> None:
    start = _soon()
    row = services.book(
        organizer=alice,
        title="Talk",
        starts_at=start,
        rrule="FREQ=DAILY",
        invitees=[Invitee("sip:carol@conf.test", dial_out=True), Invitee("sip:bob@conf.test")],
    )
    call = Call.objects.get()
    assert (call.uri, call.state, call.due_at) == (people.CAROL.uri, CallState.PLANNED, start)
    services.change(conference=row, actor=people.ALICE.uri, starts_at=start + DAY)
    assert list(Call.objects.values_list("state", "due_at").order_by("due_at")) == [
        (CallState.CANCELLED, start),
        (CallState.PLANNED, start + DAY),
    ]
    services.cancel(conference=row, actor=people.ALICE.uri)
    assert not Call.objects.exclude(state=CallState.CANCELLED).exists()


def test_an_ad_hoc_conference(alice: User) -> None:
    pk = services.create_adhoc(creator=people.ALICE)
    snapshot = selectors.snapshot(pk)
    assert snapshot is not None
    assert snapshot.creator_departs is policy.CreatorDeparts.END
    assert policy.may_command(snapshot, people.ALICE) is None
    assert policy.may_join(snapshot, people.BOB, present=0, now=0.0) is None
    assert policy.may_command(snapshot, people.MALLORY) is Refusal.NOT_ALLOWED
    services.conference_ended(conference=pk, at=timezone.now().timestamp(), by="")
    after = selectors.snapshot(pk)
    assert after is not None
    assert after.over


def test_an_ad_hoc_conference_of_somebody_from_elsewhere(db: None) -> None:
    carol = policy.Identity("sip:carol@example.com", "Carol")
    snapshot = selectors.snapshot(services.create_adhoc(creator=carol, name="Party"))
    assert snapshot is not None
    assert (snapshot.name, snapshot.title) == ("party", "Conference of Carol")
    assert snapshot.roles == {carol.uri: Role.ORGANIZER}


def test_a_chosen_name_is_free_again_when_its_conference_is_over(alice: User) -> None:
    first = services.create_adhoc(creator=people.ALICE, name="party")
    with pytest.raises(ValidationError):
        services.create_adhoc(creator=people.ALICE, name="party")
    services.conference_ended(conference=first, at=timezone.now().timestamp(), by="")
    assert services.create_adhoc(creator=people.ALICE, name="party") != first


def test_what_is_upcoming(alice: User, bob: User, mallory: User) -> None:
    start = _soon()
    invited = [Invitee("bob")]
    later = services.book(organizer=alice, title="Later", starts_at=start + DAY, invitees=invited)
    sooner = services.book(
        organizer=alice, title="Sooner", starts_at=start, rrule="FREQ=DAILY", invitees=invited
    )
    standing = services.book(organizer=alice, title="Room", invitees=invited)
    gone = services.book(organizer=alice, title="Gone", starts_at=start, invitees=invited)
    services.cancel(conference=gone, actor=people.ALICE.uri)
    now = timezone.now()
    for user in (alice, bob):
        rows = selectors.upcoming(user, now=now)
        assert [row for row, _ in rows] == [sooner, later, standing]
    rows = selectors.upcoming(alice, now=now, until=start + MINUTE)
    assert [row for row, _ in rows] == [sooner, standing]
    assert selectors.upcoming(mallory, now=now) == []
    next_day = selectors.booked(bob, since=start + 2 * DAY, until=start + 3 * DAY)
    assert next_day == [sooner, standing] or next_day == [standing, sooner]


def test_a_chosen_name_is_reached_by_its_number_too(alice: User) -> None:
    row = services.book(organizer=alice, title="Planning", name="planning")
    generated = services.book(organizer=alice, title="Digits")
    assert row.number is not None
    assert selectors.conference_key("Planning") == row.key
    assert selectors.conference_key(row.number) == row.key
    assert (generated.number, generated.digits) == (None, generated.name)
    assert selectors.conference_key("0" * 20) is None
    with pytest.raises(ValidationError, match="taken"):
        services.book(organizer=alice, title="Mine", name=row.number)


def test_c11_a_conference_uri_cannot_be_guessed(alice: User) -> None:
    """RFC 4579 5.3: unique in the domain, and random by more than 64 bits."""
    booked = [services.book(organizer=alice, title="Planning").name for _ in range(50)]
    assert len(set(booked)) == 50
    assert all(name.isdigit() and 10 ** len(name) > 2**64 for name in booked)
    assert len({name[:4] for name in booked}) > 40
