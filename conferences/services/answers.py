"""One answer for one request, however often it is sent.

As draft-ietf-httpapi-idempotency-key-header-07 wants it: a key is its sender's
own, is good for a day, and belongs to one request. A fault of ours is not kept,
because asking again may help.
"""

from __future__ import annotations

import datetime

from django.db import IntegrityError, transaction

from conferences.models import KeptAnswer

#: How long an answer is given again.
KEEP = datetime.timedelta(days=1)


class KeyInUse(Exception):
    """A request by that key is being answered now."""


class KeyTaken(Exception):
    """The key belongs to another request."""


def claim_key(*, owner: str, key: str, question: str, now: datetime.datetime) -> KeptAnswer | None:
    """The answer to give again; None where the request is to be carried out.

    What is claimed is to be given to `keep_answer` or `forget_key`.
    Raises `KeyInUse`, `KeyTaken`.
    """
    KeptAnswer.objects.filter(owner=owner, key=key, created_at__lte=now - KEEP).delete()
    try:
        with transaction.atomic():
            KeptAnswer.objects.create(owner=owner, key=key, question=question, created_at=now)
    except IntegrityError:
        found = KeptAnswer.objects.filter(owner=owner, key=key).first()
        if found is None or (found.question == question and found.status is None):
            raise KeyInUse from None
        if found.question != question:
            raise KeyTaken from None
        return found
    return None


def keep_answer(*, owner: str, key: str, status: int, headers: dict[str, str], body: bytes) -> None:
    """What is given again from now on."""
    rows = KeptAnswer.objects.filter(owner=owner, key=key)
    rows.update(status=status, headers=headers, body=body)


def forget_key(*, owner: str, key: str) -> None:
    """The request may be sent again as if it never was."""
    KeptAnswer.objects.filter(owner=owner, key=key).delete()


def prune_answers(*, now: datetime.datetime) -> None:
    """Delete those that nobody is given any more."""
    KeptAnswer.objects.filter(created_at__lte=now - KEEP).delete()
