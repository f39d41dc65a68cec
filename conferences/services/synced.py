"""What calendars were like, for programs that ask what is new since then (RFC 6578)."""

from __future__ import annotations

import datetime
import hashlib
import json
import zlib
from collections.abc import Mapping

from conferences.models import CalendarState, User

#: A program that did not look for so long reads everything anew.
KEEP = datetime.timedelta(days=60)
#: States of one calendar; the ones that were seen last.
MOST = 64


def keep_calendar_state(*, user: User, etags: Mapping[str, str], now: datetime.datetime) -> str:
    """Remember a calendar by the ETags of what is in it; what it is called from now on."""
    told = json.dumps(dict(sorted(etags.items()))).encode()
    digest = hashlib.sha256(told).hexdigest()[:32]
    CalendarState.objects.update_or_create(
        owner=user,
        digest=digest,
        defaults={"seen_at": now},
        create_defaults={"seen_at": now, "packed": zlib.compress(told)},
    )
    late = user.calendar_states.order_by("-seen_at", "-pk").values_list("pk", flat=True)[MOST:]
    CalendarState.objects.filter(pk__in=list(late)).delete()
    return digest


def prune_calendar_states(*, now: datetime.datetime) -> None:
    """Forget what no program has asked about for long."""
    CalendarState.objects.filter(seen_at__lte=now - KEEP).delete()
