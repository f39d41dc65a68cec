"""Rooms, the table of legs, and ports."""

from __future__ import annotations

from pathlib import Path

import pytest

from sipgateway.media import codecs, dtls, hosts, ice, legs, ports
from sipgateway.media.codec import FRAME
from sipgateway.media.control import Terms
from sipgateway.media.engine import LegId, RoomId
from sipgateway.media.leg import SILENT_AFTER, SILENT_AGAIN, Leg
from sipgateway.media.legs import HELD, Legs
from sipgateway.media.mixer import MOST_TO_SAY, Member, Player
from sipgateway.media.path import WebRtcPath
from sipgateway.media.prompts import Library
from sipgateway.media.rooms import Rooms
from sipgateway.media.voice import Voice
from tests.media import peer, sounds
from tests.media.test_secure import ALICE, MALLORY, check
from tests.ports import free_port

OPUS = codecs.load()["opus"]
ROOM, OTHER = RoomId("4711"), RoomId("4712")


def member(name: str) -> Member:
    return Member(LegId(name), 1, Voice(OPUS), OPUS)


def terms(**changes: object) -> Terms:
    """What was agreed with a browser."""
    return {  # type: ignore[return-value]
        "kind": "webrtc",
        "source": 1,
        "payload_type": 111,
        "codecs": {"111": "opus"},
        "events": [110],
        "level_id": 1,
        "levels_id": None,
        "tells_level": True,
        "noise": None,
        "nack": False,
        "limits": {"bitrate": 0, "band": 0, "cbr": False, "fec": True},
        "hears": True,
        "speaks": True,
        "ufrag": "ours",
        "password": "0123456789abcdef01234567",
        "fingerprint": dtls.build_fingerprint(dtls.Fingerprint("sha-256", bytes(32))),
        "association": "",
        "client": False,
        "host": "",
        "port": 0,
        "rtcp_port": 0,
        "sip_host": "",
        "mux": True,
        "sdes": None,
    } | changes


def leg(name: str, now: float = 0.0, **changes: object) -> Leg:
    agreed = terms(**changes)
    way = legs.path_of(agreed, peer.new_identity())
    return Leg(LegId(name), way, agreed, codecs={"opus": OPUS}, now=now)


# Rooms


def test_a_leg_is_in_one_room_at_a_time() -> None:
    rooms, alice, bob = Rooms(), member("alice"), member("bob")
    rooms.place(alice, ROOM)
    rooms.place(bob, ROOM)
    assert {name for name, _ in rooms.tick()} == {"alice", "bob"}
    rooms.place(bob, OTHER)
    rooms.place(bob, OTHER)
    rooms.place(alice, None)
    assert sorted(name for name, _ in rooms.tick()) == ["alice", "bob"]
    rooms.leave(alice.leg)
    rooms.leave(bob.leg)
    assert list(rooms.tick()) == []


def test_who_is_alone_hears_what_is_played_and_the_end_is_told() -> None:
    rooms, alice = Rooms(), member("alice")
    rooms.place(alice, None)
    alice.player = Player("welcome", sounds.sine(440, 2))
    payloads = [output.payload for _ in range(3) for _, output in rooms.tick() if output]
    assert [payload == OPUS.silence for payload in payloads] == [False, False, True]
    assert rooms.reports == [{"event": "ended", "leg": "alice", "prompt": "welcome"}]


def test_what_is_said_to_a_room_is_said_to_its_end() -> None:
    """That it is recorded, though somebody comes meanwhile; two who come together ring once."""
    rooms, alice = Rooms(), member("alice")
    rooms.place(alice, ROOM)
    for name, frames in (("recording-started", 3), ("entry", 2), ("entry", 2), ("exit", 2)):
        rooms.play(ROOM, Player(name, sounds.sine(440, frames)))
    heard = [output.payload for _ in range(9) for _, output in rooms.tick() if output]
    assert [payload != OPUS.silence for payload in heard] == [True] * 7 + [False] * 2
    for number in range(2 * MOST_TO_SAY):
        rooms.play(ROOM, Player(f"name-{number}", sounds.sine(440, 1), passing=True))
    heard = [output.payload for _ in range(20) for _, output in rooms.tick() if output]
    assert [payload != OPUS.silence for payload in heard].count(True) == MOST_TO_SAY
    rooms.play(ROOM, Player("entry", sounds.sine(440, 5)))
    rooms.play(ROOM, None)
    assert [output.payload for _, output in rooms.tick() if output] == [OPUS.silence]


