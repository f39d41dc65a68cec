"""The waiting room: who has to wait is answered, hears music, and is in by somebody's leave."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from conferences.policy import (
    Admission,
    Announce,
    Anonymity,
    Language,
    Refusal,
    Role,
    WaitingRoom,
)
from sipgateway.focus import lobby, phrases
from sipgateway.focus.facts import Joined, JoinRefused, WaitBegan, WaitEnded
from sipgateway.media import words
from sipgateway.media.engine import DigitKeyed, Direction, LegConnected, LegLost
from sipgateway.sip.flow import Transport
from tests.stage import ANSWER, DOMAIN, NAMESPACE, OFFER, Info, Person, Stage

CONFERENCE = f"sip:4711@{DOMAIN}"
ALICE, BOB, CAROL = (f"sip:{name}@{DOMAIN}" for name in ("alice", "bob", "carol"))
FLOOR = "{urn:parley:xml:ns:floor}"


@pytest.fixture
def stage(stage: Stage) -> Stage:
    stage.changes(waiting_room=WaitingRoom.LET_IN)
    return stage


def opens_with_a_moderator(stage: Stage) -> None:
    stage.changes(waiting_room=WaitingRoom.MODERATOR)


def desk(stage: Stage, name: str) -> Person:
    """Somebody calls by a desk phone, and is heard."""
    stage.person(name, transport=Transport.UDP)
    person = stage.joined(name)
    stage.media_tells(LegConnected(stage.leg_of(name)))
    return person


def heard(stage: Stage, who: str) -> list[str]:
    leg = stage.leg_of(who)
    return [script for target, script in stage.media.played if target == leg]


def facts(stage: Stage, kind: type) -> list[object]:
    return [fact for fact in stage.facts if isinstance(fact, kind)]


# Waiting


@pytest.mark.parametrize("transport", [Transport.WS, Transport.UDP, Transport.TLS])
def test_whoever_is_let_in_by_a_moderator(stage: Stage, transport: Transport) -> None:
    """Answered at once, music, nobody's participant; then the same dialog, without a re-INVITE."""
    stage.joined("alice")
    bob = stage.person("bob", transport=transport)
    stage.joined("bob")
    leg = stage.leg_of("bob")
    assert (stage.roster(), stage.queue()) == (["alice"], ["bob"])
    assert stage.media.rooms.get(leg) is None
    assert heard(stage, "bob") == ["wait-let-in place number-1 in-line music"]
    assert not any(isinstance(fact, Joined) and fact.entity == BOB for fact in stage.facts)
    stage.lets_in("bob")
    assert (stage.roster(), stage.queue()) == (["alice", "bob"], [])
    assert stage.media.rooms[leg] == "conference-1"
    assert ("conference-1", "entry") in stage.media.played
    assert heard(stage, "bob")[-1] == ("entry" if transport is Transport.WS else "let-in")
    (began,), (ended,) = facts(stage, WaitBegan), facts(stage, WaitEnded)
    assert isinstance(began, WaitBegan)
    assert isinstance(ended, WaitEnded)
    assert (began.entity, began.display_text) == (BOB, "Bob")
    assert (ended.waiter, ended.inside) == (began.waiter, True)
    assert bob.inbox == []
    bob.in_dialog("BYE")
    bob.gets("200")
    stage.is_quiet()


def test_who_does_not_wait(stage: Stage) -> None:
    """Those who command, whom they had called, and who was let in before."""
    roles = {ALICE: Role.ORGANIZER, BOB: Role.CO_ORGANIZER, CAROL: Role.MODERATOR}
    third, fourth = f"sip:guest-3@{DOMAIN}", f"sip:guest-4@{DOMAIN}"
    stage.changes(roles=roles, let_in=frozenset({third}), pulled_in=frozenset({fourth}))
    for name in ("carol", "bob", "alice", "guest-3", "guest-4"):
        stage.joined(name)
    assert stage.roster() == ["carol", "bob", "alice", "guest-3", "guest-4"]
    assert stage.queue() == []


