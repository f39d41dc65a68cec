"""Sends requests without credentials as fast as it can: ``python -m tests.live.flood``.

Arguments: port, seconds, address to send from, number of sockets. Prints how
many it has sent. Written from RFC 3261 alone; nobody listens for answers.
"""

from __future__ import annotations

import itertools
import secrets
import socket
import subprocess
import sys
import time

from tests.live.office import ROOT

METHODS = ("INVITE", "REGISTER")


def requests(port: int, source: str, here: int, *, name: str) -> list[bytes]:
    """A hundred requests, each with a name, a branch and a Call-ID of its own."""
    made = []
    for number, method in zip(range(100), itertools.cycle(METHODS), strict=False):
        token = f"{name}{number}"
        lines = [
            f"{method} sip:{number}@127.0.0.1:{port} SIP/2.0",
            f"Via: SIP/2.0/UDP {source}:{here};branch=z9hG4bK{token}",
            "Max-Forwards: 70",
            f"From: <sip:{number}@127.0.0.1:{port}>;tag={token}",
            f"To: <sip:{number}@127.0.0.1:{port}>",
            f"Call-ID: {token}",
            f"CSeq: 1 {method}",
            f"Contact: <sip:{number}@{source}:{here}>",
            "Content-Length: 0",
        ]
        made.append("\r\n".join([*lines, "", ""]).encode())
    return made


def send(port: int, seconds: float, source: str, sockets: int) -> int:
    """Send for so long; how many."""
    senders = []
    for _ in range(sockets):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender.bind((source, 0))
        sender.connect(("127.0.0.1", port))
        here = sender.getsockname()[1]
        senders.append((sender, requests(port, source, here, name=secrets.token_hex(6))))
    sent, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        for sender, made in senders:
            for octets in made:
                sender.send(octets)
            sent += len(made)
    return sent


def start(port: int, seconds: float, source: str, sockets: int) -> subprocess.Popen[str]:
    """The same in a process of its own."""
    arguments = [str(port), str(seconds), source, str(sockets)]
    command = [sys.executable, "-m", "tests.live.flood", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


if __name__ == "__main__":
    sys.stdout.write(
        f"{send(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], int(sys.argv[4]))}\n"
    )
