"""Celery: the jobs of `conferences.services.jobs`, woken by name or by their sweep.

They carry nothing: the rows say what is to be done, and a lost, doubled or
late wake-up does no harm.
"""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from conferences import services


@shared_task(name="conferences.tasks.carry_out_removals")
def carry_out_removals() -> None:
    """Send away those who are to be removed."""
    services.carry_out_removals(now=timezone.now())


@shared_task(name="conferences.tasks.place_calls")
def place_calls() -> None:
    """Have those called who are to be called."""
    services.place_calls(now=timezone.now())


@shared_task(name="conferences.tasks.open_and_close")
def open_and_close() -> None:
    """Do what the clock says."""
    services.open_and_close(now=timezone.now())


@shared_task(name="conferences.tasks.send_mail")
def send_mail() -> None:
    """Send the invitations and the links to accounts that are due."""
    services.send_mail(now=timezone.now())
    services.send_links(now=timezone.now())


@shared_task(name="conferences.tasks.remind")
def remind() -> None:
    """Write to the invitees of what begins soon."""
    services.remind(now=timezone.now())


@shared_task(name="conferences.tasks.fetch_replies")
def fetch_replies() -> None:
    """Take in the answers that came by mail."""
    services.fetch_replies(now=timezone.now())


@shared_task(name="conferences.tasks.send_webhooks")
def send_webhooks() -> None:
    """Tell others of what has happened."""
    services.send_webhooks(now=timezone.now())


@shared_task(name="conferences.tasks.prune")
def prune() -> None:
    """Delete what nobody needs any more."""
    services.prune(now=timezone.now())


@shared_task(name="conferences.tasks.delete_people")
def delete_people() -> None:
    """Delete the accounts that are to be deleted."""
    services.delete_people(now=timezone.now())
