"""``manage.py sip``: look into the gateways that run on this `DATA_DIR`."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from sipgateway import control

_WIDTH = 58


class Command(BaseCommand):
    """See the module."""

    help = "Follow what passes on the wire of a running gateway, or print what it has counted."

    def add_arguments(self, parser: CommandParser) -> None:
        """Two sub-commands."""
        what = parser.add_subparsers(dest="what", required=True)
        trace = what.add_parser("trace", help="follow messages live, until Ctrl-C")
        whom = trace.add_mutually_exclusive_group()
        whom.add_argument("--call-id", default="", help="the messages of that call")
        whom.add_argument("--account", default="", help="the calls of that user name")
        trace.add_argument("--full", action="store_true", help="whole messages, secrets cut out")
        trace.add_argument("--count", type=int, default=0, help="end after so many messages")
        what.add_parser("counters", help="one JSON object: what was counted, by process")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        """Do it; `CommandError` where no gateway runs."""
        try:
            if options["what"] == "counters":
                self._counters()
            else:
                self._trace(options)
        except KeyboardInterrupt:
            pass

    def _counters(self) -> None:
        told = {}
        for name, asking in _running().items():
            with asking:
                told[name] = next(_answers(asking, {"ask": "counters"}))
        self.stdout.write(json.dumps(told))

    def _trace(self, options: dict[str, Any]) -> None:
        question = {
            "ask": "trace",
            "call_id": options["call_id"],
            "account": options["account"],
        }
        self._left = options["count"] or float("inf")
        self._full = options["full"]
        ended, printing = threading.Event(), threading.Lock()

        def follow(asking: socket.socket) -> None:
            for shown in _answers(asking, question):
                with printing:
                    if ended.is_set():
                        return
                    self._show(shown)
                    if self._left <= 0:
                        ended.set()
            ended.set()

        followed = _running().values()
        threads = [threading.Thread(target=follow, args=(one,), daemon=True) for one in followed]
        for thread in threads:
            thread.start()
        try:
            ended.wait()
        finally:
            for asking in followed:
                asking.shutdown(socket.SHUT_RDWR)  # ends its thread, too
            for thread, asking in zip(threads, followed, strict=True):
                thread.join()
                asking.close()

    def _show(self, shown: dict[str, Any]) -> None:
        if "following" in shown:
            self.stderr.write(f"following process {shown['following']}; Ctrl-C ends")
            return
        self._left -= 1
        if shown["missed"]:
            self.stdout.write(f"… {shown['missed']} messages came too fast to be shown …")
        at = datetime.fromtimestamp(shown["at"]).astimezone()
        arrow = "──▶" if shown["inward"] else "◀──"
        where = f"{shown['transport']} {shown['peer']}"
        line = f"{at:%H:%M:%S.%f}"[:-3] + f"  {where:<28} {arrow}  {shown['first_line']:<{_WIDTH}}"
        self.stdout.write(f"{line}  {shown['call_id']}")
        if self._full:
            self.stdout.write("\n".join(f"    {part}" for part in shown["text"].splitlines()))
        self.stdout.flush()


def _running() -> dict[str, socket.socket]:
    """Connections to the processes that are there, by name; `CommandError` if there is none."""
    found = {}
    for path in control.sockets(Path(settings.DATA_DIR)):
        try:
            found[path.stem] = _connected(path)
        except PermissionError as error:
            raise CommandError(f"{path}: only its owner may look into a gateway") from error
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)  # of a process that was killed
    if not found:
        raise CommandError(f"no gateway runs on DATA_DIR={settings.DATA_DIR}")
    return found


def _connected(path: Path) -> socket.socket:
    asking = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with control.reachable(path) as short:
            asking.connect(short)
    except OSError:
        asking.close()
        raise
    return asking


def _answers(asking: socket.socket, question: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Ask, and give each line of the answer until the process ends."""
    with asking.makefile("rw", encoding="utf-8") as lines:
        lines.write(json.dumps(question) + "\n")
        lines.flush()
        for line in lines:
            yield json.loads(line)
