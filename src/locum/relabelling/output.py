"""The inputs of a file again, with the soft labels that were bought for them."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

import orjson

from locum.dataset import WrittenExample
from locum.errors import InputError, UsageError
from locum.relabelling.purchases import Purchase, to_purchase

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from locum.schema import Example, JsonObject

__all__ = ["check_output", "read_purchases", "write_labelled"]

_COLUMN = "relabelled"


def check_output(output: Path | None, calls: Path | None) -> None:
    """Refuse an output that would have nothing in it, or destroy what somebody bought.

    Raises:
        UsageError: There is an output and no file of calls or the other way round; it is no
            ``.jsonl``; or it exists and is not that file itself.
    """
    if calls is not None and output is None:
        raise UsageError(
            "soft labels of a file's inputs need a place: --output FILE.jsonl, which locum distill "
            "--calls reads"
        )
    if output is None:
        return
    if calls is None:
        raise UsageError(
            "--output goes with --calls FILE: soft labels of recorded calls are kept in the store"
        )
    if output.suffix != ".jsonl":
        raise UsageError(f"--output {output}: expected a name that ends with .jsonl")
    if output.exists() and not (calls.exists() and output.samefile(calls)):
        raise UsageError(
            f"--output {output} exists: to go on from it, give it as --calls too; else choose "
            "another name"
        )


def write_labelled(
    path: Path,
    examples: Sequence[Example],
    soft_labels: Mapping[str, Mapping[str, float]],
    purchases: Mapping[str, Purchase],
) -> None:
    """Write all inputs in their order as JSONL, all or nothing, with the new soft labels.

    The same inputs in the same order fall into the same splits, so that nothing that was bought is
    tested on later.

    Args:
        path: The file; what it held is replaced.
        examples: The inputs.
        soft_labels: The new ones, by text; inputs with a soft label of their own keep it.
        purchases: How inputs came to theirs, in this run and before, by text.

    Raises:
        InputError: The file cannot be written.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with scratch.open("wb") as file:
            for example in examples:
                row = _to_row(example, soft_labels, purchases)
                file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        scratch.unlink(missing_ok=True)


def read_purchases(path: Path) -> dict[str, Purchase]:
    """Return how the inputs of a file came to their soft labels, by text.

    Args:
        path: A file; it holds some if `write_labelled` wrote it.

    Raises:
        InputError: It cannot be read.
    """
    if path.suffix != ".jsonl":
        return {}
    found: dict[str, Purchase] = {}
    try:
        with path.open("rb") as file:
            for line in file:
                if f'"{_COLUMN}"'.encode() in line:
                    found |= _purchase_of(line)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    return found


def _purchase_of(line: bytes) -> dict[str, Purchase]:
    row: object = None
    with suppress(orjson.JSONDecodeError):
        row = orjson.loads(line)
    if not isinstance(row, dict):
        return {}
    purchase = to_purchase(row.get(_COLUMN))
    return {} if purchase is None else {str(row.get("text")): purchase}


def _to_row(
    example: Example,
    soft_labels: Mapping[str, Mapping[str, float]],
    purchases: Mapping[str, Purchase],
) -> JsonObject:
    purchase = purchases.get(example.text)
    row: JsonObject = {
        "text": example.text,
        "answer": example.answer,
        "soft_label": example.distribution or soft_labels.get(example.text),
        "human": example.human,
        "time": example.time,
        "latency_ms": example.latency_ms,
        "cost_usd": example.cost_usd,
        "split": "test" if example.held_out else None,
        _COLUMN: None if purchase is None else purchase._asdict(),
    }
    if isinstance(example, WrittenExample):
        row |= {"synthetic": True, "asked_label": example.asked_label, "seeds": example.seeds}
    return {name: value for name, value in row.items() if value is not None}
