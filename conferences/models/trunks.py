"""Trunks: by what calls leave the house for telephones and other domains."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

#: Where a trunk is (RFC 3261 25.1), its credentials apart.
TRUNK_URI = (
    r"^sip:([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?"
    r"(;transport=(udp|tcp|tls))?\Z"
)


class Trunk(models.Model):
    """Where numbers that begin so leave; of several the longest `prefix` decides."""

    name = models.CharField(max_length=100)
    prefix = models.CharField(
        max_length=20,
        blank=True,
        unique=True,
        validators=[RegexValidator(r"^\+?[0-9*#]*\Z", gettext_lazy("Want digits, as in +49."))],
        help_text=gettext_lazy(
            "Numbers that begin so leave here, as in +49. Left empty: all that no other takes,"
            " addresses of other domains too."
        ),
    )
    uri = models.CharField(
        gettext_lazy("address"),
        max_length=255,
        validators=[
            RegexValidator(
                TRUNK_URI, gettext_lazy("Want an address as sip:trunk.example:5060;transport=tcp.")
            )
        ],
        help_text=gettext_lazy("As sip:trunk.example, with a port and ;transport= where need be."),
    )
    username = models.CharField(max_length=100, blank=True)
    #: See `conferences.seals`.
    sealed_password = models.TextField(blank=True, editable=False)
    caller = models.CharField(
        gettext_lazy("number of ours"),
        max_length=32,
        blank=True,
        validators=[RegexValidator(r"^\+?[0-9]{1,30}\Z", gettext_lazy("Want a number."))],
        help_text=gettext_lazy("Whom those who are called see; else the user name there."),
    )
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ("prefix",)

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """What the environment says goes first."""
        if not self.prefix and settings.SIP_TRUNK:
            words = _("All that no prefix takes leaves by SIP_TRUNK already. Give a prefix.")
            raise ValidationError({"prefix": words})
