"""Many bookings at once, written as the services would write them, but in bulk."""

from __future__ import annotations

import datetime
import secrets

from conferences.models import Conference, Hold, Invitation, Kind, User

HOUR = datetime.timedelta(hours=1)


def book(organizer: User, invited: User, count: int, *, now: datetime.datetime) -> None:
    """`count` bookings to come, one an hour: every tenth is a series, every fiftieth a room."""
    rows = [_row(organizer, number, now) for number in range(count)]
    made = Conference.objects.bulk_create(rows, batch_size=500)
    Invitation.objects.bulk_create(
        (Invitation(conference=row, user=invited, uri="sip:b@x", token=row.name) for row in made),
        batch_size=500,
    )
    Hold.objects.bulk_create(
        (_hold(row) for row in made if row.kind == Kind.BOOKED), batch_size=500
    )


def _row(organizer: User, number: int, now: datetime.datetime) -> Conference:
    row = Conference(name=f"agenda-{secrets.token_hex(12)}", title=f"Talk {number}")
    row.organizer, row.timezone = organizer, "Europe/Berlin"
    if number % 50 == 49:
        return row
    row.kind, row.duration_minutes = Kind.BOOKED, 60
    row.starts_at = now + (number + 1) * HOUR
    row.next_until = row.starts_at + HOUR
    row.rrule = "FREQ=WEEKLY" if number % 10 == 0 else ""
    row.closes_at = None if row.rrule else row.next_until
    return row


def _hold(row: Conference) -> Hold:
    assert row.starts_at is not None, "only bookings hold a time"
    begin = int(row.starts_at.timestamp())
    return Hold(conference=row, starts_at=begin, ends_at=begin + 3600, ports=10)
