"""Lists take as many queries with ten thousand bookings as with ten."""

from __future__ import annotations

import datetime
import re

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from bench import agenda
from conferences import selectors, services
from conferences.models import Conference, Kind, User
from tests.portal.conftest import SignedIn

QUERIES = {"/": 10, "/history/": 3, "/load/": 6, "/load/?week=2027-03-28": 6}
LISTED = "/api/v1/conferences"
HOUR = datetime.timedelta(hours=1)


@pytest.mark.parametrize("count", [10, 10_000])
def test_what_lists_cost(
    count: int,
    alice: User,
    bob: User,
    signed_in: SignedIn,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    now = timezone.now().replace(microsecond=0)
    agenda.book(alice, bob, count, now=now)
    for browser in (signed_in(alice), signed_in(bob)):
        with django_assert_num_queries(QUERIES["/"]):
            page = browser.get("/").content.decode()
        assert page.count('class="row-title"') == min(count, 80) or count == 10
    browser = signed_in(alice)
    for path in sorted(QUERIES.keys() - {"/"}):
        with django_assert_num_queries(QUERIES[path]):
            assert browser.get(path).status_code == 200
    token = services.issue_api_token(alice)
    with django_assert_num_queries(6):
        window = {"from": now.isoformat(), "to": (now + 24 * HOUR).isoformat()}
        told = Client().get(LISTED, window, headers={"authorization": f"Bearer {token}"}).json()
    assert told["count"] > 0


def test_what_is_soon_is_found_among_many(alice: User, bob: User) -> None:
    # In June: of an hour that the clocks show twice a series takes the first.
    now = datetime.datetime(timezone.now().year + 1, 6, 1, 12, tzinfo=datetime.UTC)
    agenda.book(alice, bob, 300, now=now)
    for user in (alice, bob):
        found = selectors.upcoming(user, now=now, most=20)
        booked = [one.starts_at for _, one in found if one is not None]
        assert booked == [now + number * HOUR for number in range(1, 21)]


def test_the_sweep_moves_series_on(alice: User, bob: User) -> None:
    now = timezone.now().replace(microsecond=0)
    agenda.book(alice, bob, 11, now=now)
    series = Conference.objects.exclude(rrule="").order_by("starts_at")[0]
    later = now + 30 * HOUR
    services.open_and_close(now=later)
    series.refresh_from_db()
    assert series.starts_at is not None
    assert series.next_until == series.starts_at + HOUR + datetime.timedelta(days=7)
    # One that was never moved on is found all the same.
    Conference.objects.filter(kind=Kind.BOOKED).update(next_until=now + 2 * HOUR)
    shown = selectors.upcoming(alice, now=now + 20 * HOUR)
    assert [row.pk for row, _ in shown] == [
        Conference.objects.exclude(rrule="").order_by("starts_at")[index].pk for index in (0, 1)
    ]


# --- The picture ---------------------------------------------------------------------------


def test_the_planned_load(alice: User, mallory: User, signed_in: SignedIn) -> None:
    monday = datetime.datetime(timezone.now().year + 1, 6, 7, tzinfo=datetime.UTC)
    monday += datetime.timedelta(days=(7 - monday.weekday()) % 7)
    for who, hour, ports in ((alice, 9, 30), (mallory, 10, 50), (mallory, 14, 5)):
        services.book(
            organizer=who,
            title="Talk",
            starts_at=monday + hour * HOUR,
            duration_minutes=120,
            max_participants=ports,
        )
    page = signed_in(alice).get(f"/load/?week={monday:%Y-%m-%d}").content.decode()
    assert "At most 80 ports at once" in page
    row = re.search(r'<th scope="row">Mon .*?</tr>', page, re.DOTALL)
    assert row is not None
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row[0])
    assert cells == ["80", "10:00–11:00", "30"]  # noqa: RUF001
    assert page.count('<th scope="row">') == 7
    assert 'role="img"' in page
    for week in ("", "nonsense", "9999-12-31", "0001-01-01"):
        assert signed_in(alice).get("/load/", {"week": week}).status_code == 200


def test_days_of_23_and_25_hours(alice: User, signed_in: SignedIn) -> None:
    alice.timezone = "Europe/Berlin"
    alice.save()
    for sunday in ("2027-03-28", "2027-10-31"):
        page = signed_in(alice).get(f"/load/?week={sunday}").content.decode()
        assert f"Sun {int(sunday[-2:])}" in page
        assert page.count('<th scope="row">') == 7


def test_the_planned_load_is_for_those_who_book(bob: User, signed_in: SignedIn) -> None:
    assert signed_in(bob).get("/load/").status_code == 403
    assert Client().get("/load/").status_code == 302
    bob.is_staff = True
    bob.save()
    assert signed_in(bob).get("/load/").status_code == 200
