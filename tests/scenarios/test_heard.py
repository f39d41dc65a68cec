"""What is heard: at the door, coming and going, being asked, and at the end."""

from __future__ import annotations

import datetime
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from conferences import policy
from conferences.policy import (
    Admission,
    Announce,
    Language,
    Recorded,
    RecordingOrder,
    Refusal,
    Role,
)
from sipgateway.focus import phrases
from sipgateway.focus.actions import NoteRecording
from sipgateway.focus.doorstep import MOST
from sipgateway.focus.facts import EndpointMeasured, TrackBegan
from sipgateway.media import words
from sipgateway.media.engine import (
    DigitKeyed,
    Figures,
    Heard,
    LegConnected,
    LegId,
    LegLost,
    LegMeasured,
    PlayEnded,
    RecordingClosed,
    RoomId,
)
from sipgateway.sip.flow import Transport
from sipgateway.sip.message import Request
from tests.stage import DOMAIN, OFFER, START, Person, Stage

ROOM = "conference-1"


def desk(stage: Stage, name: str, conference: str = "4711") -> Person:
    """Somebody with a desk phone, in the conference and heard."""
    stage.person(name, transport=Transport.UDP)
    person = stage.joined(name, conference)
    stage.media_tells(LegConnected(stage.leg_of(name, conference)))
    return person


def keys(stage: Stage, who: str, digits: str) -> None:
    for digit in digits:
        stage.media_tells(DigitKeyed(stage.leg_of(who), digit))


def last(stage: Stage) -> tuple[str, str]:
    return stage.media.played[-1]


def ends(stage: Stage) -> None:
    """What was played last to a leg is over."""
    leg, script = last(stage)
    stage.media_tells(PlayEnded(LegId(leg), script))


# At the door


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.WS])
def test_who_is_too_early_hears_when_it_opens(stage: Stage, transport: Transport) -> None:
    """183 with early media (RFC 3960), the time in the conference's zone, then 480 as ever."""
    zone = ZoneInfo("Europe/Berlin")
    opens = datetime.datetime.fromtimestamp(START, zone) + datetime.timedelta(hours=2)
    stage.conference(
        "4712",
        opens_at=opens.timestamp(),
        language=Language.GERMAN,
        timezone="Europe/Berlin",
    )
    bob = stage.person("bob", transport=transport)
    bob.sends("INVITE", f"sip:4712@{DOMAIN}", body=OFFER)
    early = bob.gets("183", body="m=audio")
    assert "sip:4712@conf.test>;isfocus" in (early.get("contact") or "")
    assert stage.media.played == []
    leg = next(iter(stage.switchboard._doorstep.calls)).id
    stage.media_tells(LegConnected(leg))
    hour, minute = opens.hour, opens.minute
    clock = f"hour-{hour} minute-{minute}" if minute else f"hour-{hour}"
    today = "today" if opens.date() == (opens - datetime.timedelta(hours=2)).date() else "tomorrow"
    assert last(stage) == (leg, f"de: too-early opens-{today} {clock}")
    stage.passes(3)
    assert bob.inbox == []
    ends(stage)
    bob.gets("480", reason="not open yet", retry_after="7200")
    assert not stage.switchboard.occupied
    assert stage.media.rooms == {}
    stage.is_quiet()


@pytest.mark.parametrize(
    ("policies", "status", "script"),
    [
        ({"max_participants": 1}, "486", "full"),
        ({"locked": True}, "403", "locked"),
        ({"over": True}, "410", "over"),
    ],
)
def test_full_locked_and_over_are_told(
    stage: Stage, policies: dict[str, object], status: str, script: str
) -> None:
    stage.conference("4712", **policies)
    if status == "486":
        stage.joined("alice", "4712")
    bob = stage.person("bob", transport=Transport.TCP)
    bob.sends("INVITE", f"sip:4712@{DOMAIN}", body=OFFER)
    bob.gets("183")
    leg = next(iter(stage.switchboard._doorstep.calls)).id
    stage.media_tells(LegConnected(leg))
    assert last(stage) == (leg, script)
    ends(stage)
    bob.gets(status)
    stage.is_quiet()


