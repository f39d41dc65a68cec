"""The mails of an invitation: plain text, HTML and the calendar object in one (RFC 6047)."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from dataclasses import dataclass
from email.utils import formataddr, parseaddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from conferences import repetition, selectors
from conferences.invitations import ics
from conferences.invitations.ics import Attendee
from conferences.models import Answer, Conference, Kind, Mail, MailKind


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as it would be sent. `calendar` is empty for a room, which has no time."""

    to: str
    subject: str
    text: str
    html: str
    calendar: bytes
    method: str


def way_in(conference: Conference) -> str:
    """How to join, in lines: what one pastes into a mail or reads in a calendar."""
    lines = [
        f"In the browser: {selectors.conference_url(conference)}",
        f"By SIP phone: {selectors.conference_uri(conference)}",
    ]
    if conference.name.isdigit():
        lines.append(f"To dial, on a phone registered here: {conference.name}")
    if conference.pin:
        lines.append(f"PIN, then #: {conference.pin}")
    return "\n".join(lines)


def letter(mail: Mail, *, at: datetime.datetime) -> Letter:
    """What `mail` says of its conference as it is `at` this moment."""
    conference = mail.conference
    invitation = mail.invitation
    attendee = Attendee(
        email=mail.address,
        name=mail.name,
        answer=Answer(invitation.answer) if invitation else Answer.NONE,
        role=invitation.role if invitation else "",
    )
    cancelled = mail.kind == MailKind.CANCEL
    shown = {
        "conference": conference,
        "organizer": _organizer(conference),
        "kind": mail.kind,
        "when": _when(conference),
        "repeats": _repeats(conference),
        "url": selectors.conference_url(conference),
        "uri": selectors.conference_uri(conference),
        "digits": conference.name if conference.name.isdigit() else "",
        "digits_shown": re.sub(r"(.{4})(?=.)", r"\1 ", conference.name),
        "answers": _answers(mail) if not cancelled else [],
        "way_in": way_in(conference),
    }
    return Letter(
        to=formataddr((mail.name, mail.address)) if mail.name else mail.address,
        subject=_subject(mail),
        text=render_to_string("mail/invitation.txt", shown).strip() + "\n",
        html=render_to_string("mail/invitation.html", shown),
        calendar=_calendar(mail, attendee, at),
        method="CANCEL" if _withdraws(mail) else "REQUEST",
    )


def message(written: Letter, conference: Conference) -> EmailMultiAlternatives:
    """The mail on its way. The calendar stands as a part that calendars read, and as a file."""
    organizer = conference.organizer
    sender = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    mail = EmailMultiAlternatives(
        subject=written.subject,
        body=written.text,
        from_email=formataddr((f"{_organizer(conference)} via Parley", sender)),
        to=[written.to],
        reply_to=[organizer.email] if organizer and organizer.email else None,
        # RFC 3834 5: nobody's absence note should answer.
        headers={"Auto-Submitted": "auto-generated"},
    )
    mail.attach_alternative(written.html, "text/html")
    if written.calendar:
        # RFC 6047 2.4: the method stands in the content type too.
        text = written.calendar.decode()
        mail.attach_alternative(text, f"text/calendar; method={written.method}; component=VEVENT")
    return mail


def _withdraws(mail: Mail) -> bool:
    """Whether the time is taken out of the calendar: called off, or made a standing room."""
    return mail.kind == MailKind.CANCEL or mail.conference.kind != Kind.BOOKED


def _calendar(mail: Mail, attendee: Attendee, at: datetime.datetime) -> bytes:
    conference = mail.conference
    if not _withdraws(mail):
        return ics.request(conference, attendee, words=way_in(conference), at=at)
    # A room that never had a time is in nobody's calendar.
    if conference.kind != Kind.BOOKED and conference.sequence == 0:
        return b""
    return ics.cancel(conference, attendee, at=at)


def _organizer(conference: Conference) -> str:
    return conference.organizer.get_full_name() if conference.organizer else conference.creator


def _subject(mail: Mail) -> str:
    what = {
        MailKind.INVITED: "Invitation",
        MailKind.CHANGED: "Changed",
        MailKind.CANCEL: "Cancelled",
    }[MailKind(mail.kind)]
    conference = mail.conference
    if conference.starts_at is None:
        return f"{what}: {conference.title}"
    begin = conference.starts_at.astimezone(zoneinfo.ZoneInfo(conference.timezone))
    when = f"{begin:%a} {begin.day} {begin:%b %Y %H:%M}, {conference.timezone}"
    return f"{what}: {conference.title} ({when})"


def _when(conference: Conference) -> str:
    """The (first) start in the zone of the booking; empty for a room."""
    if conference.starts_at is None or conference.duration_minutes is None:
        return ""
    zone = zoneinfo.ZoneInfo(conference.timezone)
    begin = conference.starts_at.astimezone(zone)
    end = (
        conference.starts_at + datetime.timedelta(minutes=conference.duration_minutes)
    ).astimezone(zone)
    until = f"{end:%H:%M}" if end.date() == begin.date() else f"{end.day} {end:%B %H:%M}"
    return f"{begin:%A} {begin.day} {begin:%B %Y, %H:%M}–{until} {conference.timezone}"  # noqa: RUF001


def _repeats(conference: Conference) -> str:
    return repetition.words(conference.rrule) if conference.rrule else ""


def _answers(mail: Mail) -> list[tuple[str, str]]:
    """Words and links to answer by; none where the invitation is gone."""
    if mail.invitation is None:
        return []
    link = f"{settings.BASE_URL}/i/{mail.invitation.token}/"
    return [
        (words, f"{link}?answer={answer.value}")
        for words, answer in (
            ("Yes", Answer.ACCEPTED),
            ("Maybe", Answer.TENTATIVE),
            ("No", Answer.DECLINED),
        )
    ]
