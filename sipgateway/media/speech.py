"""Text to speech for the prompts, by espeak-ng out of the package `espeakng_loader`.

Used at set-up only; no call ever waits for it.
"""

from __future__ import annotations

from typing import Any

import cffi
import espeakng_loader  # type: ignore[import-untyped]
import numpy as np

from sipgateway.media.codec import Samples

# speak_lib.h of espeak-ng 1.52
DECLARATIONS = """
typedef int (t_espeak_callback)(short *, int, void *);
int espeak_Initialize(int output, int buflength, const char *path, int options);
void espeak_SetSynthCallback(t_espeak_callback *callback);
int espeak_SetVoiceByName(const char *name);
int espeak_SetParameter(int parameter, int value, int relative);
int espeak_Synth(const void *text, size_t size, unsigned int position, int position_type,
                 unsigned int end_position, unsigned int flags,
                 unsigned int *unique_identifier, void *user_data);
"""
OUTPUT_SYNCHRONOUS = 2
POSITION_CHARACTER = 1
CHARS_UTF8 = 1
PARAMETER_RATE = 1
WORDS_PER_MINUTE = 150


class SpeechError(Exception):
    """There is no synthesizer here, or it refuses the text."""


class Synthesizer:
    """espeak-ng; there can be one in a process. `rate` in Hz."""

    def __init__(self) -> None:
        self._ffi: Any = cffi.FFI()
        self._ffi.cdef(DECLARATIONS)
        try:
            self._espeak = self._ffi.dlopen(espeakng_loader.get_library_path())
        except OSError as error:
            raise SpeechError(str(error)) from error
        path = espeakng_loader.get_data_path().encode()
        self.rate = int(self._espeak.espeak_Initialize(OUTPUT_SYNCHRONOUS, 0, path, 0))
        if self.rate <= 0:
            raise SpeechError("espeak-ng does not start")
        self._parts: list[bytes] = []
        self._callback = self._ffi.callback("t_espeak_callback", self._take)
        self._espeak.espeak_SetSynthCallback(self._callback)

    def choose(self, language: str) -> None:
        """Speak this language (RFC 5646) from now on. Raises `SpeechError`."""
        if self._espeak.espeak_SetVoiceByName(language.encode()):
            raise SpeechError(f"espeak-ng does not speak {language!r}")
        self._espeak.espeak_SetParameter(PARAMETER_RATE, WORDS_PER_MINUTE, 0)

    def speak(self, text: str) -> Samples:
        """The samples of a text at `rate`, in the language chosen. Raises `SpeechError`."""
        self._parts.clear()
        octets = text.encode()
        failed = self._espeak.espeak_Synth(
            octets,
            len(octets) + 1,
            0,
            POSITION_CHARACTER,
            0,
            CHARS_UTF8,
            self._ffi.NULL,
            self._ffi.NULL,
        )
        if failed:
            raise SpeechError(f"espeak-ng: error {failed}")
        pcm = np.frombuffer(b"".join(self._parts), np.int16)
        return pcm.astype(np.float32) / np.float32(32768.0)

    def _take(self, samples: Any, count: int, _: Any) -> int:
        if samples != self._ffi.NULL and count > 0:
            self._parts.append(bytes(self._ffi.buffer(samples, count * 2)))
        return 0