def test_a_desk_phone_that_sends_nothing_before_the_answer_is_told(stage: Stage) -> None:
    """Soon, where its media is to go to where its SIP comes from."""
    stage.conference("4712", locked=True)
    stage.media.near = True
    bob = stage.person("bob", transport=Transport.UDP)
    bob.sends("INVITE", f"sip:4712@{DOMAIN}", body=OFFER)
    bob.gets("183")
    stage.passes(0.5)
    assert last(stage)[1] == "locked"
    stage.media_tells(LegConnected(next(iter(stage.switchboard._doorstep.calls)).id))
    stage.passes(3)
    assert bob.inbox == []
    assert len(stage.media.played) == 1
    ends(stage)
    bob.gets("403", reason="locked")
    assert not stage.switchboard.occupied
    stage.is_quiet()


def test_mallory_has_nobody_else_told(stage: Stage) -> None:
    """A description that names another host than her own: no word before she is refused."""
    stage.conference("4712", locked=True)
    mallory = stage.person("mallory", transport=Transport.UDP)
    mallory.sends("INVITE", f"sip:4712@{DOMAIN}", body=OFFER)
    mallory.gets("183")
    stage.passes(1)
    mallory.gets("403", reason="locked")
    assert stage.media.played == []
    stage.is_quiet()


def test_who_hangs_up_on_the_doorstep_leaves_nothing(stage: Stage) -> None:
    stage.conference("4712", locked=True)
    bob = stage.person("bob")
    request = bob.sends("INVITE", f"sip:4712@{DOMAIN}", body=OFFER)
    bob.gets("183")
    bob.cancels(request)
    bob.gets("200")
    bob.gets("487")
    stage.passes(20)
    assert not stage.switchboard.occupied
    assert stage.media.rooms == {}
    stage.is_quiet()


def test_a_prompt_that_never_ends_does_not_hold_anybody(stage: Stage) -> None:
    stage.conference("4712", locked=True)
    bob = stage.person("bob")
    bob.sends("INVITE", f"sip:4712@{DOMAIN}", body=OFFER)
    bob.gets("183")
    stage.media_tells(LegConnected(next(iter(stage.switchboard._doorstep.calls)).id))
    stage.passes(13)
    bob.gets("403", reason="locked")
    stage.is_quiet()


def test_a_crowd_is_refused_at_once(stage: Stage) -> None:
    stage.conference("4712", locked=True)
    for number in range(MOST + 1):
        person = stage.person(f"bob-{number}")
        person.sends("INVITE", f"sip:4712@{DOMAIN}", body=OFFER)
        person.gets("183" if number < MOST else "403")


def test_mallory_is_told_nothing_by_voice(stage: Stage) -> None:
    """Who is not on the list is refused at once, whatever the clock and the lock say."""
    stage.conference(
        "4712", roles={}, admission=Admission.INVITED, locked=True, opens_at=START + 60
    )
    mallory = stage.person("mallory", transport=Transport.UDP)
    mallory.sends("INVITE", f"sip:4712@{DOMAIN}", body=OFFER)
    mallory.gets("403", reason="not on the list")
    assert stage.media.played == []


def test_who_offers_nothing_is_refused_at_once(stage: Stage) -> None:
    stage.conference("4712", locked=True)
    bob = stage.person("bob")
    bob.sends("INVITE", f"sip:4712@{DOMAIN}")
    bob.gets("403")
    stage.is_quiet()


