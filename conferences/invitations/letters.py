"""The mails of an invitation: plain text, HTML and the calendar object in one (RFC 6047)."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formataddr, parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import formats, timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conferences import policy, recurrence, selectors, wording
from conferences.invitations import ics
from conferences.invitations.ics import Attendee
from conferences.models import Answer, Conference, Invitation, Kind, Mail, MailKind


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as it would be sent. `calendar` is empty for a room, which has no time."""

    to: str
    subject: str
    text: str
    html: str
    calendar: bytes
    method: str


def way_in(conference: Conference, invitation: Invitation | None = None) -> str:
    """How to join, in lines: what one pastes into a mail or reads in a calendar.

    With `invitation` the link and the PIN are that invitee's own.
    """
    lines = [
        _("In the browser: %(url)s") % {"url": link(conference, invitation)},
        _("By SIP phone: %(uri)s") % {"uri": selectors.conference_uri(conference)},
    ]
    if (one_touch := dial_in(conference, invitation)) is not None:
        told = {"number": settings.DIAL_IN, "link": one_touch}
        lines.append(_("By telephone: %(number)s (%(link)s)") % told)
    if conference.digits:
        words = _("To dial, on a phone registered here: %(digits)s")
        lines.append(words % {"digits": conference.digits})
    if key := pin(conference, invitation):
        lines.append(_("PIN, then #: %(pin)s") % {"pin": key})
    return "\n".join(lines)


def link(conference: Conference, invitation: Invitation | None) -> str:
    """The page to join by: one's own, for who has no account; the others sign in."""
    if invitation is None or invitation.user_id is not None:
        return selectors.conference_url(conference)
    return f"{settings.BASE_URL}/i/{invitation.token}/join/"


def pin(conference: Conference, invitation: Invitation | None) -> str:
    """What is keyed: one's own PIN, that of moderators, or that for all."""
    if invitation is not None and invitation.pin:
        return invitation.pin
    if invitation is not None and policy.Role(invitation.role) in policy.COMMANDING:
        return conference.moderator_pin or conference.pin
    return conference.pin


def dial_in(conference: Conference, invitation: Invitation | None) -> str | None:
    """One touch on a telephone: the number, a pause, the conference, a pause, the PIN (RFC 3966).

    None where no number is set, or the conference has no digits to be dialed.
    """
    if not settings.DIAL_IN or not conference.digits:
        return None
    number = re.sub(r"[^+0-9]", "", settings.DIAL_IN)
    key = pin(conference, invitation)
    return f"tel:{number},,{conference.digits}#" + (f",,{key}#" if key else "")


def language(conference: Conference, invitation: Invitation | None) -> str:
    """What is spoken to an invitee: his own choice, else the organizer's, else the default.

    Who has chosen none is taken to speak what he last read pages in.
    """
    people = [invitation.user if invitation else None, conference.organizer]
    chosen = (person.language or person.language_read for person in people if person is not None)
    return next(filter(None, chosen), settings.LANGUAGE_CODE)


def letter(mail: Mail, *, at: datetime.datetime) -> Letter:
    """What `mail` says of its conference as it is `at` this moment, in its reader's language."""
    with translation.override(language(mail.conference, mail.invitation)):
        return _letter(mail, at)


def _letter(mail: Mail, at: datetime.datetime) -> Letter:
    conference = mail.conference
    invitation = mail.invitation
    attendee = Attendee(
        email=mail.address,
        name=mail.name,
        answer=Answer(invitation.answer) if invitation else Answer.NONE,
        role=invitation.role if invitation else "",
        token=invitation.token if invitation else "",
        single=selectors.single_answers(invitation) if invitation else {},
    )
    cancelled = mail.kind == MailKind.CANCEL
    series = _series(mail)
    calendar = b"" if mail.kind == MailKind.REMINDER else _calendar(mail, attendee, at)
    shown = {
        "conference": conference,
        "organizer": _organizer(conference),
        "kind": mail.kind,
        "title": series.title if series else conference.title,
        "when": _when(mail, series) if series else "",
        "repeats": wording.repeats(series.pattern.rule) if series and series.pattern.rule else "",
        "single": _single(mail, series),
        "for_all": _is_off(mail),
        "exceptions": [*_exceptions(series, after=at), *_neighbours(mail, series)]
        if series and not cancelled
        else [],
        "url": link(conference, invitation),
        "pin": pin(conference, invitation),
        "dial_in": settings.DIAL_IN,
        "one_touch": (dial_in(conference, invitation) or "").replace("#", "%23"),
        "uri": selectors.conference_uri(conference),
        "digits": conference.digits,
        "digits_shown": re.sub(r"(.{4})(?=.)", r"\1 ", conference.digits),
        "answers": _answers(mail, series) if not cancelled else [],
        "question": _question(mail, series),
        "way_in": way_in(conference, invitation),
    }
    return Letter(
        to=formataddr((mail.name, mail.address)) if mail.name else mail.address,
        subject=_subject(mail),
        text=render_to_string("mail/invitation.txt", shown).strip() + "\n",
        html=render_to_string("mail/invitation.html", shown),
        calendar=calendar,
        method="" if not calendar else "CANCEL" if _withdraws(mail) else "REQUEST",
    )


