"""Whom a conference calls stands beside those who are there, and how far it has got."""

from __future__ import annotations

import datetime

import pytest
from django.utils import timezone

from conferences import policy, services
from conferences.models import Call, CallState, Conference, User
from conferences.services import Invitee
from tests import people
from tests.portal.conftest import SignedIn

ROSTER = "/conferences/calling/roster/"


@pytest.fixture
def calling(alice: User, bob: User, carol: User) -> Conference:
    """Bob moderates and is called when it opens, tomorrow; Carol comes by herself."""
    bobs = Invitee(people.BOB.uri, role=policy.Role.MODERATOR, dial_out=True)
    return services.book(
        organizer=alice,
        name="calling",
        title="Calling",
        starts_at=timezone.now() + datetime.timedelta(days=1),
        duration_minutes=30,
        invitees=[bobs, Invitee(people.CAROL.uri)],
    )


def became(**columns: object) -> Call:
    Call.objects.update(**columns)
    return Call.objects.get()


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({}, "is called at the start, "),
        ({"state": CallState.DUE}, "is called next"),
        ({"state": CallState.CALLING}, "is being called"),
        (
            {"state": CallState.PLANNED, "status": 486, "again_at": timezone.now()},
            "busy; is called again at ",
        ),
        (
            {"state": CallState.FAILED, "status": 480, "reason": "Not Confirmed"},
            "could not be reached: picked up, but no key was pressed",
        ),
        (
            {"state": CallState.FAILED, "status": 603, "done_at": timezone.now()},
            "could not be reached: declined",
        ),
        (
            {"state": CallState.FAILED, "status": 488, "reason": "not a phone"},
            "could not be reached: not a phone",
        ),
    ],
)
def test_the_page_says_how_far_it_has_got(
    calling: Conference,
    alice: User,
    signed_in: SignedIn,
    columns: dict[str, object],
    words: str,
) -> None:
    became(**{"done_at": timezone.now(), **columns})
    page = signed_in(alice).get(ROSTER).content.decode()
    assert words in page
    assert "Bob" in page


def test_what_is_over_for_long_is_not_shown(
    calling: Conference, alice: User, signed_in: SignedIn
) -> None:
    became(state=CallState.FAILED, done_at=timezone.now() - datetime.timedelta(hours=2))
    assert 'data-testid="called-list"' not in signed_in(alice).get(ROSTER).content.decode()


def test_who_does_not_command_reads_none_of_it(
    calling: Conference, carol: User, bob: User, signed_in: SignedIn
) -> None:
    assert 'data-testid="called-list"' not in signed_in(carol).get(ROSTER).content.decode()
    assert 'data-testid="called-list"' in signed_in(bob).get(ROSTER).content.decode()


def test_a_call_is_called_off(calling: Conference, alice: User, signed_in: SignedIn) -> None:
    address = f"/conferences/calling/calls/{Call.objects.get().job}/"
    assert address in signed_in(alice).get(ROSTER).content.decode()
    assert signed_in(alice).post(address).status_code == 302
    assert Call.objects.get().state == CallState.CANCELLED
    assert calling.events.filter(kind="call-cancelled", target=people.BOB.uri).exists()


def test_mallory_calls_nothing_off(
    calling: Conference, mallory: User, carol: User, signed_in: SignedIn, room: Conference
) -> None:
    job = Call.objects.get().job
    for user in (mallory, carol):
        answer = signed_in(user).post(f"/conferences/calling/calls/{job}/")
        assert answer.status_code in (403, 404)
    # Nor by a conference of her own.
    services.book(organizer=mallory, name="mine", title="Mine")
    assert signed_in(mallory).post(f"/conferences/mine/calls/{job}/").status_code == 404
    assert Call.objects.get().state == CallState.PLANNED
