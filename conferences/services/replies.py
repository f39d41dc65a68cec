"""Answers to invitations that come by mail: iTIP REPLY and COUNTER (RFC 5546 3.2.3, 3.2.7).

A reply counts where three things fit together: it came to the address that is
this invitee's alone (a secret that stood as ORGANIZER in what he was sent), it
names a series of that conference by its UID, and its one ATTENDEE is he. So
whoever else was invited, and knows the UID, cannot answer for him. A COUNTER is
an answer, too, and asks for another time, which those who organize are told.
"""

from __future__ import annotations

import datetime
import email
import email.policy
import imaplib
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import getaddresses, parseaddr
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from icalendar import Calendar
from icalendar.error import IncompleteComponent

from conferences import invitations, selectors
from conferences.models import Answer, Invitation, Way
from conferences.services import proposals, rsvp

log = logging.getLogger(__name__)

#: What a reply may be long: a calendar object and somebody's words and pictures around it.
LONGEST_MAIL = 5_000_000
#: Mails of one look into the mailbox.
AT_ONCE = 100
#: Seconds that the mail server may take.
PATIENCE = 20
_RECIPIENTS = ("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To")
_ONCE = ("UID", "SEQUENCE", "RECURRENCE-ID")
_TIMES = ("DTSTART", "DTEND", "DURATION")
#: What is read of each, besides the ATTENDEE.
_METHODS = {"REPLY": _ONCE, "COUNTER": (*_ONCE, *_TIMES)}
_ANSWERS = {
    "ACCEPTED": Answer.ACCEPTED,
    "TENTATIVE": Answer.TENTATIVE,
    "DECLINED": Answer.DECLINED,
}


class BadReply(ValueError):
    """A mail that is no answer to an invitation of ours, and why."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What an invitee has answered; to one occurrence, or to all where `occurrence` is None.

    Who asks for another time (`proposed`, from when to when) need not have answered.
    """

    invitation: Invitation
    answer: Answer
    occurrence: datetime.datetime | None = None
    proposed: proposals.Span | None = None


@transaction.atomic
def take_reply(octets: bytes, *, now: datetime.datetime) -> Reply:
    """Take in a mail as it came. Raises `BadReply`."""
    if len(octets) > LONGEST_MAIL:
        raise BadReply("the mail is too long")
    message = email.message_from_bytes(octets, policy=email.policy.default)
    method, event = _event(message)
    invitation = _invitation(message)
    _belongs(event, invitation)
    invitee = _attendee(event, invitation, alone=method == "REPLY")
    answer = _ANSWERS.get(str(invitee.params.get("PARTSTAT", "")).upper())
    if answer is None and method == "REPLY":
        raise BadReply("it says neither yes nor no")
    occurrence = _occurrence(invitation, event)
    proposed = _proposed(event) if method == "COUNTER" else None
    reply = Reply(invitation, answer or Answer.NONE, occurrence, proposed)
    try:
        if proposed is not None:
            _propose(reply, event, now)
        if answer is not None:
            rsvp.answer(
                invitation=invitation, answer=answer, at=now, recurrence_id=occurrence, way=Way.MAIL
            )
    except ValidationError as error:
        raise BadReply(" ".join(error.messages)) from error
    return reply


def _proposed(event: Any) -> proposals.Span:
    """From when to when a COUNTER wants it to be, in UTC."""
    try:
        start, end = event.start, event.end
        if start.tzinfo is None or end.tzinfo is None:
            raise BadReply("it says in no zone when it should be")
        start, end = start.astimezone(datetime.UTC), end.astimezone(datetime.UTC)
    except (AttributeError, OverflowError, IncompleteComponent) as error:
        raise BadReply("it asks for no time of the day") from error
    if start >= end:
        raise BadReply("it asks for a time that ends before it begins")
    return start, end


def _propose(reply: Reply, event: Any, now: datetime.datetime) -> None:
    assert reply.proposed is not None, "it is a COUNTER"
    comment = event.get("COMMENT", "")
    proposals.propose(
        invitation=reply.invitation,
        series=_series(reply.invitation, event),
        starts_at=reply.proposed[0],
        ends_at=reply.proposed[1],
        at=now,
        recurrence_id=reply.occurrence,
        comment=str(comment[0] if isinstance(comment, list) else comment),
    )


def _event(message: EmailMessage) -> tuple[str, Any]:
    """The method of the mail's REPLY or COUNTER, and its one VEVENT."""
    for part in message.walk():
        if part.get_content_type() != "text/calendar":
            continue
        octets = part.get_payload(decode=True)
        try:
            calendar = Calendar.from_ical(octets if isinstance(octets, bytes) else b"")
        except (ValueError, IndexError, KeyError) as error:
            raise BadReply(f"the calendar in it cannot be read: {error}") from error
        events = calendar.walk("VEVENT") if isinstance(calendar, Calendar) else []
        method = str(calendar.get("METHOD", "")).upper()
        if method in _METHODS and len(events) == 1:
            _readable(events[0], _METHODS[method])
            return method, events[0]
    raise BadReply("there is no iTIP reply in it")


