"""CalDAV by hand: what a program asks and puts, and what is refused with which words."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from icalendar import Calendar
from lxml import etree
from pytest_django import DjangoAssertNumQueries

from conferences import selectors, services
from conferences.models import Conference, Ledger, User
from conferences.services import Invitee
from tests import people

NAMES = {
    "D": "DAV:",
    "C": "urn:ietf:params:xml:ns:caldav",
    "CS": "http://calendarserver.org/ns/",
    "P": "urn:parley:caldav",
}
HOME = "/dav/calendars/alice/bookings/"
YEAR = timezone.now().year + 1
#: A Monday in January, at nine in Berlin.
MONDAY = next(
    day for day in (datetime.date(YEAR, 1, number) for number in range(8, 15)) if day.weekday() == 0
)
#: Berlin in winter.
WINTER = datetime.timezone(datetime.timedelta(hours=1))
EVENT = """BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//Example//Calendar//EN\r
BEGIN:VEVENT\r
UID:0815@example.org\r
DTSTAMP:20260101T000000Z\r
DTSTART;TZID=Europe/Berlin:{day}T090000\r
DTEND;TZID=Europe/Berlin:{day}T100000\r
SUMMARY:Planning\r
{more}END:VEVENT\r
{others}END:VCALENDAR\r
"""


def event(more: str = "", others: str = "", day: datetime.date = MONDAY) -> str:
    lines = "".join(f"{line}\r\n" for line in more.splitlines())
    rest = "".join(f"{line}\r\n" for line in others.splitlines())
    return EVENT.format(day=f"{day:%Y%m%d}", more=lines, others=rest)


def local(day: datetime.date, hour: int, zone: str = "TZID=Europe/Berlin") -> str:
    return f";{zone}:{day:%Y%m%d}T{hour:02}0000"


WEEKLY = "RRULE:FREQ=WEEKLY;COUNT=4"
WEEK = datetime.timedelta(days=7)
DTSTAMP = "DTSTAMP:20260101T000000Z"


class Program:
    """A calendar program of somebody's."""

    def __init__(self, user: User, *, token: str = "", name: str = "") -> None:
        word = f"{name or user.username}:{token or services.issue_api_token(user)}"
        self._word = f"Basic {base64.b64encode(word.encode()).decode()}"
        self._client = Client()

    def send(self, method: str, path: str, body: str = "", **fields: str) -> HttpResponse:
        named: Any = {f"HTTP_{name.upper()}": value for name, value in fields.items()}
        kind = "text/calendar; charset=utf-8" if method == "PUT" else "application/xml"
        answer: Any = self._client.generic(
            method, path, body, content_type=kind, HTTP_AUTHORIZATION=self._word, **named
        )
        found: HttpResponse = answer
        return found

    def put(self, text: str, name: str = "0815.ics", **fields: str) -> HttpResponse:
        return self.send("PUT", HOME + name, text, **fields)

    def properties(self, path: str, *names: str, depth: str = "0") -> Any:
        spaces = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMES.items())
        asked = "".join(f"<{name}/>" for name in names)
        body = f"<D:propfind {spaces}><D:prop>{asked}</D:prop></D:propfind>"
        answer = self.send("PROPFIND", path, body, depth=depth)
        assert answer.status_code == 207, answer.content
        return etree.fromstring(answer.content)

    def report(self, body: str) -> Any:
        spaces = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMES.items())
        answer = self.send("REPORT", HOME, body.replace(">", f" {spaces}>", 1), depth="1")
        assert answer.status_code == 207, answer.content
        return etree.fromstring(answer.content)

    def event(self, name: str = "0815.ics") -> Calendar:
        answer = self.send("GET", HOME + name)
        assert answer.status_code == 200
        found = Calendar.from_ical(answer.content)
        assert isinstance(found, Calendar)
        return found


@pytest.fixture
def program(alice: User) -> Program:
    return Program(alice)


def hrefs(found: Any) -> list[str]:
    return [one.text for one in found.iterfind("D:response/D:href", NAMES)]


