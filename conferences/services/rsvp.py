"""What an invitee says: whether he comes, to all times of a series or to one of them."""

from __future__ import annotations

import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from conferences import selectors
from conferences.models import Answer, Event, Invitation, OccurrenceAnswer, Way


@transaction.atomic
def answer(
    *,
    invitation: Invitation,
    answer: Answer,
    at: datetime.datetime,
    recurrence_id: datetime.datetime | None = None,
    way: Way = Way.WEB,
) -> None:
    """Take it down: to all where `recurrence_id` is None. Raises `ValidationError`.

    What he said about single times stays when he answers all; one that he answers
    as all the rest is none of its own any more, and `Answer.NONE` takes it back.
    """
    mine = Invitation.objects.select_for_update().get(pk=invitation.pk)
    detail: dict[str, Any] = {"answer": answer.value}
    if recurrence_id is None:
        changed = _answer_all(mine, answer, at)
    else:
        changed = _answer_one(mine, recurrence_id, answer, at)
        detail["recurrence_id"] = selectors.occurrence_name(recurrence_id)
        detail["answer"] = answer.value or mine.answer
    if changed:
        Event.objects.create(
            conference=mine.conference,
            at=at,
            kind="answered",
            actor=str(mine),
            way=way,
            detail=detail,
        )
    invitation.refresh_from_db()


def _answer_all(mine: Invitation, answer: Answer, at: datetime.datetime) -> bool:
    if selectors.window(mine.conference, now=at).over:
        raise ValidationError(_("This conference is over, or was cancelled."))
    changed = mine.answer != answer
    mine.answer, mine.answered_at, mine.hidden = answer, at, False
    mine.save(update_fields=["answer", "answered_at", "hidden"])
    mine.occurrence_answers.filter(answer=answer).delete()
    return changed


def _answer_one(
    mine: Invitation, recurrence_id: datetime.datetime, answer: Answer, at: datetime.datetime
) -> bool:
    row = mine.conference
    found = selectors.planned_one(row, recurrence_id)
    if found is None or not found.series.pattern.rule:
        raise ValidationError(_("The series has no such occurrence."), code="unknown")
    if row.cancelled_at is not None or found.now is None or found.now.ends_at <= at:
        raise ValidationError(_("This time is over, or was called off."))
    before = mine.occurrence_answers.filter(recurrence_id=recurrence_id).first()
    said = answer if answer != mine.answer else Answer.NONE
    if said == (before.answer if before else Answer.NONE):
        return False
    if not said and before is not None:
        before.delete()
        return True
    OccurrenceAnswer.objects.update_or_create(
        invitation=mine,
        recurrence_id=recurrence_id,
        defaults={"answer": said, "answered_at": at},
    )
    return True