@pytest.mark.parametrize(
    ("language", "ahead", "told"),
    [
        (Language.ENGLISH, datetime.timedelta(hours=1), "opens-today hour-22 pm"),
        (Language.SPANISH, datetime.timedelta(hours=1), "opens-today hour-22 minute-0"),
        (
            Language.GERMAN,
            datetime.timedelta(hours=11, minutes=5),
            "opens-tomorrow hour-8 minute-5",
        ),
        (Language.ENGLISH, datetime.timedelta(days=3), "opens-on weekday-4 at hour-21 pm"),
        (Language.ENGLISH, datetime.timedelta(days=30), "opens-on day-1 month-4 at hour-22 pm"),
    ],
)
def test_times_are_said_in_the_way_of_the_language(
    stage: Stage, language: Language, ahead: datetime.timedelta, told: str
) -> None:
    now = datetime.datetime(2026, 3, 2, 21, 0, tzinfo=ZoneInfo("Europe/Berlin"))
    opens = (now + ahead).timestamp()
    if ahead.days >= 30:
        opens = datetime.datetime(2026, 4, 1, 20, 0, tzinfo=datetime.UTC).timestamp()
    snapshot = replace(stage.snapshots["4711"], language=language, timezone="Europe/Berlin")
    assert " ".join(phrases.opening(snapshot, opens, now.timestamp())) == told


def test_a_zone_that_is_none_is_utc(stage: Stage) -> None:
    snapshot = replace(stage.snapshots["4711"], timezone="Nowhere/Land", opens_at=START + 60)
    assert phrases.refused(snapshot, Refusal.TOO_EARLY, START)


def test_the_scripts_hold_prompts_that_exist(stage: Stage) -> None:
    """The focus imports nothing of the mixer; the two tables are compared here."""
    for language in Language:
        known = set(words.texts(language)) | {"pause", "beep", "music", "entry", "exit"}
        snapshot = replace(stage.snapshots["4711"], language=language, opens_at=START + 90_000)
        for days in range(40):
            script = phrases.refused(snapshot, Refusal.TOO_EARLY, START - 86_400 * days - 17)
            assert set(script.rpartition(":")[2].split()) <= known
        for refusal in phrases.REFUSED:
            assert set(phrases.refused(snapshot, refusal, 0).rpartition(":")[2].split()) <= known
        for number in (0, 1, 2, 99, 100, 101, 9999):
            assert set(phrases.people(number)) | set(phrases.ends_in(number)) <= known
        assert set(phrases.digits("0123456789")) <= known


# Coming and going


def test_the_first_hears_so_and_then_music(stage: Stage) -> None:
    desk(stage, "alice")
    leg = stage.leg_of("alice")
    assert last(stage) == (leg, "first music")
    desk(stage, "bob")
    assert (leg, "") in stage.media.played, "the music ends"
    assert (ROOM, "entry") in stage.media.played
    assert not any("music" in script for who, script in stage.media.played if who != leg)


def test_who_is_left_alone_hears_music_again(stage: Stage) -> None:
    desk(stage, "alice")
    bob = desk(stage, "bob")
    bob.in_dialog("BYE")
    bob.gets("200")
    assert stage.media.played[-2:] == [(ROOM, "exit"), (stage.leg_of("alice"), "music")]


def test_a_page_needs_no_words_and_no_music(stage: Stage) -> None:
    stage.joined("alice")
    assert stage.media.played == []


def test_music_and_tones_by_policy(stage: Stage) -> None:
    stage.changes(music=False, announce=Announce.NOTHING)
    desk(stage, "alice")
    assert last(stage) == (stage.leg_of("alice"), "first")
    desk(stage, "bob").in_dialog("BYE")
    assert not [script for who, script in stage.media.played if who == ROOM]


def test_a_large_conference_is_quiet(stage: Stage) -> None:
    stage.changes(quiet_from=2)
    desk(stage, "alice")
    desk(stage, "bob")
    assert (ROOM, "entry") in stage.media.played
    before = len(stage.media.played)
    carol = stage.joined("carol")
    carol.in_dialog("BYE")
    assert (ROOM, "entry") not in stage.media.played[before:]
    assert (ROOM, "exit") not in stage.media.played[before:]


