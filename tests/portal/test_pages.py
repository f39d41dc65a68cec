"""What the pages say, and with how many queries they say it."""

from __future__ import annotations

import datetime
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client, RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.views.defaults import server_error

from conferences import policy, selectors, services
from conferences.models import Conference, Removal, RemovalState, User, Way
from conferences.policy import Role
from conferences.services import Invitee
from portal import health
from portal.templatetags import parley
from portal.views import story
from tests.portal.conftest import PASSWORD, SignedIn, join

#: Queries of a page however many conferences, people or events are on it.
#: Two of each are session and user.
QUERIES = {"/": 10, "/history/": 4, "/conferences/planning/": 16}


def test_strangers_read_what_parley_is(client: Client, db: None) -> None:
    assert "Talk together" in client.get("/").content.decode()


def test_signing_in_and_out(alice: User, client: Client) -> None:
    wrong = client.post("/sign-in/", {"username": "alice", "password": "wrong"})
    assert "do not fit together" in wrong.content.decode()
    right = {"username": "Alice", "password": PASSWORD, "next": "/account/"}
    assert client.post("/sign-in/", right)["Location"] == "/account/"
    assert client.get("/sign-out/")["Location"] == "/"
    assert client.get("/account/").status_code == 200
    assert client.post("/sign-out/")["Location"] == "/"
    assert client.get("/account/").status_code == 302


def test_sign_in_leads_nowhere_else(alice: User, client: Client) -> None:
    said = {"username": "alice", "password": PASSWORD, "next": "https://evil.example/"}
    assert client.post("/sign-in/", said)["Location"] == "/"


def test_an_empty_start_page_teaches(alice: User, bob: User, signed_in: SignedIn) -> None:
    assert "Book your first conference" in signed_in(alice).get("/").content.decode()
    page = signed_in(bob).get("/").content.decode()
    assert "Nobody has invited you yet" in page
    assert "/book/" not in page


def test_the_start_page_sorts(
    room: Conference, open_room: Conference, tomorrow: Conference, bob: User, signed_in: SignedIn
) -> None:
    join(room, "alice")
    page = signed_in(bob).get("/").content.decode()
    running, coming = page.index("Running now"), page.index("Coming up")
    assert running < page.index("Planning") < coming < page.index("Review")
    assert "1 in the call" in page
    assert "Open house" not in page
    assert "organized by Alice" in page


def test_times_are_in_the_persons_zone(
    tomorrow: Conference, bob: User, signed_in: SignedIn
) -> None:
    bob.timezone = "Asia/Tokyo"
    bob.save()
    page = signed_in(bob).get(f"/conferences/{tomorrow.name}/").content.decode()
    assert tomorrow.starts_at is not None
    local = tomorrow.starts_at + datetime.timedelta(hours=9)
    assert f"{local:%H:%M}" in page
    assert "(Asia/Tokyo)" in page


@pytest.mark.parametrize("path", sorted(QUERIES))
def test_pages_take_as_many_queries_for_many_as_for_few(
    path: str, alice: User, bob: User, signed_in: SignedIn, django_assert_num_queries: object
) -> None:
    browser = signed_in(alice)
    assert callable(django_assert_num_queries)
    for count in (1, 6):
        for number in range(count):
            name = "planning" if number == 0 else f"planning-{count}-{number}"
            row = selectors.conference_by_name(name) or services.book(
                organizer=alice, name=name, title="Planning", invitees=[Invitee(uri="bob")]
            )
            join(row, f"guest-{count}-{number}")
            join(selectors.conference_by_name("planning") or row, f"somebody-{count}-{number}")
        with django_assert_num_queries(QUERIES[path]):
            assert browser.get(path).status_code == 200


def test_a_conferences_page_has_all_to_join(
    open_room: Conference, alice: User, signed_in: SignedIn
) -> None:
    page = signed_in(alice).get("/conferences/open/").content.decode()
    for text in ("http://parley.test:8000/c/open/", "sip:open@conf.test", "4711"):
        assert f'data-copy="{text}"' in page
    assert "guests included" in page
    assert "Nobody is in the call right now." in page


@pytest.mark.parametrize(
    ("admission", "label", "hint"),
    [
        (policy.Admission.INVITED, "for the invited, who sign in", "only the invited come in"),
        (policy.Admission.SIGNED_IN, "for people with an account", "or just send the link"),
        (policy.Admission.OPEN, "for everybody, guests included", "or just send the link"),
    ],
)
def test_the_page_says_for_whom_the_link_is(
    admission: policy.Admission, label: str, hint: str, alice: User, signed_in: SignedIn
) -> None:
    row = services.book(organizer=alice, title="Talk", admission=admission)
    page = signed_in(alice).get(f"/conferences/{row.name}/").content.decode()
    assert label in page
    assert hint in page


