"""Somebody whom a conference calls: by what orders, on what phones, and how that goes."""

from __future__ import annotations

from dataclasses import dataclass, field

from conferences import policy
from conferences.policy import CallOrder, Identity
from sipgateway.focus.desk import Phone, over_tls, same_device, uri_of
from sipgateway.focus.diversion import Diversions
from sipgateway.focus.failures import Failure
from sipgateway.focus.leg import Farewell, Leg
from sipgateway.focus.referral import Telling
from sipgateway.focus.roster import Departure, Joining
from sipgateway.media.engine import LegId
from sipgateway.sip.uri import SipUri

NOBODY_LEFT = "Nobody Is Left"
"""What is told of a call that was for others who have all gone meanwhile."""


@dataclass(slots=True, eq=False)
class Ringing:
    """Somebody who is being called: by one order, or by several that came while he rang."""

    #: By id.
    orders: dict[int, CallOrder]
    legs: list[Leg] = field(default_factory=list)
    told: dict[int, list[Telling]] = field(default_factory=dict)
    #: The phone that has answered, until it is clear that he can be heard.
    won: Leg | None = None
    #: The last that was told of it.
    progress: int = 0
    #: How its phones have failed; the one that says most is told.
    failures: list[Failure] = field(default_factory=list)
    #: Where they send the call on to; None where one certain phone was to be called.
    diversions: Diversions | None = None

    @property
    def order(self) -> CallOrder:
        """The one in whose name it rings."""
        return next(iter(self.orders.values()))

    def tell(self, status: int, now: float, reason: str = "") -> None:
        """Tell everybody who asked how it goes."""
        self.progress = status
        for told in [told for some in self.told.values() for told in some]:
            told.tell(status, now, reason)


CALLED_OFF = Farewell(Departure.FAILED, status=487, text="The call was called off")
FOR_NOBODY = Farewell(
    Departure.FAILED, status=487, reason=NOBODY_LEFT, text="Nobody is left in the conference"
)


def is_plain(order: CallOrder) -> bool:
    """Whether all phones of somebody are to ring, and for him alone."""
    return not (order.phone or order.takes_over or order.replaces)


def failure_of(bye: Farewell) -> Failure:
    """How one phone has failed, in its own words: it is we who called it.

    One that is let go by us has not failed by itself.
    """
    if bye.status < 300:
        return Failure(487, bye.reason or bye.text)
    says_little = Failure.of(bye).says_little
    return Failure(bye.status, bye.reason or bye.text, says_little=says_little)


def leg_to(phone: Phone, order: CallOrder, entity: str, leg: LegId, *, by: str) -> Leg:
    """The leg to one phone; `by` is who asked, as that phone may read it."""
    return Leg(
        id=leg,
        identity=Identity(entity, order.display_name),
        display_text=order.display_name,
        flow=phone.flow,
        joining=Joining.DIALED_OUT,
        transaction=None,
        request=None,
        endpoint=phone.uri,
        routes=phone.routes,
        agent=phone.agent,
        spare=phone.next,
        referred_by=policy.NOBODY if order.anonymous else order.by,
        referred_as=by,
        takes_over=order.takes_over,
        history=order.history,
        extra=(("Replaces", order.replaces),) if order.replaces else (),
    )


def wanted_of(order: CallOrder, phones: list[Phone], contact: SipUri | None) -> list[Phone]:
    """Those of a person's phones that may ring: the one of that Contact, those over TLS."""
    if contact is not None:
        phones = [one for one in phones if same_device(uri_of(one.uri), contact)]
    return over_tls(phones) if order.secure else phones