def test_who_is_called_is_not_asked_to_wait(stage: Stage) -> None:
    stage.joined("alice")
    carol = stage.person("carol")
    carol.registers()
    stage.calls("carol")
    invite = carol.gets("INVITE")
    carol.replies(invite, 200, body=ANSWER)  # type: ignore[arg-type]
    carol.gets("ACK")
    assert stage.roster() == ["alice", "carol"]


def test_a_second_phone_of_somebody_who_is_in_comes_in(stage: Stage) -> None:
    stage.joined("alice")
    stage.joined("bob")
    stage.lets_in("bob")
    stage.changes(let_in=frozenset())
    stage.joined("bob")
    assert (stage.roster(), stage.queue()) == (["alice", "bob"], [])


def test_two_phones_of_one_person_wait_as_one(stage: Stage) -> None:
    stage.joined("alice")
    for name in ("bob", "bob", "carol"):
        stage.joined(name)
    assert stage.queue() == ["bob", "carol"]
    assert len(facts(stage, WaitBegan)) == 2
    stage.lets_in("bob")
    rooms = [room for room in stage.media.rooms.values() if room == "conference-1"]
    assert len(rooms) == 3
    assert len(facts(stage, WaitEnded)) == 1


def test_whoever_waits_changes_his_phone_and_keeps_his_place(stage: Stage) -> None:
    """Replaces (RFC 3891) of a call that waits is a call that waits in its place."""
    bob = stage.joined("bob")
    stage.joined("carol")
    call_id, to = bob.call_id, bob.to["call"]
    tag = to.partition("tag=")[2]
    bob.dials(Replaces=f"{call_id};to-tag={tag};from-tag=bob")
    bob.gets("BYE", reason="Replaced by another phone")
    assert stage.queue() == ["bob", "carol"]
    assert len(facts(stage, WaitBegan)) == 2
    assert facts(stage, WaitEnded) == []


def test_mallory_waits_though_he_asks_to_join_a_dialog(stage: Stage) -> None:
    """Join (RFC 3911) with the dialog of somebody who is in opens nothing."""
    alice = stage.joined("alice")
    tag = alice.to["call"].partition("tag=")[2]
    mallory = stage.person("mallory")
    mallory.dials(Join=f"{alice.call_id};to-tag={tag};from-tag=alice")
    assert (stage.roster(), stage.queue()) == (["alice"], ["mallory"])


def test_who_was_referred_to_the_conference_waits_like_others(stage: Stage) -> None:
    carol = stage.person("carol")
    carol.dials(Referred_By=f"<{ALICE}>")
    assert stage.queue() == ["carol"]


def test_the_pin_comes_before_the_wait(stage: Stage) -> None:
    stage.changes(pin="24", moderator_pin="99")
    stage.joined("bob")
    assert stage.queue() == []
    for digit in "24#":
        stage.media_tells(DigitKeyed(stage.leg_of("bob"), digit))
    assert stage.queue() == ["bob"]
    stage.joined("carol")
    for digit in "99#":
        stage.media_tells(DigitKeyed(stage.leg_of("carol"), digit))
    assert stage.roster() == ["carol"], "whoever keys the PIN of moderators is one"


def test_the_name_is_asked_for_before_and_once(stage: Stage) -> None:
    stage.changes(announce=Announce.NAMES)
    alice = desk(stage, "alice")
    stage.passes(20)
    assert stage.roster() == ["alice"]
    desk(stage, "bob")
    assert stage.queue() == []
    stage.passes(20)
    assert stage.queue() == ["bob"]
    assert heard(stage, "alice")[-1] == "somebody-waits"
    stage.lets_in("bob")
    assert stage.roster() == ["alice", "bob"]
    assert heard(stage, "bob").count("say-name beep") == 1
    assert alice.inbox == []


