"""Who was there: page, CSV, JSON and REST; nothing in them is carried out by a spreadsheet."""

from __future__ import annotations

import csv
import io
import json

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from conferences import policy, selectors, services, tables
from conferences.models import Conference, User
from conferences.policy import Role
from tests import people
from tests.portal.conftest import SignedIn, join

PAGE = "/conferences/planning/attendance/"
CSV, JSON = "/conferences/planning/attendance.csv", "/conferences/planning/attendance.json"


def leave(conference: Conference, key: policy.ParticipantKey, **how: str) -> None:
    said = {"method": "departed", "by": "", "reason": "", **how}
    services.participant_left(
        conference=conference.key, key=key, at=timezone.now().timestamp() + 61, **said
    )


@pytest.fixture
def met(room: Conference) -> Conference:
    """Alice is in; Bob was removed."""
    join(room, "alice", role=Role.ORGANIZER)
    bob = join(room, "bob")
    leave(room, bob, method="booted", by=people.ALICE.uri, reason="=cmd|' /C calc'!A0")
    return room


def test_the_page_says_who_how_when_and_why(
    met: Conference, alice: User, signed_in: SignedIn
) -> None:
    page = signed_in(alice).get(PAGE).content.decode()
    for words in ("2 stays", "Bob", "Came in", "Was put out", "by sip:alice@conf.test", "1:0"):
        assert words in page
    assert "In the call" in page
    assert PAGE in signed_in(alice).get("/conferences/planning/").content.decode()


def test_a_spreadsheet_carries_nothing_out(
    met: Conference, alice: User, signed_in: SignedIn
) -> None:
    answer = signed_in(alice).get(CSV)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="attendance-planning.csv"' in answer["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row["display_text"] for row in rows] == ["Alice", "Bob"]
    assert rows[1]["left_reason"] == "'=cmd|' /C calc'!A0"
    assert rows[1]["left_by"] == "sip:alice@conf.test"


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@a", "\t=1", " =1", "\r=1"])
def test_what_looks_like_a_formula_is_text(cell: str) -> None:
    assert tables.build_csv(["a"], [[cell]]).splitlines()[1].lstrip('"').startswith("'")


def test_numbers_stay_numbers() -> None:
    assert tables.build_csv(["a", "b"], [[-5, None]]) == "\ufeffa,b\r\n-5,\r\n"


def test_json_and_rest_say_the_same(met: Conference, alice: User, signed_in: SignedIn) -> None:
    file = json.loads(signed_in(alice).get(JSON).content)
    token = services.issue_api_token(alice)
    rest = Client().get(
        "/api/v1/conferences/planning/attendance", HTTP_AUTHORIZATION=f"Bearer {token}"
    )
    told = rest.json()["attendance"]
    assert [one["id"] for one in told] == [one["id"] for one in file["attendance"]]
    assert told[1]["left_method"] == "booted"
    assert told[1]["device"] == "phone"


def test_one_time_of_a_series_alone(daily: Conference, alice: User, signed_in: SignedIn) -> None:
    join(daily, "bob")
    assert daily.starts_at is not None
    on = selectors.occurrence_name(daily.starts_at)
    browser = signed_in(alice)
    assert "Nobody came" in browser.get(f"/conferences/daily/attendance/?on={on}").content.decode()
    assert "Bob" in browser.get("/conferences/daily/attendance/").content.decode()
    assert browser.get("/conferences/daily/attendance/?on=never").status_code == 404


def test_the_anonymous_stay_so(alice: User, signed_in: SignedIn) -> None:
    quiet = services.book(
        organizer=alice, name="quiet", title="Quiet", anonymity=policy.Anonymity.STRICT
    )
    services.participant_joined(
        conference=quiet.key,
        key=policy.ParticipantKey("1"),
        entity=people.CAROL.uri,
        display_text="Carol",
        role=Role.PARTICIPANT,
        endpoint="sip:carol@192.0.2.1",
        joining_method="dialed-in",
        at=timezone.now().timestamp(),
        private=True,
    )
    for path in ("attendance/", "attendance.csv", "attendance.json"):
        text = signed_in(alice).get(f"/conferences/quiet/{path}").content.decode()
        assert "carol" not in text.lower()


@pytest.mark.parametrize("path", [PAGE, CSV, JSON])
def test_who_does_not_command_does_not_read_it(
    met: Conference, bob: User, mallory: User, signed_in: SignedIn, path: str
) -> None:
    assert signed_in(bob).get(path).status_code == 403
    assert signed_in(mallory).get(path).status_code == 404
    assert Client().get(path).status_code == 302


@pytest.mark.parametrize("count", [1, 20])
def test_many_cost_as_many_questions(
    room: Conference,
    alice: User,
    signed_in: SignedIn,
    count: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(count):
        leave(room, join(room, "bob"))
    browser = signed_in(alice)
    browser.get("/")
    with django_assert_num_queries(7):
        browser.get(CSV)
