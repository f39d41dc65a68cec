"""RFC 4575: watching a conference; RFC 4579 3.4."""

from __future__ import annotations

import pytest

from sipgateway.focus.facts import SpeakersChanged
from sipgateway.focus.roster import Roster
from sipgateway.media.engine import RoomId, Speaking
from tests.stage import DOMAIN, OFFER, Info, Person, Stage

FLOOR = "{urn:parley:xml:ns:floor}speaking"


def who_speaks(document: Info) -> dict[str, str | None]:
    """Those whom a document marks, with their levels."""
    users = document.root.iter("{urn:ietf:params:xml:ns:conference-info}user")
    marks = ((user.get("entity", ""), user.find(FLOOR)) for user in users)
    return {entity: mark.get("level") for entity, mark in marks if mark is not None}


def told_to(who: Person) -> int:
    """How many NOTIFYs somebody got meanwhile; all are answered."""
    count = 0
    while who.inbox:
        who.sees()
        count += 1
    return count


def spoken(stage: Stage) -> list[SpeakersChanged]:
    """What was written down of who speaks."""
    return [fact for fact in stage.facts if isinstance(fact, SpeakersChanged)]


def roster(stage: Stage) -> Roster:
    """That of the one conference."""
    (conference,) = stage.switchboard._halls
    return conference.roster


def test_who_speaks_is_in_the_roster_with_level(stage: Stage) -> None:
    """By both mixers; Janus does not know the levels."""
    alice = stage.joined("alice")
    stage.joined("bob")
    alice.subscribes()
    alice.sees()
    stage.passes(1)
    room, bob = RoomId("conference-1"), stage.leg_of("bob")
    stage.media_tells(Speaking(room, frozenset({bob}), {bob: -24}))
    document = alice.sees()
    assert document.users() == {"bob": "full"}
    assert who_speaks(document) == {f"sip:bob@{DOMAIN}": "-24"}
    stage.passes(1)
    stage.media_tells(Speaking(room, frozenset({bob, stage.leg_of("alice")})))
    assert who_speaks(alice.sees()) == {f"sip:bob@{DOMAIN}": None, f"sip:alice@{DOMAIN}": None}
    stage.passes(1)
    stage.media_tells(Speaking(room, frozenset()))
    assert who_speaks(alice.sees()) == {}


def test_who_speaks_is_told_once_a_second_and_the_last_is_not_lost(stage: Stage) -> None:
    """Nor is it a new version of the roster, nor written down more than every five seconds."""
    alice = stage.joined("alice")
    stage.joined("bob")
    alice.subscribes()
    alice.sees()
    stage.passes(1)
    room, bob = RoomId("conference-1"), stage.leg_of("bob")
    version, told = roster(stage).version, 0
    for number in range(1, 51):  # ten seconds of a lively talk
        speaks = frozenset({bob} if number % 2 else ())
        stage.media_tells(Speaking(room, speaks, dict.fromkeys(speaks, -20)))
        stage.passes(0.2)
        told += told_to(alice)
    assert 8 <= told <= 11
    assert len(spoken(stage)) == 3
    stage.passes(5)
    told_to(alice)
    assert spoken(stage)[-1].speakers == ()
    assert not any(user.marks.speaking for user in roster(stage).users.values())
    assert roster(stage).version == version
    stage.is_quiet()


def test_many_who_watch_hear_of_speakers_less_often(stage: Stage) -> None:
    """Twenty NOTIFYs a second for the whole conference, however many watch."""
    alice = stage.joined("alice")
    watching = [stage.person(f"guest{number}") for number in range(60)]
    for one in watching:
        one.subscribes()
    stage.passes(1)
    for one in watching:
        told_to(one)
    room, leg = RoomId("conference-1"), stage.leg_of("alice")
    told = 0
    for number in range(1, 61):  # twelve seconds
        stage.media_tells(Speaking(room, frozenset({leg} if number % 2 else ())))
        stage.passes(0.2)
        told += sum(told_to(one) for one in watching)
    assert 0 < told <= 12 * 20 + 60
    assert alice.inbox == []