def test_places_are_told_as_they_change(stage: Stage) -> None:
    stage.changes(language=Language.GERMAN, music=False)
    stage.joined("alice")
    for name in ("bob", "carol", "guest-3"):
        stage.joined(name)
    assert heard(stage, "guest-3") == ["de: wait-let-in place number-3 in-line"]
    stage.lets_in("bob", "carol")
    assert heard(stage, "guest-3") == ["de: wait-let-in place number-3 in-line"]
    stage.passes(lobby.PACE)
    assert heard(stage, "guest-3")[1:] == ["de: place number-1 in-line"]


def test_each_call_of_a_gateway_waits_by_itself(stage: Stage) -> None:
    """Many people call through it: letting one of them in opens the door to no other."""
    alice = stage.joined("alice")
    alice.subscribes()
    stage.person("trunk", gateway=True, transport=Transport.UDP)
    first = stage.joined("trunk").call_id
    stage.joined("trunk")
    assert len(stage.queue()) == 2
    waiting = stage.switchboard._conferences[stage.snapshots["4711"].id].roster.waiting
    stage.changes(let_in=frozenset(list(waiting)[:1]))
    conference = stage.switchboard._conferences[stage.snapshots["4711"].id]
    assert [leg.joined for leg in conference.calls] == [True, True, False]
    assert conference.calls.get(conference.roster.users[f"sip:trunk@{DOMAIN}"].endpoints[0].leg)
    stage.joined("trunk")
    assert len(stage.queue()) == 2
    assert len({began.entity for began in stage.facts if isinstance(began, WaitBegan)}) == 3
    trunk = stage.people["trunk"]
    assert trunk.call_id != first
    trunk.in_dialog("BYE")
    trunk.gets("200")
    assert len(stage.queue()) == 1


# Until a moderator comes


def test_the_first_moderator_opens(stage: Stage) -> None:
    opens_with_a_moderator(stage)
    stage.joined("bob")
    desk(stage, "carol")
    assert (stage.roster(), stage.queue()) == ([], ["bob", "carol"])
    assert heard(stage, "carol") == ["wait-moderator music"]
    stage.joined("alice")
    assert (stage.roster(), stage.queue()) == (["alice", "bob", "carol"], [])
    assert {fact.by for fact in stage.facts if isinstance(fact, WaitEnded)} == {ALICE}


def test_it_stays_open_until_all_have_left(stage: Stage) -> None:
    """Who comes late to a meeting is not shut out because its moderator had to go."""
    opens_with_a_moderator(stage)
    alice, bob = stage.joined("alice"), stage.joined("bob")
    alice.in_dialog("BYE")
    alice.gets("200")
    carol = stage.joined("carol")
    assert (stage.roster(), stage.queue()) == (["bob", "carol"], [])
    for person in (bob, carol):
        person.in_dialog("BYE")
        person.gets("200")
    stage.joined("bob")
    assert (stage.roster(), stage.queue()) == ([], ["bob"])


def test_whoever_is_called_before_a_moderator_comes_opens_nothing(stage: Stage) -> None:
    opens_with_a_moderator(stage)
    bob = stage.joined("bob")
    carol = stage.person("carol")
    carol.registers()
    stage.calls("carol")
    carol.replies(carol.gets("INVITE"), 200, body=ANSWER)  # type: ignore[arg-type]
    carol.gets("ACK")
    assert (stage.roster(), stage.queue()) == (["carol"], ["bob"])
    assert bob.inbox == []


def test_whoever_becomes_a_moderator_while_he_waits_comes_in_and_opens(stage: Stage) -> None:
    opens_with_a_moderator(stage)
    stage.joined("bob")
    stage.joined("carol")
    stage.changes(roles={ALICE: Role.ORGANIZER, CAROL: Role.MODERATOR})
    assert set(stage.roster()) == {"bob", "carol"}


def test_the_waiting_room_is_given_up(stage: Stage) -> None:
    stage.joined("bob")
    stage.changes(waiting_room=WaitingRoom.NONE)
    assert (stage.roster(), stage.queue()) == (["bob"], [])


# Not let in


