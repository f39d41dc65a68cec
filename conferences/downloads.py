"""Files as answers: a part where a player asks for one, and never all of it in memory.

Whoever listens jumps about in a recording, for which a browser asks for ranges
(RFC 9110 14). Under ASGI a file is read piece by piece in threads; Django
itself would read it whole first.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from typing import IO

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

PIECE = 64 * 1024
"""Octets read at once."""

_RANGE = re.compile(r"bytes=([0-9]{1,15})?-([0-9]{1,15})?")


def parse_range(text: str, size: int) -> tuple[int, int] | None:
    """First octet and the one behind the last, of one range (RFC 9110 14.1.2).

    None where there is none, or one that is to be ignored; (0, 0) where it
    lies outside.

    >>> parse_range("bytes=2-", 10), parse_range("bytes=-3", 10), parse_range("bytes=0-4", 10)
    ((2, 10), (7, 10), (0, 5))
    """
    found = _RANGE.fullmatch(text.replace(" ", ""))
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if first is None:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), size if last is None else min(size, int(last) + 1)
        if last is not None and int(last) < int(first):
            return None
    return (start, end) if start < end else (0, 0)


def build_response(
    request: HttpRequest, file: IO[bytes], *, content_type: str, filename: str = ""
) -> HttpResponseBase:
    """The answer: 200, 206 for a part, or 416. With a file name it is to be saved."""
    size = file.seek(0, os.SEEK_END)
    part = parse_range(request.headers.get("Range", ""), size)
    if part == (0, 0):
        file.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    start, end = part or (0, size)
    file.seek(start)
    response: StreamingHttpResponse
    if isinstance(request, ASGIRequest):
        response = StreamingHttpResponse(_pieces(file, end - start), content_type=content_type)
    else:
        response = StreamingHttpResponse(iter([file.read(end - start)]), content_type=content_type)
        file.close()
    response.status_code = 206 if part else 200
    if part:
        response["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    response["Content-Length"] = str(end - start)
    response["Accept-Ranges"] = "bytes"
    if filename:
        disposition = content_disposition_header(as_attachment=True, filename=filename)
        response["Content-Disposition"] = disposition or "attachment"
    return response


async def _pieces(file: IO[bytes], left: int) -> AsyncIterator[bytes]:
    with file:
        while left > 0 and (piece := await asyncio.to_thread(file.read, min(PIECE, left))):
            left -= len(piece)
            yield piece
