"""Requests that are sent twice, and changes to what somebody else has changed."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.utils import timezone

from conferences import services
from conferences.models import Conference, KeptAnswer, User
from tests import people


@pytest.fixture(autouse=True)
def _known_domain(db: None) -> Iterator[None]:
    with override_settings(SIP_DOMAIN=people.DOMAIN, BASE_URL="http://parley.test:8000"):
        yield


class Script:
    """Somebody's script."""

    def __init__(self, user: User) -> None:
        self._client = Client(raise_request_exception=False)
        self._token = services.issue_api_token(user)

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        return self._client.generic(
            method,
            f"/api/v1{path}",
            b"" if body is None else json.dumps(body).encode(),
            content_type="application/json",
            headers={"Authorization": f"Bearer {self._token}", **headers},
        )


@pytest.fixture
def hers(alice: User) -> Script:
    return Script(alice)


KEY = {"Idempotency-Key": "3f1c"}


def test_what_is_sent_twice_is_booked_once(hers: Script) -> None:
    first = hers("POST", "/conferences", {"title": "Talk"}, **KEY)
    again = hers("POST", "/conferences", {"title": "Talk"}, **KEY)
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert again["Location"] == first["Location"]
    assert again["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    assert Conference.objects.count() == 1
    other = hers("POST", "/conferences", {"title": "Talk"}, **{"Idempotency-Key": "4"})
    assert other.json()["id"] != first.json()["id"]


def test_a_key_belongs_to_one_request_of_one_person(hers: Script, mallory: User) -> None:
    first = hers("POST", "/conferences", {"title": "Talk"}, **KEY)
    assert hers("POST", "/conferences", {"title": "Other"}, **KEY).status_code == 422
    User.objects.filter(pk=mallory.pk).update(is_organizer=True)
    theirs = Script(mallory)("POST", "/conferences", {"title": "Talk"}, **KEY)
    assert theirs.status_code == 201
    assert theirs.json()["id"] != first.json()["id"]
    long = hers("POST", "/conferences", {"title": "Talk"}, **{"Idempotency-Key": "k" * 256})
    assert long.status_code == 400


def test_a_refusal_is_given_again_and_a_day_later_nothing(hers: Script) -> None:
    wrong = {"title": "", "id": "x"}
    assert hers("POST", "/conferences", wrong, **KEY).status_code == 422
    again = hers("POST", "/conferences", wrong, **KEY)
    assert again.status_code == 422
    assert again["Idempotent-Replayed"] == "true"
    assert again["Content-Type"] == "application/problem+json"
    KeptAnswer.objects.update(created_at=timezone.now() - datetime.timedelta(days=2))
    assert "Idempotent-Replayed" not in hers("POST", "/conferences", wrong, **KEY)
    services.prune(now=timezone.now() + datetime.timedelta(days=2))
    assert not KeptAnswer.objects.exists()


def test_two_at_once_are_not_carried_out_twice(hers: Script) -> None:
    hers("POST", "/conferences", {"title": "Talk"}, **KEY)
    KeptAnswer.objects.update(status=None)
    assert hers("POST", "/conferences", {"title": "Talk"}, **KEY).status_code == 409


def test_nobody_without_a_token_uses_a_key_up(hers: Script) -> None:
    stranger = Client(raise_request_exception=False)
    for _ in range(2):
        response = stranger.post(
            "/api/v1/conferences", {}, content_type="application/json", headers=KEY
        )
        assert response.status_code == 401
        assert "Idempotent-Replayed" not in response
    assert not KeptAnswer.objects.exists()


def test_what_has_not_changed_is_not_sent_again(hers: Script) -> None:
    name = hers("POST", "/conferences", {"title": "Talk"}).json()["id"]
    first = hers("GET", f"/conferences/{name}")
    tag = first["ETag"]
    same = hers("GET", f"/conferences/{name}", **{"If-None-Match": tag})
    assert (same.status_code, same.content) == (304, b"")
    hers("PATCH", f"/conferences/{name}", {"title": "Other"})
    changed = hers("GET", f"/conferences/{name}", **{"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed["ETag"] != tag


def test_what_somebody_else_changed_is_not_overwritten(hers: Script) -> None:
    name = hers("POST", "/conferences", {"title": "Talk"}).json()["id"]
    path = f"/conferences/{name}"
    tag = hers("GET", path)["ETag"]
    assert hers("PATCH", path, {"title": "Mine"}, **{"If-Match": tag}).status_code == 200
    late = hers("PATCH", path, {"title": "Late"}, **{"If-Match": tag})
    assert (late.status_code, late["Content-Type"]) == (412, "application/problem+json")
    assert hers("DELETE", path, **{"If-Match": tag}).status_code == 412
    assert hers("GET", path).json()["title"] == "Mine"
    assert hers("PATCH", path, {"title": "Any"}, **{"If-Match": "*"}).status_code == 200
    now = hers("GET", path)["ETag"]
    assert hers("DELETE", path, **{"If-Match": now}).status_code == 204


@pytest.mark.django_db(transaction=True)
def test_nobody_comes_between_the_look_and_the_change(
    hers: Script, room: Conference, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are one transaction, which holds the row; else each of two who race is let through."""
    tag = hers("GET", f"/conferences/{room.name}")["ETag"]
    change, seen = services.change, []

    def look(**said: Any) -> Conference:
        seen.append(connection.in_atomic_block)
        return change(**said)

    monkeypatch.setattr(services, "change", look)
    changed = hers("PATCH", f"/conferences/{room.name}", {"title": "New"}, **{"If-Match": tag})
    assert (changed.status_code, seen) == (200, [True])


def test_what_was_made_or_changed_has_its_tag(hers: Script) -> None:
    """Two changes one after the other need no reading between, and miss nobody else's."""
    made = hers("POST", "/conferences", {"title": "Talk"}, **KEY)
    path = f"/conferences/{made.json()['id']}"
    assert made["ETag"] == hers("GET", path)["ETag"]
    assert hers("POST", "/conferences", {"title": "Talk"}, **KEY)["ETag"] == made["ETag"]
    once = hers("PATCH", path, {"title": "Once"}, **{"If-Match": made["ETag"]})
    assert once["ETag"] == hers("GET", path)["ETag"]
    twice = hers("PATCH", path, {"title": "Twice"}, **{"If-Match": once["ETag"]})
    assert (twice.status_code, twice.json()["title"]) == (200, "Twice")
    assert hers("PATCH", path, {"title": "x"}, **{"If-Match": once["ETag"]}).status_code == 412
    assert not hers("PATCH", path, {"title": ""}).has_header("ETag")


def test_mallory_learns_nothing_by_conditions(hers: Script, mallory: User) -> None:
    name = hers("POST", "/conferences", {"title": "Talk"}).json()["id"]
    tag = hers("GET", f"/conferences/{name}")["ETag"]
    hers_not = Script(mallory)
    for method in ("GET", "PATCH", "DELETE"):
        with_tag = hers_not(method, f"/conferences/{name}", {}, **{"If-Match": tag})
        without = hers_not(method, f"/conferences/{name}", {})
        assert with_tag.status_code == without.status_code in (403, 404)


@pytest.mark.parametrize("said", ["0.5", "1700000000", 1_700_000_000, "soon"])
def test_a_date_is_written_out(hers: Script, said: object) -> None:
    assert hers("GET", f"/conferences?to={said}").status_code == 422
    body = {"title": "Talk", "starts_at": said, "duration_minutes": 30}
    response = hers("POST", "/conferences", body)
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "starts_at"


def test_the_description_tells_of_problems(hers: Script) -> None:
    paths = hers("GET", "/openapi.json").json()["paths"]
    for methods in paths.values():
        for operation in methods.values():
            told = operation["responses"]["default"]["content"]
            assert "application/problem+json" in told