def test_dialable_names_are_shown_to_dial(alice: User, signed_in: SignedIn) -> None:
    row = services.book(organizer=alice, title="Digits")
    page = signed_in(alice).get(f"/conferences/{row.name}/").content.decode()
    assert f'data-copy="{row.name}"' in page
    assert " ".join(re.findall("....", row.name)) in page


@override_settings(DIAL_IN="+49 30 1234-56")
def test_a_chosen_name_has_its_number_on_the_page(alice: User, signed_in: SignedIn) -> None:
    row = services.book(organizer=alice, title="Planning", name="planning")
    page = signed_in(alice).get("/conferences/planning/").content.decode()
    assert f'data-copy="{row.number}"' in page
    assert 'data-copy="+49 30 1234-56"' in page


def test_invitees_see_neither_list_nor_history(
    room: Conference, bob: User, signed_in: SignedIn
) -> None:
    page = signed_in(bob).get("/conferences/planning/").content.decode()
    assert "How to join" in page
    assert "What happened" not in page
    assert "Invited</h2>" not in page
    assert "Cancel it" not in page


def test_who_may_not_come_back_is_let_come_again(
    room: Conference, alice: User, bob: User, signed_in: SignedIn
) -> None:
    key = join(room, "bob")
    actor = selectors.identity_of_user(alice)
    services.ask_to_remove(conference=room.key, participant=key, actor=actor, way=Way.WEB, ban=True)
    ban = room.bans.get()
    path = f"/conferences/planning/bans/{ban.pk}/lift/"
    assert signed_in(bob).post(path).status_code == 403
    assert room.bans.exists()
    browser = signed_in(alice)
    page = browser.get("/conferences/planning/").content.decode()
    assert "May not come back" in page
    assert f'action="{path}"' in page
    browser.post(path)
    assert not room.bans.exists()
    page = browser.get("/conferences/planning/").content.decode()
    assert "Bob may come again." in page
    assert 'data-testid="banned-list"' not in page
    assert browser.post(path).status_code == 404


def test_history_tells_who_removed_whom_how_and_when(
    room: Conference, alice: User, bob: User, signed_in: SignedIn
) -> None:
    key = join(room, "bob")
    actor = selectors.identity_of_user(alice)
    removal = services.ask_to_remove(
        conference=room.key, participant=key, actor=actor, way=Way.REFER, reason="noise", ban=True
    )
    Removal.objects.filter(pk=removal.pk).update(state=RemovalState.CARRYING)
    services.participant_left(
        conference=room.key,
        key=key,
        method="booted",
        by=actor.uri,
        reason="noise",
        at=timezone.now().timestamp(),
    )
    page = signed_in(alice).get("/conferences/planning/").content.decode()
    said = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "Alice removed Bob , who may not come back, by REFER from a phone: noise" in said
    history = signed_in(alice).get("/history/").content.decode()
    assert "1 person took part" in history
    assert "1 removed" in history


def test_who_ends_a_conference_is_not_put_out(
    room: Conference, alice: User, bob: User, signed_in: SignedIn
) -> None:
    keys = [join(room, "alice", role=Role.ORGANIZER), join(room, "bob")]
    for key in keys:
        services.participant_left(
            conference=room.key,
            key=key,
            method="booted",
            by=selectors.aor("alice"),
            reason="ended",
            at=timezone.now().timestamp(),
        )
    page = signed_in(alice).get("/conferences/planning/").content.decode()
    said = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "Alice ended the conference" in said
    assert "Alice was put out" not in said
    assert "Bob was put out by Alice : ended" in said


def test_every_kind_of_event_has_its_words(room: Conference, alice: User) -> None:
    """Whatever is written down anywhere is told in words."""
    written = set()
    for path in Path(settings.BASE_DIR, "conferences", "services").glob("*.py"):
        text = path.read_text()
        written |= set(re.findall(r'kind="([a-z-]+)"', text))
        written |= set(re.findall(r'_note\([^"()]*, "([a-z-]+)"', text))
    assert written - set(story._KINDS) == set()


def test_the_roster_is_fetched_alone(room: Conference, bob: User, signed_in: SignedIn) -> None:
    join(room, "bob")
    page = signed_in(bob).get("/conferences/planning/roster/").content.decode()
    assert "1 here" in page
    assert "<html" not in page


