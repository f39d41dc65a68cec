"""Texts in a conference (RFC 3428): to all others who take them."""

from __future__ import annotations

from sipgateway.sip.message import Request
from tests.stage import DOMAIN, OFFER, Person, Stage

CONFERENCE = f"sip:4711@{DOMAIN}"
WITHOUT = "INVITE, ACK, CANCEL, BYE, OPTIONS"


def _writes(person: Person, text: str, **fields: str) -> None:
    person.sends("MESSAGE", CONFERENCE, body=text, **fields)


def test_a_text_reaches_all_others(stage: Stage) -> None:
    """And not the phones that say they take none; the sender's other phone neither."""
    alice, bob = stage.joined("alice"), stage.joined("bob")
    carol = stage.person("carol")
    carol.dials(Allow=WITHOUT)
    mallory = stage.person("mallory")
    mallory.dials(Allow=f"{WITHOUT}, MESSAGE")
    _plain(alice, "Grüße")
    alice.gets("202")
    for person in (bob, mallory):
        got = person.gets("MESSAGE", body="Grüße", from_=f"sip:alice@{DOMAIN}")
        assert CONFERENCE in (got.get("to") or "")
        assert isinstance(got, Request)
        person.replies(got, 200)
    stage.is_quiet()


def _plain(person: Person, text: str) -> None:
    """MESSAGE with a text; the stage's own bodies are descriptions."""
    request = person.request("MESSAGE", CONFERENCE)
    request.append("Content-Type", "text/plain")
    request.body = text.encode()
    person.feeds(request)
    challenge = person.gets("401")
    again = person.request("MESSAGE", CONFERENCE, call_id=request.get("call-id") or "")
    again.append("Content-Type", "text/plain")
    again.body = text.encode()
    again.append("Authorization", person.credentials(challenge, "MESSAGE", CONFERENCE))  # type: ignore[arg-type]
    person.feeds(again)


def test_who_is_called_in_says_what_he_takes(stage: Stage) -> None:
    """By the Allow of his answer."""
    alice, carol = stage.joined("alice"), stage.person("carol")
    carol.registers()
    stage.calls("carol")
    invite = carol.gets("INVITE")
    assert isinstance(invite, Request)
    carol.replies(invite, 200, body=OFFER)
    carol.gets("ACK")
    _plain(alice, "one")
    alice.gets("202")
    carol.gets("MESSAGE", body="one")
    assert stage.roster() == ["alice", "carol"]


def test_mallory_writes_to_no_conference_that_she_is_not_in(stage: Stage) -> None:
    alice, mallory = stage.joined("alice"), stage.person("mallory")
    _plain(mallory, "spam")
    mallory.gets("403")
    assert alice.inbox == []
    bob = stage.joined("bob")
    _writes(bob, "<x/>")
    bob.gets("415", accept="text/plain")
    stage.is_quiet()
