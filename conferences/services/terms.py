"""What is said about a booking: read field by field, and complained about by words.

Every mistake is told at once and by the name of its field (`Complaints`); what
must hold whatever the code does is in the constraints of the tables.
"""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypedDict

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import formats
from django.utils import timezone as clock
from django.utils.translation import gettext as _

from conferences import policy, recurrence, selectors, wording
from conferences.models import Conference, Kind
from conferences.recurrence import DEFAULT_MINUTES, LONGEST_MINUTES
from conferences.services import guestlists
from conferences.services.names import Invitee

#: Somebody who has not answered so often does not want to come.
MOST_REDIALS = 10
#: Minutes before the start and after the end: at most a day.
LONGEST_MARGIN = 24 * 60
#: Minutes before the start at which invitees are reminded: at most two weeks.
LONGEST_REMINDER = 14 * 24 * 60
#: Minutes before the end at which everybody can be told of it.
LONGEST_WARNING = 60
#: Years in which something can be booked; beyond it is a typing mistake.
YEARS = range(2000, 2101)
#: A form is filled in minutes, so "now" may be a little ago when it arrives.
JUST_NOW = datetime.timedelta(minutes=1)

_PIN = re.compile(r"[0-9]{4,16}")


class Changes(TypedDict, total=False):
    """What can be said about a booking, at first and later; what is left out stays."""

    title: str
    starts_at: datetime.datetime | None
    duration_minutes: int | None
    timezone: str
    rrule: str
    pin: str
    moderator_pin: str
    personal_pins: bool
    reminder_minutes: int | None
    max_participants: int | None
    admission: policy.Admission
    invitees: Iterable[Invitee]
    participants_may_add: bool | None
    hidden_focus: bool
    anonymity: policy.Anonymity
    redials: int
    confirm_calls: bool
    creator_departs: policy.CreatorDeparts
    two_left: policy.TwoLeft
    early_minutes: int
    grace_minutes: int
    language: policy.Language | None
    announce: policy.Announce
    quiet_from: int
    warn_minutes: int
    music: bool
    recorded: policy.Recorded
    tracks: bool
    waiting_room: policy.WaitingRoom
    newcomers: policy.Newcomers


class Complaints:
    """Collects what is to be mended, by field."""

    def __init__(self) -> None:
        self.found: dict[str, list[ValidationError]] = {}

    def say(self, field: str, text: str) -> None:
        """Complain about a field."""
        self.found.setdefault(field, []).append(ValidationError(text))

    @contextmanager
    def about(self, field: str) -> Iterator[None]:
        """Turn a `ValidationError` or `BadRule` from inside into one about `field`."""
        try:
            yield
        except ValidationError as error:
            self.found.setdefault(field, []).extend(error.error_list)
        except recurrence.BadRule as error:
            self.say(field, wording.of_rule(error))

    def raise_if_any(self) -> None:
        """Raise `ValidationError` by field, if there is anything to mend."""
        if self.found:
            raise ValidationError(
                {field: ValidationError(errors) for field, errors in self.found.items()}
            )


def say(row: Conference, said: Changes, complaints: Complaints) -> list[Invitee] | None:
    """Write what is said into `row`, complain about what cannot be; the list of the invited."""
    say_title(row, said, complaints)
    say_time(row, said, complaints)
    say_limits(row, said, complaints)
    _say_who_may(row, said)
    if "creator_departs" in said:
        row.creator_departs = said["creator_departs"].value
    _say_two_left(row, said, complaints)
    row.hidden_focus = said.get("hidden_focus", row.hidden_focus)
    row.anonymity = said.get("anonymity", policy.Anonymity(row.anonymity))
    _say_calls(row, said, complaints)
    _say_sound(row, said, complaints)
    _say_notices(row, said, complaints)
    if "invitees" not in said:
        return None if row.pk else []
    return _listed(said["invitees"], complaints)


def _say_two_left(row: Conference, said: Changes, complaints: Complaints) -> None:
    """A booking has its time and a room stands: only what is for now ends that way."""
    row.two_left = said.get("two_left", policy.TwoLeft(row.two_left)).value
    if row.two_left == policy.TwoLeft.CALL and row.kind != Kind.ADHOC:
        complaints.say("two_left", _("Only a conference for now can become a call."))


def _say_calls(row: Conference, said: Changes, complaints: Complaints) -> None:
    row.confirm_calls = said.get("confirm_calls", row.confirm_calls)
    row.redials = said.get("redials", row.redials)
    if not 0 <= row.redials <= MOST_REDIALS:
        complaints.say("redials", _("Want 0 to %(most)s tries more.") % {"most": MOST_REDIALS})