def test_removal_by_the_page(room: Conference, alice: User, bob: User, signed_in: SignedIn) -> None:
    key = join(room, "bob")
    browser = signed_in(alice)
    path = f"/conferences/planning/remove/{key}/"
    assert "Remove Bob?" in browser.get(path).content.decode()
    assert browser.post(path, {"reason": "noise", "ban": "on"}).status_code == 302
    removal = Removal.objects.get()
    assert (removal.actor, removal.way, removal.reason, removal.ban) == (
        "sip:alice@conf.test",
        "web",
        "noise",
        True,
    )
    assert browser.get("/conferences/planning/remove/nobody/").status_code == 404


def test_one_of_several_phones_is_removed_by_the_page(
    room: Conference, alice: User, signed_in: SignedIn
) -> None:
    key = join(room, "bob")
    path = f"/conferences/planning/remove/{key}/"
    browser = signed_in(alice)
    assert "Which phone" not in browser.get(path).content.decode()
    join(room, "bob", endpoint="sip:bob@192.0.2.7:5062")
    page = browser.get(path).content.decode()
    assert "All phones" in page
    assert "192.0.2.7:5062, since" in page
    assert browser.post(path, {"phone": "sip:bob@192.0.2.9"}).status_code == 200
    assert not Removal.objects.exists()
    assert browser.post(path, {"phone": "sip:bob@192.0.2.7:5062"}).status_code == 302
    assert Removal.objects.get().endpoint == "sip:bob@192.0.2.7:5062"


def test_a_guest_may_come_back_under_another_name_and_the_page_says_so(
    open_room: Conference, alice: User, signed_in: SignedIn
) -> None:
    guest = services.admit_guest(conference=open_room, display_name="Carol", pin="4711")
    warned = {}
    for username in (guest.uri_user, "bob"):
        key = join(open_room, username)
        page = signed_in(alice).get(f"/conferences/open/remove/{key}/").content.decode()
        warned[username] = "come back under another name" in page
    assert warned == {guest.uri_user: True, "bob": False}


def test_a_moderator_does_not_remove_the_organizer(
    alice: User, carol: User, signed_in: SignedIn
) -> None:
    moderator = Invitee(uri="carol", role=Role.MODERATOR)
    row = services.book(organizer=alice, title="P", name="planning", invitees=[moderator])
    key = join(row, "alice", role=Role.ORGANIZER)
    browser = signed_in(carol)
    assert "Remove<" not in browser.get("/conferences/planning/").content.decode()
    assert browser.post(f"/conferences/planning/remove/{key}/").status_code == 403


def test_history_has_pages_and_cancelled_ones(alice: User, signed_in: SignedIn) -> None:
    for number in range(26):
        row = services.book(organizer=alice, title=f"Number {number}")
        services.cancel(conference=row, actor="sip:alice@conf.test")
    browser = signed_in(alice)
    first = browser.get("/history/").content.decode()
    assert first.count('<li class="row-item">') == 25
    assert "Older" in first
    assert browser.get("/history/?page=2").content.decode().count('<li class="row-item">') == 1


def test_nobody_reads_anothers_history(
    room: Conference, mallory: User, signed_in: SignedIn
) -> None:
    join(room, "bob")
    assert "Planning" not in signed_in(mallory).get("/history/").content.decode()


def test_errors_have_pages(alice: User, signed_in: SignedIn) -> None:
    assert "There is nothing here" in signed_in(alice).get("/nothing").content.decode()
    broken = server_error(RequestFactory().get("/"))
    assert "Something broke" in broken.content.decode()
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    refused = client.post("/sign-out/")
    assert refused.status_code == 403
    assert "This form is too old" in refused.content.decode()


def test_staff_find_the_administration(alice: User, signed_in: SignedIn) -> None:
    assert "/admin/" not in signed_in(alice).get("/").content.decode()
    alice.is_staff = True
    alice.save()
    assert "/admin/" in signed_in(alice).get("/").content.decode()


def test_health_is_the_sum_of_its_parts(
    client: Client, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "checks", {"gateway": lambda: ""})
    fine = client.get("/healthz")
    assert (fine.status_code, fine.json()["status"]) == (200, "ok")
    monkeypatch.setattr(health, "checks", {"gateway": lambda: "no mixer"})
    failing = client.get("/healthz")
    assert failing.status_code == 503
    assert failing.json()["failing"] == ["gateway"]
    assert failing.json()["parts"]["gateway"] == "no mixer"


