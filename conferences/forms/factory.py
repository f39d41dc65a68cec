"""The form of a conference factory: a template for what is made of a call to it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.utils.translation import gettext_lazy as _

from conferences.forms import plain
from conferences.models import (
    AdmissionChoice,
    CreatorDepartsChoice,
    Factory,
    FactoryModeChoice,
    FactoryTwoLeftChoice,
    WaitingRoomChoice,
)

_LASTS = (30, 60, 120, 240, 480, 1440, 4320, 10080)

_MODES = [
    (
        FactoryModeChoice.ANSWER.value,
        plain.Label(_("It answers"), _("The caller is in at once. Every phone can do that.")),
    ),
    (
        FactoryModeChoice.REDIRECT.value,
        plain.Label(
            _("It sends on"),
            _("By a 302, and the phone calls the new conference itself. Not every phone does."),
        ),
    ),
]


class FactoryForm(plain.PlainForm):
    """Makes a factory, or changes one: `apply` writes it into the row."""

    title = forms.CharField(
        label=_("Title of what it makes"),
        max_length=200,
        help_text=_("{creator} stands for whoever calls."),
    )
    name = forms.CharField(
        label=_("Address"),
        max_length=63,
        required=False,
        help_text=_("A word of your choice. Left empty it is a number that every phone can dial."),
        widget=forms.TextInput(
            attrs={"placeholder": "team", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    mode = forms.ChoiceField(
        label=_("When somebody calls"), choices=_MODES, widget=forms.RadioSelect
    )
    admission = forms.ChoiceField(label=_("Who else may come in"), choices=AdmissionChoice.choices)
    waiting_room = forms.ChoiceField(label=_("Waiting room"), choices=WaitingRoomChoice.choices)
    for_organizers = forms.BooleanField(
        label=_("Only organizers may call it"),
        required=False,
        help_text=_("Else everybody who can sign in."),
    )
    pin = Factory._meta.get_field("pin").formfield(required=False)
    max_participants = forms.IntegerField(
        label=_("Size"),
        min_value=1,
        max_value=100_000,
        required=False,
        widget=forms.NumberInput(attrs={"placeholder": _("No limit")}),
    )
    lasts_minutes = forms.TypedChoiceField(
        label=_("Over at the latest after"),
        coerce=int,
        choices=plain.minute_choices(_LASTS),
        help_text=_("Its ports are taken for so long, unless it ends before."),
    )
    creator_departs = forms.ChoiceField(
        label=_("When its creator leaves"), choices=CreatorDepartsChoice.choices
    )
    two_left = forms.ChoiceField(label=_("When two are left"), choices=FactoryTwoLeftChoice.choices)
    participants_may_add = forms.BooleanField(
        label=_("Everybody in it may call others in"), required=False
    )
    active = forms.BooleanField(label=_("It is switched on"), required=False)

    def __init__(self, data: Any = None, *, factory: Factory, chooses: bool) -> None:
        """`chooses` says that a name may be chosen for a new one."""
        shown = {name: getattr(factory, name) for name in self.base_fields}
        super().__init__(data, initial=shown)
        self.factory = factory
        if factory.name or not chooses:
            del self.fields["name"]
        plain.keep_choice(self.fields["lasts_minutes"], factory.lasts_minutes)

    def apply(self) -> Factory:
        """The row as the form says it; once valid."""
        for name, value in self.cleaned_data.items():
            setattr(self.factory, name, value)
        return self.factory

    def complain(self, error: ValidationError) -> None:
        """Show what the service found wrong at its field."""
        found = error.error_dict if hasattr(error, "error_dict") else {NON_FIELD_ERRORS: [error]}
        for field, errors in found.items():
            self.add_error(field if field in self.fields else None, list(errors))
