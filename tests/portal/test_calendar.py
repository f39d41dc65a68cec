"""What was sent, answering by link, one's own calendar; and what Mallory sees of them."""

from __future__ import annotations

import datetime
import re

import pytest
from django.test import Client
from django.utils import timezone
from icalendar import Calendar
from pytest_django import DjangoAssertNumQueries

from conferences import selectors, services
from conferences.models import Answer, Conference, User
from conferences.services import Invitee
from tests import people
from tests.portal.conftest import SignedIn

CAROL = "carol@example.com"
PIN = "4711471147114711"
"""As long as one can be: nothing that is made by chance holds it."""


@pytest.fixture
def review(alice: User, bob: User) -> Conference:
    """A series tomorrow to which Bob and, by mail, Carol are invited."""
    return services.book(
        organizer=alice,
        name="review",
        title="Review",
        starts_at=timezone.now() + datetime.timedelta(days=1),
        duration_minutes=60,
        timezone="Europe/Berlin",
        rrule="FREQ=WEEKLY",
        pin=PIN,
        invitees=[Invitee("bob"), Invitee(email=CAROL)],
    )


@pytest.fixture
def link(review: Conference) -> str:
    return f"/i/{review.invitations.get(email=CAROL).token}/"


def test_an_invitee_answers_by_link(
    review: Conference, link: str, client: Client, alice: User, signed_in: SignedIn
) -> None:
    page = client.get(f"{link}?answer=declined").content.decode()
    assert "Review" in page
    assert "Alice invites you" in page
    assert "(Europe/Berlin)" in page
    assert PIN not in page
    # Programs that fetch links answer nothing, and people are told so.
    assert review.invitations.get(email=CAROL).answer == Answer.NONE
    assert "Your answer is not sent yet" in page
    assert "Send: No, I do not" in page
    told = client.post(link, {"answer": "tentative"}, follow=True).content.decode()
    assert "<b>may come</b>" in told
    assert review.invitations.get(email=CAROL).answer == Answer.TENTATIVE
    assert "not sent yet" not in told
    assert "not sent yet" not in client.get(f"{link}?answer=tentative").content.decode()
    assert "not sent yet" not in client.get(f"{link}?answer=perhaps").content.decode()
    assert "May come" in signed_in(alice).get("/conferences/review/").content.decode()


def test_a_link_of_a_mail_asks_for_one_more_press(link: str, client: Client) -> None:
    page = client.get(f"{link}?answer=accepted").content.decode()
    assert "Your answer is not sent yet" in page
    told = client.post(link, {"answer": "accepted"}, follow=True).content.decode()
    assert "Your answer is not sent yet" not in told
    assert "<b>comes</b>" in told


def test_an_invitee_answers_one_time(
    review: Conference, link: str, client: Client, alice: User, signed_in: SignedIn
) -> None:
    """Not on the third; what he said of all the rest stays, and the organizer reads both."""
    assert review.starts_at is not None
    client.post(link, {"answer": "accepted"})
    third = selectors.occurrence_name(review.starts_at + datetime.timedelta(days=14))
    assert f"?on={third}" in client.get(link).content.decode()
    page = client.get(f"{link}?on={third}").content.decode()
    assert "Your answer is for this time alone." in page
    told = client.post(f"{link}?on={third}", {"answer": "declined"}, follow=True).content.decode()
    assert "<b>does not come</b>" in told
    assert "As for all its times" in told
    mine = review.invitations.get(email=CAROL)
    assert mine.answer == Answer.ACCEPTED
    assert [one.answer for one in mine.occurrence_answers.all()] == [Answer.DECLINED]
    assert "Does not come" in client.get(link).content.decode()
    shown = signed_in(alice).get(f"/conferences/review/on/{third}/").content.decode()
    assert "Answers for this time" in shown
    assert "Does not come" in shown
    client.post(f"{link}?on={third}", {"answer": ""})
    assert not mine.occurrence_answers.exists()


@pytest.mark.parametrize("on", ["20200101T000000Z", "today", "%00"])
def test_a_time_that_there_is_not_takes_no_answer(link: str, client: Client, on: str) -> None:
    assert client.get(f"{link}?on={on}").status_code == 404
    assert client.post(f"{link}?on={on}", {"answer": "accepted"}).status_code == 404


