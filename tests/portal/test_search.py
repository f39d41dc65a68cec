"""Found again and booked again: search, copies, templates."""

from __future__ import annotations

import datetime

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from bench import agenda
from conferences import policy, selectors, services
from conferences.models import BookingTemplate, Conference, User
from conferences.services import Invitee
from tests.portal.conftest import SignedIn, join, next_june

HOUR = datetime.timedelta(hours=1)


def titles(browser: Client, **asked: str) -> list[str]:
    found = browser.get("/conferences/", asked)
    return [row.conference.title for row in found.context["rows"]]


def test_found_by_title_person_and_address(
    room: Conference, daily: Conference, alice: User, bob: User, carol: User, signed_in: SignedIn
) -> None:
    services.change(conference=daily, actor="", invitees=[Invitee(email="carol@example.org")])
    browser = signed_in(alice)
    assert titles(browser) == ["Daily", "Planning"]
    assert titles(browser, q="plan") == ["Planning"]
    assert titles(browser, q="BOB") == ["Planning"]
    assert titles(browser, q="carol@") == ["Daily"]
    join(room, "carol")
    assert titles(browser, q="carol") == ["Daily", "Planning"]
    assert titles(browser, q="nothing of the kind") == []
    assert titles(signed_in(bob)) == ["Planning"]


def test_found_by_day(daily: Conference, alice: User, signed_in: SignedIn) -> None:
    browser, june = signed_in(alice), next_june().date()
    third = june + datetime.timedelta(days=2)
    assert titles(browser, **{"from": f"{third}", "to": f"{third}"}) == ["Daily"]
    later = june + datetime.timedelta(days=30)
    assert titles(browser, **{"from": f"{later}"}) == []
    assert titles(browser, to=f"{june - datetime.timedelta(days=1)}") == []
    assert titles(browser, **{"from": "nonsense", "to": "0001-01-01"}) == ["Daily"]


def test_what_is_over_stands_apart(daily: Conference, alice: User, signed_in: SignedIn) -> None:
    services.cancel(conference=daily, actor="")
    browser = signed_in(alice)
    assert titles(browser) == []
    assert titles(browser, when="past") == ["Daily"]


def test_mallory_finds_nothing(
    room: Conference, open_room: Conference, mallory: User, signed_in: SignedIn
) -> None:
    assert titles(signed_in(mallory)) == []
    assert titles(signed_in(mallory), q="Planning") == []
    assert Client().get("/conferences/").status_code == 302


