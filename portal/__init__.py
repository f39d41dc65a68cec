"""The web edge: settings, addresses, pages."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]