def test_every_icon_in_use_is_in_the_sprite() -> None:
    base = Path(settings.BASE_DIR)
    known = set(json.loads((base / "static" / "icons.json").read_text()))
    used = set()
    for path in (base / "templates").rglob("*.html"):
        used |= set(re.findall(r'{% icon "([a-z0-9-]+)" %}', path.read_text()))
        used |= set(re.findall(r'symbol="([a-z0-9-]+)"', path.read_text()))
    for path in [*(base / "portal" / "views").glob("*.py")]:
        used |= set(re.findall(r'(?:_Told|Door)\(\s*(?:\d+,\s*)?"([a-z0-9-]+)"', path.read_text()))
    for path in (base / "static" / "js" / "room").glob("*.js"):
        for line in path.read_text().splitlines():
            if "setIcon(" in line or "QUALITY_ICONS =" in line:
                used |= set(re.findall(r'"([a-z0-9-]+-[a-z0-9-]+)"', line))
    assert used <= known


def test_no_page_has_a_script_or_style_of_its_own() -> None:
    """So that a strict Content-Security-Policy can be switched on."""
    for path in Path(settings.BASE_DIR, "templates").rglob("*.html"):
        # A mail has nothing but what stands in it.
        if path.parent.name == "mail":
            continue
        text = path.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)", text), path
        assert not re.search(r"\s(?:style|on[a-z]+)=", text), path


def test_a_button_pressed_when_the_session_was_over(
    alice: User, mallory: User, client: Client
) -> None:
    """Signing in leads to the page that has the button, which says that nothing is done."""
    services.book(
        organizer=alice, title="Delta", name="delta", starts_at=timezone.now(), duration_minutes=60
    )
    asked = client.post("/conferences/delta/extend/")["Location"]
    assert asked == "/sign-in/?next=/conferences/delta/extend/"
    said = {"username": "alice", "password": PASSWORD, "next": "/conferences/delta/extend/"}
    answer = client.post("/sign-in/", said, follow=True)
    assert (answer.status_code, answer.request["PATH_INFO"]) == (200, "/conferences/delta/")
    assert "Nothing is done yet: press the button once more." in answer.content.decode()
    assert Conference.objects.get().duration_minutes == 60
    client.force_login(mallory)
    assert client.get("/conferences/delta/extend/", follow=True).status_code == 404


def test_what_somebody_may_not_is_one_line_of_the_log(
    bob: User, signed_in: SignedIn, caplog: pytest.LogCaptureFixture
) -> None:
    page = signed_in(bob).get("/book/")
    assert page.status_code == 403
    assert "Your account does not allow that" in page.content.decode()
    (record,) = [one for one in caplog.records if one.name == "django.request"]
    (in_one_line,) = _filters()
    assert in_one_line(record)
    assert "Traceback" not in logging.Formatter().format(record)
    fault = (ValueError, ValueError(), None)
    broken = logging.LogRecord("django.request", logging.ERROR, "", 1, "x", None, fault)
    assert in_one_line(broken)
    assert broken.exc_info == fault


def _filters() -> list[Callable[[logging.LogRecord], bool]]:
    filters: Any = settings.LOGGING["filters"]
    return [filters["in_one_line"]["callback"]]


def test_browsers_find_an_icon_by_themselves(client: Client) -> None:
    assert client.get("/favicon.ico")["Location"] == "/static/img/parley.svg"


@pytest.fixture
def many(alice: User, bob: User) -> Conference:
    """One with a long list, of whom the second has declined; Bob only takes part."""
    carols = [Invitee(email=f"carol{number}@example.org") for number in range(120)]
    row = services.book(
        organizer=alice, title="Many", name="many", invitees=[*carols, Invitee("bob")]
    )
    row.invitations.filter(email="carol1@example.org").update(answer="declined")
    return row


def test_of_a_long_list_the_first_stand_beside_the_conference(
    alice: User, many: Conference, signed_in: SignedIn
) -> None:
    page = signed_in(alice).get("/conferences/many/").content.decode()
    assert page.count("@example.org</b>") == 10
    assert '<a href="/conferences/many/invited/">All 121</a>' in page


def test_a_long_list_is_searched_page_by_page(
    alice: User,
    many: Conference,
    signed_in: SignedIn,
) -> None:
    browser = signed_in(alice)
    browser.get("/conferences/many/invited/")
    counts = []
    for asked in ("", "?page=3", "?page=99", "?q=carol11", "?answer=declined", "?q=nobody"):
        with CaptureQueriesContext(connection) as asked_of:
            page = browser.get(f"/conferences/many/invited/{asked}").content.decode()
        counts.append((page.count("<b>carol") + page.count("<b>Bob"), len(asked_of)))
    assert [shown for shown, _ in counts] == [50, 21, 21, 11, 1, 0]
    assert len({queries for _, queries in counts[:5]}) == 1
    onward = browser.get("/conferences/many/invited/?q=carol").content.decode()
    assert 'href="?q=carol&amp;answer=&amp;page=2"' in onward