def test_names_are_asked_for_and_played(stage: Stage) -> None:
    """Said after the PIN, heard by the others and not by himself; also when he goes."""
    stage.conference("4712", announce=Announce.NAMES, pin="2468", language=Language.SPANISH)
    stage.joined("alice", "4712")
    bob = stage.person("bob", transport=Transport.UDP)
    bob.dials("4712")
    leg = stage.leg_of("bob", "4712")
    assert last(stage) == (leg, "es: enter-pin")
    for digit in "2468#":
        stage.media_tells(DigitKeyed(leg, digit))
    assert last(stage) == (leg, "es: say-name beep")
    assert stage.roster("4712") == ["alice"]
    ends(stage)
    assert stage.media.listening[leg] == 4.0
    stage.media_tells(DigitKeyed(leg, "#"))
    assert stage.media.listening[leg] == 0.0
    stage.media_tells(Heard(leg, 1.2))
    assert stage.roster("4712") == ["alice", "bob"]
    told = [script for who, script in stage.media.played if who == "conference-2"]
    assert told == [f"es: @{leg} has-joined"]
    bob.in_dialog("BYE")
    bob.gets("200")
    assert stage.media.played[-1] == ("conference-2", f"es: @{leg} has-left")


@pytest.mark.parametrize("seconds", [0.0, None])
def test_who_says_nothing_comes_in_with_a_tone(stage: Stage, seconds: float | None) -> None:
    stage.conference("4712", announce=Announce.NAMES)
    stage.joined("alice", "4712")
    stage.person("bob", transport=Transport.UDP).dials("4712")
    leg = stage.leg_of("bob", "4712")
    ends(stage)
    if seconds is None:
        stage.passes(7)  # the mixer has died and says nothing
    else:
        stage.media_tells(Heard(leg, seconds))
    assert stage.roster("4712") == ["alice", "bob"]
    assert ("conference-2", "entry") in stage.media.played


def test_mallory_says_her_name_in_vain(stage: Stage) -> None:
    """Removed for good while she was asked for it."""
    stage.conference("4712", announce=Announce.NAMES)
    stage.joined("alice", "4712")
    mallory = stage.person("mallory", transport=Transport.UDP)
    mallory.dials("4712")
    leg = stage.leg_of("mallory", "4712")
    ends(stage)
    stage.changes("4712", locked=True)
    stage.media_tells(Heard(leg, 1.0))
    mallory.gets("BYE", reason="locked")
    assert stage.roster("4712") == ["alice"]
    assert f"@{leg} has-joined" not in [script for _, script in stage.media.played]


# The end


def test_removed_by_whom_is_heard_before_the_bye(stage: Stage) -> None:
    desk(stage, "alice")
    bob = desk(stage, "bob")
    leg = stage.leg_of("bob")
    stage.removes("bob")
    assert stage.media.rooms[leg] is None, "out of the room at once"
    assert last(stage) == (leg, "removed goodbye")
    assert bob.inbox == []
    ends(stage)
    bob.gets("BYE", reason="Removed by Alice")
    assert stage.roster() == ["alice"]
    stage.is_quiet()


def test_who_hangs_up_while_he_is_told_is_gone(stage: Stage) -> None:
    desk(stage, "alice")
    bob = desk(stage, "bob")
    stage.removes("bob")
    bob.in_dialog("BYE")
    bob.gets("200")
    stage.passes(10)
    assert stage.roster() == ["alice"]
    stage.is_quiet()


def test_the_last_word_takes_five_seconds_at_most(stage: Stage) -> None:
    bob = desk(stage, "bob")
    stage.changes(end_by="Alice")
    assert last(stage) == (stage.leg_of("bob"), "ended goodbye")
    stage.passes(5)
    bob.gets("BYE")


def test_a_server_that_stops_has_no_time_for_words(stage: Stage) -> None:
    bob = desk(stage, "bob")
    stage.removes("bob")
    stage.switchboard.stop(stage.now)
    stage.pump()
    bob.gets("BYE")
    assert not stage.switchboard.occupied


def test_the_end_is_told_before(stage: Stage) -> None:
    stage.conference("4712", closes_at=START + 3600, warn_minutes=5)
    stage.joined("alice", "4712")
    stage.passes(3299)
    assert ("conference-2", "ends-in number-5 minutes") not in stage.media.played
    stage.passes(2)
    assert stage.media.played.count(("conference-2", "ends-in number-5 minutes")) == 1


