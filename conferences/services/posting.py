"""One POST to an address that somebody else has named: bounded in time, and no way inside.

The host is looked up once, each of its addresses has to be a public one
(`settings.WEBHOOKS_TO`), and the connection goes to the address that was
looked at, so a name that changes meanwhile (DNS rebinding) leads nowhere else.
Redirects are not followed, the environment's proxies not used, and of the
answer the status alone is read.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpx
from django.conf import settings

from conferences import webhooks

#: Seconds for all of it: the name, the connection, the answer.
TAKES = 8.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: a `status`, or none and why not."""

    status: int | None
    error: str
    milliseconds: int

    @property
    def taken(self) -> bool:
        """Whether it was taken (2xx)."""
        return self.status is not None and 200 <= self.status < 300


class _NotAllowed(Exception):
    """The address is not one that anything is sent to."""


def post(url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
    """Send it. Never raises for what the other side does."""
    began = time.monotonic()
    status, error = asyncio.run(_within_time(url, headers, body))
    return Outcome(status, error[:255], round((time.monotonic() - began) * 1000))


async def _within_time(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int | None, str]:
    try:
        async with asyncio.timeout(TAKES):
            status = await _post(httpx.URL(url), headers, body)
    except TimeoutError:
        return None, f"no answer within {TAKES:.0f} s"
    except (_NotAllowed, OSError, UnicodeError, httpx.HTTPError, httpx.InvalidURL) as error:
        return None, str(error) or type(error).__name__
    if 200 <= status < 300:
        return status, ""
    if 300 <= status < 400:
        return status, f"answered {status}; redirects are not followed"
    return status, f"answered {status}"


async def _post(url: httpx.URL, headers: Mapping[str, str], body: bytes) -> int:
    address = await _address(url)
    async with httpx.AsyncClient(follow_redirects=False, trust_env=False, timeout=TAKES) as client:
        request = client.build_request(
            "POST",
            url.copy_with(host=address),
            headers={**headers, "Host": url.netloc.decode("ascii")},
            content=body,
            extensions={"sni_hostname": url.host} if url.scheme == "https" else {},
        )
        answer = await client.send(request, stream=True)
        await answer.aclose()
        return answer.status_code


async def _address(url: httpx.URL) -> str:
    """Where the host is. Raises `_NotAllowed`, `OSError`."""
    port = url.port or (443 if url.scheme == "https" else 80)
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
    addresses = [str(one[4][0]) for one in found]
    if settings.WEBHOOKS_TO == "public":
        inside = next((one for one in addresses if not webhooks.is_public(one)), None)
        if inside is not None:
            raise _NotAllowed(f"{url.host} is {inside}, which is no public address")
    return addresses[0]
