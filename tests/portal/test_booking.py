"""Booking, changing and cancelling by the forms."""

from __future__ import annotations

import datetime
import re
from typing import Any

import pytest
from django.test import Client, override_settings
from django.utils import timezone

from conferences import forms, selectors, services
from conferences.models import Conference, Ledger, User
from conferences.policy import Anonymity, Newcomers, Role
from conferences.services import Invitee
from tests.portal.conftest import SignedIn, join

ROOM: dict[str, Any] = {"title": "Planning", "kind": "room", "admission": "open"}


def test_a_title_is_enough(alice: User, signed_in: SignedIn) -> None:
    response = signed_in(alice).post("/book/", {**ROOM, "admission": "invited"})
    booked = Conference.objects.get()
    assert response["Location"] == f"/conferences/{booked.name}/"
    assert (booked.title, booked.kind, booked.admission) == ("Planning", "room", "invited")
    assert booked.name.isdigit()


def test_the_link_opens_to_guests_unless_the_organizer_says_otherwise(
    alice: User, signed_in: SignedIn, client: Client
) -> None:
    page = signed_in(alice).get("/book/").content.decode()
    (chosen,) = re.findall(r'<input[^>]*name="admission"[^>]*checked[^>]*>', page)
    assert 'value="open"' in chosen
    signed_in(alice).post("/book/", ROOM)
    link = f"/c/{Conference.objects.get().name}/"
    assert 'data-testid="join-name"' in client.get(link).content.decode()


def test_everything_that_the_form_has(alice: User, bob: User, signed_in: SignedIn) -> None:
    day = timezone.now().date() + datetime.timedelta(days=30)
    said = {
        "title": "Review",
        "kind": "booked",
        "date": day.isoformat(),
        "time": "15:30",
        "duration_minutes": "45",
        "timezone": "America/New_York",
        "invitee": ["bob", "carol@example.org", "sip:carol@example.net", ""],
        "invitee_role": ["moderator", "listener", "organizer", "participant"],
        "admission": "signed-in",
        "pin": "482913",
        "max_participants": "12",
        "name": "Review-2",
        "language": "de",
        "announce": "names",
        "recorded": "agreed",
    }
    assert signed_in(alice).post("/book/", said).status_code == 302
    booked = Conference.objects.get(name="review-2")
    assert booked.starts_at is not None
    assert booked.starts_at.astimezone(datetime.UTC).hour in (19, 20)
    assert (booked.duration_minutes, booked.pin, booked.max_participants) == (45, "482913", 12)
    sounds = (booked.language, booked.announce, booked.recorded)
    assert sounds == ("de", "names", "agreed")
    listed = [(one.uri or one.email, one.role) for one in booked.invitations.all()]
    assert listed == [
        ("sip:bob@conf.test", "moderator"),
        ("carol@example.org", "listener"),
        ("sip:carol@example.net", "participant"),
    ]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"title": ""}, "Give it a title."),
        ({"kind": "booked"}, "Choose a date."),
        ({"kind": "booked", "date": "2020-01-01", "time": "9:00"}, "The start lies in the past."),
        ({"kind": "booked", "date": "no", "time": "9:00"}, "Enter a valid date."),
        ({"pin": "12"}, "A PIN has 4 to 16 digits."),
        ({"max_participants": "0"}, "greater than or equal to 1"),
        ({"name": "alice"}, "This name is taken"),
        ({"name": "no spaces"}, "Use 1 to 63 letters"),
        ({"invitee": "nobody-here"}, "Nobody here has this user name."),
        (
            {"invitee": "a@b@c"},
            "Want a user name, an e-mail or SIP address, or a telephone number.",
        ),
        ({"invitee": "sip:<>"}, "is not an address that can be called"),
        ({"admission": "everybody"}, "Select a valid choice."),
    ],
)
def test_mistakes_are_told_at_their_field(
    said: dict[str, str], words: str, alice: User, signed_in: SignedIn
) -> None:
    response = signed_in(alice).post("/book/", {**ROOM, **said})
    assert response.status_code == 200
    assert words in response.content.decode()
    assert not Conference.objects.exists()