def player_names(rooms: Rooms) -> list[str]:
    """What is being said to the room, and after it."""
    names, player = [], rooms._rooms[ROOM].player
    while player is not None:
        names.append(player.name)
        player = player.then
    return names


def test_what_is_important_is_said_before_who_comes_and_goes(tmp_path: Path) -> None:
    """However many do, all hear that a recording has begun, in the order of what was done."""
    rooms, alice = Rooms(), member("alice")
    rooms.place(alice, ROOM)
    library = Library(tmp_path, tmp_path)
    for number in range(2 * MOST_TO_SAY):
        rooms.play(ROOM, library.player(f"@{number} has-joined" if number % 2 else "entry"))
    important = ("recording-started", "conference-locked", "recording-stopped")
    for name in important:
        rooms.play(ROOM, library.player(f"de: {name}"))
    said = player_names(rooms)
    assert said[1:4] == [f"de: {name}" for name in important]
    assert len(said) == MOST_TO_SAY + len(important)
    rooms.play(ROOM, library.player("de: recording-stopped"))
    assert player_names(rooms) == said, "not twice in a row"


def test_music_goes_on_behind_words() -> None:
    """Also when they are cut short, and until somebody else ends it."""
    rooms, alice = Rooms(), member("alice")
    rooms.place(alice, None)
    music = Player("music", sounds.sine(440, 3), again_from=0)
    words = music.give_way(Player("count", sounds.sine(1000, 2)))
    alice.player = words
    for _ in range(4):
        list(rooms.tick())
    assert alice.player is music
    assert rooms.reports == [{"event": "ended", "leg": "alice", "prompt": "count"}]
    more = music.give_way(Player("muted", sounds.sine(1000, 2)))
    assert more is not None
    again = more.give_way(Player("unmuted", sounds.sine(1000, 2)))
    assert again is not None
    assert again.interrupt() is music
    assert again.give_way(None) is None
    ring = Player("ring", sounds.sine(440, 3), again_from=0)
    assert music.give_way(ring) is ring
    assert ring.then is None


def test_a_key_skips_words_and_not_the_music_after_them() -> None:
    first = Player("first music", sounds.sine(440, 5), again_from=2 * FRAME)
    assert first.interrupt() is first
    assert first.position == 2 * FRAME
    assert Player("first", sounds.sine(440, 5)).interrupt() is None


def test_who_speaks_is_told_when_it_changes() -> None:
    rooms, alice = Rooms(), member("alice")
    rooms.place(alice, ROOM)
    encoder = OPUS.encoder()
    for number, frame in enumerate(sounds.frames(sounds.sine(440, 10))):
        alice.voice.buffer.put(number, encoder.encode(frame), 10)  # type: ignore[attr-defined]
    for _ in range(8):
        list(rooms.tick())
    for _ in range(2):
        rooms.look_who_speaks()
    (told,) = rooms.reports
    assert (told["event"], told["room"], [*told["levels"]]) == ("speaking", ROOM, ["alice"])
    assert -13 <= told["levels"][alice.leg] <= -9
    rooms.leave(alice.leg)
    assert rooms.reports[-1] == {"event": "speaking", "room": ROOM, "levels": {}}


# Legs


