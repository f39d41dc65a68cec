"""Alice's room with Bob in it, and Mallory before the door; each with a browser."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator

import pytest
from django.core.cache import cache
from django.test import Client, override_settings
from django.utils import timezone

from conferences import policy, selectors, services
from conferences.models import Conference, User
from conferences.policy import ParticipantKey, Role
from conferences.services import Invitee
from tests import people

PASSWORD = "correct horse battery"

SignedIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def _known_domain() -> Iterator[None]:
    cache.clear()
    with override_settings(SIP_DOMAIN=people.DOMAIN, BASE_URL="http://parley.test:8000"):
        yield


def _person(username: str, *, is_organizer: bool = False) -> User:
    return services.create_user(
        username=username,
        password=PASSWORD,
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
def signed_in(db: None) -> SignedIn:
    """A browser in which somebody is signed in."""

    def browser(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return browser


@pytest.fixture
def room(alice: User, bob: User) -> Conference:
    """A standing room to which Bob is invited."""
    return services.book(
        organizer=alice, name="planning", title="Planning", invitees=[Invitee(uri="bob")]
    )


@pytest.fixture
def open_room(alice: User) -> Conference:
    """A standing room that takes guests, with a PIN."""
    return services.book(
        organizer=alice,
        name="open",
        title="Open house",
        admission=policy.Admission.OPEN,
        pin="4711",
    )


@pytest.fixture
def tomorrow(alice: User, bob: User) -> Conference:
    """A booking that has not opened yet and takes guests."""
    return services.book(
        organizer=alice,
        title="Review",
        starts_at=timezone.now() + datetime.timedelta(days=1),
        duration_minutes=60,
        timezone="Europe/Berlin",
        admission=policy.Admission.OPEN,
        invitees=[Invitee(uri="bob")],
    )


def next_june() -> datetime.datetime:
    """Noon of a day to come, far from a change of the clocks."""
    return datetime.datetime(timezone.now().year + 1, 6, 7, 12, tzinfo=datetime.UTC)


@pytest.fixture
def daily(alice: User, bob: User) -> Conference:
    """Five days at two in the afternoon in Berlin; Bob is invited."""
    return services.book(
        organizer=alice,
        name="daily",
        title="Daily",
        starts_at=next_june(),
        duration_minutes=60,
        timezone="Europe/Berlin",
        rrule="FREQ=DAILY;COUNT=5",
        invitees=[Invitee(uri="bob")],
    )


def join(
    conference: Conference,
    username: str,
    *,
    role: Role = Role.PARTICIPANT,
    endpoint: str = "",
) -> ParticipantKey:
    """Put somebody on the roster, as the gateway does."""
    key = ParticipantKey(f"{conference.name}-{username}")
    services.participant_joined(
        conference=conference.key,
        key=key,
        entity=selectors.aor(username),
        display_text=username.title(),
        role=role,
        endpoint=endpoint or f"sip:{username}@192.0.2.1",
        joining_method="dialed-in",
        at=timezone.now().timestamp(),
    )
    return key


def shown_link(page: str) -> str:
    """The path of the first link to an account that a page offers to copy."""
    found = re.search(r'data-copy="http://parley\.test:8000(/welcome/[^"]+)"', page)
    assert found is not None, "no link is on the page"
    return found[1]
