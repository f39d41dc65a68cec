"""Answers by mail: taken in where everything fits together, else refused."""

from __future__ import annotations

import datetime
import io
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.utils import timezone
from icalendar import Calendar

from conferences import invitations, selectors, services
from conferences.models import Conference, Invitation, User
from conferences.services import BadReply, Invitee
from tests import people

CAROL, BOB = "carol@example.org", "bob@example.org"
DAY = datetime.timedelta(days=1)


@pytest.fixture(autouse=True)
def _replies_come_to_us() -> Iterator[None]:
    with override_settings(EMAIL_REPLIES="Parley <parley@conf.example>"):
        yield


@pytest.fixture
def weekly(alice: User) -> Conference:
    start = timezone.now().replace(hour=9, minute=0, second=0, microsecond=0) + 9 * DAY
    return services.book(
        organizer=alice,
        title="Weekly",
        starts_at=start,
        timezone="UTC",
        rrule="FREQ=WEEKLY;COUNT=4",
        invitees=[Invitee(email=CAROL), Invitee(email=BOB)],
    )


def _invitation(row: Conference, email: str = CAROL) -> Invitation:
    return row.invitations.get(email=email)


def _reply(
    row: Conference,
    *,
    partstat: str = "ACCEPTED",
    to: str = "",
    attendee: str = CAROL,
    method: str = "REPLY",
    **changed: str,
) -> bytes:
    """What a calendar program sends: the event that it was sent, with one ATTENDEE."""
    mail = selectors.outbox(row).filter(address=CAROL).order_by("-pk")[0]
    sent = Calendar.from_ical(invitations.letter(mail, at=timezone.now()).calendar.decode())
    event = sent.walk("VEVENT")[0]
    organizer = str(event["ORGANIZER"]).removeprefix("mailto:")
    lines = {
        "UID": str(event["UID"]),
        "DTSTAMP": "20260101T000000Z",
        "SEQUENCE": str(event["SEQUENCE"]),
        f"ATTENDEE;PARTSTAT={partstat}": f"mailto:{attendee}",
        "ORGANIZER": f"mailto:{organizer}",
        **changed,
    }
    body = "".join(f"{name}:{value}\r\n" for name, value in lines.items() if value)
    message = EmailMessage()
    message["From"], message["To"] = attendee, to or organizer
    message["Subject"] = "Accepted: Weekly"
    message.set_content("Carol has accepted.")
    message.add_alternative(
        f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Other//EN\r\nMETHOD:{method}\r\n"
        f"BEGIN:VEVENT\r\n{body}END:VEVENT\r\nEND:VCALENDAR\r\n",
        subtype="calendar",
        params={"method": method},
    )
    return message.as_bytes()


def _answers(row: Conference) -> list[str]:
    return list(row.invitations.order_by("pk").values_list("answer", flat=True))


@pytest.mark.parametrize("said", ["accepted", "tentative", "declined"])
def test_an_answer_is_taken_in(weekly: Conference, said: str) -> None:
    services.take_reply(_reply(weekly, partstat=said.upper()), now=timezone.now())
    assert _answers(weekly) == [said, ""]
    told = selectors.events(weekly).filter(kind="answered").get()
    assert (told.actor, told.way, told.detail) == (CAROL, "mail", {"answer": said})


def test_an_answer_about_one_time(weekly: Conference) -> None:
    assert weekly.starts_at is not None
    second = weekly.starts_at + 7 * DAY
    name = {"RECURRENCE-ID": f"{second:%Y%m%dT%H%M%SZ}"}
    services.take_reply(_reply(weekly, partstat="DECLINED", **name), now=timezone.now())
    assert _answers(weekly) == ["", ""]
    one = _invitation(weekly).occurrence_answers.get()
    assert (one.recurrence_id, one.answer) == (second, "declined")
    found = selectors.planned_one(weekly, second)
    assert found is not None
    assert [(said.name, said.answer) for said in selectors.answers_of(weekly, found)] == [
        ("carol", "declined")
    ]
    with pytest.raises(BadReply, match="no such occurrence"):
        services.take_reply(
            _reply(weekly, **{"RECURRENCE-ID": "20200101T000000Z"}), now=timezone.now()
        )


def _forged(row: Conference) -> dict[str, bytes]:
    bobs = f"parley+{_invitation(row, BOB).token}@conf.example"
    return {
        # Mallory, who was forwarded Carol's mail by nobody, knows no address of hers.
        "to the bare address": _reply(row, to="parley@conf.example"),
        "with a made-up secret": _reply(row, to=f"parley+{'A' * 43}@conf.example"),
        "elsewhere": _reply(row, to=f"parley+{_invitation(row).token}@mallory.example"),
        # Bob, who is invited, answers for Carol.
        "by another invitee": _reply(row, to=bobs),
        "for somebody else": _reply(row, attendee="mallory@example.org"),
        "another event": _reply(row, UID="11111111-2222-3333-4444-555555555555"),
        "no calendar": b"From: carol@example.org\r\nTo: parley@conf.example\r\n\r\nYes!",
        "not a reply": _reply(row).replace(b"METHOD:REPLY", b"METHOD:REQUEST"),
        "no word": _reply(row, partstat="NEEDS-ACTION"),
        "broken": _reply(row).replace(b"METHOD:REPLY", b"METHOD REPLY"),
        "nothing": b"",
        "endless": b"x" * 6_000_000,
    }


