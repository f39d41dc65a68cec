"""Booking, changing and cancelling by the forms."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone

from conferences import services
from conferences.models import Conference, User
from conferences.policy import Role
from conferences.services import Invitee
from tests.portal.conftest import SignedIn, join

ROOM: dict[str, Any] = {"title": "Planning", "kind": "room", "admission": "open"}


def test_a_title_is_enough(alice: User, signed_in: SignedIn) -> None:
    response = signed_in(alice).post("/book/", {**ROOM, "admission": "invited"})
    booked = Conference.objects.get()
    assert response["Location"] == f"/conferences/{booked.name}/"
    assert (booked.title, booked.kind, booked.admission) == ("Planning", "room", "invited")
    assert booked.name.isdigit()


def test_everything_that_the_form_has(alice: User, bob: User, signed_in: SignedIn) -> None:
    day = timezone.now().date() + datetime.timedelta(days=30)
    said = {
        "title": "Review",
        "kind": "booked",
        "date": day.isoformat(),
        "time": "15:30",
        "duration_minutes": "45",
        "timezone": "America/New_York",
        "invitee": ["bob", "carol@example.org", "sip:dora@example.net", ""],
        "invitee_role": ["moderator", "listener", "organizer", "participant"],
        "admission": "signed-in",
        "pin": "482913",
        "max_participants": "12",
        "name": "Review-2",
    }
    assert signed_in(alice).post("/book/", said).status_code == 302
    booked = Conference.objects.get(name="review-2")
    assert booked.starts_at is not None
    assert booked.starts_at.astimezone(datetime.UTC).hour in (19, 20)
    assert (booked.duration_minutes, booked.pin, booked.max_participants) == (45, "482913", 12)
    listed = [(one.uri or one.email, one.role) for one in booked.invitations.all()]
    assert listed == [
        ("sip:bob@conf.test", "moderator"),
        ("carol@example.org", "listener"),
        ("sip:dora@example.net", "participant"),
    ]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"title": ""}, "Give it a title."),
        ({"kind": "booked"}, "Choose a date."),
        ({"kind": "booked", "date": "2020-01-01", "time": "9:00"}, "The start lies in the past."),
        ({"kind": "booked", "date": "no", "time": "9:00"}, "Enter a valid date."),
        ({"pin": "12"}, "A PIN has 4 to 16 digits."),
        ({"max_participants": "0"}, "greater than or equal to 1"),
        ({"name": "alice"}, "This name is taken"),
        ({"name": "no spaces"}, "Use 1 to 63 letters"),
        ({"invitee": "nobody-here"}, "Nobody here has this user name."),
        ({"invitee": "a@b@c"}, "Enter a valid email address."),
        ({"invitee": "sip:<>"}, "is not an address that can be called"),
        ({"admission": "everybody"}, "Select a valid choice."),
    ],
)
def test_mistakes_are_told_at_their_field(
    said: dict[str, str], words: str, alice: User, signed_in: SignedIn
) -> None:
    response = signed_in(alice).post("/book/", {**ROOM, **said})
    assert response.status_code == 200
    assert words in response.content.decode()
    assert not Conference.objects.exists()


def test_what_was_typed_stays_after_a_mistake(alice: User, signed_in: SignedIn) -> None:
    said = {**ROOM, "pin": "1", "invitee": "carol@example.org", "invitee_role": "moderator"}
    page = signed_in(alice).post("/book/", said).content.decode()
    assert 'value="carol@example.org"' in page
    assert '<option value="moderator" selected>' in page


def test_names_are_chosen_only_where_policy_allows(alice: User, signed_in: SignedIn) -> None:
    with override_settings(USER_CHOSEN_URIS="off"):
        assert 'name="name"' not in signed_in(alice).get("/book/").content.decode()
        signed_in(alice).post("/book/", {**ROOM, "name": "mine"})
    assert Conference.objects.get().name.isdigit()


def test_a_change_keeps_what_the_form_does_not_show(
    alice: User, bob: User, signed_in: SignedIn
) -> None:
    called = Invitee(uri="bob", role=Role.MODERATOR, dial_out=True)
    row = services.book(organizer=alice, title="Planning", name="planning", invitees=[called])
    page = signed_in(alice).get("/conferences/planning/change/").content.decode()
    assert 'value="bob"' in page
    said = {**ROOM, "title": "Planning more", "invitee": "bob", "invitee_role": "moderator"}
    assert signed_in(alice).post("/conferences/planning/change/", said).status_code == 302
    row.refresh_from_db()
    assert row.title == "Planning more"
    invited = row.invitations.get()
    assert (invited.role, invited.dial_out) == ("moderator", True)


def test_a_role_that_a_script_gave_stays(alice: User, bob: User, signed_in: SignedIn) -> None:
    listener = Invitee(uri="bob", role=Role.LISTENER)
    row = services.book(organizer=alice, title="Talk", name="talk", invitees=[listener])
    browser = signed_in(alice)
    assert '<option value="listener"' not in browser.get("/book/").content.decode()
    page = browser.get("/conferences/talk/change/").content.decode()
    assert '<option value="listener" selected>' in page
    said = {**ROOM, "invitee": "bob", "invitee_role": "listener"}
    browser.post("/conferences/talk/change/", said)
    assert row.invitations.get().role == "listener"


def test_an_odd_length_survives_a_change(alice: User, signed_in: SignedIn) -> None:
    row = services.book(
        organizer=alice,
        title="Odd",
        name="odd",
        starts_at=timezone.now() + datetime.timedelta(days=1),
        duration_minutes=37,
        timezone="Europe/Berlin",
    )
    page = signed_in(alice).get("/conferences/odd/change/").content.decode()
    assert '<option value="37" selected>37 minutes</option>' in page
    assert row.duration_minutes == 37


def test_cancelling_asks_first(room: Conference, alice: User, signed_in: SignedIn) -> None:
    join(room, "bob")
    browser = signed_in(alice)
    assert "and the 1 in the call is put out" in browser.get(
        "/conferences/planning/cancel/"
    ).content.decode().replace("\n", " ")
    assert not Conference.objects.exclude(cancelled_at=None).exists()
    assert browser.post("/conferences/planning/cancel/").status_code == 302
    assert Conference.objects.exclude(cancelled_at=None).get() == room
    assert "Cancelled" in browser.get("/conferences/planning/").content.decode()
