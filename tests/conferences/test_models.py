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

_TIMES = "booking_has_a_time_and_nothing_else_has"


def _refusal(create: Any, **columns: Any) -> str:
    """What the database says when it refuses a row: the constraint, or the columns."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        create(**columns)
    return str(caught.value)


def test_names_are_unique_and_in_lower_case(alice: User, room: Conference) -> None:
    assert "user_name_in_lower_case" in _refusal(User.objects.create, username="ALICE")
    assert "user.username" in _refusal(User.objects.create, username="alice")
    assert User.objects.create_superuser("Root", password="secret").username == "root"
    create = Conference.objects.create
    create(name="weekly", title="T", organizer=alice)
    assert "conference.name" in _refusal(create, name="weekly", title="T", organizer=alice)
    assert _refusal(create, name="Weekly", title="T", organizer=alice).endswith(
        "conference_has_a_name_in_lower_case"
    )


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"kind": Kind.BOOKED}, _TIMES),
        ({"kind": Kind.BOOKED, "starts_at": timezone.now()}, _TIMES),
        ({"kind": Kind.BOOKED, "starts_at": timezone.now(), "duration_minutes": 0}, _TIMES),
        ({"kind": Kind.ROOM, "starts_at": timezone.now(), "duration_minutes": 1}, _TIMES),
        ({"kind": Kind.ROOM, "rrule": "FREQ=DAILY"}, _TIMES),
        ({"max_participants": 0}, "conference_has_room_for_one"),
        ({"name": ""}, "conference_has_a_name_in_lower_case"),
        ({"organizer": None}, "conference_has_somebody_behind_it"),
    ],
)
def test_conferences_that_cannot_be(alice: User, columns: dict[str, Any], constraint: str) -> None:
    said = {"name": "n", "title": "T", "organizer": alice, **columns}
    assert _refusal(Conference.objects.create, **said).endswith(constraint)


def test_invitations_that_cannot_be(room: Conference) -> None:
    def refusal(**columns: Any) -> str:
        return _refusal(Invitation.objects.create, conference=room, **columns)

    assert refusal(token="1").endswith("invitation_says_whom")
    mailed = {"email": "x@y.example", "dial_out": True}
    assert refusal(token="2", **mailed).endswith("dial_out_needs_a_uri")
    ours = {"uri": "sip:x@y", "role": "organizer"}
    assert refusal(token="3", **ours).endswith("invitation_makes_no_organizer")
    Invitation.objects.create(conference=room, token="4", uri="sip:x@y")
    assert refusal(token="5", uri="sip:x@y").endswith("invitation.uri")


def test_an_account_is_a_persons_or_a_guests(alice: User, room: Conference) -> None:
    guest = Guest.objects.create(
        conference=room, uri_user="guest-1", display_name="G", expires_at=timezone.now()
    )
    create = SipAccount.objects.create
    both = {"guest": guest, "user": alice, "expires_at": timezone.now()}
    for columns in ({}, {"guest": guest}, both):
        refused = _refusal(create, auth_name="1", **columns)
        assert refused.endswith("account_is_a_persons_or_a_guests_for_a_while")
    create(auth_name="1", guest=guest, expires_at=timezone.now())
    assert list(guest.sip_accounts.values_list("auth_name", flat=True)) == ["1"]


def test_one_open_removal_a_participant(room: Conference) -> None:
    bob = Participant.objects.create(
        conference=room, key="k", entity="sip:b@x", role="participant", joined_at=timezone.now()
    )
    create = Removal.objects.create
    create(conference=room, participant=bob, actor="a", way="rest", state=RemovalState.DONE)
    create(conference=room, participant=bob, actor="a", way="rest")
    for state in (RemovalState.DUE, RemovalState.CARRYING):
        again = {"participant": bob, "actor": "b", "way": "rest", "state": state}
        assert "removal.participant_id" in _refusal(create, conference=room, **again)
