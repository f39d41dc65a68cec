"""The pages of one time of a series."""

from __future__ import annotations

import datetime
import zoneinfo

import pytest
from django.test import Client
from django.utils import timezone

from conferences import selectors, services, wording
from conferences.models import Conference, Ledger, User
from tests import people
from tests.portal.conftest import SignedIn, next_june

DAY = datetime.timedelta(days=1)


def _on(number: int) -> str:
    return f"/conferences/daily/on/{selectors.occurrence_name(next_june() + number * DAY)}/"


def _said(number: int, **said: str) -> dict[str, str]:
    day = next_june() + number * DAY
    return {
        "title": "Daily",
        "date": f"{day:%Y-%m-%d}",
        "time": "14:00",
        "duration_minutes": "60",
        "range": "one",
        **said,
    }


def test_one_is_moved(alice: User, daily: Conference, signed_in: SignedIn) -> None:
    browser = signed_in(alice)
    page = browser.get("/conferences/daily/").content.decode()
    assert page.count('class="next-one"') == 5
    assert _on(1) in page
    assert 'value="14:00"' in browser.get(_on(1)).content.decode()
    assert browser.post(_on(1) + "change/", _said(1, time="16:00")).status_code == 302
    found = selectors.planned_one(daily, next_june() + DAY)
    assert found is not None
    assert found.now is not None
    assert found.now.starts_at == next_june() + DAY + datetime.timedelta(hours=2)
    page = browser.get("/conferences/daily/").content.decode()
    assert page.count("Changed</span>") == 1
    assert "changed one time" in page
    page = browser.get(_on(1)).content.decode()
    assert "By the series it would have been on" in page
    assert "changed one time" in page
    assert browser.post(_on(1) + "restore/").status_code == 302
    assert daily.overrides.count() == 0


def test_one_is_called_off_and_brought_back(
    alice: User, bob: User, daily: Conference, signed_in: SignedIn
) -> None:
    browser = signed_in(alice)
    assert "Call off this one" in browser.get(_on(0) + "cancel/").content.decode()
    assert daily.overrides.count() == 0
    browser.post(_on(0) + "cancel/", {"range": "one"})
    page = browser.get("/conferences/daily/").content.decode()
    assert page.count("Called off</span>") == 1
    seen = signed_in(bob).get(_on(0)).content.decode()
    assert "Called off</span>" in seen
    assert "Change it" not in seen
    assert "Let it take place" in browser.get(_on(0)).content.decode()
    browser.post(_on(0) + "restore/")
    assert "Called off</span>" not in browser.get("/conferences/daily/").content.decode()


def test_this_one_and_all_that_follow(alice: User, daily: Conference, signed_in: SignedIn) -> None:
    browser = signed_in(alice)
    browser.post(_on(2) + "change/", _said(2, title="Late", time="18:00", range="following"))
    daily.refresh_from_db()
    whole = [(one.number, one.title) for one in selectors.series(daily)]
    assert (whole, daily.title) == ([(0, "Daily"), (1, "Late")], "Daily")
    page = browser.get("/conferences/daily/").content.decode()
    assert "Later on: “Late”, from" in page
    page = browser.get(_on(0)).content.decode()
    assert "This one and all that follow" in page
    assert "from that day on it is “Late”, which is left alone" in page
    assert "“Late” from" in browser.get(_on(0) + "cancel/").content.decode()
    later = next_june() + 3 * DAY + datetime.timedelta(hours=4)
    on = f"/conferences/daily/on/{selectors.occurrence_name(later)}/"
    browser.post(on + "cancel/", {"range": "following"})
    daily.refresh_from_db()
    found = list(selectors.occurrences(daily, since=next_june(), until=next_june() + 99 * DAY))
    assert len(found) == 3
    answer = browser.post(_on(0) + "cancel/", {"range": "following"}, follow=True)
    assert "cancel the conference" in answer.content.decode()


def test_a_rule_is_told_in_its_own_zone(
    alice: User, daily: Conference, signed_in: SignedIn
) -> None:
    User.objects.filter(pk=alice.pk).update(timezone="Asia/Kathmandu")
    local = next_june().astimezone(zoneinfo.ZoneInfo(daily.timezone))
    told = f"(at {local:%H:%M} in {daily.timezone})"
    assert told in signed_in(alice).get("/conferences/daily/").content.decode()
    assert told in signed_in(alice).get(_on(0)).content.decode()


