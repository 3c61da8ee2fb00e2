"""Students that answer in JSON on disk: saved whole, loaded unchanged, refused when changed."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest

from locum.config import RedactionSettings
from locum.errors import ArtefactError
from locum.evaluation import Certificate
from locum.export import CertifiedExtractor, CertifiedStudent, artefact_size, load_artefact
from locum.export.files import describe_file
from locum.export.manifest import read_manifest as read_checked_manifest
from locum.export.model_card import render_model_card
from locum.extraction import distill_extraction
from locum.shapes import show_path
from locum.students.linear import LinearStudent
from tests.json_traffic import (
    SHORT_SCHEMA,
    make_answers,
    make_short_mails,
    make_short_task,
)
from tests.student_cases import copies_of
from tests.traffic import LABELS, make_examples
from tests.traffic import make_task as make_label_task

if TYPE_CHECKING:
    from pathlib import Path

    from locum.schema import Extraction, JsonObject

TEXTS = [
    *(mail.text for mail in make_short_mails(12, seed=6)),
    "The courier has not turned up. My order is RX-55555.",
    "",
    "qqq €",
]
FRESH = """
import json, sys
from locum.export import load_artefact

student = load_artefact(sys.argv[1])
texts = json.load(sys.stdin)
found = student.predict(texts)
said = [[one.answer, one.confidence, one.answered, dict(one.fields)] for one in found]
json.dump([said, [student.answer_text(text) for text in texts]], sys.stdout)
"""


@pytest.fixture(scope="module")
def student() -> CertifiedExtractor:
    """A certified student whose answers lack a field of the schema."""
    task = make_short_task(leave_out=["summary"])
    examples = make_answers(make_short_mails(200))
    result = distill_extraction(
        task, examples, target=0.85, family="linear", teacher_name="gpt-x|y"
    )
    assert result.student is not None
    return result.student


@pytest.fixture
def folder(student: CertifiedExtractor, tmp_path: Path) -> Path:
    """Its artefact."""
    return student.save(tmp_path / "student")


def read_manifest(folder: Path) -> JsonObject:
    manifest: JsonObject = orjson.loads((folder / "manifest.json").read_bytes())
    return manifest


def edit_manifest(folder: Path, **changes: object) -> None:
    manifest = read_manifest(folder) | changes
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest))


def edit_extractor(folder: Path, **changes: object) -> None:
    """Change what the extractor says of itself, and what the manifest says of that file."""
    path = folder / "extractor.json"
    path.write_bytes(orjson.dumps(orjson.loads(path.read_bytes()) | changes))
    files = read_manifest(folder)["files"] | {"extractor.json": describe_file(path)._asdict()}
    edit_manifest(folder, files=files)


def loaded(folder: Path) -> CertifiedExtractor:
    found = load_artefact(folder)
    assert isinstance(found, CertifiedExtractor)
    return found


def plain(extraction: Extraction) -> list[Any]:
    fields = {path: list(field) for path, field in extraction.fields.items()}
    return [extraction.answer, extraction.confidence, extraction.answered, fields]


def test_a_text_that_goes_on_where_reading_ends_is_deferred_with_all_its_fields(
    student: CertifiedExtractor,
) -> None:
    text = next(text for text in TEXTS if student.answer_text(text) is not None)
    blanks = " " * 20_000
    short, padded, goes_on = student.predict([text, text + blanks, f"{text}{blanks}Not urgent."])
    assert padded == short
    assert (goes_on.answer, goes_on.confidence, goes_on.answered) == (short.answer, 0.0, False)
    assert not any(field.accepted or field.confidence for field in goes_on.fields.values())
    assert student.answer_text(f"{text}{blanks}Not urgent.") is None


def test_a_copy_answers_as_it_does(student: CertifiedExtractor) -> None:
    expected = student.predict(TEXTS)
    for copied in copies_of(student):
        assert copied.predict(TEXTS) == expected


def test_a_loaded_student_is_the_saved_one(student: CertifiedExtractor, folder: Path) -> None:
    found = loaded(folder)
    assert found.predict(TEXTS) == student.predict(TEXTS)
    assert {one.answered for one in found.predict(TEXTS)} == {True, False}
    answers = [student.answer_text(text) for text in TEXTS]
    assert [found.answer_text(text) for text in TEXTS] == answers
    assert found.certificate == student.certificate
    assert found.field_certificates == student.field_certificates
    assert found.temperatures == student.temperatures
    assert found.task == student.task
    assert found.task.leave_out == ("summary",)
    assert found.teacher == student.teacher
    assert found.training_sha256 == student.training_sha256 != ""
    assert found.redaction is None


def test_a_fresh_process_predicts_the_same(student: CertifiedExtractor, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FRESH, str(folder)],
        input=json.dumps(TEXTS),
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONHASHSEED": "7"},
        cwd=folder.parent,
    )
    said, answers = json.loads(done.stdout)
    assert said == [plain(one) for one in student.predict(TEXTS)]
    assert answers == [student.answer_text(text) for text in TEXTS]


def test_the_manifest_names_the_schema_the_certificates_and_every_file(
    student: CertifiedExtractor, folder: Path
) -> None:
    manifest = read_manifest(folder)
    assert manifest["task"]["kind"] == "extraction"
    assert manifest["task"]["answer_schema"] == SHORT_SCHEMA
    assert manifest["task"]["leave_out"] == ["summary"]
    assert student.certificate is not None
    assert manifest["certificate"] == student.certificate._asdict()
    assert [field["path"] for field in manifest["fields"]] == [["intent"], ["urgent"], ["number"]]
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert files == {*manifest["files"], "manifest.json"}
    assert {"extractor.json", "README.md"} < files
    assert {"head-0", "head-1", "tagger"} == {
        path.name for path in folder.iterdir() if path.is_dir()
    }
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    assert artefact_size(folder) == sum(sizes)


def test_saving_again_replaces_the_whole(student: CertifiedExtractor, folder: Path) -> None:
    (folder / "extractor.json").write_bytes(b"spoilt")
    (folder / "head-0" / "more.txt").write_text("spoilt")
    student.save(folder)
    assert loaded(folder).predict(TEXTS) == student.predict(TEXTS)
    assert {path.name for path in folder.parent.iterdir()} == {"student"}


def test_a_folder_of_something_else_is_not_overwritten(
    student: CertifiedExtractor, tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ArtefactError, match="holds no artefact: choose another folder"):
        student.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_changed_byte_is_refused(folder: Path) -> None:
    names = read_manifest(folder)["files"]
    assert len(names) >= 6
    for name in names:
        path = folder / name
        content = path.read_bytes()
        changed = bytearray(content)
        changed[len(content) // 2] ^= 1
        path.write_bytes(changed)
        with pytest.raises(ArtefactError, match=r"is not the file that was saved"):
            load_artefact(folder)
        path.write_bytes(content)
    assert loaded(folder).predict(TEXTS[:1])


def test_a_missing_file_and_a_link_are_refused(folder: Path, tmp_path: Path) -> None:
    for name in read_manifest(folder)["files"]:
        path = folder / name
        shutil.move(path, tmp_path / "elsewhere")
        with pytest.raises(ArtefactError, match="lacks the file"):
            load_artefact(folder)
        path.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(ArtefactError, match="lacks the file"):
            load_artefact(folder)
        path.unlink()
        shutil.move(tmp_path / "elsewhere", path)
    shutil.move(folder / "tagger", tmp_path / "elsewhere")
    (folder / "tagger").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArtefactError, match="'tagger', which its manifest does not name"):
        load_artefact(folder)


@pytest.mark.parametrize(
    "name", ["model.pkl", "tagger/model.pkl", "head-0/model.pkl", "head-7/a.bin"]
)
def test_a_file_too_many_is_refused(folder: Path, name: str) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(pickle.dumps("payload"))
    with pytest.raises(ArtefactError, match="which its manifest does not name"):
        load_artefact(folder)


_CERTIFICATE: JsonObject = {
    "threshold": 0.5,
    "target": 0.9,
    "confidence": 0.95,
    "coverage": 0.5,
    "agreement": 1.0,
    "lower_bound": 0.9,
    "all_requests": 0.9,
    "inputs": 100,
    "answered": 50,
    "disagreements": 0,
}


@pytest.mark.parametrize(
    "change",
    [
        {"format_version": 2},
        {"family": "os.system"},
        {"family": "static"},
        {"surprise": 1},
        {"temperature": 0},
        {"temperature": None},
        {"fields": []},
        {"fields": None},
        {"certificate": {}},
        {"certificate": _CERTIFICATE | {"threshold": 1.5}},
        {"certificate": _CERTIFICATE | {"surprise": 1}},
        {"certificate": _CERTIFICATE | {"inputs": "many"}},
        {"deferral": None},
        {"files": {}},
        {"files": {"../outside.txt": {"size": 1, "sha256": "0" * 64}}},
        {"files": {"tagger/../outside.txt": {"size": 1, "sha256": "0" * 64}}},
        {"files": {"head-1234/student.json": {"size": 1, "sha256": "0" * 64}}},
        {"files": {"head-123456/student.json": {"size": 1, "sha256": "0" * 64}}},
        {"files": {"member-1234/student.json": {"size": 1, "sha256": "0" * 64}}},
        {"redaction": {"off": ["secrets"], "patterns": {}}},
        {"redaction": {"off": [], "patterns": {"order": "("}}},
        {"training_data_sha256": "none"},
    ],
)
def test_a_strange_manifest_is_refused(folder: Path, change: JsonObject) -> None:
    edit_manifest(folder, **change)
    with pytest.raises(ArtefactError):
        load_artefact(folder)


@pytest.mark.parametrize("number", [0, 999, 1_000, 99_999])
def test_a_manifest_names_as_many_heads_as_a_schema_has(folder: Path, number: int) -> None:
    name = f"head-{number}/weights.safetensors"
    edit_manifest(folder, files={name: {"size": 1, "sha256": "0" * 64}})
    assert list(read_checked_manifest(folder).files) == [name]


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "classification"},
        {"kind": "poetry"},
        {"name": "../elsewhere"},
        {"leave_out": []},
        {"leave_out": ["mood"]},
        {"leave_out": ["summary", "urgent"]},
        {"labels": ["a", "b"]},
        {"answer_schema": {}},
        {"answer_schema": SHORT_SCHEMA | {"required": ["intent"]}},
        {"answer_schema": SHORT_SCHEMA | {"title": "Mail"}},
        {"answer_schema": "extractor.json"},
    ],
)
def test_a_manifest_of_another_task_is_refused(folder: Path, change: JsonObject) -> None:
    edit_manifest(folder, task=read_manifest(folder)["task"] | change)
    with pytest.raises(ArtefactError):
        load_artefact(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"path": ["mood"]},
        {"path": []},
        {"temperature": -1.0},
        {"value": {"threshold": 0.1}},
        {"surprise": 1},
    ],
)
def test_a_field_of_another_student_is_refused(folder: Path, change: JsonObject) -> None:
    first, *others = read_manifest(folder)["fields"]
    edit_manifest(folder, fields=[first | change, *others])
    with pytest.raises(ArtefactError):
        load_artefact(folder)


def test_fields_in_another_order_or_fewer_are_refused(folder: Path) -> None:
    fields = read_manifest(folder)["fields"]
    for wrong in (fields[::-1], fields[1:], [*fields, fields[0] | {"path": ["mood"]}]):
        edit_manifest(folder, fields=wrong)
        with pytest.raises(ArtefactError, match="answers are not those of its manifest"):
            load_artefact(folder)


def test_an_extractor_of_another_schema_is_refused(folder: Path) -> None:
    answer_schema = make_short_task(leave_out=["summary"]).answer_schema
    edit_extractor(folder, answer_schema=answer_schema)
    loaded(folder)
    edit_extractor(folder, answer_schema=answer_schema | {"title": "Mail"})
    with pytest.raises(ArtefactError, match="answers are not those of its manifest"):
        load_artefact(folder)


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b'{"format_version": 1}', b"\xff\xfe"])
def test_a_broken_manifest_is_refused(folder: Path, content: bytes) -> None:
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(ArtefactError):
        load_artefact(folder)


def test_a_student_of_single_fields_and_its_redaction_survive_the_disk(
    student: CertifiedExtractor, tmp_path: Path
) -> None:
    redaction = RedactionSettings(frozenset({"email"}), {"order": r"RX-\d{5}"})
    partial = dataclasses.replace(student, certificate=None, redaction=redaction)
    found = loaded(partial.save(tmp_path / "partial"))
    assert found.certificate is None
    assert found.redaction == redaction
    said = found.predict(TEXTS)
    assert said == partial.predict(TEXTS) != student.predict(TEXTS)
    assert not any(one.answered for one in said)
    assert any(field.accepted for one in said for field in one.fields.values())
    card = (tmp_path / "partial" / "README.md").read_text("utf-8")
    assert "Nowhere with the whole object." in card


def test_the_model_card_states_the_promises(student: CertifiedExtractor, folder: Path) -> None:
    card = " ".join((folder / "README.md").read_text("utf-8").split())
    assert "# mail" in card
    assert r"stands in for **gpt\-x\|y** on one task" in card
    assert "Left out of them: `summary`." in card
    whole = student.certificate
    assert whole is not None
    assert f"where its confidence is at least {whole.threshold:.4f}" in card
    assert "in at least 85.0% of cases, with 95.0% confidence" in card
    assert f"{whole.inputs} inputs, of which it answered {whole.answered} with" in card
    assert f"then at least {100 * whole.all_requests:.1f}% of all requests" in card
    for unit in student.model.units:
        own = student.field_certificates[unit.path].value
        figures = f"{own.threshold:.4f} | {100 * own.coverage:.1f}%" if own else "never |"
        assert f"| `{show_path(unit.path)}` | {unit.kind} | {figures}" in card
    assert {unit.kind for unit in student.model.units} == {"closed", "spans"}
    assert "it needs" not in card


def test_the_model_card_names_the_extra_that_a_family_needs(
    student: CertifiedExtractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(student.model), "extra", "onnx")
    assert "it needs: `pip install 'locum[onnx]'`." in render_model_card(student)


def test_a_student_that_answers_with_labels_still_loads(tmp_path: Path) -> None:
    examples = make_examples(150, noise=0.0)
    rows = [LABELS.index(example.answer or "") for example in examples]
    soft_labels = np.eye(len(LABELS))[rows]
    model = LinearStudent(LABELS).fit([example.text for example in examples], soft_labels)
    certificate = Certificate(**_CERTIFICATE)
    saved = CertifiedStudent(make_label_task(), model, 1.0, certificate, "a teacher")
    folder = saved.save(tmp_path / "labels")
    texts = [example.text for example in make_examples(20, seed=7)]
    found = load_artefact(folder)
    assert isinstance(found, CertifiedStudent)
    assert found.predict(texts) == saved.predict(texts)
    task = read_manifest(folder)["task"]
    # Manifests of before there were other kinds name none.
    assert task.pop("kind") == "classification"
    edit_manifest(folder, task=task)
    assert load_artefact(folder).task == saved.task
    edit_manifest(folder, task=task | {"kind": "extraction"})
    with pytest.raises(ArtefactError):
        load_artefact(folder)
