"""Enter what was booked before there was a ledger."""

from __future__ import annotations

import datetime

from django.db import migrations
from django.db.models import Q
from django.utils import timezone

from conferences import ledger, recurrence

_SIZE = 10
_ADHOC_LASTS = datetime.timedelta(hours=24)


def _spans(row, now):
    if row.kind == "room":
        return [ledger.Span(now.timestamp())]
    if row.kind == "adhoc":
        return [ledger.Span(now.timestamp(), row.closes_at.timestamp())]
    early = datetime.timedelta(minutes=row.early_minutes)
    grace = datetime.timedelta(minutes=row.grace_minutes)
    pattern = recurrence.Pattern(
        row.starts_at, datetime.timedelta(minutes=row.duration_minutes), row.timezone, row.rrule
    )
    return (
        ledger.Span((one.starts_at - early).timestamp(), (one.ends_at + grace).timestamp())
        for one in recurrence.occurrences(pattern, after=now - grace)
    )


def enter(apps, schema_editor):
    now = timezone.now()
    Conference = apps.get_model("conferences", "Conference")
    Hold = apps.get_model("conferences", "Hold")
    apps.get_model("conferences", "Ledger").objects.get_or_create(pk=1)
    Conference.objects.filter(kind="adhoc", ended_at__isnull=True, closes_at__isnull=True).update(
        closes_at=now + _ADHOC_LASTS
    )
    live = Conference.objects.filter(cancelled_at__isnull=True).exclude(
        kind="adhoc", ended_at__isnull=False
    )
    for row in list(live.filter(Q(closes_at__isnull=True) | Q(closes_at__gt=now))):
        Hold.objects.bulk_create(
            Hold(
                conference=row,
                starts_at=int(piece.starts_at),
                ends_at=None if piece.ends_at == ledger.FOR_EVER else int(piece.ends_at),
                ports=row.max_participants or _SIZE,
            )
            for span in ledger.whole_seconds(_spans(row, now))
            for piece in ledger.pieces(span)
        )


class Migration(migrations.Migration):

    dependencies = [
        ('conferences', '0003_capacity'),
    ]

    operations = [
        migrations.RunPython(enter, migrations.RunPython.noop),
    ]
