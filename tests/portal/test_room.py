"""The door and the room: who gets which page, and what the page is told."""

from __future__ import annotations

import datetime
import json
import re
import secrets
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from conferences import guesses, policy, selectors, services
from conferences.models import Conference, Guest, Removal, RemovalState, SipAccount, User, Way
from conferences.policy import ParticipantKey, Refusal
from conferences.services import Invitee
from portal.views import room as views
from tests import people
from tests.portal.conftest import SignedIn, join


def config(page: str) -> dict[str, Any]:
    """What the room's scripts are told."""
    found = re.search(r'<script id="room-config" type="application/json">(.*?)</script>', page)
    assert found is not None, "this is not the room"
    told: dict[str, Any] = json.loads(found.group(1))
    return told


def test_the_organizer_is_in_at_once(
    open_room: Conference, alice: User, signed_in: SignedIn
) -> None:
    response = signed_in(alice).get("/c/open/")
    assert "no-store" in response["Cache-Control"]
    page = response.content.decode()
    told = config(page)
    assert told["conference"]["uri"] == "sip:open@conf.test"
    assert (told["role"], told["commands"]) == ("organizer", True)
    phone = told["phone"]
    assert phone["uri"] == "sip:alice@conf.test"
    assert phone["auth_name"] != "alice"
    account = selectors.account(phone["auth_name"])
    assert account is not None
    assert account.identity.uri == "sip:alice@conf.test"
    assert "remove-dialog" in page
    assert 'data-entry hidden><label class="form-label" for="pin"' in page


def test_credentials_are_short_lived(room: Conference, bob: User, signed_in: SignedIn) -> None:
    signed_in(bob).get("/c/planning/")
    expires = SipAccount.objects.get().expires_at
    assert expires is not None
    assert expires <= timezone.now() + views.CREDENTIALS_LAST


def test_credentials_end_with_the_booking(alice: User, signed_in: SignedIn) -> None:
    row = services.book(
        organizer=alice,
        title="Now",
        starts_at=timezone.now(),
        duration_minutes=30,
        timezone="UTC",
    )
    signed_in(alice).get(f"/c/{row.name}/")
    expires = SipAccount.objects.get().expires_at
    assert expires is not None
    assert expires <= timezone.now() + datetime.timedelta(minutes=30)


def test_a_participant_gets_no_moderators_buttons(
    room: Conference, bob: User, signed_in: SignedIn
) -> None:
    page = signed_in(bob).get("/c/planning/").content.decode()
    assert config(page)["commands"] is False
    for hook in ("lock-button", "end-button", "remove-confirm", "mute-all-button"):
        assert hook not in page


def test_a_guest_says_his_name_and_is_in(open_room: Conference, client: Client) -> None:
    page = client.get("/c/open/").content.decode()
    assert config(page)["phone"] is None
    assert not SipAccount.objects.exists()
    assert 'data-testid="join-name"' in page
    entered = client.post("/c/open/enter/", {"display_name": "  Carol   G ", "pin": "4711"})
    phone = entered.json()["phone"]
    guest = Guest.objects.get()
    assert guest.display_name == phone["display_name"] == "Carol G"
    assert phone["uri"] == f"sip:{guest.uri_user}@conf.test"
    again = client.get("/c/open/").content.decode()
    assert config(again)["phone"]["uri"] == phone["uri"]
    assert 'value="Carol G"' in again
    assert config(again)["commands"] is False


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"display_name": "", "pin": "4711"}, "display_name"),
        ({"display_name": "Carol", "pin": "1"}, "pin"),
        ({"display_name": "Carol\u0007", "pin": "4711"}, "display_name"),
    ],
)
def test_a_guests_mistakes_are_told_at_their_field(
    said: dict[str, str], field: str, open_room: Conference, client: Client
) -> None:
    response = client.post("/c/open/enter/", said)
    assert response.status_code == 422
    assert list(response.json()["errors"]) == [field]
    assert not Guest.objects.exists()


@pytest.mark.usefixtures("still")
def test_guessing_the_pin_is_held_off(open_room: Conference, client: Client) -> None:
    for _ in range(guesses.WRONG_PINS):
        assert client.post("/c/open/enter/", {"display_name": "M", "pin": "1"}).status_code == 422
    fresh = Client()
    response = fresh.post("/c/open/enter/", {"display_name": "M", "pin": "4711"})
    assert response.status_code == 429
    assert response.json()["refusal"] == "wrong-pin-too-often"
    assert 0 < int(response["Retry-After"]) <= 30
    assert "The next PIN is looked at in " in response.json()["text"]


def _browser() -> Client:
    """A browser of its own: what its forms carry is in a cookie."""
    browser = Client()
    browser.cookies[settings.CSRF_COOKIE_NAME] = secrets.token_hex(16)
    return browser


@pytest.mark.usefixtures("still")
def test_who_guesses_shuts_nobody_else_out_of_his_office(open_room: Conference) -> None:
    guesser, other = _browser(), _browser()
    for _ in range(guesses.WRONG_PINS):
        guesser.post("/c/open/enter/", {"display_name": "Mallory", "pin": "1"})
    right = {"display_name": "Bob", "pin": "4711"}
    assert guesser.post("/c/open/enter/", right).status_code == 429
    assert other.post("/c/open/enter/", right).status_code == 200


