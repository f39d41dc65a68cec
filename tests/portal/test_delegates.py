"""The page of delegates, and booking for somebody else."""

from __future__ import annotations

from conferences import services
from conferences.models import Conference, User
from tests.portal.conftest import SignedIn

ROOM = {
    "title": "Board",
    "kind": "room",
    "admission": "open",
    "invitee": [],
    "invitee_role": [],
}


def test_letting_somebody_book_and_taking_it_back(
    alice: User, bob: User, signed_in: SignedIn
) -> None:
    browser = signed_in(alice)
    assert 'href="/account/delegates/"' in browser.get("/account/").content.decode()
    wrong = browser.post("/account/delegates/", {"username": "nobody"}).content.decode()
    assert "Nobody here has this user name." in wrong
    assert 'value="nobody"' in wrong
    page = browser.post("/account/delegates/", {"username": "bob"}, follow=True).content.decode()
    assert "Bob may book for you." in page
    assert "what they book for you" in page
    page = browser.post("/account/delegates/bob/dismiss/", follow=True).content.decode()
    assert "Nobody." in page
    led = browser.get("/account/delegates/bob/dismiss/")
    assert led["Location"] == "/account/delegates/"


def test_bob_books_for_alice(alice: User, bob: User, signed_in: SignedIn) -> None:
    browser = signed_in(bob)
    assert browser.get("/book/").status_code == 403
    assert "/book/" not in browser.get("/").content.decode()
    services.make_delegate(owner=alice, username="bob")
    browser = signed_in(User.objects.get(username="bob"))
    assert "/book/" in browser.get("/").content.decode()
    assert "?for=alice" in browser.get("/account/delegates/").content.decode()
    page = browser.get("/book/?for=alice").content.decode()
    assert "For whom" in page
    assert "Myself" not in page
    made = browser.post("/book/", {**ROOM, "organizer": "alice"})
    row = Conference.objects.get()
    assert made["Location"] == f"/conferences/{row.name}/"
    assert (row.organizer, row.booked_by) == (alice, bob)
    page = browser.get(made["Location"]).content.decode()
    assert "<b>Bob</b> booked the conference for <b>Alice</b>" in page
    assert "<dt>Organizer</dt><dd>Alice</dd>" in page
    assert "<dt>Booked by</dt><dd>Bob</dd>" in page
    assert "Board" in browser.get("/").content.decode()
    assert browser.get(f"/conferences/{row.name}/change/").status_code == 200


def test_an_organizer_chooses_for_whom(alice: User, mallory: User, signed_in: SignedIn) -> None:
    """Mallory, whom Alice has not let, sees nobody to choose and is refused."""
    browser = signed_in(mallory)
    assert "For whom" not in browser.get("/book/").content.decode()
    browser.post("/book/", {**ROOM, "organizer": "alice"})
    assert Conference.objects.get().organizer == mallory
    services.make_delegate(owner=alice, username="mallory")
    page = browser.get("/book/").content.decode()
    assert "Myself" in page
    wrong = browser.post("/book/", {**ROOM, "organizer": "bob"}).content.decode()
    assert "Select a valid choice" in wrong
    assert Conference.objects.count() == 1


def test_bob_sees_what_he_was_given_and_no_more(
    alice: User, bob: User, room: Conference, open_room: Conference, signed_in: SignedIn
) -> None:
    services.make_delegate(owner=alice, username="bob")
    assert signed_in(bob).get("/conferences/open/").status_code == 404
    services.make_delegate(owner=alice, username="bob", everything=True)
    page = signed_in(bob).get("/conferences/open/").content.decode()
    assert "4711" in page
    services.dismiss_delegate(owner=alice, username="bob")
    assert signed_in(bob).get("/conferences/open/").status_code == 404


def test_who_may_not_book_lets_nobody(alice: User, bob: User, signed_in: SignedIn) -> None:
    assert signed_in(bob).get("/account/delegates/").status_code == 200
    refused = signed_in(bob).post("/account/delegates/", {"username": "alice"})
    assert refused.status_code == 403


def test_quotas_are_told_where_one_books(alice: User, signed_in: SignedIn) -> None:
    User.objects.filter(pk=alice.pk).update(ports_quota=7)
    assert "You may take 7 ports at a time." in signed_in(alice).get("/book/").content.decode()