def test_an_end_that_was_put_off_is_not_told(stage: Stage) -> None:
    stage.conference("4712", closes_at=START + 3600, warn_minutes=5)
    stage.joined("alice", "4712")
    stage.changes("4712", closes_at=START + 7200)
    stage.passes(3600)
    assert [one for one in stage.media.played if "ends-in" in one[1]] == []
    stage.passes(3300)
    assert last(stage) == ("conference-2", "ends-in number-5 minutes")


def test_no_warning_by_policy(stage: Stage) -> None:
    stage.conference("4712", closes_at=START + 600, warn_minutes=0)
    stage.joined("alice", "4712")
    stage.passes(599)
    assert stage.media.played == []


# Being heard


def test_who_was_muted_by_whom_is_told(stage: Stage) -> None:
    desk(stage, "alice")
    desk(stage, "bob")
    leg, key = stage.leg_of("bob"), stage.key_of("bob")
    stage.changes(muted=frozenset({key}), silenced=frozenset({key}))
    assert last(stage) == (leg, "muted-by-moderator")
    keys(stage, "bob", "*6")
    assert last(stage) == (leg, "muted-by-moderator"), "he cannot undo it"
    assert stage.media.muted[leg]
    stage.changes(silenced=frozenset(), asked_to_speak=frozenset({key}))
    assert last(stage) == (leg, "speak-up")
    keys(stage, "bob", "*6")
    assert last(stage) == (leg, "unmuted")
    assert not stage.media.muted[leg]


def test_a_listener_is_not_heard_whatever_he_keys(stage: Stage) -> None:
    stage.changes(roles={f"sip:bob@{DOMAIN}": Role.LISTENER})
    desk(stage, "alice")
    desk(stage, "bob")
    leg = stage.leg_of("bob")
    assert stage.media.muted[leg]
    assert last(stage) == (leg, "listener")
    keys(stage, "bob", "*6")
    assert stage.media.muted[leg]
    assert stage.snapshots["4711"].muted == frozenset()


def test_a_hand_is_heard_of_by_those_who_command(stage: Stage) -> None:
    desk(stage, "alice")
    desk(stage, "bob")
    desk(stage, "carol")
    keys(stage, "bob", "*9")
    assert stage.snapshots["4711"].hands == {stage.key_of("bob")}
    assert stage.media.played[-2:] == [
        (stage.leg_of("alice"), "hand"),
        (stage.leg_of("bob"), "hand-raised"),
    ]
    keys(stage, "bob", "*9")
    assert last(stage) == (stage.leg_of("bob"), "hand-lowered")
    assert stage.snapshots["4711"].hands == frozenset()


# Recording


def recorded(stage: Stage, *, paused: bool = False) -> None:
    stage.changes(recording=RecordingOrder("kept", paused))


def test_everybody_hears_that_it_is_recorded(stage: Stage) -> None:
    stage.joined("alice")
    recorded(stage)
    assert stage.media.recorded == [(ROOM, "kept", False)]
    assert last(stage) == (ROOM, "recording-started")
    desk(stage, "bob")
    assert last(stage) == (stage.leg_of("bob"), "recording-on")
    stage.joined("carol")
    assert last(stage) == (stage.leg_of("carol"), "recording-on"), "on a page, too"
    recorded(stage, paused=True)
    assert stage.media.recorded[-1] == (ROOM, "kept", True)
    assert last(stage) == (ROOM, "recording-paused")
    stage.changes(recording=None)
    assert stage.media.recorded[-1] == (ROOM, "", False)
    assert last(stage) == (ROOM, "recording-stopped")
    stage.changes(recording=None)
    assert len(stage.media.recorded) == 3, "told twice, done once"


