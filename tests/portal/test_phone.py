"""The browser as a phone: who gets one, and what it shows of a conference."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from conferences import policy, selectors, services
from conferences.models import Admittance, Ban, Conference, Factory, SipAccount, User
from conferences.policy import Admission
from portal.views import phone as views
from tests import people
from tests.portal.conftest import SignedIn, join


def told(page: str, name: str) -> dict[str, Any]:
    """What the page's scripts are told."""
    found = re.search(rf'<script id="{name}" type="application/json">(.*?)</script>', page)
    assert found is not None, f"there is no {name}"
    config: dict[str, Any] = json.loads(found.group(1))
    return config


def test_a_phone_of_ones_own(bob: User, signed_in: SignedIn) -> None:
    response = signed_in(bob).get("/phone/")
    assert "no-store" in response["Cache-Control"]
    config = told(response.content.decode(), "phone-config")
    assert config["phone"]["uri"] == "sip:bob@conf.test"
    assert config["domain"] == people.DOMAIN
    account = selectors.account(config["phone"]["auth_name"])
    assert account is not None
    assert account.identity.uri == "sip:bob@conf.test"
    expires = SipAccount.objects.get().expires_at
    assert expires is not None
    assert expires <= timezone.now() + views.CREDENTIALS_LAST


@pytest.mark.parametrize("path", ["/phone/", "/phone/call/planning/"])
def test_strangers_sign_in_first(path: str, room: Conference, client: Client) -> None:
    response = client.get(path)
    assert response.status_code == 302
    assert response["Location"].startswith("/sign-in/")
    assert not SipAccount.objects.exists()


def test_what_is_open_is_offered(
    room: Conference, tomorrow: Conference, bob: User, signed_in: SignedIn
) -> None:
    join(room, "alice")
    page = signed_in(bob).get("/phone/").content.decode()
    assert 'data-dial="planning"' in page
    assert "1 in the call" in page
    assert tomorrow.name not in page


def test_the_call_of_its_organizer(room: Conference, alice: User, signed_in: SignedIn) -> None:
    page = signed_in(alice).get("/phone/call/planning/").content.decode()
    config = told(page, "call-config")
    assert config["conference"]["uri"] == "sip:planning@conf.test"
    assert (config["commands"], config["adds"], config["ends"]) == (True, True, False)
    for hook in ("add-button", "lock-button", "remove-confirm", "http://parley.test:8000/c/"):
        assert hook in page


def test_the_call_of_a_participant(room: Conference, bob: User, signed_in: SignedIn) -> None:
    page = signed_in(bob).get("/phone/call/planning/").content.decode()
    config = told(page, "call-config")
    assert (config["commands"], config["adds"]) == (False, False)
    for hook in ("add-button", "add-dialog", "lock-button", "remove-confirm"):
        assert hook not in page


def test_participants_add_where_the_policy_says_so(
    room: Conference, bob: User, signed_in: SignedIn
) -> None:
    services.change(conference=room, actor="sip:alice@conf.test", participants_may_add=True)
    page = signed_in(bob).get("/phone/call/planning/").content.decode()
    assert told(page, "call-config")["adds"] is True
    assert "add-dialog" in page
    assert "remove-dialog" not in page


def test_whose_leaving_ends_it(bob: User, carol: User, signed_in: SignedIn) -> None:
    key = services.create_adhoc(creator=people.BOB)
    name = Conference.objects.get(pk=key).name
    his = signed_in(bob).get(f"/phone/call/{name}/").content.decode()
    hers = signed_in(carol).get(f"/phone/call/{name}/").content.decode()
    assert told(his, "call-config")["ends"] is True
    assert told(hers, "call-config")["ends"] is False


def test_mallory_sees_no_call(room: Conference, mallory: User, signed_in: SignedIn) -> None:
    browser = signed_in(mallory)
    assert browser.get("/phone/call/planning/").status_code == 404
    assert browser.get("/phone/call/nothing/").status_code == 404
    assert 'data-dial="planning"' not in browser.get("/phone/").content.decode()


def test_whom_a_moderator_called_sees_it(
    room: Conference, carol: User, signed_in: SignedIn
) -> None:
    Admittance.objects.create(conference=room, entity="sip:carol@conf.test", pulled_in=True)
    assert signed_in(carol).get("/phone/call/planning/").status_code == 200


def test_who_only_gave_the_pin_does_not(
    room: Conference, mallory: User, signed_in: SignedIn
) -> None:
    Admittance.objects.create(conference=room, entity="sip:mallory@conf.test")
    assert signed_in(mallory).get("/phone/call/planning/").status_code == 404


def test_whom_a_moderator_banned_does_not(room: Conference, bob: User, signed_in: SignedIn) -> None:
    Ban.objects.create(
        conference=room, entity="sip:bob@conf.test", by="sip:alice@conf.test", at=timezone.now()
    )
    assert signed_in(bob).get("/phone/call/planning/").status_code == 404


def test_one_click_starts_a_conference(alice: User, signed_in: SignedIn) -> None:
    browser = signed_in(alice)
    assert "/start/" in browser.get("/").content.decode()
    response = browser.post("/start/")
    row = Conference.objects.get()
    assert response["Location"] == f"/c/{row.name}/"
    assert row.title.startswith("Conference of Alice, ")
    assert row.admission == Admission.OPEN
    snapshot = selectors.snapshot(row.key)
    assert snapshot is not None
    assert snapshot.role_of(people.ALICE) is policy.Role.ORGANIZER
    assert browser.get(response["Location"]).status_code == 200


def test_only_organizers_start_one(bob: User, signed_in: SignedIn, client: Client) -> None:
    browser = signed_in(bob)
    assert "/start/" not in browser.get("/").content.decode()
    assert browser.post("/start/").status_code == 403
    assert browser.get("/start/")["Location"] == "/"
    assert client.post("/start/").status_code == 302
    assert not Conference.objects.exists()


def test_factories_are_offered_to_those_who_may_call_them(
    alice: User, bob: User, signed_in: SignedIn
) -> None:
    Factory.objects.create(name="team")
    Factory.objects.create(name="hall", for_organizers=True)
    Factory.objects.create(name="shut", active=False)
    offered = {
        name: [one in signed_in(user).get("/phone/").content.decode() for one in DIALS]
        for name, user in (("alice", alice), ("bob", bob))
    }
    assert offered == {"alice": [True, True, False], "bob": [True, False, False]}


DIALS = ['data-dial="team"', 'data-dial="hall"', 'data-dial="shut"']