def test_all_mistakes_are_told_at_once(alice: User, signed_in: SignedIn) -> None:
    said = {
        "kind": "booked",
        "date": "2020-01-01",
        "time": "9:00",
        "timezone": "UTC",
        "pin": "12",
        "moderator_pin": "xx",
        "name": "no spaces",
        "invitee": "nobody-here",
        "max_participants": "0",
    }
    browser = signed_in(alice)
    page = browser.post("/book/", {**ROOM, **said}).content.decode()
    wrong = set(re.findall(r'<input [^>]*name="([a-z_]+)"[^>]*aria-invalid="true"', page))
    assert wrong == {"date", "pin", "moderator_pin", "name", "invitee", "max_participants"}
    assert "autofocus" not in page
    assert "Please look at the fields marked below." in page
    rule = {"repeats": "rule", "rrule": "FREQ=SECONDLY", "pin": "12"}
    tomorrow = {**said, "date": "2099-01-01", **rule}
    page = browser.post("/book/", {**ROOM, **tomorrow}).content.decode()
    wrong = set(re.findall(r'<input [^>]*name="([a-z_]+)"[^>]*aria-invalid="true"', page))
    assert {"rrule", "pin"} <= wrong
    assert not Conference.objects.exists()


def test_what_was_typed_stays_after_a_mistake(alice: User, signed_in: SignedIn) -> None:
    said = {**ROOM, "pin": "1", "invitee": "carol@example.org", "invitee_role": "moderator"}
    page = signed_in(alice).post("/book/", said).content.decode()
    assert 'value="carol@example.org"' in page
    assert '<option value="moderator" selected>' in page


def test_names_are_chosen_only_where_policy_allows(alice: User, signed_in: SignedIn) -> None:
    with override_settings(USER_CHOSEN_URIS="off"):
        assert 'name="name"' not in signed_in(alice).get("/book/").content.decode()
        signed_in(alice).post("/book/", {**ROOM, "name": "mine"})
    assert Conference.objects.get().name.isdigit()


def test_a_change_keeps_what_the_form_does_not_show(
    alice: User, bob: User, signed_in: SignedIn
) -> None:
    called = Invitee(uri="bob", role=Role.MODERATOR, dial_out=True)
    row = services.book(organizer=alice, title="Planning", name="planning", invitees=[called])
    page = signed_in(alice).get("/conferences/planning/change/").content.decode()
    assert 'value="bob"' in page
    said = {**ROOM, "title": "Planning more", "invitee": "bob", "invitee_role": "moderator"}
    assert signed_in(alice).post("/conferences/planning/change/", said).status_code == 302
    row.refresh_from_db()
    assert row.title == "Planning more"
    invited = row.invitations.get()
    assert (invited.role, invited.dial_out) == ("moderator", True)


def test_what_others_changed_meanwhile_is_not_undone_unsaid(
    alice: User, signed_in: SignedIn
) -> None:
    row = services.book(organizer=alice, title="Talk", name="talk")
    browser, address = signed_in(alice), "/conferences/talk/change/"

    def seen() -> str:
        page = browser.get(address).content.decode()
        return page.partition('name="seen" value="')[2].partition('"')[0]

    first = second = seen()
    assert browser.post(address, {**ROOM, "title": "Lecture", "seen": first}).status_code == 302
    late = browser.post(address, {**ROOM, "title": "Talk", "seen": second})
    assert "Somebody has changed this booking" in late.content.decode()
    row.refresh_from_db()
    assert row.title == "Lecture"
    assert f'name="seen" value="{seen()}"' in late.content.decode()
    assert browser.post(address, {**ROOM, "title": "Talk", "seen": seen()}).status_code == 302


def test_a_role_that_a_script_gave_stays(alice: User, bob: User, signed_in: SignedIn) -> None:
    listener = Invitee(uri="bob", role=Role.LISTENER)
    row = services.book(organizer=alice, title="Talk", name="talk", invitees=[listener])
    browser = signed_in(alice)
    assert '<option value="listener"' not in browser.get("/book/").content.decode()
    page = browser.get("/conferences/talk/change/").content.decode()
    assert '<option value="listener" selected>' in page
    said = {**ROOM, "invitee": "bob", "invitee_role": "listener"}
    browser.post("/conferences/talk/change/", said)
    assert row.invitations.get().role == "listener"