def refusal(answer: HttpResponse) -> tuple[int, str, str]:
    root = etree.fromstring(answer.content)
    text = root.findtext("D:responsedescription", "", NAMES)
    return answer.status_code, etree.QName(root[0]).localname, text


# --- Discovery ---------------------------------------------------------------------


def test_a_program_finds_the_calendar(program: Program) -> None:
    """RFC 6764 6 and RFC 5397: from the host to the collection."""
    begin = Client().generic("PROPFIND", "/.well-known/caldav")
    assert (begin.status_code, begin["Location"]) == (301, "/dav/")
    found = program.properties("/dav/", "D:current-user-principal")
    principal = found.findtext(".//D:current-user-principal/D:href", None, NAMES)
    found = program.properties(principal, "C:calendar-home-set", "C:calendar-user-address-set")
    home = found.findtext(".//C:calendar-home-set/D:href", None, NAMES)
    assert "sip:alice@conf.test" in [one.text for one in found.iterfind(".//D:href", NAMES)]
    found = program.properties(home, "D:resourcetype", "D:displayname", depth="1")
    boxes = [f"/dav/calendars/alice/{box}/" for box in ("inbox", "outbox")]
    assert hrefs(found) == [home, HOME, *boxes]
    assert found.find(".//C:calendar", NAMES) is not None


def test_options_say_what_there_is() -> None:
    answer = Client().generic("OPTIONS", "/dav/")
    assert "calendar-access" in answer["DAV"]
    assert "REPORT" in answer["Allow"]


def test_properties_that_are_not_there_are_told(program: Program) -> None:
    found = program.properties(HOME, "D:displayname", "C:calendar-timezone", "D:getetag")
    statuses = found.xpath("//D:propstat/D:status/text()", namespaces=NAMES)
    assert statuses == ["HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found"]
    assert len(found.xpath("//D:propstat[2]/D:prop/*", namespaces=NAMES)) == 2


# --- Who may -----------------------------------------------------------------------


def test_only_a_token_opens(alice: User, mallory: User) -> None:
    assert Client().generic("PROPFIND", "/dav/").status_code == 401
    refused = Program(alice, token="a password").send("PROPFIND", "/dav/", depth="0")
    assert refused.status_code == 401
    assert refused["WWW-Authenticate"].startswith("Basic ")
    token = services.issue_api_token(mallory)
    assert Program(alice, token=token).send("PROPFIND", "/dav/", depth="0").status_code == 401


@pytest.mark.usefixtures("still")
def test_wrong_tokens_are_counted(alice: User) -> None:
    guesser = Program(alice, token="guess")
    statuses = [guesser.send("GET", HOME).status_code for _ in range(70)]
    assert statuses[0] == 401
    assert statuses[-1] == 429


def test_mallory_finds_nothing_of_alices(program: Program, mallory: User) -> None:
    assert program.put(event()).status_code == 201
    spy = Program(mallory)
    for method in ("PROPFIND", "REPORT", "GET", "PUT", "DELETE"):
        assert spy.send(method, f"{HOME}0815.ics", event(), depth="0").status_code == 404
    own = f"/dav/calendars/mallory/bookings/{Conference.objects.get().name}.ics"
    assert spy.send("GET", own).status_code == 404
    assert Conference.objects.get().title == "Planning"


def test_who_may_not_book_is_told(bob: User) -> None:
    answer = Program(bob).send("PUT", "/dav/calendars/bob/bookings/x.ics", event())
    assert refusal(answer) == (403, "not-allowed", "You may not book conferences.")


def test_who_is_invited_reads_and_may_not_change(alice: User, bob: User) -> None:
    starts_at = datetime.datetime.combine(MONDAY, datetime.time(8), datetime.UTC)
    row = services.book(
        organizer=alice,
        name="review",
        title="Review",
        starts_at=starts_at,
        pin="4711",
        invitees=[Invitee(people.BOB.uri), Invitee(email="carol@example.org")],
    )
    invited, path = Program(bob), "/dav/calendars/bob/bookings/review.ics"
    text = invited.send("GET", path).content.decode()
    assert "SUMMARY:Review" in text
    assert "carol@" not in text
    changed = text.replace("SUMMARY:Review", "SUMMARY:Party")
    assert refusal(invited.send("PUT", path, changed))[:2] == (403, "not-allowed")
    row.refresh_from_db()
    assert (row.title, row.cancelled_at) == ("Review", None)


