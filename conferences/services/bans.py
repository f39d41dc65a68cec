"""Who may not come back, and who lets him: by saying so, or by having him called.

Page, REST API and REFER come through here. A ban is a row; the focus hears that
something changed and reads it.
"""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from conferences import notices, policy, selectors
from conferences.models import Ban, Event, Way
from conferences.policy import ConferenceId, Identity, Refusal
from conferences.services.refused import Refused, unless_none


@transaction.atomic
def lift_ban(*, conference: ConferenceId, ban: int, actor: Identity, way: Way) -> None:
    """Let somebody come again who was removed for good; he is not told.

    For those who command. Raises `Refused`, UNKNOWN where he may already.
    """
    snapshot = selectors.snapshot(conference)
    if snapshot is None:
        raise Refused(Refusal.UNKNOWN)
    unless_none(policy.may_command(snapshot, actor))
    row = Ban.objects.filter(pk=ban, conference_id=conference).first()
    if row is None or not lifted(conference, row.entity, actor=actor, way=way):
        raise Refused(Refusal.UNKNOWN)
    notices.conference_changed(conference)


@transaction.atomic
def shut_out(
    *,
    conference: ConferenceId,
    entity: str,
    actor: Identity,
    way: Way,
    reason: str = "",
    ban: bool = False,
) -> None:
    """Write down that somebody who stood at the PIN was sent away; `ban` for good.

    The focus hangs up. Raises `Refused`.
    """
    snapshot = selectors.snapshot(conference)
    if snapshot is None:
        raise Refused(Refusal.UNKNOWN)
    may = policy.may_ban if ban else policy.may_remove
    unless_none(may(snapshot, actor, target=entity))
    now = timezone.now()
    if ban:
        row = {"by": actor.uri, "at": now}
        Ban.objects.get_or_create(conference_id=conference, entity=entity, defaults=row)
    Event.objects.create(
        conference_id=conference,
        at=now,
        kind="not-let-in",
        actor=actor.uri,
        target=entity,
        way=way,
        detail={"reason": reason, "ban": ban},
    )
    notices.conference_changed(conference)


def lifted(conference: ConferenceId, entity: str, *, actor: Identity, way: Way) -> bool:
    """Whether `entity` was banned; then he is so no longer, and the history says by whom.

    The caller has asked policy, and tells the focus.
    """
    gone, _ = Ban.objects.filter(conference_id=conference, entity=entity).delete()
    if gone:
        Event.objects.create(
            conference_id=conference,
            at=timezone.now(),
            kind="ban-lifted",
            actor=actor.uri,
            target=entity,
            way=way,
        )
    return bool(gone)
