"""Extractors on disk: the same bytes, the same readings, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from locum.errors import ArtefactError
from locum.extractors import LinearExtractor, load_extractor, save_extractor
from locum.shapes import ITEM
from tests.student_cases import write_trap
from tests.test_extractors import ODD, SCHEMA, learn, make

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module")
def extractor() -> LinearExtractor:
    """An extractor that knows some letters."""
    return learn(SCHEMA, make(100, 1))


@pytest.fixture
def saved(extractor: LinearExtractor, tmp_path: Path) -> Path:
    """A folder with a saved extractor."""
    save_extractor(extractor, tmp_path)
    return tmp_path


_READ = """
import json, pathlib, sys
from locum.extractors import load_extractor
extractor = load_extractor(pathlib.Path(sys.argv[1]))
readings = [extractor.read(text) for text in json.load(sys.stdin)]
assert not {"scipy", "sklearn", "torch"} & set(sys.modules)
print(ascii([[r.value, r.log_confidence, r.unit_confidences()] for r in readings]))
"""
_FIT = """
import pathlib, sys
from locum.extractors import save_extractor
from tests.test_extractors import SCHEMA, learn, make
save_extractor(learn(SCHEMA, make(100, 1)), pathlib.Path(sys.argv[1]))
"""


def test_a_fresh_process_reads_the_same(extractor: LinearExtractor, saved: Path) -> None:
    texts = [*make(30, 4).texts, *ODD]
    command = [sys.executable, "-W", "error", "-c", _READ, str(saved)]
    found = subprocess.run(
        command, input=json.dumps(texts), capture_output=True, check=True, text=True
    )
    readings = [extractor.read(text) for text in texts]
    said = [[r.value, r.log_confidence, r.unit_confidences()] for r in readings]
    assert found.stdout.strip() == ascii(said)


def _contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_two_fits_and_a_loaded_extractor_are_saved_as_the_same_bytes(
    saved: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    fitted, again = (tmp_path_factory.mktemp(name) for name in ("fitted", "again"))
    environment = os.environ | {"PYTHONHASHSEED": "3"}
    subprocess.run([sys.executable, "-c", _FIT, str(fitted)], env=environment, check=True)
    written = save_extractor(load_extractor(saved), again)
    assert _contents(saved) == _contents(fitted) == _contents(again)
    assert sorted(str(path.relative_to(again)) for path in written) == [*_contents(again)]
    assert sum(map(len, _contents(saved).values())) < 2_000_000


def _change(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    entries = json.loads((folder / "extractor.json").read_bytes())
    change(entries)
    (folder / "extractor.json").write_text(json.dumps(entries))


_FILES = ["extractor.json", "tagger/tagger.safetensors", "tagger/tagger.json"]
_FILES += ["head-0/weights.safetensors", "head-0/student.json"]


@pytest.mark.parametrize("name", _FILES)
@pytest.mark.parametrize("content", [None, b"", b"{}", b"null", b"\xff", b"[" * 100_000])
def test_missing_and_other_files_are_refused(saved: Path, name: str, content: bytes | None) -> None:
    (saved / name).unlink() if content is None else (saved / name).write_bytes(content)
    with pytest.raises(ArtefactError):
        load_extractor(saved)


@pytest.mark.parametrize("name", _FILES)
def test_a_pickle_is_refused_and_not_run(saved: Path, name: str) -> None:
    sprung = write_trap(saved / name)
    with pytest.raises(ArtefactError):
        load_extractor(saved)
    assert not sprung.exists()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (["family"], "other"),
        (["more"], 1),
        (["left_out"], -1),
        (["answer_schema"], {"type": "object"}),
        (["answer_schema"], "{}"),
        (["settings"], {"unknown": 1}),
        (["fields", 0, "kind"], "guessed"),
        (["fields", 3, "normaliser"], "os.system"),
        (["heads", 0, "options"], []),
        (["heads", 0, "options"], ['"paid"', '"open"']),
        (["heads", 0, "options"], ['"late"', '"open"', '"paid"']),
        (["heads", 0, "temperature"], 0),
        (["heads", 0, "temperature"], "hot"),
        (["heads", 0, "folder"], "../elsewhere"),
        (["marks", 0, "level"], -1),
        (["marks", 0, "level"], 51),
        (["marks", 0, "path"], "customer"),
        (["marks", 0, "closed"], [[["lines", ITEM, "kind"], ["food"]]]),
        (["marks"], [{"path": ["customer"], "level": 0, "closed": []}]),
        (["absences", 0, "said"], "gone"),
    ],
)
def test_changed_entries_are_refused(saved: Path, place: list[str | int], value: object) -> None:
    def change(entries: Any) -> None:  # noqa: ANN401
        for step in place[:-1]:
            entries = entries[step]
        entries[place[-1]] = value

    _change(saved, change)
    with pytest.raises(ArtefactError):
        load_extractor(saved)