@pytest.mark.parametrize("ban", [False, True])
def test_somebody_is_not_let_in_and_told_why(stage: Stage, ban: bool) -> None:
    stage.joined("alice")
    bob = desk(stage, "bob")
    stage.turns_away("bob", reason="another time", ban=ban)
    assert stage.queue() == []
    assert heard(stage, "bob")[-1] == "not-let-in goodbye"
    stage.passes(5)
    bye = bob.gets("BYE", reason="Alice did not let you in: another time")
    assert ("You may not come back" in (bye.get("reason") or "")) is ban
    (ended,) = facts(stage, WaitEnded)
    assert isinstance(ended, WaitEnded)
    assert not ended.inside
    stage.changes(turned_away=())
    bob.sends("INVITE", CONFERENCE, body=OFFER)
    if ban:
        bob.gets("403")
    else:
        bob.accepts(bob.last, bob.gets("200"))  # type: ignore[arg-type]
        assert stage.queue() == ["bob"], "he may ask again"


def test_banned_while_waiting(stage: Stage) -> None:
    bob = desk(stage, "bob")
    stage.changes(banned=frozenset({BOB}))
    stage.passes(5)
    bob.gets("BYE", reason="may not come back")
    assert heard_of(stage, "banned")
    assert stage.queue() == []


def heard_of(stage: Stage, script: str) -> bool:
    return any(played == script for _, played in stage.media.played)


def test_whoever_hangs_up_while_he_waits_leaves_nothing(stage: Stage) -> None:
    bob, carol = stage.joined("bob"), stage.joined("carol")
    bob.in_dialog("BYE")
    bob.gets("200")
    assert stage.queue() == ["carol"]
    carol.in_dialog("BYE")
    carol.gets("200")
    assert not stage.switchboard.occupied
    assert stage.media.rooms == {}
    assert [fact.inside for fact in stage.facts if isinstance(fact, WaitEnded)] == [False, False]
    stage.passes(lobby.PATIENCE + 10)
    stage.is_quiet()


def test_nobody_waits_for_ever(stage: Stage) -> None:
    bob = stage.joined("bob")
    stage.passes(lobby.PATIENCE + 6)
    bob.gets("BYE", reason="Nobody let you in")
    assert stage.queue() == []


def test_the_end_of_the_conference_is_the_end_of_waiting(stage: Stage) -> None:
    stage.changes(closes_at=stage.now + 600)
    bob = desk(stage, "bob")
    stage.passes(599)
    assert bob.inbox == []
    stage.passes(6)
    assert heard_of(stage, "ended goodbye")
    bob.gets("BYE", reason="The conference is over")
    assert stage.queue() == []


def test_ended_for_all_is_ended_for_those_who_wait(stage: Stage) -> None:
    alice, bob = stage.joined("alice"), stage.joined("bob")
    stage.changes(end_by="Alice")
    bob.gets("BYE", reason="ended by Alice")
    alice.gets("BYE")
    assert not stage.switchboard.occupied


# Locked, full, held


def test_a_lock_keeps_new_ones_out_and_whoever_waits_waiting(stage: Stage) -> None:
    """A moderator who lets him in knows that it is locked."""
    stage.joined("alice")
    stage.joined("bob")
    stage.changes(locked=True)
    assert stage.queue() == ["bob"]
    carol = stage.person("carol")
    carol.sends("INVITE", CONFERENCE, body=OFFER)
    carol.is_turned_away("403", reason="locked")
    stage.lets_in("bob")
    assert stage.roster() == ["alice", "bob"]


def test_a_full_room_is_entered_when_somebody_leaves(stage: Stage) -> None:
    stage.changes(max_participants=3)
    stage.joined("alice")
    carol = stage.joined("carol")
    stage.lets_in("carol")
    stage.joined("bob")
    stage.changes(max_participants=2)
    stage.lets_in("bob")
    assert (stage.roster(), stage.queue()) == (["alice", "carol"], ["bob"])
    assert facts(stage, JoinRefused) == []
    carol.in_dialog("BYE")
    carol.gets("200")
    assert (stage.roster(), stage.queue()) == (["alice", "bob"], [])


