"""Alice's room with Bob in it, and Mallory before the door."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.test import override_settings
from django.utils import timezone

from conferences import policy, selectors, services
from conferences.models import Conference, User
from conferences.policy import ParticipantKey
from conferences.services import Invitee
from tests import people

#: One moment, in the future of nobody: tests that need a clock hand it in.
NOW = datetime.datetime(2026, 3, 2, 9, 0, tzinfo=datetime.UTC)


@pytest.fixture(autouse=True)
def _known_domain() -> Iterator[None]:
    with override_settings(SIP_DOMAIN=people.DOMAIN):
        yield


def _person(username: str, *, is_organizer: bool = False) -> User:
    return services.create_user(
        username=username,
        password="a password",
        display_name=username.title(),
        is_organizer=is_organizer,
    )


@pytest.fixture
def alice(db: None) -> User:
    return _person("alice", is_organizer=True)


@pytest.fixture
def bob(db: None) -> User:
    return _person("bob")


@pytest.fixture
def carol(db: None) -> User:
    return _person("carol")


@pytest.fixture
def mallory(db: None) -> User:
    """Has an account and may even book, but was not invited."""
    return _person("mallory", is_organizer=True)


@pytest.fixture
def room(alice: User, bob: User) -> Conference:
    """A standing room: Alice organizes, Bob is invited."""
    return services.book(organizer=alice, title="Weekly", invitees=[Invitee(people.BOB.uri)])


@pytest.fixture
def open_room(alice: User) -> Conference:
    return services.book(organizer=alice, title="Open house", admission=policy.Admission.OPEN)


@dataclass(frozen=True)
class Joined:
    """A conference with people in it, served by "focus"."""

    conference: Conference

    def key(self, who: policy.Identity) -> ParticipantKey:
        return ParticipantKey(f"{who.display_name.lower()}-{self.conference.pk}")

    def join(
        self,
        who: policy.Identity,
        role: policy.Role = policy.Role.PARTICIPANT,
        *,
        private: bool = False,
    ) -> None:
        services.participant_joined(
            conference=self.conference.key,
            key=self.key(who),
            entity=who.uri,
            display_text=who.display_name,
            role=role,
            endpoint=f"sip:{who.display_name.lower()}@phone.invalid",
            joining_method="dialed-in",
            at=timezone.now().timestamp(),
            private=private,
        )

    def leave(self, who: policy.Identity, *, method: str = "departed", by: str = "") -> None:
        services.participant_left(
            conference=self.conference.key,
            key=self.key(who),
            method=method,
            by=by,
            reason="",
            at=timezone.now().timestamp(),
        )

    def snapshot(self) -> policy.Snapshot:
        found = selectors.snapshot(self.conference.key)
        assert found is not None
        return found

    def history(self) -> list[tuple[str, str, str]]:
        """(kind, actor, target) of what happened, without the booking itself."""
        lines = selectors.events(self.conference).exclude(kind="booked")
        return [(line.kind, line.actor, line.target) for line in lines]


@pytest.fixture
def live(room: Conference) -> Joined:
    """Alice's room with her and Bob in it, served by a focus."""
    now = timezone.now().timestamp()
    services.take_lease(conference=room.key, owner="focus", until=now + 60, now=now)
    joined = Joined(room)
    joined.join(people.ALICE, policy.Role.ORGANIZER)
    joined.join(people.BOB)
    return joined
