"""Students on disk: saved whole, loaded unchanged, refused when they are not what was saved."""

from __future__ import annotations

import pickle
import shutil
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pytest

from locum.distillation import distill
from locum.errors import ArtefactError, UsageError
from locum.export import CertifiedStudent, artefact_size, load_artefact
from tests.traffic import make_examples, make_task

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ["the courier lost my parcel", "an invoice was charged twice", ""]


@pytest.fixture(scope="module")
def student() -> CertifiedStudent:
    """A certified student."""
    found = distill(make_task(), make_examples(900)).student
    assert found is not None
    return found


@pytest.fixture
def folder(student: CertifiedStudent, tmp_path: Path) -> Path:
    """Its artefact."""
    return student.save(tmp_path / "student")


def edit_manifest(folder: Path, **changes: object) -> None:
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest | changes))


def test_a_loaded_student_is_the_saved_one(student: CertifiedStudent, folder: Path) -> None:
    loaded = load_artefact(folder)
    assert loaded.predict(TEXTS) == student.predict(TEXTS)
    assert np.array_equal(loaded.predict_proba(TEXTS), student.predict_proba(TEXTS))
    assert loaded.certificate == student.certificate
    assert loaded.task == student.task
    assert loaded.training_sha256 == student.training_sha256 != ""
    assert artefact_size(folder) == sum(path.stat().st_size for path in folder.iterdir())


def test_answered_is_confidence_at_the_threshold(student: CertifiedStudent) -> None:
    texts = [example.text for example in make_examples(200, seed=5)]
    predictions = student.predict([*texts, "", "zzz qqq xxx"])
    threshold = student.certificate.threshold
    assert all(p.answered == (p.confidence >= threshold) for p in predictions)
    assert {p.answered for p in predictions} == {True, False}


def test_one_string_is_not_a_list_of_texts(student: CertifiedStudent) -> None:
    with pytest.raises(UsageError, match="wrap the one text"):
        student.predict("a text")


def test_saving_again_replaces_the_whole(student: CertifiedStudent, folder: Path) -> None:
    (folder / "weights.safetensors").write_bytes(b"spoilt")
    student.save(folder)
    assert load_artefact(folder).predict(TEXTS) == student.predict(TEXTS)
    assert {path.name for path in folder.parent.iterdir()} == {"student"}


def test_a_folder_of_something_else_is_not_overwritten(
    student: CertifiedStudent, tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ArtefactError, match="holds no artefact: choose another folder"):
        student.save(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("name", ["weights.safetensors", "student.json", "README.md"])
def test_a_changed_byte_is_refused(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ArtefactError, match=rf"{name} is not the file that was saved"):
        load_artefact(folder)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_version_is_refused(folder: Path, version: object) -> None:
    edit_manifest(folder, format_version=version)
    with pytest.raises(ArtefactError, match=r"format version .* this Locum knows 1"):
        load_artefact(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"family": "os.system"},
        {"surprise": 1},
        {"temperature": 0},
        {"files": {"../outside.txt": {"size": 1, "sha256": "0" * 64}}},
        {"files": {}},
    ],
)
def test_a_strange_manifest_is_refused(folder: Path, change: dict[str, object]) -> None:
    edit_manifest(folder, **change)
    with pytest.raises(ArtefactError):
        load_artefact(folder)


def test_an_unnamed_file_is_refused(folder: Path) -> None:
    (folder / "model.pkl").write_bytes(pickle.dumps("payload"))
    with pytest.raises(ArtefactError, match=r"'model\.pkl', which its manifest does not name"):
        load_artefact(folder)


def test_a_missing_file_and_a_link_are_refused(folder: Path, tmp_path: Path) -> None:
    weights = folder / "weights.safetensors"
    shutil.move(weights, tmp_path / "elsewhere")
    with pytest.raises(ArtefactError, match="lacks the file"):
        load_artefact(folder)
    weights.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArtefactError, match="lacks the file"):
        load_artefact(folder)


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b'{"format_version": 1}', b"\xff\xfe"])
def test_a_broken_manifest_is_refused(folder: Path, content: bytes) -> None:
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(ArtefactError):
        load_artefact(folder)


def test_an_empty_folder_is_refused_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="distil the task first"):
        load_artefact(tmp_path / "nothing")


def test_the_model_card_states_the_promise(folder: Path) -> None:
    card = (folder / "README.md").read_text("utf-8")
    assert "# support" in card
    assert "at least\n95.0% of cases" in card or "at least 95.0%" in " ".join(card.split())
