"""A file that is played to everybody: begun, ended, shown, gone on with."""

from __future__ import annotations

from conferences.policy import SoundOrder
from sipgateway.focus.actions import NoteSound
from sipgateway.media.engine import RoomId, SoundEnded
from tests.stage import START, Stage

ROOM = "conference-1"
ALICE = "sip:alice@conf.test"
FLOOR = "{urn:parley:xml:ns:floor}"


def order(token: str = "t", since: float = START, by: str = ALICE) -> SoundOrder:
    return SoundOrder("file", token, "Jingle & co", by=by, since=since)


def test_it_is_played_once_and_stopped(stage: Stage) -> None:
    stage.joined("alice")
    stage.changes(sound=order())
    stage.joined("bob")
    stage.changes(locked=True)
    assert stage.media.sounds == [(ROOM, "file", 0.0)]
    stage.changes(sound=order("again"))
    assert stage.media.sounds[1:] == [(ROOM, "file", 0.0)], "from its beginning"
    stage.changes(sound=None)
    stage.changes(sound=None)
    assert stage.media.sounds[2:] == [(ROOM, "", 0.0)]


def test_everybody_reads_what_is_played_and_by_whom(stage: Stage) -> None:
    alice = stage.joined("alice")
    alice.subscribes()
    alice.sees()
    stage.passes(1)
    stage.changes(sound=order())
    (mark,) = alice.sees().root.iter(f"{FLOOR}sound")
    assert (mark.text, mark.get("by")) == ("Jingle & co", "Alice")
    stage.passes(1)
    stage.changes(sound=None)
    assert list(alice.sees().root.iter(f"{FLOOR}sound")) == []


def test_who_plays_it_without_his_name_is_not_named(stage: Stage) -> None:
    mallory = stage.joined("bob")
    mallory.subscribes()
    mallory.sees()
    alice = stage.person("alice")
    alice.dials(privacy="id")
    stage.passes(1)
    mallory.sees()
    stage.changes(sound=order())
    (mark,) = mallory.sees().root.iter(f"{FLOOR}sound")
    assert mark.get("by") == "a moderator"


def test_its_end_is_written_down(stage: Stage) -> None:
    stage.media_tells(SoundEnded(RoomId(ROOM), "t", "No such file"))
    assert stage.noted == [NoteSound("t", "No such file", stage.now)]


def test_who_takes_the_conference_over_goes_on_where_it_was(stage: Stage) -> None:
    stage.joined("alice")
    stage.changes(sound=order(since=stage.now - 30))
    assert stage.media.sounds == [(ROOM, "file", 30.0)]


def test_nobody_is_left_to_hear_it(stage: Stage) -> None:
    alice = stage.joined("alice")
    stage.changes(sound=order())
    alice.in_dialog("BYE")
    alice.gets("200")
    assert stage.media.sounds[-1] == (ROOM, "", 0.0)