def test_whoever_waits_takes_a_port_but_no_place_of_those_who_do_not(stage: Stage) -> None:
    stage.changes(max_participants=2)
    stage.joined("bob")
    stage.joined("carol")
    mallory = stage.person("mallory")
    mallory.sends("INVITE", CONFERENCE, body=OFFER)
    mallory.is_turned_away("486")
    stage.joined("alice")
    assert (stage.roster(), stage.queue()) == (["alice"], ["bob", "carol"])


def test_a_crowd_does_not_take_all_ports(stage: Stage) -> None:
    for number in range(lobby.MOST):
        stage.joined(f"bob-{number}")
    mallory = stage.person("mallory")
    mallory.sends("INVITE", CONFERENCE, body=OFFER)
    mallory.is_turned_away("486")
    stage.joined("alice")
    assert stage.roster() == ["alice"]
    assert len(stage.queue()) == lobby.MOST


def test_held_and_let_in(stage: Stage) -> None:
    """He may put us on hold meanwhile; in the room he then is so, too."""
    stage.joined("alice")
    bob = stage.joined("bob")
    stage.media.direction = Direction.SENDONLY
    bob.in_dialog("INVITE", body=OFFER)
    bob.accepts(bob.last, bob.gets("200"))  # type: ignore[arg-type]
    assert stage.queue() == ["bob"]
    stage.media.direction = Direction.SENDRECV
    stage.lets_in("bob")
    conference = stage.switchboard._conferences[stage.snapshots["4711"].id]
    (entry,) = conference.roster.users[BOB].endpoints
    assert entry.status == "on-hold"


def test_music_goes_on_when_the_mixer_is_another(stage: Stage) -> None:
    bob = stage.joined("bob")
    stage.media_tells(LegLost(stage.leg_of("bob"), "the worker died"))
    bob.replies(bob.gets("INVITE"), 200, body=ANSWER)  # type: ignore[arg-type]
    bob.gets("ACK")
    assert heard(stage, "bob")[-1] == "place number-1 in-line music"
    assert stage.queue() == ["bob"]


# Moderators


def test_a_moderator_at_a_desk_phone_hears_who_waits_and_lets_all_in(stage: Stage) -> None:
    stage.joined("bob")
    desk(stage, "alice")
    assert heard(stage, "alice")[0].startswith("one-waits let-them-in")
    stage.joined("carol")
    assert heard(stage, "alice")[-1] == "somebody-waits"
    for digit in "*#":
        stage.media_tells(DigitKeyed(stage.leg_of("alice"), digit))
    assert stage.roster() == ["alice", "bob", "carol"]
    for digit in "*#":
        stage.media_tells(DigitKeyed(stage.leg_of("alice"), digit))
    assert heard(stage, "alice")[-1] == "nobody-waits"
    for digit in "**":
        stage.media_tells(DigitKeyed(stage.leg_of("alice"), digit))
    assert heard(stage, "alice")[-1] == "help help-moderator help-waiting"


def test_mallory_presses_the_key_of_moderators_in_vain(stage: Stage) -> None:
    """Inside he is told that he may not; outside nothing is heard of it."""
    stage.joined("alice")
    for name in ("mallory", "bob"):
        stage.joined(name)
    for digit in "*#":
        stage.media_tells(DigitKeyed(stage.leg_of("mallory"), digit))
    assert stage.queue() == ["mallory", "bob"]
    stage.lets_in("mallory")
    for digit in "*#":
        stage.media_tells(DigitKeyed(stage.leg_of("mallory"), digit))
    assert heard(stage, "mallory")[-1] == "not-allowed"
    assert stage.queue() == ["bob"]


# The conference package


def marks(info: Info) -> Mapping[str, str]:
    """Who is shown as waiting: user name → status of his phone."""
    found = {}
    for user in info.root.iter(f"{NAMESPACE}user"):
        if user.find(f"{FLOOR}waiting") is not None:
            name = (user.get("entity") or "").removeprefix("sip:").partition("@")[0]
            found[name] = user.findtext(f"{NAMESPACE}endpoint/{NAMESPACE}status") or ""
    return found


