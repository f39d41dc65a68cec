"""Webhooks: others are told of what happens, in order, and can have it told again.

The history is the outbox: each of its rows says whether it is still to be
told, written in the transaction of what it tells of. A job gives every
endpoint that it concerns its next number (`tell_webhooks`), and sends each
endpoint what is due, one message after the other (`send_webhooks`). One that
is not taken is tried again, later and later, and those behind it wait: an
endpoint never reads number 8 before number 7. Nothing that happens in a
conference waits for any of this.
"""

from __future__ import annotations

import datetime
import json
import secrets
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent import futures
from typing import Any, TypedDict, Unpack

import httpx
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Max, Min, Q
from django.utils import timezone as clock
from django.utils.translation import gettext as _

from conferences import notices, policy, selectors, webhooks
from conferences.models import Delivery, Event, Participant, User, Webhook, WebhookState
from conferences.policy import ParticipantKey
from conferences.services import posting
from conferences.services.refused import Refused

#: Endpoints that one person may have.
MOST = 20
#: Lines of history that one run takes; the next one takes the rest.
AT_ONCE = 500
#: Messages that one endpoint is sent in one run, so that others get their turn.
IN_A_ROW = 50
#: Endpoints that are spoken to at the same time.
SPEAKERS = 8
#: A claim this old belongs to a worker that is gone.
SENDING_TAKES = datetime.timedelta(minutes=10)
#: How long messages can be sent again.
KEEP_DELIVERIES = datetime.timedelta(days=30)

Post = Callable[[str, Mapping[str, str], bytes], posting.Outcome]


class WebhookTerms(TypedDict, total=False):
    """What can be said about an endpoint, at first and later; what is left out stays."""

    url: str
    everything: bool
    types: Iterable[str]
    paused: bool


# --- What people do --------------------------------------------------------------


def add_webhook(*, owner: User, **said: Unpack[WebhookTerms]) -> Webhook:
    """A new endpoint, with its secret. Raises `ValidationError` by field, `Refused`."""
    if not (owner.is_organizer or owner.is_staff):
        raise Refused(policy.Refusal.NOT_ALLOWED)
    row = Webhook(owner=owner, name=secrets.token_hex(8), secret=_new_secret())
    _say(row, {"url": "", **said})
    with transaction.atomic():
        User.objects.select_for_update().get(pk=owner.pk)
        if owner.webhooks.count() >= MOST:
            raise ValidationError(_("There are %(most)s already; delete one.") % {"most": MOST})
        row.save()
    return row


def change_webhook(*, webhook: Webhook, **said: Unpack[WebhookTerms]) -> Webhook:
    """Another address, other types, paused or on. Raises `ValidationError` by field, `Refused`."""
    with transaction.atomic():
        row = Webhook.objects.select_for_update().select_related("owner").get(pk=webhook.pk)
        before = row.url
        _say(row, said)
        if said.get("paused") is False or row.url != before:
            _begin_anew(row)
        row.save()
    notices.wake("send_webhooks")
    return row


def new_webhook_secret(*, webhook: Webhook) -> str:
    """Another secret, by which everything is signed from now on."""
    secret = _new_secret()
    Webhook.objects.filter(pk=webhook.pk).update(secret=secret)
    return secret


def delete_webhook(*, webhook: Webhook) -> None:
    """It is told nothing more, and what it was told is forgotten."""
    webhook.delete()


@transaction.atomic
def try_webhook(*, webhook: Webhook, now: datetime.datetime) -> Delivery:
    """Send a message that says nothing, to see whether it arrives."""
    row = Webhook.objects.select_for_update().get(pk=webhook.pk)
    made = _delivery(row, webhooks.TEST, now, {"by": selectors.aor(row.owner.username)})
    made.save()
    _begin_anew(row)
    row.save(update_fields=["last_number", *_ANEW])
    notices.wake("send_webhooks")
    return made


@transaction.atomic
def send_again(*, webhook: Webhook, number: int, now: datetime.datetime) -> int:
    """Send everything from that number on again, in order; how many messages that is.

    Raises `ValidationError` about ``number`` where there is no such message any more, or yet.
    """
    row = Webhook.objects.select_for_update().get(pk=webhook.pk)
    ends = row.deliveries.aggregate(first=Min("number"), last=Max("number"))
    if not row.deliveries.filter(number=number).exists():
        raise ValidationError({"number": _not_kept(number, ends["first"], ends["last"])})
    count = row.deliveries.filter(number__gte=number).update(due=True)
    _begin_anew(row)
    row.due_at = now
    row.save(update_fields=_ANEW)
    notices.wake("send_webhooks")
    return count


def _not_kept(number: int, first: int | None, last: int | None) -> str:
    if first is None:
        return _("Nothing has been sent yet.")
    return _("There is no message %(number)s: those from %(first)s to %(last)s are kept.") % {
        "number": number,
        "first": first,
        "last": last,
    }


_ANEW = ("state", "failures", "failing_since", "error", "due_at")


def _begin_anew(row: Webhook) -> None:
    """Whoever has mended something is believed: it is tried at once."""
    row.state, row.failures, row.failing_since, row.error = WebhookState.ON, 0, None, ""
    row.due_at = clock.now()