def _say_sound(row: Conference, said: Changes, complaints: Complaints) -> None:
    """What is heard in it and kept of it; no language is that of the settings."""
    if "language" in said:
        row.language = said["language"].value if said["language"] else ""
    row.announce = said.get("announce", policy.Announce(row.announce)).value
    row.recorded = said.get("recorded", policy.Recorded(row.recorded)).value
    row.tracks = said.get("tracks", row.tracks)
    if said.get("tracks") and not settings.TRACKS:
        complaints.say("tracks", _("The mixer of this server cannot keep single voices."))
    row.music = said.get("music", row.music)
    row.quiet_from = said.get("quiet_from", row.quiet_from)
    row.warn_minutes = said.get("warn_minutes", row.warn_minutes)
    if not 0 <= row.quiet_from <= 100_000:
        complaints.say("quiet_from", _("Want a number from 0."))
    if not 0 <= row.warn_minutes <= LONGEST_WARNING:
        complaints.say("warn_minutes", _("Want 0 to %(most)s minutes.") % {"most": LONGEST_WARNING})


def _say_who_may(row: Conference, said: Changes) -> None:
    """Where nobody says otherwise, participants of an open conference may add others."""
    row.waiting_room = said.get("waiting_room", policy.WaitingRoom(row.waiting_room)).value
    if said.get("newcomers", policy.Newcomers(row.newcomers_at_first)) != row.newcomers_at_first:
        # It holds for those who come from now on, also where it goes on already.
        row.newcomers_at_first = row.newcomers = said["newcomers"].value
    before = row.admission if row.pk else None
    row.admission = said.get("admission", policy.Admission(row.admission)).value
    may_add = said.get("participants_may_add")
    if may_add is not None:
        row.participants_may_add = may_add
    elif row.admission != before:
        row.participants_may_add = row.admission == policy.Admission.OPEN


def say_title(row: Conference, said: Changes, complaints: Complaints) -> None:
    """The title."""
    row.title = said_title(said.get("title", row.title), complaints)


def said_title(title: str, complaints: Complaints) -> str:
    """The title, with single blanks."""
    with complaints.about("title"):
        title = wording.line(title)
        if not 1 <= len(title) <= 200:
            complaints.say("title", _("Give it a title of 1 to 200 letters."))
    return title


def said_start(
    at: datetime.datetime | None, zone: str, complaints: Complaints
) -> datetime.datetime | None:
    """The start in UTC."""
    return aware(at, zone) if is_in_time(at, complaints) else None


def is_in_time(at: datetime.datetime | None, complaints: Complaints) -> bool:
    """Whether calendars reach so far; what does not cannot be reckoned with either."""
    if at is None or at.year in YEARS:
        return True
    words = _("Want a year from %(first)s to %(last)s.")
    complaints.say("starts_at", words % {"first": YEARS[0], "last": YEARS[-1]})
    return False


def said_minutes(minutes: int | None, complaints: Complaints) -> int | None:
    """How long it lasts."""
    if minutes is not None and not 1 <= minutes <= LONGEST_MINUTES:
        complaints.say(
            "duration_minutes", _("Want 1 to %(most)s minutes.") % {"most": LONGEST_MINUTES}
        )
        return None
    return minutes


def say_time(row: Conference, said: Changes, complaints: Complaints) -> None:
    """When, how long, how often."""
    try:
        row.timezone = wording.zone(said.get("timezone") or row.timezone)
    except ValidationError as error:
        complaints.say("timezone", " ".join(error.messages))
        row.timezone = "UTC"
    starts_at = said.get("starts_at", row.starts_at)
    row.starts_at = said_start(starts_at, row.timezone, complaints)
    if starts_at is not None and row.starts_at is None:
        return
    row.duration_minutes = said.get("duration_minutes", row.duration_minutes)
    if row.starts_at is None:
        row.kind = Kind.ADHOC if row.kind == Kind.ADHOC else Kind.ROOM
        row.duration_minutes, row.rrule, row.next_until = None, "", None
        row.closes_at = row.closes_at if row.kind == Kind.ADHOC else None
        if said.get("rrule"):
            complaints.say("rrule", _("Only a conference with a start can recur."))
        return
    row.kind = Kind.BOOKED
    if row.duration_minutes is None:
        row.duration_minutes = DEFAULT_MINUTES
    if said_minutes(row.duration_minutes, complaints) is not None and _say_margins(
        row, said, complaints
    ):
        _say_rule(row, said, complaints)


