"""The pages."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    """Templates, template tags and views."""

    name = "portal"
