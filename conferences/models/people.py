"""Who there is: people, guests, their phones' credentials and their tokens."""

from __future__ import annotations

import functools
from typing import ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone as clock
from django.utils.translation import gettext_lazy as _

#: Letters that stand for themselves in the user part of a SIP URI (RFC 3261 25.1
#: unreserved), in a URL's path and in a digest username alike; 63 at most.
USER_PART = r"^[a-z0-9][a-z0-9._-]{0,62}\Z"


class PeopleManager(UserManager["User"]):
    """Finds people whatever the case in which a name was typed."""

    def get_by_natural_key(self, username: str | None) -> User:
        """The user; raises `User.DoesNotExist`."""
        return super().get_by_natural_key((username or "").lower())


class User(AbstractUser):
    """A person. `username` is lower case and is the user part of his SIP URI."""

    username = models.CharField(
        max_length=63,
        unique=True,
        validators=[
            RegexValidator(
                USER_PART,
                _(
                    "Use letters a-z, digits, dots, hyphens and underscores,"
                    " and begin with a letter or digit."
                ),
            )
        ],
        help_text=_("The user part of the person's SIP address."),
    )
    display_name = models.CharField(max_length=100, blank=True)
    is_organizer = models.BooleanField(
        _("may book"), default=False, help_text=_("May book conferences and choose their names.")
    )
    is_gateway = models.BooleanField(
        _("is a gateway"),
        default=False,
        help_text=_("Many people call through it: each of its calls waits to be let in by itself."),
    )
    #: Empty for the one that his browser is in; see `zone`.
    timezone = models.CharField(max_length=64, blank=True, default="")
    #: One of settings.LANGUAGES; empty for the one that the browser asks for.
    language = models.CharField(max_length=10, blank=True, default="")
    ports_quota = models.PositiveIntegerField(
        _("quota of ports"),
        null=True,
        blank=True,
        help_text=_("How many ports his conferences may take at any moment; empty for no limit."),
    )
    #: In which he read a page last, where that is not the server's: others are written to in it.
    language_read = models.CharField(max_length=10, blank=True, default="", editable=False)
    #: When it was said that the account be deleted; see `services.persons`.
    deleting_since = models.DateTimeField(null=True, blank=True, editable=False)
    #: The secret of the link to his own calendar; null until he asks for one.
    calendar_token = models.CharField(
        max_length=43, unique=True, null=True, blank=True, editable=False
    )

    objects: ClassVar[UserManager[User]] = PeopleManager()

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(username=Lower("username")), name="user_name_in_lower_case"
            ),
        ]

    @classmethod
    def normalize_username(cls, username: str) -> str:
        """In lower case, whoever makes the user: a page, the back office, a command."""
        return super().normalize_username(username).strip().lower()

    @property
    def zone(self) -> str:
        """The zone where no browser says another: the one that he chose, else UTC."""
        return self.timezone or "UTC"

    @functools.cached_property
    def books(self) -> bool:
        """Whether he may book at all: for himself, or for somebody whose delegate he is."""
        return self.is_organizer or self.is_delegate

    @functools.cached_property
    def is_delegate(self) -> bool:
        """Whether somebody lets him book for her."""
        return self.delegated.filter(owner__is_organizer=True, owner__is_active=True).exists()

    def get_full_name(self) -> str:
        """What others read in the roster."""
        return self.display_name or super().get_full_name() or self.username


class Guest(models.Model):
    """Somebody without an account, let in by a link to one conference."""

    conference = models.ForeignKey(
        "conferences.Conference", on_delete=models.CASCADE, related_name="guests"
    )
    #: Who came by a link or with a PIN of his own.
    invitation = models.ForeignKey(
        "conferences.Invitation",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="guests",
    )
    uri_user = models.CharField(max_length=64, unique=True)
    display_name = models.CharField(max_length=100)
    expires_at = models.DateTimeField(db_index=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    def __str__(self) -> str:
        return self.display_name


class SipAccount(models.Model):
    """Credentials of one phone: hashes alone, never the password (RFC 8760).

    A person's own account is named like him and lasts; those handed to a
    browser have a random name and expire.
    """

    auth_name = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, blank=True, related_name="sip_accounts"
    )
    guest = models.ForeignKey(
        Guest, on_delete=models.CASCADE, null=True, blank=True, related_name="sip_accounts"
    )
    ha1_md5 = models.CharField(max_length=32)
    ha1_sha256 = models.CharField(max_length=64)
    #: H(username:realm), by which a client may name itself (RFC 7616 3.4.4).
    userhash_md5 = models.CharField(max_length=32, default="", db_index=True)
    userhash_sha256 = models.CharField(max_length=64, default="", db_index=True)
    expires_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, guest__isnull=True)
                | Q(user__isnull=True, guest__isnull=False, expires_at__isnull=False),
                name="account_is_a_persons_or_a_guests_for_a_while",
            ),
        ]

    def __str__(self) -> str:
        return self.auth_name


class ApiToken(models.Model):
    """A bearer token of the REST API: only its SHA-256 is kept.

    256 random bits need no slow hash: there is nothing to guess.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    def __str__(self) -> str:
        return f"token of {self.user}"
