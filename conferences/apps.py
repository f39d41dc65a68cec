"""Bookings, policy, history: what a conference is meant to be."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ConferencesConfig(AppConfig):
    """The app at the bottom: nothing in it knows the gateway or the portal."""

    name = "conferences"
    verbose_name = _("Conferences")