def test_an_odd_length_survives_a_change(alice: User, signed_in: SignedIn) -> None:
    row = services.book(
        organizer=alice,
        title="Odd",
        name="odd",
        starts_at=timezone.now() + datetime.timedelta(days=1),
        duration_minutes=37,
        timezone="Europe/Berlin",
    )
    page = signed_in(alice).get("/conferences/odd/change/").content.decode()
    assert _shown_length(page) == (0, 37)
    assert row.duration_minutes == 37


def _shown_length(page: str) -> tuple[int, int]:
    """Hours and minutes as the form shows them."""
    hours, minutes = (
        re.search(rf'name="duration_{unit}" value="([0-9]*)"', page)
        for unit in ("hours", "minutes")
    )
    assert hours is not None
    assert minutes is not None
    return int(hours[1]), int(minutes[1])


@pytest.mark.parametrize(
    ("minutes", "shown"),
    [
        ("150", (2, 30)),
        ("75", (1, 15)),
        ("300", (5, 0)),
        ("25", (0, 25)),
        ("1440", (24, 0)),
        ("0", (1, 0)),
        ("10081", (1, 0)),
        ("-5", (1, 0)),
        ("²", (1, 0)),
    ],
)
def test_what_is_dragged_over_is_booked_as_long(
    alice: User, signed_in: SignedIn, minutes: str, shown: tuple[int, int]
) -> None:
    browser = signed_in(alice)
    at = _booked()
    query = {"starts_at": f"{at['date']}T12:00:00", "minutes": minutes}
    page = browser.get("/book/", query).content.decode()
    assert _shown_length(page) == shown
    said = {**at, "duration_hours": shown[0], "duration_minutes": shown[1]}
    assert browser.post("/book/", said).status_code == 302
    assert Conference.objects.get().duration_minutes == shown[0] * 60 + shown[1]


@pytest.mark.parametrize(
    ("hours", "minutes", "lasts"),
    [
        ("0", "25", 25),
        ("", "50", 50),
        ("2", "", 120),
        ("", "", 60),
        ("1", "75", 135),
        ("168", "0", 10080),
    ],
)
def test_any_length_is_booked(
    alice: User, signed_in: SignedIn, hours: str, minutes: str, lasts: int
) -> None:
    said = _booked(duration_hours=hours, duration_minutes=minutes)
    assert signed_in(alice).post("/book/", said).status_code == 302
    assert Conference.objects.get().duration_minutes == lasts


@pytest.mark.parametrize(
    ("hours", "minutes", "words"),
    [
        ("0", "0", "Choose a length from 1 minute to 7 days."),
        ("168", "1", "Choose a length from 1 minute to 7 days."),
        ("169", "0", "less than or equal to 168"),
        ("-1", "90", "greater than or equal to 0"),
        ("one", "0", "Enter a whole number."),
    ],
)
def test_what_is_no_length_is_told(
    alice: User, signed_in: SignedIn, hours: str, minutes: str, words: str
) -> None:
    said = _booked(duration_hours=hours, duration_minutes=minutes)
    assert words in signed_in(alice).post("/book/", said).content.decode()
    assert not Conference.objects.exists()


def test_a_standing_room_has_no_length(alice: User, signed_in: SignedIn) -> None:
    said = {**ROOM, "duration_hours": "0", "duration_minutes": "0"}
    assert signed_in(alice).post("/book/", said).status_code == 302
    assert Conference.objects.get().duration_minutes is None


def test_cancelling_asks_first(room: Conference, alice: User, signed_in: SignedIn) -> None:
    join(room, "bob")
    browser = signed_in(alice)
    assert "and the 1 in the call is put out" in browser.get(
        "/conferences/planning/cancel/"
    ).content.decode().replace("\n", " ")
    assert not Conference.objects.exclude(cancelled_at=None).exists()
    assert browser.post("/conferences/planning/cancel/").status_code == 302
    assert Conference.objects.exclude(cancelled_at=None).get() == room
    assert "Cancelled" in browser.get("/conferences/planning/").content.decode()


