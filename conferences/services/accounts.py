"""Accounts: who is invited to have one, and how somebody gets back into his.

Both are a link by which a password is set, good once and for a while. Where mails go
out the link is sent and shown to nobody else, so whoever comes by it has the address;
where none go out who asked for it passes it on, and nothing is known of the address.
"""

from __future__ import annotations

import datetime
import logging
import secrets
import smtplib

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.validators import validate_email
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone as clock
from django.utils import translation
from django.utils.translation import gettext as _

from conferences import notices, policy, selectors
from conferences.models import AccountLink, LinkKind, MailState, User
from conferences.services import people
from conferences.services.refused import Refused

log = logging.getLogger(__name__)

INVITATION_LASTS = datetime.timedelta(days=7)
#: One that an administrator passes on; and one that somebody has sent to himself.
HANDED_LASTS = datetime.timedelta(days=1)
FORGOTTEN_LASTS = datetime.timedelta(hours=1)
#: Links that one person can have sent to himself within `FORGOTTEN_LASTS`.
MOST_FORGOTTEN = 3
#: Invitations of one organizer that are open at the same time.
MOST_INVITED = 200
#: Seconds until the next attempt to send it, by how many there were.
PAUSES = (60, 300, 1800)
SENDING_TAKES = datetime.timedelta(minutes=10)
KEEP_LINKS = datetime.timedelta(days=30)


def invite_person(*, by: User, email: str, may_book: bool = False) -> AccountLink:
    """Invite somebody to have an account; that he may book is for administrators to say.

    Raises `Refused`, and `ValidationError` about ``email``.
    """
    if not may_invite(by) or (may_book and not by.is_staff):
        raise Refused(policy.Refusal.NOT_ALLOWED)
    email, now = email.strip(), clock.now()
    try:
        validate_email(email)
        _check_invited(by, email, now)
    except ValidationError as error:
        raise ValidationError({"email": error.error_list}) from error
    return _link(LinkKind.INVITED, email, INVITATION_LASTS, now, by=by, may_book=may_book)


def may_invite(by: User) -> bool:
    """Whether somebody may invite others to have an account."""
    return by.is_organizer or by.is_staff


def _check_invited(by: User, email: str, now: datetime.datetime) -> None:
    if User.objects.filter(email__iexact=email).exists():
        raise ValidationError(_("Somebody with this address has an account already."))
    mine = AccountLink.objects.filter(
        kind=LinkKind.INVITED, used_at__isnull=True, expires_at__gt=now
    )
    if mine.filter(email__iexact=email).exists():
        raise ValidationError(_("Somebody with this address is invited already."))
    if mine.filter(by=by).count() >= MOST_INVITED:
        raise ValidationError(_("Too many of your invitations are open. Withdraw some."))


def withdraw_invitation(*, by: User, link: int) -> None:
    """Its link is good for nothing more. Raises `Refused` where it is not his."""
    mine = selectors.open_invitations(by, now=clock.now()).filter(pk=link)
    if not mine.exists():
        raise Refused(policy.Refusal.UNKNOWN)
    AccountLink.objects.filter(pk=link).delete()


def password_link(*, user: User, by: User) -> AccountLink:
    """A link for an administrator to pass on. Raises `Refused`.

    That of somebody who may do more than he is for administrators of his rank alone.
    """
    if not by.is_staff or (user.is_superuser and not by.is_superuser):
        raise Refused(policy.Refusal.NOT_ALLOWED)
    return _link(LinkKind.PASSWORD, "", HANDED_LASTS, clock.now(), by=by, user=user)


def password_forgotten(*, who: str) -> None:
    """Send a way back to whoever has that user name or address; the asker is told nothing.

    Nothing happens where no mails go out, and for those who never had a password here.
    """
    who, now = who.strip(), clock.now()
    if not settings.MAIL_GOES_OUT or not who:
        return
    field = "email__iexact" if "@" in who else "username"
    known = User.objects.filter(is_active=True, **{field: who.lower()}).exclude(email="")
    for user in known[:MOST_FORGOTTEN]:
        recent = user.account_links.filter(created_at__gt=now - FORGOTTEN_LASTS, by__isnull=True)
        if user.has_usable_password() and recent.count() < MOST_FORGOTTEN:
            _link(LinkKind.PASSWORD, user.email, FORGOTTEN_LASTS, now, user=user)


def _link(
    kind: LinkKind,
    email: str,
    lasts: datetime.timedelta,
    now: datetime.datetime,
    *,
    by: User | None = None,
    user: User | None = None,
    may_book: bool = False,
) -> AccountLink:
    sent = bool(email) and settings.MAIL_GOES_OUT
    link = AccountLink.objects.create(
        kind=kind,
        nonce=secrets.token_urlsafe(32),
        email=email,
        user=user,
        by=by,
        may_book=may_book,
        created_at=now,
        expires_at=now + lasts,
        state=MailState.DUE if sent else MailState.KEPT,
        due_at=now,
    )
    if sent:
        notices.wake("send_mail")
    return link


