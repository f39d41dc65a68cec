"""What Mallory has tried to get around policy, and the clocks that were fooled."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sipgateway.focus import entrance, watchers
from sipgateway.focus.facts import Ended
from sipgateway.media.engine import DigitKeyed, LegId
from sipgateway.sip.message import Request
from tests.stage import DOMAIN, OFFER, START, Person, Stage

MALLORY = f"sip:mallory@{DOMAIN}"


def _legs(stage: Stage, who: str, name: str) -> list[LegId]:
    conference = stage.switchboard._conferences[stage.snapshots[name].id]
    return [leg.id for leg in conference.calls if leg.identity.uri == f"sip:{who}@{DOMAIN}"]


def _keys(stage: Stage, leg: LegId, digits: str) -> None:
    for digit in digits:
        stage.media_tells(DigitKeyed(leg, digit))


def test_a_ban_reaches_the_phone_that_waits_at_the_pin(stage: Stage) -> None:
    stage.conference("4712", pin="1234")
    mallory = stage.person("mallory")
    mallory.dials("4712")
    first = _legs(stage, "mallory", "4712")[0]
    _keys(stage, first, "1234#")
    mallory.dials("4712", contact="<sip:other@mallory.invalid>")
    second = next(leg for leg in _legs(stage, "mallory", "4712") if leg != first)
    stage.changes("4712", banned=frozenset({MALLORY}))
    mallory.gets("BYE", reason="may not come back")
    _keys(stage, second, "1234#")
    assert stage.roster("4712") == ["mallory"]  # whom the removal itself sends away
    assert len(_legs(stage, "mallory", "4712")) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"locked": True}, "locked"),
        ({"max_participants": 1}, "full"),
        ({"banned": frozenset({MALLORY})}, "may not come back"),
    ],
)
def test_policy_is_asked_again_at_the_door(
    stage: Stage, change: dict[str, object], words: str
) -> None:
    """Much may change while somebody stands at the PIN."""
    stage.conference("4712", pin="1234")
    stage.joined("alice", "4712")
    mallory = stage.joined("mallory", "4712")
    leg = stage.leg_of("mallory", "4712")
    stage.changes("4712", **change)
    _keys(stage, leg, "1234#")
    mallory.gets("BYE", reason=words)
    assert stage.roster("4712") == ["alice"]


def test_a_pin_is_not_guessed_on_many_phones_at_once(stage: Stage) -> None:
    stage.conference("4712", pin="1234")
    stage.joined("alice", "4712")
    mallory = stage.person("mallory")
    for number in range(4):
        mallory.dials("4712", contact=f"<sip:phone{number}@mallory.invalid>")
    legs = _legs(stage, "mallory", "4712")
    for leg in legs[:3]:
        _keys(stage, leg, "0000#")
    for _ in legs:
        mallory.gets("BYE", reason="Wrong PIN too often")
    _keys(stage, legs[3], "1234#")
    assert stage.roster("4712") == ["alice"]
    mallory.sends("INVITE", f"sip:4712@{DOMAIN}", body=OFFER)
    mallory.gets("403")


def test_nobody_stands_at_the_pin_for_ever_or_takes_a_place(stage: Stage) -> None:
    stage.conference("4712", pin="1234", max_participants=1)
    mallory, bob = stage.joined("mallory", "4712"), stage.joined("bob", "4712")
    _keys(stage, stage.leg_of("bob", "4712"), "1234#")
    assert stage.roster("4712") == ["bob"]
    stage.passes(61)
    mallory.gets("BYE", reason="No PIN was keyed")
    assert bob.inbox == []


def test_one_person_has_so_many_calls_and_subscriptions(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entrance, "MAX_CALLS", 8)
    monkeypatch.setattr(watchers, "MAX_WATCHING", 20)
    mallory = stage.person("mallory")
    for _ in range(8):
        mallory.dials()
    mallory.sends("INVITE", f"sip:4711@{DOMAIN}", body=OFFER)
    mallory.gets("486")
    for _ in range(20):
        mallory.sends("SUBSCRIBE", f"sip:4711@{DOMAIN}", Event="conference")
    mallory.inbox.clear()
    mallory.sends("SUBSCRIBE", f"sip:4711@{DOMAIN}", Event="conference")
    mallory.gets("503", retry_after="60")


def test_the_next_occurrence_does_not_prolong_this_one(stage: Stage) -> None:
    """The row already speaks of next week when the bell is about to ring."""
    stage.conference("4712", opens_at=START - 10, closes_at=START + 60)
    bob = stage.joined("bob", "4712")
    stage.passes(58)
    week = 7 * 86400.0
    stage.changes("4712", opens_at=START + week, closes_at=START + week + 60)
    bob.gets("BYE", reason="The conference is over")
    assert stage.switchboard.live == []


def test_what_is_called_off_right_after_it_opened_is_over(stage: Stage) -> None:
    stage.conference("4712", opens_at=START - 1, closes_at=START + 600)
    bob = stage.joined("bob", "4712")
    week = 7 * 86400.0
    stage.changes("4712", opens_at=START + week, closes_at=START + week + 60)
    bob.gets("BYE", reason="The conference is over")


def test_an_extension_holds_and_what_is_retired_stays_quiet(stage: Stage) -> None:
    stage.conference("4712", opens_at=START - 10, closes_at=START + 60)
    bob = stage.person("bob")
    for _ in range(3):
        bob.sends("OPTIONS", f"sip:4712@{DOMAIN}")
        bob.gets("200")
    bob.dials("4712")
    stage.changes("4712", closes_at=START + 600)
    stage.passes(120)
    assert stage.roster("4712") == ["bob"]
    assert not any(isinstance(fact, Ended) for fact in stage.facts)


def test_asking_leaves_nothing_behind(stage: Stage) -> None:
    stage.conference("4712", opens_at=START + 30 * 86400.0, closes_at=START + 31 * 86400.0)
    bob = stage.person("bob")
    for method in ("OPTIONS", "INVITE"):
        for _ in range(5):
            bob.sends(method, f"sip:4712@{DOMAIN}", body=OFFER if method == "INVITE" else "")
            if method == "INVITE":
                bob.is_turned_away("480")
            else:
                bob.gets("480")
    stage.passes(60)
    assert stage.switchboard.next_timeout() is None


def test_a_room_is_ended_again_after_somebody_lingered(stage: Stage) -> None:
    alice, bob = stage.joined("alice"), stage.joined("bob")
    bob.answers_requests = False
    stage.changes(end_by="Alice")
    alice.gets("BYE")
    bob.gets("BYE")
    stage.snapshots["4711"] = replace(stage.snapshots["4711"], end_by="")
    carol = stage.joined("carol")
    stage.changes(end_by="Alice")
    carol.gets("BYE")


def _rings(stage: Stage) -> tuple[Person, Request]:
    carol = stage.person("carol")
    carol.registers()
    stage.calls("carol")
    invite = carol.gets("INVITE")
    assert isinstance(invite, Request)
    carol.replies(invite, 180)
    return carol, invite


def test_who_rings_can_be_removed(stage: Stage) -> None:
    stage.joined("alice")
    carol, _ = _rings(stage)
    stage.removes("carol", ban=True)
    carol.gets("CANCEL")
    stage.passes(33)
    assert stage.roster() == ["alice"]


def test_who_is_banned_does_not_get_in_by_answering(stage: Stage) -> None:
    stage.joined("alice")
    carol, invite = _rings(stage)
    stage.changes(banned=frozenset({f"sip:carol@{DOMAIN}"}))
    carol.gets("CANCEL")
    carol.replies(invite, 200, body=OFFER)
    carol.gets("ACK")
    carol.gets("BYE", reason="may not come back")
    assert stage.roster() == ["alice"]


def test_credentials_for_another_house(stage: Stage) -> None:
    """RFC 7616 3.4.6."""
    mallory = stage.person("mallory")
    mallory.feeds(mallory.request("INVITE", f"sip:4711@{DOMAIN}", body=OFFER))
    challenge = mallory.gets("401")
    elsewhere = "sip:totally-different@elsewhere.test"
    again = mallory.request("INVITE", f"sip:4711@{DOMAIN}", body=OFFER)
    credentials = mallory.credentials(challenge, "INVITE", elsewhere)  # type: ignore[arg-type]
    again.append("Authorization", credentials)
    mallory.feeds(again)
    mallory.gets("401")


def test_an_endless_number_is_no_harm(stage: Stage) -> None:
    bob = stage.person("bob")
    bob.registers(contact=f"<sip:bob@bob.invalid>;expires={'9' * 5000}")
    assert stage.switchboard._registrar.phones(f"sip:bob@{DOMAIN}", stage.now)


def test_what_ended_with_its_creator_takes_nobody_in_again(stage: Stage) -> None:
    """Not even while somebody's BYE goes unanswered."""
    alice, bob = stage.person("alice"), stage.person("bob")
    request = alice.sends("INVITE", f"sip:conference-factory@{DOMAIN}", body=OFFER)
    alice.accepts(request, alice.gets("200"))
    name = alice.target.removeprefix("sip:").partition("@")[0]
    bob.dials(name)
    bob.answers_requests = False
    alice.in_dialog("BYE")
    alice.gets("200")
    alice.sends("INVITE", f"sip:{name}@{DOMAIN}", body=OFFER)
    alice.is_turned_away("410")
