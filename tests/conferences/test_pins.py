"""Moderators' and personal PINs, links of one's own, and who is kept from guessing."""

from __future__ import annotations

import datetime
import functools
from dataclasses import replace

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from conferences import guesses, policy, selectors, services
from conferences.models import Conference, Guest, User
from conferences.policy import Identity, Refusal, Role
from conferences.services import Invitee, Refused
from tests import people
from tests.conferences.conftest import Joined
from tests.conferences.test_api import Api

ALICE = people.ALICE.uri
CAROL_MAIL = "carol@example.org"


def _snapshot(row: Conference, *, now: datetime.datetime | None = None) -> policy.Snapshot:
    found = selectors.snapshot(row.key, now=now)
    assert found is not None
    return found


def _now() -> float:
    return timezone.now().timestamp()


@pytest.fixture
def guarded(room: Conference) -> Conference:
    """Bob and Carol (by mail, moderator) have PINs of their own, beside that for all."""
    return services.change(
        conference=room,
        actor=ALICE,
        pin="1111",
        moderator_pin="2222",
        personal_pins=True,
        invitees=[Invitee(people.BOB.uri), Invitee(email=CAROL_MAIL, role=Role.MODERATOR)],
    )


def _pin_of(row: Conference, email: str = "") -> str:
    return row.invitations.get(email=email).pin


def test_pins_are_each_ones_own_and_random(guarded: Conference) -> None:
    pins = set(guarded.invitations.values_list("pin", flat=True))
    assert len(pins) == 2
    assert all(pin.isdigit() and len(pin) == 8 for pin in pins)
    services.change(conference=guarded, actor=ALICE, title="Other")
    assert set(guarded.invitations.values_list("pin", flat=True)) == pins
    services.change(conference=guarded, actor=ALICE, personal_pins=False)
    assert set(guarded.invitations.values_list("pin", flat=True)) == {""}


def test_what_a_pin_makes_of_somebody(guarded: Conference) -> None:
    told = _snapshot(guarded)
    bob, mallory = people.BOB, people.MALLORY
    assert policy.keyed(told, bob, "1111") == policy.Keyed()
    assert policy.keyed(told, bob, " 2222 ") == policy.Keyed(Role.MODERATOR)
    assert policy.keyed(told, mallory, _pin_of(guarded, CAROL_MAIL)) == policy.Keyed(
        Role.MODERATOR, "carol"
    )
    assert policy.keyed(told, mallory, _pin_of(guarded)) == policy.Keyed(Role.PARTICIPANT, "Bob")
    # The PIN for all puts nobody on the list, and an empty one is none.
    assert policy.keyed(told, mallory, "1111") is None
    assert policy.keyed(told, bob, "") is None


def test_who_keys_a_pin_of_his_own_on_any_phone_is_let_in(guarded: Conference) -> None:
    told = _snapshot(guarded)
    assert policy.may_join(told, people.MALLORY, present=0, now=_now()) is None
    assert policy.needs_pin(told, people.MALLORY)
    guest = Identity("sip:guest-1@conf.test", guest_of=guarded.key)
    assert policy.may_join(told, guest, present=0, now=_now()) is Refusal.NOT_INVITED


def test_who_has_keyed_no_pin_yet_does_not_learn_when_it_opens(guarded: Conference) -> None:
    told = _snapshot(guarded)
    for shut in (
        replace(told, opens_at=_now() + 60),
        replace(told, over=True),
        replace(told, locked=True),
        replace(told, max_participants=0),
    ):
        join = functools.partial(policy.may_join, shut, people.MALLORY, present=0, now=_now())
        assert join() is Refusal.NOT_INVITED
        assert join(keyed=True) not in (None, Refusal.NOT_INVITED)
        assert policy.may_join(shut, people.BOB, present=0, now=_now()) is join(keyed=True)


