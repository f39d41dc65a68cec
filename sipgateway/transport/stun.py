"""STUN as a keep-alive over UDP (RFC 5626 3.5.2): a phone asks by what address it is seen.

PURE. Written from RFC 8489. A phone behind a NAT holds its flow open by it, and learns when the NAT
has forgotten it. Nothing is kept, and an answer is hardly longer than its question.
"""

from __future__ import annotations

import ipaddress
import struct

_MAGIC = 0x2112A442
_REQUEST, _SUCCESS, _XOR_MAPPED_ADDRESS = 0x0001, 0x0101, 0x0020
#: Type, length without the header, magic cookie, transaction (RFC 8489 5).
_HEADER = struct.Struct("!HHI12s")
_ATTRIBUTE = struct.Struct("!HH")
#: Attributes below have to be understood (RFC 8489 14).
_OPTIONAL = 0x8000


def answer(octets: bytes, remote: tuple[str, int]) -> bytes | None:
    """The Binding response to a Binding request from `remote`; None to anything else."""
    if len(octets) < _HEADER.size:
        return None
    kind, length, magic, transaction = _HEADER.unpack_from(octets)
    if kind != _REQUEST or magic != _MAGIC or length != len(octets) - _HEADER.size:
        return None
    if not _understood(octets[_HEADER.size :]):
        return None
    mapped = _mapped(remote, transaction)
    attribute = _ATTRIBUTE.pack(_XOR_MAPPED_ADDRESS, len(mapped)) + mapped
    return _HEADER.pack(_SUCCESS, len(attribute), _MAGIC, transaction) + attribute


def _understood(attributes: bytes) -> bool:
    """Whether they are whole, and none of them has to be understood: keep-alives have none."""
    while attributes:
        if len(attributes) < _ATTRIBUTE.size:
            return False
        kind, length = _ATTRIBUTE.unpack_from(attributes)
        whole = _ATTRIBUTE.size + length + -length % 4
        if kind < _OPTIONAL or whole > len(attributes):
            return False
        attributes = attributes[whole:]
    return True


def _mapped(remote: tuple[str, int], transaction: bytes) -> bytes:
    """The value of XOR-MAPPED-ADDRESS (RFC 8489 14.2)."""
    address = ipaddress.ip_address(remote[0])
    key = struct.pack("!I", _MAGIC) + transaction
    family = 1 if address.version == 4 else 2
    hidden = bytes(one ^ other for one, other in zip(address.packed, key, strict=False))
    return struct.pack("!BBH", 0, family, remote[1] ^ (_MAGIC >> 16)) + hidden
