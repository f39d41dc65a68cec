"""What those who are in hear: who comes and goes, music while alone, what has changed.

People on a page read most of it there; what is played to all reaches them,
too. A leg can be told something with a step that follows when it has heard it
(`say_then`); the step is taken once, also where nothing is heard of the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from conferences import policy
from conferences.policy import Announce, Recorded, RecordingOrder, Role, Snapshot
from sipgateway.focus import phrases
from sipgateway.focus.actions import Play, PlayRoom
from sipgateway.focus.desk import Desk
from sipgateway.focus.leg import Leg, Words
from sipgateway.media.engine import LegId, RoomId


class Host(Protocol):
    """The conference in which it is said."""

    @property
    def snapshot(self) -> Snapshot:
        """What it is meant to be."""

    @property
    def room(self) -> RoomId:
        """Its room in the media engine."""


def say_then(
    desk: Desk, leg: Leg, script: str, then: Callable[[float], None], *, until: float
) -> None:
    """Play a script to a leg; `then` follows when it is over, at the latest at `until`."""
    words = leg.words = Words(script, then)
    desk.act(Play(leg.id, script))

    def patience(now: float) -> None:
        if leg.words is words:
            leg.words = None
            then(now)

    desk.later(until, patience)


class Announcer:
    """See the module."""

    def __init__(self, desk: Desk, host: Host) -> None:
        self._desk = desk
        self._host = host
        self._music: set[LegId] = set()

    def script(self, *names: str) -> str:
        """Names of prompts in the language of the conference."""
        return phrases.script(self._host.snapshot.language, *names)

    def say(self, leg: Leg, *names: str) -> None:
        """To one."""
        self._desk.act(Play(leg.id, self.script(*names)))

    def say_all(self, *names: str) -> None:
        """To all who are in."""
        self._desk.act(PlayRoom(self._host.room, self.script(*names)))

    # -- coming and going ----------------------------------------------------

    def comes(self, leg: Leg, *, new: bool, count: int) -> None:
        """Somebody is about to be in, with `count` others; `new` says he is not in yet."""
        snapshot = self._host.snapshot
        if not count or not new or count >= snapshot.quiet_from:
            return
        if snapshot.announce is Announce.NAMES and leg.named:
            self.say_all(f"@{leg.id}", "has-joined")
        elif snapshot.announce is not Announce.NOTHING:
            self.say_all("entry")

    def arrived(self, leg: Leg, role: Role, *, alone: bool) -> None:
        """He is in; what a phone without a page has to be told."""
        snapshot = self._host.snapshot
        names = [] if leg.flow.web or not alone else ["first"]
        if role is Role.LISTENER and not leg.flow.web:
            names.append("listener")
        if snapshot.recording is not None and not snapshot.recording.paused:
            names += ["recording-on", *_tracks(snapshot.recording)]
            if leg.participant and not policy.may_be_kept(snapshot, leg.participant):
                names.append("agree")
        if leg.greeting:
            names, leg.greeting = [*leg.greeting, *names], ()
        if alone and snapshot.music and not leg.flow.web:
            self._music.add(leg.id)
            names.append("music")
        if names:
            self.say(leg, *names)

    def left(self, legs: Iterable[Leg], *, count: int) -> None:
        """Somebody went of himself, and so many are still in."""
        snapshot = self._host.snapshot
        if snapshot.announce is Announce.NOTHING or not 0 < count < snapshot.quiet_from:
            return
        named = next((leg for leg in legs if leg.named), None)
        if snapshot.announce is Announce.NAMES and named is not None:
            self.say_all(f"@{named.id}", "has-left")
        else:
            self.say_all("exit")

    def company(self, here: Iterable[Leg], *, alone: bool) -> None:
        """Whether those who are in are one alone has changed: music for a phone, or no more."""
        if not alone:
            for leg in here:
                if leg.id in self._music:
                    self._desk.act(Play(leg.id, ""))
            self._music.clear()
            return
        for leg in here:
            if self._host.snapshot.music and not leg.flow.web and leg.id not in self._music:
                self._music.add(leg.id)
                self.say(leg, "music")

    # -- what has changed ----------------------------------------------------

    def floor_changed(self, before: Snapshot, after: Snapshot, legs: Iterable[Leg]) -> None:
        """Who has no page hears that a moderator asks him to speak, or that a hand is up."""
        asked = after.asked_to_speak - before.asked_to_speak
        lifted, lowered = after.hands - before.hands, before.hands - after.hands
        for leg in legs:
            if not leg.joined or leg.flow.web:
                continue
            if leg.participant in asked:
                self.say(leg, "speak-up")
            if leg.participant in lifted:
                self.say(leg, "hand-raised")
            elif leg.participant in lowered:
                self.say(leg, "hand-lowered")
            elif lifted and policy.may_command(after, leg.identity) is None:
                self.say(leg, "hand")

    def changed(self, before: Snapshot, after: Snapshot) -> None:
        """What all are told of."""
        if before.locked != after.locked:
            self.say_all("conference-locked" if after.locked else "conference-unlocked")
        was, now = before.recording, after.recording
        if was == now:
            return
        if now is None:
            self.say_all("recording-stopped")
        elif now.paused:
            self.say_all("recording-paused")
        else:
            asks = ("agree",) if after.recorded is Recorded.AGREED else ()
            self.say_all("recording-started", *_tracks(now), *asks)


def _tracks(recording: RecordingOrder) -> tuple[str, ...]:
    return ("recording-tracks",) if recording.tracks else ()
