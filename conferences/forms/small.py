"""The smaller forms: the conference application's, removing somebody, one's account."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from conferences import selectors, wording
from conferences.forms import plain
from conferences.models import User

MIN_SIP_PASSWORD = 12


class SetupForm(plain.PlainForm):
    """What a caller of the conference application is asked for (draft 4.3)."""

    title = forms.CharField(
        label=_("Title"),
        max_length=200,
        error_messages={"required": _("Give it a title.")},
        widget=forms.TextInput(attrs={"placeholder": _("Weekly planning"), "autofocus": True}),
    )
    call = forms.CharField(
        label=_("Call these people"),
        required=False,
        help_text=_("User names or SIP addresses, one a line. Their phones ring at once."),
        widget=forms.Textarea(attrs={"rows": 2, "autocapitalize": "none", "spellcheck": "false"}),
    )
    pin = forms.CharField(
        label=_("PIN"),
        max_length=16,
        required=False,
        help_text=_("4 to 16 digits, for those who dial in."),
        validators=[RegexValidator(r"^[0-9]{4,16}\Z", _("A PIN has 4 to 16 digits."))],
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    max_participants = forms.IntegerField(
        label=_("Size"),
        min_value=1,
        max_value=100_000,
        required=False,
        widget=forms.NumberInput(attrs={"placeholder": _("No limit")}),
    )

    def clean_call(self) -> list[str]:
        """The addresses, a user name made into one."""
        found = []
        for text in self.cleaned_data["call"].replace(",", "\n").split():
            name = text.lower()
            found.append(selectors.aor(name) if selectors.person_exists(name) else text)
        return found

    def values(self) -> dict[str, Any]:
        """The arguments of `services.answer_setup`; once valid."""
        return dict(self.cleaned_data)

    def complain(self, error: ValidationError) -> None:
        """Show what the service found wrong at the field that it is about."""
        if not hasattr(error, "error_dict"):
            self.add_error(None, error)
            return
        for field, errors in error.error_dict.items():
            self.add_error(field if field in self.fields else None, list(errors))


class RemovalForm(plain.PlainForm):
    """Why somebody is removed, and whether for good."""

    reason = forms.CharField(max_length=200, required=False, label=_("Reason"))
    ban = forms.BooleanField(required=False, label=_("May not come back"))


class PersonRemovalForm(RemovalForm):
    """The same for one person; who is in by several phones may be left the others."""

    phone = forms.ChoiceField(
        required=False,
        label=_("Which phone"),
        help_text=_("Who may not come back goes with all phones."),
    )
    field_order = ("phone", "reason", "ban")

    def __init__(self, data: Any = None, *, phones: Iterable[tuple[str, str]]) -> None:
        """`phones` are those by which he is in: address and name."""
        super().__init__(data)
        known = list(phones)
        if len(known) > 1:
            choices = [("", _("All phones")), *known]
            self.fields["phone"].choices = choices  # type: ignore[attr-defined]
        else:
            del self.fields["phone"]


class EjectionForm(RemovalForm):
    """The same for several at once."""

    who = forms.MultipleChoiceField(
        label=_("Who is to go"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose who is to go.")},
    )
    field_order = ("who", "reason", "ban")

    def __init__(self, data: Any = None, *, people: Iterable[tuple[str, str]]) -> None:
        """`people` are those who may be removed: key and name."""
        super().__init__(data)
        self.fields["who"].choices = list(people)  # type: ignore[attr-defined]


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """How somebody is called, and in which zone he reads times."""

    timezone = forms.ChoiceField(label=_("Time zone"), required=False, choices=plain.own_zones)
    language = forms.ChoiceField(label=_("Language"), required=False, choices=plain.languages)

    class Meta:
        model = User
        fields = ("display_name", "timezone", "language")
        labels = {"display_name": _("Display name")}
        help_texts = {"display_name": _("What others read when you are in a conference.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plain.offer_own(self)
        plain.dress(self)

    def clean_timezone(self) -> str:
        """A zone of a place, or none."""
        chosen = self.cleaned_data["timezone"]
        return wording.zone(chosen) if chosen else ""

    def clean_display_name(self) -> str:
        """One line of text."""
        return wording.person(self.cleaned_data["display_name"])


class SipPasswordForm(plain.PlainForm):
    """A password for phones; left empty, one is made up."""

    password = forms.CharField(
        label=_("Password of your own"),
        required=False,
        min_length=MIN_SIP_PASSWORD,
        max_length=128,
        strip=False,
        help_text=_("Leave it empty to have a strong one made up."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
