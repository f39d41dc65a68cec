"""Links by which somebody sets a password: his first one, or another."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone as clock
from django.utils.translation import gettext_lazy as _

from conferences.models.choices import LinkKind, MailState


class AccountLink(models.Model):
    """An invitation to have an account, or a way back into one; good once, for a while.

    The link itself is made of `nonce` and the secret key (`selectors.link_token`), so a
    copy of the database opens nothing.
    """

    kind = models.CharField(max_length=8, choices=LinkKind.choices)
    nonce = models.CharField(max_length=43, unique=True)
    #: Where it is sent; empty where who asked for it passes it on himself.
    email = models.EmailField(blank=True)
    #: Whose password it sets; of an invitation who came of it.
    user = models.ForeignKey(
        "conferences.User",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="account_links",
    )
    #: Who asked for it; null for the person himself.
    by = models.ForeignKey(
        "conferences.User",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="account_links_given",
    )
    may_book = models.BooleanField(_("may book"), default=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=7, choices=MailState.choices, default=MailState.KEPT)
    due_at = models.DateTimeField(default=clock.now)
    claimed_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=255, blank=True)

    class Meta:
        verbose_name = _("account link")
        verbose_name_plural = _("account links")
        ordering = ("-created_at", "-pk")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind=LinkKind.INVITED) | Q(user__isnull=False),
                name="password_link_is_somebodys",
            ),
            models.CheckConstraint(
                condition=~Q(kind=LinkKind.INVITED) | Q(by__isnull=False),
                name="somebody_invites",
            ),
        ]
        indexes = [
            models.Index(
                fields=["state", "due_at"],
                condition=Q(state__in=["due", "sending"]),
                name="account_links_to_send",
            ),
        ]

    def __str__(self) -> str:
        return self.email or (self.user.username if self.user else "")
