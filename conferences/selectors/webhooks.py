"""Who is told of what happens, and what he was told."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q, QuerySet

from conferences.models import Delivery, User, Webhook


def webhooks_of(user: User) -> QuerySet[Webhook]:
    """His endpoints, the oldest first, each with how many messages wait (`waiting`)."""
    waiting = Count("deliveries", filter=Q(deliveries__due=True))
    return user.webhooks.annotate(waiting=waiting).order_by("pk")


def webhook(user: User, name: str) -> Webhook | None:
    """That endpoint of his."""
    return webhooks_of(user).select_related("owner").filter(name=name).first()


def deliveries(webhook: Webhook) -> QuerySet[Delivery]:
    """What it was sent, or is to be, the latest first."""
    return webhook.deliveries.order_by("-number")


def webhook_line(row: Webhook) -> dict[str, Any]:
    """An endpoint as scripts read it, without its secret."""
    return {
        "id": row.name,
        "url": row.url,
        "everything": row.everything,
        "types": row.types,
        "state": row.state,
        "last_number": row.last_number,
        "failing_since": row.failing_since,
        "error": row.error,
        "created_at": row.created_at,
    }


def delivery_line(row: Delivery) -> dict[str, Any]:
    """A message as scripts read it."""
    return {
        "number": row.number,
        "id": row.message,
        "type": row.type,
        "conference": row.conference,
        "created_at": row.created_at,
        "due": row.due,
        "attempts": row.attempts,
        "tried_at": row.tried_at,
        "status": row.status,
        "milliseconds": row.milliseconds,
        "error": row.error,
        "payload": row.payload,
    }
