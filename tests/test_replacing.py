"""Folders that are replaced whole: what others read and put there meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from locum.cli.places import find_artefact
from locum.errors import ArtefactError
from locum.replacing import read_whole, replaced_whole


def put(target: Path, content: str) -> None:
    with replaced_whole(target) as folder:
        for name in ("first", "second", "manifest.json"):
            (folder / name).write_text(content, "utf-8")


def read(folder: Path) -> set[str]:
    return {(folder / name).read_text("utf-8") for name in ("first", "second")}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A folder that is to be replaced."""
    put(tmp_path / "home" / "target", "old")
    return tmp_path / "home" / "target"


def test_a_folder_is_replaced_whole_and_nothing_stands_beside_it(target: Path) -> None:
    put(target, "new")
    assert read_whole(target, read) == {"new"}
    assert [*target.parent.iterdir()] == [target]


def test_a_folder_that_was_not_filled_replaces_none(target: Path) -> None:
    with pytest.raises(KeyError), replaced_whole(target):
        raise KeyError
    assert read_whole(target, read) == {"old"}
    assert [*target.parent.iterdir()] == [target]


def test_files_of_two_folders_are_never_read_as_one(target: Path) -> None:
    readings: list[set[str]] = []

    def read_slowly(folder: Path) -> set[str]:
        first = (folder / "first").read_text("utf-8")
        if not readings:
            put(target, "new")
        readings.append({first, (folder / "second").read_text("utf-8")})
        return readings[-1]

    assert read_whole(target, read_slowly) == {"new"}
    assert readings == [{"old", "new"}, {"new"}]


def test_what_fails_as_a_folder_is_replaced_is_tried_again(target: Path) -> None:
    readings = iter([True, False])

    def fail_once(folder: Path) -> set[str]:
        if next(readings):
            put(target, "new")
            raise ArtefactError("the hashes differ")
        return read(folder)

    assert read_whole(target, fail_once) == {"new"}


@pytest.mark.parametrize("name", ["target", "missing"])
def test_what_fails_in_an_unchanged_folder_fails_at_once(target: Path, name: str) -> None:
    readings: list[Path] = []

    def fail(folder: Path) -> None:
        readings.append(folder)
        raise ArtefactError("the hashes differ")

    with pytest.raises(ArtefactError, match="differ"):
        read_whole(target.with_name(name), fail)
    assert len(readings) == 1


def test_a_folder_that_is_never_the_same_is_refused(target: Path) -> None:
    with pytest.raises(ArtefactError, match="replaced whenever it is read"):
        read_whole(target, lambda folder: put(folder, "new"))


def test_a_folder_between_the_steps_of_a_replacement_is_waited_for(target: Path) -> None:
    scratch = target.parent / ".locum-x"
    scratch.mkdir()
    target.replace(scratch / "previous-0")
    with ThreadPoolExecutor() as threads:
        reading = threads.submit(read_whole, target, read)
        finding = threads.submit(find_artefact, str(target), None)
        put(target.with_name("other"), "new")
        target.with_name("other").replace(target)
        assert reading.result() == {"new"}
        assert finding.result() == target


def test_a_folder_that_another_process_put_there_meanwhile_is_replaced_too(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, others = Path.replace, iter(["first other", "second other"])

    def raced(path: Path, place: Path) -> Path:
        moved = replace(path, place)
        if path == target and (other := next(others, None)):
            with monkeypatch.context() as calm:
                calm.setattr(Path, "replace", replace)
                put(target, other)
        return moved

    monkeypatch.setattr(Path, "replace", raced)
    put(target, "new")
    assert read_whole(target, read) == {"new"}
    assert [*target.parent.iterdir()] == [target]
