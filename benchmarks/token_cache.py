"""What a teacher's distributions take on disk, what is lost of them, and how fast they are read.

For each file of text: the teacher's distributions of the next token, as lists of the k likeliest
tokens, through several codecs. The tail is the mean mass that the lists miss; the divergence is
Kullback and Leibler's in nats from a list to what is read again, all tokens that are not listed
being one event; bytes are of a token of the text, and rows of a second of one core's time.

locum      the cache of locum.language, filled from empty, SQLite and all
delta      sorted ids as differences in two bytes, log-probabilities in steps from the least to the
           greatest of each row, as few as lose no more than locum, bytes of a kind together, the
           text in one piece by zstd at level 19; the tail for nothing
float      ids and log-probabilities of four bytes each
json       top_logprobs as OpenAI's API sends them: token, logprob and bytes of each
drawn      the cache of draws in the place of lists: without bias, so without a divergence

    python -m benchmarks.token_cache --model FOLDER --texts FILE...
"""

# ruff: noqa: N806 - names end in their shapes

from __future__ import annotations

import argparse
import json
import tempfile
import time
from bisect import bisect_left
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from locum.language import (
    DistributionCache,
    Drawn,
    DrawnTokens,
    Listed,
    ModelTeacher,
    TopTokens,
    pack,
    passage,
)
from locum.language.sampling import draw_tokens, likeliest_tokens
from locum.teachers.pretrained import Pretrained

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from transformers import PreTrainedTokenizerBase

    from locum.language import Packed

KEPT = (50, 100)
DRAWS = 50
ROWS_AT_ONCE = 256
ROWS_OF_JSON = 200
READINGS = 3
STEPS = range(32, 256)


class Said(NamedTuple):
    """What a teacher says of a text, by sequence."""

    listed: list[Listed]
    drawn: list[Drawn]


class Outcome(NamedTuple):
    """What a codec makes of rows.

    Args:
        size: Bytes in all.
        read: What is read again; ``None`` where nothing is rounded.
        writing: Seconds.
        reading: Seconds.
        note: What else there is to say.
    """

    size: int
    read: list[Listed] | None = None
    writing: float | None = None
    reading: float | None = None
    note: str = ""


def ask(teacher: ModelTeacher, packed: Packed) -> Said:
    """Ask a teacher about sequences."""
    import torch

    dice = torch.Generator().manual_seed(0)
    said = Said([], [])
    for number in range(len(packed.ids_SL)):
        batch = packed.some([number])
        signal = teacher.ask(batch)
        tops, draws = [], []
        for start in range(0, batch.rows, ROWS_AT_ONCE):
            logits_NV = signal(slice(start, min(start + ROWS_AT_ONCE, batch.rows)))
            assert isinstance(logits_NV, torch.Tensor)
            tops.append(likeliest_tokens(logits_NV, TopTokens(max(KEPT))))
            draws.append(draw_tokens(logits_NV, DrawnTokens(DRAWS), dice))
        said.listed.append(Listed(*(np.concatenate(part) for part in zip(*tops, strict=True))))
        said.drawn.append(Drawn(*(np.concatenate(part) for part in zip(*draws, strict=True))))
    return said


def through_cache(
    rows: Sequence[Listed | Drawn], kept: TopTokens | DrawnTokens, vocabulary: int
) -> Outcome:
    """Put rows into a cache, and get them."""
    import sqlite3

    with (
        tempfile.TemporaryDirectory() as folder,
        DistributionCache(folder, teacher="some", vocabulary=vocabulary, settings=kept) as cache,
    ):
        start = time.process_time()
        for number, some in enumerate(rows):
            cache.put(str(number), some)
        writing = time.process_time() - start
        reading = np.inf
        for _ in range(READINGS):
            start = time.process_time()
            read = [cache.get(str(number)) for number in range(len(rows))]
            reading = min(reading, time.process_time() - start)
        connection = sqlite3.connect(cache.path)
        [(models,)] = connection.execute("SELECT sum(length(content)) FROM models")
        connection.close()
        note = f"and {models / 1000:.0f} kB of coding models, once"
        lists = [part for part in read if isinstance(part, Listed)]
        return Outcome(cache.size_in_bytes - models, lists or None, writing, reading, note)


