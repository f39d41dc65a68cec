"""Privacy (RFC 3323): who wants it, and what others are shown instead.

Who somebody is has been proved by digest before anything here matters. What
is hidden is hidden from people, never from the focus.
"""

from __future__ import annotations

from conferences import policy
from conferences.policy import ANONYMOUS, Identity
from sipgateway.focus.desk import uri_of
from sipgateway.sip import headers
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.message import Request, Response
from sipgateway.sip.uri import SipUri

#: RFC 3323 4.2 and RFC 3325: whoever names one of these does not want to be known.
_HIDING = frozenset({"id", "user", "header"})
_NOWHERE = "anonymous.invalid"
LONGEST_CALLER = 100
"""Letters of a number, or of a Call-ID, that tell callers of a gateway apart."""
#: RFC 3323 4.1.1.3.
NOBODY = NameAddr(uri_of(policy.NOBODY), ANONYMOUS)


def wanted(said: Request | Response) -> bool:
    """Whether the sender asks for privacy, by Privacy or by an anonymous From."""
    asked = said.one(headers.PRIVACY)
    if asked is not None:
        values = {asked.value, *(name.lower() for name, _ in asked.params)}
        if "none" in values:
            return False
        if values & _HIDING:
            return True
    if isinstance(said, Response):
        return False
    sender = said.must(headers.FROM).uri
    return isinstance(sender, SipUri) and sender.host.lower() == _NOWHERE


def caller_of(request: Request) -> str:
    """Which of those who call through a gateway this is.

    The number that it vouches for (RFC 3325), else the one that it names, else this call.
    """
    asserted = request.one(headers.P_ASSERTED_IDENTITY)
    sender = (asserted or request.must(headers.FROM)).uri
    user = sender.user if isinstance(sender, SipUri) else str(sender)
    named = user and (asserted is not None or not wanted(request))
    return (str(user) if named else request.must(headers.CALL_ID))[:LONGEST_CALLER]


def sender_of(request: Request, who: Identity) -> NameAddr:
    """The From of what is passed on for `who`, as he wants to be known."""
    if wanted(request):
        return NOBODY
    return NameAddr(uri_of(who.uri), who.display_name)
