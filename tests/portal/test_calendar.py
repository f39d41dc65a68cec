"""What was sent, answering by link, one's own calendar; and what Mallory sees of them."""

from __future__ import annotations

import datetime
import re

import pytest
from django.test import Client
from django.utils import timezone
from icalendar import Calendar
from pytest_django import DjangoAssertNumQueries

from conferences import services
from conferences.models import Answer, Conference, User
from conferences.services import Invitee
from tests.portal.conftest import SignedIn

CAROL = "carol@example.com"


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
        pin="4711",
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
    assert "4711" not in page
    # Programs that fetch links answer nothing.
    assert review.invitations.get(email=CAROL).answer == Answer.NONE
    told = client.post(link, {"answer": "tentative"}, follow=True).content.decode()
    assert "<b>may come</b>" in told
    assert review.invitations.get(email=CAROL).answer == Answer.TENTATIVE
    assert "May come" in signed_in(alice).get("/conferences/review/").content.decode()


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
    with django_assert_num_queries(11):
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
