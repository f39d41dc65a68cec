"""What a conference is called: its URI, its Contact, its room in the mixer, its description."""

from __future__ import annotations

from conferences.policy import Snapshot
from sipgateway.focus import answers
from sipgateway.focus.conference_info import About
from sipgateway.focus.desk import Desk
from sipgateway.focus.facts import Fact, Record
from sipgateway.focus.leg import Leg
from sipgateway.media.engine import RoomId, Session
from sipgateway.sip import headers
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.uri import SipUri


class Nameplate:
    """What follows from the snapshot alone."""

    snapshot: Snapshot

    def __init__(self, desk: Desk, snapshot: Snapshot) -> None:
        self._desk = desk
        self.snapshot = snapshot

    @property
    def uri(self) -> SipUri:
        """The conference URI."""
        return self._desk.domain.uri(self.snapshot.name)

    @property
    def contact(self) -> NameAddr:
        """The one Contact of everything we send: the conference URI, `isfocus` unless hidden."""
        params: headers.Params = () if self.snapshot.hidden_focus else (("isfocus", None),)
        return NameAddr(self.uri, "", params)

    def contact_of(self, leg: Leg) -> NameAddr:
        """See `room.Room`: the same to everybody."""
        del leg
        return self.contact

    def caller_of(self, leg: Leg) -> NameAddr:
        """See `room.Room`: the conference calls."""
        del leg
        return NameAddr(self.uri, self.snapshot.title)

    @property
    def session(self) -> Session:
        """See `room.Room`."""
        return answers.session_of(self.snapshot)

    @property
    def room(self) -> RoomId:
        """The conference's room in the media engine."""
        return RoomId(f"conference-{self.snapshot.id}")

    @property
    def media_room(self) -> RoomId:
        """See `room.Room`."""
        return self.room

    @property
    def about(self) -> About:
        """What the conference package says of the conference as such."""
        return About(
            str(self.uri),
            self.snapshot.title,
            self.snapshot.max_participants,
            self.snapshot.info_uri,
        )

    def record(self, fact: Fact, now: float) -> None:
        """Write a fact down."""
        self._desk.act(Record(self.snapshot.id, fact, now))