@pytest.mark.parametrize("count", [10, 2_000])
def test_a_search_asks_as_often_among_many(
    count: int,
    alice: User,
    bob: User,
    signed_in: SignedIn,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    agenda.book(alice, bob, count, now=timezone.now())
    browser = signed_in(alice)
    for asked in ({}, {"q": "a"}, {"q": "bob", "from": "2020-01-01", "to": "2100-01-01"}):
        with django_assert_num_queries(7):
            assert browser.get("/conferences/", asked).status_code == 200


def test_the_start_page_says_that_there_is_more(
    alice: User, bob: User, signed_in: SignedIn
) -> None:
    agenda.book(alice, bob, 20, now=timezone.now())
    assert "There are more than these" not in signed_in(alice).get("/").content.decode()
    agenda.book(alice, bob, 120, now=timezone.now())
    assert "There are more than these" in signed_in(alice).get("/").content.decode()


# --- Again -------------------------------------------------------------------------


@pytest.fixture
def rich(alice: User, bob: User) -> Conference:
    """A booking with much that the form does not ask for."""
    return services.book(
        organizer=alice,
        name="rich",
        title="Review",
        starts_at=next_june(),
        duration_minutes=50,
        timezone="Europe/Berlin",
        pin="4711",
        hidden_focus=True,
        admission=policy.Admission.SIGNED_IN,
        invitees=[Invitee(uri="bob", role=policy.Role.MODERATOR, dial_out=True)],
    )


def typed(browser: Client, path: str) -> dict[str, object]:
    """The form as it is shown, as a browser sends it."""
    form = browser.get(path).context["form"]
    sent = {name: form[name].value() for name in form.fields}
    sent = {name: value for name, value in sent.items() if value not in (None, False)}
    rows = [row for row in form.invitee_rows if row.address]
    return {
        **sent,
        "invitee": [row.address for row in rows],
        "invitee_role": [row.role for row in rows],
    }


def is_like(made: Conference, rich: Conference) -> None:
    assert (made.title, made.duration_minutes, made.pin) == ("Review", 50, "4711")
    assert (made.hidden_focus, made.admission) == (True, "signed-in")
    assert made.starts_at == rich.starts_at
    (invited,) = made.invitations.all()
    assert (invited.uri, invited.role, invited.dial_out) == ("sip:bob@conf.test", "moderator", True)
    assert made.invitations.get().token != rich.invitations.get().token
    assert made.name != rich.name


def test_another_like_it(rich: Conference, alice: User, signed_in: SignedIn) -> None:
    browser = signed_in(alice)
    assert "/book/?like=rich" in browser.get("/conferences/rich/").content.decode()
    answer = browser.post("/book/?like=rich", typed(browser, "/book/?like=rich"))
    assert answer.status_code == 302, answer.context["form"].errors
    is_like(Conference.objects.exclude(pk=rich.pk).get(), rich)


def test_a_template_outlives_its_booking(
    rich: Conference, alice: User, signed_in: SignedIn
) -> None:
    browser = signed_in(alice)
    browser.post("/conferences/rich/template/", {"title": "Our review"})
    kept = BookingTemplate.objects.get()
    token = rich.invitations.get().token
    assert token not in str(kept.invitees) + str(kept.fields)
    page = browser.get("/book/").content.decode()
    assert "Our review" in page
    path = f"/book/?template={kept.key}"
    sent = typed(browser, path)
    rich.name = "gone"
    services.cancel(conference=rich, actor="")
    assert browser.post(path, sent).status_code == 302
    is_like(Conference.objects.filter(cancelled_at=None).get(), rich)
    renamed = browser.post(f"/templates/{kept.key}/rename/", {"title": "Theirs"}, follow=True)
    assert "is called “Theirs” now" in renamed.content.decode()
    unnamed = browser.post(f"/templates/{kept.key}/rename/", {"title": " "}, follow=True)
    assert "Give it a title" in unnamed.content.decode()
    kept.refresh_from_db()
    assert kept.title == "Theirs"
    browser.post(f"/templates/{kept.key}/delete/")
    assert not BookingTemplate.objects.exists()


def test_one_of_the_same_title_is_written_over(rich: Conference, alice: User) -> None:
    for _ in range(2):
        services.save_template(owner=alice, conference=rich, title="")
    assert [one.title for one in selectors.templates_of(alice)] == ["Review"]


def test_what_is_past_is_proposed_for_the_same_weekday_and_hour(
    rich: Conference, alice: User
) -> None:
    assert rich.starts_at is not None
    later = rich.starts_at + datetime.timedelta(days=150)  # winter in Berlin
    found = services.copied(rich, now=later)
    assert found.fields["starts_at"] - later < datetime.timedelta(weeks=1, hours=1)
    before, after = rich.starts_at, found.fields["starts_at"]
    assert (after - before) % datetime.timedelta(weeks=1) == HOUR


def test_a_series_lasts_as_long_again(daily: Conference) -> None:
    daily.rrule = f"FREQ=DAILY;UNTIL={next_june():%Y}0611"
    assert daily.starts_at is not None
    found = services.copied(daily, now=daily.starts_at + datetime.timedelta(days=30))
    until = next_june() + datetime.timedelta(days=4 + 35)
    assert found.fields["rrule"] == f"FREQ=DAILY;UNTIL={until:%Y%m%d}"


def test_mallory_copies_nothing(
    rich: Conference, alice: User, bob: User, mallory: User, signed_in: SignedIn
) -> None:
    kept = services.save_template(owner=alice, conference=rich, title="x")
    browser = signed_in(mallory)
    assert browser.get("/book/?like=rich").status_code == 404
    assert browser.get(f"/book/?template={kept.key}").status_code == 404
    assert browser.post("/conferences/rich/template/").status_code == 404
    assert browser.post(f"/templates/{kept.key}/delete/").status_code == 404
    assert browser.post(f"/templates/{kept.key}/rename/", {"title": "y"}).status_code == 404
    bob.is_organizer = True
    bob.save()
    assert signed_in(bob).get("/book/?like=rich").status_code == 403