def test_who_is_invited_answers_and_changes_nothing_else(alice: User, bob: User) -> None:
    starts_at = datetime.datetime.combine(MONDAY, datetime.time(8), datetime.UTC)
    row = services.book(
        organizer=alice,
        name="review",
        title="Review",
        starts_at=starts_at,
        rrule="FREQ=WEEKLY;COUNT=3",
        invitees=[Invitee(people.BOB.uri)],
    )
    invited, path = Program(bob), "/dav/calendars/bob/bookings/review.ics"
    text = invited.send("GET", path).content.decode().replace("\r\n ", "")
    yes = text.replace("PARTSTAT=NEEDS-ACTION", "PARTSTAT=ACCEPTED")
    assert invited.send("PUT", path, yes).status_code == 204
    assert row.invitations.get().answer == "accepted"
    assert [one.kind for one in selectors.events(row)] == ["booked", "answered"]
    later = yes.replace("ACCEPTED", "DECLINED").replace("COUNT=3", "COUNT=4")
    for wrong in (later, text):
        assert refusal(invited.send("PUT", path, wrong))[:2] == (403, "not-allowed")
    row.refresh_from_db()
    assert (row.rrule, row.invitations.get().answer) == ("FREQ=WEEKLY;COUNT=3", "accepted")


def _second(answer: str, *, hour: int = 9, who: str = "sip:bob@conf.test") -> str:
    """The second Monday by itself, as the program of an attendee puts it."""
    day = MONDAY + WEEK
    return (
        f"BEGIN:VEVENT\r\nUID:0815@example.org\r\n{DTSTAMP}\r\nSUMMARY:Planning\r\n"
        f"RECURRENCE-ID{local(day, 9)}\r\nDTSTART{local(day, hour)}\r\n"
        f"DTEND{local(day, hour + 1)}\r\nORGANIZER:sip:alice@conf.test\r\n"
        f"ATTENDEE;PARTSTAT={answer}:{who}\r\nEND:VEVENT\r\n"
    )


def test_who_is_invited_answers_one_time_of_a_series(program: Program, bob: User) -> None:
    """By an answer of its own, or by taking it out of his calendar; and takes it back."""
    assert program.put(event(f"{WEEKLY}\nATTENDEE:sip:bob@conf.test")).status_code == 201
    row = Conference.objects.get()
    mine, invited = row.invitations.get(), Program(bob)
    path = f"/dav/calendars/bob/bookings/{row.name}.ics"
    second = datetime.datetime.combine(MONDAY + WEEK, datetime.time(8), datetime.UTC)

    def put(*more: str, before: str = "") -> HttpResponse:
        text = invited.send("GET", path).content.decode().replace("\r\n ", "")
        head = text.partition("BEGIN:VEVENT")[0]
        whole = next(
            f"BEGIN:VEVENT{one}" for one in text.split("BEGIN:VEVENT")[1:] if "RRULE" in one
        ).removesuffix("END:VCALENDAR\r\n")
        whole = whole.replace("NEEDS-ACTION", "ACCEPTED").replace("RRULE:", f"{before}RRULE:")
        return invited.send("PUT", path, f"{head}{whole}{''.join(more)}END:VCALENDAR\r\n")

    assert put(_second("DECLINED")).status_code == 204
    mine.refresh_from_db()
    assert (mine.answer, selectors.single_answers(mine)) == ("accepted", {second: "declined"})
    read = [one for one in program.event().walk("VEVENT") if "RECURRENCE-ID" in one]
    assert [str(one["ATTENDEE"].params["PARTSTAT"]) for one in read] == ["DECLINED"]
    # The organizer's program gives back what it was given, and nothing has changed by that.
    text = program.send("GET", HOME + "0815.ics").content.decode()
    assert program.put(text).status_code == 204
    assert not row.overrides.exists()
    assert put().status_code == 204
    assert selectors.single_answers(mine) == {}
    assert put(before=f"EXDATE:{second:%Y%m%dT%H%M%SZ}\r\n").status_code == 204
    assert selectors.single_answers(mine) == {second: "declined"}
    kinds = [one.detail.get("recurrence_id", "all") for one in selectors.events(row)][1:]
    name = f"{second:%Y%m%dT%H%M%SZ}"
    assert kinds == ["all", name, name, name]
    # To move it, or to answer for somebody else, is not his.
    assert refusal(put(_second("ACCEPTED", hour=15)))[:2] == (403, "not-allowed")
    put(_second("ACCEPTED", who="sip:carol@conf.test"))
    assert selectors.single_answers(mine) == {}
    assert not row.overrides.exists()


