"""A process that fills a cache, to be killed anywhere: python -m tests.cache_filling FOLDER LOG.

It notes in the log, line by line and on disk at once, which sequences it asks about and which it
was told are kept.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from locum.language import (
    DistributionCache,
    Document,
    DrawnTokens,
    Packed,
    TopTokens,
    fill_cache,
    pack,
)
from tests.token_rows import HashTeacher

__all__ = ["KEPT", "VOCABULARY", "open_cache", "some_sequences"]

VOCABULARY = 500
KEPT = TopTokens(20)


def some_sequences(count: int = 60, length: int = 24) -> Packed:
    """Sequences that differ, with few targets each."""
    documents = [
        Document(
            [(number + place * place) % VOCABULARY for place in range(length)],
            [place > number % 20 for place in range(length)],
        )
        for number in range(count)
    ]
    return pack(documents, length, 0)


def open_cache(folder: Path, kept: TopTokens | DrawnTokens = KEPT) -> DistributionCache:
    """Open the cache of the teacher."""
    return DistributionCache(folder, teacher="hash", vocabulary=VOCABULARY, settings=kept)


def main() -> None:
    """Fill the cache."""
    folder, log = sys.argv[1:]
    lines = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    asked: list[str] = []

    def before(keys: list[str]) -> None:
        asked[:] = keys
        os.write(lines, f"asked {' '.join(keys)}\n".encode())

    def told(_: int, __: int) -> None:
        os.write(lines, f"kept {' '.join(asked)}\n".encode())

    with open_cache(Path(folder)) as cache:
        teacher = HashTeacher(VOCABULARY, before)
        fill_cache(cache, some_sequences(), teacher, batch_sequences=2, tell=told)
    os.write(lines, b"finished\n")


if __name__ == "__main__":
    main()