def _new_secret() -> str:
    return webhooks.PREFIX + b64encode(secrets.token_bytes(webhooks.SECRET_OCTETS)).decode()


def _say(row: Webhook, said: WebhookTerms) -> None:
    if said.get("everything", row.everything) and not row.owner.is_staff:
        raise Refused(policy.Refusal.NOT_ALLOWED)
    row.everything = said.get("everything", row.everything)
    wrong: dict[str, str] = {}
    if "url" in said:
        row.url = said["url"].strip()
        wrong |= _complaint("url", _wrong_url(row.url))
    if "types" in said:
        row.types = sorted(set(said["types"]))
        unknown = [one for one in row.types if not webhooks.is_type(one)]
        words = _("%(type)s is no type of a message, as participant.joined is.")
        wrong |= _complaint("types", words % {"type": unknown[0]} if unknown else "")
    if said.get("paused"):
        row.state = WebhookState.PAUSED
    if wrong:
        raise ValidationError({field: ValidationError(text) for field, text in wrong.items()})


def _complaint(field: str, text: str) -> dict[str, str]:
    return {field: text} if text else {}


def _wrong_url(text: str) -> str:
    """What is wrong with it; a name is looked up only when something is sent there."""
    want = _("Give an address that begins with https:// or http://.")
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        return want
    if url.scheme not in ("http", "https") or not url.host or len(text) > 500:
        return want
    if url.userinfo or url.fragment or not text.isascii() or not text.isprintable():
        return _("An address here has no user, no password and nothing after a #.")
    if settings.WEBHOOKS_TO == "public" and _is_inside(url.host):
        return _("That address is inside of our own network; nothing is sent there.")
    return ""


def _is_inside(host: str) -> bool:
    try:
        return not webhooks.is_public(host)
    except ValueError:  # a name
        return host == "localhost" or host.endswith(".localhost")


# --- From the history into numbered messages ---------------------------------------


def tell_webhooks(*, now: datetime.datetime) -> None:
    """Give what has happened to those whom it concerns, each with its next number."""
    new = Event.objects.filter(outgoing=True)
    if not new.exists():
        return
    if not Webhook.objects.exists():
        new.filter(pk__lte=new.order_by("-pk").values_list("pk", flat=True)[0]).update(
            outgoing=False
        )
        return
    with transaction.atomic():
        locked = new.select_for_update(of=("self",)).select_related("conference__organizer")
        events = list(locked.order_by("pk")[:AT_ONCE])
        rows = Webhook.objects.select_for_update(of=("self",)).select_related("owner")
        hooks = list(rows.filter(owner__is_active=True).order_by("pk"))
        made = [one for event in events for one in _about(event, hooks, now)]
        Delivery.objects.bulk_create(made)
        Webhook.objects.bulk_update(hooks, ["last_number"])
        Event.objects.filter(pk__in=[event.pk for event in events]).update(outgoing=False)


def _about(event: Event, hooks: list[Webhook], now: datetime.datetime) -> Iterator[Delivery]:
    concerned = [one for one in hooks if _concerns(event, one)]
    if not concerned:
        return
    participant = Participant.objects.filter(key=event.detail.get("participant", "")).first()
    types = [webhooks.type_of(event.kind)]
    if event.kind == "joined" and participant is not None and _is_first(participant):
        types.insert(0, webhooks.STARTED)
    for hook in concerned:
        masks = _masks(event, hook.owner)
        for one in types:
            if not hook.types or one in hook.types:
                data = _told(event, participant, masks)
                yield _delivery(hook, one, now, data, at=event.at)


def _concerns(event: Event, hook: Webhook) -> bool:
    if event.at < hook.created_at:
        return False
    mine = event.conference.organizer_id == hook.owner_id
    return mine or (hook.everything and hook.owner.is_staff)


def _is_first(participant: Participant) -> bool:
    """Whether nobody else was there when he came."""
    came, pk = participant.joined_at, participant.pk
    others = Participant.objects.filter(conference=participant.conference_id)
    others = others.filter(Q(joined_at__lt=came) | Q(joined_at=came, pk__lt=pk))
    return not others.filter(Q(left_at__isnull=True) | Q(left_at__gt=came)).exists()


def _masks(event: Event, owner: User) -> dict[str, str]:
    """The addresses that this owner may not read, as on his page of the history."""
    if not Participant.objects.filter(conference=event.conference_id, private=True).exists():
        return {}
    snapshot = selectors.snapshot(event.conference.key)
    assert snapshot is not None, "the event holds the conference"
    viewer = selectors.viewer(snapshot, selectors.identity_of_user(owner))
    return selectors.aliases(event.conference, viewer)


def _told(
    event: Event, participant: Participant | None, masks: Mapping[str, str]
) -> dict[str, Any]:
    row = event.conference
    told: dict[str, Any] = {
        "conference": {
            "id": row.name,
            "uri": selectors.conference_uri(row),
            "title": event.title or row.title,
            "kind": event.conference_kind or row.kind,
        },
        **selectors.event_line(event, masks),
    }
    if participant is not None:
        masked = participant.entity in masks
        alias = policy.alias(ParticipantKey(participant.key))
        told["participant"] = {
            "id": participant.key,
            "entity": alias if masked else participant.entity,
            "display_text": policy.ANONYMOUS if masked else participant.display_text,
            "role": participant.role,
        }
    return told


