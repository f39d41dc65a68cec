"""Accounts, phones, guests, PINs."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib

import pytest
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.utils import timezone

from conferences import guesses, policy, selectors, services
from conferences.models import Conference, SipAccount, User, Way
from conferences.policy import Refusal
from conferences.services import Invitee, Refused
from tests import people

HOUR = datetime.timedelta(hours=1)


def test_names_are_lower_case_and_signing_in_is_in_any_case(alice: User) -> None:
    assert services.create_user(username=" Mallory ", password="secret").username == "mallory"
    assert authenticate(username="ALICE", password="a password") == alice


@pytest.mark.parametrize(
    "username",
    ["alice", "ALICE", "", "a b", "a@b", "conference-factory", "guest-1", "x" * 64, "ä", ".a"],
)
def test_names_that_nobody_can_have(alice: User, username: str) -> None:
    with pytest.raises(ValidationError) as caught:
        services.create_user(username=username, password="secret")
    assert set(caught.value.message_dict) == {"username"}


def test_a_person_cannot_take_the_name_of_a_conference(alice: User) -> None:
    services.book(organizer=alice, title="Weekly", name="weekly")
    with pytest.raises(ValidationError):
        services.create_user(username="weekly", password="secret")


def test_only_hashes_of_a_sip_password_are_kept(alice: User) -> None:
    services.set_sip_password(alice, "old")
    services.set_sip_password(alice, "swordfish")
    account = selectors.account("alice")
    assert account is not None
    assert account.identity == people.ALICE
    octets = b"alice:conf.test:swordfish"
    assert account.ha1 == {
        "MD5": hashlib.md5(octets).hexdigest(),
        "SHA-256": hashlib.sha256(octets).hexdigest(),
    }
    kept = SipAccount.objects.values().get()
    assert "swordfish" not in str(kept)


def test_accounts_that_are_none(alice: User) -> None:
    services.set_sip_password(alice, "swordfish")
    assert selectors.account("mallory") is None
    SipAccount.objects.update(expires_at=timezone.now())
    assert selectors.account("alice") is None
    SipAccount.objects.update(expires_at=None)
    User.objects.update(is_active=False)
    assert selectors.account("alice") is None
    assert not selectors.person_exists("alice")


def test_credentials_of_a_page(alice: User) -> None:
    given = services.issue_phone_credentials(
        identity=people.ALICE, user=alice, until=timezone.now() + HOUR
    )
    assert given.uri == "sip:alice@conf.test"
    assert given.websocket.endswith("/sip")
    account = selectors.account(given.auth_name)
    assert account is not None
    assert account.identity == people.ALICE
    text = f"{given.auth_name}:conf.test:{given.password}"
    assert account.ha1["SHA-256"] == hashlib.sha256(text.encode()).hexdigest()


def test_tokens(alice: User) -> None:
    token = services.issue_api_token(alice)
    assert selectors.user_of_token(token) == alice
    assert selectors.user_of_token("mallory") is None
    User.objects.update(is_active=False)
    assert selectors.user_of_token(token) is None


def test_a_guest_is_let_into_one_open_conference(open_room: Conference) -> None:
    guest = services.admit_guest(conference=open_room, display_name="  Carol  H. ")
    identity = selectors.identity_of_guest(guest)
    assert identity.display_name == "Carol H."
    assert identity.uri.startswith("sip:guest-")
    snapshot = selectors.snapshot(open_room.key)
    assert snapshot is not None
    assert policy.may_join(snapshot, identity, present=0, now=0.0) is None
    other = dataclasses.replace(snapshot, id=policy.ConferenceId(open_room.pk + 1))
    assert policy.may_join(other, identity, present=0, now=0.0) is Refusal.NOT_INVITED


def test_no_guest_where_guests_are_not_admitted(room: Conference) -> None:
    with pytest.raises(Refused) as caught:
        services.admit_guest(conference=room, display_name="Mallory")
    assert caught.value.refusal is Refusal.NOT_INVITED


def test_no_guest_after_the_end(open_room: Conference) -> None:
    services.cancel(conference=open_room, actor=people.ALICE.uri)
    with pytest.raises(Refused) as caught:
        services.admit_guest(conference=open_room, display_name="Carol")
    assert caught.value.refusal is Refusal.OVER


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\x00b", "\u200d\u200f"])
def test_names_that_no_guest_can_have(open_room: Conference, name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        services.admit_guest(conference=open_room, display_name=name)
    assert set(caught.value.message_dict) == {"display_name"}


def test_a_guest_lasts_as_long_as_the_booking(alice: User) -> None:
    start = timezone.now().replace(microsecond=0) + HOUR
    row = services.book(
        organizer=alice,
        title="Talk",
        starts_at=start,
        duration_minutes=30,
        grace_minutes=5,
        admission=policy.Admission.OPEN,
    )
    guest = services.admit_guest(conference=row, display_name="Carol")
    assert guest.expires_at == start + datetime.timedelta(minutes=35)


def test_wrong_pins_of_guests_are_counted_by_where_they_come_from(open_room: Conference) -> None:
    services.change(conference=open_room, actor=people.ALICE.uri, pin="123456")

    def guess(pin: str, source: str) -> None:
        services.admit_guest(conference=open_room, display_name="G", pin=pin, source=source)

    for _ in range(guesses.WRONG_PINS):
        with pytest.raises(ValidationError) as wrong:
            guess("0000", "192.0.2.1")
        assert set(wrong.value.message_dict) == {"pin"}
    with pytest.raises(Refused) as caught:
        guess("123456", "192.0.2.1")
    assert caught.value.refusal is Refusal.WRONG_PIN_TOO_OFTEN
    guess("123456", "192.0.2.2")


def test_a_right_pin_on_a_page_spares_the_call(room: Conference) -> None:
    services.change(conference=room, actor=people.ALICE.uri, pin="123456")
    before = selectors.snapshot(room.key)
    assert before is not None
    assert policy.needs_pin(before, people.BOB)
    services.check_pin(conference=room, identity=people.BOB, pin="123456")
    after = selectors.snapshot(room.key)
    assert after is not None
    assert not policy.needs_pin(after, people.BOB)


def test_wrong_pins_hold_off_in_the_call_too(room: Conference) -> None:
    services.change(conference=room, actor=people.ALICE.uri, pin="123456")
    for _ in range(guesses.WRONG_PINS):
        with pytest.raises(ValidationError):
            services.check_pin(conference=room, identity=people.BOB, pin="1111")
    snapshot = selectors.snapshot(room.key)
    assert snapshot is not None
    assert snapshot.held_off == {people.BOB.uri}
    later = selectors.snapshot(room.key, now=timezone.now() + HOUR)
    assert later is not None
    assert not later.held_off


def test_mallory_is_not_admitted_by_a_right_pin(room: Conference, mallory: User) -> None:
    services.change(conference=room, actor=people.ALICE.uri, pin="123456")
    with pytest.raises(Refused) as caught:
        services.check_pin(conference=room, identity=people.MALLORY, pin="123456")
    assert caught.value.refusal is Refusal.NOT_INVITED


def test_who_gave_the_pin_and_is_no_more_invited_stays_out(room: Conference, mallory: User) -> None:
    invited = [Invitee(people.BOB.uri), Invitee(people.MALLORY.uri)]
    services.change(conference=room, actor=people.ALICE.uri, pin="123456", invitees=invited)
    for who in (people.BOB, people.MALLORY):
        services.check_pin(conference=room, identity=who, pin="123456")
    services.change(conference=room, actor=people.ALICE.uri, invitees=invited[:1])
    snapshot = selectors.snapshot(room.key)
    assert snapshot is not None
    assert policy.may_join(snapshot, people.MALLORY, present=0, now=0.0) is Refusal.NOT_INVITED
    assert policy.may_subscribe(snapshot, people.MALLORY) is Refusal.NOT_INVITED
    assert snapshot.admitted == {people.BOB.uri}


def test_a_new_pin_is_asked_of_who_gave_the_old_one(room: Conference) -> None:
    services.change(conference=room, actor=people.ALICE.uri, pin="123456")
    services.check_pin(conference=room, identity=people.BOB, pin="123456")
    services.ask_to_call(conference=room.key, uri=people.CAROL.uri, actor=people.ALICE, way=Way.WEB)
    services.change(conference=room, actor=people.ALICE.uri, pin="654321")
    snapshot = selectors.snapshot(room.key)
    assert snapshot is not None
    assert policy.needs_pin(snapshot, people.BOB)
    assert not policy.needs_pin(snapshot, people.CAROL)
    assert policy.may_join(snapshot, people.CAROL, present=0, now=0.0) is None


def test_whom_a_moderator_called_stays_out_once_taken_off_the_list(room: Conference) -> None:
    services.ask_to_call(conference=room.key, uri=people.BOB.uri, actor=people.ALICE, way=Way.WEB)
    services.change(conference=room, actor=people.ALICE.uri, invitees=[])
    snapshot = selectors.snapshot(room.key)
    assert snapshot is not None
    assert policy.may_join(snapshot, people.BOB, present=0, now=0.0) is Refusal.NOT_INVITED