def test_who_has_not_agreed_is_left_out(stage: Stage) -> None:
    stage.changes(recorded=Recorded.AGREED)
    desk(stage, "alice")
    recorded(stage)
    assert last(stage) == (ROOM, "recording-started agree")
    leg = stage.leg_of("alice")
    assert stage.media.agreed == {leg: False}
    desk(stage, "mallory")
    assert stage.media.agreed[stage.leg_of("mallory")] is False
    assert last(stage) == (stage.leg_of("mallory"), "recording-on agree")
    keys(stage, "alice", "*4")
    assert stage.media.agreed[leg] is True
    assert (leg, "agreed") in stage.media.played
    assert stage.media.agreed[stage.leg_of("mallory")] is False


def tracks(stage: Stage) -> dict[str, str]:
    """On which track each is kept, by name."""
    found = {name: stage.media.tracks.get(stage.leg_of(name), "") for name in stage.roster()}
    return {name: one for name, one in found.items() if one}


def test_each_voice_has_a_track_where_that_is_wanted(stage: Stage) -> None:
    """Not of who only listens; and everybody is told."""
    stage.changes(roles={**stage.snapshots["4711"].roles, "sip:carol@conf.test": Role.LISTENER})
    stage.joined("alice")
    stage.changes(recording=RecordingOrder("kept", tracks=True))
    assert last(stage) == (ROOM, "recording-started recording-tracks")
    desk(stage, "bob")
    assert last(stage) == (stage.leg_of("bob"), "recording-on recording-tracks")
    stage.joined("carol")
    named = {name: policy.track("kept", f"sip:{name}@conf.test") for name in ("alice", "bob")}
    assert tracks(stage) == named
    began = [fact for fact in stage.facts if isinstance(fact, TrackBegan)]
    assert [(one.name, one.entity) for one in began] == [
        (named["alice"], "sip:alice@conf.test"),
        (named["bob"], "sip:bob@conf.test"),
    ]
    stage.changes(recording=None)
    assert tracks(stage) == {}


def test_who_has_not_agreed_is_on_no_track(stage: Stage) -> None:
    """Mallory is heard and kept nowhere; a mixer that replaces another learns that first."""
    stage.changes(recorded=Recorded.AGREED)
    desk(stage, "alice")
    desk(stage, "mallory")
    stage.changes(recording=RecordingOrder("kept", tracks=True))
    assert tracks(stage) == {}
    keys(stage, "alice", "*4")
    named = policy.track("kept", "sip:alice@conf.test")
    assert tracks(stage) == {"alice": named}
    stage.media.tracks.clear()
    stage.media_tells(LegLost(stage.leg_of("alice"), "the worker died"))
    invite = stage.people["alice"].gets("INVITE", contact="isfocus")
    assert isinstance(invite, Request)
    stage.people["alice"].replies(invite, 200, body=OFFER)
    stage.people["alice"].gets("ACK")
    assert tracks(stage) == {"alice": named}
    assert len([one for one in stage.facts if isinstance(one, TrackBegan)]) == 1


def test_an_empty_room_is_recorded_no_more(stage: Stage) -> None:
    alice = stage.joined("alice")
    recorded(stage)
    alice.in_dialog("BYE")
    alice.gets("200")
    assert stage.media.recorded[-1] == (ROOM, "", False)


def test_what_became_of_a_recording_is_written_down(stage: Stage) -> None:
    stage.media_tells(RecordingClosed(RoomId(ROOM), "kept", 12.5, "No space left"))
    assert stage.noted == [NoteRecording("kept", 12.5, "No space left", stage.now)]


# Keys of those who command


def test_the_keypad_of_a_moderator(stage: Stage) -> None:
    desk(stage, "alice")
    leg = stage.leg_of("alice")
    stage.joined("bob")
    keys(stage, "alice", "*2")
    assert last(stage) == (leg, "number-2 people-here")
    keys(stage, "alice", "**")
    assert last(stage) == (leg, "help help-moderator")
    keys(stage, "alice", "*7")
    keys(stage, "alice", "*7")
    assert stage.media.recorded == [(ROOM, "kept", False), (ROOM, "", False)]
    stage.changes(recorded=Recorded.NEVER)
    keys(stage, "alice", "*7")
    assert last(stage) == (leg, "not-recorded")