def _delivery(
    hook: Webhook,
    kind: str,
    now: datetime.datetime,
    data: dict[str, Any],
    *,
    at: datetime.datetime | None = None,
) -> Delivery:
    """The next message of `hook`, which counts on."""
    hook.last_number += 1
    when = (at or now).astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
    return Delivery(
        webhook=hook,
        number=hook.last_number,
        message=f"msg_{secrets.token_hex(16)}",
        type=kind,
        conference=data.get("conference", {}).get("id", ""),
        payload={"type": kind, "timestamp": when, "number": hook.last_number, "data": data},
        created_at=now,
    )


# --- Sending ---------------------------------------------------------------------


def send_webhooks(*, now: datetime.datetime, post: Post = posting.post) -> None:
    """Send every endpoint what is due, several endpoints at the same time."""
    tell_webhooks(now=now)
    waiting = Webhook.objects.filter(
        Q(claimed_at__isnull=True) | Q(claimed_at__lte=now - SENDING_TAKES),
        state=WebhookState.ON,
        due_at__lte=now,
        owner__is_active=True,
        deliveries__due=True,
    )
    hooks = [one for one in waiting.distinct() if _claim(one, now)]
    if not hooks:
        return
    try:
        with futures.ThreadPoolExecutor(SPEAKERS, "webhooks") as speakers:
            _speak(hooks, speakers, post, now)
    finally:
        Webhook.objects.filter(pk__in=[one.pk for one in hooks]).update(claimed_at=None)


def _claim(hook: Webhook, now: datetime.datetime) -> bool:
    free = Webhook.objects.filter(pk=hook.pk, claimed_at=hook.claimed_at)
    return free.update(claimed_at=now) == 1


def _speak(
    hooks: list[Webhook], speakers: futures.Executor, post: Post, now: datetime.datetime
) -> None:
    """One message of each endpoint at a time; only this thread asks the database."""
    left = {one.pk: IN_A_ROW for one in hooks}
    going: dict[futures.Future[posting.Outcome], Delivery] = {}

    def next_of(pk: int) -> None:
        due = Delivery.objects.filter(webhook=pk, due=True, webhook__state=WebhookState.ON)
        found = due.select_related("webhook").order_by("number").first()
        if found is not None and left[pk] > 0:
            left[pk] -= 1
            going[speakers.submit(post, *_written(found))] = found

    for hook in hooks:
        next_of(hook.pk)
    while going:
        done, _rest = futures.wait(going, return_when=futures.FIRST_COMPLETED)
        for one in done:
            delivery = going.pop(one)
            if _note(delivery, one.result(), now):
                next_of(delivery.webhook_id)


def _written(delivery: Delivery) -> tuple[str, dict[str, str], bytes]:
    """Address, header fields and body."""
    hook, at = delivery.webhook, int(clock.now().timestamp())
    body = json.dumps(delivery.payload, separators=(",", ":"), ensure_ascii=False).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Parley-Webhooks",
        "webhook-id": delivery.message,
        "webhook-timestamp": str(at),
        "webhook-signature": webhooks.signature(
            hook.secret, message=delivery.message, at=at, body=body
        ),
    }
    return hook.url, headers, body


@transaction.atomic
def _note(delivery: Delivery, outcome: posting.Outcome, now: datetime.datetime) -> bool:
    """Write down what came of it; whether to go on with the next."""
    fresh = Delivery.objects.filter(pk=delivery.pk)
    fresh.update(
        due=not outcome.taken,
        attempts=F("attempts") + 1,
        tried_at=now,
        status=outcome.status,
        milliseconds=outcome.milliseconds,
        error=outcome.error,
    )
    hook = Webhook.objects.select_for_update().filter(pk=delivery.webhook_id).first()
    if hook is None:
        return False
    if outcome.taken:
        if hook.failures:
            hook.failures, hook.failing_since, hook.error = 0, None, ""
            hook.save(update_fields=["failures", "failing_since", "error"])
        return hook.state == WebhookState.ON
    _failed(hook, outcome, now)
    return False


def _failed(hook: Webhook, outcome: posting.Outcome, now: datetime.datetime) -> None:
    hook.failures += 1
    hook.failing_since = hook.failing_since or now
    hook.error = outcome.error
    hook.due_at = now + datetime.timedelta(seconds=webhooks.pause(hook.failures))
    patience = datetime.timedelta(seconds=webhooks.PATIENCE)
    if outcome.status == webhooks.GONE or now - hook.failing_since >= patience:
        hook.state = WebhookState.OFF
    hook.save(update_fields=["state", "failures", "failing_since", "error", "due_at"])


def prune_deliveries(*, now: datetime.datetime) -> None:
    """Forget what is too old to be sent again."""
    Delivery.objects.filter(created_at__lte=now - KEEP_DELIVERIES).delete()
