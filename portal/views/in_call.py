"""What a page has to know of a conference to show the call that somebody has in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from conferences import policy, selectors
from conferences.models import Conference

#: What is written beside the link: for whom it opens the door.
LINK_LABELS: Mapping[policy.Admission, Any] = {
    policy.Admission.INVITED: _("Link, for the invited, who sign in"),
    policy.Admission.SIGNED_IN: _("Link, for people with an account"),
    policy.Admission.OPEN: _("Link for everybody, guests included"),
}


def _ends_with(snapshot: policy.Snapshot, identity: policy.Identity) -> bool:
    """Whether the conference is over when `identity` leaves it (RFC 4579 5.12)."""
    ends = snapshot.creator_departs is policy.CreatorDeparts.END
    return ends and snapshot.creator == identity.uri


def _has_to_wait(snapshot: policy.Snapshot, identity: policy.Identity | None) -> bool:
    """Whether somebody (None: a guest to be) is let in only by a moderator."""
    if identity is None:
        return snapshot.waiting_room is not policy.WaitingRoom.NONE
    return policy.has_to_wait(snapshot, identity, opened=False)


def config(
    request: HttpRequest,
    conference: Conference,
    snapshot: policy.Snapshot,
    identity: policy.Identity | None,
) -> dict[str, Any]:
    """For the scripts: the conference, what `identity` may do in it, and where to ask for it."""
    return {
        "conference": {
            "uri": selectors.conference_uri(conference),
            "name": conference.name,
            "title": conference.title,
        },
        "role": (snapshot.role_of(identity) if identity else policy.Role.PARTICIPANT).value,
        "commands": identity is not None and policy.may_command(snapshot, identity) is None,
        "adds": identity is not None and policy.may_add(snapshot, identity, joined=True) is None,
        "moves": identity is not None and not identity.is_guest,
        "ends": identity is not None and _ends_with(snapshot, identity),
        "waiting_room": snapshot.waiting_room.value,
        "waits": _has_to_wait(snapshot, identity),
        "link": selectors.conference_url(conference),
        "api": f"/api/v1/conferences/{conference.name}",
        "jobs": "/api/v1/jobs/",
        "standing": reverse("room_standing", args=[conference.name]),
        "csrf": get_token(request),
    }


def context(
    request: HttpRequest,
    conference: Conference,
    snapshot: policy.Snapshot,
    identity: policy.Identity | None,
) -> dict[str, Any]:
    """For the templates `room/line.html` and `room/call.html`."""
    return {
        "conference": conference,
        "url": selectors.conference_url(conference),
        "link_label": LINK_LABELS[snapshot.admission],
        "config": config(request, conference, snapshot, identity),
    }