FORGED = [
    "to the bare address",
    "with a made-up secret",
    "elsewhere",
    "by another invitee",
    "for somebody else",
    "another event",
    "no calendar",
    "not a reply",
    "no word",
    "broken",
    "nothing",
    "endless",
]


@pytest.mark.parametrize("how", FORGED)
def test_mallory_is_refused(weekly: Conference, how: str) -> None:
    with pytest.raises(BadReply):
        services.take_reply(_forged(weekly)[how], now=timezone.now())
    assert _answers(weekly) == ["", ""]


ODD = {
    "a broken number": ({"SEQUENCE": "first"}, "SEQUENCE"),
    "two numbers": ({"SEQUENCE": "0\r\nSEQUENCE:1"}, "SEQUENCE"),
    "a broken time": ({"RECURRENCE-ID": "monday"}, "RECURRENCE-ID"),
    "two times": (
        {"RECURRENCE-ID": "20270327T090000Z\r\nRECURRENCE-ID:20270403T090000Z"},
        "RECURRENCE-ID",
    ),
}


@pytest.mark.parametrize("what", ODD)
def test_an_odd_answer_is_none(weekly: Conference, what: str) -> None:
    """And no fault of ours, by which others of a mailbox would wait."""
    changed, named = ODD[what]
    with pytest.raises(BadReply, match=f"its {named} cannot be read"):
        services.take_reply(_reply(weekly, **changed), now=timezone.now())
    assert _invitation(weekly).answer == ""


def _counter(row: Conference, start: datetime.datetime, minutes: int, **more: str) -> bytes:
    """What a calendar program sends for somebody who would rather come at another time."""
    end = start + datetime.timedelta(minutes=minutes)
    times = {"DTSTART": f"{start:%Y%m%dT%H%M%SZ}", "DTEND": f"{end:%Y%m%dT%H%M%SZ}"}
    return _reply(row, method="COUNTER", **{"partstat": "TENTATIVE", **times, **more})


def test_another_time_that_is_asked_for(weekly: Conference) -> None:
    """It changes nothing and is in the history, with what he answers to the time that is."""
    assert weekly.starts_at is not None
    later = weekly.starts_at + datetime.timedelta(hours=2)
    others = {"ATTENDEE": f"mailto:{BOB}", "COMMENT": "After lunch?"}
    reply = services.take_reply(_counter(weekly, later, 60, **others), now=timezone.now())
    assert reply.proposed == (later, later + datetime.timedelta(hours=1))
    told = selectors.events(weekly).filter(kind="proposed").get()
    start, end = f"{weekly.starts_at:%Y-%m-%dT%H:%M:%SZ}", f"{later:%Y-%m-%dT%H:%M:%SZ}"
    assert (told.actor, told.way) == (CAROL, "mail")
    assert told.detail == {
        "changes": {"starts_at": {"from": start, "to": end}},
        "reason": "After lunch?",
    }
    assert _answers(weekly) == ["tentative", ""]
    weekly.refresh_from_db()
    assert weekly.starts_at == later - datetime.timedelta(hours=2)


def test_another_time_for_one_of_a_series(weekly: Conference) -> None:
    assert weekly.starts_at is not None
    second = weekly.starts_at + 7 * DAY
    name = {"RECURRENCE-ID": f"{second:%Y%m%dT%H%M%SZ}", "partstat": "NEEDS-ACTION"}
    mail = _counter(weekly, second + DAY, 90, **name)
    services.take_reply(mail, now=timezone.now())
    told = selectors.events(weekly).filter(kind="proposed").get()
    assert told.detail["recurrence_id"] == name["RECURRENCE-ID"]
    assert list(told.detail["changes"]) == ["starts_at", "duration_minutes"]
    assert (told.detail["changes"]["duration_minutes"]) == {"from": 60, "to": 90}
    assert _answers(weekly) == ["", ""], "he has not answered"


WRONG_TIMES = {
    "as booked": ({}, "for which it is booked"),
    "backwards": ({"DTEND": "20200101T000000Z"}, "ends before it begins"),
    "a day": ({"DTSTART": "20270101", "DTEND": "20270102"}, "no time of the day"),
    "in no zone": ({"DTSTART": "20270101T100000", "DTEND": "20270101T110000"}, "in no zone"),
    "none": ({"DTSTART": "", "DTEND": ""}, "no time of the day"),
    "broken": ({"DTSTART": "monday"}, "its DTSTART cannot be read"),
    "by Mallory": ({"attendee": "mallory@example.org"}, "not the invitee"),
    "another's event": ({"UID": "11111111-2222-3333-4444-555555555555"}, "UID"),
}


