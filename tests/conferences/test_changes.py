"""What a change has changed stands in the history: from what, to what, and no PIN."""

from __future__ import annotations

import datetime
import json
import zoneinfo
from typing import Any

import pytest
from django.utils import timezone

from conferences import policy, services
from conferences.models import Conference, User, Way
from conferences.services import Invitee
from conferences.services.webhooks import tell_webhooks
from tests import people
from tests.conferences.conftest import Joined

DAY = datetime.timedelta(days=1)
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
ALICE = people.ALICE.uri


def monday() -> datetime.datetime:
    """A Monday to come at nine in Berlin, in summer."""
    first = datetime.datetime(timezone.now().year + 1, 6, 1, 9, tzinfo=BERLIN)
    return first + (7 - first.weekday()) % 7 * DAY


def written(at: datetime.datetime) -> str:
    return at.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def details(row: Conference, kind: str) -> list[dict[str, Any]]:
    return [one.detail for one in row.events.filter(kind=kind).order_by("pk")]


@pytest.fixture
def weekly(alice: User, bob: User) -> Conference:
    """Mondays at nine for an hour."""
    return services.book(
        organizer=alice,
        title="Weekly",
        starts_at=monday(),
        duration_minutes=60,
        timezone="Europe/Berlin",
        rrule="FREQ=WEEKLY;BYDAY=MO;COUNT=8",
        pin="4711",
        invitees=[Invitee(people.BOB.uri)],
    )


def test_a_change_tells_from_what_to_what(weekly: Conference) -> None:
    services.change(
        conference=weekly,
        actor=ALICE,
        title="Planning",
        duration_minutes=45,
        max_participants=9,
        admission=policy.Admission.INVITED,
        waiting_room=policy.WaitingRoom.LET_IN,
    )
    (detail,) = details(weekly, "changed")
    assert detail["changes"] == {
        "title": {"from": "Weekly", "to": "Planning"},
        "duration_minutes": {"from": 60, "to": 45},
        "max_participants": {"from": None, "to": 9},
        "waiting_room": {"from": "none", "to": "let-in"},
    }
    assert detail["fields"] == sorted(detail["changes"])


def test_what_stays_as_it_was_is_no_change(weekly: Conference) -> None:
    services.change(conference=weekly, actor=ALICE, title="Weekly", duration_minutes=60)
    assert details(weekly, "changed") == []


def test_no_pin_is_told(weekly: Conference) -> None:
    services.change(conference=weekly, actor=ALICE, pin="8642", moderator_pin="97531")
    services.change(conference=weekly, actor=ALICE, pin="", moderator_pin="")
    first, second = details(weekly, "changed")
    assert first["changes"] == {
        "pin": {"from": True, "to": True},
        "moderator_pin": {"from": False, "to": True},
    }
    assert second["changes"]["pin"] == {"from": True, "to": False}
    told = json.dumps([first, second])
    assert not any(pin in told for pin in ("4711", "8642", "97531"))


def test_the_list_is_counted_and_nobody_on_it_named(weekly: Conference, carol: User) -> None:
    listed = [Invitee(people.BOB.uri, role=policy.Role.MODERATOR), Invitee(people.CAROL.uri)]
    services.change(conference=weekly, actor=ALICE, invitees=listed)
    services.change(conference=weekly, actor=ALICE, invitees=[])
    first, second = details(weekly, "changed")
    assert first["changes"] == {"invitees": {"added": 1, "changed": 1}}
    assert second["changes"] == {"invitees": {"removed": 2}}


def test_one_time_tells_its_title_and_length_too(weekly: Conference) -> None:
    at = monday() + 7 * DAY
    services.change_occurrence(
        conference=weekly,
        recurrence_id=at.astimezone(datetime.UTC),
        actor=ALICE,
        title="Retro",
        starts_at=at + datetime.timedelta(hours=2),
        duration_minutes=30,
    )
    (detail,) = details(weekly, "occurrence-changed")
    assert detail["changes"] == {
        "title": {"from": "Weekly", "to": "Retro"},
        "starts_at": {"from": written(at), "to": written(at + datetime.timedelta(hours=2))},
        "duration_minutes": {"from": 60, "to": 30},
    }


def test_this_and_following_tells_what_became_of_the_series(weekly: Conference) -> None:
    at, later = monday() + 7 * DAY, monday() + 8 * DAY + datetime.timedelta(hours=1)
    services.change_following(
        conference=weekly,
        recurrence_id=at.astimezone(datetime.UTC),
        actor=ALICE,
        title="Daily",
        starts_at=later,
        duration_minutes=60,
    )
    (detail,) = details(weekly, "series-changed")
    assert detail["changes"]["title"] == {"from": "Weekly", "to": "Daily"}
    assert detail["changes"]["starts_at"] == {"from": written(at), "to": written(later)}
    assert detail["changes"]["rrule"]["to"] == "FREQ=WEEKLY;BYDAY=TU;COUNT=7"
    assert "duration_minutes" not in detail["changes"]
    assert detail["to"] == written(later)


def test_webhooks_tell_what_was_true_when_it_happened(
    room: Conference, alice: User, live: Joined
) -> None:
    hook = services.add_webhook(owner=alice, url="https://example.org/parley")
    before = room.title
    live.leave(people.BOB)
    services.change(conference=room, actor=ALICE, title="Daily")
    services.change(conference=room, actor=ALICE, title="Hourly")
    tell_webhooks(now=timezone.now())
    told = [one.payload["data"] for one in hook.deliveries.order_by("number")]
    titles = [one["conference"]["title"] for one in told]
    assert titles == [before, "Daily", "Hourly"]
    assert told[2]["detail"]["changes"] == {"title": {"from": "Daily", "to": "Hourly"}}


def test_newcomers_come_as_it_was_booked_after_each_end(room: Conference, alice: User) -> None:
    services.change(conference=room, actor=ALICE, newcomers=policy.Newcomers.MUTED)
    assert room.newcomers == "muted"
    heard = policy.Newcomers.HEARD
    services.set_newcomers(conference=room.key, newcomers=heard, actor=people.ALICE, way=Way.WEB)
    at = timezone.now().timestamp()
    services.conference_ended(conference=room.key, at=at, by=ALICE)
    room.refresh_from_db()
    assert room.newcomers == "muted"
    change = room.events.get(kind="changed").detail["changes"]
    assert change == {"newcomers": {"from": "heard", "to": "muted"}}


def test_a_copy_begins_as_the_other_was_booked(room: Conference, alice: User) -> None:
    services.change(conference=room, actor=ALICE, newcomers=policy.Newcomers.MUTED)
    heard = policy.Newcomers.HEARD
    services.set_newcomers(conference=room.key, newcomers=heard, actor=people.ALICE, way=Way.WEB)
    room.refresh_from_db()
    like = services.copied(room, now=timezone.now())
    made = services.book(organizer=alice, title="Copy", like=like)
    assert (made.newcomers_at_first, made.newcomers) == ("muted", "muted")
    assert made.number != room.number or made.number is None
