"""What scripts send that is no text, too long or out of time: told, and never a fault of ours."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
from django.test import Client, override_settings
from django.utils import timezone

from conferences import selectors, services
from conferences.models import Conference, User

HALF = "\ud800"


class Script:
    """Alice's script, which meets no exception of ours."""

    def __init__(self, user: User) -> None:
        self._client = Client(raise_request_exception=False)
        self._headers = {"Authorization": f"Bearer {services.issue_api_token(user)}"}

    def __call__(self, method: str, path: str, body: object = None) -> Any:
        octets = b"" if body is None else json.dumps(body).encode()
        return self._client.generic(
            method,
            f"/api/v1{path}",
            octets,
            content_type="application/json",
            headers=self._headers,
        )


@pytest.fixture
def hers(alice: User) -> Script:
    return Script(alice)


NO_TEXT = {
    "a name": ("POST", "", {"title": f"Talk {HALF}"}, "title"),
    "an invitee": ("POST", "", {"title": "Talk", "invitees": [{"uri": f"sip:{HALF}@x.test"}]}, 0),
    "a mail address": ("POST", "", {"title": "T", "invitees": [{"email": f"{HALF}@x.test"}]}, 0),
    "a template": ("POST", "", {"title": "Talk", "template": HALF}, "template"),
    "a model": ("POST", "", {"title": "Talk", "like": "a\0b"}, "like"),
    "whom to mute": ("POST", "/{room}/mute", {"participant": HALF}, "participant"),
    "whom to let in": ("POST", "/{room}/waiting/let-in", {"waiter": HALF}, "waiter"),
    "whom to remove": ("POST", "/{room}/participants/remove", {"participants": [HALF]}, None),
}


@pytest.mark.parametrize("what", NO_TEXT)
def test_what_is_no_text_is_told_at_its_field(hers: Script, room: Conference, what: str) -> None:
    method, path, body, field = NO_TEXT[what]
    answer = hers(method, f"/conferences{path.format(room=room.name)}", body)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["detail"].startswith("There are control characters in it")
    if isinstance(field, str):
        assert error["field"] == field
    assert Conference.objects.count() == 1


@pytest.mark.parametrize("path", ["/conferences/a%00b", "/conferences?q=%00", "/me/delegates/%00"])
def test_no_name_holds_a_nul(hers: Script, path: str) -> None:
    """SQLite would look for it, PostgreSQL takes no such question."""
    answer = hers("GET", path)
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"


def test_a_page_of_such_a_name_is_not_there(client: Client, db: None) -> None:
    for path in ("/c/a%00b/", "/i/%00/", "/calendar/%00.ics", "/sign-in/?next=%00"):
        assert client.get(path).status_code == 404


@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=1000)
def test_a_body_that_is_too_long_is_told(hers: Script) -> None:
    answer = hers("POST", "/conferences", {"title": "x" * 2000})
    assert answer.status_code == 413
    assert answer["Content-Type"] == "application/problem+json"
    assert "1000 octets" in answer.json()["detail"]


def test_what_can_be_read_can_be_asked_for_by_head(hers: Script, room: Conference) -> None:
    path = f"/conferences/{room.name}"
    assert hers("HEAD", path).status_code == 200
    assert hers("HEAD", path)["ETag"] == hers("GET", path)["ETag"]
    assert hers("HEAD", f"{path}/end").status_code == 405


def test_the_end_of_time_is_no_start(hers: Script, alice: User) -> None:
    row = services.book(
        organizer=alice,
        title="Talk",
        starts_at=timezone.now() + datetime.timedelta(days=9),
        rrule="FREQ=DAILY;COUNT=5",
    )
    second = list(selectors.planned(row, since=timezone.now()))[1]
    path = f"/conferences/{row.name}/occurrences/{selectors.occurrence_name(second.recurrence_id)}"
    late = {"starts_at": "9999-12-31T23:59:59-14:00"}
    for what in (f"{path}/following", path, f"/conferences/{row.name}"):
        answer = hers("PATCH", what, late)
        assert answer.status_code == 422
        assert answer.json()["errors"] == [
            {"field": "starts_at", "detail": "Want a year from 2000 to 2100."}
        ]
