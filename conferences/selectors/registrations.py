"""Registered phones, as pages show them and as gateways read them."""

from __future__ import annotations

import datetime
from urllib.parse import unquote

from django.db.models import Q, QuerySet
from django.utils import timezone

from conferences import policy
from conferences.models import Endpoint, Registration, User
from conferences.phonebook import Entry, Remembered


def registrations(user: User, *, now: datetime.datetime | None = None) -> QuerySet[Registration]:
    """The phones that a person has registered, the latest first. One query."""
    return Registration.objects.filter(
        user=user, ended_at__isnull=True, expires_at__gt=now or timezone.now()
    ).order_by("-since", "pk")


def other_phones(
    conference: policy.ConferenceId, who: policy.Identity, *, now: datetime.datetime
) -> list[Registration] | None:
    """The phones of somebody that are not in his call there; None where he is not in it."""
    rows = Endpoint.objects.filter(
        participant__conference_id=conference,
        participant__entity=who.uri,
        participant__left_at__isnull=True,
        left_at__isnull=True,
    )
    here = {_device(uri) for uri in rows.values_list("uri", flat=True)}
    if not here:
        return None
    known = Registration.objects.filter(aor=who.uri, ended_at__isnull=True, expires_at__gt=now)
    rows_by_age = known.order_by("-since", "pk")
    return [row for row in rows_by_age if not {_device(row.contact), row.instance} & here]


def _device(contact: str) -> str:
    """What two Contacts of one phone have in common: the phone's name in a GRUU, else the address.

    (RFC 5627 5: a phone that was given a GRUU calls with it as its Contact.)
    """
    uri = contact.partition("<")[2].partition(">")[0] or contact
    address, *params = uri.split(";")
    names = [param.partition("=")[2] for param in params if param.lower().startswith("gr=")]
    return unquote(names[0]) if names else address


def registrations_of(aor: str, *, now: datetime.datetime) -> list[tuple[str, Entry]]:
    """Every binding of an address of record with the gateway that holds its flow."""
    rows = Registration.objects.filter(aor=aor, ended_at__isnull=True, expires_at__gt=now)
    return [(row.gateway, _entry(row)) for row in rows]


def registrations_to_drop(gateway: str) -> list[tuple[str, str, str]]:
    """(address of record, key, Call-ID) of what the gateway holds and should not.

    What was ended, and the phones of people who are switched off. Two queries.
    """
    held = Registration.objects.filter(gateway=gateway).order_by("pk")
    ended = held.filter(ended_at__isnull=False).values_list("aor", "key", "call_id")
    switched_off = held.filter(ended_at__isnull=True, user__is_active=False)
    return [*ended, *switched_off.values_list("aor", "key", "call_id")]


def remembered(gateway: str, ports: frozenset[int], *, now: datetime.datetime) -> Remembered:
    """What a gateway that starts takes up.

    Its own rows, where it is always called the same; else those whose phones
    came to a port of this machine on which it listens now, for then whoever
    listened there before is gone.
    """
    machine = gateway.partition(":")[0]
    same_place = Q(gateway__startswith=f"{machine}:", local_port__in=ports)
    mine = Q(gateway=gateway) | (same_place & Q(transport__in=["UDP", "TCP", "TLS"]))
    known = Registration.objects.filter(ended_at__isnull=True)
    here = known.filter(mine, expires_at__gt=now)
    away = known.filter(expires_at__lte=now).exclude(instance="")
    ended = Registration.objects.filter(ended_at__isnull=False)
    return Remembered(
        entries=tuple(map(_entry, here)),
        ended=tuple(ended.values_list("aor", "call_id")),
        away=tuple(away.values_list("aor", "instance")),
    )


def _entry(row: Registration) -> Entry:
    return Entry(
        aor=row.aor,
        key=row.key,
        contact=row.contact,
        path=tuple(row.path),
        transport=row.transport,
        remote_host=row.remote_host,
        remote_port=row.remote_port,
        local_port=row.local_port,
        flow=row.flow,
        call_id=row.call_id,
        cseq=row.cseq,
        since=row.since.timestamp(),
        refreshed_at=row.refreshed_at.timestamp(),
        expires_at=row.expires_at.timestamp(),
        instance=row.instance,
        user_agent=row.user_agent,
    )