def test_somebody_is_called_by_keypad(stage: Stage) -> None:
    desk(stage, "alice")
    leg = stage.leg_of("alice")
    stage.person("2001").registers()
    keys(stage, "alice", "*1")
    assert last(stage) == (leg, "enter-number")
    keys(stage, "alice", "2001#")
    assert (leg, "calling") in stage.media.played
    stage.people["2001"].gets("INVITE", contact="isfocus")
    keys(stage, "alice", "*1*2")
    assert last(stage)[0] == leg, "he thought better of it"
    assert stage.leg_of("alice") == leg


def test_the_keypad_of_mallory(stage: Stage) -> None:
    """She hears how many are here; all else is refused, and she hears that."""
    stage.joined("alice")
    desk(stage, "mallory")
    leg, before = stage.leg_of("mallory"), stage.snapshots["4711"]
    keys(stage, "mallory", "*2")
    assert last(stage) == (leg, "number-2 people-here")
    keys(stage, "mallory", "**")
    assert last(stage) == (leg, "help")
    stage.media.played.clear()
    keys(stage, "mallory", "*5*8*3*1*7*0")
    assert stage.media.played == [(leg, "not-allowed")] * 6
    assert stage.snapshots["4711"] == before


def test_nobody_to_remove_is_said(stage: Stage) -> None:
    desk(stage, "alice")
    keys(stage, "alice", "*3")
    assert last(stage) == (stage.leg_of("alice"), "nobody-to-remove")


def test_watchers_see_hands_and_the_recording(stage: Stage) -> None:
    """In elements of our own, where the schema of RFC 4575 lets them stand."""
    floor = "{urn:parley:xml:ns:floor}"
    alice = stage.joined("alice")
    stage.joined("bob")
    alice.subscribes()
    first = alice.sees()
    assert first.root.findall(f".//{floor}*") == []
    stage.passes(1)
    stage.changes(
        hands=frozenset({stage.key_of("bob")}),
        recording=RecordingOrder("kept"),
        recorded=Recorded.AGREED,
        agreed=frozenset({stage.key_of("alice")}),
    )
    told = [alice.sees()]
    stage.passes(1)
    told.append(alice.sees())
    assert {one.state for one in told} == {"partial"}
    marks = [str(mark.tag) for one in told for mark in one.root.iter(f"{floor}*")]
    assert marks == [f"{floor}{name}" for name in ("recording", "hand", "left-out")]
    assert told[1].users() == {"bob": "full"}
    stage.changes(hands=frozenset(), recording=None)
    told = [alice.sees()]
    stage.passes(1)
    told.append(alice.sees())
    assert [mark for one in told for mark in one.root.iter(f"{floor}*")] == []
    assert told[1].users() == {"bob": "full"}


def test_how_well_a_phone_goes_is_written_down_and_no_watcher_told(stage: Stage) -> None:
    """RFC 4575 has no word for it; pages and scripts read the row."""
    stage.joined("alice").subscribes()
    desk(stage, "bob")
    stage.passes(1)
    stage.people["alice"].inbox.clear()
    now, mean = Figures(loss_in=6.0, mos=3.4), Figures(loss_in=1.0, mos=4.2)
    stage.media_tells(LegMeasured(stage.leg_of("bob"), now, mean, 3.4))
    (fact,) = [one for one in stage.facts if isinstance(one, EndpointMeasured)]
    assert (fact.now, fact.mean, fact.worst) == (now, mean, 3.4)
    stage.passes(1)
    stage.is_quiet()


def test_what_is_measured_before_one_is_in_is_not_kept(stage: Stage) -> None:
    stage.conference("4712", pin="2468")
    stage.joined("bob", "4712")
    leg = stage.leg_of("bob", "4712")
    stage.media_tells(LegMeasured(leg, Figures(mos=3.0), Figures(), None))
    assert not [one for one in stage.facts if isinstance(one, EndpointMeasured)]
