"""RFC 5626 7, RFC 3261 16.7: texts and REFERs with Privacy find a phone as others do."""

from __future__ import annotations

import itertools

import pytest

from sipgateway.sip import headers
from sipgateway.sip.message import Request
from tests.stage import DOMAIN, Person, Stage

BOB = f"sip:bob@{DOMAIN}"
INSTANCE = '"<urn:uuid:00000000-0000-1000-8000-AABBCCDDEE01>"'
SENT = {
    "MESSAGE": {"body": "Hello", "content_type": "text/plain"},
    "REFER": {"Refer_To": f"<sip:4711@{DOMAIN}>"},
}


def _registers(who: Person, number: int) -> None:
    """One flow of one phone."""
    contact = f"<sip:bob@{number}.invalid;transport=ws>;+sip.instance={INSTANCE};reg-id={number}"
    who.registers(contact=contact, Supported="outbound, path")


def _takes(who: Person, method: str) -> Request:
    got = who.gets(method)
    assert isinstance(got, Request)
    return got


@pytest.mark.parametrize("dies", [True, False])
@pytest.mark.parametrize("method", SENT)
def test_the_other_flow_is_tried(stage: Stage, method: str, *, dies: bool) -> None:
    alice, bob = stage.person("alice"), stage.person("bob")
    _registers(bob, 1)
    stage.passes(1)
    newest = Person(stage, "bob")
    newest._numbers = itertools.count(1000)
    stage.people["bob's newest flow"] = newest
    _registers(newest, 2)
    alice.sends(method, BOB, Privacy="id", **SENT[method])
    first = _takes(newest, method)
    if dies:
        newest.disconnects()
    else:
        newest.replies(first, 430)
    again = _takes(bob, method)
    assert b"alice" not in again.build()
    bob.replies(again, 200)
    alice.gets("200" if method == "MESSAGE" else "202")
    assert not newest.inbox


@pytest.mark.parametrize("method", SENT)
@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (486, 404, "486"),
        (404, 486, "486"),
        (603, None, "603"),
        (430, 430, "480"),
        (404, 503, "404"),
    ],
)
def test_the_best_answer_counts(
    stage: Stage, method: str, first: int, second: int | None, told: str
) -> None:
    """Of two phones; 430 is never the sender's to read."""
    alice, bob = stage.person("alice"), stage.person("bob")
    bob.registers()
    bob.registers(contact="<sip:desk@bob.invalid>")
    alice.sends(method, BOB, Privacy="id", **SENT[method])
    asked = [_takes(bob, method), _takes(bob, method)]
    for request, status in zip(asked, (first, second), strict=True):
        if status is not None:
            bob.replies(request, status)
    alice.gets(told)
    assert asked[0].must(headers.CALL_ID) != asked[1].must(headers.CALL_ID)
    assert not alice.inbox


@pytest.mark.parametrize("method", SENT)
def test_nobody_answers(stage: Stage, method: str) -> None:
    alice, bob = stage.person("alice"), stage.person("bob")
    bob.registers()
    alice.sends(method, BOB, Privacy="id", **SENT[method])
    stage.passes(31)
    alice.gets("480")
