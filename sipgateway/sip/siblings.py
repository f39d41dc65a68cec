"""Which process of one system a message is for.

Several processes may serve one domain. A phone's connection ends in one of
them, and a dialog lives in another: the one that owns its conference. So
every tag and branch that a process makes begins with the process's name
(`tokens.SecretTokens`): a response finds back by its topmost Via, a request
in a dialog by the tag in its To. What no tag tells is remembered by Call-ID:
the CANCEL of an INVITE that was passed on, and dialogs that another process
has taken over from the one that made them.
"""

from __future__ import annotations

import re
from collections import OrderedDict

from sipgateway.sip import headers
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.message import Message, Request
from sipgateway.sip.tokens import MAGIC_COOKIE

MAX_REMEMBERED = 50_000
"""Calls of other processes that are remembered, 200 octets each; the oldest go first."""

#: Unlike any UUID, which many phones take for their tags.
_NAMED = re.compile(r"p([0-9a-f]{8})_")


class Siblings:
    """See the module. `name` is our own: eight hexadecimal digits."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._calls: OrderedDict[str, str] = OrderedDict()

    def learn(self, call_id: str, name: str) -> None:
        """The call of that Call-ID is served by the process `name`, which may be this one."""
        self._calls[call_id] = name
        self._calls.move_to_end(call_id)
        if len(self._calls) > MAX_REMEMBERED:
            self._calls.popitem(last=False)

    def knows(self, call_id: str) -> bool:
        """Whether another process is known to serve that call."""
        return call_id in self._calls

    def whose(self, received: Message) -> str:
        """The process that a message is for; "" if it is ours, or nobody can tell."""
        try:
            name = self._whose(received)
        except BadMessage:
            return ""
        return "" if name == self.name else name

    def _whose(self, received: Message) -> str:
        if not isinstance(received, Request):
            return made_by(received.must(headers.VIA).branch.removeprefix(MAGIC_COOKIE))
        return self.of_call(received.get("call-id") or "", received.must(headers.TO).tag)

    def of_call(self, call_id: str, tag: str) -> str:
        """The process of a call, and of its dialog with that tag of ours; "" if unknown."""
        return self._calls.get(call_id) or made_by(tag)


def made_by(token: str) -> str:
    """The name of the process that made a tag, or a branch without its cookie; or ""."""
    found = _NAMED.match(token)
    return found[1] if found else ""
