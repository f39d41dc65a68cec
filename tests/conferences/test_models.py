"""What the database itself does not let happen."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from conferences.models import (
    Conference,
    Guest,
    Invitation,
    Kind,
    Participant,
    Removal,
    RemovalState,
    SipAccount,
    User,
)


def _is_refused(create: Any, **columns: Any) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        create(**columns)


def test_names_are_unique_and_in_lower_case(alice: User, room: Conference) -> None:
    _is_refused(User.objects.create, username="ALICE")
    _is_refused(User.objects.create, username="alice")
    assert User.objects.create_superuser("Root", password="secret").username == "root"
    Conference.objects.create(name="weekly", title="T", organizer=alice)
    _is_refused(Conference.objects.create, name="weekly", title="T", organizer=alice)
    _is_refused(Conference.objects.create, name="Weekly", title="T", organizer=alice)


@pytest.mark.parametrize(
    "columns",
    [
        {"kind": Kind.BOOKED},
        {"kind": Kind.BOOKED, "starts_at": timezone.now()},
        {"kind": Kind.BOOKED, "starts_at": timezone.now(), "duration_minutes": 0},
        {"kind": Kind.ROOM, "starts_at": timezone.now(), "duration_minutes": 1},
        {"kind": Kind.ROOM, "rrule": "FREQ=DAILY"},
        {"max_participants": 0},
        {"name": ""},
        {"organizer": None},
    ],
)
def test_conferences_that_cannot_be(alice: User, columns: dict[str, Any]) -> None:
    said = {"name": "n", "title": "T", "organizer": alice, **columns}
    _is_refused(Conference.objects.create, **said)


def test_invitations_that_cannot_be(room: Conference) -> None:
    create = Invitation.objects.create
    _is_refused(create, conference=room, token="1")
    _is_refused(create, conference=room, token="2", email="x@y.example", dial_out=True)
    _is_refused(create, conference=room, token="3", uri="sip:x@y", role="organizer")
    create(conference=room, token="4", uri="sip:x@y")
    _is_refused(create, conference=room, token="5", uri="sip:x@y")


def test_an_account_is_a_persons_or_a_guests(alice: User, room: Conference) -> None:
    guest = Guest.objects.create(
        conference=room, uri_user="guest-1", display_name="G", expires_at=timezone.now()
    )
    create = SipAccount.objects.create
    _is_refused(create, auth_name="1")
    _is_refused(create, auth_name="2", guest=guest)
    _is_refused(create, auth_name="3", guest=guest, user=alice, expires_at=timezone.now())
    create(auth_name="4", guest=guest, expires_at=timezone.now())


def test_one_open_removal_a_participant(room: Conference) -> None:
    bob = Participant.objects.create(
        conference=room, key="k", entity="sip:b@x", role="participant", joined_at=timezone.now()
    )
    create = Removal.objects.create
    create(conference=room, participant=bob, actor="a", way="rest", state=RemovalState.DONE)
    create(conference=room, participant=bob, actor="a", way="rest")
    _is_refused(create, conference=room, participant=bob, actor="b", way="rest")
    _is_refused(create, conference=room, participant=bob, actor="b", way="rest", state="carrying")
