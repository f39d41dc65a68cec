"""Jitsi's Prosody asks whether a room may be opened, as its mod_reservations does."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.http import urlencode

from conferences import policy, services
from conferences.models import Conference, Ledger, User
from conferences.services import Invitee
from tests import people

HOUR = datetime.timedelta(hours=1)


class Prosody:
    """What the module sends, with somebody's token."""

    def __init__(self, user: User | None) -> None:
        token = services.issue_api_token(user) if user else "guess"
        self._headers: Any = {"HTTP_AUTHORIZATION": f"Bearer {token}"}
        self._client = Client()

    def opens(self, name: str, owner: str = "", **said: str) -> tuple[int, dict[str, Any]]:
        now = f"{timezone.now():%Y-%m-%dT%H:%M:%S}.000Z"
        body = urlencode({"name": name, "start_time": now, "mail_owner": owner, **said})
        kind = "application/x-www-form-urlencoded"
        answer = self._client.post("/conference", body, content_type=kind, **self._headers)
        return answer.status_code, answer.json()

    def asks(self, key: str) -> tuple[int, dict[str, Any]]:
        answer = self._client.get(f"/conference/{key}", **self._headers)
        return answer.status_code, answer.json()

    def leaves(self, key: str) -> int:
        return self._client.delete(f"/conference/{key}", **self._headers).status_code


@pytest.fixture
def prosody(alice: User) -> Prosody:
    return Prosody(alice)


def test_a_room_that_nobody_has_booked_is_booked(prosody: Prosody, alice: User) -> None:
    status, told = prosody.opens("testroom1", "1f0c@jitmeet.example.com")
    row = Conference.objects.get()
    assert status == 200
    assert (told["id"], told["name"]) == ("testroom1", "testroom1")
    assert told["mail_owner"] == "1f0c@jitmeet.example.com"
    assert told["duration"] == 3600
    assert datetime.datetime.fromisoformat(told["start_time"]) <= timezone.now()
    assert (row.organizer, row.name, row.admission) == (alice, "testroom1", "open")


def test_again_it_is_a_conflict_that_can_be_read(prosody: Prosody) -> None:
    """To recover: 409 names what GET then tells."""
    prosody.opens("testroom1")
    status, told = prosody.opens("testroom1")
    assert (status, told) == (409, {"conflict_id": "testroom1"})
    status, told = prosody.asks(told["conflict_id"])
    assert (status, told["name"], told["duration"]) == (200, "testroom1", 3600)


def test_a_booking_opens_in_its_window(prosody: Prosody, alice: User) -> None:
    services.book(
        organizer=alice,
        name="review",
        title="Review",
        starts_at=timezone.now() + 0.5 * HOUR,
        duration_minutes=45,
        early_minutes=60,
        grace_minutes=15,
        max_participants=7,
        admission=policy.Admission.OPEN,
    )
    assert prosody.opens("Review")[0] == 409
    status, told = prosody.asks("review")
    assert (status, told["duration"], told["max_occupants"]) == (200, 2 * 3600, 7)


def test_before_its_window_it_says_when(prosody: Prosody, alice: User) -> None:
    services.book(
        organizer=alice,
        name="review",
        title="Review",
        starts_at=timezone.now() + 5 * HOUR,
        admission=policy.Admission.OPEN,
    )
    status, told = prosody.opens("review")
    assert status == 403
    assert told["message"].startswith("It opens at ")


def test_the_list_holds_there_too(prosody: Prosody, alice: User, bob: User, mallory: User) -> None:
    services.book(
        organizer=alice, name="closed", title="Closed", invitees=[Invitee(people.BOB.uri)]
    )
    bob.email = "bob@example.org"
    bob.save()
    not_invited = (403, {"message": "You are not invited to this conference."})
    assert prosody.opens("closed", "stranger@jitmeet.example.com") == not_invited
    assert prosody.opens("closed", "mallory") == not_invited
    assert prosody.opens("closed", "BOB@example.org")[0] == 409
    assert Prosody(mallory).asks("closed")[0] == 404


def test_an_empty_room_is_over_and_can_be_opened_again(prosody: Prosody) -> None:
    prosody.opens("testroom1")
    row = Conference.objects.get()
    earlier = timezone.now() - 0.5 * HOUR
    Conference.objects.update(starts_at=earlier)
    assert prosody.leaves("testroom1") == 204
    row.refresh_from_db()
    assert row.duration_minutes == 30
    status, told = prosody.opens("testroom1")
    assert (status, told["duration"]) == (200, 3600)
    assert Conference.objects.count() == 1


def test_what_is_over_is_no_room_for_a_day(prosody: Prosody, alice: User) -> None:
    now = timezone.now()
    row = services.book(organizer=alice, title="Talk", name="talk", starts_at=now + HOUR)
    assert prosody.asks("talk")[0] == 200
    services.cancel(conference=row, actor="sip:alice@parley.test")
    assert prosody.asks("talk") == (404, {"message": "This conference is over."})


def test_an_empty_room_that_was_booked_stays_booked(prosody: Prosody, alice: User) -> None:
    row = services.book(organizer=alice, name="weekly", title="Weekly")
    assert prosody.leaves("weekly") == 204
    row.refresh_from_db()
    assert (row.cancelled_at, row.ended_at) == (None, None)
    assert prosody.leaves("nothing") == 404


def test_rooms_of_a_tenant(prosody: Prosody) -> None:
    status, told = prosody.opens("[school]maths")
    assert (status, told["id"], told["name"]) == (200, "school~maths", "[school]maths")
    assert Conference.objects.get().name == "school-maths"
    assert prosody.asks("school~maths")[1]["name"] == "[school]maths"
    assert prosody.opens("[school]maths") == (409, {"conflict_id": "school~maths"})


def test_refusals_have_a_message(prosody: Prosody, bob: User) -> None:
    Ledger.objects.update_or_create(pk=Ledger.ONLY, defaults={"ports": 5})
    status, told = prosody.opens("testroom1")
    assert status == 403
    assert told["message"]
    assert prosody.opens("no such name!")[0] == 403
    assert prosody.opens("")[0] == 400
    assert prosody.opens("room", start_time="tomorrow")[0] == 400
    assert prosody.opens("room", start_time="2048-04-20T17:55:12.000Z")[0] == 403
    status, told = Prosody(bob).opens("testroom1")
    assert (status, told["message"]) == (403, "This token may not book conferences.")
    assert not Conference.objects.exists()


@pytest.mark.usefixtures("still")
def test_only_a_token_opens(alice: User) -> None:
    stranger = Prosody(None)
    assert stranger.opens("testroom1")[0] == 401
    assert [stranger.asks("testroom1")[0] for _ in range(70)][-1] == 429
    assert Client().post("/conference", {"name": "x"}).status_code in (401, 429)
    assert not Conference.objects.exists()


def test_mallory_ends_nothing(prosody: Prosody, mallory: User) -> None:
    prosody.opens("testroom1")
    assert Prosody(mallory).leaves("testroom1") == 403
