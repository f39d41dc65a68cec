"""Every codec the mixer has, by its name in descriptions (lower case)."""

from __future__ import annotations

from sipgateway.media import g711, g722, opus
from sipgateway.media.codec import Codec


def load(library: opus.Library | None = None) -> dict[str, Codec]:
    """The codecs; opens libopus unless it is given. Raises `OSError` where there is none."""
    every = ((library or opus.Library()).codec(), g722.codec(), g711.ulaw(), g711.alaw())
    return {one.name: one for one in every}
