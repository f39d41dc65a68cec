"""Booking like before: a copy of another booking, or of one that was kept as a template."""

from __future__ import annotations

import datetime
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.utils.translation import gettext as _

from conferences import policy, recurrence, wording
from conferences.models import BookingTemplate, Conference, Kind, User
from conferences.services.names import Invitee

#: Templates that one person may have.
MOST = 100
WEEK = datetime.timedelta(weeks=1)
_UNTIL = re.compile("UNTIL=([0-9]{8})")
#: What belongs to one conference alone, and not to those that are like it.
_OWN = frozenset(
    {
        "id",
        "name",
        "creator",
        "kind",
        "closes_at",
        "next_until",
        "series",
        "uid",
        "sequence",
        "locked",
        "newcomers",
        "reserved_until",
        "number",
        "cancelled_at",
        "ended_at",
        "end_by",
        "roster_version",
        "created_at",
    }
)


@dataclass(frozen=True, slots=True)
class Copied:
    """What another booking is to be like: columns of `Conference`, and the list."""

    fields: dict[str, Any]
    invitees: list[Invitee] = field(default_factory=list)

    def conference(self) -> Conference:
        """An unsaved conference that is so."""
        row = Conference(**self.fields)
        row.newcomers = row.newcomers_at_first
        row.kind = Kind.BOOKED if row.starts_at is not None else Kind.ROOM
        return row


def copied(conference: Conference, *, now: datetime.datetime) -> Copied:
    """`conference` as another one is to be: at the same hour and weekday, after `now`."""
    columns = {
        column.attname: getattr(conference, column.attname)
        for column in Conference._meta.concrete_fields
        if column.name not in _OWN and not column.is_relation
    }
    listed = conference.invitations.order_by("pk")
    invitees = [Invitee(one.uri, one.email, policy.Role(one.role), one.dial_out) for one in listed]
    return _later(Copied(columns, invitees), now)


def _later(found: Copied, now: datetime.datetime) -> Copied:
    """Whole weeks later on the clock on the wall, until it lies ahead."""
    starts_at = found.fields["starts_at"]
    if starts_at is None or starts_at > now:
        return found
    zone = found.fields["timezone"]
    local = recurrence.local(starts_at, zone)
    weeks = (recurrence.local(now, zone) - local) // WEEK + 1
    moved = (local + weeks * WEEK).replace(tzinfo=ZoneInfo(zone)).astimezone(datetime.UTC)
    rule = _UNTIL.sub(lambda until: _moved_until(until[1], weeks), found.fields["rrule"])
    return Copied({**found.fields, "starts_at": moved, "rrule": rule}, found.invitees)


def _moved_until(day: str, weeks: int) -> str:
    """A series that ended on a day lasts as long again."""
    at = datetime.datetime.strptime(day, "%Y%m%d") + weeks * WEEK  # noqa: DTZ007
    return f"UNTIL={at:%Y%m%d}"


def save_template(*, owner: User, conference: Conference, title: str) -> BookingTemplate:
    """Keep what `conference` is like. One of the same title is written over.

    Raises `ValidationError` by field.
    """
    title = _checked_title(title.strip() or conference.title[:100])
    # As it was booked: it is brought to a time ahead when somebody books by it.
    kept = copied(conference, now=datetime.datetime.min.replace(tzinfo=datetime.UTC))
    fields = json.loads(json.dumps(kept.fields, cls=DjangoJSONEncoder))
    invitees = [[one.uri, one.email, one.role.value, one.dial_out] for one in kept.invitees]
    with transaction.atomic():
        User.objects.select_for_update().get(pk=owner.pk)
        known = owner.templates.filter(title=title).first()
        if known is None and owner.templates.count() >= MOST:
            words = _("There are %(most)s already; delete one.") % {"most": MOST}
            raise ValidationError({"title": words})
        row = known or BookingTemplate(owner=owner, title=title, key=secrets.token_hex(8))
        row.fields, row.invitees = fields, invitees
        row.save()
    return row


def _checked_title(title: str) -> str:
    try:
        title = wording.line(title)
    except ValidationError as error:
        raise ValidationError({"title": error}) from error
    if not title:
        raise ValidationError({"title": _("Give it a title.")})
    if len(title) > 100:
        raise ValidationError({"title": _("A title has 100 letters at most.")})
    return title


def rename_template(*, template: BookingTemplate, title: str) -> None:
    """Call it otherwise. Raises `ValidationError` about ``title``, also where one is called so."""
    title = _checked_title(title)
    same = BookingTemplate.objects.filter(owner=template.owner, title=title)
    if same.exclude(pk=template.pk).exists():
        raise ValidationError({"title": _("Another template of yours is called so.")})
    BookingTemplate.objects.filter(pk=template.pk).update(title=title)
    template.title = title


def delete_template(*, template: BookingTemplate) -> None:
    """Forget it; what was booked by it stays."""
    template.delete()


def of_template(template: BookingTemplate, *, now: datetime.datetime) -> Copied:
    """What is booked by it, ahead of `now`. Columns that there are no more are left out."""
    columns = {}
    for column in Conference._meta.concrete_fields:
        if column.attname in template.fields and column.name not in _OWN:
            columns[column.attname] = column.to_python(template.fields[column.attname])
    found = Copied(columns, list(_invitees(template.invitees)))
    return _later(found, now)


def _invitees(rows: Iterable[Any]) -> Iterable[Invitee]:
    for uri, email, role, dial_out in rows:
        yield Invitee(uri, email, policy.Role(role), dial_out)
