"""Forms about having an account: who is invited, what a new one is called, another password."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import SetPasswordForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from conferences import wording
from conferences.forms import plain
from conferences.models import User


class InvitePersonForm(plain.PlainForm):
    """Who is to have an account, and whether he may book."""

    email = forms.EmailField(
        label=_("E-mail"), widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
    may_book = forms.BooleanField(
        label=_("May book conferences"),
        required=False,
        help_text=_("Otherwise the person joins those that others book."),
    )

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not by.is_staff:
            del self.fields["may_book"]


class PasswordForm(SetPasswordForm):  # type: ignore[type-arg]  # not generic at run time
    """A password, twice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plain.dress(self)


class WelcomeForm(PasswordForm):
    """The account that somebody was invited to have."""

    username = forms.CharField(
        label=_("User name"),
        max_length=63,
        help_text=_("The user part of your SIP address. It cannot be changed later."),
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True}
        ),
    )
    display_name = forms.CharField(
        label=_("Name"),
        max_length=100,
        required=False,
        help_text=_("What others read when you are in a conference."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    timezone = forms.ChoiceField(label=_("Time zone"), required=False, choices=plain.own_zones)
    field_order = ("username", "display_name", "timezone", "new_password1", "new_password2")

    def clean_username(self) -> str:
        """So that a password that is like it is refused."""
        username = str(self.cleaned_data["username"]).strip().lower()
        self.user.username = username
        return username

    def clean_display_name(self) -> str:
        """One line of text."""
        return wording.person(self.cleaned_data["display_name"])

    def complain(self, error: ValidationError) -> None:
        """Show what the service found wrong at the field that it is about."""
        self.add_error(None, error)


class ForgottenForm(plain.PlainForm):
    """Who has forgotten his password."""

    who = forms.CharField(
        label=_("User name or e-mail"),
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none"}),
    )


class DelegateForm(plain.PlainForm):
    """Who is to book for somebody, and what he commands."""

    username = forms.CharField(
        label=_("User name"),
        max_length=63,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    everything = forms.BooleanField(
        label=_("All my conferences"),
        required=False,
        help_text=_(
            "He sees, changes and moderates them all, PINs included. "
            "Otherwise only those that he books for you."
        ),
    )
