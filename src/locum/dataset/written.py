"""Inputs that a model wrote: what they were written after, and which may be learned from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import orjson

from locum.dataset.duplicates import find_groups
from locum.schema import Example
from locum.writable import written_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from locum.schema import JsonObject

__all__ = ["WrittenExample", "admit_written", "seed_name", "write_written"]

_NAME_DIGITS = 16
_REST = "none of the labels"
_LEAST_REST = 1e-6


@dataclass(frozen=True, slots=True)
class WrittenExample(Example):
    """An input that a model wrote.

    Args:
        asked_label: The label that it was to have; its answer may be another.
        seeds: `seed_name` of each real input that its writer was shown.
        labelled_by: Name of the teacher that gave the answer.
    """

    synthetic: bool = True
    asked_label: str | None = None
    seeds: tuple[str, ...] = ()
    labelled_by: str | None = None


def seed_name(text: str) -> str:
    """Return what stands for a real input in `WrittenExample.seeds`: 16 digits of its SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_NAME_DIGITS]


def admit_written(
    texts: Sequence[str],
    group: NDArray[np.int64],
    train: NDArray[np.int64],
    written: Sequence[Example],
) -> NDArray[np.bool_]:
    """Say which inputs that a model wrote know nothing of the real ones outside train, ``[M]``.

    That is: none that is a near-copy of such an input, by a chain of others too, and none whose
    writer was shown one.

    Args:
        texts: The ``N`` real inputs.
        group: Group of near-copies that each of them belongs to, ``[N]``.
        train: Row numbers of the train split.
        written: The ``M`` others.
    """
    if not written:
        return np.zeros(0, np.bool_)
    outside = ~np.isin(group, group[train])
    joint = find_groups([*texts, *(example.text for example in written)]).group
    copies = np.isin(joint[len(texts) :], joint[: len(texts)][outside])
    hidden = {seed_name(texts[row]) for row in np.flatnonzero(outside).tolist()}
    shown = [
        isinstance(example, WrittenExample) and not hidden.isdisjoint(example.seeds)
        for example in written
    ]
    return ~(copies | np.array(shown, np.bool_))


def write_written(path: Path, written: Sequence[WrittenExample]) -> None:
    """Write inputs that a model wrote as JSONL, in place of what the file held, all or nothing.

    They may repeat what their writer was shown, so that its owner alone may read the file.
    `locum.dataset.read_examples` reads it. Probability outside the label set stands beside the
    labels as ``none of the labels``.

    Raises:
        InputError: The file cannot be written.
    """
    rows = (orjson.dumps(_to_row(one), option=orjson.OPT_APPEND_NEWLINE) for one in written)
    with written_whole(path, private=True) as file:
        file.writelines(rows)


def _to_row(example: WrittenExample) -> JsonObject:
    row: JsonObject = {"text": example.text}
    if example.answer is not None:
        row["answer"] = example.answer
    if example.labelled_by is not None:
        row["labelled_by"] = example.labelled_by
    if example.distribution:
        rest = 1 - sum(example.distribution.values())
        outside = {_REST: rest} if rest > _LEAST_REST else {}
        row["soft_label"] = {**example.distribution, **outside}
    return row | {
        "synthetic": True,
        "asked_label": example.asked_label,
        "seeds": example.seeds,
    }
