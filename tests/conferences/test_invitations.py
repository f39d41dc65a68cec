"""Who is written to, what calendars read, and what is sent when."""

from __future__ import annotations

import datetime
import email
import email.message
import smtplib
import zoneinfo
from collections.abc import Iterator
from typing import Any

import pytest
from dateutil import rrule
from django.core import mail as sent
from django.core.exceptions import ValidationError
from django.core.mail.backends.locmem import EmailBackend
from django.test import override_settings
from django.utils import timezone
from icalendar import Calendar
from pytest_django import DjangoCaptureOnCommitCallbacks

from conferences import invitations, recurrence, selectors, services
from conferences.models import Answer, Conference, Invitation, Mail, MailState, User
from conferences.services import Invitee

DAY = datetime.timedelta(days=1)
HOUR = datetime.timedelta(hours=1)
CAROL = Invitee(email="carol@example.com")


@pytest.fixture
def server() -> Iterator[None]:
    """A mail server that keeps what it is sent in `sent.outbox`."""
    with override_settings(MAIL_GOES_OUT=True, BASE_URL="https://conf.test"):
        yield


def _start() -> datetime.datetime:
    return timezone.now().replace(minute=0, second=0, microsecond=0) + 7 * DAY


def _book(alice: User, **said: Any) -> Conference:
    given: dict[str, Any] = {
        "title": "Review",
        "starts_at": _start(),
        "duration_minutes": 60,
        "timezone": "Europe/Berlin",
        "invitees": [CAROL],
    }
    return services.book(organizer=alice, **{**given, **said})


def _mails() -> list[tuple[str, str, str]]:
    rows = Mail.objects.order_by("pk").values_list("address", "kind", "state")
    return [(address, kind, state) for address, kind, state in rows]


def _send() -> list[email.message.Message]:
    """What the job sends now."""
    sent.outbox.clear()
    services.send_mail(now=timezone.now())
    return [email.message_from_bytes(one.message().as_bytes()) for one in sent.outbox]


def _part(message: email.message.Message, kind: str) -> bytes:
    (part,) = [one for one in message.walk() if one.get_content_type() == kind]
    found = part.get_payload(decode=True)
    assert isinstance(found, bytes)
    return found


def _read(calendar: bytes) -> tuple[Any, Any]:
    """Parsed, strictly: nothing was passed over, lines are folded, one event."""
    assert all(len(line) <= 75 for line in calendar.splitlines())
    read = Calendar.from_ical(calendar.decode())
    assert isinstance(read, Calendar)
    assert [one.errors for one in read.walk()] == [[] for _ in read.walk()]
    assert read.get_missing_tzids() == set()
    (event,) = read.walk("VEVENT")
    return read, event


def test_a_booking_invites_by_mail(alice: User, bob: User, server: None) -> None:
    alice.email, bob.email = "alice@example.com", "bob@example.com"
    alice.save()
    bob.save()
    row = _book(alice, invitees=[CAROL, Invitee("bob"), Invitee("sip:no@mail.example")], pin="4711")
    assert _mails() == [
        ("carol@example.com", "invited", "due"),
        ("bob@example.com", "invited", "due"),
    ]
    messages = _send()
    assert [one["To"] for one in messages] == ["carol@example.com", "Bob <bob@example.com>"]
    first = messages[0]
    assert first["From"] == "Alice via Parley <parley@127.0.0.1>"
    assert first["Reply-To"] == "alice@example.com"
    assert first["Auto-Submitted"] == "auto-generated"
    assert [part.get_content_type() for part in first.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
        "text/calendar",
    ]
    token = row.invitations.get(email="carol@example.com").token
    for kind in ("text/plain", "text/html"):
        text = _part(first, kind).decode()
        assert f"https://conf.test/i/{token}/join/" in text
        assert f"https://conf.test/c/{row.name}/" in _part(messages[1], kind).decode()
        assert f"sip:{row.name}@conf.test" in text
        assert "4711" in text
        assert f"https://conf.test/i/{token}/?answer=accepted" in text
    assert {state for _, _, state in _mails()} == {"sent"}
    assert _send() == []