def test_a_part_of_a_series_is_deleted_alone(program: Program) -> None:
    """What was changed from one time on are two objects; who deletes one keeps the other."""
    program.put(event(WEEKLY))
    row = Conference.objects.get()
    services.change_following(
        conference=row,
        recurrence_id=datetime.datetime.combine(MONDAY + 2 * WEEK, datetime.time(8), datetime.UTC),
        actor=people.ALICE.uri,
        duration_minutes=30,
    )
    after = f"/dav/calendars/alice/bookings/{row.name}~1.ics"
    assert program.send("DELETE", HOME + "0815.ics").status_code == 204
    row.refresh_from_db()
    assert [one.number for one in selectors.series(row)] == [1]
    assert (row.cancelled_at, row.series, row.duration_minutes) == (None, 1, 30)
    assert program.send("GET", HOME + "0815.ics").status_code == 404
    assert program.send("GET", after).status_code == 200
    assert program.send("DELETE", after).status_code == 204
    row.refresh_from_db()
    assert row.cancelled_at is not None


# --- Booking -----------------------------------------------------------------------


def test_an_event_is_a_booking(program: Program, alice: User) -> None:
    more = "ATTENDEE;ROLE=REQ-PARTICIPANT:mailto:carol@example.org\n"
    more += "ATTENDEE;ROLE=CHAIR:sip:bob@conf.test\nORGANIZER:sip:alice@conf.test"
    answer = program.put(event(more), if_none_match="*")
    assert answer.status_code == 201
    row = Conference.objects.get()
    assert (row.title, row.timezone, row.duration_minutes) == ("Planning", "Europe/Berlin", 60)
    assert row.starts_at == datetime.datetime.combine(MONDAY, datetime.time(8), datetime.UTC)
    assert row.organizer == alice
    listed = {one.email or one.uri: one.role for one in row.invitations.all()}
    assert listed == {"carol@example.org": "participant", "sip:bob@conf.test": "moderator"}
    assert selectors.events(row).get().way == "caldav"
    assert program.put(event(more), if_none_match="*").status_code == 412


def test_what_is_read_back_is_what_was_put_and_the_way_in(program: Program) -> None:
    """What the program alone knows of it comes back as it was; the way in stands below."""
    alarm = "BEGIN:VALARM\nACTION:DISPLAY\nDESCRIPTION:Soon\nTRIGGER:-PT10M\nEND:VALARM"
    more = f"LOCATION:Room 5\nDESCRIPTION:Bring cake\nCATEGORIES:Work\nX-COLOUR:red\n{alarm}"
    program.put(event(more))
    found = program.event()
    got = found.walk("VEVENT")[0]
    row = Conference.objects.get()
    assert (got["UID"], got["LOCATION"], got["X-COLOUR"]) == ("0815@example.org", "Room 5", "red")
    assert str(got["DESCRIPTION"]).startswith("Bring cake\n\n")
    assert selectors.conference_uri(row) in str(got["DESCRIPTION"])
    assert got["URL"] == selectors.conference_url(row)
    assert len(got.walk("VALARM")) == 1
    assert "METHOD" not in found
    before = row.sequence
    again = found.to_ical().decode()
    assert program.put(again).status_code == 204
    row.refresh_from_db()
    assert row.sequence == before  # nothing was changed, so nobody is told
    assert str(program.event().walk("VEVENT")[0]["DESCRIPTION"]).count("Bring cake") == 1


