"""INVITEs that name another dialog: Replaces (RFC 3891) and Join (RFC 3911).

Both are rows of the same question: which leg of ours is meant, and may the
caller do that to it? RFC 3911 section 4 is followed where it says more: no
match and the Request-URI is a conference's means that Join is ignored.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from conferences.policy import Identity, Refusal
from sipgateway.focus.conference import Conference
from sipgateway.focus.desk import Desk
from sipgateway.focus.facts import AskRefused
from sipgateway.focus.leg import TALKING, Leg
from sipgateway.sip import headers
from sipgateway.sip.events import RequestReceived
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


OVER = Refused(603, "That Call Is Over")
"""RFC 3891 3, RFC 3911 4: the dialog has been terminated."""


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
    if dialog is None and desk.endpoint.has_ended(ref.call_id, ref.to_tag, ref.from_tag):
        return OVER
    owner = desk.dialogs.get(dialog.id) if dialog else None
    if dialog is None or not isinstance(owner, Conference):
        return None
    leg = owner.calls.by_dialog(dialog.id)
    if leg is None:
        return None
    if leg.state not in TALKING:
        return OVER
    if verb is Verb.REPLACE and leg.identity.uri != who.uri:
        return Refused(403, "Not Your Call", owner, leg.identity.uri)
    early_only = headers.param_of(ref.params, "early-only") is not None
    if verb is Verb.REPLACE and early_only:
        return Refused(486, "That Call Is Answered")
    return Meant(verb, owner, leg)


def take(
    desk: Desk, event: RequestReceived, who: Identity, now: float, *, conference: bool
) -> bool:
    """Take up an INVITE that names another dialog; False for what is a call like any other.

    `conference` says that it is for a conference URI: there a Join without match is
    ignored (RFC 3911 4). A dialog of another process is for that one to find.
    """
    asked = wanted(event.request)
    if asked is None:
        return False
    if isinstance(asked, Refused):
        desk.endpoint.respond(event.transaction, asked.status, now, reason=asked.reason)
        return True
    verb, ref = asked
    found = find(desk, verb, ref, who)
    if found is None:
        process = desk.endpoint.process_of(ref.call_id, ref.to_tag)
        if process and event.vouched is None:
            desk.forward(event, process, who)
        elif verb is Verb.JOIN and conference:
            return False
        else:
            desk.endpoint.respond(event.transaction, 481, now)
    elif isinstance(found, Refused):
        if found.conference is not None:
            fact = AskRefused(who.uri, "replace", found.owner, Refusal.NOT_ALLOWED)
            found.conference.record(fact, now)
        desk.endpoint.respond(event.transaction, found.status, now, reason=found.reason)
    else:
        replaces = found.leg if found.verb is Verb.REPLACE else None
        found.conference.invite(event, who, now, replaces=replaces)
    return True