def _booked(**said: Any) -> dict[str, Any]:
    """The form for noon UTC of a day to come, a Tuesday."""
    day = timezone.now().date() + datetime.timedelta(days=21)
    day += datetime.timedelta(days=(1 - day.weekday()) % 7)
    return {
        **ROOM,
        "kind": "booked",
        "date": day.isoformat(),
        "time": "12:00",
        "duration_minutes": "60",
        "timezone": "UTC",
        **said,
    }


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ({"repeats": "never", "every": "3"}, ""),
        (
            {"repeats": "daily", "every": "2", "ends": "count", "count": "4"},
            "FREQ=DAILY;INTERVAL=2;COUNT=4",
        ),
        (
            {"repeats": "weekdays", "ends": "never", "count": "4"},
            "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
        ),
        ({"repeats": "weekly"}, "FREQ=WEEKLY;BYDAY=TU"),
        (
            {"repeats": "weekly", "days": ["FR", "TU"], "ends": "until", "until": "2099-01-01"},
            "FREQ=WEEKLY;BYDAY=TU,FR;UNTIL=20990101",
        ),
        ({"repeats": "rule", "rrule": "rrule:freq=yearly"}, "FREQ=YEARLY"),
    ],
)
def test_a_series_is_booked_and_shown_again(
    alice: User, signed_in: SignedIn, said: dict[str, Any], rule: str
) -> None:
    browser = signed_in(alice)
    assert browser.post("/book/", _booked(**said)).status_code == 302
    row = Conference.objects.get()
    assert row.rrule == rule
    page = browser.get(f"/conferences/{row.name}/change/").content.decode()
    assert f'<option value="{said["repeats"]}" selected>' in page
    told = browser.get(f"/conferences/{row.name}/").content.decode()
    assert ("Next times" in told) == bool(rule)
    # Saved as it is shown, it stays what it is.
    again = {**_booked(**said), "title": "Other"}
    assert browser.post(f"/conferences/{row.name}/change/", again).status_code == 302
    row.refresh_from_db()
    assert (row.title, row.rrule) == ("Other", rule)


def test_the_page_of_a_series_says_it_in_words(alice: User, signed_in: SignedIn) -> None:
    browser = signed_in(alice)
    said = _booked(repeats="weekly", days=["TU", "TH"], ends="count", count="3")
    browser.post("/book/", said)
    row = Conference.objects.get()
    assert row.starts_at is not None
    page = browser.get(f"/conferences/{row.name}/").content.decode()
    assert "every week on Tuesday and Thursday, 3 times" in page
    for days in (0, 2, 7):
        at = row.starts_at + datetime.timedelta(days=days)
        assert f"{at:%a} {at.day} {at:%b %Y}, 12:00" in page


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"repeats": "daily", "ends": "until"}, "Choose the last day."),
        ({"repeats": "daily", "ends": "until", "until": "2020-01-01"}, "lies before the start"),
        ({"repeats": "daily", "ends": "count"}, "Say how many times."),
        ({"repeats": "daily", "every": "0"}, "greater than or equal to 1"),
        ({"repeats": "weekly", "days": ["XX"]}, "Select a valid choice."),
        ({"repeats": "rule"}, "Type a rule."),
        (
            {"repeats": "rule", "rrule": "FREQ=SECONDLY"},
            "FREQ is DAILY, WEEKLY, MONTHLY or YEARLY.",
        ),
        (
            {"repeats": "rule", "rrule": "FREQ=DAILY;COUNT=100000"},
            "COUNT is a number from 1 to 9999.",
        ),
        (
            {"repeats": "rule", "rrule": "FREQ=DAILY;BYHOUR=9"},
            "“BYHOUR=9” is not a part of a rule that can be booked.",
        ),
        ({"repeats": "hourly"}, "Select a valid choice."),
    ],
)
def test_mistakes_in_a_series_are_told_at_their_field(
    alice: User, signed_in: SignedIn, said: dict[str, Any], words: str
) -> None:
    assert words in signed_in(alice).post("/book/", _booked(**said)).content.decode()
    assert not Conference.objects.exists()


