"""The REST API: every call, and Mallory refused at each."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from conferences import policy, selectors, services
from conferences.models import Call, CallState, Conference, OccurrenceAnswer, Removal, User, Way
from conferences.services import Invitee
from tests.conferences.conftest import Joined
from tests.people import ALICE, BOB, CAROL

HOUR = datetime.timedelta(hours=1)


class Api:
    """The API as one person, by token."""

    def __init__(self, user: User | None) -> None:
        token = services.issue_api_token(user) if user else ""
        self.headers: Mapping[str, str] = {"Authorization": f"Bearer {token}"} if token else {}
        self.client = Client()

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        response = self.response(method, path, body)
        return response.status_code, json.loads(response.content) if response.content else None

    def response(self, method: str, path: str, body: object = None) -> HttpResponse:
        response: Any = self.client.generic(
            method,
            f"/api/v1{path}",
            b"" if body is None else json.dumps(body).encode(),
            content_type="application/json",
            headers=dict(self.headers),
        )
        assert isinstance(response, HttpResponse)
        return response


@pytest.fixture
def as_alice(alice: User) -> Api:
    return Api(alice)


@pytest.fixture
def as_bob(bob: User) -> Api:
    return Api(bob)


@pytest.fixture
def as_mallory(mallory: User) -> Api:
    return Api(mallory)


#: Every call about one conference: method, path under it, body.
CALLS: list[tuple[str, str, object]] = [
    ("GET", "", None),
    ("PATCH", "", {"title": "Mine"}),
    ("DELETE", "", None),
    ("GET", "/participants", None),
    ("POST", "/participants", {"uri": "sip:mallory@conf.test"}),
    ("DELETE", "/participants/{bob}", None),
    ("POST", "/participants/remove", {"participants": ["{bob}"]}),
    ("POST", "/mute", {"participant": "{bob}"}),
    ("POST", "/mute", None),
    ("POST", "/unmute", {"participant": "{bob}"}),
    ("POST", "/lock", None),
    ("POST", "/unlock", None),
    ("POST", "/end", None),
    ("GET", "/events", None),
    ("POST", "/hand", {"participant": "{bob}", "raised": False}),
    ("POST", "/ask-to-speak", {"participant": "{bob}"}),
    ("GET", "/recordings", None),
    ("POST", "/recordings", None),
    ("POST", "/recordings/pause", None),
    ("POST", "/recordings/stop", None),
]
#: Calls about the times of a series.
TIMES: list[tuple[str, str, object]] = [
    ("POST", "/extend", {"minutes": 15}),
    ("GET", "/occurrences", None),
    ("GET", "/occurrences/20260302T080000Z", None),
    ("GET", "/occurrences/20260302T080000Z/events", None),
    ("PATCH", "/occurrences/20260302T080000Z", {"title": "Mine"}),
    ("DELETE", "/occurrences/20260302T080000Z", None),
    ("POST", "/occurrences/20260302T080000Z/restore", None),
    ("PATCH", "/occurrences/20260302T080000Z/following", {"title": "Mine"}),
    ("DELETE", "/occurrences/20260302T080000Z/following", None),
]


def _try(api: Api, live: Joined, call: tuple[str, str, object]) -> tuple[int, Any]:
    method, path, body = call
    text = json.dumps(body).replace("{bob}", live.key(BOB))
    path = path.replace("{bob}", live.key(BOB))
    return api.call(method, f"/conferences/{live.conference.name}{path}", json.loads(text))


@pytest.mark.parametrize("call", CALLS + TIMES, ids=lambda call: f"{call[0]} {call[1]}")
def test_mallory_is_refused(live: Joined, as_mallory: Api, call: tuple[str, str, object]) -> None:
    before = (live.snapshot(), live.history())
    status, problem = _try(as_mallory, live, call)
    assert status == 403
    assert problem["status"] == 403
    assert problem["title"] == "Forbidden"
    assert problem["refusal"] == "not-invited" or problem["refusal"] == "not-allowed"
    assert (live.snapshot(), live.history()) == before
    assert not Removal.objects.exists()
    assert not Call.objects.exists()


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call[0]} {call[1]}")
def test_nobody_gets_in_without_a_token(live: Joined, call: tuple[str, str, object]) -> None:
    response = Api(None).response(call[0], f"/conferences/{live.conference.name}{call[1]}")
    assert response.status_code == 401
    assert response["Content-Type"] == "application/problem+json"
    assert response["WWW-Authenticate"].startswith("Bearer")
    wrong = Api(None)
    wrong.headers = {"Authorization": "Bearer guessed"}
    assert wrong.response("GET", "/conferences").status_code == 401


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call[0]} {call[1]}")
def test_what_is_not_there(as_alice: Api, call: tuple[str, str, object]) -> None:
    status, problem = as_alice.call(call[0], f"/conferences/4711{call[1]}", call[2])
    assert (status, problem["status"]) == (404, 404)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call[0]} {call[1]}")
def test_alice_may(live: Joined, as_alice: Api, call: tuple[str, str, object]) -> None:
    status, _ = _try(as_alice, live, call)
    assert status in {200, 201, 202, 204}


def test_book_and_read(as_alice: Api, as_bob: Api, bob: User) -> None:
    # At noon, which no clock shows twice: of such hours a series takes the first.
    start = (timezone.now() + 24 * HOUR).replace(hour=12, minute=0, second=0, microsecond=0)
    said = {
        "title": "Planning",
        "id": "Planning",
        "starts_at": start.isoformat(),
        "duration_minutes": 45,
        "timezone": "Europe/Berlin",
        "rrule": "FREQ=WEEKLY;COUNT=3",
        "pin": "4711",
        "max_participants": 10,
        "invitees": [
            {"uri": "sip:bob@conf.test", "role": "moderator"},
            {"email": "carol@example.com", "role": "participant", "dial_out": False},
        ],
        "policy": {"admission": "signed-in", "grace_minutes": 5},
    }
    response = as_alice.response("POST", "/conferences", said)
    assert response.status_code == 201
    booked = json.loads(response.content)
    assert response["Location"].endswith("/api/v1/conferences/planning")
    assert booked["id"] == "planning"
    assert booked["uri"] == "sip:planning@conf.test"
    assert booked["url"].endswith("/c/planning/")
    assert datetime.datetime.fromisoformat(booked["starts_at"]) == start
    assert booked["policy"]["admission"] == "signed-in"
    assert booked["policy"]["grace_minutes"] == 5
    assert [one["role"] for one in booked["invitees"]] == ["moderator", "participant"]
    assert as_alice.call("GET", "/conferences/PLANNING") == (200, booked)
    status, seen = as_bob.call("GET", "/conferences/planning")
    assert (status, seen["pin"], len(seen["invitees"])) == (200, "4711", 2)


def test_the_pin_is_for_those_on_the_list(open_room: Conference, as_bob: Api) -> None:
    services.change(conference=open_room, actor=ALICE.uri, pin="4711")
    status, seen = as_bob.call("GET", f"/conferences/{open_room.name}")
    assert status == 200
    assert seen["pin_required"]
    assert "pin" not in seen
    assert "invitees" not in seen


def test_who_may_not_book(as_bob: Api) -> None:
    assert as_bob.call("POST", "/conferences", {"title": "Mine"})[0] == 403


@pytest.mark.parametrize(
    ("said", "status", "field"),
    [
        ({}, 422, "title"),
        ({"title": ""}, 422, "title"),
        ({"title": "T", "pin": "x"}, 422, "pin"),
        ({"title": "T", "starts_at": "tomorrow"}, 422, "starts_at"),
        ({"title": "T", "starts_at": "2020-01-01T00:00:00Z"}, 422, "starts_at"),
        ({"title": "T", "max_participants": 0}, 422, "max_participants"),
        ({"title": "T", "invitees": [{"role": "king"}]}, 422, "invitees.0.role"),
        ({"title": "T", "invitees": [{"uri": "x y"}]}, 422, "invitees"),
        ({"title": "T", "colour": "red"}, 422, "colour"),
        ({"title": "T", "policy": {"admission": "all"}}, 422, "policy.admission"),
        ({"title": "T", "starts_at": "9999-12-31T23:59:00Z"}, 422, "starts_at"),
        ({"title": "T", "starts_at": "0001-01-01T00:00:00+14:00"}, 422, "starts_at"),
        (
            {"title": "T", "starts_at": "2099-01-01T00:00Z", "policy": {"early_minutes": -1}},
            422,
            "policy.early_minutes",
        ),
        ({"title": "T", "id": "conference-app"}, 422, "id"),
        ({"title": "T", "id": "taken"}, 409, "id"),
        ([], 422, "body"),
    ],
)
def test_a_problem_says_what_to_mend(
    as_alice: Api, alice: User, said: object, status: int, field: str
) -> None:
    services.book(organizer=alice, title="T", name="taken")
    response = as_alice.response("POST", "/conferences", said)
    problem = json.loads(response.content)
    assert (response.status_code, problem["status"]) == (status, status)
    assert response["Content-Type"] == "application/problem+json"
    assert problem["title"]
    assert [one["field"] for one in problem["errors"]] == [field]
    assert all(one["detail"] for one in problem["errors"])


@pytest.mark.parametrize(
    "starts_at", ["9999-12-31T23:59Z", "9999-12-31T23:59-12:00", "0001-01-01T00:00+14:00"]
)
def test_a_booking_is_not_moved_out_of_time(
    starts_at: str, room: Conference, as_alice: Api
) -> None:
    path = f"/conferences/{room.name}"
    status, problem = as_alice.call("PATCH", path, {"starts_at": starts_at})
    assert (status, problem["errors"][0]["field"]) == (422, "starts_at")
    status, problem = as_alice.call("GET", "/conferences?from=0001-01-01T00:00%2B14:00")
    assert (status, problem["errors"][0]["field"]) == (422, "from")


def test_an_unexpected_error_is_a_problem_document_too(
    as_alice: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(services, "book", broken)
    response = as_alice.response("POST", "/conferences", {"title": "T"})
    assert response.status_code == 500
    assert response["Content-Type"] == "application/problem+json"
    assert b"a fault of ours" not in response.content
    assert "a fault of ours" in caplog.text


def test_an_address_that_cannot_be_called_is_told_at_its_field(
    room: Conference, as_alice: Api
) -> None:
    body = {"uri": f"sip:{'x' * 600}@y.example"}
    status, problem = as_alice.call("POST", f"/conferences/{room.name}/participants", body)
    assert (status, problem["errors"][0]["field"]) == (422, "uri")


def test_a_cancelled_booking_is_not_changed(room: Conference, as_alice: Api) -> None:
    services.cancel(conference=room, actor=ALICE.uri)
    status, problem = as_alice.call("PATCH", f"/conferences/{room.name}", {"title": "T"})
    assert (status, problem["detail"]) == (422, "This conference is cancelled.")
    assert "errors" not in problem


def test_what_is_not_json(as_alice: Api) -> None:
    response = as_alice.client.post(
        "/api/v1/conferences", b"{", content_type="application/json", headers=dict(as_alice.headers)
    )
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"


def test_addresses_and_methods_that_are_not_there(as_alice: Api) -> None:
    response = as_alice.response("GET", "/nothing")
    assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")
    response = as_alice.response("PUT", "/conferences")
    assert (response.status_code, response["Content-Type"]) == (405, "application/problem+json")
    assert set(response["Allow"].split(", ")) == {"GET", "POST"}


def test_change_some_of_it(room: Conference, as_alice: Api, as_bob: Api) -> None:
    path = f"/conferences/{room.name}"
    status, changed = as_alice.call(
        "PATCH", path, {"title": "Daily", "policy": {"hidden_focus": True}}
    )
    assert (status, changed["title"], len(changed["invitees"])) == (200, "Daily", 1)
    assert changed["policy"]["hidden_focus"]
    assert as_bob.call("PATCH", path, {"title": "Mine"})[0] == 403
    status, problem = as_alice.call("PATCH", path, {"pin": "1"})
    assert (status, problem["errors"][0]["field"]) == (422, "pin")


def test_cancel(room: Conference, as_alice: Api, as_bob: Api) -> None:
    path = f"/conferences/{room.name}"
    assert as_bob.call("DELETE", path)[0] == 403
    assert as_alice.call("DELETE", path) == (204, None)
    status, seen = as_alice.call("GET", path)
    assert (status, seen["cancelled"], seen["over"]) == (200, True, True)
    assert as_alice.call("GET", "/conferences")[1]["count"] == 0


def test_list_with_a_window(alice: User, as_alice: Api, as_mallory: Api) -> None:
    start = (timezone.now() + HOUR).replace(microsecond=0)
    services.book(organizer=alice, title="Once", starts_at=start)
    services.book(organizer=alice, title="Weekly", starts_at=start, rrule="FREQ=WEEKLY")
    services.book(organizer=alice, title="Room")

    def titles(**window: datetime.datetime) -> set[str]:
        query = "&".join(f"{key}={at:%Y-%m-%dT%H:%M:%SZ}" for key, at in window.items())
        status, found = as_alice.call("GET", f"/conferences?{query}")
        assert status == 200
        return {one["title"] for one in found["conferences"]}

    week = datetime.timedelta(days=7)
    assert titles() == {"Once", "Weekly", "Room"}
    assert titles(**{"from": start, "to": start + HOUR}) == {"Once", "Weekly", "Room"}
    assert titles(**{"from": start + HOUR}) == {"Weekly", "Room"}
    assert titles(**{"from": start + HOUR, "to": start + week}) == {"Room"}
    assert titles(**{"from": start + week, "to": start + week + HOUR}) == {"Weekly", "Room"}
    assert titles(to=start) == {"Room"}
    _, page = as_alice.call("GET", "/conferences?page=2&page_size=2")
    assert (page["count"], page["pages"], len(page["conferences"])) == (3, 2, 1)
    assert as_alice.call("GET", "/conferences?page=3&page_size=2")[1]["conferences"] == []
    assert as_alice.call("GET", "/conferences?page=0")[0] == 422
    assert as_mallory.call("GET", "/conferences")[1]["count"] == 0


@pytest.mark.parametrize("rows", [1, 20])
def test_what_a_list_costs(
    alice: User, as_alice: Api, rows: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """The token, the rows, their invitations and the people on them; however many."""
    for _ in range(rows):
        services.book(organizer=alice, title="Room", invitees=[Invitee("alice")])
    with django_assert_num_queries(6):
        assert as_alice.call("GET", "/conferences")[1]["count"] == rows


def test_the_roster(live: Joined, as_bob: Api) -> None:
    status, roster = as_bob.call("GET", f"/conferences/{live.conference.name}/participants")
    assert status == 200
    assert [one.pop("you") for one in roster["participants"]] == [False, True]
    assert roster == selectors.roster(live.conference)


def test_the_roster_names_nobody_who_wants_to_be_anonymous(
    live: Joined, as_alice: Api, as_bob: Api
) -> None:
    """C28: Alice commands and sees who it is, Bob does not, unless it is himself."""
    live.join(CAROL, private=True)
    path = f"/conferences/{live.conference.name}/participants"
    (seen,) = as_alice.call("GET", path)[1]["participants"][2:]
    assert (seen["entity"], seen["display_text"]) == (CAROL.uri, "Carol")
    (seen,) = as_bob.call("GET", path)[1]["participants"][2:]
    assert seen["entity"] == policy.alias(live.key(CAROL))
    assert seen["display_text"] == "Anonymous"
    assert "carol@" not in json.dumps(seen)


def test_what_happened_to_whom_nobody_may_know(live: Joined, as_alice: Api) -> None:
    live.join(CAROL, private=True)
    path = f"/conferences/{live.conference.name}"
    assert as_alice.call("PATCH", path, {"policy": {"anonymity": "strict"}})[0] == 200
    history = as_alice.call("GET", f"{path}/events")[1]["events"]
    assert CAROL.uri not in json.dumps(history)
    (joined,) = [one for one in history if one["target"] == policy.alias(live.key(CAROL))]
    assert "endpoint" not in joined["detail"]
    assert as_alice.call("PATCH", path, {"policy": {"anonymity": "some"}})[0] == 422


def test_remove_with_a_body_or_with_a_query(live: Joined, as_alice: Api) -> None:
    path = f"/conferences/{live.conference.name}/participants/{live.key(BOB)}"
    status, asked = as_alice.call("DELETE", path, {"reason": "too loud"})
    assert (status, asked) == (202, {"participant": live.key(BOB), "state": "due"})
    assert (Removal.objects.get().reason, Removal.objects.get().ban) == ("too loud", False)
    status, _ = as_alice.call("DELETE", f"{path}?ban=true")
    assert status == 202
    assert live.snapshot().banned == {BOB.uri}
    assert as_alice.call("DELETE", path + "x")[0] == 404


def test_newcomers_are_muted(live: Joined, as_alice: Api, as_bob: Api) -> None:
    path = f"/conferences/{live.conference.name}"
    wanted = {"newcomers": "silenced"}
    assert as_bob.call("POST", f"{path}/newcomers", wanted)[0] == 403
    assert as_alice.call("POST", f"{path}/newcomers", {"newcomers": "gone"})[0] == 422
    assert as_alice.call("POST", f"{path}/newcomers", wanted)[0] == 204
    assert as_alice.call("GET", f"{path}/participants")[1]["newcomers"] == "silenced"
    assert as_alice.call("POST", f"{path}/unmute")[0] == 204
    assert as_alice.call("GET", f"{path}/participants")[1]["newcomers"] == "heard"
    assert as_alice.call("POST", f"{path}/mute", {"newcomers": True, "may_unmute": True})[0] == 204
    assert as_alice.call("GET", f"{path}/participants")[1]["newcomers"] == "muted"


def test_one_phone_of_somebody_is_removed(live: Joined, as_alice: Api, as_mallory: Api) -> None:
    path = f"/conferences/{live.conference.name}/participants"
    (bob,) = [one for one in as_alice.call("GET", path)[1]["participants"] if not one["you"]]
    phone = bob["endpoints"][0]["entity"]
    named = f"{path}/{bob['id']}"
    assert as_mallory.call("DELETE", named, {"endpoint": phone})[0] == 403
    assert as_alice.call("DELETE", named, {"endpoint": "sip:bob@elsewhere.invalid"})[0] == 404
    assert as_alice.call("DELETE", named, {"endpoint": phone})[0] == 202
    assert Removal.objects.get().endpoint == phone


def test_bob_leaves_and_mutes_himself(live: Joined, as_bob: Api) -> None:
    path = f"/conferences/{live.conference.name}"
    himself = {"participant": live.key(BOB)}
    assert as_bob.call("POST", f"{path}/mute", himself)[0] == 204
    assert live.snapshot().muted == {live.key(BOB)}
    assert as_bob.call("POST", f"{path}/unmute", himself)[0] == 204
    assert as_bob.call("POST", f"{path}/mute", {"participant": live.key(ALICE)})[0] == 403
    assert as_bob.call("DELETE", f"{path}/participants/{live.key(ALICE)}")[0] == 403
    assert as_bob.call("GET", f"{path}/events")[0] == 403
    assert as_bob.call("POST", f"{path}/end")[0] == 403
    assert as_bob.call("DELETE", f"{path}/participants/{live.key(BOB)}")[0] == 202


def test_a_job(live: Joined, as_alice: Api, as_bob: Api, as_mallory: Api) -> None:
    path = f"/conferences/{live.conference.name}/participants"
    status, asked = as_alice.call("POST", path, {"uri": CAROL.uri})
    assert (status, asked["state"]) == (202, "due")
    job = f"/jobs/{asked['job']}"
    Call.objects.update(state=CallState.FAILED, reason="busy", status=486)
    assert as_alice.call("GET", job) == (
        200,
        {
            "job": asked["job"],
            "conference": live.conference.name,
            "uri": CAROL.uri,
            "state": "failed",
            "reason": "busy",
            "status": 486,
        },
    )
    assert as_bob.call("GET", job)[0] == 403
    assert as_mallory.call("GET", job)[0] == 403
    assert as_alice.call("GET", "/jobs/nothing")[0] == 404
    assert as_alice.call("POST", path, {"uri": "nobody"})[0] == 422
    assert as_bob.call("POST", path, {"uri": CAROL.uri})[0] == 403


def test_what_happened(live: Joined, as_alice: Api) -> None:
    live.leave(BOB)
    status, history = as_alice.call("GET", f"/conferences/{live.conference.name}/events")
    assert status == 200
    assert [one["kind"] for one in history["events"]] == ["booked", "joined", "joined", "left"]
    assert history["events"][3]["target"] == BOB.uri
    page = as_alice.call("GET", f"/conferences/{live.conference.name}/events?page=2&page_size=3")
    assert [one["kind"] for one in page[1]["events"]] == ["left"]


def test_a_page_calls_with_its_session_and_a_csrf_token(live: Joined, bob: User) -> None:
    path = f"/api/v1/conferences/{live.conference.name}"
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(bob)
    assert browser.get(f"{path}/participants").status_code == 200
    body = {"participant": live.key(BOB)}
    forged = browser.post(f"{path}/mute", body, content_type="application/json")
    assert forged.status_code == 403
    assert live.snapshot().muted == frozenset()
    browser.cookies["csrftoken"] = token = "a" * 32
    sent = browser.post(
        f"{path}/mute", body, content_type="application/json", headers={"X-CSRFToken": token}
    )
    assert sent.status_code == 204


@pytest.mark.parametrize("way", [Way.WEB, Way.REST])
def test_history_tells_the_page_from_a_script(
    way: Way, live: Joined, alice: User, as_alice: Api
) -> None:
    path = f"/conferences/{live.conference.name}/lock"
    if way is Way.REST:
        assert as_alice.call("POST", path)[0] == 204
    else:
        browser = Client()
        browser.force_login(alice)
        assert browser.post(f"/api/v1{path}").status_code == 204
    assert live.conference.events.get(kind="locked").way == way


def test_a_guest_calls_with_his_session(open_room: Conference, room: Conference) -> None:
    guest = services.admit_guest(conference=open_room, display_name="Carol")
    identity = selectors.identity_of_guest(guest)
    joined = Joined(open_room)
    joined.join(identity)
    browser = Client()
    session = browser.session
    selectors.keep_guest(session, guest)
    session.save()
    path = f"/api/v1/conferences/{open_room.name}"
    assert browser.get(f"{path}/participants").status_code == 200
    himself = f"{path}/participants/{joined.key(identity)}"
    assert browser.delete(himself).status_code == 202
    assert browser.post(f"{path}/lock").status_code == 403
    assert browser.get(f"/api/v1/conferences/{room.name}/participants").status_code == 403
    assert browser.get("/api/v1/conferences").status_code == 403
    assert (
        browser.post("/api/v1/conferences", {"title": "T"}, "application/json").status_code == 403
    )
    guest.expires_at = timezone.now()
    guest.save()
    assert browser.get(f"{path}/participants").status_code == 401


def test_openapi_and_its_page(client: Client) -> None:
    described = client.get("/api/v1/openapi.json").json()
    assert set(described["paths"]) == {
        "/api/v1/conferences",
        "/api/v1/conferences/{conference}",
        "/api/v1/me/delegates",
        "/api/v1/me/delegates/{username}",
        "/api/v1/conferences/{conference}/protocol",
        "/api/v1/conferences/{conference}/quality",
        "/api/v1/factories",
        "/api/v1/factories/{factory}",
        "/api/v1/invitations",
        "/api/v1/invitations/{invitation}",
        "/api/v1/people",
        "/api/v1/people/{username}",
        "/api/v1/people/{username}/password-link",
        "/api/v1/me/sip",
        "/api/v1/me/sip/password",
        "/api/v1/me/phones",
        "/api/v1/me",
        "/api/v1/load",
        "/api/v1/templates",
        "/api/v1/templates/{template}",
        "/api/v1/conferences/{conference}/template",
        "/api/v1/conferences/{conference}/invitations",
        "/api/v1/webhooks",
        "/api/v1/webhooks/{webhook}",
        "/api/v1/webhooks/{webhook}/deliveries",
        "/api/v1/webhooks/{webhook}/replay",
        "/api/v1/webhooks/{webhook}/secret",
        "/api/v1/webhooks/{webhook}/test",
        "/api/v1/me/phones/{phone}",
        "/api/v1/conferences/{conference}/participants",
        "/api/v1/conferences/{conference}/participants/{participant}",
        "/api/v1/conferences/{conference}/participants/remove",
        "/api/v1/conferences/{conference}/mute",
        "/api/v1/conferences/{conference}/newcomers",
        "/api/v1/conferences/{conference}/unmute",
        "/api/v1/conferences/{conference}/lock",
        "/api/v1/conferences/{conference}/unlock",
        "/api/v1/conferences/{conference}/end",
        "/api/v1/conferences/{conference}/events",
        "/api/v1/conferences/{conference}/attendance",
        "/api/v1/conferences/{conference}/calls/cancel",
        "/api/v1/conferences/{conference}/phones",
        "/api/v1/conferences/{conference}/move",
        "/api/v1/conferences/{conference}/extend",
        "/api/v1/conferences/{conference}/occurrences",
        "/api/v1/conferences/{conference}/occurrences/{occurrence}",
        "/api/v1/conferences/{conference}/occurrences/{occurrence}/events",
        "/api/v1/conferences/{conference}/occurrences/{occurrence}/following",
        "/api/v1/conferences/{conference}/occurrences/{occurrence}/restore",
        "/api/v1/conferences/{conference}/occurrences/{occurrence}/answer",
        "/api/v1/conferences/{conference}/answer",
        "/api/v1/conferences/{conference}/hand",
        "/api/v1/conferences/{conference}/ask-to-speak",
        "/api/v1/conferences/{conference}/recordings",
        "/api/v1/conferences/{conference}/recordings/agree",
        "/api/v1/conferences/{conference}/recordings/pause",
        "/api/v1/conferences/{conference}/recordings/stop",
        "/api/v1/conferences/{conference}/recordings/{recording}",
        "/api/v1/conferences/{conference}/recordings/{recording}/tracks/{track}",
        "/api/v1/conferences/{conference}/recordings/{recording}/zip",
        "/api/v1/conferences/{conference}/sounds",
        "/api/v1/conferences/{conference}/sounds/stop",
        "/api/v1/conferences/{conference}/sounds/{sound}",
        "/api/v1/conferences/{conference}/sounds/{sound}/play",
        "/api/v1/conferences/{conference}/waiting",
        "/api/v1/conferences/{conference}/bans",
        "/api/v1/conferences/{conference}/bans/{ban}",
        "/api/v1/conferences/{conference}/waiting/let-in",
        "/api/v1/conferences/{conference}/waiting/{waiter}",
        "/api/v1/conferences/{conference}/waiting-room",
        "/api/v1/jobs/{job}",
    }
    page = client.get("/api/v1/docs").content.decode()
    assert "//cdn" not in page


def test_operations_are_named_in_plain_words(client: Client) -> None:
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    told = {one["summary"] for path in paths.values() for one in path.values()}
    assert told == {
        "List the factories",
        "Make a factory",
        "Read a factory",
        "Change a factory",
        "Delete a factory",
        "List the accounts",
        "Make an account",
        "Read an account",
        "Change an account",
        "Delete an account",
        "Let somebody set a password",
        "Who is invited to join",
        "Invite somebody to have an account",
        "Withdraw an invitation",
        "What happened and what was said by SIP",
        "How well people hear each other",
        "What your phone is told",
        "Set the password of your phones",
        "What is planned by the hour",
        "Who you are",
        "Change your name or zone",
        "List your templates",
        "Rename a template",
        "Keep a booking as a template",
        "Delete a template",
        "What invitees were sent",
        "Who was there",
        "Your delegates",
        "Let somebody book for you",
        "Dismiss a delegate",
        "List your webhooks",
        "Have a script told",
        "Read a webhook",
        "Change a webhook",
        "Delete a webhook",
        "Make a new secret",
        "Send a test",
        "Send again",
        "What it was sent",
        "Book a conference",
        "Call a call off",
        "Call one time off",
        "Call somebody in",
        "Call this one and all that follow off",
        "Cancel a conference",
        "Change a booking",
        "Change one time",
        "Change this one and all that follow",
        "End it for all",
        "How a call goes",
        "Let it last longer",
        "List conferences",
        "List the times of a booking",
        "Lock a conference",
        "Mute one or all",
        "Mute who comes later",
        "Read a booking",
        "Read one time",
        "Remove somebody",
        "Remove several",
        "Sign a phone out",
        "Stop calling somebody",
        "Take one's call to another phone",
        "Undo a change",
        "Say whether you come",
        "Say whether you come to one time",
        "Unlock a conference",
        "Unmute one or all",
        "What happened",
        "What happened in it",
        "Where one's call can go on",
        "Who is there",
        "Your registered phones",
        "Agree to it",
        "Ask one to speak",
        "Delete a recording",
        "End recording",
        "Hear a recording",
        "Hear one voice",
        "List recordings",
        "Pause recording",
        "Raise a hand",
        "Start recording",
        "Take a recording home",
        "Add a sound",
        "Delete a sound",
        "Hear a sound",
        "List sounds",
        "Play a sound to everybody",
        "Stop the sound",
        "Do not let one in",
        "Have people wait",
        "Let in",
        "Who waits",
        "Who may not return",
        "Let one come again",
    }


# --- Occurrences ---------------------------------------------------------------------


def test_the_times_of_a_series(alice: User, as_alice: Api) -> None:
    start = (timezone.now() + datetime.timedelta(days=7)).replace(microsecond=0)
    row = services.book(organizer=alice, title="Daily", starts_at=start, rrule="FREQ=DAILY;COUNT=5")
    path = f"/conferences/{row.name}/occurrences"
    status, told = as_alice.call("GET", f"{path}?most=2")
    assert status == 200
    first, second = told["occurrences"]
    assert told["next"] == (start + datetime.timedelta(days=2)).isoformat().replace("+00:00", "Z")
    assert second["id"] == f"{start + datetime.timedelta(days=1):%Y%m%dT%H%M%SZ}"
    assert (second["title"], second["cancelled"], second["changed"]) == ("Daily", False, False)

    moved = (start + datetime.timedelta(hours=30)).isoformat()
    status, changed = as_alice.call("PATCH", f"{path}/{second['id']}", {"starts_at": moved})
    assert (status, changed["id"], changed["changed"]) == (200, second["id"], True)
    assert datetime.datetime.fromisoformat(changed["starts_at"]) == (
        start + datetime.timedelta(hours=30)
    )
    assert as_alice.call("DELETE", f"{path}/{first['id']}")[0] == 204
    assert as_alice.call("GET", f"{path}/{first['id']}")[1]["cancelled"]
    _, history = as_alice.call("GET", f"{path}/{first['id']}/events")
    assert [one["kind"] for one in history["events"]] == ["occurrence-cancelled"]
    status, restored = as_alice.call("POST", f"{path}/{first['id']}/restore")
    assert (status, restored["cancelled"]) == (200, False)

    fourth = f"{start + datetime.timedelta(days=3):%Y%m%dT%H%M%SZ}"
    status, rest = as_alice.call("PATCH", f"{path}/{fourth}/following", {"title": "Later"})
    assert status == 200
    assert [one["title"] for one in rest["occurrences"]] == [*["Daily"] * 3, *["Later"] * 2]
    fifth = f"{start + datetime.timedelta(days=4):%Y%m%dT%H%M%SZ}"
    assert as_alice.call("DELETE", f"{path}/{fifth}/following")[0] == 204
    assert len(as_alice.call("GET", path)[1]["occurrences"]) == 4


def test_an_invitee_answers(alice: User, as_alice: Api, as_bob: Api, as_mallory: Api) -> None:
    start = (timezone.now() + datetime.timedelta(days=7)).replace(microsecond=0)
    row = services.book(
        organizer=alice,
        title="Daily",
        starts_at=start,
        rrule="FREQ=DAILY;COUNT=5",
        invitees=[Invitee(BOB.uri)],
    )
    path = f"/conferences/{row.name}"
    one = f"{path}/occurrences/{start + datetime.timedelta(days=1):%Y%m%dT%H%M%SZ}"
    yes, no, as_all = ({"answer": said} for said in ("accepted", "declined", ""))
    assert as_bob.call("PUT", f"{path}/answer", yes) == (200, yes)
    assert as_bob.call("PUT", f"{one}/answer", no) == (200, no)
    told = as_alice.call("GET", one)[1]["answers"]
    assert told == [{"uri": BOB.uri, "email": "", **no}]
    assert as_bob.call("PUT", f"{one}/answer", as_all) == (200, yes)
    assert as_alice.call("GET", one)[1]["answers"] == []
    assert as_bob.call("PUT", f"{path}/answer", as_all)[0] == 422
    assert as_bob.call("PUT", f"{path}/occurrences/20200101T000000Z/answer", no)[0] == 404
    for stranger in (as_mallory, as_alice):
        assert stranger.call("PUT", f"{path}/answer", yes)[0] == 403
        assert stranger.call("PUT", f"{one}/answer", yes)[0] == 403
    services.cancel(conference=row, actor=ALICE.uri)
    assert as_bob.call("PUT", f"{path}/answer", no)[0] == 422


def test_a_day_is_no_start(as_alice: Api) -> None:
    status, told = as_alice.call("POST", "/conferences", {"title": "x", "starts_at": "2098-03-01"})
    assert (status, told["errors"][0]["field"]) == (422, "starts_at")


def _split(api: Api, alice: User) -> tuple[str, datetime.datetime]:
    """ "Daily" at some time for three days, then "Later" five hours later for two."""
    start = (timezone.now() + datetime.timedelta(days=7)).replace(microsecond=0)
    row = services.book(organizer=alice, title="Daily", starts_at=start, rrule="FREQ=DAILY;COUNT=5")
    path = f"/conferences/{row.name}"
    fourth = start + datetime.timedelta(days=3)
    said = {"title": "Later", "starts_at": (fourth + datetime.timedelta(hours=5)).isoformat()}
    on = f"{path}/occurrences/{fourth:%Y%m%dT%H%M%SZ}/following"
    assert api.call("PATCH", on, said)[0] == 200
    return path, start


def _listed(api: Api, since: datetime.datetime, hours: int) -> list[str]:
    until = since + datetime.timedelta(hours=hours)
    window = f"from={since:%Y-%m-%dT%H:%M:%SZ}&to={until:%Y-%m-%dT%H:%M:%SZ}"
    status, told = api.call("GET", f"/conferences?{window}")
    assert status == 200
    return [one["title"] for one in told["conferences"]]


def test_a_window_has_what_takes_place_in_it(alice: User, as_alice: Api, as_mallory: Api) -> None:
    path, start = _split(as_alice, alice)
    assert [_listed(as_alice, start + datetime.timedelta(days=day), 24) for day in range(6)] == [
        ["Daily"],
        ["Daily"],
        ["Daily"],
        ["Daily"],
        ["Daily"],
        [],
    ]
    # The first one, moved to an earlier day, is there, and no more where it was.
    early = start - datetime.timedelta(days=2)
    on = f"{path}/occurrences/{start:%Y%m%dT%H%M%SZ}"
    assert as_alice.call("PATCH", on, {"starts_at": early.isoformat()})[0] == 200
    assert _listed(as_alice, early, 2) == ["Daily"]
    assert _listed(as_alice, start, 2) == []
    assert _listed(as_mallory, early, 2) == []


def test_what_comes_next_and_how_it_goes_on(alice: User, as_alice: Api) -> None:
    path, start = _split(as_alice, alice)
    _, told = as_alice.call("GET", path)
    at = start.isoformat().replace("+00:00", "Z")
    assert (told["title"], told["starts_at"], told["opens_at"]) == ("Daily", at, at)
    (later,) = told["later"]
    begins = start + datetime.timedelta(days=3, hours=5)
    assert (later["title"], later["rrule"]) == ("Later", "FREQ=DAILY;COUNT=2")
    assert datetime.datetime.fromisoformat(later["starts_at"]) == begins
    for words in ("Daily", "later"):
        assert as_alice.call("GET", f"/conferences?q={words}")[1]["count"] == 1
    # A change of the booking is one of what it shows.
    _, told = as_alice.call("PATCH", path, {"title": "Now"})
    assert (told["title"], told["later"][0]["title"]) == ("Now", "Later")
    # The series ends where the later part begins; what is before stays.
    on = f"{path}/occurrences/{begins:%Y%m%dT%H%M%SZ}/following"
    assert as_alice.call("DELETE", on)[0] == 204
    _, told = as_alice.call("GET", path)
    assert (told["title"], told["later"]) == ("Now", [])
    assert len(as_alice.call("GET", f"{path}/occurrences")[1]["occurrences"]) == 3


def test_what_is_called_off_is_not_changed(alice: User, as_alice: Api) -> None:
    path, start = _split(as_alice, alice)
    on = f"{path}/occurrences/{start:%Y%m%dT%H%M%SZ}"
    assert as_alice.call("DELETE", on)[0] == as_alice.call("DELETE", on)[0] == 204
    status, problem = as_alice.call("PATCH", on, {"title": "Other"})
    assert (status, problem["detail"]) == (
        409,
        "This time is called off; restore it, then change it.",
    )
    assert as_alice.call("GET", on)[1]["cancelled"]
    assert as_alice.call("POST", f"{on}/restore")[1]["title"] == "Daily"


def test_answers_to_one_time(alice: User, as_alice: Api, as_bob: Api, as_mallory: Api) -> None:
    path, start = _split(as_alice, alice)
    assert as_alice.call("PATCH", path, {"invitees": [{"uri": BOB.uri}]})[0] == 200
    row = Conference.objects.get(name=path.rpartition("/")[2])
    OccurrenceAnswer.objects.create(
        invitation=row.invitations.get(),
        recurrence_id=start,
        answer="declined",
        answered_at=timezone.now(),
    )
    on = f"{path}/occurrences/{start:%Y%m%dT%H%M%SZ}"
    told = as_alice.call("GET", on)[1]
    assert told["answers"] == [{"uri": BOB.uri, "email": "", "answer": "declined"}]
    assert "answers" not in as_bob.call("GET", on)[1]
    assert as_mallory.call("GET", on)[0] == 403


def test_a_zone_is_of_a_place(as_alice: Api) -> None:
    """Names of before mean the place of today; what names no place is refused by its name."""
    said = {"title": "Plan", "starts_at": "2098-03-01T10:00:00"}
    for zone in ("localtime", "Factory", "EST", "Etc/GMT+5", "posixrules"):
        status, told = as_alice.call("POST", "/conferences", said | {"timezone": zone})
        assert (status, told["errors"][0]["field"]) == (422, "timezone")
        assert zone in told["errors"][0]["detail"]
    for zone, meant in (("Asia/Katmandu", "Asia/Kathmandu"), ("GMT+0", "UTC")):
        status, told = as_alice.call("POST", "/conferences", said | {"timezone": zone})
        assert (status, told["timezone"]) == (201, meant)


@pytest.mark.parametrize(
    ("method", "rest", "body", "status"),
    [
        ("GET", "/today", None, 404),
        ("GET", "/20200101T000000Z", None, 404),
        ("PATCH", "/{first}", {"starts_at": "2020-01-01T00:00:00Z"}, 422),
        ("PATCH", "/{first}", {"pin": "4711"}, 422),
        ("DELETE", "/20200101T000000Z", None, 404),
        ("DELETE", "/{first}/following", None, 422),
        ("GET", "?from=yesterday", None, 422),
        ("GET", "?most=0", None, 422),
    ],
)
def test_what_cannot_be_asked_of_a_series(
    alice: User, as_alice: Api, method: str, rest: str, body: object, status: int
) -> None:
    start = (timezone.now() + datetime.timedelta(days=7)).replace(microsecond=0)
    row = services.book(organizer=alice, title="Daily", starts_at=start, rrule="FREQ=DAILY;COUNT=5")
    rest = rest.replace("{first}", f"{start:%Y%m%dT%H%M%SZ}")
    told, problem = as_alice.call(method, f"/conferences/{row.name}/occurrences{rest}", body)
    assert (told, problem["status"]) == (status, status)
    assert row.overrides.count() == 0


def test_what_runs_is_extended(alice: User, as_alice: Api) -> None:
    start = timezone.now().replace(microsecond=0) - datetime.timedelta(minutes=5)
    row = services.book(
        organizer=alice, title="Talk", starts_at=start, duration_minutes=30, running=True
    )
    status, told = as_alice.call("POST", f"/conferences/{row.name}/extend", {"minutes": 20})
    assert status == 200
    assert datetime.datetime.fromisoformat(told["closes_at"]) == start + datetime.timedelta(
        minutes=50
    )
    assert as_alice.call("POST", f"/conferences/{row.name}/extend")[0] == 200
    assert as_alice.call("POST", f"/conferences/{row.name}/extend", {"minutes": 0})[0] == 422


def test_several_are_removed_at_once_or_none(live: Joined, as_alice: Api, as_bob: Api) -> None:
    """Named twice, it is one wish; one whom nobody may remove keeps all in."""
    path = f"/conferences/{live.conference.name}/participants/remove"
    live.join(CAROL)
    everybody = [live.key(BOB), live.key(CAROL), live.key(BOB)]
    assert as_bob.call("POST", path, {"participants": everybody})[0] == 403
    assert as_alice.call("POST", path, {"participants": [live.key(BOB), "nobody"]})[0] == 404
    assert not Removal.objects.exists()
    assert as_alice.call("POST", path, {"participants": []})[0] == 422
    said = {"participants": everybody, "reason": "noise", "ban": True}
    status, told = as_alice.call("POST", path, said)
    assert status == 202
    assert [one["participant"] for one in told["removals"]] == everybody[:2]
    rows = Removal.objects.order_by("pk").values_list("reason", "ban", "way")
    assert list(rows) == [("noise", True, Way.REST.value)] * 2
    assert live.snapshot().banned == {BOB.uri, CAROL.uri}


def test_what_becomes_of_two_is_said_of_what_is_for_now(
    room: Conference, alice: User, as_alice: Api, as_bob: Api
) -> None:
    """RFC 4245 3.3, REQ-2: a room stands, so it cannot become a call."""
    said = {"policy": {"two_left": "call"}}
    status, problem = as_alice.call("PATCH", f"/conferences/{room.name}", said)
    assert (status, problem["errors"][0]["field"]) == (422, "policy.two_left")
    key = services.create_adhoc(creator=selectors.identity_of_user(alice))
    path = f"/conferences/{Conference.objects.get(pk=key).name}"
    assert as_bob.call("PATCH", path, said)[0] == 403
    status, changed = as_alice.call("PATCH", path, said)
    assert (status, changed["policy"]["two_left"]) == (200, "call")
    found = selectors.snapshot(key)
    assert found is not None
    assert found.two_left is policy.TwoLeft.CALL