@pytest.mark.usefixtures("still")
def test_a_new_browser_each_time_is_held_off_by_its_address(open_room: Conference) -> None:
    said = {"display_name": "Mallory", "pin": "1"}
    for _ in range(guesses.WRONG_PINS_AT_ADDRESS):
        assert _browser().post("/c/open/enter/", said).status_code == 422
    assert _browser().post("/c/open/enter/", said).status_code == 429
    # They are one side, so nobody hides a conference from one address.
    snapshot = selectors.snapshot(open_room.key)
    assert snapshot is not None
    assert snapshot.hidden_until == 0.0


def test_who_guesses_the_pin_is_written_down(
    open_room: Conference, client: Client, alice: User, signed_in: SignedIn
) -> None:
    for _ in range(guesses.WRONG_PINS + 3):
        client.post("/c/open/enter/", {"display_name": "Mallory", "pin": "1"})
    told = [(one.kind, one.actor) for one in open_room.events.exclude(kind="booked")]
    wrong = [("wrong-pin", "web:127.0.0.1")] * guesses.WRONG_PINS
    assert told == [*wrong, ("refused", "web:127.0.0.1")]
    page = signed_in(alice).get("/conferences/open/").content.decode()
    assert "<b>Somebody at 127.0.0.1</b> keyed a wrong PIN" in page
    assert "<b>Somebody at 127.0.0.1</b> was not let in" in page
    assert "too many wrong PINs" in page