def test_a_form_that_does_not_ask_leaves_the_rule(alice: User, signed_in: SignedIn) -> None:
    browser = signed_in(alice)
    browser.post("/book/", _booked(repeats="daily"))
    row = Conference.objects.get()
    browser.post(f"/conferences/{row.name}/change/", _booked(title="Other"))
    row.refresh_from_db()
    assert (row.title, row.rrule) == ("Other", "FREQ=DAILY")


def test_who_is_refused_the_last_ports_takes_a_time_that_is_free(
    alice: User, mallory: User, signed_in: SignedIn
) -> None:
    Ledger.objects.update_or_create(pk=Ledger.ONLY, defaults={"ports": 20})
    said = _booked(timezone="Asia/Kathmandu", max_participants="15")
    assert signed_in(alice).post("/book/", said).status_code == 302
    browser = signed_in(mallory)
    page = browser.post("/book/", {**said, "title": "Mine"}).content.decode()
    assert "only 5 are free at that time" in page
    found = re.findall(r'name="take" value="([^"]+)"', page)
    assert found == [f"{said['date']}T{hour}:00" for hour in (13, 14, 15)]
    assert browser.post("/book/", {**said, "title": "Mine", "take": found[0]}).status_code == 302
    mine = Conference.objects.get(title="Mine")
    first = Conference.objects.get(title="Planning")
    assert mine.starts_at is not None
    assert first.starts_at is not None
    assert mine.starts_at - first.starts_at == datetime.timedelta(hours=1)
    # Words that are no time are passed over.
    assert browser.post("/book/", {**said, "take": "soon"}).status_code == 200


RULES: dict[str, Any] = {
    "rules": "1",
    "anonymity": "strict",
    "newcomers": "silenced",
    "participants_may_add": "no",
    "creator_departs": "end",
    "hidden_focus": "on",
    "calls_out": "all",
    "redials": "5",
    "confirm_calls": "on",
    "quiet_from": "50",
}


def test_the_finer_rules(alice: User, bob: User, signed_in: SignedIn) -> None:
    """Music is a box that is not ticked here."""
    listed = {"invitee": ["bob", "carol@example.org"], "invitee_role": ["participant"] * 2}
    assert signed_in(alice).post("/book/", {**ROOM, **RULES, **listed}).status_code == 302
    booked = Conference.objects.get()
    assert (booked.anonymity, booked.participants_may_add) == ("strict", False)
    assert (booked.creator_departs, booked.hidden_focus) == ("end", True)
    assert (booked.redials, booked.confirm_calls) == (5, True)
    assert (booked.newcomers_at_first, booked.newcomers) == ("silenced", "silenced")
    assert (booked.quiet_from, booked.music) == (50, False)
    called = {one.uri or one.email: one.dial_out for one in booked.invitations.all()}
    assert called == {"sip:bob@conf.test": True, "carol@example.org": False}


def test_the_form_shows_the_rules_as_they_are(alice: User, bob: User, signed_in: SignedIn) -> None:
    """Saved without a touch, everything stays; what is out of the ordinary is unfolded."""
    said: services.Changes = {
        "title": "Planning",
        "anonymity": Anonymity.ALL,
        "redials": 7,
        "newcomers": Newcomers.MUTED,
        "quiet_from": 33,
        "music": False,
        "invitees": [Invitee(uri="bob", dial_out=True), Invitee(email="x@example.org")],
    }
    row = services.book(organizer=alice, name="planning", **said)
    page = signed_in(alice).get("/conferences/planning/change/").content.decode()
    for group in ("people", "calls", "sound"):
        assert f'data-testid="rules-{group}" open' in page
    form = forms.BookingForm(owner=alice, conference=row)
    shown = {name: form[name].value() for name in form.fields}
    sent = {name: value for name, value in shown.items() if value not in (None, False, "")}
    listed = {"invitee": ["bob", "x@example.org"], "invitee_role": ["participant"] * 2}
    response = signed_in(alice).post(
        "/conferences/planning/change/", {**sent, **listed, "rules": "1"}
    )
    assert response.status_code == 302
    row.refresh_from_db()
    assert (row.anonymity, row.redials, row.quiet_from, row.music) == ("all", 7, 33, False)
    assert row.newcomers_at_first == "muted"
    assert [one.dial_out for one in row.invitations.order_by("pk")] == [True, False]


