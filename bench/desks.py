"""Desk phones for `bench.bridge`, in a process of their own so that what they cost is not counted.

``python -m bench.desks COUNT CODEC TALKERS SECONDS`` prints the ports of its phones, is told
where each is to send, all as one line of JSON, and prints what came for them at the end.
"""

from __future__ import annotations

import json
import socket
import sys
import time

import numpy as np

from bench.voices import LENGTH, noise, record, speech
from sipgateway.media import codecs, rtp
from sipgateway.media.codec import PERIOD

TYPES = {"opus": 96, "pcmu": 0, "pcma": 8}
"""Payload types of the phones."""


def main() -> None:
    """See the module."""
    count, name, talkers, seconds = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    phones = [_open() for _ in range(count)]
    codec = codecs.load()[name]
    quiet = record(noise(np.random.default_rng(1)), codec).payloads
    voices = [record(speech(seed), codec).payloads for seed in range(talkers)]
    print(json.dumps([one.getsockname()[1] for one in phones]), flush=True)
    there = [("127.0.0.1", port) for port in json.loads(sys.stdin.readline())]
    senders = [rtp.Sender(number + 1, 1, 1) for number in range(count)]
    start, received = time.monotonic(), 0
    for tick in range(int(float(seconds) / PERIOD)):
        for number, phone in enumerate(phones):
            said = voices[number] if number < talkers else quiet
            packet = senders[number].build(
                said[tick % LENGTH], codec.duration, payload_type=TYPES[name]
            )
            phone.sendto(packet, there[number])
            received += _drain(phone)
        time.sleep(max(0.0, start + (tick + 1) * PERIOD - time.monotonic()))
    print(json.dumps(received), flush=True)


def _open() -> socket.socket:
    phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    phone.bind(("127.0.0.1", 0))
    phone.setblocking(False)
    return phone


def _drain(phone: socket.socket) -> int:
    count = 0
    while True:
        try:
            data = phone.recv(2048)
        except BlockingIOError:
            return count
        count += not rtp.is_rtcp(data)


if __name__ == "__main__":
    main()
