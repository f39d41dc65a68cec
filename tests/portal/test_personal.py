"""One's data: taken away, and deleted after proof of who it is."""

from __future__ import annotations

import json

from django.test import Client
from django.utils import timezone

from conferences import services
from conferences.models import Conference, User
from tests.portal.conftest import PASSWORD, SignedIn, join


def test_taking_it_away(bob: User, room: Conference, signed_in: SignedIn) -> None:
    browser = signed_in(bob)
    assert 'href="/account/data/"' in browser.get("/account/").content.decode()
    assert "Download" in browser.get("/account/data/").content.decode()
    response = browser.get("/account/data/download/")
    assert response["Content-Disposition"] == 'attachment; filename="parley-bob.json"'
    assert "no-store" in response["Cache-Control"]
    told = json.loads(response.content)
    assert told["account"]["username"] == "bob"
    assert [one["conference__title"] for one in told["invitations"]] == ["Planning"]
    assert Client().get("/account/data/download/").status_code == 302


def test_deleting_an_account(bob: User, room: Conference, alice: User, signed_in: SignedIn) -> None:
    join(room, "bob")
    browser = Client()
    browser.post("/sign-in/", {"username": "bob", "password": PASSWORD})
    asked = browser.get("/account/data/delete/")
    assert asked["Location"].startswith("/account/prove/")
    unproven = signed_in(bob).post("/account/data/delete/", {"username": "bob"})
    assert unproven["Location"].startswith("/account/prove/")
    assert User.objects.get(username="bob").is_active
    browser.post(asked["Location"], {"password": PASSWORD})
    wrong = browser.post("/account/data/delete/", {"username": "alice"}).content.decode()
    assert "That is not your user name." in wrong
    page = browser.post("/account/data/delete/", {"username": "Bob"}, follow=True)
    assert "Your account is deleted." in page.content.decode()
    assert browser.get("/account/").status_code == 302
    assert "do not fit" in (
        Client().post("/sign-in/", {"username": "bob", "password": PASSWORD}).content.decode()
    )
    services.delete_people(now=timezone.now())
    assert not User.objects.filter(username="bob").exists()
    seen = signed_in(alice).get("/conferences/planning/").content.decode()
    assert "Bob" not in seen
    assert "Former user" in seen


def test_why_not_is_said(alice: User, room: Conference) -> None:
    now = timezone.now().timestamp()
    services.take_lease(conference=room.key, owner="focus", until=now + 60, now=now)
    join(room, "bob")
    browser = Client()
    browser.post("/sign-in/", {"username": "alice", "password": PASSWORD})
    asked = browser.get("/account/data/delete/")
    browser.post(asked["Location"], {"password": PASSWORD})
    page = browser.post("/account/data/delete/", {"username": "alice"}).content.decode()
    assert "A conference of this account is going on." in page
    assert User.objects.get(username="alice").is_active
