"""Opus in Ogg (RFC 3533, RFC 7845), page by page, written so that a cut file still plays.

`Writer` takes packets of 20 ms and gives pages; a page is whole in itself, so
what has been written is playable up to its last page whatever happens then.
`last_page` finds where a file was cut, and `Writer` can go on from there in
the same logical stream: a recording that was interrupted stays one recording.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from sipgateway.media.codec import FRAME, RATE

PRE_SKIP = 312
"""Samples that libopus is behind at 48 kHz: 6.5 ms, to be left out by players (RFC 7845 4.2)."""

FRAMES = 6
"""Frames in a packet of silence: 120 ms, the longest that there is (RFC 6716 3.2)."""

PACKETS = 50
"""Packets on a page: a second. What a crash can take is one page (RFC 7845 3 allows that)."""

VENDOR = b"Parley"

MAGIC = b"OggS"
HEADER = struct.Struct("<4sBBqIIIB")
"""Capture pattern, version, type, granule position, serial, page number, checksum, segments
(RFC 3533 6)."""

FIRST, LAST = 2, 4
"""Header type flags: beginning and end of the stream."""

LONGEST_PAGE = HEADER.size + 255 + 255 * 255

_MIRRORED = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))


def checksum(page: bytes) -> int:
    """CRC-32 with polynomial 0x04c11db7, without reflection, starting at 0 (RFC 3533 6).

    zlib's is the reflected one that starts and ends with all ones: turned over
    octet by octet and as a whole it is the same.
    """
    reflected = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)


def build_page(
    packets: list[bytes], *, granule: int, serial: int, number: int, flags: int = 0
) -> bytes:
    """A page of whole packets; at most 255 segments together."""
    lacing = bytearray()
    for packet in packets:
        lacing += b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255])
    assert len(lacing) <= 255, "a page has at most 255 segments"
    head = HEADER.pack(MAGIC, 0, flags, granule, serial, number, 0, len(lacing))
    page = head + bytes(lacing) + b"".join(packets)
    return page[:22] + struct.pack("<I", checksum(page)) + page[26:]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stream stands after a page: its serial, the next page's number, the samples."""

    serial: int
    number: int = 0
    granule: int = 0

    @property
    def seconds(self) -> float:
        """How long the recording is by then."""
        return max(0, self.granule - PRE_SKIP) / RATE


def build_silence(place: Place, frames: int, payload: bytes) -> bytes:
    """Pages of so many frames of silence, to stand at a place; `payload` is one frame of it."""
    writer = Writer(place)
    # Code 3: several frames, all of one length, in one packet (RFC 6716 3.2.5).
    long = bytes([payload[0] | 3, FRAMES]) + FRAMES * payload[1:]
    lengths = [FRAMES] * (frames // FRAMES) + [1] * (frames % FRAMES)
    pages = []
    for start in range(0, len(lengths), 255):
        some = lengths[start : start + 255]
        packets = [long if one == FRAMES else payload for one in some]
        pages.append(writer.page(packets, sum(some)))
    return b"".join(pages)


def after_silence(place: Place, frames: int) -> Place:
    """Where a stream stands behind what `build_silence` gives."""
    packets = frames // FRAMES + frames % FRAMES
    return Place(place.serial, place.number + -(-packets // 255), place.granule + FRAME * frames)


class Writer:
    """Packets of 20 ms in, pages out."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._packets: list[bytes] = []

    @property
    def frames(self) -> int:
        """How many packets have been taken, in former lives of the stream, too."""
        return self.place.granule // FRAME + len(self._packets)

    def head(self) -> bytes:
        """The two pages that a new stream begins with (RFC 7845 5)."""
        identification = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, PRE_SKIP, RATE, 0, 0)
        comments = b"OpusTags" + struct.pack("<I", len(VENDOR)) + VENDOR + struct.pack("<I", 0)
        return self._page([identification], FIRST) + self._page([comments], 0)

    def add(self, packet: bytes) -> bytes:
        """Take a packet; gives the page before it when that is full, else nothing."""
        room = 255 - sum(len(one) // 255 + 1 for one in self._packets)
        full = len(self._packets) >= PACKETS or len(packet) // 255 + 1 > room
        page = self.flush() if full else b""
        self._packets.append(packet)
        return page

    def flush(self) -> bytes:
        """What has gathered, as a page."""
        return self._audio(0) if self._packets else b""

    def end(self) -> bytes:
        """What has gathered, as the last page; a page of nothing would be against RFC 7845 4."""
        return self._audio(LAST) if self._packets else b""

    def _audio(self, flags: int) -> bytes:
        packets, self._packets = self._packets, []
        return self.page(packets, len(packets), flags)

    def page(self, packets: list[bytes], frames: int, flags: int = 0) -> bytes:
        """A page of packets that are so many frames together."""
        granule = self.place.granule + FRAME * frames
        self.place = Place(self.place.serial, self.place.number, granule)
        return self._page(packets, flags)

    def _page(self, packets: list[bytes], flags: int) -> bytes:
        at = self.place
        page = build_page(
            packets, granule=at.granule, serial=at.serial, number=at.number, flags=flags
        )
        self.place = Place(at.serial, at.number + 1, at.granule)
        return page


@dataclass(frozen=True, slots=True)
class Page:
    """One page as it was read."""

    place: Place
    """After the page."""
    flags: int
    packets: list[bytes]
    size: int


def read_page(octets: bytes) -> Page | None:
    """The page that the octets begin with; None where they begin with no whole, sound one."""
    if len(octets) < HEADER.size:
        return None
    magic, version, flags, granule, serial, number, told, count = HEADER.unpack_from(octets)
    body = HEADER.size + count
    lacing = octets[HEADER.size : body]
    size = body + sum(lacing)
    if magic != MAGIC or version or len(lacing) < count or len(octets) < size:
        return None
    page = octets[:size]
    if checksum(page[:22] + bytes(4) + page[26:]) != told:
        return None
    return Page(Place(serial, number + 1, granule), flags, _packets(lacing, page[body:]), size)


def read_pages(file: IO[bytes]) -> Iterator[Page]:
    """The pages of a stream that `Writer` wrote, one at a time; ends at the first bad one."""
    while True:
        head = file.read(HEADER.size)
        lacing = file.read(head[-1]) if len(head) == HEADER.size else b""
        page = read_page(head + lacing + file.read(sum(lacing)))
        if page is None:
            return
        yield page


def _packets(lacing: bytes, body: bytes) -> list[bytes]:
    packets, start, length = [], 0, 0
    for segment in lacing:
        length += segment
        if segment < 255:
            packets.append(body[start : start + length])
            start, length = start + length, 0
    return packets


def last_page(octets: bytes) -> tuple[Place, int] | None:
    """Where the stream stands after the last sound page, and where that page ends.

    `octets` is the end of a file, of `LONGEST_PAGE` twice at most.
    """
    at = octets.rfind(MAGIC)
    while at >= 0:
        page = read_page(octets[at:])
        if page is not None:
            return page.place, at + page.size
        at = octets.rfind(MAGIC, 0, at)
    return None
