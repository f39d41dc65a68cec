"""The end of an account: what is somebody's own goes, what others have of him stays nameless.

It goes in two steps, because invitees have to hear that what he booked is off. At once
he is out: nobody signs in or calls as him, and his bookings are cancelled. When the
mails about that are gone his conferences are deleted, files and all, and in the
histories of others an address that means nothing stands where his was.
"""

from __future__ import annotations

import datetime
import secrets

from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone as clock
from django.utils.translation import gettext as _

from conferences import notices, policy, selectors
from conferences.models import (
    Admittance,
    Ban,
    Call,
    Conference,
    Event,
    HeldOff,
    Invitation,
    KnownSource,
    Lease,
    Mail,
    MailState,
    Participant,
    Recording,
    Removal,
    Setup,
    Trace,
    Track,
    User,
    Waiter,
    Way,
    WrongPin,
)
from conferences.services import bookings, recordings, registrations

#: Mails that have not gone by then go no more.
MAILS_TAKE = datetime.timedelta(days=1)
#: What says nothing to anybody without him.
_HIS_ALONE = (Ban, Admittance, WrongPin, Setup)


@transaction.atomic
def delete_person(*, user: User, by: User) -> None:
    """End the account of `user`: he himself or an administrator says so. Raises `ValidationError`.

    Refused while a conference of his goes on, and for the last administrator.
    """
    if user != by and not (by.is_staff and (by.is_superuser or not user.is_superuser)):
        raise ValidationError(_("You may not delete this account."))
    administrators = User.objects.filter(is_superuser=True, is_active=True)
    if user.is_superuser and not administrators.exclude(pk=user.pk).exists():
        raise ValidationError(_("This is the last administrator. Make somebody else one first."))
    now = clock.now()
    mine = Conference.objects.filter(organizer=user)
    here = Participant.objects.filter(left_at__isnull=True).values("conference")
    if mine.filter(pk__in=here, lease__expires_at__gt=now).exists():
        raise ValidationError(_("A conference of this account is going on. End it first."))
    _cancel(mine, selectors.aor(user.username), now)
    _lock_out(user, now)
    notices.wake("delete_people")


def _cancel(mine: QuerySet[Conference], actor: str, now: datetime.datetime) -> None:
    """What is to come is called off; what is over is over."""
    for row in mine.filter(cancelled_at__isnull=True):
        if not selectors.window(row, now=now).over:
            bookings.cancel(conference=row, actor=actor, way=Way.WEB)


def _lock_out(user: User, now: datetime.datetime) -> None:
    """From now on nobody is him: on pages, by token, by phone."""
    user.is_active = user.is_organizer = user.is_staff = user.is_superuser = False
    user.deleting_since = now
    user.calendar_token = None
    user.set_unusable_password()
    user.save()
    user.api_tokens.all().delete()
    user.sip_accounts.all().delete()
    registrations.end_registrations(user.registrations.values_list("pk", flat=True))
    for session in Session.objects.filter(expire_date__gt=now).iterator():
        if session.get_decoded().get("_auth_user_id") == str(user.pk):
            session.delete()


def delete_people(*, now: datetime.datetime) -> None:
    """Carry out what was said, once nobody is to be written to any more."""
    for user in User.objects.filter(deleting_since__isnull=False):
        waiting = Mail.objects.filter(
            conference__organizer=user, state__in=[MailState.DUE, MailState.SENDING]
        )
        since = user.deleting_since
        late = since is not None and since <= now - MAILS_TAKE
        if late or not waiting.exists():
            _forget(user)


@transaction.atomic
def _forget(user: User) -> None:
    address = selectors.aor(user.username)
    alias = f"{policy.FORMER}{secrets.token_hex(4)}@anonymous.invalid"
    delete_conferences(Conference.objects.filter(organizer=user))
    for model in _HIS_ALONE:
        model.objects.filter(entity=address).delete()
    Invitation.objects.filter(uri=address).delete()
    KnownSource.objects.filter(account=user.username).delete()
    HeldOff.objects.filter(account=user.username).delete()
    met = Participant.objects.filter(entity=address).values("conference")
    # What was said by SIP names him in too many ways to be mended.
    Trace.objects.filter(conference__in=met).delete()
    _unname(address)
    for kind, fields in selectors.ADDRESSES:
        for field in fields:
            kind._default_manager.filter(**{field: address}).update(**{field: alias})
    if user.email:
        Mail.objects.filter(address=user.email).delete()
    user.delete()


def _unname(address: str) -> None:
    """His name, where it stands beside his address; and the addresses of his phones."""
    his = Participant.objects.filter(entity=address)
    for row in his:
        row.endpoints.all().delete()
    his.update(display_text=policy.FORMER_NAME)
    user_part = address.removeprefix("sip:").partition("@")[0] + "@"
    for event in Event.objects.filter(Q(actor=address) | Q(target=address)).iterator():
        detail = {key: said for key, said in event.detail.items() if user_part not in str(said)}
        if detail != event.detail:
            Event.objects.filter(pk=event.pk).update(detail=detail)
    for track in Track.objects.filter(entity=address):
        recordings.delete_track(track)
    Waiter.objects.filter(entity=address).update(display_text="")
    Waiter.objects.filter(decided_by=address).update(decided_by_name="")
    Removal.objects.filter(actor=address).update(actor_name="")
    Call.objects.filter(uri=address).update(display_name="")


def delete_conferences(rows: QuerySet[Conference]) -> None:
    """Delete them for good, with the files of their recordings; those of sounds are swept."""
    keys = list(rows.values_list("pk", flat=True))
    for recording in Recording.objects.filter(conference__in=keys):
        recordings.delete_files(recording)
    Conference.objects.filter(pk__in=keys).delete()


def prune_history(*, now: datetime.datetime, kept: datetime.timedelta) -> None:
    """What is over for longer than `kept` goes: bookings whole, of rooms what happened."""
    old = now - kept
    over = Q(cancelled_at__lte=old) | Q(closes_at__lte=old)
    live = Lease.objects.filter(expires_at__gt=now).values("conference")
    delete_conferences(Conference.objects.filter(over).exclude(pk__in=live))
    Participant.objects.filter(left_at__lte=old).delete()