@pytest.mark.parametrize("what", WRONG_TIMES)
def test_no_time_that_could_be_asked_for(weekly: Conference, what: str) -> None:
    changed, words = WRONG_TIMES[what]
    assert weekly.starts_at is not None
    with pytest.raises(BadReply, match=words):
        services.take_reply(_counter(weekly, weekly.starts_at, 60, **changed), now=timezone.now())
    assert not selectors.events(weekly).filter(kind="proposed").exists()
    assert _answers(weekly) == ["", ""]


def test_an_answer_to_what_has_changed_since(weekly: Conference) -> None:
    before = _reply(weekly)
    services.change(conference=weekly, actor=people.ALICE.uri, duration_minutes=15)
    with pytest.raises(BadReply, match="changed since"):
        services.take_reply(before, now=timezone.now())
    services.take_reply(_reply(weekly), now=timezone.now())
    assert _answers(weekly) == ["accepted", ""]
    services.cancel(conference=weekly, actor=people.ALICE.uri)
    with pytest.raises(BadReply, match="was cancelled"):
        services.take_reply(_reply(weekly), now=timezone.now())


def test_a_pipe(weekly: Conference, monkeypatch: pytest.MonkeyPatch) -> None:
    def piped(octets: bytes) -> dict[str, str]:
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(octets)))
        out = io.StringIO()
        call_command("take_reply", stdout=out)
        told: dict[str, str] = json.loads(out.getvalue())
        return told

    assert piped(_reply(weekly)) == {
        "conference": weekly.name,
        "invitee": CAROL,
        "answer": "accepted",
        "occurrence": None,
        "proposed": None,
    }
    assert weekly.starts_at is not None
    second = f"{weekly.starts_at + 7 * DAY:%Y%m%dT%H%M%SZ}"
    told = piped(_reply(weekly, partstat="DECLINED", **{"RECURRENCE-ID": second}))
    assert (told["answer"], told["occurrence"]) == ("declined", second)
    with pytest.raises(CommandError, match="no answer to an invitation"):
        piped(b"Subject: hello\r\n\r\n")


# --- A mailbox ---------------------------------------------------------------------------


class _Imap(socketserver.StreamRequestHandler):
    """RFC 3501, as much of it as one look into a mailbox takes."""

    mails: dict[int, bytes]
    deleted: set[int]

    def handle(self) -> None:
        self._say("* OK ready")
        for line in self.rfile:
            tag, command, *rest = line.decode().split()
            getattr(self, f"_{command.lower()}")(*rest)
            if command == "LOGOUT":
                self._say("* BYE")
            self._say(f"{tag} OK done")

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def _capability(self) -> None:
        self._say("* CAPABILITY IMAP4rev1")

    def _login(self, user: str, password: str) -> None:
        assert (user, password) == ("parley", '"secret"')

    def _select(self, folder: str) -> None:
        assert folder == "Replies"
        self._say(f"* {len(self.mails)} EXISTS")

    def _search(self, *_: str) -> None:
        numbers = " ".join(str(one) for one in self.mails if one not in self.deleted)
        self._say(f"* SEARCH {numbers}")

    def _fetch(self, number: str, _: str) -> None:
        octets = self.mails[int(number)]
        self._say(f"* {number} FETCH (RFC822 {{{len(octets)}}}")
        self.wfile.write(octets + b")\r\n")

    def _store(self, number: str, *_: str) -> None:
        self.deleted.add(int(number))

    def _expunge(self) -> None:
        self._say("* 0 RECENT")

    def _logout(self) -> None:
        pass


@contextmanager
def _mailbox(*mails: bytes) -> Iterator[set[int]]:
    deleted: set[int] = set()
    handler = type("Imap", (_Imap,), {"mails": dict(enumerate(mails, 1)), "deleted": deleted})
    with socketserver.TCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"imap://parley:secret@127.0.0.1:{server.server_address[1]}/Replies"
        try:
            with override_settings(IMAP_URL=url):
                yield deleted
        finally:
            server.shutdown()
            thread.join()


def test_a_mailbox_is_looked_into(weekly: Conference) -> None:
    spam = b"From: mallory@example.org\r\nSubject: You have won\r\n\r\nClick here"
    with _mailbox(spam, _reply(weekly)) as deleted:
        services.fetch_replies(now=timezone.now())
        assert deleted == {2}
    assert _answers(weekly) == ["accepted", ""]


def test_a_mailbox_that_is_gone_harms_nobody(
    weekly: Conference, caplog: pytest.LogCaptureFixture
) -> None:
    services.fetch_replies(now=timezone.now())
    assert caplog.text == ""
    with override_settings(IMAP_URL="imap://parley:secret@127.0.0.1:1/"):
        services.fetch_replies(now=timezone.now())
    assert "cannot be read" in caplog.text
    assert _answers(weekly) == ["", ""]
