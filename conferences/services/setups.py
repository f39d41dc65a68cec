"""Calls to the conference application: opened by a call, answered by a page or a keypad."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from conferences import notices, policy, selectors
from conferences.models import Setup, Way
from conferences.policy import ConferenceId
from conferences.services import adhoc, moderation
from conferences.services.names import canonical_uri
from conferences.services.refused import Refused


def _time(at: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at, tz=datetime.UTC)


def open_setup(*, token: str, caller: policy.Identity, at: float) -> None:
    """Somebody called the application; `token` is the secret of his page."""
    Setup.objects.create(
        token=token,
        entity=caller.uri,
        display_name=caller.display_name[:100],
        opened_at=_time(at),
    )


def close_setup(*, token: str, at: float) -> None:
    """The caller is gone, or in his conference: the page's link is good for nothing more."""
    Setup.objects.filter(token=token, closed_at__isnull=True).update(closed_at=_time(at))


@transaction.atomic
def answer_setup(
    *,
    token: str,
    title: str = "",
    pin: str = "",
    max_participants: int | None = None,
    call: Iterable[str] = (),
) -> ConferenceId:
    """Create what the caller asked for, and have him brought in. Raises `ValidationError`.

    `call` are the URIs (or user names) of those whom the focus is to call at once.
    Answered once: a second answer, or one after the caller has hung up, is refused.
    """
    setup = selectors.setup(token)
    if setup is None or not setup.waits:
        raise ValidationError(_("This call is over, or its conference exists already."))
    uris = _checked(call)
    caller = policy.Identity(setup.entity, setup.display_name)
    try:
        created = adhoc.create_adhoc(
            creator=caller, title=title, pin=pin, max_participants=max_participants
        )
    except Refused as refused:
        raise ValidationError(
            _("All ports are taken right now. Try a smaller size, or again later."), code="full"
        ) from refused
    mine = Setup.objects.filter(token=token, conference__isnull=True, closed_at__isnull=True)
    if mine.update(conference_id=created) != 1:
        raise ValidationError(_("This call is over, or its conference exists already."))
    # Before anybody hears of calls to place: the process that has the caller is to serve it.
    notices.setup_answered(token)
    for uri in uris:
        _have_called(created, uri, caller)
    return created


def _have_called(conference: ConferenceId, uri: str, caller: policy.Identity) -> None:
    """Have the focus call somebody; `ValidationError` where the caller may not ask for it."""
    try:
        moderation.ask_to_call(conference=conference, uri=uri, actor=caller, way=Way.WEB)
    except Refused as refused:
        text = _("%(uri)s may not be called from here; ask whoever runs this server.")
        if refused.refusal is policy.Refusal.TOO_MANY_CALLS:
            text = _("You have had too many people called; wait a while.")
        said = ValidationError(text, code=refused.refusal.value, params={"uri": uri})
        raise ValidationError({"call": said}) from refused


def _checked(call: Iterable[str]) -> list[str]:
    try:
        return [canonical_uri(uri) for uri in call]
    except ValidationError as error:
        raise ValidationError({"call": error.error_list}) from error
