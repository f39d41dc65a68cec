"""Who was wrong about a password too often, and who signs in from where."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from conferences.attempts import Tally
from conferences.models.choices import Door


class HeldOff(models.Model):
    """Wrong attempts at one account, from one source, or both; see `conferences.attempts`.

    For the pages and the REST API the row is the tally itself. For phones it is
    what the gateway has written down of a tally of its own, once somebody had to
    wait; so a restart forgives nobody.
    """

    door = models.CharField(max_length=5, choices=Door.choices)
    #: An address, or the /64 of an IPv6 one; empty for an account that is guessed from many.
    source = models.CharField(max_length=64, blank=True)
    #: What was typed as a name, whether or not anybody has it; empty for all of a source.
    account = models.CharField(max_length=64, blank=True)
    wrong = models.FloatField(_("wrong attempts"))
    since = models.DateTimeField()
    last_at = models.DateTimeField(_("last attempt"), db_index=True)
    until = models.DateTimeField(_("has to wait until"), db_index=True)
    lifted_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        verbose_name = _("wrong password")
        ordering = ("-last_at", "-pk")
        constraints = [
            models.UniqueConstraint(fields=["door", "source", "account"], name="one_tally_each"),
            models.CheckConstraint(
                condition=~Q(source="", account=""), name="a_tally_is_of_somebody"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account or 'anybody'} from {self.source or 'anywhere'}"

    @property
    def tally(self) -> Tally:
        """The row as the rules see it."""
        return Tally(
            self.wrong, self.since.timestamp(), self.last_at.timestamp(), self.until.timestamp()
        )


class KnownSource(models.Model):
    """An account has signed in from there: nobody elsewhere can keep it out there."""

    account = models.CharField(max_length=64)
    source = models.CharField(max_length=64)
    last_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "source"], name="known_once"),
        ]

    def __str__(self) -> str:
        return f"{self.account} from {self.source}"
