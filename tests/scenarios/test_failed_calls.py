"""What the caller is told when nobody takes his call (RFC 3261 16.7, RFC 3326, RFC 7332)."""

from __future__ import annotations

import pytest

from sipgateway.sip import headers, message
from sipgateway.sip.message import Request, Response
from tests.stage import DOMAIN, OFFER, Person, Stage

BOB = f"sip:bob@{DOMAIN}"


def _refuses(person: Person, status: int, **fields: str) -> None:
    invite = person.gets("INVITE")
    assert isinstance(invite, Request)
    response = message.reply(invite, status, tag=f"bob-{status}")
    for name, value in fields.items():
        response.append(name.replace("_", "-"), value)
    person.feeds(response)
    person.gets("ACK")


def _hears(stage: Stage, *refusals: int) -> Response:
    """What Alice is told when Bob's phones refuse like that, one after the other."""
    alice, bob = stage.person("alice"), stage.person("bob")
    for number, _ in enumerate(refusals):
        bob.registers(contact=f"<sip:phone{number}@bob.invalid>")
    alice.sends("INVITE", BOB, body=OFFER)
    invites = [bob.gets("INVITE") for _ in refusals]
    for invite, status in zip(invites, refusals, strict=True):
        assert isinstance(invite, Request)
        bob.replies(invite, status)
        bob.gets("ACK")
    assert len(alice.inbox) == 1
    told = alice.inbox.pop()
    assert isinstance(told, Response)
    assert not stage.switchboard.occupied
    stage.is_quiet()
    return told


@pytest.mark.parametrize(
    ("refusals", "status"),
    [
        ((503, 404), 404),
        ((404, 503), 404),
        ((502, 488), 488),
        ((404, 484), 484),
        ((404, 486), 486),
        ((484, 486), 484),
        ((486, 302), 486),
        ((302, 404), 404),
        ((404, 603), 603),
        ((401, 404), 404),
        ((407, 502), 502),
        ((420, 480), 480),
        ((302,), 480),
    ],
)
def test_the_best_answer_goes_back(stage: Stage, refusals: tuple[int, ...], status: int) -> None:
    """RFC 3261 16.7, step 6: a 6xx, then the lowest class, of it what tells most."""
    assert _hears(stage, *refusals).status == status


@pytest.mark.parametrize("status", [401, 407, 420, 421, 422, 494, 503])
def test_what_is_between_the_phone_and_us_is_not_the_callers(stage: Stage, status: int) -> None:
    """22.2: a 401 would be a wrong password to his phone, which has no challenge to answer."""
    told = _hears(stage, status)
    assert told.status == 500
    assert f"SIP;cause={status};" in (told.get("reason") or "")
    assert told.get("www-authenticate") is None
    assert told.get("unsupported") is None


@pytest.mark.parametrize(
    ("status", "field", "value", "told"),
    [
        (486, "Retry-After", "120", 486),
        (503, "Retry-After", "30", 500),
        (488, "Warning", f'304 {DOMAIN} "Media type not available"', 488),
        (480, "Reason", 'Q.850;cause=20;text="Subscriber absent"', 480),
        (603, "Error-Info", "<sip:away@conf.test>", 603),
        (415, "Accept", "text/plain", 415),
        (405, "Allow", "OPTIONS", 405),
    ],
)
def test_a_failure_explains_itself(
    stage: Stage, status: int, field: str, value: str, told: int
) -> None:
    alice, bob = stage.person("alice"), stage.person("bob")
    bob.registers()
    alice.sends("INVITE", BOB, body=OFFER)
    _refuses(bob, status, **{field: value, "Server": "Bob's secret phone", "X-Inner": "10.0.0.7"})
    received = alice.gets(str(told))
    assert value in received.all(field.lower())
    assert "secret" not in received.build().decode()
    assert received.get("x-inner") is None
    stage.is_quiet()


def test_a_warning_does_not_tell_where_the_phone_is(stage: Stage) -> None:
    """RFC 3261 20.43: who warns may be named by a pseudonym."""
    alice, bob = stage.person("alice"), stage.person("bob")
    bob.registers()
    alice.sends("INVITE", BOB, body=OFFER)
    _refuses(bob, 488, Warning='304 10.0.0.7:5062 "No video", 305 [fd00::7] "No G.729"')
    told = alice.gets("488").build().decode()
    assert f'304 {DOMAIN} "No video"' in told
    assert f'305 {DOMAIN} "No G.729"' in told
    assert "10.0.0.7" not in told
    assert "fd00::7" not in told
    stage.is_quiet()


def test_a_call_has_one_hop_less_and_ends(stage: Stage) -> None:
    """RFC 7332: two servers that call on to each other do not go on without end."""
    alice, bob = stage.person("alice"), stage.person("bob")
    bob.registers()

    def invites(hops: int) -> None:
        invite = alice.request("INVITE", BOB, body=OFFER)
        alice.feeds(invite)
        challenge = alice.gets("401")
        assert isinstance(challenge, Response)
        again = alice.request("INVITE", BOB, body=OFFER)
        again.put(headers.MAX_FORWARDS, hops)
        again.append("Authorization", alice.credentials(challenge, "INVITE", BOB))
        alice.feeds(again)

    for hops in (70, 12, 1):
        invites(hops)
        invite = bob.gets("INVITE")
        assert isinstance(invite, Request)
        assert invite.must(headers.MAX_FORWARDS) == hops - 1
        bob.replies(invite, 486)
        bob.gets("ACK")
        alice.gets("486")
    invites(0)
    alice.gets("483")
    assert bob.inbox == []
    stage.is_quiet()