def test_silence_of_a_leg_is_told_after_ten_seconds_and_again() -> None:
    alice = leg("alice")
    for now in (1.0, SILENT_AFTER - 0.1):
        alice.handle_timeout(now)
    assert alice.reports == []
    for now in (SILENT_AFTER, SILENT_AFTER + 1, SILENT_AFTER + SILENT_AGAIN):
        alice.handle_timeout(now)
    assert [one["seconds"] for one in alice.reports] == [10.0, 15.0]
    alice.heard(16.0)
    alice.handle_timeout(25.0)
    assert len(alice.reports) == 2


def test_a_leg_is_found_by_fragment_and_address() -> None:
    legs, alice = Legs(), leg("alice")
    legs.add(alice)
    legs.expect("ours", alice)
    legs.bind(ALICE, alice)
    assert legs.get("alice") is legs.checked("ours") is legs.at(ALICE) is alice
    legs.forget(alice)
    assert (legs.get("alice"), legs.checked("ours"), legs.at(ALICE)) == (None, None, None)


def test_a_participant_cannot_take_anothers_address() -> None:
    """Mallory takes part, and forges Alice's address in a check of her own leg."""
    legs, alice, mallory = Legs(), leg("alice"), leg("mallory")
    assert isinstance(alice.path, WebRtcPath)
    alice.path.ice.receive(ice.parse(check()), ALICE)
    legs.bind(ALICE, alice)
    assert not legs.may_bind(ALICE, mallory, HELD - 1)
    assert legs.may_bind(ALICE, alice, HELD - 1)
    assert legs.may_bind(MALLORY, mallory, HELD - 1)
    assert legs.may_bind(ALICE, mallory, HELD), "a port that is used again later"


# Ports and hosts


def test_ports_of_a_leg_are_an_even_one_and_the_next() -> None:
    port = free_port(20)
    taken = ports.Ports(port + 1, port + 19)
    first = taken.open_pair(LegId("a"), "127.0.0.1")
    assert first % 2 == 0
    assert taken.open_pair(LegId("a"), "127.0.0.1") == first
    second = taken.open_pair(LegId("b"), "127.0.0.1")
    assert second not in (first, first + 1)
    assert second % 2 == 0
    assert taken.rtp(LegId("a")).getsockname()[1] == first
    for name in ("a", "b"):
        taken.close(LegId(name))
    assert taken.sockets(LegId("a")) == ()


class Bound:
    """A socket on a port that nobody else has."""

    def __init__(self, port: int) -> None:
        self.port = port

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    def close(self) -> None:
        """Nothing is open."""


def test_nobody_can_tell_which_port_is_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are drawn by lot, and what was given back rests."""
    drawn = iter((7, 2, 7))
    monkeypatch.setattr("secrets.randbelow", lambda _: next(drawn))
    monkeypatch.setattr(ports, "_bind_pair", lambda _, port: (Bound(port), Bound(port + 1)))
    taken = ports.Ports(34201, 34220)
    assert taken.open_pair(LegId("a"), "127.0.0.1") == 34216
    assert taken.open_pair(LegId("b"), "127.0.0.1") == 34206
    taken.close(LegId("a"))
    assert taken.open_pair(LegId("c"), "127.0.0.1") == 34218


def test_ports_run_out() -> None:
    port = free_port(4)
    taken = ports.Ports(port, port + 3)
    for name in ("a", "b"):
        taken.open_pair(LegId(name), "127.0.0.1")
    with pytest.raises(OSError, match="no pair"):
        taken.open_pair(LegId("c"), "127.0.0.1")
    with pytest.raises(OSError, match="no UDP port"):
        taken.open("127.0.0.1")
    taken.close(LegId("a"))
    taken.open_pair(LegId("c"), "127.0.0.1")
    for name in ("b", "c"):
        taken.close(LegId(name))


async def test_which_address_is_announced() -> None:
    assert await hosts.resolve("127.0.0.1") == "127.0.0.1"
    assert hosts.announced("127.0.0.1") == "127.0.0.1"
    assert hosts.announced("0.0.0.0") not in hosts.EVERY
