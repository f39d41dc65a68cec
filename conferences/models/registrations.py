"""Where phones can be reached: the registrar's bindings, shared and kept."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from conferences.models.choices import Transport


class Registration(models.Model):
    """A phone that is, or was, registered for an address of record (RFC 3261 10).

    Written by the gateway whose flow leads to the phone, and by whoever ends
    it. One that has expired is kept for a while if its phone has a name of its
    own (`instance`): a GRUU of it is then known, and away (RFC 5627 5.1).
    """

    aor = models.CharField(_("address of record"), max_length=255)
    #: Names the binding within its address; see `phonebook.Entry`.
    key = models.CharField(max_length=1200)
    #: The person; null for a guest, whose page's phone lasts as long as its connection.
    user = models.ForeignKey(
        "conferences.User",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="registrations",
    )
    contact = models.TextField()
    path = models.JSONField(default=list, blank=True)
    instance = models.CharField(max_length=255, blank=True)
    user_agent = models.CharField(max_length=255, blank=True)
    call_id = models.CharField(max_length=255)
    cseq = models.BigIntegerField()
    since = models.DateTimeField()
    refreshed_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    #: When its person or an administrator ended it.
    ended_at = models.DateTimeField(null=True, blank=True)
    transport = models.CharField(max_length=3, choices=Transport.choices)
    remote_host = models.CharField(_("address"), max_length=255)
    remote_port = models.PositiveIntegerField(_("port"))
    local_port = models.PositiveIntegerField()
    #: The process that holds the flow to the phone, and its number there; "" where none does.
    gateway = models.CharField(max_length=255, blank=True)
    flow = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["aor", "key"], name="one_row_for_each_binding"),
        ]
        indexes = [
            models.Index(
                fields=["gateway"],
                condition=Q(ended_at__isnull=False),
                name="registrations_to_drop",
            ),
        ]

    @property
    def address(self) -> str:
        """Where the phone was seen: host and port."""
        host = f"[{self.remote_host}]" if ":" in self.remote_host else self.remote_host
        return f"{host}:{self.remote_port}" if self.remote_port else host

    @property
    def web(self) -> bool:
        """Whether it is a page in a browser (RFC 7118)."""
        return self.transport in {Transport.WS, Transport.WSS}

    def __str__(self) -> str:
        return f"{self.user_agent or 'phone'} of {self.aor}"