def test_c07_full_to_the_newcomer_partial_to_the_others(stage: Stage) -> None:
    """RFC 4579 5.2: the two are independent of each other."""
    alice = stage.joined("alice")
    alice.subscribes()
    first = alice.sees()
    assert (first.state, first.version) == ("full", 1)
    assert first.text("conference-description", "display-text") == "Planning"
    assert first.text("conference-state", "user-count") == "1"
    stage.passes(1)
    bob = stage.joined("bob")
    told = alice.sees()
    assert (told.state, told.version, told.users()) == ("partial", 2, {"bob": "full"})
    assert told.text("joining-method") == "dialed-in"
    assert told.text("media", "src-id") == "12345"
    bob.subscribes()
    full = bob.sees()
    assert (full.state, full.version) == ("full", 1)
    assert full.users() == {"alice": "full", "bob": "full"}
    stage.is_quiet()


def test_changes_are_coalesced_and_the_last_is_never_lost(stage: Stage) -> None:
    alice = stage.joined("alice")
    alice.subscribes()
    alice.sees()
    for name in ("bob", "carol", "mallory"):
        stage.joined(name)
    stage.people["carol"].in_dialog("BYE")
    stage.people["carol"].gets("200")
    stage.passes(1)
    told = alice.sees()
    assert (told.version, told.users()) == (2, {"bob": "full", "mallory": "full"})
    stage.is_quiet()


def test_a_slow_watcher_gets_the_last_state_when_he_answers(stage: Stage) -> None:
    """One NOTIFY at a time: versions cannot overtake each other."""
    alice = stage.joined("alice")
    alice.subscribes()
    alice.sees()
    stage.passes(1)
    alice.answers_requests = False
    stage.joined("bob")
    slow = alice.sees()
    stage.joined("carol")
    stage.passes(2)
    assert alice.inbox == []
    alice.replies(slow.message, 200)  # type: ignore[arg-type]
    assert alice.sees().users() == {"carol": "full"}


def test_c27_a_subscription_outlives_the_call(stage: Stage) -> None:
    """RFC 4579 3.4: BYE does not end the SUBSCRIBE dialog."""
    alice = stage.joined("alice")
    bob = stage.joined("bob")
    bob.subscribes()
    bob.sees()
    bob.in_dialog("BYE")
    bob.gets("200")
    stage.passes(1)
    assert bob.sees().users() == {"bob": "deleted"}
    alice.in_dialog("BYE")
    alice.gets("200")
    stage.passes(1)
    assert bob.sees().text("conference-state", "active") == "false"
    stage.is_quiet()


def test_in_the_dialog_of_the_call(stage: Stage) -> None:
    bob = stage.joined("bob")
    bob.in_dialog("SUBSCRIBE", Event="conference")
    bob.gets("200")
    assert bob.sees().users() == {"bob": "full"}
    stage.is_quiet()


def test_refresh_and_end(stage: Stage) -> None:
    alice = stage.person("alice")
    alice.sends("SUBSCRIBE", f"sip:4711@{DOMAIN}", Event="conference;id=7", Expires="60")
    answer = alice.gets("200", expires="60")
    alice.sees()
    alice.call_id, alice.to["call"] = answer.get("call-id") or "", answer.get("to") or ""
    alice.target = f"sip:4711@{DOMAIN}"
    stage.passes(50)
    alice.in_dialog("SUBSCRIBE", Event="conference;id=7", Expires="60")
    alice.gets("200")
    assert "id=7" in (alice.sees().message.get("event") or "")
    stage.passes(50)
    alice.in_dialog("SUBSCRIBE", Event="conference;id=7", Expires="0")
    alice.gets("200")
    alice.gets("NOTIFY", terminated=True)
    stage.is_quiet()
    assert stage.switchboard.live == []


def test_what_is_not_refreshed_ends(stage: Stage) -> None:
    alice = stage.person("alice")
    alice.sends("SUBSCRIBE", f"sip:4711@{DOMAIN}", Event="conference", Expires="60")
    alice.gets("200")
    alice.sees()
    stage.passes(61)
    last = alice.gets("NOTIFY", terminated=True)
    assert "timeout" in (last.get("subscription-state") or "")