def test_moderators_see_who_waits_and_others_do_not(stage: Stage) -> None:
    """RFC 4575 5.7.2: on-hold, "pending based on moderator approval"; none of the count."""
    alice, carol = stage.joined("alice"), stage.joined("carol")
    stage.lets_in("carol")
    alice.subscribes()
    carol.subscribes()
    alice.sees()
    carol.sees()
    stage.passes(1)
    stage.joined("bob")
    seen = alice.sees()
    assert (seen.state, marks(seen)) == ("partial", {"bob": "on-hold"})
    assert carol.inbox == [], "not even that something has changed"
    stage.passes(1)
    stage.lets_in("bob")
    seen = alice.sees()
    assert (seen.users(), marks(seen)) == ({"bob": "full"}, {})
    assert carol.sees().users() == {"bob": "full"}
    stage.passes(1)
    full = stage.person("guest-3", transport=Transport.TCP)
    stage.changes(roles={**stage.snapshots["4711"].roles, full.identity.uri: Role.MODERATOR})
    stage.joined("mallory")
    full.subscribes()
    seen = full.sees()
    assert (list(seen.users()), marks(seen)) == (
        ["alice", "carol", "bob", "mallory"],
        {"mallory": "on-hold"},
    )
    assert seen.text("user-count") == "3"


def test_whoever_waits_is_told_his_place_and_nothing_else(stage: Stage) -> None:
    """His subscription is pending (RFC 6665 4.1.3), and active once he is in."""
    stage.joined("alice")
    stage.joined("carol")
    bob = stage.joined("bob")
    bob.subscribes()
    told = bob.sees()
    assert (told.message.get("subscription-state") or "").startswith("pending")
    assert list(told.users()) == ["bob"]
    waiting = next(told.root.iter(f"{FLOOR}waiting"))
    assert waiting.get("place") == "2"
    assert b"alice" not in told.message.body
    assert b"carol" not in told.message.body
    assert told.root.find(f"{NAMESPACE}conference-state") is None
    stage.passes(1)
    stage.joined("guest-3")
    assert bob.inbox == [], "who comes behind him is none of his business"
    stage.lets_in("carol")
    assert next(bob.sees().root.iter(f"{FLOOR}waiting")).get("place") == "1"
    stage.passes(1)
    stage.lets_in("bob")
    told = bob.sees()
    assert (told.message.get("subscription-state") or "").startswith("active")
    assert list(told.users()) == ["alice", "carol", "bob"]


def test_mallory_watches_from_outside_in_vain(stage: Stage) -> None:
    """Who has to wait learns nothing by subscribing before he calls."""
    mallory = stage.person("mallory")
    stage.joined("alice")
    mallory.subscribes()
    told = mallory.gets("NOTIFY", event="conference", subscription_state="pending")
    assert not told.body
    stage.passes(1)
    stage.joined("bob")
    stage.lets_in("bob")
    stage.passes(10)
    assert mallory.inbox == []
    stage.lets_in("mallory")
    assert list(mallory.sees().users()) == ["alice", "bob"]


def test_the_anonymous_wait_without_a_name(stage: Stage) -> None:
    """Where nobody is to see who asks for privacy, a moderator lets in whom he does not know."""
    stage.changes(anonymity=Anonymity.STRICT)
    alice = stage.joined("alice")
    alice.subscribes()
    alice.sees()
    stage.passes(1)
    bob = stage.person("bob")
    bob.dials(Privacy="id")
    seen = alice.sees()
    assert list(marks(seen).values()) == ["on-hold"]
    assert b"bob" not in seen.message.body.lower()
    stage.passes(1)
    stage.lets_in("bob")
    seen = alice.sees()
    assert b"bob" not in seen.message.body.lower()
    assert b"on-hold" not in seen.message.body


# Mallory, who waits


