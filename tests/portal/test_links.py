"""A link of one's own, PINs on pages, and a conference that is hidden while it is attacked."""

from __future__ import annotations

import datetime

import pytest
from django.test import Client
from django.utils import timezone

from conferences import services
from conferences.models import Conference, Guest, User
from conferences.policy import Role
from conferences.services import Invitee
from tests.portal.conftest import SignedIn


@pytest.fixture
def board(alice: User, bob: User) -> Conference:
    """For the invited alone: Bob, and Carol by mail; with PINs."""
    return services.book(
        organizer=alice,
        name="board",
        title="Board",
        pin="1111",
        moderator_pin="2222",
        personal_pins=True,
        invitees=[Invitee(uri="bob"), Invitee(email="carol@example.org")],
    )


def _link(row: Conference, email: str = "carol@example.org") -> str:
    return f"/i/{row.invitations.get(email=email).token}/join/"


def test_an_invitee_comes_in_by_his_link(board: Conference) -> None:
    browser = Client()
    # Without it there is nothing to see.
    assert browser.get("/c/board/").status_code == 302
    page = browser.get(_link(board)).content.decode()
    assert 'value="carol"' in page
    assert not Guest.objects.exists()
    assert browser.post(_link(board), {"display_name": "Carol"})["Location"] == "/c/board/"
    page = browser.get("/c/board/").content.decode()
    assert "Board" in page
    # The page's phone gets what it needs, as the same guest, without a PIN.
    told = browser.post("/c/board/enter/", {"display_name": "Carol B."}).json()
    assert told["phone"]["display_name"] == "Carol B."
    assert Guest.objects.get().display_name == "Carol B."
    assert browser.post(_link(board), {"display_name": "x" * 101}).status_code == 422


def test_who_has_an_account_signs_in(board: Conference, bob: User, signed_in: SignedIn) -> None:
    link = f"/i/{board.invitations.get(user=bob).token}/join/"
    assert Client().get(link)["Location"] == "/c/board/"
    assert Client().get("/c/board/").status_code == 302
    assert signed_in(bob).get(link)["Location"] == "/c/board/"


def test_mallory_has_no_link(board: Conference, mallory: User, signed_in: SignedIn) -> None:
    assert Client().post(f"/i/{'A' * 43}/join/").status_code == 404
    assert signed_in(mallory).get(_link(board))["Location"] == "/c/board/"
    assert signed_in(mallory).post(_link(board)).status_code == 302
    assert not Guest.objects.exists()


def test_what_is_cancelled_lets_nobody_in(board: Conference) -> None:
    link = _link(board)
    services.cancel(conference=board, actor="")
    assert "was cancelled" in Client().get(link).content.decode()
    assert Client().post(link, {"display_name": "Carol"}).status_code == 410
    assert not Guest.objects.exists()


def test_an_attacked_conference_is_hidden_from_who_has_to_give_a_pin(
    open_room: Conference, alice: User, bob: User, signed_in: SignedIn
) -> None:
    known = Client()
    known.post("/c/open/enter/", {"display_name": "Carol", "pin": "4711"})
    now = timezone.now().timestamp()
    for number in range(20):
        services.wrong_pin(conference=open_room.key, entity=f"web:192.0.2.{number}", at=now)
    stranger = Client().get("/c/open/")
    nothing = Client().get("/c/nothing-at-all/")
    assert (stranger.status_code, nothing.status_code) == (302, 302)
    assert Client().post("/c/open/enter/", {"display_name": "M", "pin": "4711"}).status_code == 404
    assert signed_in(bob).get("/c/open/").status_code == 404
    # Those who have been admitted, and who organizes it, notice nothing.
    assert known.get("/c/open/").status_code == 200
    assert signed_in(alice).get("/c/open/").status_code == 200


def test_pins_and_the_window_by_the_form(alice: User, bob: User, signed_in: SignedIn) -> None:
    start = timezone.localtime() + datetime.timedelta(days=9)
    said = {
        "title": "Board",
        "kind": "booked",
        "date": f"{start:%Y-%m-%d}",
        "time": "10:00",
        "duration_minutes": "60",
        "timezone": "UTC",
        "admission": "invited",
        "pin": "1111",
        "moderator_pin": "1111",
        "personal_pins": "on",
        "early_minutes": "10",
        "grace_minutes": "0",
        "warn_minutes": "2",
        "reminder_minutes": "30",
        "invitee": ["bob"],
        "invitee_role": ["co-organizer"],
    }
    browser = signed_in(alice)
    page = browser.post("/book/", said).content.decode()
    assert "Moderators need another PIN than the rest." in page
    assert browser.post("/book/", {**said, "moderator_pin": "2222"}).status_code == 302
    row = Conference.objects.get()
    assert (row.moderator_pin, row.personal_pins) == ("2222", True)
    minutes = (row.early_minutes, row.grace_minutes, row.warn_minutes, row.reminder_minutes)
    assert minutes == (10, 0, 2, 30)
    assert row.invitations.get().role == Role.CO_ORGANIZER
    # A co-organizer changes it.
    page = signed_in(bob).get(f"/conferences/{row.name}/change/").content.decode()
    assert 'value="2222"' in page
    assert '<option value="30" selected>' in page
    changed = {**said, "moderator_pin": "", "title": "Bobs", "reminder_minutes": ""}
    del changed["personal_pins"]
    assert signed_in(bob).post(f"/conferences/{row.name}/change/", changed).status_code == 302
    row.refresh_from_db()
    assert (row.title, row.moderator_pin, row.personal_pins) == ("Bobs", "", False)
    assert row.reminder_minutes is None