def test_a_time_that_is_called_off_takes_no_answer(
    review: Conference, link: str, client: Client
) -> None:
    assert review.starts_at is not None
    services.cancel_occurrence(
        conference=review, recurrence_id=review.starts_at, actor=people.ALICE.uri
    )
    on = selectors.occurrence_name(review.starts_at)
    assert "This time was called off." in client.get(f"{link}?on={on}").content.decode()
    assert client.post(f"{link}?on={on}", {"answer": "accepted"}).status_code == 410


def test_times_are_listed_some_at_once(
    review: Conference,
    link: str,
    client: Client,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_max_num_queries(12):
        page = client.get(link).content.decode()
    assert len(re.findall(r"\?on=", page)) == 6
    onward = re.search(r"\?from=([0-9TZ]+)#", page)
    assert onward is not None
    assert f"?on={onward[1]}" in client.get(f"{link}?from={onward[1]}").content.decode()


@pytest.mark.parametrize("said", [{}, {"answer": ""}, {"answer": "maybe"}])
def test_an_answer_that_is_none(
    review: Conference, link: str, client: Client, said: dict[str, str]
) -> None:
    assert client.post(link, said).status_code == 422
    assert review.invitations.get(email=CAROL).answer == Answer.NONE


def test_what_is_cancelled_takes_no_answer(review: Conference, link: str, client: Client) -> None:
    services.cancel(conference=review, actor="")
    assert client.post(link, {"answer": "accepted"}).status_code == 410
    page = client.get(link).content.decode()
    assert "was cancelled" in page
    assert "Yes, I come" not in page


def test_a_link_is_good_with_its_own_form_alone(link: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(link, {"answer": "accepted"}).status_code == 403


def test_the_organizer_reads_what_was_sent(
    review: Conference,
    alice: User,
    signed_in: SignedIn,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    services.change(
        conference=review,
        actor="",
        invitees=[Invitee(email=f"{number}@example.com") for number in range(20)],
    )
    browser = signed_in(alice)
    with django_assert_num_queries(12):
        page = browser.get("/conferences/review/invitations/").content.decode()
    assert "No mail server is set" in page
    assert page.count("Not sent") == 22
    assert "Repeats every week." in page


def test_a_calendar_of_ones_own(
    review: Conference, room: Conference, bob: User, client: Client, signed_in: SignedIn
) -> None:
    browser = signed_in(bob)
    assert ".ics" not in browser.get("/calendar/").content.decode()
    made = browser.post("/calendar/", follow=True).content.decode()
    links = re.findall(r"http://parley\.test:8000(/calendar/[^\"<]+\.ics)", made)
    answer = client.get(links[0])
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    assert "no-store" in answer["Cache-Control"]
    read = Calendar.from_ical(answer.content.decode())
    assert isinstance(read, Calendar)
    assert [str(one["SUMMARY"]) for one in read.walk("VEVENT")] == ["Review"]
    browser.post("/calendar/")
    assert client.get(links[0]).status_code == 404


def test_a_calendar_of_somebody_who_is_gone(bob: User, client: Client) -> None:
    path = f"/calendar/{services.new_calendar_link(bob)}.ics"
    assert client.get(path).status_code == 200
    bob.is_active = False
    bob.save(update_fields=["is_active"])
    assert client.get(path).status_code == 404


def test_mallory_is_refused(
    review: Conference, mallory: User, bob: User, client: Client, signed_in: SignedIn
) -> None:
    assert signed_in(mallory).get("/conferences/review/invitations/").status_code == 404
    # Bob is invited, and not the one to read whom else Alice writes to.
    assert signed_in(bob).get("/conferences/review/invitations/").status_code == 403
    assert client.get("/conferences/review/invitations/").status_code == 302
    assert client.get("/calendar/").status_code == 302
    for guess in ("/i/guess/", "/calendar/guess.ics", "/calendar/None.ics"):
        assert client.get(guess).status_code == 404
    assert client.post("/i/guess/", {"answer": "accepted"}).status_code == 404
    feed = client.get(f"/calendar/{services.new_calendar_link(mallory)}.ics")
    assert b"Review" not in feed.content
