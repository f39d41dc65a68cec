"""INVITEs that name another dialog: Replaces (RFC 3891) and Join (RFC 3911).

Both are rows of the same question: which leg of ours is meant, and may the
caller do that to it? RFC 3911 section 4 is followed where it says more: no
match and the Request-URI is a conference's means that Join is ignored.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from conferences.policy import Identity
from sipgateway.focus.conference import Conference
from sipgateway.focus.desk import Desk
from sipgateway.focus.leg import TALKING, Leg
from sipgateway.sip import headers
from sipgateway.sip.headers import DialogRef
from sipgateway.sip.message import Request


class Verb(enum.Enum):
    """What the INVITE wants of the other dialog."""

    JOIN = "join"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class Meant:
    """The leg that is meant and its conference."""

    verb: Verb
    conference: Conference
    leg: Leg


@dataclass(frozen=True, slots=True)
class Refused:
    """Why not: status and reason phrase."""

    status: int
    reason: str = ""
    #: Whose call it is, where that is why not.
    conference: Conference | None = None
    owner: str = ""


def wanted(request: Request) -> tuple[Verb, DialogRef] | Refused | None:
    """Which dialog an INVITE names; None for the usual one that names none."""
    joins, replaces = request.every(headers.JOIN), request.every(headers.REPLACES)
    if not joins and not replaces:
        return None
    if len(joins) + len(replaces) > 1:
        return Refused(400, "One Join or Replaces header at the most")
    return (Verb.JOIN, joins[0]) if joins else (Verb.REPLACE, replaces[0])


def find(desk: Desk, verb: Verb, ref: DialogRef, who: Identity) -> Meant | Refused | None:
    """The leg that `ref` names, for somebody who may; None where there is none."""
    dialog = desk.endpoint.find_dialog(ref.call_id, ref.to_tag, ref.from_tag)
    owner = desk.dialogs.get(dialog.id) if dialog else None
    if dialog is None or not isinstance(owner, Conference):
        return None
    leg = owner.calls.by_dialog(dialog.id)
    if leg is None:
        return None
    if leg.state not in TALKING:
        return Refused(603, "That Call Is Over")
    if verb is Verb.REPLACE and leg.identity.uri != who.uri:
        return Refused(403, "Not Your Call", owner, leg.identity.uri)
    early_only = headers.param_of(ref.params, "early-only") is not None
    if verb is Verb.REPLACE and early_only:
        return Refused(486, "That Call Is Answered")
    return Meant(verb, owner, leg)