def through_differences(rows: list[Listed]) -> Outcome:
    """Write and read rows as others do, in as few steps as lose no more than the cache does."""

    def saved(steps: int) -> float:
        read = _through_differences(rows, steps).read
        assert read is not None
        return -float(divergences(rows, read).mean())

    fewest = bisect_left(STEPS, -TopTokens().error, key=saved)
    return _through_differences(rows, STEPS[min(fewest, len(STEPS) - 1)])


def _through_differences(rows: list[Listed], steps: int) -> Outcome:
    import zstandard

    start = time.process_time()
    ids_NK, logs_NK = (np.concatenate(part) for part in zip(*map(by_token, rows), strict=True))
    least_N, most_N = logs_NK.min(axis=1), logs_NK.max(axis=1)
    steps_N = np.maximum(most_N - least_N, 1e-6) / steps
    scales = np.stack((least_N, steps_N)).astype("<f2")
    least_N, steps_N = scales.astype(np.float32)
    apart_NK = np.diff(ids_NK, axis=1, prepend=-1)
    levels_NK = np.clip(np.rint((logs_NK - least_N[:, None]) / steps_N[:, None]), 0, 255)
    planes = np.stack((apart_NK & 255, apart_NK >> 8, levels_NK.astype(np.int64)))
    block = zstandard.ZstdCompressor(level=19).compress(planes.astype(np.uint8).tobytes())
    writing = time.process_time() - start
    start = time.process_time()
    content = zstandard.ZstdDecompressor().decompress(block)
    planes = np.frombuffer(content, np.uint8).reshape(3, *ids_NK.shape).astype(np.int64)
    found_NK = (planes[0] + 256 * planes[1]).cumsum(axis=1) - 1
    read_NK = (planes[2] * steps_N[:, None] + least_N[:, None]).astype(np.float32)
    reading = time.process_time() - start
    ends = np.cumsum([len(some.ids_NK) for some in rows])[:-1]
    parts = zip(np.split(found_NK, ends), np.split(read_NK, ends), strict=True)
    read = [with_tail_of(Listed(*part), some) for part, some in zip(parts, rows, strict=True)]
    return Outcome(len(block) + scales.nbytes, read, writing, reading, f"{steps} steps")


def with_tail_of(read: Listed, rows: Listed) -> Listed:
    """Make what was read sum to what was written."""
    held = [np.exp(some.log_probabilities_NK).sum(axis=1, keepdims=True) for some in (read, rows)]
    tail = np.maximum(1 - held[1], 0)
    logs_NK = read.log_probabilities_NK - np.log(held[0] + tail)
    return read._replace(log_probabilities_NK=logs_NK)


