"""Back to two: a conference in which two are left becomes a call (RFC 4245 3.3, REQ-2)."""

from __future__ import annotations

import pytest

from conferences import policy
from conferences.policy import Anonymity, ParticipantKey, RecordingOrder
from sipgateway.focus.facts import Ended, Left
from sipgateway.focus.questions import CreateConference
from sipgateway.sip import headers
from sipgateway.sip.message import Request
from tests.scenarios.test_call_into_conference import _call, _gather
from tests.stage import ANSWER, DOMAIN, Person, Stage

PLAIN = f"sip:{{}}@{DOMAIN}"


@pytest.fixture
def stage(stage: Stage) -> Stage:
    stage.conference(two_left=policy.TwoLeft.CALL)
    return stage


def _three(stage: Stage) -> tuple[Person, Person, Person]:
    alice, bob, carol = (stage.joined(name) for name in ("alice", "bob", "carol"))
    return alice, bob, carol


def _goes_on(person: Person, *, other: str) -> None:
    """The re-INVITE on the dialog that is there: the other one's Contact, and no isfocus."""
    invite = person.gets("INVITE", call_id=person.call_id, body=ANSWER)
    contact = invite.must(headers.CONTACT)
    assert str(contact.uri) == PLAIN.format(other)
    assert contact.params == ()
    assert isinstance(invite, Request)
    person.replies(invite, 200, body=ANSWER)
    person.gets("ACK")


def _leaves(stage: Stage, person: Person) -> None:
    person.in_dialog("BYE")
    person.gets("200")
    stage.passes(0)


def test_two_who_are_left_go_on_in_a_call(stage: Stage) -> None:
    """Both dialogs stay; the conference is over, and its record says how."""
    alice, bob, carol = _three(stage)
    _leaves(stage, carol)
    _goes_on(alice, other="bob")
    _goes_on(bob, other="alice")
    assert stage.switchboard.live == []
    assert len(set(stage.media.rooms.values())) == 1
    assert next(iter(stage.media.rooms.values())) != "conference-1"
    assert Ended("", parted=True) in stage.facts
    reasons = [fact.reason for fact in stage.facts if isinstance(fact, Left)]
    assert reasons == ["", "parted", "parted"]
    stage.is_quiet()
    alice.in_dialog("MESSAGE", body="still there?", content_type="text/plain")
    bob.gets("MESSAGE")
    bob.in_dialog("BYE")
    bob.gets("200")
    alice.gets("BYE", reason="The other side hung up")
    assert stage.media.rooms == {}


def test_the_subscriptions_end_with_the_conference(stage: Stage) -> None:
    """RFC 4579 5.12: terminated, noresource; the last document says that all have left."""
    alice, _, carol = _three(stage)
    alice.subscribes()
    alice.sees()
    _leaves(stage, carol)
    notices = [one for one in alice.inbox if one.get("event")]
    last = notices[-1].must(headers.SUBSCRIPTION_STATE)
    assert (last.value, last.param("reason")) == ("terminated", "noresource")
    alice.inbox[:] = [one for one in alice.inbox if one not in notices]
    _goes_on(alice, other="bob")


def test_a_call_that_became_a_conference_is_a_call_again() -> None:
    """Draft 4.9 there and back, and there once more: one dialog each all the way."""
    stage = Stage()
    stage.conference()
    stage.factories["conference-factory"] = {
        "two_left": policy.TwoLeft.CALL,
        "creator_departs": policy.CreatorDeparts.KEEP,
    }
    alice, bob = _call(stage)
    name = _gather(alice, bob)
    carol = stage.joined("carol", name)
    assert stage.roster(name) == ["alice", "bob", "carol"]
    _leaves(stage, carol)
    _goes_on(alice, other="bob")
    _goes_on(bob, other="alice")
    alice.in_dialog("REFER", Refer_To=f"<sip:conference-factory@{DOMAIN}>")
    alice.gets("202", contact="isfocus")


def test_the_factory_is_told_that_a_call_becomes_its_conference(stage: Stage) -> None:
    """So that it can have those alone become calls again."""
    asked: list[CreateConference] = []
    answer = stage._created
    stage._created = lambda action: asked.append(action) or answer(action)  # type: ignore[method-assign, func-returns-value]
    alice, bob = _call(stage)
    _gather(alice, bob)
    stage.person("carol").dials("conference-factory")
    assert [one.parties != () for one in asked] == [True, False]