def test_a_change_is_a_change_and_others_are_found_out(program: Program) -> None:
    program.put(event())
    path = f"{HOME}0815.ics"
    etag = program.send("GET", path)["ETag"]
    later = event().replace("T100000", "T113000").replace("Planning", "Long planning")
    assert program.send("PUT", path, later, if_match='"other"').status_code == 412
    assert program.send("PUT", path, later, if_match=etag).status_code == 204
    row = Conference.objects.get()
    assert (row.title, row.duration_minutes) == ("Long planning", 150)
    assert program.send("GET", path)["ETag"] != etag
    assert program.send("DELETE", path, if_match=etag).status_code == 412
    assert program.send("DELETE", path).status_code == 204
    row.refresh_from_db()
    assert row.cancelled_at is not None
    assert program.send("GET", path).status_code == 404
    assert program.send("DELETE", path).status_code == 404


def exception(day: datetime.date, hour: int, title: str, at: datetime.date) -> str:
    return (
        f"BEGIN:VEVENT\nUID:0815@example.org\n{DTSTAMP}\nRECURRENCE-ID{local(day, 9)}\n"
        f"DTSTART{local(at, hour)}\nDTEND{local(at, hour + 1)}\nSUMMARY:{title}\nEND:VEVENT"
    )


def times(row: Conference) -> list[tuple[str, str]]:
    """Its times in Berlin, and what each is called."""
    found = selectors.all_occurrences(row, after=datetime.datetime(YEAR, 1, 1, tzinfo=datetime.UTC))
    return [
        (f"{one.starts_at.astimezone(WINTER):%d %H:%M}", one.title or row.title) for one in found
    ]


def test_a_series_with_its_exceptions(program: Program) -> None:
    second, third, fourth = MONDAY + WEEK, MONDAY + 2 * WEEK, MONDAY + 3 * WEEK
    tuesday = second + datetime.timedelta(days=1)
    moved = exception(second, 14, "Moved", tuesday)
    off = f"{WEEKLY}\nEXDATE{local(third, 9)}"
    assert program.put(event(off, moved)).status_code == 201
    row = Conference.objects.get()
    want = [
        (f"{MONDAY:%d} 09:00", "Planning"),
        (f"{tuesday:%d} 14:00", "Moved"),
        (f"{fourth:%d} 09:00", "Planning"),
    ]
    assert times(row) == want
    got = program.event()
    main: Any
    main, single = got.walk("VEVENT")
    assert len(main["EXDATE"].dts) == 1
    assert single["SUMMARY"] == "Moved"
    sequence = row.sequence
    assert program.put(got.to_ical().decode()).status_code == 204
    row.refresh_from_db()
    assert (row.sequence, times(row)) == (sequence, want)
    assert program.put(event(WEEKLY)).status_code == 204
    row.refresh_from_db()
    assert len(times(row)) == 4
    assert {title for _, title in times(row)} == {"Planning"}


def test_one_time_called_off_by_its_status(program: Program) -> None:
    second = MONDAY + WEEK
    gone = exception(second, 9, "Planning", second).replace("SUMMARY", "STATUS:CANCELLED\nSUMMARY")
    assert program.put(event(WEEKLY, gone)).status_code == 201
    assert len(times(Conference.objects.get())) == 3


