"""The PIN is asked for in the call and keyed as RFC 4733 digits ended by #."""

from __future__ import annotations

from sipgateway.focus.actions import WrongPin
from sipgateway.media.engine import DigitKeyed
from tests.stage import DOMAIN, OFFER, Stage


def _keys(stage: Stage, who: str, digits: str, name: str = "4712") -> None:
    leg = stage.leg_of(who, name)
    for digit in digits:
        stage.media_tells(DigitKeyed(leg, digit))


def test_the_right_pin_opens(stage: Stage) -> None:
    stage.conference("4712", pin="2468")
    bob = stage.joined("bob", "4712")
    leg = stage.leg_of("bob", "4712")
    assert stage.roster("4712") == []
    assert stage.media.rooms.get(leg) is None
    assert (leg, "enter-pin") in stage.media.played
    _keys(stage, "bob", "2468#")
    assert stage.roster("4712") == ["bob"]
    assert stage.media.rooms[leg] == "conference-2"
    assert bob.inbox == []


def test_mallory_guesses_three_times(stage: Stage) -> None:
    stage.conference("4712", pin="2468")
    mallory = stage.joined("mallory", "4712")
    for guess in ("1234#", "24680#", "#"):
        _keys(stage, "mallory", guess)
    mallory.gets("BYE", reason="Wrong PIN too often")
    wrong = [fact for fact in stage.facts if isinstance(fact, WrongPin)]
    assert [fact.last for fact in wrong] == [False, False, True]
    stage.changes("4712", held_off=frozenset({f"sip:mallory@{DOMAIN}"}))
    mallory.sends("INVITE", f"sip:4712@{DOMAIN}", body=OFFER)
    mallory.gets("403", reason="Wrong PIN too often")
    stage.is_quiet()


def test_who_is_not_asked(stage: Stage) -> None:
    """The organizer, and whoever has given it on a page or was pulled in."""
    stage.conference("4712", pin="2468", admitted=frozenset({f"sip:bob@{DOMAIN}"}))
    stage.joined("alice", "4712")
    stage.joined("bob", "4712")
    assert stage.roster("4712") == ["alice", "bob"]


def test_digits_by_info(stage: Stage) -> None:
    """RFC 6086, for phones that cannot send RFC 4733."""
    stage.conference("4712", pin="24")
    bob = stage.joined("bob", "4712")
    for digit in "24#":
        info = bob.request("INFO", bob.target, call_id=bob.call_id, to=bob.to["call"])
        info.append("Content-Type", "application/dtmf-relay")
        info.body = f"Signal={digit}\r\nDuration=100\r\n".encode()
        bob.feeds(info)
        bob.gets("200")
    assert stage.roster("4712") == ["bob"]
