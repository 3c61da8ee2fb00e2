"""Calls in Parquet files, written and queried with DuckDB."""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

import orjson

from locum.errors import InputError, UsageError
from locum.schema import CallMarks
from locum.store.call_filter import Condition
from locum.store.call_rows import FACT_COLUMNS, CallRow, to_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import ModuleType

    import duckdb
    import numpy as np

    from locum.schema import MarkedCall
    from locum.store.database import Row

__all__ = ["SPILLED", "ParquetReader", "copy_parquet", "export_parquet", "write_parquet"]

SPILLED = ".duckdb-spilled"
"""Name of the folder to which DuckDB moves what does not fit into memory."""

_TYPES = {
    "time": "DOUBLE",
    "status": "BIGINT",
    "streamed": "BOOLEAN",
    "latency_ms": "DOUBLE",
    "first_byte_ms": "DOUBLE",
    "input_tokens": "BIGINT",
    "output_tokens": "BIGINT",
    "cost_usd": "DOUBLE",
    "untimed": "BOOLEAN",
}
_EXPORTED_COLUMNS = (*FACT_COLUMNS, *CallMarks._fields)
_MEMORY = "512MB"
_ROWS_A_GROUP = 8192
_BYTES_A_GROUP = 32 * 2**20
_ROWS_A_FETCH = 200
_PREFIX = 48


def export_parquet(calls: Iterable[MarkedCall], path: Path) -> int:
    """Write calls to a Parquet file, whole or not at all, and return how many.

    Args:
        calls: Held in memory a few at a time.
        path: The file; one that exists is replaced.

    Raises:
        InputError: The file cannot be written.
        UsageError: ``locum[parquet]`` is not installed.
    """
    return write_parquet(map(_exported_row, calls), path, _EXPORTED_COLUMNS)


def write_parquet(
    rows: Iterable[CallRow], path: Path, columns: Sequence[str] = FACT_COLUMNS
) -> int:
    """Write rows as `export_parquet` does, with the names of what they have besides bodies."""
    typed = ", ".join(
        f"CAST({name} AS {_TYPES.get(name, 'VARCHAR')}) AS {name}"
        for name in (*columns, "request", "response")
    )
    with _new_file(path) as (connection, written):
        count, parts = 0, list[Path]()
        # Files of one row group each: DuckDB would hold thousands of bodies of any size at once.
        for batch in _batches(rows):
            count += len(batch)
            parts.append(written.with_name(f"{len(parts)}.parquet"))
            connection.register("batch", _table(batch, columns))
            _copy(connection, f"(SELECT {typed} FROM batch)", parts[-1])  # noqa: S608 - no value in it
            connection.unregister("batch")
        _copy(connection, f"(FROM {_files(parts)})", written)
    return count


def copy_parquet(source: Path, path: Path, left_out: Sequence[str]) -> None:
    """Write the calls of a file to another one without some.

    Args:
        source: The file that is read.
        path: The file that is written, whole or not at all.
        left_out: Ids of the calls that are left out.

    Raises:
        InputError: A file cannot be read or written.
        UsageError: ``locum[parquet]`` is not installed.
    """
    with _new_file(path, source.parent) as (connection, written):
        connection.register("left_out", {"id": _column(left_out)})
        kept = Condition("id NOT IN (SELECT id FROM left_out)", [])
        _copy(connection, f"({kept.select('*', _files([source]))})", written)


class ParquetReader:
    """Queries over Parquet files of one folder; for a ``with`` block.

    Args:
        folder: Where the files are.

    Raises:
        UsageError: ``locum[parquet]`` is not installed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._connection = _connect([folder])

    def __enter__(self) -> Self:
        """Use the reader in a ``with`` block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._connection.close()

    def stream(self, columns: str, files: Sequence[str], condition: Condition) -> Iterator[Row]:
        """Yield the rows of a query, holding few of them in memory.

        Args:
            columns: What is selected.
            files: Names of the files.
            condition: What stands behind ``WHERE``.

        Raises:
            InputError: A file cannot be read.
        """
        paths = [str(self._folder / file) for file in files]
        query = condition.select(columns, "read_parquet(?)")
        with _said(self._folder):
            cursor = self._connection.cursor()
        with closing(cursor):
            self._execute(cursor, query, paths, condition.parameters)
            while rows := _fetch(cursor, self._folder):
                yield from rows

    def _execute(
        self,
        cursor: duckdb.DuckDBPyConnection,
        query: str,
        paths: list[str],
        parameters: Sequence[object],
    ) -> None:
        try:
            with _said(self._folder):
                cursor.execute(query, [paths, *parameters])
        except InputError:
            gone = [path for path in paths if not Path(path).exists()]
            if not gone:
                raise
            raise InputError(
                f"{gone[0]} is gone: where calls were deleted while they were read, run it again; "
                "where somebody removed the file, put it back; a store that was moved or restored "
                "needs the folder that it had beside it"
            ) from None