def test_mallory_can_do_nothing_while_he_waits(stage: Stage) -> None:
    """No REFER, no text to those inside, and none from them."""
    alice = stage.joined("alice")
    stage.changes(participants_may_add=True)
    mallory = stage.joined("mallory")
    for target in (f"<{CAROL}>", f"<{ALICE};method=BYE>", "<https://example.com/>"):
        mallory.in_dialog("REFER", Refer_To=target)
        mallory.gets("403")
        mallory.sends("REFER", CONFERENCE, Refer_To=target)
        mallory.gets("403")
    for send in (mallory.in_dialog, lambda *a, **k: mallory.sends("MESSAGE", CONFERENCE, **k)):
        send("MESSAGE", body="let me in", content_type="text/plain")
        mallory.gets("403")
    alice.sends("MESSAGE", CONFERENCE, body="among us", content_type="text/plain")
    alice.gets("202")
    assert (alice.inbox, mallory.inbox) == ([], [])
    assert (stage.roster(), stage.queue()) == (["alice"], ["mallory"])


def test_mallory_is_not_on_the_list_and_does_not_even_wait(stage: Stage) -> None:
    stage.changes(admission=Admission.INVITED)
    mallory = stage.person("mallory")
    mallory.sends("INVITE", CONFERENCE, body=OFFER)
    mallory.gets("403", reason="not on the list")
    assert stage.queue() == []
    (refused,) = facts(stage, JoinRefused)
    assert isinstance(refused, JoinRefused)
    assert refused.refusal is Refusal.NOT_INVITED


def test_the_scripts_hold_prompts_that_exist() -> None:
    for language in Language:
        known = set(words.texts(language.value))
        said = {"wait-let-in", "wait-moderator", "let-in", "not-let-in", "let-them-in"}
        said |= {"somebody-waits", "is-waiting", "nobody-waits", "help-waiting"}
        for number in (1, 2, 7, 101):
            said |= {*phrases.place(number), *phrases.waiting(number)}
        assert said <= known


def test_everybody_sees_whether_there_is_a_waiting_room(stage: Stage) -> None:
    alice = stage.joined("alice")
    alice.subscribes()
    assert alice.sees().root.find(f".//{FLOOR}waiting-room") is not None
    stage.passes(1)
    stage.changes(waiting_room=WaitingRoom.NONE)
    seen = alice.sees()
    assert seen.state == "partial"
    assert seen.root.find(f".//{FLOOR}waiting-room") is None
    assert seen.text("locked") == "false"


# By REFER (RFC 4579 5.5, 5.11)


def test_whom_a_moderator_removes_who_waits_is_turned_away(stage: Stage) -> None:
    alice, bob = stage.joined("alice"), stage.joined("bob")
    alice.sends("REFER", CONFERENCE, Refer_To=f"<{BOB};method=BYE>")
    alice.gets("202")
    alice.gets("NOTIFY", event="refer", body="100 Trying")
    alice.gets("NOTIFY", event="refer", body="200 OK", terminated=True)
    bob.gets("BYE", reason="Alice did not let you in")
    assert stage.queue() == []
    stage.is_quiet()


def test_whom_a_moderator_adds_who_waits_is_let_in(stage: Stage) -> None:
    """His phone is in his hand already: it is not rung a second time."""
    alice, bob = stage.joined("alice"), stage.person("bob")
    bob.registers()
    bob.dials()
    assert stage.queue() == ["bob"]
    alice.sends("REFER", CONFERENCE, Refer_To=f"<{BOB}>")
    alice.gets("202")
    alice.gets("NOTIFY", event="refer", body="100 Trying")
    alice.gets("NOTIFY", event="refer", body="200 Is In Already", terminated=True)
    assert (stage.roster(), stage.queue()) == (["alice", "bob"], [])
    stage.is_quiet()


def test_mallory_turns_nobody_away_by_refer(stage: Stage) -> None:
    stage.joined("alice")
    stage.joined("bob")
    mallory = stage.person("mallory")
    mallory.sends("REFER", CONFERENCE, Refer_To=f"<{BOB};method=BYE>")
    mallory.gets("403")
    assert stage.queue() == ["bob"]