def test_what_a_calendar_reads(alice: User, server: None) -> None:
    row = _book(alice, rrule="FREQ=WEEKLY;COUNT=3")
    (message,) = _send()
    (part,) = [one for one in message.walk() if one.get_content_type() == "text/calendar"]
    assert (part.get_param("method"), part.get_param("charset")) == ("REQUEST", "utf-8")
    calendar, event = _read(_part(message, "text/calendar"))
    assert calendar["METHOD"] == "REQUEST"
    assert row.starts_at is not None
    assert event["DTSTART"].dt == row.starts_at
    assert event["DTSTART"].params["TZID"] == "Europe/Berlin"
    assert event["DTEND"].dt == row.starts_at + HOUR
    assert event["RRULE"].to_ical() == b"FREQ=WEEKLY;COUNT=3"
    assert (event["SEQUENCE"], event["STATUS"], event["SUMMARY"]) == (0, "CONFIRMED", "Review")
    attendee = event["ATTENDEE"]
    assert attendee == "mailto:carol@example.com"
    assert (attendee.params["PARTSTAT"], attendee.params["RSVP"]) == ("NEEDS-ACTION", "TRUE")
    assert event["ORGANIZER"].params["CN"] == "Alice"
    assert event["LOCATION"] == f"https://conf.test/c/{row.name}/"
    assert f"sip:{row.name}@conf.test" in event["DESCRIPTION"]


def test_an_update_has_the_same_uid_and_a_higher_sequence(alice: User, server: None) -> None:
    row = _book(alice)
    (first,) = _send()
    services.change(conference=row, actor="", starts_at=_start() + HOUR)
    (second,) = _send()
    services.cancel(conference=row, actor="")
    (third,) = _send()
    read = [_read(_part(one, "text/calendar")) for one in (first, second, third)]
    assert len({event["UID"] for _, event in read}) == 1
    assert [event["SEQUENCE"] for _, event in read] == [0, 1, 2]
    assert [calendar["METHOD"] for calendar, _ in read] == ["REQUEST", "REQUEST", "CANCEL"]
    assert [event["STATUS"] for _, event in read] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]
    assert read[1][1]["DTSTART"].dt == _start() + HOUR
    assert [one["Subject"].split(":")[0] for one in (first, second, third)] == [
        "Invitation",
        "Changed",
        "Cancelled",
    ]


def test_who_is_written_to_when_the_list_changes(alice: User, server: None) -> None:
    row = _book(alice, invitees=[CAROL, Invitee(email="stays@example.com")])
    _send()
    listed = [Invitee(email="stays@example.com"), Invitee(email="new@example.com")]
    services.change(conference=row, actor="", invitees=listed)
    assert _mails()[2:] == [
        ("carol@example.com", "cancel", "due"),
        ("new@example.com", "invited", "due"),
    ]
    _send()
    services.change(conference=row, actor="", title="Other", invitees=[*listed, CAROL])
    assert _mails()[4:] == [
        ("stays@example.com", "changed", "due"),
        ("new@example.com", "changed", "due"),
        ("carol@example.com", "invited", "due"),
    ]
    # Who was taken off and comes back: calendars take only what counts higher.
    *_, again = _send()
    assert _read(_part(again, "text/calendar"))[1]["SEQUENCE"] == 2


def test_what_calendars_do_not_show_is_not_told(alice: User, server: None) -> None:
    row = _book(alice)
    _send()
    services.change(conference=row, actor="", max_participants=7, invitees=[CAROL])
    assert _send() == []
    assert row.sequence == 0


def test_who_has_not_read_of_it_is_told_once(alice: User, server: None) -> None:
    row = _book(alice)
    services.change(conference=row, actor="", title="Other")
    assert _mails() == [("carol@example.com", "invited", "due")]
    services.cancel(conference=row, actor="")
    assert _mails() == []