def message(written: Letter, conference: Conference) -> EmailMultiAlternatives:
    """The mail on its way. The calendar stands as a part that calendars read, and as a file."""
    organizer = conference.organizer
    answers_to = organizer.email if organizer and organizer.email else ""
    sender = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    mail = EmailMultiAlternatives(
        subject=written.subject,
        body=written.text,
        from_email=formataddr((_sender(conference), sender)),
        to=[written.to],
        reply_to=[answers_to] if answers_to else None,
        # RFC 3834 5: nobody's absence note should answer.
        headers={"Auto-Submitted": "auto-generated"},
    )
    mail.attach_alternative(written.html, "text/html")
    if written.calendar:
        # RFC 6047 2.4: the method stands in the content type too.
        text = written.calendar.decode()
        mail.attach_alternative(text, f"text/calendar; method={written.method}; component=VEVENT")
    return mail


def _sender(conference: Conference) -> str:
    return _("%(name)s via Parley") % {"name": _organizer(conference)}


def _withdraws(mail: Mail) -> bool:
    """Whether the time is taken out of the calendar: called off, or made a standing room."""
    return mail.kind == MailKind.CANCEL or mail.conference.kind != Kind.BOOKED


def _is_off(mail: Mail) -> bool:
    """Whether it was called off for everybody, and not only its reader taken off the list."""
    conference = mail.conference
    left = {one.number for one in selectors.series(conference)}
    return conference.cancelled_at is not None or bool(left and mail.series not in left)


def _calendar(mail: Mail, attendee: Attendee, at: datetime.datetime) -> bytes:
    conference = mail.conference
    if not _withdraws(mail):
        words = way_in(conference, mail.invitation)
        return ics.request(conference, attendee, words=words, at=at, number=mail.series)
    # A room that never had a time is in nobody's calendar.
    if conference.kind != Kind.BOOKED and conference.sequence == 0:
        return b""
    return ics.cancel(conference, attendee, at=at, number=mail.series)


def _organizer(conference: Conference) -> str:
    return conference.organizer.get_full_name() if conference.organizer else conference.creator


#: What a mail is about, before the title, and before the title with its time.
_SUBJECTS: Mapping[MailKind, tuple[Any, Any]] = {
    MailKind.INVITED: (
        gettext_lazy("Invitation: %(title)s"),
        gettext_lazy("Invitation: %(title)s (%(when)s)"),
    ),
    MailKind.CHANGED: (
        gettext_lazy("Changed: %(title)s"),
        gettext_lazy("Changed: %(title)s (%(when)s)"),
    ),
    MailKind.CANCEL: (
        gettext_lazy("Cancelled: %(title)s"),
        gettext_lazy("Cancelled: %(title)s (%(when)s)"),
    ),
    MailKind.REMINDER: (
        gettext_lazy("Reminder: %(title)s"),
        gettext_lazy("Reminder: %(title)s (%(when)s)"),
    ),
}


def _subject(mail: Mail) -> str:
    kind = MailKind(mail.kind)
    series = _series(mail)
    if series is None:
        return str(_SUBJECTS[kind][0]) % {"title": mail.conference.title}
    if kind is MailKind.CANCEL and series.pattern.rule:
        return _("Cancelled: %(title)s (the whole series)") % {"title": series.title}
    begin, title = series.pattern.starts_at, ""
    if (found := _meant(mail, series)) is not None:
        kind = MailKind.CANCEL if found.now is None else kind
        title = found.now.title if found.now else ""
        begin = (found.now or found.then).starts_at
    begin = begin.astimezone(zoneinfo.ZoneInfo(series.pattern.zone))
    when = f"{formats.date_format(begin, 'DAY_YEAR_TIME_FORMAT')}, {series.pattern.zone}"
    return str(_SUBJECTS[kind][1]) % {"title": title or series.title, "when": when}


def _series(mail: Mail) -> selectors.Series | None:
    """The series that `mail` is about; None for a room."""
    found = {one.number: one for one in selectors.series(mail.conference, cancelled=True)}
    return found.get(mail.series) or next(reversed(found.values()), None)


def _meant(mail: Mail, series: selectors.Series) -> selectors.Planned | None:
    """The one occurrence that `mail` is about, if it is about one."""
    if mail.recurrence_id is None or mail.kind == MailKind.CANCEL:
        return None
    found = selectors.planned_one(mail.conference, mail.recurrence_id)
    return found if found and found.series.number == series.number else None


