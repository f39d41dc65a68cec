"""Reminders go out once for each start, to whoever has not declined, and follow changes."""

from __future__ import annotations

import datetime

import pytest
from django.test import override_settings
from django.utils import timezone

from conferences import invitations, selectors, services
from conferences.models import Answer, Conference, Mail, User
from conferences.services import Invitee
from tests import people

MINUTE = datetime.timedelta(minutes=1)
WEEK = datetime.timedelta(days=7)
CAROL, BOB = "carol@example.org", "bob@example.org"
ALICE = people.ALICE.uri
PIN = "1111111111111111"
"""As long as one can be: nothing that is made by chance holds it."""


def _start() -> datetime.datetime:
    return timezone.now().replace(hour=9, minute=0, second=0, microsecond=0) + 2 * WEEK


@pytest.fixture
def weekly(alice: User) -> Conference:
    return services.book(
        organizer=alice,
        title="Weekly",
        starts_at=_start(),
        timezone="UTC",
        rrule="FREQ=WEEKLY;COUNT=4",
        early_minutes=10,
        reminder_minutes=30,
        invitees=[Invitee(email=CAROL), Invitee(email=BOB)],
    )


def _reminded(now: datetime.datetime) -> list[tuple[str, datetime.datetime | None]]:
    before = set(Mail.objects.values_list("pk", flat=True))
    services.remind(now=now)
    written = Mail.objects.exclude(pk__in=before).order_by("pk")
    assert {one.kind for one in written} <= {"reminder"}
    return [(one.address, one.starts_at) for one in written]


def test_once_for_each_start(weekly: Conference) -> None:
    start = _start()
    assert _reminded(start - 31 * MINUTE) == []
    assert _reminded(start - 30 * MINUTE) == [(CAROL, start), (BOB, start)]
    assert _reminded(start - 29 * MINUTE) == []
    assert _reminded(start + MINUTE) == []
    assert _reminded(start + WEEK - 5 * MINUTE) == [(CAROL, start + WEEK), (BOB, start + WEEK)]


def test_who_declined_or_came_late_to_the_list(weekly: Conference) -> None:
    services.answer(
        invitation=weekly.invitations.get(email=CAROL),
        answer=Answer.DECLINED,
        at=timezone.now(),
    )
    assert [who for who, _ in _reminded(_start() - 20 * MINUTE)] == [BOB]
    services.change(
        conference=weekly, actor=ALICE, invitees=[Invitee(email=BOB), Invitee(email="z@z.example")]
    )
    assert [who for who, _ in _reminded(_start() - 10 * MINUTE)] == ["z@z.example"]


def test_they_follow_what_becomes_of_an_occurrence(weekly: Conference) -> None:
    start = _start()
    assert len(_reminded(start - 20 * MINUTE)) == 2
    later = start + 120 * MINUTE
    services.change_occurrence(
        conference=weekly, recurrence_id=start, actor=ALICE, starts_at=later, title="Later"
    )
    assert _reminded(start - 10 * MINUTE) == []
    assert _reminded(later - 30 * MINUTE) == [(CAROL, later), (BOB, later)]
    mail = Mail.objects.filter(kind="reminder", starts_at=later)[0]
    letter = invitations.letter(mail, at=later)
    assert letter.subject.startswith("Reminder: Later (")
    assert f"{later:%H:%M}" in letter.text
    assert letter.calendar == b""
    services.cancel_occurrence(conference=weekly, recurrence_id=start + WEEK, actor=ALICE)
    assert _reminded(start + WEEK - 20 * MINUTE) == []
    services.change(conference=weekly, actor=ALICE, reminder_minutes=None)
    assert _reminded(start + 2 * WEEK - 20 * MINUTE) == []


def test_without_a_mail_server_they_are_kept_to_be_read(weekly: Conference) -> None:
    services.remind(now=_start() - 20 * MINUTE)
    assert set(Mail.objects.filter(kind="reminder").values_list("state", flat=True)) == {"kept"}
    with override_settings(MAIL_GOES_OUT=True):
        services.remind(now=_start() + WEEK - 20 * MINUTE)
    due = Mail.objects.filter(kind="reminder", state="due")
    assert due.count() == 2


def test_what_is_keyed_with_one_touch(weekly: Conference) -> None:
    services.change(
        conference=weekly,
        actor=ALICE,
        pin=PIN,
        moderator_pin="2222",
        personal_pins=True,
        invitees=[Invitee(email=CAROL)],
    )
    invitation = weekly.invitations.get()
    mail = selectors.outbox(weekly).filter(address=CAROL)[0]
    with override_settings(DIAL_IN="+49 30 1234-56"):
        letter = invitations.letter(mail, at=timezone.now())
    assert f"tel:+4930123456,,{weekly.name}#,,{invitation.pin}#" in letter.text
    assert f"tel:+4930123456,,{weekly.name}%23,,{invitation.pin}%23" in letter.html
    assert f"/i/{invitation.token}/join/" in letter.text
    assert f"sip:{weekly.name}@" in letter.text
    assert PIN not in letter.text
    assert "tel:" not in invitations.letter(mail, at=timezone.now()).text


def test_a_chosen_name_has_a_number_to_dial(alice: User) -> None:
    row = services.book(
        organizer=alice, title="Planning", name="planning", invitees=[Invitee(email=CAROL)]
    )
    assert len(row.digits) == 20
    assert row.digits != row.name
    mail = selectors.outbox(row).get(address=CAROL)
    with override_settings(DIAL_IN="+49 30 1234-56"):
        letter = invitations.letter(mail, at=timezone.now())
    assert f"tel:+4930123456,,{row.digits}#" in letter.text
    assert "sip:planning@" in letter.text
