"""The window of a booking: extension where nothing follows, and names that rest."""

from __future__ import annotations

import datetime

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from conferences import policy, selectors, services
from conferences.models import Conference, Ledger, User
from conferences.policy import Refusal, Role
from conferences.services import Invitee, Refused, Way
from tests import people

MINUTE = datetime.timedelta(minutes=1)


def _running(alice: User, **said: object) -> Conference:
    """Began twenty minutes ago, for an hour, with ten minutes of grace."""
    start = timezone.now().replace(second=0, microsecond=0) - 20 * MINUTE
    given: dict[str, object] = {
        "title": "Talk",
        "starts_at": start,
        "duration_minutes": 60,
        "timezone": "UTC",
        "grace_minutes": 10,
        "invitees": [
            Invitee(people.BOB.uri),
            Invitee(people.CAROL.uri, role=Role.MODERATOR),
        ],
        **said,
    }
    return services.book(organizer=alice, running=True, **given)  # type: ignore[arg-type]


def _extend(row: Conference, who: policy.Identity = people.ALICE, minutes: int = 15) -> None:
    services.extend(conference=row.key, actor=who, way=Way.WEB, minutes=minutes)
    row.refresh_from_db()


def _closes_in(row: Conference) -> datetime.timedelta:
    found = selectors.window(row, now=timezone.now()).closes_at
    assert found is not None
    assert row.starts_at is not None
    return found - row.starts_at


def test_one_press_and_it_stays_open(alice: User) -> None:
    row = _running(alice)
    _extend(row)
    assert _closes_in(row) == 85 * MINUTE
    _extend(row, people.CAROL, minutes=30)
    assert _closes_in(row) == 115 * MINUTE
    hold = row.holds.get()
    assert hold.ends_at is not None
    assert hold.ends_at - hold.starts_at == 115 * 60
    told = selectors.events(row).filter(kind="extended")
    assert [(one.actor, one.detail["minutes"]) for one in told] == [
        (people.ALICE.uri, 15),
        (people.CAROL.uri, 30),
    ]
    # Calendars are not troubled by it.
    assert row.sequence == 0


def test_of_a_series_this_one_alone_lasts_longer(alice: User) -> None:
    row = _running(alice, rrule="FREQ=DAILY;COUNT=3")
    _extend(row)
    assert _closes_in(row) == 85 * MINUTE
    assert row.duration_minutes == 60
    lengths = [
        (one.ends_at - one.starts_at) / MINUTE
        for one in selectors.all_occurrences(row, after=timezone.now())
    ]
    assert lengths == [75, 60, 60]


def test_not_where_something_follows(alice: User, mallory: User) -> None:
    Ledger.objects.update_or_create(pk=Ledger.ONLY, defaults={"ports": 15})
    row = _running(alice)
    assert row.starts_at is not None
    services.book(
        organizer=mallory, title="Next", starts_at=row.starts_at + 80 * MINUTE, duration_minutes=60
    )
    with pytest.raises(Refused) as caught:
        _extend(row)
    assert caught.value.refusal is Refusal.PORTS_BOOKED
    row.refresh_from_db()
    assert _closes_in(row) == 70 * MINUTE
    _extend(row, minutes=10)
    assert _closes_in(row) == 80 * MINUTE


def test_not_into_the_next_time_of_the_same_series(alice: User) -> None:
    row = _running(alice, rrule="FREQ=DAILY;COUNT=2", duration_minutes=1400, grace_minutes=0)
    with pytest.raises(Refused) as caught:
        _extend(row, minutes=60)
    assert caught.value.refusal is Refusal.NEXT_BEGINS
    assert not row.overrides.exists()


def test_who_may_not_and_when_not(alice: User, bob: User, room: Conference) -> None:
    row = _running(alice)
    later = services.book(organizer=alice, title="Later", starts_at=timezone.now() + 600 * MINUTE)
    for conference, who, refusal in (
        (row, people.BOB, Refusal.NOT_ALLOWED),
        (row, people.MALLORY, Refusal.NOT_ALLOWED),
        (later, people.ALICE, Refusal.TOO_EARLY),
        (room, people.ALICE, Refusal.NOT_ALLOWED),
    ):
        with pytest.raises(Refused) as caught:
            _extend(conference, who)
        assert caught.value.refusal is refusal
    for minutes in (0, 241):
        with pytest.raises(Refused):
            _extend(row, minutes=minutes)
    services.cancel(conference=row, actor="")
    with pytest.raises(Refused) as caught:
        _extend(row)
    assert caught.value.refusal is Refusal.OVER


def test_a_name_rests_after_the_end(alice: User, mallory: User) -> None:
    row = services.book(organizer=alice, name="planning", title="Planning")
    services.cancel(conference=row, actor="")
    with pytest.raises(ValidationError, match="taken"):
        services.book(organizer=mallory, name="planning", title="Mine")
    long_ago = timezone.now() - datetime.timedelta(days=31)
    Conference.objects.update(cancelled_at=long_ago)
    again = services.book(organizer=mallory, name="planning", title="Mine")
    row.refresh_from_db()
    assert again.name == "planning"
    assert row.name.isdigit()
    assert selectors.events(row).exists()