@pytest.mark.parametrize("role", [Role.MODERATOR, Role.CO_ORGANIZER])
def test_a_moderator_reads_no_pin_but_his_own(
    guarded: Conference, bob: User, mallory: User, role: Role
) -> None:
    services.change(
        conference=guarded,
        actor=ALICE,
        invitees=[Invitee(people.BOB.uri, role=role), Invitee(email=CAROL_MAIL)],
    )
    status, told = Api(bob).call("GET", f"/conferences/{guarded.name}")
    pins = {one["uri"] or one["email"]: one["pin"] for one in told["invitees"]}
    carols = _pin_of(guarded, CAROL_MAIL) if role is Role.CO_ORGANIZER else ""
    assert (status, pins) == (200, {people.BOB.uri: _pin_of(guarded), CAROL_MAIL: carols})
    assert Api(mallory).call("GET", f"/conferences/{guarded.name}")[0] == 403


def test_a_role_that_was_keyed_lasts_as_long_as_the_call(guarded: Conference) -> None:
    joined = Joined(guarded)
    services.pin_given(
        conference=guarded.key,
        entity=people.BOB.uri,
        role=Role.MODERATOR,
        name="carol",
        at=_now(),
    )
    joined.join(people.BOB)
    told = _snapshot(guarded)
    assert told.role_of(people.BOB) is Role.MODERATOR
    assert policy.needs_pin(told, people.BOB)
    joined.leave(people.BOB)
    assert _snapshot(guarded).role_of(people.BOB) is Role.PARTICIPANT
    kinds = [one.kind for one in selectors.events(guarded)]
    assert kinds[-3:] == ["pin-given", "joined", "left"]


def test_a_role_that_was_typed_on_a_page_stays_until_the_pin_changes(guarded: Conference) -> None:
    services.check_pin(conference=guarded, identity=people.BOB, pin="2222")
    told = _snapshot(guarded)
    assert told.role_of(people.BOB) is Role.MODERATOR
    assert not policy.needs_pin(told, people.BOB)
    services.change(conference=guarded, actor=ALICE, moderator_pin="3333")
    told = _snapshot(guarded)
    assert told.role_of(people.BOB) is Role.PARTICIPANT
    assert policy.needs_pin(told, people.BOB)


def test_no_pin_takes_a_role_away(guarded: Conference, carol: User) -> None:
    services.change(
        conference=guarded,
        actor=ALICE,
        invitees=[Invitee(people.BOB.uri), Invitee(people.CAROL.uri, role=Role.MODERATOR)],
    )
    services.check_pin(conference=guarded, identity=people.CAROL, pin=_bobs(guarded))
    assert _snapshot(guarded).role_of(people.CAROL) is Role.MODERATOR


def _bobs(row: Conference) -> str:
    return row.invitations.get(uri=people.BOB.uri).pin


def test_a_guest_is_whom_his_pin_names(guarded: Conference) -> None:
    services.change(conference=guarded, actor=ALICE, admission=policy.Admission.OPEN)
    pin = _pin_of(guarded, CAROL_MAIL)
    guest = services.admit_guest(conference=guarded, display_name="Somebody", pin=pin)
    assert guest.display_name == "carol"
    identity = selectors.identity_of_guest(guest)
    assert _snapshot(guarded).role_of(identity) is Role.MODERATOR
    plain = services.admit_guest(conference=guarded, display_name="Somebody", pin="1111")
    assert _snapshot(guarded).role_of(selectors.identity_of_guest(plain)) is Role.PARTICIPANT


