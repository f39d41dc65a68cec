"""REST of what is one's own: search, pages, copies, templates, mails, oneself."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from conferences import services
from conferences.models import BookingTemplate, Conference, User
from conferences.services import Invitee
from tests import people

HOUR = datetime.timedelta(hours=1)


class Script:
    """Somebody's program, with a token of his."""

    def __init__(self, user: User) -> None:
        token = services.issue_api_token(user)
        self._headers: Any = {"HTTP_AUTHORIZATION": f"Bearer {token}"}
        self._client = Client()

    def call(self, method: str, path: str, body: Any = None, **asked: str) -> tuple[int, Any]:
        answer = self.answer(method, path, body, **asked)
        return answer.status_code, answer.json() if answer.content else None

    def answer(self, method: str, path: str, body: Any = None, **asked: str) -> Any:
        send = getattr(self._client, method.lower())
        if method == "GET":
            return send(f"/api/v1{path}", asked, **self._headers)
        return send(f"/api/v1{path}", body, content_type="application/json", **self._headers)


@pytest.fixture
def alices(alice: User) -> Script:
    return Script(alice)


def test_words_are_looked_for(alices: Script, room: Conference, open_room: Conference) -> None:
    found = alices.call("GET", "/conferences", q="bob")[1]["conferences"]
    assert [one["id"] for one in found] == [room.name]
    assert alices.call("GET", "/conferences", q="nobody")[1]["count"] == 0


def test_a_page_names_the_next(alices: Script, room: Conference, open_room: Conference) -> None:
    """RFC 8288."""
    first = alices.answer("GET", "/conferences", page_size="1", q="e")
    address, _, relation = first["Link"].partition(">; ")
    assert relation == 'rel="next"'
    assert address.endswith("/api/v1/conferences?page_size=1&q=e&page=2")
    assert not alices.answer("GET", "/conferences", page_size="1", page="2").has_header("Link")


def test_like_another_and_by_a_template(alices: Script, alice: User) -> None:
    row = services.book(
        organizer=alice,
        title="Review",
        pin="4711",
        hidden_focus=True,
        invitees=[Invitee(people.BOB.uri)],
    )
    status, made = alices.call("POST", "/conferences", {"title": "Again", "like": row.name})
    assert (status, made["title"], made["pin"]) == (201, "Again", "4711")
    assert (made["policy"]["hidden_focus"], len(made["invitees"])) == (True, 1)
    status, kept = alices.call("POST", f"/conferences/{row.name}/template", {"title": "Mine"})
    assert (status, kept["invitees"][0]["uri"]) == (201, "sip:bob@conf.test")
    assert alices.call("GET", "/templates")[1]["templates"] == [kept]
    said = {"title": "By it", "template": kept["id"], "invitees": []}
    status, made = alices.call("POST", "/conferences", said)
    assert (status, made["pin"], made["invitees"]) == (201, "4711", [])
    path = f"/templates/{kept['id']}"
    assert alices.call("PATCH", path, {"title": "New"})[1] == kept | {"title": "New"}
    alices.call("POST", f"/conferences/{row.name}/template", {"title": "Other"})
    status, told = alices.call("PATCH", path, {"title": "Other"})
    assert (status, told["errors"][0]["field"]) == (422, "title")
    assert alices.call("PATCH", "/templates/nothing", {"title": "x"})[0] == 404
    assert alices.call("DELETE", path)[0] == 204
    for field in ("like", "template"):
        status, told = alices.call("POST", "/conferences", {"title": "x", field: "nothing"})
        assert (status, told["errors"][0]["field"]) == (422, field)


def test_mails_to_invitees(alices: Script, alice: User) -> None:
    row = services.book(organizer=alice, title="x", invitees=[Invitee(email="carol@example.org")])
    (mail,) = alices.call("GET", f"/conferences/{row.name}/invitations")[1]["mails"]
    assert (mail["kind"], mail["address"]) == ("invited", "carol@example.org")
    assert row.invitations.get().token not in str(mail)


def test_oneself(alices: Script, alice: User) -> None:
    assert alices.call("GET", "/me")[1]["uri"] == "sip:alice@conf.test"
    status, told = alices.call("PATCH", "/me", {"timezone": "Asia/Tokyo"})
    assert (status, told["timezone"], told["display_name"]) == (200, "Asia/Tokyo", "Alice")
    for wrong in ({"timezone": "Mars/Olympus"}, {"display_name": "a\nb"}, {"is_organizer": True}):
        assert alices.call("PATCH", "/me", wrong)[0] == 422
    alice.refresh_from_db()
    assert (alice.display_name, alice.timezone) == ("Alice", "Asia/Tokyo")


