"""A provider of OpenID Connect, as small as one can be, that can be told to lie.

Written from OpenID Connect Core 1.0 and Discovery 1.0; it imports nothing of the product.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT, SECRET = "parley", "secret of parley"


class Provider:
    """Who signs in there next is `person`; `lies` replace claims of the ID token."""

    def __init__(self) -> None:
        self.person: dict[str, Any] = {}
        self.lies: dict[str, Any] = {}
        self.userinfo_lies: dict[str, Any] = {}
        self.document_lies: dict[str, Any] = {}
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        #: Signs in place of `key`, under its name.
        self.forger: rsa.RSAPrivateKey | None = None
        self.algorithm = "RS256"
        self.issuer = ""
        #: code → what was asked for.
        self.codes: dict[str, dict[str, str]] = {}

    def document(self) -> dict[str, Any]:
        """Discovery 1.0 section 3."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/keys",
            **self.document_lies,
        }

    def keys(self) -> dict[str, Any]:
        """RFC 7517."""
        numbers = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {"keys": [{**numbers, "kid": "one", "alg": "RS256", "use": "sig"}]}

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser goes on: the person has signed in and agreed."""
        assert query["client_id"] == CLIENT
        assert query["response_type"] == "code"
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe(8)
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str]) -> dict[str, Any]:
        """Core 3.1.3, with PKCE (RFC 7636 4.6)."""
        asked = self.codes.pop(form["code"])
        assert form["redirect_uri"] == asked["redirect_uri"]
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked.get("nonce"),
            **self.person,
            **self.lies,
        }
        said = {key: value for key, value in claims.items() if value is not None}
        key: Any = self.forger or self.key
        if self.algorithm == "HS256":
            key = SECRET
        if self.algorithm == "none":
            key = None
        signed = jwt.encode(said, key, algorithm=self.algorithm, headers={"kid": "one"})
        return {"access_token": "for userinfo", "token_type": "Bearer", "id_token": signed}

    def userinfo(self) -> dict[str, Any]:
        """Core 5.3."""
        return {**self.person, **self.userinfo_lies}


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def log_message(self, *args: object) -> None:
        """Quiet."""

    def _answer(self, said: dict[str, Any]) -> None:
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/authorize":
            query = {key: values[0] for key, values in parse_qs(url.query).items()}
            self.send_response(302)
            self.send_header("Location", self.provider.authorize(query))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if url.path == "/userinfo":
            assert self.headers["Authorization"] == "Bearer for userinfo"
        answers = {
            "/.well-known/openid-configuration": self.provider.document,
            "/keys": self.provider.keys,
            "/userinfo": self.provider.userinfo,
        }
        self._answer(answers[url.path]())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._answer(self.provider.token({k: v[0] for k, v in parse_qs(body).items()}))


@contextmanager
def provider() -> Iterator[Provider]:
    """A provider that answers on the loopback."""
    made = Provider()
    handler = type("Handler", (_Handler,), {"provider": made})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    made.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