def _say_margins(row: Conference, said: Changes, complaints: Complaints) -> bool:
    """How long before and after its time it is open; whether that can be."""
    row.early_minutes = said.get("early_minutes", row.early_minutes)
    row.grace_minutes = said.get("grace_minutes", row.grace_minutes)
    for field, minutes in (
        ("early_minutes", row.early_minutes),
        ("grace_minutes", row.grace_minutes),
    ):
        if not 0 <= minutes <= LONGEST_MARGIN:
            complaints.say(field, _("Want 0 to %(most)s minutes.") % {"most": LONGEST_MARGIN})
            return False
    return True


def _say_rule(row: Conference, said: Changes, complaints: Complaints) -> None:
    text = said.get("rrule", row.rrule)
    local = _wall_clock(said.get("starts_at"))
    if text and local is not None and recurrence.skipped(local, row.timezone):
        words = _(
            "The clocks skip %(time)s on %(day)s in %(zone)s. "
            "A series has to begin at a time that there is."
        )
        day, time = formats.date_format(local), formats.time_format(local)
        complaints.say("starts_at", words % {"time": time, "day": day, "zone": row.timezone})
        return
    row.rrule = ""
    with complaints.about("rrule"):
        if text:
            row.rrule = recurrence.parse_rule(text)
            row.starts_at = recurrence.first_start(selectors.pattern(row))
        close(row)


def _wall_clock(at: datetime.datetime | None) -> datetime.datetime | None:
    """What somebody read off a clock on the wall; None for what has an offset."""
    if at is not None and (at.tzinfo is None or isinstance(at.tzinfo, zoneinfo.ZoneInfo)):
        return at.replace(tzinfo=None)
    return None


def close(row: Conference) -> None:
    """Write down when the last occurrence is over, grace included."""
    ends = [recurrence.last_end(one.pattern) for one in selectors.series(row)]
    known = [end for end in ends if end is not None]
    endless = len(known) < len(ends)
    grace = datetime.timedelta(minutes=row.grace_minutes)
    row.closes_at = None if endless or not known else max(known) + grace
    found = selectors.occurrence(row, now=clock.now())
    row.next_until = found.ends_at + grace if found else None


def aware(at: datetime.datetime | None, zone: str) -> datetime.datetime | None:
    """`at` in UTC; one without an offset is local time of `zone`.

    A local time that the clocks skip is as much later as they skip, of one
    that comes twice it is the first (RFC 5545 3.3.5).
    """
    if at is None:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=zoneinfo.ZoneInfo(zone))
    return at.astimezone(datetime.UTC)


def say_limits(row: Conference, said: Changes, complaints: Complaints) -> None:
    """PIN and size."""
    row.pin = said.get("pin", row.pin).strip()
    if row.pin and _PIN.fullmatch(row.pin) is None:
        complaints.say("pin", _("A PIN has 4 to 16 digits."))
    row.moderator_pin = said.get("moderator_pin", row.moderator_pin).strip()
    row.personal_pins = said.get("personal_pins", row.personal_pins)
    if row.moderator_pin:
        _check_moderator_pin(row, complaints)
    row.max_participants = said.get("max_participants", row.max_participants)
    if row.max_participants is not None and not 1 <= row.max_participants <= 100_000:
        complaints.say("max_participants", _("Want a number from 1, or none."))


def _check_moderator_pin(row: Conference, complaints: Complaints) -> None:
    if _PIN.fullmatch(row.moderator_pin) is None:
        complaints.say("moderator_pin", _("A PIN has 4 to 16 digits."))
    elif row.moderator_pin == row.pin:
        complaints.say("moderator_pin", _("Moderators need another PIN than the rest."))
    elif not (row.pin or row.personal_pins):
        complaints.say(
            "moderator_pin", _("Nobody is asked for it unless the others have a PIN too.")
        )


def _say_notices(row: Conference, said: Changes, complaints: Complaints) -> None:
    """When invitees are reminded."""
    row.reminder_minutes = said.get("reminder_minutes", row.reminder_minutes)
    if row.reminder_minutes is not None and not 1 <= row.reminder_minutes <= LONGEST_REMINDER:
        complaints.say(
            "reminder_minutes",
            _("Want 1 to %(most)s minutes, or none.") % {"most": LONGEST_REMINDER},
        )


def check_start(
    row: Conference, complaints: Complaints, *, now: datetime.datetime, running: bool
) -> None:
    """Complain about a start in the past; `running` allows one whose end is not."""
    assert row.starts_at is not None, "only bookings are asked"
    if running:
        if row.closes_at is not None and row.closes_at <= now:
            complaints.say("starts_at", _("This time is over."))
    elif row.starts_at < now - JUST_NOW:
        complaints.say("starts_at", _("The start lies in the past."))


def _listed(invitees: Iterable[Invitee], complaints: Complaints) -> list[Invitee]:
    try:
        return guestlists.checked(invitees)
    except ValidationError as error:
        complaints.found["invitees"] = error.error_list
    return []
