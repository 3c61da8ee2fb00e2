"""Parquet files of calls, written and read."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import duckdb
import orjson
import pytest

from locum.errors import InputError, UsageError
from locum.schema import Call, CallMarks, KeptSoftLabel, MarkedCall, TeacherAnswer
from locum.store import CallFilter, CallStore, export_parquet, parquet
from locum.store.call_filter import Condition
from tests.call_samples import full_call, make_call, make_calls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


FULL = MarkedCall(full_call(), CallMarks())


class CrashError(Exception):
    """Raised where a process might die."""


@pytest.fixture
def place(odd_path: Path) -> str:
    """SQLite alone has an archive."""
    return str(odd_path)


def test_an_export_holds_the_calls(tmp_path: Path) -> None:
    target = tmp_path / "calls.parquet"
    bare = Call(make_call("bare", 1.0, latency_ms=3, cost_usd=None).facts, {}, None)
    bought = KeptSoftLabel(("a", "b"), TeacherAnswer("b", (0.25, 0.5), version="m"))
    marked = MarkedCall(full_call(), CallMarks("support", untimed=True, soft_label=bought))
    assert export_parquet(iter([marked, MarkedCall(bare, CallMarks())]), target) == 2
    assert list(tmp_path.iterdir()) == [target]
    with duckdb.connect() as connection:
        relation = connection.read_parquet(str(target))
        types = dict(zip(relation.columns, map(str, relation.types), strict=True))
        [full, empty] = relation.fetchall()
    assert types["time"] == types["cost_usd"] == types["latency_ms"] == "DOUBLE"
    assert types["input_tokens"] == types["status"] == "BIGINT"
    assert types["streamed"] == types["untimed"] == "BOOLEAN"
    assert set(types.values()) == {"VARCHAR", "DOUBLE", "BIGINT", "BOOLEAN"}
    assert full[0] == "full"
    assert full[-5:-3] == ("support", True)
    assert KeptSoftLabel.from_object(orjson.loads(full[-3])) == bought
    assert empty[0] == "bare"
    assert empty[-5:-2] == (None, False, None)
    assert empty[-1] is None
    assert empty[-2] == "{}"


def test_an_export_of_nothing_is_an_empty_table(tmp_path: Path) -> None:
    target = tmp_path / "calls.parquet"
    assert export_parquet([], target) == 0
    with duckdb.connect() as connection:
        relation = connection.read_parquet(str(target))
        assert "fingerprint" in relation.columns
        assert relation.fetchall() == []


def test_an_export_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    def failing() -> Iterator[MarkedCall]:
        yield FULL
        raise CrashError

    target = tmp_path / "calls.parquet"
    target.write_bytes(b"earlier")
    with pytest.raises(CrashError):
        export_parquet(failing(), target)
    assert [file.name for file in tmp_path.iterdir()] == ["calls.parquet"]
    assert target.read_bytes() == b"earlier"
    with pytest.raises(InputError, match=r"gone.calls\.parquet cannot be written: No such file"):
        export_parquet([FULL], tmp_path / "gone" / "calls.parquet")


def test_without_duckdb_the_extra_is_named(
    tmp_path: Path, store: CallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(make_calls(10))
    monkeypatch.setitem(sys.modules, "duckdb", None)
    for attempt in (
        lambda: store.compact(5.0),
        lambda: export_parquet([FULL], tmp_path / "calls.parquet"),
    ):
        with pytest.raises(UsageError, match=r"pip install 'locum\[parquet\]'"):
            attempt()
    assert list(store.iterate(CallFilter())) == make_calls(10)
    assert not os.path.lexists(tmp_path / "calls.parquet")


def test_queries_reach_no_other_file_and_no_network(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    for name in ("inside.parquet", "../outside.parquet"):
        export_parquet([FULL], folder / name)
    settings = ", ".join(
        f"current_setting('{name}')"
        for name in (
            "autoinstall_known_extensions",
            "autoload_known_extensions",
            "enable_external_access",
        )
    )
    everything = Condition("TRUE", [])
    with parquet.ParquetReader(folder) as reader:
        assert list(reader.stream(settings, ["inside.parquet"], everything)) == [
            (False, False, False)
        ]
        with pytest.raises(InputError, match="disabled by configuration"):
            list(reader.stream("id", ["../outside.parquet"], everything))
