"""Conference factories: addresses that make a conference of whoever calls them."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conferences.models.bookings import Conference
from conferences.models.choices import (
    AdmissionChoice,
    CreatorDepartsChoice,
    FactoryModeChoice,
    FactoryTwoLeftChoice,
    WaitingRoomChoice,
)
from conferences.models.people import USER_PART, User

#: The one that there always is (RFC 4579 3.2).
FACTORY = "conference-factory"
#: A day: ports are taken for no longer than this, unless a factory says so.
DAY_MINUTES = 24 * 60


class Factory(models.Model):
    """A template: what a call to ``sip:NAME@DOMAIN`` makes (RFC 4579 5.4)."""

    name = models.CharField(
        max_length=63,
        unique=True,
        validators=[
            RegexValidator(USER_PART, gettext_lazy("Use letters a-z, digits, dots and hyphens."))
        ],
        help_text=gettext_lazy("The user part of its SIP address."),
    )
    #: Whose it is; those of nobody are the administrators'.
    owner = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="factories"
    )
    title = models.CharField(
        max_length=200,
        default="Conference of {creator}",
        help_text=gettext_lazy("Of the conferences that it makes; {creator} is whoever calls."),
    )
    mode = models.CharField(
        max_length=8, choices=FactoryModeChoice.choices, default=FactoryModeChoice.ANSWER
    )
    for_organizers = models.BooleanField(
        gettext_lazy("for organizers alone"),
        default=False,
        help_text=gettext_lazy("Else for everybody who can sign in."),
    )
    admission = models.CharField(
        gettext_lazy("who may come in"),
        max_length=10,
        choices=AdmissionChoice.choices,
        default=AdmissionChoice.SIGNED_IN,
    )
    max_participants = models.PositiveIntegerField(
        gettext_lazy("size"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    lasts_minutes = models.PositiveIntegerField(
        gettext_lazy("lasts, in minutes"),
        default=DAY_MINUTES,
        validators=[MinValueValidator(5), MaxValueValidator(7 * DAY_MINUTES)],
        help_text=gettext_lazy("Its ports are taken for so long, unless it ends before."),
    )
    pin = models.CharField(
        gettext_lazy("PIN"),
        max_length=16,
        blank=True,
        validators=[RegexValidator(r"^[0-9]{4,16}\Z", gettext_lazy("A PIN has 4 to 16 digits."))],
        help_text=gettext_lazy("Of every conference that it makes; empty for none."),
    )
    participants_may_add = models.BooleanField(default=False)
    creator_departs = models.CharField(
        gettext_lazy("when its creator leaves"),
        max_length=4,
        choices=CreatorDepartsChoice.choices,
        default=CreatorDepartsChoice.END,
    )
    two_left = models.CharField(
        gettext_lazy("when two are left"),
        max_length=4,
        choices=FactoryTwoLeftChoice.choices,
        default=FactoryTwoLeftChoice.STAY,
    )
    waiting_room = models.CharField(
        max_length=9,
        choices=WaitingRoomChoice.choices,
        default=WaitingRoomChoice.NONE,
        help_text=gettext_lazy("Its creator lets people in; whom he calls need not wait."),
    )
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ("name",)
        verbose_name_plural = gettext_lazy("factories")
        constraints = [
            models.CheckConstraint(
                condition=Q(name=Lower("name")) & ~Q(name=""),
                name="factory_has_a_name_in_lower_case",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """People, conferences and factories share one name space."""
        taken = Conference.objects.filter(name=self.name).exists()
        if taken or User.objects.filter(username=self.name).exists():
            raise ValidationError({"name": _("This name is taken; choose another one.")})