def test_too_brief_and_what_we_cannot_tell(stage: Stage) -> None:
    alice = stage.person("alice")
    alice.sends("SUBSCRIBE", f"sip:4711@{DOMAIN}", Event="conference", Expires="5")
    alice.gets("423", min_expires="10")
    alice.sends("SUBSCRIBE", f"sip:4711@{DOMAIN}", Event="conference", Accept="text/plain")
    alice.gets("406")
    alice.sends("SUBSCRIBE", f"sip:4711@{DOMAIN}", Event="presence")
    alice.gets("489", allow_events="conference")
    stage.is_quiet()


def test_a_watcher_who_forgot_is_forgotten(stage: Stage) -> None:
    """RFC 6665 4.2.2: 481 ends the subscription."""
    alice = stage.joined("alice")
    alice.subscribes()
    alice.sees()
    stage.passes(1)
    alice.answers_requests = False
    stage.joined("bob")
    alice.replies(alice.sees().message, 481)  # type: ignore[arg-type]
    stage.joined("carol")
    stage.passes(5)
    assert alice.inbox == []


def test_options_tells_the_truth(stage: Stage) -> None:
    """Draft 4.11, RFC 4579 5.13, in and out of a dialog."""
    alice = stage.joined("alice")
    alice.sends("OPTIONS", f"sip:4711@{DOMAIN}")
    alice.in_dialog("OPTIONS")
    for _ in range(2):
        alice.gets(
            "200",
            contact=f"<sip:4711@{DOMAIN}>;isfocus",
            allow="INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY",
            allow_events="conference, refer",
            accept="application/sdp, application/conference-info+xml, message/sipfrag",
            accept_language="en",
            supported="norefersub",
            body="m=audio 0",
        )
    stage.is_quiet()


def test_options_to_the_domain_needs_no_credentials(stage: Stage) -> None:
    mallory = stage.person("mallory")
    mallory.feeds(mallory.request("OPTIONS", f"sip:{DOMAIN}"))
    mallory.gets("200", allow="INVITE")
    mallory.feeds(mallory.request("OPTIONS", f"sip:4711@{DOMAIN}"))
    mallory.gets("401")
    stage.is_quiet()


def test_the_description_may_change(stage: Stage) -> None:
    alice = stage.joined("alice")
    alice.subscribes()
    alice.sees()
    stage.passes(1)
    stage.changes(title="Retrospective")
    told = alice.sees()
    assert (told.state, told.text("conference-description", "display-text")) == (
        "full",
        "Retrospective",
    )


def test_a_fetch_is_told_the_state(stage: Stage) -> None:
    """RFC 6665 4.4.3: Expires 0 outside a dialog asks for it once."""
    stage.joined("bob")
    alice = stage.person("alice")
    alice.subscribes(Expires="0")
    told = alice.gets("NOTIFY", event="conference", terminated=True)
    assert "reason=timeout" in (told.get("subscription-state") or "")
    assert Info(told).users() == {"bob": "full"}
    stage.is_quiet()


XML = "application/conference-info+xml"


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("", "406"),
        ("text/plain", "406"),
        (f"{XML};q=0", "406"),
        (f"{XML};q=0.000, text/plain", "406"),
        (f"{XML};q=0.1", "200"),
        ("application/*", "200"),
        ("*/*", "200"),
    ],
)
def test_what_a_watcher_accepts(stage: Stage, accept: str, status: str) -> None:
    alice = stage.joined("alice")
    alice.sends("SUBSCRIBE", f"sip:4711@{DOMAIN}", Event="conference", Accept=accept)
    alice.gets(status)


def test_a_user_chosen_uri(stage: Stage) -> None:
    """C15, draft 4.4: organizers may; anybody else gets 404."""
    mallory, carol = stage.person("mallory"), stage.person("carol", organizer=True)
    mallory.sends("INVITE", f"sip:lunch@{DOMAIN}", body=OFFER)
    mallory.gets("404")
    carol.sends("INVITE", f"sip:lunch@{DOMAIN}", body=OFFER)
    carol.gets("200", contact=f"<sip:lunch@{DOMAIN}>;isfocus")