def test_two_who_are_the_first_are_a_conference(stage: Stage) -> None:
    stage.joined("alice")
    stage.joined("bob")
    stage.passes(60)
    assert stage.roster() == ["alice", "bob"]


def test_a_conference_stays_one_where_policy_says_so(stage: Stage) -> None:
    _, _, carol = _three(stage)
    stage.changes(two_left=policy.TwoLeft.STAY)
    _leaves(stage, carol)
    assert stage.roster() == ["alice", "bob"]
    stage.is_quiet()


def test_nobody_is_heard_who_was_muted(stage: Stage) -> None:
    """A call knows no mute: it waits until both are heard again."""
    alice, bob, carol = _three(stage)
    stage.changes(muted=frozenset({ParticipantKey(stage.key_of("bob"))}))
    _leaves(stage, carol)
    assert stage.roster() == ["alice", "bob"]
    stage.is_quiet()
    stage.changes(muted=frozenset())
    stage.passes(0)
    _goes_on(alice, other="bob")
    _goes_on(bob, other="alice")


def test_what_is_being_recorded_stays_a_conference(stage: Stage) -> None:
    _, _, carol = _three(stage)
    stage.changes(recording=RecordingOrder("kept"))
    _leaves(stage, carol)
    assert stage.roster() == ["alice", "bob"]
    stage.is_quiet()


def test_somebody_who_is_being_called_is_waited_for(stage: Stage) -> None:
    _, _, carol = _three(stage)
    mallory = stage.person("mallory")
    mallory.registers()
    stage.calls("mallory")
    mallory.gets("INVITE", contact="isfocus")
    _leaves(stage, carol)
    assert stage.roster() == ["alice", "bob", "mallory"]
    stage.is_quiet()


def test_who_asked_for_privacy_is_not_named_to_the_other(stage: Stage) -> None:
    stage.changes(anonymity=Anonymity.STRICT)
    alice = stage.joined("alice")
    bob = stage.person("bob")
    bob.dials("4711", Privacy="id")
    carol = stage.joined("carol")
    _leaves(stage, carol)
    _goes_on(alice, other="anonymous")
    _goes_on(bob, other="alice")


def test_mallory_is_in_no_call_of_others(stage: Stage) -> None:
    """She was refused at the door, and the conference's address leads nowhere now."""
    alice, bob, carol = _three(stage)
    mallory = stage.person("mallory")
    _leaves(stage, carol)
    _goes_on(alice, other="bob")
    _goes_on(bob, other="alice")
    stage.changes(over=True)
    mallory.sends("INVITE", PLAIN.format("4711"), Join=f"{bob.call_id};to-tag=x;from-tag=bob")
    assert not any(getattr(one, "status", 0) == 200 for one in mallory.inbox)
    assert len(stage.media.rooms) == 2


def test_what_else_was_in_the_dialogs_ends_and_the_calls_go_on(stage: Stage) -> None:
    """A subscription and a REFER within the calls: both are over before, the calls are not."""
    alice, bob, carol = _three(stage)
    bob.in_dialog("SUBSCRIBE", Event="conference")
    bob.gets("200")
    bob.sees()
    alice.in_dialog("REFER", Refer_To=f"<sip:carol@{DOMAIN};method=BYE>")
    alice.gets("202")
    alice.gets("NOTIFY", event="refer", body="100 Trying")
    carol.gets("BYE")
    alice.gets("NOTIFY", event="refer", body="200 OK", terminated=True)
    stage.passes(0)
    _goes_on(alice, other="bob")
    ended = [one for one in bob.inbox if one.get("event")]
    assert ended[-1].must(headers.SUBSCRIPTION_STATE).value == "terminated"
    bob.inbox[:] = [one for one in bob.inbox if one not in ended]
    _goes_on(bob, other="alice")
    stage.passes(300.0)
    bob.in_dialog("INVITE", body=ANSWER)
    answer = bob.gets("200")
    assert "isfocus" not in (answer.get("contact") or "")
    assert len(stage.media.rooms) == 2


def test_two_who_are_left_are_taken_over_like_any_call() -> None:
    """Where several processes are one system, their call is written down as it begins."""
    stage = Stage(name="aaaaaaaa")
    stage.conference(two_left=policy.TwoLeft.CALL)
    _, _, carol = _three(stage)
    assert stage.standing_calls == {}
    _leaves(stage, carol)
    assert len(stage.standing_calls) == 2
    assert len(stage.switchboard.kept) == 1