def test_what_takes_a_day_is_told_with_both_days(alice: User, signed_in: SignedIn) -> None:
    start = next_june()
    row = services.book(
        organizer=alice, title="Long", name="long", starts_at=start, duration_minutes=1440
    )
    assert row.starts_at is not None
    with timezone.override(alice.zone):
        told = wording.span(start, start + DAY, "DAY_YEAR_TIME_FORMAT")
    assert told.count(":") == 2
    assert told.partition("–")[0][:3] != told.partition("–")[2][:3]  # noqa: RUF001
    browser = signed_in(alice)
    for path in ("/", "/conferences/long/"):
        page = browser.get(path).content.decode()
        assert told.partition("–")[2] in page  # noqa: RUF001


def test_the_history_says_when_it_was_planned_for(alice: User, signed_in: SignedIn) -> None:
    row = services.book(organizer=alice, title="Off", starts_at=next_june())
    services.cancel(conference=row, actor="")
    page = signed_in(alice).get("/history/").content.decode()
    assert "planned for" in page
    assert "nobody came" not in page


def test_mistakes_are_told_at_their_field(
    alice: User, daily: Conference, signed_in: SignedIn
) -> None:
    browser = signed_in(alice)
    for said, words in (
        ({"title": ""}, "Give it a title."),
        ({"date": "2020-01-01"}, "The start lies in the past."),
        ({"date": "tomorrow"}, "Enter a valid date."),
    ):
        page = browser.post(_on(1) + "change/", _said(1, **said)).content.decode()
        assert words in page
    assert daily.overrides.count() == 0


def test_who_finds_no_room_takes_a_time_that_is_free(
    alice: User, daily: Conference, signed_in: SignedIn
) -> None:
    Ledger.objects.update_or_create(pk=Ledger.ONLY, defaults={"ports": 15})
    taken = next_june() + datetime.timedelta(hours=3)
    services.book(organizer=alice, title="Other", starts_at=taken, duration_minutes=60)
    browser = signed_in(alice)
    page = browser.post(_on(0) + "change/", _said(0, time="17:00")).content.decode()
    assert "There is room at" in page
    assert f'value="{next_june():%Y-%m-%d}T18:00"' in page
    wanted = _said(0, time="17:00", take=f"{next_june():%Y-%m-%d}T18:00")
    assert browser.post(_on(0) + "change/", wanted).status_code == 302
    found = selectors.planned_one(daily, next_june())
    assert found is not None
    assert found.now is not None
    assert found.now.starts_at == next_june() + datetime.timedelta(hours=4)


def test_what_is_no_time_of_a_series(
    alice: User, daily: Conference, room: Conference, signed_in: SignedIn
) -> None:
    browser = signed_in(alice)
    for path in ("daily/on/today", "daily/on/20200101T000000Z", "planning/on/20200101T000000Z"):
        assert browser.get(f"/conferences/{path}/").status_code == 404


@pytest.mark.parametrize("what", ["", "change/", "cancel/", "restore/"])
def test_mallory_is_refused(
    daily: Conference, bob: User, mallory: User, signed_in: SignedIn, what: str
) -> None:
    assert Client().post(_on(1) + what).status_code in (302, 405)
    assert signed_in(mallory).post(_on(1) + what).status_code in (404, 405)
    assert signed_in(mallory).get(_on(1) + what, follow=True).status_code == 404
    # Bob is invited, and may look.
    assert signed_in(bob).post(_on(1) + what).status_code in (403, 405)
    assert daily.overrides.count() == 0
    assert people.MALLORY.uri not in {one.actor for one in selectors.events(daily)}


@pytest.mark.parametrize(("hours", "minutes", "lasts"), [("0", "25", 25), ("2", "30", 150)])
def test_one_is_as_long_as_one_says(
    alice: User, daily: Conference, signed_in: SignedIn, hours: str, minutes: str, lasts: int
) -> None:
    said = _said(1, duration_hours=hours, duration_minutes=minutes)
    browser = signed_in(alice)
    assert browser.post(_on(1) + "change/", said).status_code == 302
    assert daily.overrides.get().duration_minutes == lasts
    page = browser.get(_on(1)).content.decode()
    assert f'name="duration_hours" value="{hours}"' in page
    assert f'name="duration_minutes" value="{minutes}"' in page