def test_the_list_is_for_those_who_moderate(
    many: Conference, bob: User, mallory: User, signed_in: SignedIn
) -> None:
    assert signed_in(bob).get("/conferences/many/invited/").status_code == 403
    assert signed_in(mallory).get("/conferences/many/invited/").status_code == 404


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Alice Ample", "AA"),
        ("bob", "B"),
        ("sip:carol@conf.test", "C"),
        ("eve.green@example.org", "EG"),
        ("", "?"),
        ("…", "…"),
    ],
)
def test_initials(name: str, letters: str) -> None:
    assert parley.initials(name) == letters


def test_days_are_said_as_people_say_them() -> None:
    with timezone.override("Europe/Berlin"):
        now = timezone.now()
        said = [parley.day(now + datetime.timedelta(days=days)) for days in (-1, 0, 1)]
        assert said == ["Yesterday", "Today", "Tomorrow"]
        assert (
            parley.day(datetime.datetime(2031, 5, 7, 12, tzinfo=datetime.UTC)) == "Wed 7 May 2031"
        )


def test_a_past_booking_is_over(alice: User, signed_in: SignedIn) -> None:
    row = services.book(
        organizer=alice,
        title="Long ago",
        starts_at=timezone.now() - datetime.timedelta(minutes=30),
        duration_minutes=60,
        timezone="UTC",
        running=True,
        admission=policy.Admission.INVITED,
    )
    early = timezone.now() - datetime.timedelta(days=9)
    Conference.objects.filter(pk=row.pk).update(starts_at=early, closes_at=early)
    page = signed_in(alice).get(f"/conferences/{row.name}/").content.decode()
    assert ">Over<" in page
    assert "Long ago" in signed_in(alice).get("/history/").content.decode()
    assert "Long ago" not in signed_in(alice).get("/").content.decode()


def waits(conference: Conference, name: str) -> str:
    """Somebody waits to be let in; the key of his row."""
    conference.waiting_room = policy.WaitingRoom.LET_IN
    conference.save()
    services.wait_began(
        conference=conference.key,
        key=policy.WaiterKey(f"w-{name}"),
        entity=f"sip:{name}@conf.test",
        display_text=name.title(),
        private=False,
        at=timezone.now().timestamp(),
    )
    return f"w-{name}"


def test_alice_lets_people_in_on_the_conferences_page(
    room: Conference, alice: User, signed_in: SignedIn
) -> None:
    keys = [waits(room, name) for name in ("carol", "mallory", "guest-3")]
    browser = signed_in(alice)
    page = browser.get("/conferences/planning/").content.decode()
    assert "Until a moderator lets them in" in page
    assert page.index("Carol") < page.index("Mallory") < page.index("Guest-3")
    assert browser.get("/conferences/planning/roster/").content.decode().count("Let in") == 3
    browser.post("/conferences/planning/let-in/", {"waiter": keys[0]})
    again = browser.post("/conferences/planning/let-in/", {"waiter": keys[0]}, follow=True)
    assert "waits no more" in again.content.decode()
    away = f"/conferences/planning/turn-away/{keys[1]}/"
    assert "Not let Mallory in?" in browser.get(away).content.decode()
    assert browser.post(away, {"reason": "later", "ban": "on"}).status_code == 302
    assert browser.get(away).status_code == 404
    browser.post("/conferences/planning/let-in/")
    snapshot = selectors.snapshot(room.key)
    assert snapshot is not None
    assert snapshot.let_in == {"sip:carol@conf.test", "sip:guest-3@conf.test"}
    assert [one.reason for one in snapshot.turned_away] == ["later"]
    told = browser.get("/conferences/planning/").content.decode()
    for words in ("waited to be let in", "<b>Carol</b> in", "<b>Mallory</b> in"):
        assert words in told


def test_mallory_and_bob_let_nobody_in_on_it(
    room: Conference, bob: User, mallory: User, signed_in: SignedIn
) -> None:
    key = waits(room, "carol")
    join(room, "guest-3")
    for who, status in ((bob, 403), (mallory, 404)):
        browser = signed_in(who)
        assert browser.post("/conferences/planning/let-in/").status_code == status
        assert browser.post(f"/conferences/planning/turn-away/{key}/").status_code == status
    page = signed_in(bob).get("/conferences/planning/").content.decode()
    assert "Carol" not in page
    assert "Guest-3" not in page, "who has to wait himself does not see who is in"
    snapshot = selectors.snapshot(room.key)
    assert snapshot is not None
    assert snapshot.let_in == frozenset()
