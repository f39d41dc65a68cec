"""An invitee says whether he comes: to all times, or to one."""

from __future__ import annotations

import datetime
from typing import Any, Literal

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest
from django.utils import timezone
from ninja import Router, Schema

from conferences import policy, selectors, services
from conferences.api import access
from conferences.api.schemas.common import Strict
from conferences.models import Answer, Invitation
from conferences.services import Refused

router = Router(tags=["Invitees"])


class AnswerIn(Strict):
    """Whether you come."""

    answer: Literal["accepted", "tentative", "declined"]


class OneAnswerIn(Strict):
    """Whether you come to that time; empty for what you said to all of them."""

    answer: Literal["accepted", "tentative", "declined", ""]


class AnswerOut(Schema):
    """What counts now: for all times, or for that one."""

    answer: str


@router.put("/conferences/{conference}/answer", response=AnswerOut, summary="Say whether you come")
def answer(request: HttpRequest, conference: str, said: AnswerIn) -> dict[str, Any]:
    """To all its times; for who is invited."""
    return _take(request, _invitation(request, conference), Answer(said.answer), None)


@router.put(
    "/conferences/{conference}/occurrences/{occurrence}/answer",
    response=AnswerOut,
    summary="Say whether you come to one time",
)
def answer_one(
    request: HttpRequest, conference: str, occurrence: str, said: OneAnswerIn
) -> dict[str, Any]:
    """To that time alone, whatever you say to the others."""
    invitation = _invitation(request, conference)
    recurrence_id = selectors.occurrence_named(occurrence)
    if recurrence_id is None:
        raise Http404
    return _take(request, invitation, Answer(said.answer), recurrence_id)


def _invitation(request: HttpRequest, conference: str) -> Invitation:
    row = access.conference(request, conference, access.may_look)
    user = access.caller(request).user
    found = row.invitations.filter(user=user).first() if user else None
    if found is None:
        raise Refused(policy.Refusal.NOT_ALLOWED)
    return found


def _take(
    request: HttpRequest,
    invitation: Invitation,
    said: Answer,
    recurrence_id: datetime.datetime | None,
) -> dict[str, Any]:
    try:
        services.answer(
            invitation=invitation,
            answer=said,
            at=timezone.now(),
            recurrence_id=recurrence_id,
            way=access.caller(request).way,
        )
    except ValidationError as error:
        if error.code == "unknown":
            raise Http404 from error
        raise
    single = selectors.single_answers(invitation)
    whole = Answer(invitation.answer)
    return {"answer": single.get(recurrence_id, whole) if recurrence_id else whole}
