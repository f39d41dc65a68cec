"""How many ports a group may take."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class GroupQuota(models.Model):
    """What the conferences of a group's members may take at any moment (`services.capacity`)."""

    group = models.OneToOneField(Group, on_delete=models.CASCADE, related_name="quota")
    ports = models.PositiveIntegerField(
        _("ports of all together"),
        null=True,
        blank=True,
        help_text=_("How many ports the members take together at most; empty for no limit."),
    )
    ports_each = models.PositiveIntegerField(
        _("ports of each"),
        null=True,
        blank=True,
        help_text=_(
            "How many ports a member takes at most who has no quota of his own. "
            "Of several groups the most generous one counts."
        ),
    )

    class Meta:
        verbose_name = _("quota of a group")
        verbose_name_plural = _("quotas of groups")
        constraints = [
            models.CheckConstraint(
                condition=Q(ports__isnull=False) | Q(ports_each__isnull=False),
                name="group_quota_limits_something",
                violation_error_message=_("Say how many ports, together or each."),
            ),
        ]

    def __str__(self) -> str:
        return str(self.group)
