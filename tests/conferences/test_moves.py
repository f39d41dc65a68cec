"""Taking one's call to another phone of one's own (RFC 4579 5.9), by the REST API."""

from __future__ import annotations

import pytest
from django.test import Client

from conferences import services
from conferences.models import Call, Conference, Endpoint, Registration, User
from tests.conferences.conftest import Joined
from tests.conferences.test_api import Api
from tests.conferences.test_registrations import BROWSER, DESK
from tests.people import BOB


@pytest.fixture(params=["sip:x@y.invalid;transport=ws;ob", f"{BOB.uri};gr=urn:uuid:a"])
def phones(live: Joined, bob: User, request: pytest.FixtureRequest) -> dict[str, int]:
    """Bob is in the call by his browser; his desk phone is registered, too."""
    services.keep_registrations(gateway="host:1:a", entries=[DESK, BROWSER])
    endpoint = Endpoint.objects.filter(participant__entity=BOB.uri)
    endpoint.update(uri=request.param)
    return {row.user_agent: row.pk for row in Registration.objects.all()}


def _path(conference: Conference, what: str) -> str:
    return f"/conferences/{conference.name}/{what}"


def test_the_other_phones_are_offered_and_one_is_called(
    live: Joined, phones: dict[str, int], bob: User
) -> None:
    status, told = Api(bob).call("GET", _path(live.conference, "phones"))
    assert (status, [one["user_agent"] for one in told["phones"]]) == (200, ["Desk 1.0"])
    chosen = {"phone": phones["Desk 1.0"]}
    status, job = Api(bob).call("POST", _path(live.conference, "move"), chosen)
    assert (status, job["state"]) == (202, "due")
    call = Call.objects.get()
    assert (call.uri, call.phone, call.takes_over) == (BOB.uri, DESK.contact, True)
    Call.objects.update(state="calling")
    (order,) = live.snapshot().calls
    assert (order.phone, order.takes_over) == (DESK.contact, True)


def test_only_to_a_phone_of_ones_own_that_is_not_in_the_call(
    live: Joined, phones: dict[str, int], bob: User, alice: User
) -> None:
    path = _path(live.conference, "move")
    assert Api(bob).call("POST", path, {"phone": phones["Browser"]})[0] == 404
    assert Api(bob).call("POST", path, {"phone": 0})[0] == 404
    assert Api(bob).call("POST", path, {})[0] == 422
    assert Api(alice).call("POST", path, {"phone": phones["Desk 1.0"]})[0] == 404
    assert not Call.objects.exists()


def test_who_is_not_in_it_has_nothing_to_take(
    live: Joined, phones: dict[str, int], bob: User, mallory: User
) -> None:
    chosen = {"phone": phones["Desk 1.0"]}
    assert Api(mallory).call("GET", _path(live.conference, "phones"))[0] == 403
    assert Api(mallory).call("POST", _path(live.conference, "move"), chosen)[0] == 403
    live.leave(BOB)
    assert Api(bob).call("GET", _path(live.conference, "phones"))[1] == {"phones": []}
    assert Api(bob).call("POST", _path(live.conference, "move"), chosen)[0] == 403
    assert not Call.objects.exists()


def test_the_room_offers_it_to_people_with_phones(
    live: Joined, bob: User, open_room: Conference
) -> None:
    browser = Client()
    browser.force_login(bob)
    assert 'id="move"' in browser.get(f"/c/{live.conference.name}/").content.decode()
    assert 'id="move"' not in Client().get(f"/c/{open_room.name}/").content.decode()
