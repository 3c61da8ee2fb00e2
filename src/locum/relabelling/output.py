"""The inputs of a file again, with the soft labels that were bought for them."""

from __future__ import annotations

import codecs
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import orjson

from locum.dataset import is_soft_label, rewrite_rows
from locum.errors import InputError, UsageError
from locum.relabelling.purchases import Purchase, to_purchase
from locum.writable import written_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from locum.rows import Row

__all__ = ["FileOfCalls", "check_output", "read_purchases", "write_labelled"]

_COLUMN = "relabelled"
_SOFT_LABEL = "soft_label"
_WRITTEN = "utf-8"
_SAME = {_WRITTEN, "utf-8-sig", "ascii"}


class FileOfCalls(NamedTuple):
    """A file of inputs with answers.

    Args:
        path: The file.
        columns: Which of its columns holds which kind of value.
        encoding: How its bytes spell text.
    """

    path: Path
    columns: Mapping[str, str]
    encoding: str = _WRITTEN


def _is_utf8(encoding: str) -> bool:
    with suppress(LookupError):
        return codecs.lookup(encoding).name in _SAME
    return False


def check_output(output: Path | None, calls: Path | None, encoding: str = _WRITTEN) -> None:
    """Refuse an output that would have nothing in it, or destroy what somebody bought.

    Raises:
        UsageError: There is an output and no file of calls or the other way round; it is no
            ``.jsonl``; it exists and is not that file itself; or it is, and not in UTF-8.
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
    is_same = output.exists() and calls.exists() and output.samefile(calls)
    if is_same and not _is_utf8(encoding):
        raise UsageError(
            f"--output {output} is written in UTF-8, and would not be read as {encoding} again: "
            "choose another name"
        )
    if output.exists() and not is_same:
        raise UsageError(
            f"--output {output} exists: to go on from it, give it as --calls too; else choose "
            "another name"
        )


def write_labelled(
    path: Path,
    calls: FileOfCalls,
    soft_labels: Mapping[str, Mapping[str, float]],
    purchases: Mapping[str, Purchase],
) -> None:
    """Write the rows of a file in their order as JSONL, all or nothing, with the new soft labels.

    All that stood in a row stays, but for a soft label that cannot be read. The same inputs in the
    same order fall into the same splits, so that nothing that was bought is tested on later.

    Args:
        path: The file that is written; it may be the one that is read.
        calls: The file that is read.
        soft_labels: The new ones, by text; inputs with a soft label of their own keep it.
        purchases: How inputs came to theirs, in this run and before, by text.

    Raises:
        InputError: A file cannot be read or written.
    """
    text = calls.columns["text"]
    soft_label = calls.columns.get("soft_label", _SOFT_LABEL)

    def add(row: Row) -> Row:
        found = row.get(text)
        if not isinstance(found, str):
            return row
        added: Row = {}
        if found in soft_labels and not is_soft_label(row.get(soft_label)):
            added[soft_label] = soft_labels[found]
        if found in purchases:
            added[_COLUMN] = purchases[found]._asdict()
        return row | added

    with written_whole(path) as file:
        file.writelines(rewrite_rows(calls.path, calls.encoding, add))


def read_purchases(path: Path, text: str) -> dict[str, Purchase]:
    """Return how the inputs of a file came to their soft labels, by text.

    Args:
        path: A file; it holds some if `write_labelled` wrote it.
        text: Its column of texts.

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
                    found |= _purchase_of(line, text)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    return found


def _purchase_of(line: bytes, text: str) -> dict[str, Purchase]:
    row: object = None
    with suppress(orjson.JSONDecodeError):
        row = orjson.loads(line)
    if not isinstance(row, dict):
        return {}
    purchase = to_purchase(row.get(_COLUMN))
    return {} if purchase is None else {str(row.get(text)): purchase}
