"""The page of webhooks: added, looked at, sent again, and nobody else's."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from conferences import services
from conferences.models import Conference, Delivery, User, Way, Webhook, WebhookState
from conferences.services import posting
from tests import people
from tests.portal.conftest import SignedIn

URL = "https://example.org/parley"


def taken(url: str, headers: Mapping[str, str], body: bytes) -> posting.Outcome:
    return posting.Outcome(204, "", 7)


def sent(count: int) -> None:
    for _ in range(count):
        services.try_webhook(webhook=Webhook.objects.get(), now=timezone.now())
        services.send_webhooks(now=timezone.now(), post=taken)


def test_one_is_added_and_its_secret_shown_once(alice: User, signed_in: SignedIn) -> None:
    browser = signed_in(alice)
    page = browser.post("/webhooks/", {"url": URL, "types": ["participant.joined"]})
    secret = re.search(r"whsec_[A-Za-z0-9+/=]+", page.content.decode())
    assert secret is not None
    row = Webhook.objects.get()
    assert (row.secret, row.types, row.owner) == (secret[0], ["participant.joined"], alice)
    assert "no-store" in page["Cache-Control"]
    for path in ("/webhooks/", f"/webhooks/{row.name}/"):
        assert "whsec_" not in browser.get(path).content.decode()


def test_mistakes_are_told_at_their_field(alice: User, signed_in: SignedIn) -> None:
    browser = signed_in(alice)
    page = browser.post("/webhooks/", {"url": "http://10.0.0.1/"}).content.decode()
    assert "inside of our own network" in page
    assert 'value="http://10.0.0.1/"' in page
    assert not Webhook.objects.exists()


def test_what_was_sent_is_shown_with_its_answer(
    room: Conference, alice: User, signed_in: SignedIn
) -> None:
    row = services.add_webhook(owner=alice, url=URL)
    services.lock(conference=room.key, actor=people.ALICE, way=Way.WEB)
    services.send_webhooks(now=timezone.now(), post=taken)
    page = signed_in(alice).get(f"/webhooks/{row.name}/").content.decode()
    assert "conference.locked" in page
    assert ">204</span> 7 ms" in page


def test_send_again_from_a_number(alice: User, signed_in: SignedIn) -> None:
    row = services.add_webhook(owner=alice, url=URL)
    browser = signed_in(alice)
    sent(3)
    do = f"/webhooks/{row.name}/do/"
    page = browser.post(do, {"do": "again", "number": "2"}, follow=True).content.decode()
    assert "2 messages are sent again." in page
    due = Delivery.objects.filter(due=True).order_by("number")
    assert list(due.values_list("number", flat=True)) == [2, 3]
    page = browser.post(do, {"do": "again", "number": "9"}).content.decode()
    assert "those from 1 to 3 are kept" in page
    assert 'value="9"' in page


def test_a_dead_one_is_visibly_off_and_switched_on_again(alice: User, signed_in: SignedIn) -> None:
    row = services.add_webhook(owner=alice, url=URL)
    browser = signed_in(alice)
    since = timezone.now() - datetime.timedelta(days=3)
    Webhook.objects.update(state=WebhookState.OFF, failing_since=since, error="answered 500")
    assert "Switched off" in browser.get("/webhooks/").content.decode()
    assert (
        "(answered 500), so it was switched off"
        in browser.get(f"/webhooks/{row.name}/").content.decode()
    )
    browser.post(f"/webhooks/{row.name}/do/", {"do": "resume"})
    row.refresh_from_db()
    assert (row.state, row.failing_since) == (WebhookState.ON, None)


def test_buttons(alice: User, signed_in: SignedIn) -> None:
    row = services.add_webhook(owner=alice, url=URL)
    browser, do = signed_in(alice), f"/webhooks/{row.name}/do/"
    browser.post(do, {"do": "pause"})
    row.refresh_from_db()
    assert row.state == WebhookState.PAUSED
    page = browser.post(do, {"do": "secret"}).content.decode()
    before = row.secret
    row.refresh_from_db()
    assert row.secret != before
    assert row.secret in page.replace("&#x2B;", "+")
    assert browser.post(do, {"do": "test"}).status_code == 302
    assert Delivery.objects.get().type == "webhook.test"
    assert browser.post(do, {"do": "nothing"}).status_code == 404
    browser.post(do, {"do": "delete"})
    assert not Webhook.objects.exists()


def test_nobody_sees_anothers(alice: User, bob: User, mallory: User, signed_in: SignedIn) -> None:
    row = services.add_webhook(owner=alice, url=URL)
    assert signed_in(bob).get("/webhooks/").status_code == 403
    browser = signed_in(mallory)
    assert row.name not in browser.get("/webhooks/").content.decode()
    assert browser.get(f"/webhooks/{row.name}/").status_code == 404
    assert browser.post(f"/webhooks/{row.name}/do/", {"do": "delete"}).status_code == 404
    page = browser.post("/webhooks/", {"url": URL, "everything": "on"})
    assert page.status_code == 200
    assert Webhook.objects.filter(everything=True).count() == 0


@pytest.mark.parametrize("count", [1, 30])
def test_the_page_asks_as_often_for_many(
    alice: User, signed_in: SignedIn, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    row = services.add_webhook(owner=alice, url=URL)
    browser = signed_in(alice)
    sent(count)
    with django_assert_num_queries(5):
        browser.get(f"/webhooks/{row.name}/")
