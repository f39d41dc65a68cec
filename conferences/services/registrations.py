"""Registered phones: what the gateway writes down of them, and how one is ended.

The gateway writes many at once, seldom one; a refresh may be written seconds
late, a phone that is new or has moved is written at once.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable
from typing import Any

from django.db import transaction
from django.db.models import Q

from conferences import notices, policy
from conferences.models import Registration, Transport, User
from conferences.phonebook import Entry
from conferences.services.refused import Refused

KEEP_ENDED = datetime.timedelta(days=1)
"""How long an ended registration is not let in again; by then its phone has given up."""
KEEP_AWAY = datetime.timedelta(days=7)
"""How long a phone that has gone is known to be away rather than unknown (RFC 5627 5.1)."""

#: Addresses of record in one statement.
_TOGETHER = 200

#: What a later word of the same binding may change.
_CHANGES = (
    "user",
    "contact",
    "path",
    "instance",
    "user_agent",
    "call_id",
    "cseq",
    "since",
    "refreshed_at",
    "expires_at",
    "ended_at",
    "transport",
    "remote_host",
    "remote_port",
    "local_port",
    "gateway",
    "flow",
)


def _time(at: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at, tz=datetime.UTC)


@transaction.atomic
def keep_registrations(*, gateway: str, entries: Collection[Entry]) -> None:
    """Write bindings down that `gateway` holds; said twice, they count once.

    A registration that its person has ended meanwhile stays ended, whatever
    was on its way.
    """
    ended = set(
        Registration.objects.filter(aor__in={e.aor for e in entries}, ended_at__isnull=False)
        .select_for_update()
        .values_list("aor", "call_id")
    )
    people = _people(entries)
    rows = [
        Registration(
            aor=entry.aor,
            key=entry.key,
            user_id=people.get(entry.aor),
            contact=entry.contact,
            path=list(entry.path),
            instance=entry.instance,
            user_agent=entry.user_agent[:255],
            call_id=entry.call_id,
            cseq=entry.cseq,
            since=_time(entry.since),
            refreshed_at=_time(entry.refreshed_at),
            expires_at=_time(entry.expires_at),
            transport=entry.transport,
            remote_host=entry.remote_host,
            remote_port=entry.remote_port,
            local_port=entry.local_port,
            gateway=gateway,
            flow=entry.flow,
        )
        for entry in {entry.name: entry for entry in entries}.values()
        if (entry.aor, entry.call_id) not in ended
    ]
    Registration.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["aor", "key"],
        update_fields=_CHANGES,
        batch_size=40,  # SQLite takes some thousand parameters in one statement
    )


def _people(entries: Iterable[Entry]) -> dict[str, int]:
    """Address of record → primary key of the person, as far as they have accounts."""
    names = {entry.aor: entry.aor.partition(":")[2].partition("@")[0] for entry in entries}
    found = User.objects.filter(username__in=set(names.values())).values_list("username", "pk")
    known = dict(found)
    return {aor: known[name] for aor, name in names.items() if name in known}


@transaction.atomic
def forget_registrations(*, names: Collection[tuple[str, str]], at: float) -> None:
    """Bindings (address of record, key) that hold no more: removed, expired, their flow dead."""
    wanted = frozenset(names)
    aors = sorted({aor for aor, _ in wanted})
    for first in range(0, len(aors), _TOGETHER):
        known = Registration.objects.filter(aor__in=aors[first : first + _TOGETHER])
        found = known.values_list("pk", "aor", "key")
        _forget([pk for pk, aor, key in found if (aor, key) in wanted], at)


def _forget(registrations: Collection[int], at: float) -> None:
    rows = Registration.objects.filter(pk__in=registrations)
    rows.filter(ended_at__isnull=False).update(gateway="")
    here = rows.filter(ended_at__isnull=True)
    # A page gives itself another name with every visit.
    here.filter(Q(instance="") | Q(transport__in=[Transport.WS, Transport.WSS])).delete()
    here.filter(expires_at__gt=_time(at)).update(expires_at=_time(at))
    here.update(gateway="")


def end_registration(*, user: User, registration: int) -> None:
    """End one of a person's registrations: no call reaches that phone any more.

    The phone learns of it when it refreshes: that registration (its Call-ID) is
    refused from now on. Started anew it registers again, as long as it knows
    the SIP password. Raises `Refused` where he has no such phone.
    """
    mine = Registration.objects.filter(pk=registration, user=user)
    if not end_registrations(mine.values_list("pk", flat=True)):
        raise Refused(policy.Refusal.UNKNOWN)


def end_registrations(registrations: Iterable[int]) -> int:
    """End those that have not ended yet; how many they were."""
    now = datetime.datetime.now(tz=datetime.UTC)
    rows = Registration.objects.filter(pk__in=list(registrations), ended_at__isnull=True)
    count = rows.filter(expires_at__gt=now).update(ended_at=now)
    if count:
        notices.registrations_ended()
    return count


def prune_registrations(*, now: datetime.datetime) -> None:
    """Delete those that nobody needs to know of any more."""
    over: dict[str, Any] = {"expires_at__lte": now}
    Registration.objects.filter(instance="", ended_at__isnull=True, **over).delete()
    Registration.objects.filter(ended_at__isnull=True, expires_at__lte=now - KEEP_AWAY).delete()
    Registration.objects.filter(ended_at__lte=now - KEEP_ENDED).delete()