def test_mallory_gets_nothing_of_alices(room: Conference, alice: User, mallory: User) -> None:
    kept = services.save_template(owner=alice, conference=room, title="x")
    script = Script(mallory)
    assert script.call("GET", "/conferences", q="Weekly")[1]["count"] == 0
    assert script.call("GET", f"/conferences/{room.name}/invitations")[0] == 403
    assert script.call("POST", f"/conferences/{room.name}/template")[0] == 403
    assert script.call("DELETE", f"/templates/{kept.key}")[0] == 404
    for said in ({"like": room.name}, {"template": kept.key}):
        assert script.call("POST", "/conferences", {"title": "x", **said})[0] == 422
    assert BookingTemplate.objects.count() == 1
    assert Conference.objects.count() == 1


def test_a_body_in_parts_without_a_boundary(alices: Script, room: Conference) -> None:
    answer = alices._client.post(
        f"/api/v1/conferences/{room.name}/sounds",
        b"x",
        content_type="multipart/form-data",
        **alices._headers,
    )
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


def test_a_number_is_no_yes_or_no(alices: Script, room: Conference) -> None:
    path = f"/conferences/{room.name}/hand"
    assert alices.call("POST", path, {"participant": None, "raised": 0})[0] == 422


def test_what_is_planned(alices: Script, alice: User, mallory: User, bob: User) -> None:
    starts_at = timezone.now().replace(minute=0, second=0, microsecond=0) + 2 * HOUR
    for who, ports in ((alice, 30), (mallory, 5)):
        services.book(organizer=who, title="x", starts_at=starts_at, max_participants=ports)
    told = alices.call("GET", "/load", **{"from": starts_at.isoformat(), "hours": "2"})[1]
    assert [(one["ports"], one["mine"]) for one in told["stretches"]] == [(35, 30), (0, 0)]
    until = (starts_at + datetime.timedelta(minutes=150)).isoformat()
    asked = {"from": starts_at.isoformat(), "to": until}
    assert len(alices.call("GET", "/load", **asked)[1]["stretches"]) == 3
    for wrong in ("2000-01-01T00:00:00Z", "2199-01-01T00:00:00Z"):
        assert alices.call("GET", "/load", **{**asked, "to": wrong})[0] == 422
    assert len(alices.call("GET", "/load")[1]["stretches"]) == 168
    assert alices.call("GET", "/load", **{"from": "0001-01-01T00:00:00Z"})[0] == 422
    status, refused = Script(bob).call("GET", "/load")
    assert (status, refused["refusal"]) == (403, "not-allowed")
    assert refused["detail"].startswith("Your account does not allow that")


@pytest.mark.parametrize(
    ("path", "known"),
    [("/conferences", "from, page, page_size, q, to"), ("/conferences/{id}", "no such name")],
)
def test_a_name_that_is_unknown_in_the_query_is_an_error(
    alices: Script, room: Conference, path: str, known: str
) -> None:
    status, problem = alices.call("GET", path.format(id=room.name), form="2026-01-01")
    assert status == 422
    (error,) = problem["errors"]
    assert error["field"] == "form"
    assert known in error["detail"]


def test_a_booking_has_a_number_that_telephones_can_dial(alices: Script) -> None:
    chosen = alices.call("POST", "/conferences", {"title": "Named", "id": "named"})[1]
    other = alices.call("POST", "/conferences", {"title": "Plain"})[1]
    assert other["number"] == other["id"]
    assert chosen["number"].isdigit()
    assert alices.call("GET", "/conferences/named")[1]["number"] == chosen["number"]


def test_it_is_an_error_before_anything_is_done(alices: Script, room: Conference) -> None:
    status, _ = alices.call("DELETE", f"/conferences/{room.name}?reson=rain")
    assert status == 422
    room.refresh_from_db()
    assert room.cancelled_at is None


def test_mallory_without_a_token_learns_no_names(db: None) -> None:
    answer = Client().get("/api/v1/conferences", {"form": "x"})
    assert answer.status_code == 401
    assert "page_size" not in answer.content.decode()
