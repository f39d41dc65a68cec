"""Has done what the focus asks for: by the directory, the media engine, the network, the peers.

Nothing here waits. What takes time is a task, and whatever becomes of it a
question gets its one answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, get_args

from sipgateway.focus.actions import (
    Action,
    Agree,
    AnnouncePhone,
    DirectoryAction,
    DropMedia,
    Forward,
    Listen,
    Mute,
    Place,
    Play,
    PlayRoom,
    PlaySound,
    RecordRoom,
    TellDialogs,
    Track,
    WatchDialogs,
)
from sipgateway.focus.events import FocusEvent, Negotiated, NegotiationFailed, Reached, Reopened
from sipgateway.focus.questions import AcceptAnswer, AnswerOffer, Describe, MakeOffer, Reach, Reopen
from sipgateway.media.engine import Description, Direction, MediaEngine, MediaError
from sipgateway.ports import Ports
from sipgateway.sip.flow import Flow, Transport

REOPEN_AT_ONCE = 50
"""Phones that are connected to at the same time, after a restart."""


class Errands:
    """See the module. `spawn` runs what takes time, `told` takes the answers."""

    def __init__(
        self,
        media: MediaEngine,
        ports: Ports,
        *,
        spawn: Callable[[str, Coroutine[None, None, None]], None],
        told: Callable[[FocusEvent], None],
    ) -> None:
        self._media = media
        self._ports = ports
        self._spawn = spawn
        self._told = told
        self._reopening = asyncio.Semaphore(REOPEN_AT_ONCE)

    def run(self, action: Action) -> None:
        """Have one action done."""
        _ACTIONS[type(action)](self, action)

    def _ask_directory(self, action: DirectoryAction) -> None:
        if self._ports.directory is not None:
            self._ports.directory.act(action)

    def _answer_offer(self, action: AnswerOffer) -> None:
        work = self._media.answer(
            action.leg,
            action.offer,
            action.session,
            room=action.room,
            host=action.host,
            agreed=action.agreed,
        )
        self._spawn(action.leg, self._negotiate(action.question, work))

    def _make_offer(self, action: MakeOffer) -> None:
        work = self._media.offer(
            action.leg,
            action.kind,
            action.session,
            room=action.room,
            host=action.host,
            agreed=action.agreed,
        )
        self._spawn(action.leg, self._negotiate(action.question, work))

    def _accept_answer(self, action: AcceptAnswer) -> None:
        work = self._media.accept(action.leg, action.answer)
        self._spawn(action.leg, self._negotiate(action.question, work))

    def _describe(self, action: Describe) -> None:
        self._spawn("describe", self._negotiate(action.question, self._description(action)))

    async def _description(self, action: Describe) -> Description:
        sdp = await self._media.describe(action.session)
        return Description(sdp, Direction.SENDRECV, 0)

    async def _negotiate(self, question: int, work: Coroutine[None, None, Description]) -> None:
        """Ask the engine; whatever it does, the question gets its one answer."""
        answer: Negotiated | NegotiationFailed = NegotiationFailed(question, 500, "")
        try:
            answer = Negotiated(question, await work)
        except MediaError as error:
            answer = NegotiationFailed(question, error.status, error.reason)
        finally:
            self._told(answer)

    def _forward(self, action: Forward) -> None:
        if self._ports.peers is not None:
            self._ports.peers.forward(action)

    def _announce(self, action: AnnouncePhone) -> None:
        if self._ports.peers is not None:
            self._ports.peers.announce(action)

    def _watch_dialogs(self, action: WatchDialogs) -> None:
        if self._ports.peers is not None:
            self._ports.peers.watch_dialogs(action)

    def _tell_dialogs(self, action: TellDialogs) -> None:
        if self._ports.peers is not None:
            self._ports.peers.tell_dialogs(action)

    def _reach(self, action: Reach) -> None:
        self._spawn("reach", self._find(action))

    async def _find(self, action: Reach) -> None:
        flows: list[Flow] = []
        routes = self._ports.routes
        trunk = routes.trunk_for(action.uri) if routes is not None else None
        try:
            if routes is not None:
                flows = await routes.reach(action.uri, action.tried)
        finally:  # whatever breaks, the question gets its one answer
            self._told(Reached(action.question, tuple(flows), trunk))

    def _reopen(self, action: Reopen) -> None:
        self._spawn("reopen", self._find_again(action))

    async def _find_again(self, action: Reopen) -> None:
        """Whatever happens, the question gets its one answer."""
        flow = None
        try:
            async with self._reopening:
                if self._ports.routes is not None:
                    remote = (action.host, action.port)
                    flow = await self._ports.routes.reopen(Transport(action.transport), remote)
        finally:
            self._told(Reopened(action.question, flow))

    def _place(self, action: Place) -> None:
        self._media.place(action.leg, action.room)

    def _mute(self, action: Mute) -> None:
        self._media.mute(action.leg, action.muted)

    def _play(self, action: Play) -> None:
        self._media.play(action.leg, action.prompt)

    def _play_room(self, action: PlayRoom) -> None:
        self._media.play_room(action.room, action.prompt)

    def _play_sound(self, action: PlaySound) -> None:
        self._media.sound(action.room, action.name, action.token, start=action.start)

    def _listen(self, action: Listen) -> None:
        self._media.listen(action.leg, action.seconds)

    def _record_room(self, action: RecordRoom) -> None:
        self._media.record(action.room, action.name, paused=action.paused)

    def _agree(self, action: Agree) -> None:
        self._media.agree(action.leg, action.agrees)

    def _track(self, action: Track) -> None:
        self._media.track(action.leg, action.name)

    def _drop(self, action: DropMedia) -> None:
        self._media.drop(action.leg)


_ACTIONS: Mapping[type, Callable[[Errands, Any], None]] = {
    **dict.fromkeys(get_args(DirectoryAction), Errands._ask_directory),
    AnswerOffer: Errands._answer_offer,
    MakeOffer: Errands._make_offer,
    AcceptAnswer: Errands._accept_answer,
    Describe: Errands._describe,
    Reach: Errands._reach,
    Reopen: Errands._reopen,
    Forward: Errands._forward,
    AnnouncePhone: Errands._announce,
    WatchDialogs: Errands._watch_dialogs,
    TellDialogs: Errands._tell_dialogs,
    Place: Errands._place,
    Mute: Errands._mute,
    Play: Errands._play,
    PlayRoom: Errands._play_room,
    PlaySound: Errands._play_sound,
    Listen: Errands._listen,
    RecordRoom: Errands._record_room,
    Agree: Errands._agree,
    Track: Errands._track,
    DropMedia: Errands._drop,
}
