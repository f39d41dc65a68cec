"""What the gateway needs of the others in its process: the directory, the ways out, its peers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from conferences.policy import ConferenceId
from sipgateway.focus.actions import (
    AnnouncePhone,
    DirectoryAction,
    Forward,
    TellDialogs,
    WatchDialogs,
)
from sipgateway.ladder import Batch
from sipgateway.sip.credentials import Trunk
from sipgateway.sip.flow import Flow, FlowId, Peer, Transport
from sipgateway.sip.uri import Uri


class Directory(Protocol):
    """What the gateway needs of the directory."""

    async def start(self) -> None:
        """Start."""

    async def stop(self) -> None:
        """Write down what waits, then stop."""

    def failing(self) -> str:
        """What is wrong, or ""."""

    def act(self, action: DirectoryAction) -> None:
        """Queue a question or a fact."""

    def hand_over(self) -> None:
        """Let others take all our conferences at once."""

    def look(self, conference: ConferenceId, *, live: bool) -> None:
        """Read a conference again."""

    def look_at_setup(self, token: str) -> None:
        """Read what a caller has answered."""

    def find_owner(self, call_id: str, then: Callable[[str], None]) -> None:
        """Tell the process that has the dialogs of a Call-ID."""

    def look_at_phones(self) -> None:
        """Read which registrations were ended."""

    def remember_phones(self) -> None:
        """Read what an earlier life of this process knew of phones."""

    def look_at_trunks(self, then: Callable[[list[tuple[str, Trunk]]], None]) -> None:
        """Tell by what calls leave, by prefix of number."""

    def look_at_lifted(self) -> None:
        """Read whom administrators let try again."""

    def keep_messages(self, batches: list[Batch]) -> None:
        """Write down what was said in conferences."""

    def renew(self, conferences: list[ConferenceId], calls: Collection[str]) -> None:
        """Keep the leases of these, and take over what nobody keeps."""


class Routes(Protocol):
    """Ways out that are not connections which phones have opened."""

    def trunk_for(self, uri: Uri) -> Trunk | None:
        """By what that foreign URI leaves, if it does by a trunk."""

    def use_trunks(self, trunks: list[tuple[str, Trunk]]) -> None:
        """Have numbers that begin with a prefix leave by its trunk from now on."""

    async def reach(self, uri: Uri, tried: Collection[Peer] = ()) -> list[Flow]:
        """Flows to whoever serves a URI, in the order of trying, without those places."""

    async def reopen(self, transport: Transport, remote: tuple[str, int]) -> Flow | None:
        """The flow to a phone that was there before; None where there can be none."""

    def send_datagram(self, flow: Flow, octets: bytes) -> None:
        """Send on a flow of `Gateway.datagram_flow`."""


class Peers(Protocol):
    """The other processes of the system, where there are any."""

    #: The name of this process.
    name: str

    def send(self, flow: Flow, octets: bytes) -> None:
        """Send by a flow that ends in another process."""

    def forward(self, action: Forward) -> None:
        """Have a message answered by another process."""

    def announce(self, action: AnnouncePhone) -> None:
        """Tell all where a phone has registered."""

    def watch_dialogs(self, action: WatchDialogs) -> None:
        """Tell all whose dialogs are watched here."""

    def tell_dialogs(self, action: TellDialogs) -> None:
        """Tell another process the dialogs that it watches."""

    def others(self) -> list[str]:
        """The other processes that are there."""

    def flow_closed(self, flow: FlowId) -> None:
        """One of our connections is gone."""


@dataclass(slots=True)
class Ports:
    """Those that are there so far; each comes when it is up."""

    directory: Directory | None = None
    routes: Routes | None = None
    peers: Peers | None = None
