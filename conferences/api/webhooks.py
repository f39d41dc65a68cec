"""Endpoints that are told of what happens: added, changed, tried, sent to again."""

from __future__ import annotations

from typing import Any, cast

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest
from django.utils import timezone
from ninja import Query, Router, Status

from conferences import policy, selectors, services
from conferences.api import access
from conferences.api.schemas.common import PageIn
from conferences.api.schemas.webhooks import (
    DeliveriesOut,
    DeliveryOut,
    ReplayIn,
    ReplayOut,
    SecretOut,
    WebhookChangeIn,
    WebhookIn,
    WebhookOut,
    WebhooksOut,
)
from conferences.models import User, Webhook
from conferences.services import Refused

router = Router(tags=["Webhooks"])


def _person(request: HttpRequest) -> User:
    user = access.caller(request).user
    if user is None:
        raise Refused(policy.Refusal.NOT_ALLOWED)
    return user


def _found(request: HttpRequest, name: str) -> Webhook:
    found = selectors.webhook(_person(request), name)
    if found is None:
        raise Http404(f"You have no webhook {name!r}.")
    return found


def _said(said: WebhookChangeIn) -> services.WebhookTerms:
    return cast(services.WebhookTerms, said.model_dump(exclude_unset=True))


@router.get("/webhooks", response=WebhooksOut, exclude_unset=True, summary="List your webhooks")
def listed(request: HttpRequest) -> dict[str, Any]:
    """Your endpoints, without their secrets."""
    rows = selectors.webhooks_of(_person(request))
    return {"webhooks": [selectors.webhook_line(row) for row in rows]}


@router.post(
    "/webhooks", response={201: WebhookOut}, exclude_unset=True, summary="Have a script told"
)
def add(request: HttpRequest, said: WebhookIn) -> Status[dict[str, Any]]:
    """Send what happens in your conferences to an address, signed, in order, from now on.

    By the Standard Webhooks specification: `webhook-id`, `webhook-timestamp`, and
    `webhook-signature`, which is `v1,` and HMAC-SHA256 by the secret over
    `id.timestamp.body`. The body's `number` counts the messages without a gap.
    """
    row = services.add_webhook(owner=_person(request), **_said(said))
    return Status(201, {**selectors.webhook_line(row), "secret": row.secret})


@router.get(
    "/webhooks/{webhook}", response=WebhookOut, exclude_unset=True, summary="Read a webhook"
)
def read(request: HttpRequest, webhook: str) -> dict[str, Any]:
    """How it goes."""
    return selectors.webhook_line(_found(request, webhook))


@router.patch(
    "/webhooks/{webhook}", response=WebhookOut, exclude_unset=True, summary="Change a webhook"
)
def change(request: HttpRequest, webhook: str, said: WebhookChangeIn) -> dict[str, Any]:
    """Another address or other types; `"paused": false` also begins anew after a failure."""
    row = services.change_webhook(webhook=_found(request, webhook), **_said(said))
    return selectors.webhook_line(row)


@router.delete("/webhooks/{webhook}", response={204: None}, summary="Delete a webhook")
def delete(request: HttpRequest, webhook: str) -> Status[None]:
    """It is told nothing more."""
    services.delete_webhook(webhook=_found(request, webhook))
    return Status(204, None)


@router.post("/webhooks/{webhook}/secret", response=SecretOut, summary="Make a new secret")
def secret(request: HttpRequest, webhook: str) -> dict[str, str]:
    """Everything is signed by it from now on."""
    return {"secret": services.new_webhook_secret(webhook=_found(request, webhook))}


@router.post("/webhooks/{webhook}/test", response={202: DeliveryOut}, summary="Send a test")
def test(request: HttpRequest, webhook: str) -> Status[dict[str, Any]]:
    """A message that says nothing, behind those that wait."""
    made = services.try_webhook(webhook=_found(request, webhook), now=timezone.now())
    return Status(202, selectors.delivery_line(made))


@router.post("/webhooks/{webhook}/replay", response={202: ReplayOut}, summary="Send again")
def replay(request: HttpRequest, webhook: str, said: ReplayIn) -> Status[dict[str, int]]:
    """Send everything from that number on again, in order, under the same ids."""
    row = _found(request, webhook)
    count = services.send_again(webhook=row, number=said.number, now=timezone.now())
    return Status(202, {"count": count})


@router.get("/webhooks/{webhook}/deliveries", response=DeliveriesOut, summary="What it was sent")
def deliveries(request: HttpRequest, webhook: str, window: Query[PageIn]) -> dict[str, Any]:
    """What was sent, or waits, the latest first, each with its answer."""
    page = window.page
    pages = Paginator(selectors.deliveries(_found(request, webhook)), window.page_size)
    found = pages.get_page(page) if page <= pages.num_pages else []
    items = [selectors.delivery_line(one) for one in found]
    return {"deliveries": items, "count": pages.count, "page": page, "pages": pages.num_pages}
