"""CalDAV beyond reading and writing: what is new (RFC 6578), who has time, who invites."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone
from icalendar import Calendar
from lxml import etree

from conferences import services
from conferences.models import Answer, CalendarState, Conference, Mail, User
from conferences.services import Invitee
from tests import people
from tests.dav.test_caldav import (
    DTSTAMP,
    HOME,
    MONDAY,
    NAMES,
    WEEK,
    WEEKLY,
    Program,
    event,
    hrefs,
    local,
    refusal,
)

BOXES = "/dav/calendars/alice"
PATH = f"{HOME}0815.ics"


@pytest.fixture
def program(alice: User) -> Program:
    return Program(alice)


def other(text: str, number: int = 1) -> str:
    return text.replace("0815@", f"{number}@")


class Watcher:
    """A program that asks what is new."""

    def __init__(self, program: Program, home: str = HOME) -> None:
        self._program, self._home = program, home
        self.token = ""

    def ask(self, *, limit: str = "", token: str | None = None, level: str = "1") -> Any:
        said = self.token if token is None else token
        spaces = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMES.items())
        body = f"""<D:sync-collection {spaces}><D:sync-token>{said}</D:sync-token>
            <D:sync-level>{level}</D:sync-level>{limit}
            <D:prop><D:getetag/></D:prop></D:sync-collection>"""
        return self._program.send("REPORT", self._home, body, depth="0")

    def sees(self, *, limit: int = 0) -> tuple[list[str], list[str]]:
        """Names of what is new or changed, and of what is gone."""
        wanted = f"<D:limit><D:nresults>{limit}</D:nresults></D:limit>" if limit else ""
        answer = self.ask(limit=wanted)
        assert answer.status_code == 207, answer.content
        root = etree.fromstring(answer.content)
        self.token = root.findtext("D:sync-token", "", NAMES)
        self.cut = False
        new: list[str] = []
        gone: list[str] = []
        for one in root.iterfind("D:response", NAMES):
            name = one.findtext("D:href", "", NAMES).removeprefix(self._home)
            status = one.findtext("D:status", "", NAMES)
            if "507" in status:
                self.cut = True
            else:
                (gone if "404" in status else new).append(name)
        return new, gone


# --- What is new (RFC 6578) --------------------------------------------------------


def test_a_program_is_told_what_is_new_changed_and_gone(program: Program) -> None:
    watcher = Watcher(program)
    assert watcher.sees() == ([], [])
    program.put(event())
    program.put(other(event(day=MONDAY + WEEK)), "1.ics")
    assert watcher.sees() == (["0815.ics", "1.ics"], [])
    assert watcher.sees() == ([], [])
    program.put(event().replace("Planning", "Review"))
    program.send("DELETE", f"{HOME}1.ics")
    assert watcher.sees() == (["0815.ics"], ["1.ics"])
    assert watcher.sees() == ([], [])


def test_what_others_do_is_told_too(program: Program, bob: User) -> None:
    """An answer changes what the organizer reads; who is uninvited has the event no more."""
    program.put(event(f"ATTENDEE:{people.BOB.uri}\nORGANIZER:{people.ALICE.uri}"))
    row = Conference.objects.get()
    bobs = Watcher(Program(bob), "/dav/calendars/bob/bookings/")
    alices = Watcher(program)
    (name,), _ = bobs.sees()
    alices.sees()
    text = Program(bob).send("GET", f"/dav/calendars/bob/bookings/{name}").content.decode()
    yes = text.replace("PARTSTAT=NEEDS-ACTION", "PARTSTAT=ACCEPTED")
    assert Program(bob).send("PUT", f"/dav/calendars/bob/bookings/{name}", yes).status_code == 204
    assert alices.sees() == (["0815.ics"], [])
    assert bobs.sees() == ([name], [])
    services.change(conference=row, actor="", invitees=[])
    assert bobs.sees() == ([], [name])


def test_a_long_list_comes_in_pieces(program: Program) -> None:
    """RFC 6578 3.6."""
    for number in range(3):
        day = MONDAY + number * WEEK
        program.put(other(event(day=day), number), f"{number}.ics")
    watcher = Watcher(program)
    assert (watcher.sees(limit=2), watcher.cut) == ((["0.ics", "1.ics"], []), True)
    assert (watcher.sees(limit=2), watcher.cut) == ((["2.ics"], []), False)
    assert (watcher.sees(limit=2), watcher.cut) == (([], []), False)


@pytest.mark.parametrize("token", ["urn:parley:sync:nothing", "data:,1", "urn:parley:sync:"])
def test_a_token_that_nobody_knows_begins_anew(program: Program, token: str) -> None:
    """RFC 6578 3.2: valid-sync-token."""
    assert refusal(Watcher(program).ask(token=token))[:2] == (403, "valid-sync-token")


def test_mallory_asks_with_the_token_of_another(program: Program, mallory: User) -> None:
    watcher = Watcher(program)
    program.put(event())
    watcher.sees()
    hers = Watcher(Program(mallory), "/dav/calendars/mallory/bookings/")
    assert refusal(hers.ask(token=watcher.token))[:2] == (403, "valid-sync-token")
    assert Watcher(Program(mallory)).ask().status_code == 404


@pytest.mark.parametrize(
    ("limit", "level"), [("<D:limit><D:nresults>0</D:nresults></D:limit>", "1"), ("", "2")]
)
def test_what_makes_no_sense_is_refused(program: Program, limit: str, level: str) -> None:
    assert Watcher(program).ask(limit=limit, level=level).status_code == 400


def test_the_token_is_a_property_and_the_same_while_nothing_changes(program: Program) -> None:
    def token() -> str:
        found = program.properties(HOME, "D:sync-token", "D:supported-report-set")
        assert found.find(".//D:report/D:sync-collection", NAMES) is not None
        return str(found.findtext(".//D:sync-token", "", NAMES))

    first = token()
    assert token() == first
    watcher = Watcher(program)
    program.put(event())
    watcher.token = first
    assert watcher.sees() == (["0815.ics"], [])
    assert token() == watcher.token != first


def test_states_are_forgotten(program: Program) -> None:
    watcher = Watcher(program)
    watcher.sees()
    services.prune(now=timezone.now() + datetime.timedelta(days=61))
    assert refusal(watcher.ask())[1] == "valid-sync-token"
    for number in range(70):
        services.keep_calendar_state(
            user=User.objects.get(), etags={"a": str(number)}, now=timezone.now()
        )
    assert CalendarState.objects.count() == 64


# --- Who has time (RFC 4791 7.10, RFC 6638 5) ---------------------------------------


def at(hour: int, day: datetime.date = MONDAY) -> str:
    return f"{day:%Y%m%d}T{hour:02}0000Z"


def busy(found: Calendar) -> list[tuple[str, str]]:
    (told,) = found.walk("VFREEBUSY")
    said = told.get("FREEBUSY", [])
    rows = said if isinstance(said, list) else [said]
    return [(one.params["FBTYPE"], one.to_ical().decode()) for one in rows]


def free_busy(program: Program, start: str, end: str, home: str = HOME) -> Any:
    body = (
        f'<C:free-busy-query xmlns:C="{NAMES["C"]}">'
        f'<C:time-range start="{start}" end="{end}"/></C:free-busy-query>'
    )
    return program.send("REPORT", home, body, depth="1")


def test_one_is_busy_while_ones_conferences_take_place(program: Program, bob: User) -> None:
    exception = f"EXDATE{local(MONDAY + WEEK, 9)}"
    program.put(event(f"{WEEKLY}\n{exception}\nATTENDEE:{people.BOB.uri}"))
    program.put(other(event().replace("T090000", "T093000").replace("T100000", "T110000")), "1.ics")
    shown_as_free = other(event("TRANSP:TRANSPARENT", day=MONDAY + datetime.timedelta(days=1)), 2)
    assert program.put(shown_as_free, "2.ics").status_code == 201
    answer = free_busy(program, at(0), at(0, MONDAY + 2 * WEEK + datetime.timedelta(days=1)))
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/calendar; charset=utf-8")
    later = MONDAY + 2 * WEEK
    assert busy(Calendar.from_ical(answer.content)) == [
        ("BUSY", f"{at(8)}/{at(10)}"),
        ("BUSY", f"{at(8, later)}/{at(9, later)}"),
    ]
    bobs = free_busy(Program(bob), at(0), at(23), "/dav/calendars/bob/bookings/")
    assert busy(Calendar.from_ical(bobs.content)) == [("BUSY-TENTATIVE", f"{at(8)}/{at(9)}")]
    invitation = Conference.objects.get(title="Planning", rrule__gt="").invitations.get()
    services.answer(invitation=invitation, answer=Answer.DECLINED, at=timezone.now())
    bobs = free_busy(Program(bob), at(0), at(23), "/dav/calendars/bob/bookings/")
    assert busy(Calendar.from_ical(bobs.content)) == []


@pytest.mark.parametrize(
    ("start", "end", "status"),
    [(at(9), at(8), 400), ("", at(8), 400), ("x", "y", 400), ("19000101T000000Z", at(8), 403)],
)
def test_a_time_that_cannot_be_asked_about(
    program: Program, start: str, end: str, status: int
) -> None:
    assert free_busy(program, start, end).status_code == status


ASKED = """BEGIN:VCALENDAR\r
VERSION:2.0\r
METHOD:REQUEST\r
BEGIN:VFREEBUSY\r
UID:4711@example.org\r
{stamp}\r
DTSTART:{start}\r
DTEND:{end}\r
ORGANIZER:{organizer}\r
ATTENDEE:{bob}\r
ATTENDEE:mailto:nobody@example.org\r
END:VFREEBUSY\r
END:VCALENDAR\r
"""


def asked(organizer: str = people.ALICE.uri, start: str = at(0)) -> str:
    values = {"start": start, "end": at(23), "bob": people.BOB.uri, "stamp": DTSTAMP}
    return ASKED.format(organizer=organizer, **values)


def test_who_books_asks_when_others_are_busy(program: Program, bob: User) -> None:
    program.put(event(f"ATTENDEE:{people.BOB.uri}\nSUMMARY:Secret"))
    answer = program.send("POST", f"{BOXES}/outbox/", asked())
    assert answer.status_code == 200
    root = etree.fromstring(answer.content)
    told = [
        (one.findtext(".//D:href", "", NAMES), one.findtext("C:request-status", "", NAMES))
        for one in root.iterfind("C:response", NAMES)
    ]
    nobody = ("mailto:nobody@example.org", "3.7;Invalid calendar user")
    assert told == [(people.BOB.uri, "2.0;Success"), nobody]
    text = root.findtext(".//C:calendar-data", "", NAMES)
    found = Calendar.from_ical(text)
    assert (found["METHOD"], "Planning" in text) == ("REPLY", False)
    assert busy(found) == [("BUSY-TENTATIVE", f"{at(8)}/{at(9)}")]


def test_mallory_who_does_not_book_asks_nobody(program: Program, mallory: User) -> None:
    mallory.is_organizer = False
    mallory.save()
    hers = Program(mallory)
    answer = hers.send("POST", "/dav/calendars/mallory/outbox/", asked(people.MALLORY.uri))
    assert refusal(answer)[:2] == (403, "need-privileges")
    assert hers.send("POST", f"{BOXES}/outbox/", asked()).status_code == 404
    as_alice = program.send("POST", f"{BOXES}/outbox/", asked(people.MALLORY.uri))
    assert refusal(as_alice)[:2] == (403, "organizer-allowed")


@pytest.mark.parametrize("body", ["", "x", event(), asked(start="20270101"), asked(start=at(23))])
def test_what_is_no_question_is_refused(program: Program, body: str) -> None:
    answer = program.send("POST", f"{BOXES}/outbox/", body)
    assert refusal(answer)[:2] == (403, "valid-calendar-data")


# --- Who invites (RFC 6638) ---------------------------------------------------------


def test_the_boxes_are_found(program: Program) -> None:
    assert "calendar-auto-schedule" in program.send("OPTIONS", "/dav/")["DAV"]
    names = ("C:schedule-inbox-URL", "C:schedule-outbox-URL", "C:calendar-user-type")
    found = program.properties("/dav/principals/alice/", *names)
    assert hrefs(found) == ["/dav/principals/alice/"]
    urls = [found.findtext(f".//{name}/D:href", "", NAMES) for name in names[:2]]
    assert urls == [f"{BOXES}/inbox/", f"{BOXES}/outbox/"]
    inbox = program.properties(urls[0], "C:schedule-default-calendar-URL", depth="1")
    assert hrefs(inbox) == [urls[0]]
    assert inbox.findtext(".//C:schedule-default-calendar-URL/D:href", "", NAMES) == HOME
    outbox = program.properties(urls[1], "D:resourcetype", "D:current-user-privilege-set")
    assert outbox.find(".//C:schedule-outbox", NAMES) is not None
    assert outbox.find(".//D:privilege/C:schedule-send-freebusy", NAMES) is not None
    assert program.send("POST", f"{BOXES}/inbox/", asked()).status_code == 405


@override_settings(MAIL_GOES_OUT=True)
@pytest.mark.parametrize(
    ("attendee", "organizer", "mails"),
    [
        ("", "", 1),
        (";SCHEDULE-AGENT=SERVER", "", 1),
        (";SCHEDULE-AGENT=CLIENT", "", 0),
        (";SCHEDULE-AGENT=NONE", "", 0),
        ("", ";SCHEDULE-AGENT=CLIENT", 0),
    ],
)
def test_whom_the_program_invites_is_not_invited_twice(
    program: Program, attendee: str, organizer: str, mails: int
) -> None:
    """RFC 6638 7.1."""
    said = f"ORGANIZER{organizer}:{people.ALICE.uri}\nATTENDEE{attendee}:mailto:carol@example.org"
    assert program.put(event(said)).status_code == 201
    assert Conference.objects.get().invitations.get().email == "carol@example.org"
    assert Mail.objects.count() == mails
    later = event(said, day=MONDAY + WEEK)
    assert program.put(later).status_code == 204
    assert Mail.objects.count() == mails, "one that has not gone tells of the change, too"


def test_who_deletes_an_invitation_declines_and_has_it_no_more(alice: User, bob: User) -> None:
    """RFC 6638 3.2.2."""
    starts_at = datetime.datetime.combine(MONDAY, datetime.time(8), datetime.UTC)
    said = {"title": "Review", "name": "review", "invitees": [Invitee(people.BOB.uri)]}
    row = services.book(organizer=alice, starts_at=starts_at, **said)  # type: ignore[arg-type]
    bobs, path = Program(bob), "/dav/calendars/bob/bookings/review.ics"
    watcher = Watcher(bobs, "/dav/calendars/bob/bookings/")
    watcher.sees()
    assert bobs.send("DELETE", path).status_code == 204
    assert row.invitations.get().answer == "declined"
    assert bobs.send("GET", path).status_code == 404
    assert watcher.sees() == ([], ["review.ics"])
    row.refresh_from_db()
    assert row.cancelled_at is None
    services.change(conference=row, actor="", starts_at=starts_at + WEEK)
    assert watcher.sees() == (["review.ics"], [])
    assert bobs.send("DELETE", path, schedule_reply="F").status_code == 204
    assert row.invitations.get().answer == ""
    assert watcher.sees() == ([], ["review.ics"])


def test_an_answer_does_not_stand_in_the_way_of_a_change(program: Program, bob: User) -> None:
    """RFC 6638 3.2.10."""
    program.put(event(f"ATTENDEE:{people.BOB.uri}\nORGANIZER:{people.ALICE.uri}"))
    read = program.send("GET", PATH)
    tag, etag = read["Schedule-Tag"], read["ETag"]
    found = program.properties(PATH, "C:schedule-tag")
    assert found.findtext(".//C:schedule-tag", "", NAMES) == tag
    invitation = Conference.objects.get().invitations.get()
    services.answer(invitation=invitation, answer=Answer.ACCEPTED, at=timezone.now())
    now = program.send("GET", PATH)
    assert (now["Schedule-Tag"] == tag, now["ETag"] == etag) == (True, False)
    text = read.content.decode().replace("SUMMARY:Planning", "SUMMARY:Review")
    assert program.put(text, if_match=etag).status_code == 412
    assert program.put(text, if_schedule_tag_match=tag).status_code == 204
    assert program.send("GET", PATH)["Schedule-Tag"] != tag
    assert program.put(text, if_schedule_tag_match=tag).status_code == 412
