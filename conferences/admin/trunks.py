"""Trunks: the back office writes them, gateways take them up within seconds."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from conferences import seals
from conferences.models import Trunk


class _TrunkForm(forms.ModelForm):  # type: ignore[type-arg]
    password = forms.CharField(
        label=_("Password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Shown to nobody. Left empty it stays as it is."),
    )

    class Meta:
        model = Trunk
        fields = ("name", "active", "prefix", "uri", "username", "caller")


@admin.register(Trunk)
class TrunkAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """By what calls leave for telephones and other domains, chosen by what is called."""

    form = _TrunkForm
    fields = ("name", "active", "prefix", "uri", "username", "password", "caller")
    list_display = ("name", "prefix", "uri", "username", "caller", "active")
    list_editable = ("active",)
    search_fields = ("name", "prefix", "uri")

    def save_model(self, request: HttpRequest, obj: Trunk, form: Any, change: bool) -> None:
        """A password that was typed is sealed; without a user name there is none."""
        if typed := form.cleaned_data.get("password"):
            obj.sealed_password = seals.seal(typed)
        if not obj.username:
            obj.sealed_password = ""
        super().save_model(request, obj, form, change)