CALLED = {
    "invitee": ["bob", "carol", "tel:+4930123456", "x@example.org"],
    "invitee_role": ["participant"] * 4,
}


def test_those_who_are_marked_are_called(
    alice: User, bob: User, carol: User, signed_in: SignedIn
) -> None:
    said = {**ROOM, **CALLED, "invitee_call": ["1", "", "1", ""], "rules": "1"}
    assert signed_in(alice).post("/book/", said).status_code == 302
    row = Conference.objects.get()
    called = [one.dial_out for one in row.invitations.order_by("pk")]
    assert called == [True, False, True, False]
    page = signed_in(alice).get(f"/conferences/{row.name}/change/").content.decode()
    assert page.count('<option value="1" selected>') == 2
    # One is not called any more, another one is.
    said = {**said, "invitee_call": ["", "1", "1", ""]}
    assert signed_in(alice).post(f"/conferences/{row.name}/change/", said).status_code == 302
    called = [one.dial_out for one in row.invitations.order_by("pk")]
    assert called == [False, True, True, False]


def test_nobody_is_called_by_a_mere_mail_address(
    alice: User, bob: User, carol: User, signed_in: SignedIn
) -> None:
    said = {**ROOM, **CALLED, "invitee_call": ["", "", "", "1"]}
    page = signed_in(alice).post("/book/", said).content.decode()
    assert "Nobody knows a phone of this address: it is not called." in page
    assert not Conference.objects.exists()


def test_a_new_booking_is_not_unfolded(alice: User, signed_in: SignedIn) -> None:
    page = signed_in(alice).get("/book/").content.decode()
    assert 'data-testid="rules-people"' in page
    assert not re.search(r'data-testid="rules-[a-z]+" open', page)


def test_a_page_without_the_rules_changes_none(alice: User, signed_in: SignedIn) -> None:
    services.book(organizer=alice, title="Planning", name="planning", music=False, redials=0)
    assert signed_in(alice).post("/conferences/planning/change/", ROOM).status_code == 302
    row = Conference.objects.get()
    assert (row.music, row.redials) == (False, 0)


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("anonymity", "nobody"),
        ("redials", "99"),
        ("quiet_from", "-1"),
        ("calls_out", "some"),
        ("two_left", "call"),
    ],
)
def test_rules_that_there_are_not(field: str, said: str, alice: User, signed_in: SignedIn) -> None:
    """What the form does not offer is refused, or is not there at all."""
    response = signed_in(alice).post("/book/", {**ROOM, **RULES, field: said})
    if field == "two_left":
        assert Conference.objects.get().two_left == "stay"
        return
    page = response.content.decode()
    assert "Select a valid choice" in page
    assert re.search(r'data-testid="rules-[a-z]+" open', page)
    assert not Conference.objects.exists()


def test_what_becomes_of_two_is_asked_of_what_is_for_now(alice: User, signed_in: SignedIn) -> None:
    creator = selectors.identity_of_user(alice)
    row = Conference.objects.get(pk=services.create_adhoc(creator=creator))
    page = f"/conferences/{row.name}/change/"
    assert 'name="two_left"' in signed_in(alice).get(page).content.decode()
    said = {**ROOM, **RULES, "two_left": "call"}
    assert signed_in(alice).post(page, said).status_code == 302
    row.refresh_from_db()
    assert (row.two_left, row.kind) == ("call", "adhoc")
    assert 'name="two_left"' not in signed_in(alice).get("/book/").content.decode()


def test_mallory_changes_no_rules(alice: User, mallory: User, signed_in: SignedIn) -> None:
    services.book(organizer=alice, title="Planning", name="planning")
    response = signed_in(mallory).post("/conferences/planning/change/", {**ROOM, **RULES})
    assert response.status_code == 404
    assert Conference.objects.get().anonymity == "asked"


def test_the_form_says_that_janus_keeps_no_single_voices(
    alice: User, signed_in: SignedIn, settings: object
) -> None:
    settings.TRACKS = False  # type: ignore[attr-defined]
    page = signed_in(alice).get("/book/").content.decode()
    assert 'name="tracks"' not in page
    assert "keeps the whole and no single voices" in page
