"""The planner: what stands in it, what is moved by it, and what Mallory may not."""

from __future__ import annotations

import datetime
import zoneinfo
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from conferences import services
from conferences.models import Conference, User
from conferences.services import Invitee
from tests.portal.conftest import SignedIn

DAY = datetime.timedelta(days=1)
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


@pytest.fixture
def monday() -> datetime.date:
    """Of a week that has not begun."""
    today = timezone.now().date()
    return today - datetime.timedelta(days=today.weekday()) + 14 * DAY


@pytest.fixture
def standup(alice: User, bob: User, monday: datetime.date) -> Conference:
    """Every day at ten in Berlin, with Bob."""
    User.objects.filter(pk=alice.pk).update(timezone="Europe/Berlin")
    return services.book(
        organizer=alice,
        title="Stand-up",
        starts_at=datetime.datetime.combine(monday, datetime.time(10), BERLIN),
        duration_minutes=30,
        timezone="Europe/Berlin",
        rrule="FREQ=DAILY;COUNT=5",
        invitees=[Invitee(uri="bob")],
    )


def week_of(browser: Client, monday: datetime.date) -> list[dict[str, Any]]:
    span = {"start": f"{monday}T00:00:00", "end": f"{monday + 7 * DAY}T00:00:00"}
    response = browser.get("/planner/events/", span)
    assert response.status_code == 200, response.content
    found: list[dict[str, Any]] = response.json()
    return found


def moved(browser: Client, event: dict[str, Any], **changed: object) -> Any:
    said = {
        "conference": event["conference"],
        "on": event["on"],
        "starts_at": event["start"],
        "minutes": 30,
        **changed,
    }
    return browser.post("/planner/move/", said)


def test_a_week_by_the_wall_clock_of_whom_it_is_for(
    standup: Conference, alice: User, bob: User, signed_in: SignedIn, monday: datetime.date
) -> None:
    hers, his = (week_of(signed_in(who), monday) for who in (alice, bob))
    assert [one["start"] for one in hers] == [
        f"{monday + number * DAY}T10:00:00" for number in range(5)
    ]
    utc = datetime.datetime.fromisoformat(hers[0]["start"]).replace(tzinfo=BERLIN)
    assert his[0]["start"] == f"{utc.astimezone(datetime.UTC):%Y-%m-%dT%H:%M:%S}"
    assert (hers[0]["editable"], his[0]["editable"]) == (True, False)
    assert his[0]["classNames"] == ["fc-invited"]


def test_the_page_is_a_list_without_scripts(
    standup: Conference, alice: User, signed_in: SignedIn, monday: datetime.date
) -> None:
    page = signed_in(alice).get("/planner/", {"week": f"{monday:%G-W%V}"}).content.decode()
    assert page.count(">Stand-up</a>") == 5
    assert page.count("<b>10:00") == 5
    empty = signed_in(alice).get("/planner/", {"week": "nonsense"})
    assert empty.status_code == 200


def test_one_time_of_a_series_is_moved(
    standup: Conference, alice: User, signed_in: SignedIn, monday: datetime.date
) -> None:
    browser = signed_in(alice)
    second = week_of(browser, monday)[1]
    late = f"{monday + DAY}T16:00:00"
    assert moved(browser, second, starts_at=late, minutes=45).status_code == 204
    after = week_of(browser, monday)
    assert sorted(one["start"] for one in after)[1] == late
    assert len(after) == 5
    back = f"{monday}T08:00:00"
    next_week = f"{monday + 4 * DAY}T10:00:00"
    last = next(one for one in after if one["start"] == next_week)
    assert moved(browser, last, starts_at=back).status_code == 204
    first = week_of(browser, monday)
    assert min(one["start"] for one in first) == back


