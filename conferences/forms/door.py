"""Who may come in: the fields of the door of a booking."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from conferences import policy, selectors
from conferences.forms import plain
from conferences.models import USER_PART, AdmissionChoice, Conference, User, WaitingRoomChoice

_ADMISSIONS = [
    (
        AdmissionChoice.INVITED.value,
        plain.Label(
            gettext_lazy("The invited only"), gettext_lazy("They sign in and are on the list.")
        ),
    ),
    (
        AdmissionChoice.SIGNED_IN.value,
        plain.Label(
            gettext_lazy("Everybody with an account"),
            gettext_lazy("Whoever can sign in may come, invited or not."),
        ),
    ),
    (
        AdmissionChoice.OPEN.value,
        plain.Label(
            gettext_lazy("Anyone with the link, guests included"),
            gettext_lazy("Guests just type a name."),
        ),
    ),
]


#: What the services ask of them, too; here so that all that is wrong is marked at once.
_A_PIN = RegexValidator(r"\A[0-9]{4,16}\Z", gettext_lazy("A PIN has 4 to 16 digits."))
_A_NAME = RegexValidator(
    USER_PART,
    gettext_lazy(
        "Use 1 to 63 letters a-z, digits, dots, hyphens and underscores,"
        " and begin with a letter or digit."
    ),
    flags=re.IGNORECASE,
)


def _pin_field(label: Any, help_text: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=16,
        required=False,
        validators=[_A_PIN],
        help_text=help_text,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )


class DoorForm(plain.PlainForm):
    """Admission, PINs, size, waiting room and the address by which it is reached."""

    admission = forms.ChoiceField(
        label=gettext_lazy("Who may come in"), choices=_ADMISSIONS, widget=forms.RadioSelect
    )
    pin = _pin_field(
        gettext_lazy("PIN"), gettext_lazy("4 to 16 digits. Pages ask for it, phones key it.")
    )
    moderator_pin = _pin_field(
        gettext_lazy("PIN of moderators"), gettext_lazy("Whoever gives this one moderates.")
    )
    personal_pins = forms.BooleanField(
        label=gettext_lazy("Give each invitee a PIN of his own"),
        required=False,
        help_text=gettext_lazy("Who keys it is known by it, on any phone."),
    )
    max_participants = forms.IntegerField(
        label=gettext_lazy("Size"),
        min_value=1,
        max_value=100_000,
        required=False,
        widget=forms.NumberInput(attrs={"placeholder": gettext_lazy("No limit")}),
    )
    waiting_room = forms.ChoiceField(
        label=gettext_lazy("Waiting room"),
        choices=WaitingRoomChoice.choices,
        required=False,
        help_text=gettext_lazy(
            "All but organizers and moderators wait there with music, by browser and by phone; "
            "who is called in does not."
        ),
    )
    name = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=63,
        required=False,
        validators=[_A_NAME],
        help_text=gettext_lazy(
            "A word of your choice for the link and the SIP address. "
            "Left empty it is a number that every phone can dial."
        ),
        widget=forms.TextInput(
            attrs={
                "placeholder": gettext_lazy("planning"),
                "autocapitalize": "none",
                "spellcheck": "false",
            }
        ),
    )

    def tell_quota(self, organizer: User | None) -> None:
        """How much he may take at a time, where somebody has said so."""
        field = self.fields["max_participants"]
        kept = selectors.ports_kept(organizer.pk if organizer is not None else None)
        field.help_text = ngettext(
            "How many can be in it at once; left empty, %(ports)s port is kept.",
            "How many can be in it at once; left empty, %(ports)s ports are kept.",
            kept,
        ) % {"ports": kept}
        for quota in selectors.quotas(organizer.pk) if organizer is not None else ():
            words = _("You may take %(ports)s ports at a time.")
            if quota.group:
                words = _("%(group)s may take %(ports)s ports at a time together.")
            told = words % {"ports": quota.ports, "group": quota.group}
            field.help_text = f"{field.help_text} {told}"

    def door_values(self) -> dict[str, Any]:
        """The arguments of the services, as far as the page asked."""
        said = self.cleaned_data
        return {
            "pin": said["pin"],
            "max_participants": said["max_participants"],
            "admission": policy.Admission(said["admission"]),
            **self._pins(),
            **self._waiting(),
            **({"name": said["name"]} if said.get("name") else {}),
        }

    def _pins(self) -> dict[str, Any]:
        """Those that the page asked for: a box that is not ticked is not sent."""
        if "moderator_pin" not in self.data:
            return {}
        said = self.cleaned_data
        return {"moderator_pin": said["moderator_pin"], "personal_pins": said["personal_pins"]}

    def _waiting(self) -> dict[str, Any]:
        """Who has to wait, as far as the form was asked."""
        said = self.cleaned_data.get("waiting_room")
        return {"waiting_room": policy.WaitingRoom(said)} if said else {}


def initial(conference: Conference | None) -> dict[str, Any]:
    """What the form shows."""
    if conference is None:
        # Whoever books sends the link around, and expects it to open the door.
        return {
            "admission": AdmissionChoice.OPEN.value,
            "waiting_room": WaitingRoomChoice.NONE.value,
        }
    return {
        "admission": conference.admission,
        "pin": conference.pin,
        "moderator_pin": conference.moderator_pin,
        "personal_pins": conference.personal_pins,
        "max_participants": conference.max_participants,
        "waiting_room": conference.waiting_room,
    }
