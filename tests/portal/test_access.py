"""Mallory, who was not invited, and strangers: 404, 403 or the sign-in page everywhere."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.test import Client, RequestFactory

from conferences.models import Conference, Removal, User
from portal import access
from tests.portal.conftest import SignedIn, join

#: Every page about one conference, with what it answers to who is not on its list.
PAGES = [
    ("/conferences/planning/", 404),
    ("/conferences/planning/roster/", 404),
    ("/conferences/planning/change/", 404),
    ("/conferences/planning/cancel/", 404),
    ("/conferences/planning/remove/planning-bob/", 404),
    ("/c/planning/", 403),
    ("/c/planning/standing/", 404),
]


@pytest.mark.parametrize(("path", "status"), PAGES)
def test_mallory_sees_nothing(
    path: str, status: int, room: Conference, mallory: User, signed_in: SignedIn
) -> None:
    join(room, "bob")
    response = signed_in(mallory).get(path)
    assert response.status_code == status
    assert b"Planning" not in response.content


@pytest.mark.parametrize(
    "path",
    [
        "/conferences/planning/change/",
        "/conferences/planning/cancel/",
        "/conferences/planning/remove/planning-bob/",
    ],
)
def test_mallory_changes_nothing(
    path: str, room: Conference, mallory: User, signed_in: SignedIn
) -> None:
    join(room, "bob")
    response = signed_in(mallory).post(path, {"title": "Mine", "kind": "room"})
    assert response.status_code == 404
    room.refresh_from_db()
    assert room.title == "Planning"
    assert room.cancelled_at is None
    assert not Removal.objects.exists()


def test_mallory_does_not_enter(room: Conference, mallory: User, signed_in: SignedIn) -> None:
    response = signed_in(mallory).post("/c/planning/enter/", {"pin": "1"})
    assert response.status_code == 403
    assert response.json()["refusal"] == "not-invited"


@pytest.mark.parametrize(
    "path",
    [
        "/conferences/planning/change/",
        "/conferences/planning/cancel/",
        "/conferences/planning/remove/planning-alice/",
    ],
)
def test_an_invitee_does_not_command(
    path: str, room: Conference, bob: User, signed_in: SignedIn
) -> None:
    join(room, "alice")
    assert signed_in(bob).get(path).status_code == 403
    assert signed_in(bob).post(path).status_code == 403


@pytest.mark.parametrize(
    "path",
    ["/book/", "/history/", "/account/", *(path for path, _ in PAGES[:5]), "/c/planning/"],
)
def test_strangers_are_asked_to_sign_in(path: str, room: Conference, client: Client) -> None:
    response = client.get(path)
    assert response.status_code == 302
    assert response["Location"] == f"/sign-in/?next={path}"


def test_a_stranger_cannot_tell_closed_from_none(room: Conference, client: Client) -> None:
    closed, none = client.get("/c/planning/"), client.get("/c/nothing/")
    assert closed.status_code == none.status_code == 302
    assert client.get("/c/nothing/standing/").status_code == 404
    assert client.post("/c/nothing/enter/").status_code == 404


def test_only_organizers_book(bob: User, signed_in: SignedIn) -> None:
    assert signed_in(bob).get("/book/").status_code == 403
    assert signed_in(bob).post("/book/", {"title": "Mine", "kind": "room"}).status_code == 403


def test_the_functions_themselves(room: Conference, bob: User, mallory: User, alice: User) -> None:
    assert access.owned(alice, "PLANNING").conference == room
    assert access.seen(bob, "planning").conference == room
    with pytest.raises(PermissionDenied):
        access.commanded(bob, "planning")
    with pytest.raises(PermissionDenied):
        access.owned(bob, "planning")
    for look in (access.seen, access.commanded, access.owned):
        with pytest.raises(Http404):
            look(mallory, "planning")
        with pytest.raises(Http404):
            look(alice, "nothing")


def test_times_are_in_the_zone_of_the_browser_until_one_is_chosen(bob: User) -> None:
    request = RequestFactory().get("/")
    assert bob.timezone == ""
    assert access.zone_for(request, bob).key == "UTC"
    for said, meant in (
        ("America/New_York", "America/New_York"),
        ("Asia/Calcutta", "Asia/Kolkata"),
        ("../../etc/passwd", "UTC"),
    ):
        request.COOKIES[access.ZONE_COOKIE] = said
        assert access.zone_for(request, bob).key == meant
    bob.timezone = "Asia/Tokyo"
    assert access.zone_for(request, bob).key == "Asia/Tokyo"


def test_an_unknown_zone_is_utc() -> None:
    assert access.zone_of("Mars/Olympus").key == "UTC"
    assert access.zone_of("Europe/Berlin").key == "Europe/Berlin"
