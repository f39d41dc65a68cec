"""DTLS-SRTP (RFC 5764) as a machine without I/O, by pyOpenSSL.

Datagrams in by `receive`, datagrams out by `data_to_send`, a timer by
`next_timeout` and `handle_timeout`. When the handshake is done and the
peer's certificate has the fingerprint its description promised (RFC 8122),
`keys` are there; a certificate with another fingerprint ends the session.

OpenSSL writes whole flights into a memory BIO, which forgets where one
datagram ended; they are cut at record boundaries again, because a record
must not span datagrams (RFC 6347 4.1.1). Certificates are ECDSA, so that a
flight fits into one datagram.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import secrets
import struct
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from sipgateway.media import srtp

MTU = 1200
"""Octets of a datagram that any path carries (RFC 8261 5 uses the same)."""

RECORD_HEADER = 13
RECORDS = 2048 // RECORD_HEADER
"""More than fit into a datagram: what is left unread would pile up."""

EXPORTER = b"EXTRACTOR-dtls_srtp"
VALIDITY = datetime.timedelta(days=365)
HASHES = ("sha-256", "sha-384", "sha-512")
"""Not SHA-1: a second certificate with the same hash can be made (RFC 8122 5)."""


class DtlsError(ValueError):
    """The handshake failed, or the peer is not the one its description named."""


def is_dtls(data: bytes) -> bool:
    """Whether a datagram on a shared port is DTLS (RFC 7983 7)."""
    return bool(data) and 20 <= data[0] <= 63


def is_hello(data: bytes) -> bool:
    """Whether a datagram begins a handshake: a ClientHello in clear (RFC 6347 4.2.2)."""
    clear = data[:1] == b"\x16" and data[3:5] == b"\0\0"
    return clear and data[RECORD_HEADER : RECORD_HEADER + 1] == b"\x01"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """``a=fingerprint`` (RFC 8122): hash name in lower case, octets."""

    algorithm: str
    digest: bytes


def parse_fingerprint(value: str) -> Fingerprint:
    """Read the value of ``a=fingerprint``. Raises `DtlsError`."""
    algorithm, _, digits = value.strip().partition(" ")
    try:
        digest = bytes.fromhex(digits.replace(":", ""))
    except ValueError as error:
        raise DtlsError("a fingerprint that is not hexadecimal") from error
    if algorithm.lower() not in HASHES or not digest:
        raise DtlsError(f"a fingerprint by {algorithm or 'nothing'}")
    return Fingerprint(algorithm.lower(), digest)


def build_fingerprint(fingerprint: Fingerprint) -> str:
    """The value of ``a=fingerprint``."""
    return f"{fingerprint.algorithm} {fingerprint.digest.hex(':').upper()}"


def _digest(certificate: bytes, algorithm: str) -> bytes:
    return hashlib.new(algorithm.replace("-", ""), certificate).digest()


class Identity:
    """A self-signed certificate, and the context of every session that uses it."""

    def __init__(self, now: datetime.datetime) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "parley")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + VALIDITY)
            .sign(key, hashes.SHA256())
        )
        digest = _digest(certificate.public_bytes(Encoding.DER), "sha-256")
        self.fingerprint = Fingerprint("sha-256", digest)
        self.context = SSL.Context(SSL.DTLS_METHOD)
        # Certificates are self-signed: the fingerprint is what is checked.
        self.context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        self.context.use_certificate(certificate)
        self.context.use_privatekey(key)
        self.context.set_options(SSL.OP_NO_QUERY_MTU | SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION)
        # No phone resumes a session, and each would keep its certificate for two hours.
        self.context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        self.context.set_tlsext_use_srtp(b":".join(one.dtls for one in srtp.DTLS_PROFILES))
        self._secret = secrets.token_bytes(32)
        self.context.set_cookie_generate_callback(lambda one: one.get_app_data())
        self.context.set_cookie_verify_callback(
            lambda one, cookie: hmac.compare_digest(cookie, one.get_app_data())
        )

    def cookie(self, source: tuple[str, int]) -> bytes:
        """What whoever receives at an address can say, and nobody else (RFC 6347 4.2.1)."""
        return hmac.digest(self._secret, f"{source[0]} {source[1]}".encode(), "sha256")


class DtlsSession:
    """The DTLS state of one leg."""

    def __init__(self, identity: Identity, peer: Fingerprint, *, client: bool) -> None:
        self._peer = peer
        self._client = client
        self._connection = SSL.Connection(identity.context)
        self._connection.set_ciphertext_mtu(MTU)
        if client:
            self._connection.set_connect_state()
        else:
            self._connection.set_accept_state()
        self.keys: srtp.Keys | None = None
        self.closed = False

    def start(self) -> None:
        """Send the first flight (a client's only). Raises `DtlsError`."""
        if self._client and self.keys is None:
            self._shake()

    def listen(self, hello: bytes, cookie: bytes) -> bool:
        """Take a ClientHello; whether it carries the cookie of where it came from.

        Without it the answer, which `data_to_send` has, asks for it and is no longer than
        what was asked; nothing is remembered. With it the handshake goes on by `receive`.
        Raises `DtlsError`.
        """
        self._connection.set_app_data(cookie)
        self._connection.bio_write(hello)
        try:
            self._connection.DTLSv1_listen()
        except SSL.WantReadError:
            return False
        except SSL.Error as error:
            raise self._failed(f"not a greeting: {error}") from error
        self._shake()
        return True

    def receive(self, datagram: bytes) -> None:
        """Take a datagram. Raises `DtlsError` when the session cannot go on."""
        if self.closed:
            return
        self._connection.bio_write(datagram)
        if self.keys is None:
            self._shake()
        else:
            self._read()

    def data_to_send(self) -> list[bytes]:
        """The datagrams to send, each of whole records."""
        flight = b""
        try:
            while True:
                flight += self._connection.bio_read(65_536)
        except SSL.WantReadError:
            pass
        return _datagrams(flight)

    def next_timeout(self) -> float | None:
        """Seconds from now until `handle_timeout` is due, if it is."""
        if self.closed or self.keys is not None:
            return None
        seconds = self._connection.DTLSv1_get_timeout()
        return None if seconds is None else float(seconds)

    def handle_timeout(self) -> None:
        """Send the flight again that was not answered. Raises `DtlsError`."""
        try:
            self._connection.DTLSv1_handle_timeout()
        except SSL.Error as error:
            raise self._failed("no answer to the handshake") from error

    def close(self) -> None:
        """Say goodbye (close_notify)."""
        if self.closed:
            return
        self.closed = True
        try:
            self._connection.shutdown()
        except SSL.Error:
            # Not yet shaken hands: nothing to say goodbye to.
            return

    def _shake(self) -> None:
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return
        except SSL.Error as error:
            raise self._failed(f"handshake failed: {error}") from error
        self._check_peer()
        self.keys = self._export()

    def _check_peer(self) -> None:
        certificate = self._connection.get_peer_certificate(as_cryptography=True)
        if certificate is None:
            raise self._failed("the peer has no certificate")
        digest = _digest(certificate.public_bytes(Encoding.DER), self._peer.algorithm)
        if digest != self._peer.digest:
            raise self._failed("the peer's certificate is not the one of its description")

    def _export(self) -> srtp.Keys:
        chosen = self._connection.get_selected_srtp_profile()
        profile = next((one for one in srtp.DTLS_PROFILES if one.dtls == chosen), None)
        if profile is None:
            raise self._failed("no SRTP profile in common")
        material = self._connection.export_keying_material(
            EXPORTER, 2 * (profile.key + profile.salt)
        )
        # RFC 5764 4.2: client key, server key, client salt, server salt.
        key, salt = profile.key, profile.salt
        client = material[:key] + material[2 * key : 2 * key + salt]
        server = material[key : 2 * key] + material[2 * key + salt :]
        if self._client:
            return srtp.Keys(profile, ours=client, theirs=server)
        return srtp.Keys(profile, ours=server, theirs=client)

    def _read(self) -> None:
        """What comes after the handshake: only the peer's close_notify matters."""
        try:
            for _ in range(RECORDS):
                self._connection.recv(2048)
        except SSL.ZeroReturnError:
            self.closed = True
        except SSL.Error:
            # Want-read, or an alert that RTP can live without.
            return

    def _failed(self, reason: str) -> DtlsError:
        self.closed = True
        return DtlsError(reason)


def _datagrams(flight: bytes) -> list[bytes]:
    """Cut a flight into datagrams of whole records of at most `MTU` octets."""
    datagrams: list[bytes] = []
    at = 0
    while at + RECORD_HEADER <= len(flight):
        (length,) = struct.unpack_from("!H", flight, at + 11)
        record = flight[at : at + RECORD_HEADER + length]
        if datagrams and len(datagrams[-1]) + len(record) <= MTU:
            datagrams[-1] += record
        else:
            datagrams.append(record)
        at += len(record)
    return datagrams