@transaction.atomic
def accept_invitation(
    *, link: AccountLink, username: str, display_name: str, password: str, timezone: str = ""
) -> User:
    """Make the account. Raises `ValidationError` about ``username``, `Refused` if it was used."""
    _use(link)
    user = people.create_user(
        username=username,
        password=password,
        display_name=display_name,
        email=link.email,
        is_organizer=link.may_book,
        timezone=timezone,
    )
    AccountLink.objects.filter(pk=link.pk).update(user=user)
    _verified(user, link)
    return user


@transaction.atomic
def set_password_by_link(*, link: AccountLink, password: str) -> User:
    """Set it; all that is open in browsers ends. Raises `Refused` if the link was used."""
    assert link.user is not None, "a constraint says so"
    _use(link)
    user = link.user
    user.set_password(password)
    user.save(update_fields=["password"])
    close_links(user)
    people.withdraw_phone_credentials(user)
    _verified(user, link)
    return user


def close_links(user: User) -> None:
    """Ways back that somebody has asked for are closed: he is in, and has another password."""
    rows = AccountLink.objects.filter(user=user, kind=LinkKind.PASSWORD, used_at__isnull=True)
    rows.update(used_at=clock.now())


def _use(link: AccountLink) -> None:
    now = clock.now()
    fresh = AccountLink.objects.filter(pk=link.pk, used_at__isnull=True, expires_at__gt=now)
    if fresh.update(used_at=now) != 1:
        raise Refused(policy.Refusal.UNKNOWN)


def _verified(user: User, link: AccountLink) -> None:
    """Who came by a link that was sent to an address, and shown to nobody, reads its mails."""
    if link.state == MailState.SENT and link.email and link.email == user.email:
        address_verified(user)


def address_verified(user: User) -> None:
    """The address of somebody is his: by it a provider of OpenID Connect may lead to him."""
    EmailAddress.objects.filter(user=user).exclude(email__iexact=user.email).delete()
    if user.email:
        EmailAddress.objects.update_or_create(
            user=user, email=user.email.lower(), defaults={"verified": True, "primary": True}
        )


def send_links(*, now: datetime.datetime) -> None:
    """Send what is due; as `mails.send_mail`, of which this is the smaller sister."""
    lost = AccountLink.objects.filter(state=MailState.SENDING, claimed_at__lte=now - SENDING_TAKES)
    lost.update(state=MailState.DUE)
    due = AccountLink.objects.filter(state=MailState.DUE, due_at__lte=now, expires_at__gt=now)
    links = list(due.select_related("user", "by"))
    if not links or not settings.MAIL_GOES_OUT:
        return
    with get_connection() as connection:
        for link in links:
            _send(link, connection, now)


def _send(link: AccountLink, connection: BaseEmailBackend, now: datetime.datetime) -> None:
    mine = AccountLink.objects.filter(pk=link.pk, state=MailState.DUE)
    if mine.update(state=MailState.SENDING, claimed_at=now) != 1:
        return
    claimed = AccountLink.objects.filter(pk=link.pk, state=MailState.SENDING)
    try:
        letter(link, connection).send()
    except (smtplib.SMTPException, OSError) as error:
        log.warning("a link to an account could not be sent", exc_info=True)
        attempts = link.attempts + 1
        failed = attempts > len(PAUSES)
        again = now + datetime.timedelta(seconds=PAUSES[min(attempts, len(PAUSES)) - 1])
        claimed.update(
            state=MailState.FAILED if failed else MailState.DUE,
            attempts=attempts,
            due_at=again,
            error=str(error)[:255],
        )
    else:
        claimed.update(state=MailState.SENT, error="")


def letter(link: AccountLink, connection: BaseEmailBackend | None = None) -> EmailMessage:
    """The mail in which the link goes out, in its reader's language, or its sender's."""
    reader = link.user or link.by
    speaks = (reader.language if reader else "") or settings.LANGUAGE_CODE
    with translation.override(speaks):
        invited = link.kind == LinkKind.INVITED
        subject = (
            _("Your account for conferences") if invited else _("Your password for conferences")
        )
        name = "account_invitation" if invited else "account_password"
        said = {"link": link, "url": selectors.link_url(link), "site": settings.BASE_URL}
        text = render_to_string(f"mail/{name}.txt", said)
    return EmailMessage(subject, text, to=[link.email], connection=connection)


def prune_links(*, now: datetime.datetime) -> None:
    """Forget those that are good for nothing more."""
    AccountLink.objects.filter(expires_at__lte=now - KEEP_LINKS).delete()
