"""What stands of a conference, for the process that takes it over when this one is gone.

Where several processes are one system, each dialog that matters, of a leg
whose call stands or of somebody who watches, is written down when it begins, when
its phone has moved, and crossed out when it ends: identifiers, route set,
remote target, flow. Not every NOTIFY is: numbers that only grow (CSeq, the
versions of RFC 4575) go on from so far ahead that nothing sent since can
have reached them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from conferences.policy import Identity, ParticipantKey
from sipgateway.focus.leg import Leg, State
from sipgateway.focus.roster import Joining
from sipgateway.media.engine import Direction, LegId
from sipgateway.sip import headers
from sipgateway.sip.dialog import Dialog
from sipgateway.sip.events import DialogId
from sipgateway.sip.flow import Flow, FlowId, Transport
from sipgateway.sip.subscription import Subscription
from sipgateway.sip.uri import parse_uri

AHEAD, FASTEST = 1000, 50
"""Numbers that are left out when a dialog is taken over, and those for each second since it
was written down: more than a watcher can be sent, at one NOTIFY in 0.1 s."""

#: JSON, as `written` makes it.
Written = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """One usage of a dialog as it was written down; `at` in POSIX seconds."""

    what: Written
    at: float

    def ahead(self, now: float) -> int:
        """A number that nothing which was sent since has reached."""
        return AHEAD + int(FASTEST * max(0.0, now - self.at))


def leg_written(leg: Leg, dialog: Dialog, joined_at: float, process: str) -> Written:
    """What is to be known of a leg whose call stands."""
    return {
        "usage": "leg",
        "dialog": _dialog(dialog, process),
        "identity": asdict(leg.identity),
        "leg": leg.id,
        "display_text": leg.display_text,
        "joining": leg.joining.value,
        "endpoint": leg.endpoint,
        "entity": leg.entity,
        "agent": leg.made_by,
        "joined": leg.joined,
        "commands": leg.commands,
        "participant": leg.participant if leg.joined else None,
        "private": leg.private,
        "takes_texts": leg.takes_texts,
        "referred_by": leg.referred_by,
        "joined_at": joined_at,
        "agreed": leg.agreed,
    }


def watcher_written(
    who: Identity, subscription: Subscription, dialog: Dialog, process: str
) -> Written:
    """What is to be known of somebody who watches."""
    return {
        "usage": "watcher",
        "dialog": _dialog(dialog, process),
        "identity": asdict(who),
        "event": headers.EVENT.build(subscription.event),
        "expires_at": subscription.expires_at,
    }


def referral_written(
    who: Identity,
    subscription: Subscription,
    dialog: Dialog,
    process: str,
    *,
    order: Mapping[str, int],
) -> Written:
    """What is to be known of somebody who is told how his REFER goes.

    `order` names the call or the removal that he asked for by its number, once there is one;
    what came of it meanwhile is put beside it as `outcome` by whoever reads this.
    """
    written = watcher_written(who, subscription, dialog, process)
    return {**written, "usage": "refer", "order": dict(order)}


def watcher_of(standing: Standing, dialog: DialogId) -> tuple[Identity, Subscription]:
    """The watcher that was written down, or whoever is told how his REFER goes."""
    what = standing.what
    event = headers.EVENT.parse(what["event"])
    return Identity(**what["identity"]), Subscription(dialog, event, what["expires_at"])


def leg_of(standing: Standing) -> Leg:
    """The leg that was written down: its call stands, its media has to be agreed anew."""
    what = standing.what
    return Leg(
        id=LegId(what["leg"]),
        identity=Identity(**what["identity"]),
        display_text=what["display_text"],
        flow=_flow(what["dialog"]["flow"]),
        joining=Joining(what["joining"]),
        transaction=None,
        request=None,
        endpoint=what["endpoint"],
        entity=what.get("entity", ""),
        agent=what.get("agent", ""),
        state=State.CONNECTED,
        participant=ParticipantKey(what["participant"]) if what["participant"] else None,
        joined=what.get("joined", True),
        at_door=not what.get("joined", True),
        commands=what.get("commands", False),
        direction=Direction.SENDRECV,
        private=what["private"],
        takes_texts=what.get("takes_texts", True),
        referred_by=what["referred_by"],
        agreed=what.get("agreed", ""),
        media_lost=True,
    )


def dialog_of(standing: Standing, now: float) -> Dialog:
    """The dialog that was written down; its name is given by who keeps it."""
    what = standing.what["dialog"]
    return Dialog(
        id=DialogId(0),
        call_id=what["call_id"],
        local=headers.FROM.parse(what["local"]),
        remote=headers.TO.parse(what["remote"]),
        contact=headers.CONTACT.parse(what["contact"]),
        remote_target=str(parse_uri(what["target"])),
        route_set=tuple(headers.ROUTE.parse(route) for route in what["routes"]),
        local_seq=what["seq"] + standing.ahead(now),
        remote_seq=None,
        flow=_flow(what["flow"]),
        early=False,
        proved=what.get("proved", ""),
    )


def _dialog(dialog: Dialog, process: str) -> Written:
    flow = dialog.flow
    return {
        "call_id": dialog.call_id,
        "local": headers.FROM.build(dialog.local),
        "remote": headers.TO.build(dialog.remote),
        "contact": headers.CONTACT.build(dialog.contact),
        "target": dialog.remote_target,
        "routes": [headers.ROUTE.build(route) for route in dialog.route_set],
        "seq": dialog.local_seq,
        "proved": dialog.proved,
        "flow": [
            flow.id,
            flow.transport.value,
            flow.remote_host,
            flow.remote_port,
            flow.local_host,
            flow.local_port,
            flow.via or process,
        ],
    }


def _flow(written: list[Any]) -> Flow:
    number, transport, *rest = written
    return Flow(FlowId(number), Transport(transport), *rest)
