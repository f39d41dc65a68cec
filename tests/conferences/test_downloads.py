"""Files as answers: in parts, and in pieces."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import cast

import pytest
from django.http import StreamingHttpResponse
from django.test import AsyncRequestFactory

from conferences import downloads

OCTETS = bytes(range(256)) * 1024


@pytest.mark.parametrize(
    ("asked", "status", "expected", "pieces"),
    [
        ("", 200, OCTETS, 4),
        ("bytes=100000-200000", 206, OCTETS[100_000:200_001], 2),
        ("bytes=-10", 206, OCTETS[-10:], 1),
    ],
)
async def test_a_long_file_is_sent_in_pieces(
    asked: str, status: int, expected: bytes, pieces: int
) -> None:
    file = io.BytesIO(OCTETS)
    request = AsyncRequestFactory().get("/", headers={"Range": asked} if asked else {})
    response = downloads.build_response(request, file, content_type="audio/ogg", filename="ü.ogg")
    assert isinstance(response, StreamingHttpResponse)
    got = [one async for one in cast("AsyncIterator[bytes]", response.streaming_content)]
    assert (response.status_code, len(got), b"".join(got)) == (status, pieces, expected)
    assert response["Content-Length"] == str(len(expected))
    assert response["Content-Disposition"] == "attachment; filename*=utf-8''%C3%BC.ogg"
    assert file.closed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # realistic
        ("bytes=0-", (0, 10)),
        ("bytes=2-4", (2, 5)),
        ("bytes=-3", (7, 10)),
        ("bytes=5-99", (5, 10)),
        # outside
        ("bytes=10-", (0, 0)),
        ("bytes=-0", (0, 0)),
        # ignored
        ("", None),
        ("bytes=-", None),
        ("bytes=4-2", None),
        ("bytes=0-1,4-5", None),
        ("octets=0-1", None),
        ("bytes=0-9999999999999999999999", None),
    ],
)
def test_ranges(text: str, expected: tuple[int, int] | None) -> None:
    assert downloads.parse_range(text, 10) == expected
