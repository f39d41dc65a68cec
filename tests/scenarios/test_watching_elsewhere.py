"""RFC 6665 4.2.1.2: who watches, and is somewhere else all of a sudden."""

from __future__ import annotations

import pytest

from sipgateway.sip import headers
from sipgateway.sip.flow import Transport
from sipgateway.sip.message import Response
from tests.stage import DOMAIN, Person, Stage

WATCHED = {"conference": f"sip:4711@{DOMAIN}", "dialog": f"sip:alice@{DOMAIN}"}


def _watching(stage: Stage, package: str, transport: Transport) -> tuple[Person, Response]:
    """Alice, by a phone of her own, who has been told all; and what she was answered."""
    alice = stage.person("alice", transport=transport)
    alice.registers()
    alice.sends("SUBSCRIBE", WATCHED[package], Event=package)
    answer = alice.gets("200")
    assert isinstance(answer, Response)
    alice.gets("NOTIFY")
    stage.passes(1)
    return alice, answer


def _refreshes(alice: Person, answer: Response, package: str) -> None:
    """By a SUBSCRIBE in the dialog, with her credentials if she is asked."""
    target = str(answer.must(headers.CONTACT).uri)
    call_id, to = answer.get("call-id") or "", answer.get("to") or ""
    again: dict[str, str] = {}
    for _ in range(2):
        request = alice.request("SUBSCRIBE", target, call_id=call_id, to=to, Event=package, **again)
        alice.feeds(request)
        challenge = alice.inbox[0]
        if not isinstance(challenge, Response) or challenge.status != 401:
            break
        alice.inbox.pop(0)
        again = {"Authorization": alice.credentials(challenge, "SUBSCRIBE", target)}
    alice.gets("200")


def _something_happens(stage: Stage) -> None:
    """Alice is called: that is news in both packages."""
    stage.calls("alice")
    stage.passes(0.2)


@pytest.mark.parametrize(
    ("package", "transport"),
    [("conference", Transport.UDP), ("conference", Transport.TCP), ("dialog", Transport.UDP)],
)
def test_a_refresh_from_another_place_is_told_at_once(
    stage: Stage, package: str, transport: Transport
) -> None:
    """Though the last NOTIFY is still on its way to where he was; that ends nothing."""
    alice, answer = _watching(stage, package, transport)
    alice.answers_requests = False
    _something_happens(stage)
    alice.inbox.clear()
    if transport is not Transport.UDP:
        alice.disconnects()
    alice.port = 7777
    alice.connects(transport)
    alice.answers_requests = True
    _refreshes(alice, answer, package)
    stage.passes(0.1)
    alice.gets("NOTIFY", event=package, body='state="full"')
    stage.passes(40)
    alice.inbox.clear()
    _refreshes(alice, answer, package)
    stage.passes(0.1)
    alice.gets("NOTIFY", event=package, body='state="full"')


@pytest.mark.parametrize("package", WATCHED)
def test_who_registers_from_another_place_misses_nothing(stage: Stage, package: str) -> None:
    """His phone has the same Contact as before, behind a NAT that gave it another port."""
    alice, _ = _watching(stage, package, Transport.UDP)
    alice.answers_requests = False
    _something_happens(stage)
    alice.inbox.clear()
    alice.port = 7777
    alice.connects(Transport.UDP)
    alice.answers_requests = True
    alice.registers()
    stage.passes(0.1)
    alice.gets("NOTIFY", event=package, body='state="full"')
