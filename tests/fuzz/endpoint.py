"""Coverage-guided fuzzing of the user agent with the application behind it.

    python -m tests.fuzz.endpoint --seconds 60 [--keep FOLDER] [--corpus FOLDER]

An input is a chart (see `application`). Nothing may be raised but what the
core catches itself, timers must come to an end, and what goes out must be
messages.

It starts from the messages of RFC 4475 and from the calls of `seeds`;
mutations cut, repeat and swap header lines as well as octets. An input that
breaks something is written to the folder `--keep` names, or to a temporary one;
what leads somewhere new goes to `--corpus`, likewise, for the next time.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["sipgateway.sip"]):  # type: ignore[attr-defined]  # the stubs lack it
    from tests.fuzz.application import SPLIT, Application

from tests.fuzz import seeds

TORTURE = Path(__file__).parents[1] / "sip" / "torture"


def one_input(chart: bytes) -> None:
    """What the fuzzer calls."""
    Application().run(chart)


def mutate(chart: bytes, size: int, seed: int) -> bytes:
    """Change octets, or whole lines and messages."""
    chance = random.Random(seed)
    if chance.random() < 0.5:
        return bytes(atheris.Mutate(chart, size))[:size]
    by = chance.choice([b"\r\n", b"\r\n", SPLIT, b";", b",", b" "])
    pieces = chart.split(by)
    at, other = chance.randrange(len(pieces)), chance.randrange(len(pieces))
    way = chance.randrange(5)
    if way == 0:
        del pieces[at]
    elif way == 1:
        pieces.insert(other, pieces[at])
    elif way == 2:
        pieces[at], pieces[other] = pieces[other], pieces[at]
    elif way == 3:
        pieces[at] = chance.choice(seeds.LINES)
    else:
        pieces[at] = bytes(atheris.Mutate(pieces[at], size)) if pieces[at] else b"x"
    return by.join(pieces)[:size]


def fill(corpus: Path) -> None:
    """Write what to start from."""
    for path in TORTURE.glob("*.dat"):
        (corpus / path.stem).write_bytes(b"\x00" + path.read_bytes())
    for name, chart in seeds.charts().items():
        (corpus / name).write_bytes(chart)


def main() -> None:
    """Run for so many seconds; a crash ends the process with the input that made it."""
    parser = argparse.ArgumentParser(description="Fuzz the SIP user agent.")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--keep", type=Path, default=None)
    parser.add_argument("--corpus", type=Path, default=None)
    arguments = parser.parse_args()
    keep = arguments.keep or Path(tempfile.mkdtemp(prefix="fuzz-"))
    corpus = arguments.corpus or Path(tempfile.mkdtemp(prefix="fuzz-corpus-"))
    for folder in (keep, corpus):
        folder.mkdir(parents=True, exist_ok=True)
    fill(corpus)
    options = [
        f"-max_total_time={arguments.seconds}",
        "-max_len=8192",
        "-timeout=20",
        f"-artifact_prefix={keep}/",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one_input, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