def test_a_link_of_ones_own(guarded: Conference) -> None:
    """By it an invitee without an account comes in where only the invited may."""
    invitation = guarded.invitations.get(email=CAROL_MAIL)
    guest = services.admit_invitee(invitation=invitation)
    again = services.admit_invitee(invitation=invitation, display_name="Carol")
    assert guest.pk == again.pk
    assert Guest.objects.get().display_name == "Carol"
    identity = selectors.identity_of_guest(guest)
    told = _snapshot(guarded)
    assert told.role_of(identity) is Role.MODERATOR
    assert policy.may_join(told, identity, present=0, now=_now()) is None
    assert not policy.needs_pin(told, identity)
    with pytest.raises(ValidationError):
        services.admit_invitee(invitation=invitation, display_name="x" * 101)
    # Off the list, he is out.
    services.change(conference=guarded, actor=ALICE, invitees=[])
    told = _snapshot(guarded)
    assert policy.may_join(told, identity, present=0, now=_now()) is Refusal.NOT_INVITED
    services.cancel(conference=guarded, actor=ALICE)
    with pytest.raises(Refused):
        services.admit_invitee(invitation=invitation)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"pin": "1111", "moderator_pin": "1111"}, "moderator_pin"),
        ({"pin": "1111", "moderator_pin": "12"}, "moderator_pin"),
        ({"moderator_pin": "2222"}, "moderator_pin"),
        ({"reminder_minutes": 0}, "reminder_minutes"),
        ({"warn_minutes": 61}, "warn_minutes"),
    ],
)
def test_what_cannot_be(room: Conference, said: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        services.change(conference=room, actor=ALICE, **said)  # type: ignore[arg-type]
    assert list(caught.value.error_dict) == [field]


def test_co_organizers(room: Conference, carol: User, bob: User) -> None:
    services.change(
        conference=room,
        actor=ALICE,
        pin="1111",
        invitees=[
            Invitee(people.CAROL.uri, role=Role.CO_ORGANIZER),
            Invitee(people.BOB.uri, role=Role.MODERATOR),
        ],
    )
    told = _snapshot(room)
    assert policy.may_change(told, people.CAROL) is None
    assert policy.may_command(told, people.CAROL) is None
    assert not policy.needs_pin(told, people.CAROL)
    assert policy.may_change(told, people.BOB) is Refusal.NOT_ALLOWED
    assert policy.may_remove(told, people.BOB, target=people.CAROL.uri) is Refusal.NOT_ALLOWED
    assert policy.may_remove(told, people.CAROL, target=ALICE) is Refusal.NOT_ALLOWED
    # A moderator makes no co-organizer by calling him in.
    with pytest.raises(Refused):
        services.ask_to_call(
            conference=room.key,
            uri=people.MALLORY.uri,
            actor=people.BOB,
            way=services.Way.WEB,
            role=Role.CO_ORGANIZER,
        )


# --- Guessing ----------------------------------------------------------------------------


def _attack(row: Conference, count: int, sides: int) -> None:
    for number in range(count):
        services.wrong_pin(
            conference=row.key, entity=f"sip:mallory-{number % sides}@conf.test", at=_now()
        )


def test_a_conference_attacked_from_many_sides_is_hidden(guarded: Conference) -> None:
    services.check_pin(conference=guarded, identity=people.BOB, pin="1111")
    _attack(guarded, 19, 5)
    assert _snapshot(guarded).hidden_until == 0.0
    _attack(guarded, 1, 1)
    told = _snapshot(guarded)
    assert _now() + 590 < told.hidden_until <= _now() + 600
    carol = people.CAROL
    for who in (people.MALLORY, carol):
        assert policy.may_join(told, who, present=0, now=_now()) is Refusal.UNKNOWN
    # Who has been admitted before, or is keying at the moment, comes in; so does Alice.
    assert policy.may_join(told, people.BOB, present=0, now=_now()) is None
    assert policy.may_join(told, people.ALICE, present=0, now=_now()) is None
    assert policy.may_join(told, carol, present=0, now=_now(), keyed=True) is None
    with pytest.raises(Refused) as caught:
        services.check_pin(conference=guarded, identity=carol, pin="2222")
    assert caught.value.refusal is Refusal.UNKNOWN
    later = told.hidden_until + 1
    assert policy.may_join(told, carol, present=0, now=later) is None


@pytest.mark.parametrize(
    ("times", "hidden"),
    [
        # From one side alone it is a matter of that one.
        ([("a", float(at)) for at in range(40)], False),
        ([(str(at % 4), float(at)) for at in range(40)], False),
        ([(str(at % 5), float(at)) for at in range(20)], True),
        # So slowly nobody guesses.
        ([(str(at), 40.0 * at) for at in range(40)], False),
        ([], False),
    ],
)
def test_what_is_an_attack(times: list[tuple[str, float]], hidden: bool) -> None:
    until = guesses.hidden_until(times)
    assert until == (max(at for _, at in times) + guesses.HIDDEN if hidden else 0.0)
