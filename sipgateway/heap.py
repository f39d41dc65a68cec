"""Gives memory that nobody needs any more back to the operating system.

glibc keeps what was freed for itself. After a thousand connections, or a
flood, that is a quarter of what the process has (`bench.flood`), and whoever
watches it by its size would think that it leaks.
"""

from __future__ import annotations

import asyncio
import ctypes

EVERY = 30.0
"""Seconds between two times: each costs a few milliseconds of a thread of its own."""


async def give_back() -> None:
    """Do so for ever; for never where the C library is not glibc."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "malloc_trim"):
        return
    while True:
        await asyncio.sleep(EVERY)
        await asyncio.to_thread(library.malloc_trim, 0)  # malloc_trim(3): 0 octets are kept on top