def test_a_room_is_an_invitation_without_a_time(alice: User, server: None) -> None:
    row = _book(alice, starts_at=None, duration_minutes=None)
    (message,) = _send()
    assert message["Subject"] == "Invitation: Review"
    assert "Always open" in _part(message, "text/plain").decode()
    assert "text/calendar" not in [part.get_content_type() for part in message.walk()]
    services.change(conference=row, actor="", starts_at=_start())
    services.send_mail(now=timezone.now())
    services.change(conference=row, actor="", starts_at=None)
    (message,) = _send()
    calendar, _ = _read(_part(message, "text/calendar"))
    assert calendar["METHOD"] == "CANCEL"


def test_without_a_server_mails_are_kept_and_never_sent(alice: User) -> None:
    row = _book(alice)
    services.change(conference=row, actor="", title="Other")
    with override_settings(MAIL_GOES_OUT=True):
        assert _send() == []
    assert _mails() == [
        ("carol@example.com", "invited", "kept"),
        ("carol@example.com", "changed", "kept"),
    ]
    latest = selectors.outbox(row)[0]
    letter = invitations.letter(latest, at=timezone.now())
    assert letter.subject.startswith("Changed: Other (")


def test_a_mail_is_sent_by_one_worker(alice: User, server: None) -> None:
    _book(alice)
    Mail.objects.update(state=MailState.SENDING, claimed_at=timezone.now())
    assert _send() == []
    Mail.objects.update(claimed_at=timezone.now() - HOUR)
    assert len(_send()) == 1