@pytest.mark.parametrize(
    ("start", "zone"),
    [
        (";TZID=America/Sao_Paulo:{day}T090000", "America/Sao_Paulo"),
        (";TZID=/example.org/20260101/Asia/Kathmandu:{day}T090000", "Asia/Kathmandu"),
        (":{day}T090000Z", "UTC"),
        (":{day}T090000", "Australia/Lord_Howe"),
    ],
)
def test_zones_are_kept(program: Program, alice: User, start: str, zone: str) -> None:
    """One without a zone is in that of the person."""
    alice.timezone = "Australia/Lord_Howe"
    alice.save()
    text = event(f"DURATION:PT45M\n{WEEKLY}").splitlines()
    kept = [line for line in text if not line.startswith(("DTSTART", "DTEND"))]
    kept.insert(6, "DTSTART" + start.format(day=f"{MONDAY:%Y%m%d}"))
    assert program.put("\r\n".join(kept) + "\r\n").status_code == 201
    row = Conference.objects.get()
    assert (row.timezone, row.duration_minutes) == (zone, 45)


# --- What cannot be ----------------------------------------------------------------

NOT_BOOKED = {
    "no calendar": ("hello", "valid-calendar-data"),
    "a method": (event().replace("VERSION:2.0", "VERSION:2.0\r\nMETHOD:REQUEST"), None),
    "a task": (event().replace("VEVENT", "VTODO"), "supported-calendar-component"),
    "a day": (
        event().replace(";TZID=Europe/Berlin", ";VALUE=DATE").replace("T090000", ""),
        "cannot-be-booked",
    ),
    "further dates": (event(f"{WEEKLY}\nRDATE{local(MONDAY, 15)}"), "cannot-be-booked"),
    "every hour": (event("RRULE:FREQ=HOURLY"), "cannot-be-booked"),
    "the past": (event(day=datetime.date(2020, 1, 6)), "cannot-be-booked"),
    "an unknown zone": (event(WEEKLY).replace("Europe/Berlin", "Mars/Olympus"), "cannot-be-booked"),
    "and the following": (
        event(
            WEEKLY,
            exception(MONDAY + WEEK, 9, "x", MONDAY + WEEK).replace(
                "RECURRENCE-ID", "RECURRENCE-ID;RANGE=THISANDFOLLOWING"
            ),
        ),
        "cannot-be-booked",
    ),
    "a time that there is not": (
        event(WEEKLY, exception(MONDAY + datetime.timedelta(days=1), 9, "x", MONDAY)),
        "valid-calendar-object-resource",
    ),
    "who cannot be reached": (event("ATTENDEE:urn:uuid:1234"), "cannot-be-booked"),
    "what others invite to": (
        event(
            "ORGANIZER:mailto:carol@elsewhere.test\n"
            "ATTENDEE;PARTSTAT=ACCEPTED:mailto:ALICE@example.org\n"
            "ATTENDEE:mailto:bob@elsewhere.test"
        ),
        "not-allowed",
    ),
    "a rule that is none": (event("RRULE:weekly"), "valid-calendar-data"),
    "octets that are no text": ("\x01\x02:\x03" * 9, "valid-calendar-data"),
    "too much": (event("DESCRIPTION:" + "x" * 300_000), "max-resource-size"),
}


@pytest.mark.parametrize("what", NOT_BOOKED)
def test_what_cannot_be_booked_is_refused_with_words(
    program: Program, alice: User, what: str
) -> None:
    User.objects.filter(pk=alice.pk).update(email="alice@example.org")
    text, precondition = NOT_BOOKED[what]
    status, named, words = refusal(program.put(text))
    assert status in (403, 413)
    assert named == (precondition or "valid-calendar-object-resource")
    assert len(words) > 20
    assert not Conference.objects.exists()


def test_a_change_that_cannot_be_changes_nothing(program: Program) -> None:
    program.put(event(WEEKLY))
    etag = program.send("GET", f"{HOME}0815.ics")["ETag"]
    second = MONDAY + WEEK
    past = exception(second, 9, "Then", datetime.date(2020, 1, 6))
    changed = event(WEEKLY, past).replace("SUMMARY:Planning", "SUMMARY:Other")
    status, named, words = refusal(program.put(changed))
    assert (status, named, words) == (403, "cannot-be-booked", "The start lies in the past.")
    assert program.send("GET", f"{HOME}0815.ics")["ETag"] == etag
    assert Conference.objects.get().title == "Planning"