def as_json(rows: list[Listed], tokenizer: PreTrainedTokenizerBase) -> Outcome:
    """Write some rows as an API does."""
    ids_NK, logs_NK = (part[:ROWS_OF_JSON] for part in rows[0])
    size = 0
    for ids, logs in zip(ids_NK.tolist(), logs_NK.tolist(), strict=True):
        tokens = [str(tokenizer.decode([token])) for token in ids]
        entries: list[dict[str, Any]] = [
            {"token": token, "logprob": round(log, 8), "bytes": list(token.encode())}
            for token, log in zip(tokens, logs, strict=True)
        ]
        size += len(json.dumps({**entries[0], "top_logprobs": entries}, separators=(",", ":")))
    return Outcome(size * sum(len(some.ids_NK) for some in rows) // len(ids_NK))


def by_token(rows: Listed) -> Listed:
    """Put rows in the order of their tokens."""
    order_NK = rows.ids_NK.argsort(axis=1, kind="stable")
    return Listed(
        np.take_along_axis(rows.ids_NK, order_NK, 1),
        np.take_along_axis(rows.log_probabilities_NK, order_NK, 1),
    )


def with_rest(rows: Listed) -> NDArray[np.float64]:
    """Probabilities of what is listed, and of the rest."""
    listed = np.exp(by_token(rows).log_probabilities_NK.astype(np.float64))
    rest = np.maximum(1 - listed.sum(axis=1, keepdims=True), 1e-9)
    found: NDArray[np.float64] = np.concatenate((listed, rest), axis=1)
    return found


def divergences(before: list[Listed], after: list[Listed]) -> NDArray[np.float64]:
    """Kullback-Leibler divergence of each row, in nats."""
    found = []
    for left, right in zip(before, after, strict=True):
        assert (by_token(left).ids_NK == by_token(right).ids_NK).all()
        p, q = with_rest(left), with_rest(right)
        found.append((p * np.log(p / q)).sum(axis=1))
    return np.concatenate(found)


def line(name: str, kept: int, rows: list[Listed], outcome: Outcome) -> str:
    """Put an outcome into words."""
    count = sum(len(some.ids_NK) for some in rows)
    lost = f"{'-':>8}  {'-':>8}"
    if outcome.read is not None:
        each = divergences(rows, outcome.read)
        lost = f"{each.mean():8.1e}  {each.max():8.1e}"
    speeds = "  ".join(
        f"{'-' if seconds is None else f'{count / seconds:,.0f}':>9}"
        for seconds in (outcome.writing, outcome.reading)
    )
    size = outcome.size / count
    return f"{name:8}  {kept:4}  {size:8,.1f}  {lost}  {speeds}  {outcome.note}".rstrip()


def compare(path: Path, teacher: ModelTeacher, arguments: argparse.Namespace) -> None:
    """Print a line for each codec on one text."""
    tokenizer = Pretrained(arguments.model).tokenizer
    length, sequences = arguments.length, arguments.sequences
    text = path.read_text("utf-8")[: 12 * length * sequences]
    packed = pack([passage(text, tokenizer)], length, 0).some(slice(sequences))
    said = ask(teacher, packed)
    print(f"\n{path.name}: {packed.rows:,} rows in {len(packed.ids_SL)} sequences")
    print(
        f"{'codec':8}  {'k':>4}  {'bytes':>8}  {'lost':>8}  {'at most':>8}  {'written/s':>9}  "
        f"{'read/s':>9}"
    )
    for kept in KEPT:
        rows = [Listed(ids[:, :kept], logs[:, :kept]) for ids, logs in said.listed]
        tail = 1 - np.concatenate([np.exp(logs).sum(axis=1) for _, logs in rows]).mean()
        cached = through_cache(rows, TopTokens(kept), teacher.vocabulary)
        print(line("locum", kept, rows, cached))
        print(line("delta", kept, rows, through_differences(rows)))
        print(line("float", kept, rows, Outcome(sum(8 * some.ids_NK.size for some in rows))))
        print(line("json", kept, rows, as_json(rows, tokenizer)))
        print(f"          {kept:4}  the tail is {tail:.1%} of the mass", flush=True)
    drawn = through_cache(said.drawn, DrawnTokens(DRAWS), teacher.vocabulary)
    tokens = np.mean([(some.weights_NK > 0).sum(axis=1).mean() for some in said.drawn])
    note = f"{tokens:.1f} tokens a row, {drawn.note}"
    print(line("drawn", DRAWS, said.listed, drawn._replace(note=note)), flush=True)


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, help="folder, hub name or GGUF file")
    parser.add_argument("--texts", type=Path, nargs="+", required=True, help="files of UTF-8 text")
    parser.add_argument("--sequences", type=int, default=16)
    parser.add_argument("--length", type=int, default=1024)
    parser.add_argument("--device", help="cuda where there is one, else cpu")
    parser.add_argument("--type", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()

    import torch

    torch.set_num_threads(arguments.threads)
    model = Pretrained(arguments.model).load(arguments.type, arguments.device)
    teacher = ModelTeacher(model, precision=arguments.type)
    print(f"{arguments.model.rstrip('/').rsplit('/', 1)[-1]}, {teacher.vocabulary:,} tokens")
    for path in arguments.texts:
        compare(path, teacher, arguments)


if __name__ == "__main__":
    main()
