"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from locum.errors import InputError
from locum.writable import why_unwritable, written_whole


def write(path: Path, content: bytes) -> None:
    with written_whole(path) as file:
        file.write(content)


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_bytes(b"old")
    path.chmod(0o640)
    with written_whole(path) as file:
        [scratch] = set(tmp_path.iterdir()) - {path}
        assert stat.S_IMODE(scratch.stat().st_mode) == 0o640
        file.write(b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("exists", [True, False])
def test_what_is_private_is_for_its_owner_alone(tmp_path: Path, *, exists: bool) -> None:
    path = tmp_path / "report.html"
    if exists:
        path.write_bytes(b"old")
        path.chmod(0o644)
    with written_whole(path, private=True) as file:
        [scratch] = set(tmp_path.iterdir()) - {path}
        assert stat.S_IMODE(scratch.stat().st_mode) == 0o600
        file.write(b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_for_what_is_private_is_its_owner_s_alone(tmp_path: Path) -> None:
    with written_whole(tmp_path / "task" / "report.html", private=True) as file:
        file.write(b"new")
    assert stat.S_IMODE((tmp_path / "task").stat().st_mode) == 0o700


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_keeps_its_target(tmp_path: Path, *, exists: bool) -> None:
    link, target = tmp_path / "calls.jsonl", tmp_path / "elsewhere" / "calls.jsonl"
    link.symlink_to(target)
    if exists:
        target.parent.mkdir()
        target.write_bytes(b"old")
    write(link, b"new")
    assert link.readlink() == target
    assert target.read_bytes() == b"new"
    assert list(target.parent.iterdir()) == [target]


def test_a_pipe_stays_one_and_its_reader_gets_what_is_written(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write(pipe, b"new")
        assert os.read(reader, 10) == b"new"
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_pipe_can_be_written_wherever_it_lies() -> None:
    ends = os.pipe()
    try:
        assert why_unwritable(Path(f"/dev/fd/{ends[1]}")) is None
    finally:
        for end in ends:
            os.close(end)


def test_a_place_behind_a_closed_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(_: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", closed)
    assert why_unwritable(tmp_path / "closed" / "a") == "Permission denied"


def test_a_folder_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{tmp_path} cannot be written: Is a directory"):
        write(tmp_path, b"new")


def test_an_interrupted_file_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_bytes(b"old")

    def interrupt() -> None:
        with written_whole(path) as file:
            file.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