def test_where_no_ports_are_left_others_are_proposed(program: Program) -> None:
    Ledger.objects.update_or_create(pk=Ledger.ONLY, defaults={"ports": 10})
    program.put(event())
    second = event().replace("0815@", "4711@")
    status, named, words = refusal(program.put(second, "4711.ics"))
    assert (status, named) == (403, "no-ports")
    assert f"There is room at: {YEAR}-" in words
    assert Conference.objects.count() == 1


def test_an_organizer_who_is_nobody_invited_is_the_person_himself(
    program: Program, alice: User
) -> None:
    """Programs write the address that they know of him."""
    User.objects.filter(pk=alice.pk).update(email="alice@example.org")
    for name, host in (("one", "alice@home.test"), ("two", "Alice@Example.org")):
        people = f"ORGANIZER:mailto:{host}\nATTENDEE:mailto:{host}\nATTENDEE:mailto:bob@home.test"
        text = event(people).replace("0815@", f"{name}@")
        assert program.put(text, f"{name}.ics").status_code == 201
    assert Conference.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_nobody_comes_between_the_look_and_the_change(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are one transaction; else each of two who race is let through."""
    program.put(event())
    etag = program.send("GET", f"{HOME}0815.ics")["ETag"]
    put, seen = services.put_calendar_object, []

    def look(**said: Any) -> bool:
        seen.append(connection.in_atomic_block)
        return put(**said)

    monkeypatch.setattr(services, "put_calendar_object", look)
    changed = event().replace("SUMMARY:Planning", "SUMMARY:Other")
    assert program.put(changed, if_match=etag).status_code == 204
    assert program.put(event(), if_match=etag).status_code == 412
    assert seen == [True]


def test_a_uid_is_used_once(program: Program) -> None:
    program.put(event())
    answer = program.put(event(), "again.ics")
    assert refusal(answer)[:2] == (409, "no-uid-conflict")
    assert f"{HOME}0815.ics" in answer.content.decode()
    other = event().replace("0815@", "4711@")
    assert refusal(program.put(other))[:2] == (409, "no-uid-conflict")


def test_calendars_are_neither_made_nor_deleted(program: Program) -> None:
    assert program.send("MKCALENDAR", "/dav/calendars/alice/more/").status_code == 405
    assert program.send("DELETE", HOME).status_code == 403
    answer = program.send(
        "PROPPATCH",
        HOME,
        '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><D:displayname>x</D:displayname>'
        "</D:prop></D:set></D:propertyupdate>",
    )
    assert answer.status_code == 207
    assert b"403 Forbidden" in answer.content


# --- Questions ---------------------------------------------------------------------

QUERY = (
    "<C:calendar-query><D:prop><D:getetag/>{data}</D:prop><C:filter>"
    '<C:comp-filter name="VCALENDAR">{inside}</C:comp-filter></C:filter></C:calendar-query>'
)


def query(inside: str, data: str = "") -> str:
    return QUERY.format(inside=inside, data=data)


def within(start: datetime.date, days: int) -> str:
    end = start + datetime.timedelta(days=days)
    span = f'<C:time-range start="{start:%Y%m%d}T000000Z" end="{end:%Y%m%d}T000000Z"/>'
    return f'<C:comp-filter name="VEVENT">{span}</C:comp-filter>'


def test_a_query_by_time_knows_of_exceptions(program: Program) -> None:
    second = MONDAY + WEEK
    program.put(event(f"{WEEKLY}\nEXDATE{local(second, 9)}"))
    assert hrefs(program.report(query(within(MONDAY, 1)))) == [f"{HOME}0815.ics"]
    assert hrefs(program.report(query(within(second, 1)))) == []
    assert hrefs(program.report(query(within(second + WEEK, 1)))) == [f"{HOME}0815.ics"]
    assert hrefs(program.report(query('<C:comp-filter name="VTODO"/>'))) == []


def test_a_query_by_uid(program: Program) -> None:
    program.put(event())
    asked = (
        '<C:comp-filter name="VEVENT"><C:prop-filter name="UID">'
        "<C:text-match>{}</C:text-match></C:prop-filter></C:comp-filter>"
    )
    assert len(hrefs(program.report(query(asked.format("0815@example.org"))))) == 1
    assert hrefs(program.report(query(asked.format("4711@example.org")))) == []


def test_a_filter_that_is_not_understood_is_refused(program: Program) -> None:
    asked = query('<C:comp-filter name="VEVENT"><C:prop-filter name="SUMMARY"/></C:comp-filter>')
    spaces = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMES.items())
    answer = program.send("REPORT", HOME, asked.replace(">", f" {spaces}>", 1))
    assert refusal(answer)[:2] == (403, "supported-filter")


def test_several_are_read_at_once(program: Program) -> None:
    program.put(event())
    found = program.report(
        "<C:calendar-multiget><D:prop><D:getetag/><C:calendar-data/></D:prop>"
        f"<D:href>{HOME}0815.ics</D:href><D:href>{HOME}gone.ics</D:href>"
        "<D:href>http://[</D:href></C:calendar-multiget>"
    )
    data = found.findtext(".//C:calendar-data", "", NAMES)
    assert "SUMMARY:Planning" in data
    assert found.xpath("//D:response/D:status/text()", namespaces=NAMES) == [
        "HTTP/1.1 404 Not Found",
        "HTTP/1.1 404 Not Found",
    ]


def test_the_tag_of_the_calendar_follows_every_change(program: Program) -> None:
    def tag() -> str:
        found = program.properties(HOME, "CS:getctag")
        return str(found.findtext(".//CS:getctag", None, NAMES))

    tags = [tag()]
    program.put(event())
    tags.append(tag())
    services.change(conference=Conference.objects.get(), actor="", pin="4711")
    tags.append(tag())
    services.cancel(conference=Conference.objects.get(), actor="")
    tags.append(tag())
    assert len(set(tags)) == 3
    assert tags[0] == tags[3]


@pytest.mark.parametrize("count", [1, 12])
def test_a_long_calendar_costs_as_many_questions(
    program: Program, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(count):
        text = event(f"{WEEKLY}\nATTENDEE:mailto:carol@example.org").replace("0815@", f"{number}@")
        assert program.put(text, f"{number}.ics").status_code == 201
    with django_assert_num_queries(6):
        found = program.properties(HOME, "D:getetag", depth="1")
    assert len(hrefs(found)) == count + 1


# --- Hostile bodies ----------------------------------------------------------------

LAUGHS = "".join(f'<!ENTITY l{n} "&l{n - 1};&l{n - 1};&l{n - 1};">' for n in range(1, 30))
HOSTILE: dict[str, str] = {
    "a file": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
    "another server": '<!DOCTYPE x [<!ENTITY e SYSTEM "http://127.0.0.1:9/">]>',
    "laughs": f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}<!ENTITY e "&l29;">]>',
    "a declaration": '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
}
Ask = Callable[[Program, str], HttpResponse]


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("method", ["PROPFIND", "REPORT", "PROPPATCH"])
def test_bodies_that_fetch_or_grow_are_refused(program: Program, what: str, method: str) -> None:
    """No entity is resolved, nothing is fetched (XXE)."""
    body = '<D:propfind xmlns:D="DAV:"><D:prop><D:displayname/>{}</D:prop></D:propfind>'
    inside = "" if what == "a declaration" else "&e;"
    answer = program.send(method, HOME, HOSTILE[what] + body.format(inside), depth="0")
    assert answer.status_code == 400
    assert b"root:" not in answer.content


@pytest.mark.parametrize("body", ["<D:propfind", "<x/>", "\x00", "<a>" * 10_000])
def test_bodies_that_are_none(program: Program, body: str) -> None:
    assert program.send("PROPFIND", HOME, body, depth="0").status_code == 400


def test_everything_at_any_depth_is_not_told(program: Program) -> None:
    answer = program.send("PROPFIND", "/dav/", "", depth="infinity")
    assert refusal(answer)[:2] == (403, "propfind-finite-depth")