def test_who_is_held_off_reads_for_how_long(
    alice: User, bob: User, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.book(
        organizer=alice, name="planning", title="P", pin="4711", invitees=[Invitee(uri="bob")]
    )
    monkeypatch.setattr(guesses, "HOLD_OFF", (600.0, 3600.0))
    browser = signed_in(bob)
    for _ in range(guesses.WRONG_PINS):
        browser.post("/c/planning/enter/", {"pin": "1"})
    door = browser.get("/c/planning/")
    assert (door.status_code, door["Retry-After"]) == (429, "600")
    assert "The next PIN is looked at in 10 minutes." in door.content.decode()


def test_a_stranger_learns_nothing_of_a_booking_with_personal_pins(
    alice: User, bob: User, mallory: User, signed_in: SignedIn
) -> None:
    row = services.book(
        organizer=alice,
        name="plan",
        title="Merger",
        personal_pins=True,
        invitees=[Invitee(uri="bob")],
        starts_at=timezone.now() + datetime.timedelta(days=1),
    )
    browser = signed_in(mallory)
    door = browser.get("/c/plan/")
    assert door.status_code == 403
    assert "You are not on the list" in door.content.decode()
    services.change(conference=row, actor=people.ALICE.uri, starts_at=timezone.now())
    for page in (door, browser.get("/c/plan/")):
        assert "Merger" not in page.content.decode()
        assert "in the call" not in page.content.decode()
    services.lock(conference=row.key, actor=people.ALICE, way=Way.WEB)
    assert browser.get("/c/plan/").status_code == 403
    services.unlock(conference=row.key, actor=people.ALICE, way=Way.WEB)
    # Whoever gives the PIN of somebody invited is let in, and reads what it is.
    pin = row.invitations.get().pin
    assert browser.post("/c/plan/enter/", {"pin": pin}).json() == {"phone": None}
    assert "Merger" in browser.get("/c/plan/").content.decode()


def test_a_guest_of_one_conference_is_a_stranger_to_another(
    open_room: Conference, room: Conference, client: Client
) -> None:
    client.post("/c/open/enter/", {"display_name": "Carol", "pin": "4711"})
    assert client.get("/c/planning/").status_code == 302
    assert client.get("/c/planning/standing/").status_code == 404
    assert client.post("/c/planning/enter/", {"display_name": "Carol"}).status_code == 403


def test_the_pin_is_asked_of_those_who_need_it(alice: User, bob: User, signed_in: SignedIn) -> None:
    services.book(
        organizer=alice, name="planning", title="P", pin="4711", invitees=[Invitee(uri="bob")]
    )
    browser = signed_in(bob)
    assert (
        'data-entry><label class="form-label" for="pin"'
        in browser.get("/c/planning/").content.decode()
    )
    assert browser.post("/c/planning/enter/", {"pin": "1"}).status_code == 422
    assert browser.post("/c/planning/enter/", {"pin": " 4711 "}).json() == {"phone": None}
    assert (
        'data-entry hidden><label class="form-label" for="pin"'
        in browser.get("/c/planning/").content.decode()
    )


def test_too_early_says_when_and_waits(
    tomorrow: Conference, bob: User, client: Client, signed_in: SignedIn
) -> None:
    assert tomorrow.starts_at is not None
    for browser in (client, signed_in(bob)):
        response = browser.get(f"/c/{tomorrow.name}/")
        page = response.content.decode()
        assert response.status_code == 200
        assert "You are early" in page
        assert f'data-opens="{int(tomorrow.starts_at.timestamp())}"' in page
        (shown,) = re.findall(r'<time datetime="([^"]+)"', page)
        opens = datetime.datetime.fromisoformat(shown)
        assert abs(opens - tomorrow.starts_at) < datetime.timedelta(seconds=1)
    refused = client.post(f"/c/{tomorrow.name}/enter/", {"display_name": "Carol"})
    assert refused.status_code in (200, 403)


def test_over_and_cancelled(open_room: Conference, client: Client) -> None:
    services.cancel(conference=open_room, actor="sip:alice@conf.test")
    response = client.get("/c/open/")
    assert response.status_code == 410
    assert "This conference is over" in response.content.decode()
    refused = client.post("/c/open/enter/", {"display_name": "Carol", "pin": "4711"})
    assert (refused.status_code, refused.json()["refusal"]) == (410, "over")


def test_full_and_locked_wait_at_the_door(
    room: Conference, alice: User, bob: User, signed_in: SignedIn
) -> None:
    Conference.objects.filter(pk=room.pk).update(locked=True)
    page = signed_in(bob).get("/c/planning/").content.decode()
    assert "The conference is locked" in page
    assert "data-waiting" in page
    config(signed_in(alice).get("/c/planning/").content.decode())
    Conference.objects.filter(pk=room.pk).update(locked=False, max_participants=1)
    join(room, "carol")
    assert "The conference is full" in signed_in(bob).get("/c/planning/").content.decode()


def removed(conference: Conference, key: ParticipantKey, by: User, *, ban: bool) -> None:
    """Somebody is removed, and the gateway has carried it out."""
    removal = services.ask_to_remove(
        conference=conference.key,
        participant=key,
        actor=selectors.identity_of_user(by),
        way=Way.WEB,
        reason="noise",
        ban=ban,
    )
    Removal.objects.filter(pk=removal.pk).update(state=RemovalState.CARRYING)
    services.participant_left(
        conference=conference.key,
        key=key,
        method="booted",
        by=selectors.aor(by.username),
        reason="noise",
        at=timezone.now().timestamp(),
    )


@pytest.mark.parametrize("ban", [True, False])
def test_the_removed_person_is_told_by_whom_and_why(
    ban: bool, room: Conference, alice: User, bob: User, signed_in: SignedIn
) -> None:
    browser = signed_in(bob)
    assert browser.get("/c/planning/standing/").status_code == 404
    key = join(room, "bob")
    assert browser.get("/c/planning/standing/").json()["removed"] is None
    removed(room, key, alice, ban=ban)
    told = browser.get("/c/planning/standing/").json()
    assert told["removed"] == {"by": "Alice", "reason": "noise", "ban": ban}
    assert browser.get("/c/planning/").status_code == (403 if ban else 200)


def test_a_banned_guest_does_not_become_another(
    open_room: Conference, alice: User, client: Client
) -> None:
    client.post("/c/open/enter/", {"display_name": "Carol", "pin": "4711"})
    key = join(open_room, Guest.objects.get().uri_user)
    removed(open_room, key, alice, ban=True)
    door = client.get("/c/open/")
    assert door.status_code == 403
    assert "You may not come back" in door.content.decode()
    again = client.post("/c/open/enter/", {"display_name": "Mallory", "pin": "4711"})
    assert (again.status_code, again.json()["refusal"]) == (403, "banned")


def test_a_banned_guest_is_still_himself_after_another_room(
    open_room: Conference, alice: User, client: Client
) -> None:
    services.book(organizer=alice, name="other", title="Other", admission=policy.Admission.OPEN)
    client.post("/c/open/enter/", {"display_name": "Mallory", "pin": "4711"})
    key = join(open_room, Guest.objects.get().uri_user)
    removed(open_room, key, alice, ban=True)
    assert client.post("/c/other/enter/", {"display_name": "Mallory"}).status_code == 200
    assert client.get("/c/other/").status_code == 200
    assert client.get("/c/open/").status_code == 403
    again = client.post("/c/open/enter/", {"display_name": "Mallory", "pin": "4711"})
    assert (again.status_code, again.json()["refusal"]) == (403, "banned")
    assert client.get("/api/v1/conferences/open/participants").status_code == 403
    assert client.get("/api/v1/conferences/other/participants").status_code == 200


def test_the_end_for_all_is_told(
    room: Conference, alice: User, bob: User, signed_in: SignedIn
) -> None:
    join(room, "bob")
    services.end(conference=room.key, actor=selectors.identity_of_user(alice), way=Way.WEB)
    told = signed_in(bob).get("/c/planning/standing/").json()
    assert (told["ended"], told["ended_by"]) == (True, "Alice")
    assert told["again"] is True, "a standing room may be joined again"
    services.cancel(conference=room, actor=selectors.aor("alice"))
    assert signed_in(bob).get("/c/planning/standing/").json()["again"] is False


def test_every_refusal_has_its_door() -> None:
    assert set(views.DOORS) == set(Refusal)
