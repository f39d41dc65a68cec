"""2xx responses of ours that go out again until they are acknowledged (RFC 3261 13.3.1.4)."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from sipgateway.sip import headers, timers
from sipgateway.sip.dialog import Dialog
from sipgateway.sip.events import AckMissing, DialogId
from sipgateway.sip.tables import Tables
from sipgateway.sip.transaction import Transaction


@dataclass(slots=True)
class _Wait:
    """One of them."""

    dialog: DialogId
    cseq: int
    octets: bytes
    interval: float
    give_up: float


class AwaitedAcks:
    """See the module; at most one for a dialog."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._waits: dict[DialogId, _Wait] = {}

    def start(self, dialog: Dialog, invite: Transaction, now: float) -> None:
        """The 2xx to an INVITE has gone out."""
        cseq = invite.request.must(headers.CSEQ).number
        wait = _Wait(dialog.id, cseq, invite.octets, timers.T1, now + timers.GIVE_UP)
        self._waits[dialog.id] = wait
        self._tables.at(now + timers.T1, functools.partial(self._is_due, wait))

    def take(self, dialog: DialogId, cseq: int) -> bool:
        """An ACK has come; whether one of that number was awaited."""
        wait = self._waits.get(dialog)
        if wait is None or wait.cseq != cseq:
            return False
        del self._waits[dialog]
        return True

    def forget(self, dialog: DialogId) -> None:
        """The dialog is over."""
        self._waits.pop(dialog, None)

    def _is_due(self, wait: _Wait, now: float) -> None:
        dialog = self._tables.dialogs.get(wait.dialog)
        if self._waits.get(wait.dialog) is not wait or dialog is None:
            return
        if now >= wait.give_up:
            del self._waits[wait.dialog]
            self._tables.tell(AckMissing(wait.dialog))
            return
        self._tables.post(dialog.flow, wait.octets)
        wait.interval = min(2 * wait.interval, timers.T2)
        again = min(now + wait.interval, wait.give_up)
        self._tables.at(again, functools.partial(self._is_due, wait))
