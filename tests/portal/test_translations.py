"""The pages in German: no English is left on them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from django.utils import timezone

from conferences import selectors, services
from conferences.models import Conference, User
from conferences.services import Invitee
from scripts import words
from tests.conferences.test_registrations import BROWSER, DESK
from tests.portal.conftest import SignedIn, join
from tests.portal.test_browser import called

#: Names that the tests give and that happen to be strings of ours, too.
GIVEN = {"planning"}
_PLACE = re.compile(r"%\(\w+\)[sd]|\{\w+\}")


class Read(HTMLParser):
    """What people read or hear of a page: its text, and the attributes that are said."""

    def __init__(self) -> None:
        super().__init__()
        self.told: set[str] = set()
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take the attributes."""
        self._silent += tag in ("script", "style", "code", "pre")
        self.told |= {
            " ".join(value.split())
            for name, value in attrs
            if value and name in ("aria-label", "title", "placeholder", "alt", "data-copied")
        }

    def handle_endtag(self, tag: str) -> None:
        """See where text is for people again."""
        self._silent -= tag in ("script", "style", "code", "pre")

    def handle_data(self, data: str) -> None:
        """Take the text."""
        if not self._silent and data.strip():
            self.told.add(" ".join(data.split()))


def read(page: str) -> set[str]:
    """All that a page tells."""
    reader = Read()
    reader.feed(page)
    return reader.told


def _english() -> Iterator[re.Pattern[str]]:
    """Strings that are said otherwise in German, with anything in their places."""
    for message in words.read("de", "django"):
        asked = (message.id,) if isinstance(message.id, str) else message.id
        given = (message.string,) if isinstance(message.string, str) else message.string or ()
        for text, said in zip(asked, given, strict=True):
            fixed = [re.escape(part) for part in _PLACE.split(text)]
            if text != said and text not in GIVEN and sum(map(len, fixed)) > 3 * len(fixed):
                yield re.compile("(.+)".join(fixed))


def english_of(page: str) -> list[str]:
    """What a page tells in English though there is German for it."""
    known = list(_english())
    return sorted(
        told
        for told in read(page)
        if told not in GIVEN and any(one.fullmatch(told) for one in known)
    )


def test_english_would_be_found(alice: User, signed_in: SignedIn) -> None:
    page = signed_in(alice).get("/book/").text
    assert "Book a conference" in english_of(page)
    assert any(told.startswith("How many can be in it at once") for told in english_of(page))
    assert len(english_of(page)) > 40


@pytest.fixture
def german(alice: User) -> User:
    alice.language = "de"
    alice.save()
    return alice


@pytest.fixture
def paths(room: Conference, tomorrow: Conference, daily: Conference, german: User) -> list[str]:
    """Every page of an organizer, with something on it."""
    assert daily.starts_at is not None
    occurrence = f"/conferences/daily/on/{selectors.occurrence_name(daily.starts_at)}/"
    key = join(room, "bob")
    hook = services.add_webhook(owner=german, url="https://example.org/")
    services.try_webhook(webhook=hook, now=timezone.now())
    phones = [replace(one, aor=selectors.aor("alice")) for one in (DESK, BROWSER)]
    services.keep_registrations(gateway="host:1:a", entries=phones)
    services.change(conference=daily, actor="", invitees=[Invitee(email="carol@example.org")])
    called("waiting")
    return [
        "/",
        "/book/",
        "/history/",
        "/planner/",
        "/calendar/",
        "/load/",
        "/account/",
        "/account/second-factor/",
        "/people/",
        "/phone/",
        "/webhooks/",
        f"/webhooks/{hook.name}/",
        "/factories/",
        "/new-factory/",
        "/conferences/planning/",
        "/conferences/planning/change/",
        "/conferences/planning/cancel/",
        "/conferences/planning/quality/",
        "/conferences/planning/protocol/",
        "/conferences/planning/attendance/",
        f"/conferences/planning/remove/{key}/",
        "/conferences/daily/",
        "/conferences/daily/invitations/",
        "/conferences/daily/change/",
        occurrence,
        f"{occurrence}cancel/",
        f"/i/{daily.invitations.get().token}/",
        "/c/planning/",
        f"/c/{tomorrow.name}/",
        "/setup/waiting/",
        "/nothing/",
    ]


def test_no_page_is_half_translated(paths: list[str], german: User, signed_in: SignedIn) -> None:
    browser = signed_in(german)
    pages = {path: browser.get(path).text for path in paths}
    assert {path: found for path, page in pages.items() if (found := english_of(page))} == {}
    assert all('<html lang="de"' in page for page in pages.values())


def test_the_back_office_speaks_it_too(room: Conference, german: User, signed_in: SignedIn) -> None:
    User.objects.filter(pk=german.pk).update(is_staff=True, is_superuser=True)
    told = read(signed_in(german).get("/admin/").text)
    assert {"Konferenzen", "Anrufziele", "Konferenzfabriken", "Parley: Verwaltung"} <= told
    assert not {"Conferences", "Calls", "Participants"} & told
    told = read(signed_in(german).get("/admin/conferences/conference/").text)
    assert {"Titel", "Beginnt um"} <= told