def test_a_time_moved_into_a_week_from_after_it_is_in_it(
    standup: Conference, alice: User, signed_in: SignedIn, monday: datetime.date
) -> None:
    browser = signed_in(alice)
    last = week_of(browser, monday)[-1]
    assert moved(browser, last, starts_at=f"{monday - 3 * DAY}T10:00:00").status_code == 204
    before = week_of(browser, monday - 7 * DAY)
    assert [one["start"] for one in before] == [f"{monday - 3 * DAY}T10:00:00"]


def test_a_booking_is_moved_and_what_is_called_off_stays(
    tomorrow: Conference, alice: User, signed_in: SignedIn
) -> None:
    browser = signed_in(alice)
    assert tomorrow.starts_at is not None
    day = tomorrow.starts_at.date()
    (event,) = week_of(browser, day - DAY)
    later = tomorrow.starts_at.replace(microsecond=0) + DAY
    response = moved(browser, event, starts_at=f"{later:%Y-%m-%dT%H:%M:%S}", minutes=90)
    assert response.status_code == 204
    tomorrow.refresh_from_db()
    assert (tomorrow.starts_at, tomorrow.duration_minutes) == (later, 90)


@pytest.mark.parametrize(
    "wrong",
    [
        {"starts_at": "soon"},
        {"starts_at": "2026-02-30T10:00:00"},
        {"minutes": "-5"},
        {"minutes": "0"},
        {"starts_at": "2020-01-01T10:00:00"},
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(
    standup: Conference,
    alice: User,
    signed_in: SignedIn,
    monday: datetime.date,
    wrong: dict[str, str],
) -> None:
    browser = signed_in(alice)
    first = week_of(browser, monday)[0]
    response = moved(browser, first, **wrong)
    assert response.status_code == 422
    assert response.json()["error"]
    assert week_of(browser, monday)[0]["start"] == first["start"]


def test_mallory_sees_and_moves_nothing(
    standup: Conference,
    alice: User,
    bob: User,
    mallory: User,
    signed_in: SignedIn,
    client: Client,
    monday: datetime.date,
) -> None:
    event = week_of(signed_in(alice), monday)[0]
    assert week_of(signed_in(mallory), monday) == []
    assert moved(signed_in(mallory), event).status_code == 404
    assert moved(signed_in(bob), event).status_code == 403
    assert client.get("/planner/").status_code == 302
    assert client.get("/planner/events/").status_code == 302
    assert moved(client, event).status_code == 302


@pytest.mark.parametrize(
    "span",
    [
        {},
        {"start": "2027-01-01T00:00:00", "end": "2027-06-01T00:00:00"},
        {"start": "2027-02-01T00:00:00", "end": "2027-01-01T00:00:00"},
        {"start": "9999-12-31T00:00:00", "end": "9999-12-31T23:00:00"},
        {"start": "0001-01-01T00:00:00", "end": "0001-01-02T00:00:00"},
    ],
)
def test_spans_that_are_none(alice: User, signed_in: SignedIn, span: dict[str, str]) -> None:
    assert signed_in(alice).get("/planner/events/", span).status_code == 422


def test_ten_bookings_cost_the_queries_of_one(
    alice: User,
    signed_in: SignedIn,
    monday: datetime.date,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    browser = signed_in(alice)
    start = datetime.datetime.combine(monday, datetime.time(9), datetime.UTC)
    for number in range(10):
        services.book(
            organizer=alice,
            title=f"Talk {number}",
            starts_at=start + number * datetime.timedelta(hours=1),
            duration_minutes=60,
            timezone="UTC",
            rrule="FREQ=WEEKLY",
        )
    with django_assert_num_queries(5):
        assert len(week_of(browser, monday)) == 10


def test_the_form_takes_what_was_dragged(alice: User, signed_in: SignedIn) -> None:
    browser = signed_in(alice)
    page = browser.get("/book/", {"starts_at": "2031-03-04T14:30:00", "minutes": "90"}).content
    assert b'value="2031-03-04"' in page
    assert b'value="14:30' in page
    assert browser.get("/book/", {"starts_at": "x", "minutes": "y"}).status_code == 200
