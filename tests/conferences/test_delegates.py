"""Delegates: they book for somebody, command what they were given, and nothing else."""

from __future__ import annotations

import datetime

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from conferences import policy, selectors, services
from conferences.models import Conference, Delegation, User
from conferences.policy import Role
from conferences.services import Refused
from tests import people
from tests.conferences.conftest import Joined
from tests.conferences.test_api import Api


def role(conference: Conference, username: str) -> Role | None:
    snapshot = selectors.snapshot(conference.key)
    assert snapshot is not None
    return snapshot.roles.get(people.address(username))


def test_a_delegate_books_for_her_and_the_history_says_so(alice: User, bob: User) -> None:
    services.make_delegate(owner=alice, username=" BOB ")
    row = services.book(organizer=alice, by=bob, title="Board")
    assert (row.organizer, row.booked_by) == (alice, bob)
    event = row.events.get(kind="booked")
    assert (event.actor, event.target) == (people.BOB.uri, people.ALICE.uri)
    assert role(row, "bob") is Role.CO_ORGANIZER
    services.change(conference=row, actor=people.BOB.uri, title="The board")
    assert row.events.get(kind="changed").actor == people.BOB.uri


def test_what_she_booked_herself_is_not_his_unless_she_says_so(alice: User, bob: User) -> None:
    hers = services.book(organizer=alice, title="Private", pin="4711")
    services.make_delegate(owner=alice, username="bob")
    assert role(hers, "bob") is None
    assert hers not in selectors.visible_to(bob, delegated=True)
    services.make_delegate(owner=alice, username="bob", everything=True)
    assert role(hers, "bob") is Role.CO_ORGANIZER
    assert hers in selectors.visible_to(bob, delegated=True)
    assert Delegation.objects.count() == 1


def test_what_another_delegate_booked_is_not_his(alice: User, bob: User, carol: User) -> None:
    for username in ("bob", "carol"):
        services.make_delegate(owner=alice, username=username)
    row = services.book(organizer=alice, by=carol, title="Carol's doing")
    assert role(row, "bob") is None
    assert role(row, "carol") is Role.CO_ORGANIZER
    assert list(selectors.delegated_to(bob)) == []


def test_who_is_dismissed_has_nothing_any_more(alice: User, bob: User) -> None:
    services.make_delegate(owner=alice, username="bob", everything=True)
    row = services.book(organizer=alice, by=bob, title="Board")
    services.dismiss_delegate(owner=alice, username="bob")
    assert role(row, "bob") is None
    assert row not in selectors.visible_to(bob, delegated=True)
    with pytest.raises(Refused):
        services.book(organizer=alice, by=bob, title="Again")
    with pytest.raises(Refused):
        services.dismiss_delegate(owner=alice, username="bob")


def test_mallory_books_for_nobody(alice: User, bob: User, mallory: User) -> None:
    services.make_delegate(owner=alice, username="bob")
    with pytest.raises(Refused):
        services.book(organizer=alice, by=mallory, title="Hers?")
    # Nor does Alice for Bob, who let her do nothing.
    with pytest.raises(Refused):
        services.book(organizer=bob, by=alice, title="His?")
    assert not Conference.objects.exists()


def test_a_delegate_may_no_more_than_whom_he_books_for(alice: User, bob: User) -> None:
    services.make_delegate(owner=alice, username="bob")
    services.let_book(user=alice, may_book=False)
    assert selectors.books_for(bob) == []
    with pytest.raises(Refused):
        services.book(organizer=alice, by=bob, title="Board")
    with pytest.raises(Refused):
        services.make_delegate(owner=alice, username="bob")


def test_her_quota_counts(alice: User, bob: User) -> None:
    User.objects.filter(pk=alice.pk).update(ports_quota=5)
    services.make_delegate(owner=alice, username="bob")
    with pytest.raises(ValidationError, match="your quota of 5"):
        services.book(organizer=alice, by=bob, title="Board", max_participants=6)


def test_who_is_no_delegate(alice: User, bob: User) -> None:
    for username in ("nobody", "alice"):
        with pytest.raises(ValidationError):
            services.make_delegate(owner=alice, username=username)
    bob.is_active = False
    bob.save()
    with pytest.raises(ValidationError):
        services.make_delegate(owner=alice, username="bob")


def test_a_delegate_who_is_switched_off_commands_nothing(alice: User, bob: User) -> None:
    services.make_delegate(owner=alice, username="bob", everything=True)
    row = services.book(organizer=alice, title="Board")
    bob.is_active = False
    bob.save()
    assert role(row, "bob") is None


def test_a_conference_that_goes_on_hears_of_it(
    live: Joined, alice: User, carol: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    monkeypatch.setattr("conferences.notices.conference_changed", told.append)
    services.make_delegate(owner=alice, username="carol", everything=True)
    services.dismiss_delegate(owner=alice, username="carol")
    assert told == [live.conference.pk, live.conference.pk]


def test_his_own_calendar_is_not_hers(alice: User, bob: User) -> None:
    services.make_delegate(owner=alice, username="bob", everything=True)
    services.book(
        organizer=alice,
        title="Board",
        starts_at=timezone.now() + datetime.timedelta(days=1),
        duration_minutes=60,
    )
    assert not selectors.calendar(bob, since=timezone.now()).exists()
    assert [row.title for row, _ in selectors.upcoming(bob, now=timezone.now())] == ["Board"]


def test_the_api(alice: User, bob: User, mallory: User) -> None:
    as_alice, as_bob, as_mallory = Api(alice), Api(bob), Api(mallory)
    assert as_alice.call("GET", "/me/delegates") == (200, {"delegates": [], "books_for": []})
    said = {"username": "bob", "everything": False}
    assert as_alice.call("PUT", "/me/delegates/bob", {"everything": False}) == (200, said)
    assert as_alice.call("PUT", "/me/delegates/nobody", {})[0] == 422
    assert as_bob.call("GET", "/me/delegates")[1]["books_for"] == ["alice"]
    status, made = as_bob.call("POST", "/conferences", {"title": "Board", "organizer": "Alice"})
    assert (status, made["organizer"]) == (201, people.ALICE.uri)
    assert as_bob.call("POST", "/conferences", {"title": "Mine"})[0] == 403
    for name in ("alice", "nobody"):
        hers = {"title": "x", "organizer": name}
        assert as_mallory.call("POST", "/conferences", hers)[0] == 403
    path = f"/conferences/{made['id']}"
    assert as_mallory.call("GET", path)[0] == 403
    assert as_bob.call("PATCH", path, {"title": "The board"})[0] == 200
    assert as_alice.call("DELETE", "/me/delegates/bob")[0] == 204
    assert as_alice.call("DELETE", "/me/delegates/bob")[0] == 404
    assert as_bob.call("GET", path)[0] == 403
    assert Api(None).call("GET", "/me/delegates")[0] == 401


def test_guests_have_no_delegates(open_room: Conference) -> None:
    guest = services.admit_guest(conference=open_room, display_name="Carol")
    identity = selectors.identity_of_guest(guest)
    snapshot = selectors.snapshot(open_room.key)
    assert snapshot is not None
    assert policy.may_change(snapshot, identity) is not None