def _fetch(cursor: duckdb.DuckDBPyConnection, folder: Path) -> list[Row]:
    with _said(folder):
        return cursor.fetchmany(_ROWS_A_FETCH)


@contextmanager
def _new_file(path: Path, *readable: Path) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """Give a connection and a file beside ``path`` that takes its place in the end."""
    # Whose it is stays known where the process is killed; no name may have more than 255 bytes.
    prefix = f".{path.name[:_PREFIX]}-"
    try:
        with TemporaryDirectory(dir=path.parent, prefix=prefix) as scratch, _said(path):
            written = Path(scratch) / "calls.parquet"
            with _connect([Path(scratch), *readable]) as connection:
                yield connection, written
            written.chmod(0o600)
            _flush(written)
            written.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None


def _connect(folders: Sequence[Path]) -> duckdb.DuckDBPyConnection:
    """Connect to a DuckDB that reaches nothing but the given folders and fetches no extension."""
    connection: duckdb.DuckDBPyConnection = _duckdb().connect(
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "memory_limit": _MEMORY,
            # One thread keeps rows in their order without holding many back for it.
            "threads": 1,
            "preserve_insertion_order": False,
            "temp_directory": str(folders[0] / SPILLED),
        }
    )
    allowed = ", ".join(_quoted(str(folder.absolute())) for folder in folders)
    for setting in (
        f"allowed_directories = [{allowed}]",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"SET {setting}")
    return connection


def _exported_row(marked: MarkedCall) -> CallRow:
    row, marks = to_row(marked.call), marked.marks.as_object()
    bought = marks["soft_label"]
    marks["soft_label"] = bought and orjson.dumps(bought).decode()
    return row._replace(facts=(*row.facts, *marks.values()))


def _batches(rows: Iterable[CallRow]) -> Iterator[list[CallRow]]:
    batch, size = list[CallRow](), 0
    for row in rows:
        batch.append(row)
        size += len(row.request) + len(row.response)
        if len(batch) == _ROWS_A_GROUP or size >= _BYTES_A_GROUP:
            yield batch
            batch, size = [], 0
    yield batch


def _table(batch: Sequence[CallRow], columns: Sequence[str]) -> dict[str, np.ndarray]:
    table = {
        name: _column([row.facts[position] for row in batch])
        for position, name in enumerate(columns)
    }
    table["request"] = _column([row.request.decode() for row in batch])
    table["response"] = _column([_text(row.response) for row in batch])
    return table


def _text(response: bytes) -> str | None:
    return None if response == b"null" else response.decode()


def _column(values: Sequence[object]) -> np.ndarray:
    import numpy as np

    column = np.empty(len(values), object)
    column[:] = values
    return column


def _copy(connection: duckdb.DuckDBPyConnection, source: str, path: Path) -> None:
    connection.execute(
        f"COPY {source} TO {_quoted(str(path.absolute()))} "
        f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROWS_A_GROUP}, "
        f"ROW_GROUP_SIZE_BYTES {_BYTES_A_GROUP}, USE_TMP_FILE false)"
    )


def _files(paths: Sequence[Path]) -> str:
    return f"read_parquet([{', '.join(_quoted(str(path.absolute())) for path in paths)}])"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_folder(folder: Path) -> None:
    if os.name != "nt":
        _flush(folder)


@contextmanager
def _said(place: Path) -> Iterator[None]:
    """Say what DuckDB's errors are about."""
    error_class = _duckdb().Error
    try:
        yield
    except error_class as error:
        raise InputError(f"{place} cannot be used: {str(error).splitlines()[0]}") from None


def _duckdb() -> ModuleType:
    try:
        return import_module("duckdb")
    except ImportError:
        raise UsageError("Parquet files need DuckDB: pip install 'locum[parquet]'") from None
