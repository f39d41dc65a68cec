"""What the two sides of a user agent share: transactions, dialogs, timers, both queues.

The server side (`uas`) and the client side (`uac`) each bring the rules; here
is only who is there, found by each of the ways in which one is looked for.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sipgateway.sip.dialog import Dialog, DialogKey
from sipgateway.sip.errors import LocalError
from sipgateway.sip.events import DialogId, SipEvent, TransactionId
from sipgateway.sip.flow import Flow, FlowId
from sipgateway.sip.message import Message, Request
from sipgateway.sip.tokens import Tokens
from sipgateway.sip.transaction import Kind, Transaction

Fields = Sequence[tuple[str, str]]
Alarm = Callable[[float], None]
_Key = str | FlowId


@dataclass(frozen=True, slots=True)
class Body:
    """A message body and its media type."""

    text: str
    media_type: str

    @classmethod
    def sdp(cls, text: str) -> Body:
        """A session description."""
        return cls(text, "application/sdp")


#: How many dialogs that are over are known as such.
ENDED = 4096


class Tables:
    """See the module."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.events: deque[SipEvent] = deque()
        self.outgoing: list[tuple[Flow, bytes]] = []
        self.counters: Counter[str] = Counter()
        self.transactions: dict[TransactionId, Transaction] = {}
        self.dialogs: dict[DialogId, Dialog] = {}
        self._dialog_keys: dict[DialogKey, DialogId] = {}
        #: Identifiers of dialogs that are over, the oldest first.
        self._ended: dict[DialogKey, None] = {}
        self._calls: dict[str, set[DialogId]] = {}
        self._of: dict[_Key, dict[TransactionId, Transaction]] = {}
        self._ids = itertools.count(1)
        self._order = itertools.count()
        #: By name, so that what is over is not kept alive by its timers.
        self._due: list[tuple[float, int, TransactionId | Alarm]] = []

    # -- transactions --------------------------------------------------------

    def add(self, kind: Kind, request: Request, flow: Flow, now: float) -> Transaction:
        """A new transaction, its timers running."""
        transaction = Transaction(TransactionId(next(self._ids)), kind, request, flow)
        self.transactions[transaction.id] = transaction
        for key in _keys(transaction):
            self._of.setdefault(key, {})[transaction.id] = transaction
        transaction.begin(now)
        self.schedule(transaction)
        return transaction

    def remove(self, transaction: Transaction) -> None:
        """It is over."""
        if self.transactions.pop(transaction.id, None) is None:
            return
        for key in _keys(transaction):
            others = self._of[key]
            del others[transaction.id]
            if not others:
                del self._of[key]

    def of(self, key: _Key) -> list[Transaction]:
        """The transactions of a call (by its Call-ID), or those on a flow."""
        return list(self._of.get(key, {}).values())

    # -- dialogs -------------------------------------------------------------

    def new_dialog_id(self) -> DialogId:
        """A name for a dialog."""
        return DialogId(next(self._ids))

    def keep(self, dialog: Dialog) -> None:
        """A new dialog."""
        self.dialogs[dialog.id] = dialog
        self._dialog_keys[dialog.key] = dialog.id
        self._calls.setdefault(dialog.call_id, set()).add(dialog.id)

    def forget(self, dialog: DialogId) -> None:
        """It is over."""
        known = self.dialogs.pop(dialog, None)
        if known is None:
            return
        self._dialog_keys.pop(known.key, None)
        self._ended[known.key] = None
        if len(self._ended) > ENDED:
            del self._ended[next(iter(self._ended))]
        others = self._calls[known.call_id]
        others.discard(dialog)
        if not others:
            del self._calls[known.call_id]

    def dialogs_of(self, call_id: str) -> list[Dialog]:
        """The dialogs of a call: one, or the forks of an INVITE of ours."""
        return [self.dialogs[one] for one in sorted(self._calls.get(call_id, ()))]

    def find(self, key: DialogKey) -> Dialog | None:
        """The dialog of that identifier."""
        known = self._dialog_keys.get(key)
        return self.dialogs.get(known) if known is not None else None

    def has_ended(self, key: DialogKey) -> bool:
        """Whether that was the identifier of a dialog, and not long ago."""
        return key in self._ended

    def knows(self, call_id: str) -> bool:
        """Whether a dialog or a transaction of that Call-ID is here."""
        return call_id in self._calls or call_id in self._of

    def dialog(self, dialog: DialogId) -> Dialog:
        """That dialog; `LocalError` if it is forgotten."""
        known = self.dialogs.get(dialog)
        if known is None:
            raise LocalError("no such dialog")
        return known

    # -- time ----------------------------------------------------------------

    def schedule(self, transaction: Transaction) -> None:
        """See to it that the transaction's next deadline is met."""
        if not transaction.deadlines:
            return
        when = min(transaction.deadlines.values())
        if transaction.alarm is None or when < transaction.alarm:
            transaction.alarm = when
            heapq.heappush(self._due, (when, next(self._order), transaction.id))

    def at(self, when: float, do: Alarm) -> None:
        """Call `do` at `when`; what is no longer wanted by then finds that out itself."""
        heapq.heappush(self._due, (when, next(self._order), do))

    def next_timeout(self) -> float | None:
        """When the next thing is due, or None."""
        return self._due[0][0] if self._due else None

    def pop_due(self, now: float) -> Transaction | Alarm | None:
        """The next thing that is due by `now`, or None."""
        while self._due and self._due[0][0] <= now:
            when, _, what = heapq.heappop(self._due)
            if callable(what):
                return what
            transaction = self.transactions.get(what)
            if transaction is not None:
                if transaction.alarm == when:
                    transaction.alarm = None
                return transaction
        return None

    # -- what goes out -------------------------------------------------------

    def post(self, flow: Flow, octets: bytes) -> None:
        """Queue octets."""
        self.outgoing.append((flow, octets))

    def tell(self, event: SipEvent) -> None:
        """Queue an event."""
        self.events.append(event)


def _keys(transaction: Transaction) -> tuple[_Key, ...]:
    return (transaction.request.get("call-id") or "", transaction.flow.id)


def fill(into: Message, fields: Fields, body: Body | None) -> None:
    """Put header fields and a body into a message of ours."""
    for name, value in fields:
        into.append(name, value)
    if body is not None:
        into.append("Content-Type", body.media_type)
        into.body = body.text.encode("utf-8", "surrogateescape")