def _readable(event: Any, once: Iterable[str]) -> None:
    """What is read of it is there once at the most, and whole; the rest may be as it is."""
    wrong = {str(name) for name, _ in event.errors}
    wrong |= {name for name in once if isinstance(event.get(name), list)}
    for name in (*once, "ATTENDEE"):
        if name in wrong:
            raise BadReply(f"its {name} cannot be read")


def _invitation(message: EmailMessage) -> Invitation:
    """Whose address it came to."""
    user, _, host = parseaddr(settings.EMAIL_REPLIES)[1].partition("@")
    ours = re.compile(rf"{re.escape(user)}\+([A-Za-z0-9_-]{{20,64}})@{re.escape(host)}", re.I)
    fields = [str(value) for name in _RECIPIENTS for value in message.get_all(name, [])]
    for _, address in getaddresses(fields):
        found = ours.fullmatch(address)
        invitation = selectors.invitation(found[1]) if found else None
        if invitation is not None:
            return invitation
    raise BadReply("it came to no invitee's address")


def _attendee(event: Any, invitation: Invitation, *, alone: bool) -> Any:
    """The ATTENDEE who is the invitee; a COUNTER may name all others, too."""
    said = event.get("ATTENDEE")
    attendees = said if isinstance(said, list) else [said] if said is not None else []
    if alone and len(attendees) != 1:
        raise BadReply("a reply has one ATTENDEE")
    known = {invitation.email, invitation.user.email if invitation.user else ""} - {""}
    wanted = {address.lower() for address in known}
    for one in attendees:
        if re.sub("^mailto:", "", str(one), flags=re.IGNORECASE).lower() in wanted:
            return one
    raise BadReply("its ATTENDEE is not the invitee")


def _belongs(event: Any, invitation: Invitation) -> None:
    """UID and SEQUENCE are those of the invitation."""
    _series(invitation, event)
    if int(event.get("SEQUENCE", 0)) < invitation.asked_sequence:
        raise BadReply("it answers what has been changed since")


def _series(invitation: Invitation, event: Any) -> int:
    """Which series of the conference the UID names."""
    conference = invitation.conference
    series = selectors.series(conference, cancelled=True)
    for number in (conference.series, *(one.number for one in series)):
        if str(event.get("UID", "")) == invitations.uid(conference, number):
            return number
    raise BadReply("its UID is of none of that conference's series")


def _occurrence(invitation: Invitation, event: Any) -> datetime.datetime | None:
    """The RECURRENCE-ID, which others write in any zone; None where it is about all times."""
    name = event.get("RECURRENCE-ID")
    if name is None:
        return None
    at = name.dt
    if not isinstance(at, datetime.datetime):
        raise BadReply("the series has no such occurrence")
    if at.tzinfo is None:
        at = at.replace(tzinfo=datetime.UTC)
    found = selectors.planned_one(invitation.conference, at)
    if found is None:
        raise BadReply("the series has no such occurrence")
    return found.recurrence_id


def fetch_replies(*, now: datetime.datetime) -> None:
    """Take in what lies unread in the mailbox; replies are deleted, the rest is left as read."""
    if not settings.IMAP_URL:
        return
    try:
        with _mailbox() as server:
            for number, octets in _unread(server):
                _take(server, number, octets, now)
            server.expunge()
    except (imaplib.IMAP4.error, OSError):
        log.warning("the mailbox of replies cannot be read", exc_info=True)


def _mailbox() -> imaplib.IMAP4:
    parts = urlsplit(settings.IMAP_URL)
    kind = imaplib.IMAP4_SSL if parts.scheme == "imaps" else imaplib.IMAP4
    port = parts.port or (993 if parts.scheme == "imaps" else 143)
    server = kind(parts.hostname or "", port, timeout=PATIENCE)
    server.login(unquote(parts.username or ""), unquote(parts.password or ""))
    server.select(unquote(parts.path).strip("/") or "INBOX")
    return server


def _unread(server: imaplib.IMAP4) -> Iterator[tuple[str, bytes]]:
    _, found = server.search(None, "UNSEEN")
    for number in (found[0] or b"").decode().split()[:AT_ONCE]:
        _, parts = server.fetch(number, "(RFC822)")
        for part in parts:
            if isinstance(part, tuple):
                yield number, part[1]


def _take(server: imaplib.IMAP4, number: str, octets: bytes, now: datetime.datetime) -> None:
    try:
        take_reply(octets, now=now)
    except BadReply as error:
        log.info("a mail in the mailbox of replies is none: %s", error)
        return
    server.store(number, "+FLAGS", r"\Deleted")