def test_a_server_that_fails_is_tried_again_and_given_up(
    alice: User, server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise smtplib.SMTPRecipientsRefused({"carol@example.com": (550, b"nobody")})

    row = _book(alice)
    monkeypatch.setattr(EmailBackend, "send_messages", refuse)
    now = timezone.now()
    for attempt in range(1, 5):
        services.send_mail(now=now)
        mail = row.mails.get()
        assert (mail.state, mail.attempts) == (MailState.DUE, attempt)
        assert mail.due_at > now
        now = mail.due_at
    services.send_mail(now=now)
    mail = row.mails.get()
    assert mail.state == MailState.FAILED
    assert "550" in mail.error


def test_the_job_is_woken_after_commit(
    alice: User,
    server: None,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    woken: list[str] = []
    monkeypatch.setattr("conferences.notices._wake", woken.append)
    with django_capture_on_commit_callbacks(execute=True):
        _book(alice)
    assert woken == ["conferences.tasks.send_mail"]


def test_an_answer_stays_until_the_time_changes(alice: User, server: None) -> None:
    row = _book(alice)
    invitation = row.invitations.get()
    services.answer(invitation=invitation, answer=Answer.ACCEPTED, at=timezone.now())
    services.change(conference=row, actor="", title="Other")
    (message,) = _send()
    _, event = _read(_part(message, "text/calendar"))
    # Nobody has read the first: this is his invitation, and he is known to come.
    assert event["ATTENDEE"].params["PARTSTAT"] == "ACCEPTED"
    services.change(conference=row, actor="", starts_at=_start() + DAY)
    assert row.invitations.get().answer == Answer.NONE
    services.cancel(conference=row, actor="")
    with pytest.raises(ValidationError):
        services.answer(
            invitation=Invitation.objects.get(), answer=Answer.ACCEPTED, at=timezone.now()
        )


def test_words_from_people_cannot_leave_their_place(alice: User, server: None) -> None:
    alice.display_name = 'Al";X=1:ice'
    alice.email = "alice@example.com"
    alice.save()
    _book(alice, title='<b>Talk</b>; "a", b\\n: é')
    (message,) = _send()
    assert "&lt;b&gt;Talk&lt;/b&gt;" in _part(message, "text/html").decode()
    _, event = _read(_part(message, "text/calendar"))
    assert event["SUMMARY"] == '<b>Talk</b>; "a", b\\n: é'
    assert event["ORGANIZER"] == "mailto:alice@example.com"


# --- Series ---------------------------------------------------------------------------

#: A year that has not begun.
YEAR = timezone.now().year + 2
SERIES = [
    "FREQ=DAILY;COUNT=400",
    f"FREQ=WEEKLY;BYDAY=MO,TH;UNTIL={YEAR + 1}0301",
    f"FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;UNTIL={YEAR + 1}0301T233000",
    "FREQ=MONTHLY;BYDAY=-1SU;COUNT=40",
    "FREQ=MONTHLY;BYMONTHDAY=31",
]
ZONES = ["Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]


@pytest.mark.parametrize("rule", SERIES)
@pytest.mark.parametrize("zone", ZONES)
def test_a_calendar_shows_a_series_when_it_takes_place(alice: User, zone: str, rule: str) -> None:
    """Unrolled from the mail alone, by the VTIMEZONE that it carries."""
    monday = datetime.date.fromisocalendar(YEAR, 2, 1)
    start = datetime.datetime.combine(monday, datetime.time(2, 15), zoneinfo.ZoneInfo(zone))
    row = _book(alice, starts_at=start, timezone=zone, rrule=rule)
    letter = invitations.letter(row.mails.get(), at=timezone.now())
    calendar, event = _read(letter.calendar)
    assert len(calendar.timezones) == (0 if zone == "UTC" else 1)
    wall = datetime.UTC if zone == "UTC" else calendar.timezones[0].to_tz()
    told = event["RRULE"].to_ical().decode()
    until = (datetime.datetime(YEAR + 3, 1, 1, tzinfo=datetime.UTC)).astimezone(start.tzinfo)
    unrolled = []
    for naive in _naive(told, start):
        local = naive.replace(tzinfo=wall)
        if local >= until:
            break
        unrolled.append(local.astimezone(datetime.UTC))
    expected = [
        one.starts_at
        for one in recurrence.occurrences(selectors.pattern(row))
        if one.starts_at < until
    ]
    assert len(unrolled) > 20
    # The hour that the clocks skip is moved by us, and by each reader in his way.
    differ = [(a, b) for a, b in zip(unrolled, expected, strict=True) if a != b]
    assert all(abs(a - b) <= HOUR for a, b in differ)
    assert len(differ) <= len(expected) // 200 + 1


def _naive(rule: str, start: datetime.datetime) -> Iterator[datetime.datetime]:
    """Local starts of `rule`, UNTIL in UTC as RFC 5545 has it."""
    parts = [part for part in rule.split(";") if not part.startswith("UNTIL=")]
    untils = [part.removeprefix("UNTIL=") for part in rule.split(";") if part.startswith("UNTIL=")]
    first = start.replace(tzinfo=None)
    found = rrule.rrulestr(";".join(parts), dtstart=first)
    assert isinstance(found, rrule.rrule)
    for naive in found:
        at = naive.replace(tzinfo=start.tzinfo).astimezone(datetime.UTC)
        if untils and f"{at:%Y%m%dT%H%M%SZ}" > untils[0]:
            return
        yield naive


def test_a_feed_is_one_calendar_with_each_booking_once(alice: User, mallory: User) -> None:
    _book(alice, rrule="FREQ=WEEKLY", title="Weekly", timezone="Europe/Berlin")
    _book(alice, title="Single", timezone="Asia/Kathmandu")
    _book(alice, starts_at=None, duration_minutes=None, title="Room")
    services.cancel(conference=_book(alice, title="Off"), actor="")
    now = timezone.now()

    def titles(user: User) -> list[str]:
        rows = selectors.calendar(user, since=now)
        feed = invitations.feed([(row, "words") for row in rows], name='A "feed"\r\nX:1', at=now)
        read = Calendar.from_ical(feed.decode())
        assert isinstance(read, Calendar)
        assert read["METHOD"] == "PUBLISH"
        assert "X" not in read
        assert read.get_missing_tzids() == set()
        return sorted(str(one["SUMMARY"]) for one in read.walk("VEVENT"))

    assert titles(alice) == ["Single", "Weekly"]
    assert titles(mallory) == []


def test_each_part_of_a_series_tells_of_its_neighbours(alice: User) -> None:
    """Who reads that a series ends reads how it goes on, and the other way round."""
    row = _book(alice, title="Stand-up", rrule="FREQ=DAILY;COUNT=5")
    assert row.starts_at is not None
    fourth = row.starts_at + 3 * DAY
    services.change_following(
        conference=row, recurrence_id=fourth, actor="", title="Afternoon", duration_minutes=30
    )
    now = timezone.now()
    first, second = (
        invitations.letter(selectors.outbox(row).filter(series=number)[0], at=now).text
        for number in (0, 1)
    )
    assert "Later on: “Afternoon”, from " in first
    assert "Before: “Stand-up”, from " in second
    assert "Later on" not in second


def test_a_mail_tells_of_answers_to_single_times(alice: User) -> None:
    """A program that is sent the series anew would take the answer to all for those, too."""
    row = _book(alice, rrule="FREQ=WEEKLY;COUNT=4")
    assert row.starts_at is not None
    mine, second = row.invitations.get(), row.starts_at + 7 * DAY
    now = timezone.now()
    services.answer(invitation=mine, answer=Answer.ACCEPTED, at=now)
    services.answer(invitation=mine, answer=Answer.DECLINED, at=now, recurrence_id=second)
    services.change(conference=row, actor="", title="Renamed")
    octets = invitations.letter(selectors.outbox(row)[0], at=now).calendar
    events: list[Any] = Calendar.from_ical(octets.decode()).walk("VEVENT")
    told = {
        event["RECURRENCE-ID"].dt if "RECURRENCE-ID" in event else None: str(
            event["ATTENDEE"].params["PARTSTAT"]
        )
        for event in events
    }
    assert told == {None: "ACCEPTED", second: "DECLINED"}


def test_who_does_not_come_to_a_time_is_not_reminded_of_it(alice: User) -> None:
    row = _book(
        alice,
        rrule="FREQ=WEEKLY;COUNT=4",
        reminder_minutes=60,
        invitees=[CAROL, Invitee(email="bob@example.com")],
    )
    first = row.starts_at
    assert first is not None
    carol, bob = row.invitations.order_by("pk")
    now = timezone.now()
    services.answer(invitation=carol, answer=Answer.DECLINED, at=now, recurrence_id=first)
    services.answer(invitation=bob, answer=Answer.DECLINED, at=now)
    services.answer(invitation=bob, answer=Answer.TENTATIVE, at=now, recurrence_id=first)
    services.remind(now=first - HOUR / 2)
    services.remind(now=first + 7 * DAY - HOUR / 2)
    told = Mail.objects.filter(kind="reminder").order_by("starts_at")
    assert [(one.address, one.starts_at) for one in told] == [
        ("bob@example.com", first),
        ("carol@example.com", first + 7 * DAY),
    ]


def test_a_mail_about_one_time_asks_about_that_time(alice: User) -> None:
    row = _book(alice, rrule="FREQ=WEEKLY;COUNT=4")
    assert row.starts_at is not None
    second = row.starts_at + 7 * DAY
    services.change_occurrence(
        conference=row, recurrence_id=second, actor="", starts_at=second + HOUR
    )
    letter, first = (invitations.letter(mail, at=timezone.now()) for mail in selectors.outbox(row))
    assert "Do you come?" in first.text
    name = selectors.occurrence_name(second)
    assert f"?answer=declined&on={name}" in letter.text
    assert "Do you come on " in letter.text
    assert f"?answer=declined&amp;on={name}" in letter.html
