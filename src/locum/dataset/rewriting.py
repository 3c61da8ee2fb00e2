"""The rows of a file again, with more in some of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import orjson

from locum.dataset.reading import decode_file, is_of_json_lines, numbered_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from locum.rows import Row

__all__ = ["rewrite_rows"]


def rewrite_rows(path: Path, encoding: str, change: Callable[[Row], Row]) -> Iterator[bytes]:
    """Yield the rows of a file in their order as lines of JSONL in UTF-8.

    A line of JSONL that holds no row, or a row that does not change, stays as it stands. Of a table
    what is no row is left out.

    Args:
        path: The file, as `read_examples` takes it.
        encoding: How its bytes spell text.
        change: What is made of a row.

    Raises:
        InputError: The file cannot be read.
        UsageError: The encoding does not exist.
    """
    if not is_of_json_lines(path):
        for _, row in numbered_rows(path, encoding):
            if isinstance(row, dict):
                yield _to_line(change(row))
        return
    for line in decode_file(path, encoding).removesuffix("\n").split("\n"):
        found = _row_of(line)
        changed = None if found is None else change(found)
        yield f"{line}\n".encode() if changed is None or changed == found else _to_line(changed)


def _row_of(line: str) -> Row | None:
    try:
        # What is no row for the reader is none here.
        row = orjson.loads(line.encode("utf-8", "surrogatepass"))
    except orjson.JSONDecodeError:
        return None
    # Of numbers of any length orjson keeps 64 bits.
    return json.loads(line) if isinstance(row, dict) else None


def _to_line(row: Row) -> bytes:
    return f"{json.dumps(row, ensure_ascii=False)}\n".encode()