def _single(mail: Mail, series: selectors.Series | None) -> str:
    """What became of the one occurrence that `mail` is about, in a sentence."""
    found = _meant(mail, series) if series and mail.kind == MailKind.CHANGED else None
    return _became(found) if found else ""


def _exceptions(series: selectors.Series, *, after: datetime.datetime) -> list[str]:
    """What became of single occurrences that are not over, a sentence each."""
    told: list[str] = []
    last = max(series.pattern.overrides, default=None)
    for then, now in recurrence.both(series.pattern) if last else ():
        if last is None or then.recurrence_id > last:
            break
        over = max(then.ends_at, now.ends_at if now else then.ends_at) <= after
        if then.recurrence_id in series.pattern.overrides and not over:
            told.append(_became(selectors.Planned(series, then.recurrence_id, then, now)))
    return told


def _neighbours(mail: Mail, series: selectors.Series) -> list[str]:
    """How a series that was changed from one time on is before this part of it, and after."""
    whole = selectors.series(mail.conference)
    numbers = [one.number for one in whole]
    if series.number not in numbers:
        return []
    place = numbers.index(series.number)
    return [_part(one, before=True) for one in whole[max(place - 1, 0) : place]] + [
        _part(one) for one in whole[place + 1 : place + 2]
    ]


def _part(one: selectors.Series, *, before: bool = False) -> str:
    zone = zoneinfo.ZoneInfo(one.pattern.zone)
    told = {
        "title": one.title,
        "when": _span(recurrence.first(one.pattern), zone),
        "repeats": wording.repeats(one.pattern.rule) if one.pattern.rule else "",
    }
    if not told["repeats"]:
        words = (
            _("Before: “%(title)s”, %(when)s.") if before else _("Later on: “%(title)s”, %(when)s.")
        )
    elif before:
        words = _("Before: “%(title)s”, from %(when)s, %(repeats)s.")
    else:
        words = _("Later on: “%(title)s”, from %(when)s, %(repeats)s.")
    return words % told


def _became(found: selectors.Planned) -> str:
    zone = zoneinfo.ZoneInfo(found.series.pattern.zone)
    planned = _day(found.then, zone)
    told = {"planned": planned}
    if found.now is None:
        return _("Not on %(planned)s.") % told
    if found.now.title and found.now.title != found.series.title:
        told["title"] = found.now.title
    if (found.now.starts_at, found.now.ends_at) != (found.then.starts_at, found.then.ends_at):
        told["span"] = _span(found.now, zone)
    return _instead(told) % told


def _instead(told: Mapping[str, str]) -> str:
    if "span" in told and "title" in told:
        return _("Instead of %(planned)s, it is on %(span)s and it is called “%(title)s”.")
    if "span" in told:
        return _("Instead of %(planned)s, it is on %(span)s.")
    if "title" in told:
        return _("Instead of %(planned)s, it is called “%(title)s”.")
    return _("On %(planned)s as always.")


def _day(one: recurrence.Occurrence, zone: zoneinfo.ZoneInfo) -> str:
    return formats.date_format(one.starts_at.astimezone(zone), "WEEKDAY_YEAR_TIME_FORMAT")


def _span(one: recurrence.Occurrence, zone: zoneinfo.ZoneInfo) -> str:
    with timezone.override(zone):
        return wording.span(one.starts_at, one.ends_at, "WEEKDAY_YEAR_TIME_FORMAT")


def _when(mail: Mail, series: selectors.Series) -> str:
    """The (first) start in the zone of the booking; of a reminder, that of its occurrence."""
    pattern = series.pattern
    first = next(recurrence.planned(pattern))
    meant = _meant(mail, series) if mail.kind == MailKind.REMINDER else None
    shown = (meant.now if meant else None) or first
    return f"{_span(shown, zoneinfo.ZoneInfo(pattern.zone))} {pattern.zone}"


def _question(mail: Mail, series: selectors.Series | None) -> str:
    """What the answers are to: the one time that the mail is about, or all."""
    found = _meant(mail, series) if series else None
    if found is None or found.now is None:
        return _("Do you come?")
    day = _day(found.now, zoneinfo.ZoneInfo(found.series.pattern.zone))
    return _("Do you come on %(day)s?") % {"day": day}


def _answers(mail: Mail, series: selectors.Series | None) -> list[tuple[str, str]]:
    """Words and links to answer by, to what the mail is about; none where nobody is asked."""
    found = _meant(mail, series) if series else None
    if mail.invitation is None or (found and found.now is None):
        return []
    link = f"{settings.BASE_URL}/i/{mail.invitation.token}/"
    one = f"&on={selectors.occurrence_name(found.recurrence_id)}" if found else ""
    return [
        (words, f"{link}?answer={answer.value}{one}")
        for words, answer in (
            (_("Yes"), Answer.ACCEPTED),
            (_("Maybe"), Answer.TENTATIVE),
            (_("No"), Answer.DECLINED),
        )
    ]
