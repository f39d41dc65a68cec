"""Who may book for whom."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone as clock
from django.utils.translation import gettext_lazy as _


class Delegation(models.Model):
    """`delegate` books for `owner`, and commands what he booked, or everything of hers."""

    owner = models.ForeignKey(
        "conferences.User", on_delete=models.CASCADE, related_name="delegations"
    )
    delegate = models.ForeignKey(
        "conferences.User", on_delete=models.CASCADE, related_name="delegated"
    )
    everything = models.BooleanField(
        _("everything"),
        default=False,
        help_text=_("All conferences of hers, not only those that he books."),
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        verbose_name = _("delegate")
        verbose_name_plural = _("delegates")
        ordering = ("delegate__username", "pk")
        constraints = [
            models.UniqueConstraint("owner", "delegate", name="delegate_once"),
            models.CheckConstraint(condition=~Q(owner=F("delegate")), name="nobodys_own_delegate"),
        ]

    def __str__(self) -> str:
        return f"{self.delegate} for {self.owner}"
