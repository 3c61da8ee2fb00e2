"""Students on disk: saved whole, loaded unchanged, refused when they are not what was saved."""

from __future__ import annotations

import dataclasses
import json
import pickle
import re
import shutil
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest

from locum.calibration import DeferralScore
from locum.config import RedactionSettings
from locum.distillation import distill
from locum.errors import ArtefactError, UsageError
from locum.export import CertifiedStudent, artefact, artefact_size, load_artefact
from locum.export.files import describe_file
from locum.students import Judgement
from locum.students.cascade import CascadeStudent
from locum.students.cascade_rule import CascadeRule
from locum.students.ensemble import EnsembleStudent
from locum.students.ensemble_rule import EnsembleRule
from locum.students.linear import LinearStudent
from tests.student_cases import NO_TEXTS, Column, copies_of
from tests.traffic import make_examples, make_task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

TEXTS = ["the courier lost my parcel", "an invoice was charged twice", ""]
_ZEROS = "9e21c61969cd3e077a1b2b58ddb583b175e13c6479d2d83912eaddc23c0cdd52"
LEARNED = DeferralScore(
    "learned",
    (2.5, 3.0, 0.4, 0.1, 4.0),
    (1.0, 1.5, 0.2, 0.1, 0.3),
    (0.7, 0.5, -0.2, -0.3, 0.1),
    2.0,
)


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


@pytest.fixture
def cascade(student: CertifiedStudent) -> CertifiedStudent:
    """A certified cascade that asks its second student about half of the texts."""
    model = student.model
    sure = model.predict_proba([example.text for example in make_examples(200)]).max(axis=1)
    rule = CascadeRule(float(np.median(sure)), 0.3, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5)
    return dataclasses.replace(
        student, model=CascadeStudent.of(model, model, rule), deferral=LEARNED
    )


def edit_manifest(folder: Path, **changes: object) -> None:
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest | changes))


def test_a_loaded_student_is_the_saved_one(student: CertifiedStudent, folder: Path) -> None:
    loaded = load_artefact(folder)
    assert isinstance(loaded, CertifiedStudent)
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


def test_answered_is_the_learned_score_at_the_threshold(student: CertifiedStudent) -> None:
    texts = [example.text for example in make_examples(200, seed=5)]
    lengths = np.array([len(text) for text in texts])
    score = LEARNED.score(student.predict_proba(texts), student.model.judge(texts).novelty, lengths)
    middle = float(np.median(score))
    learned = dataclasses.replace(
        student, deferral=LEARNED, certificate=student.certificate._replace(threshold=middle)
    )
    found = learned.predict([*texts, "", " \n"])
    clear = np.abs(score - middle) > 1e-6
    answered = np.array([prediction.answered for prediction in found[:-2]])
    assert (answered[clear] == (score > middle)[clear]).all()
    assert 80 < answered.sum() < 120
    assert not found[-1].answered
    assert not found[-2].answered
    plain = student.predict(texts)
    assert [p.confidence for p in found[:-2]] == [p.confidence for p in plain]


class _Failing(LinearStudent):
    """A student whose numbers fail on some texts."""

    def judge(self, inputs: Sequence[str]) -> Judgement:
        proba: NDArray[np.float32] = np.tile(
            np.array([0.98, 0.01, 0.01], np.float32), (len(inputs), 1)
        )
        novelty = np.zeros(len(inputs), np.float32)
        for row, text in enumerate(inputs):
            if text in ("nan", "inf"):
                proba[row, 2] = float(text)
            if text == "zeros":
                proba[row] = 0.0
            if text == "strange":
                novelty[row] = np.nan
        return Judgement(proba, novelty)


@pytest.mark.parametrize("deferral", [DeferralScore(), LEARNED])
def test_what_is_not_finite_is_never_answered(
    student: CertifiedStudent, deferral: DeferralScore
) -> None:
    failing = dataclasses.replace(
        student,
        model=_Failing(student.classes_),
        deferral=deferral,
        certificate=student.certificate._replace(threshold=0.0),
    )
    texts = ["fine", "nan", "inf", "zeros"]
    for found in (failing.predict(texts), [failing.predict([text])[0] for text in texts]):
        assert [prediction.answered for prediction in found] == [True, False, False, False]
        assert all(0 < prediction.confidence <= 1 for prediction in found)
    np.testing.assert_allclose(failing.predict_proba(["nan"]), 1 / 3, rtol=1e-6)
    if deferral is LEARNED:
        assert not failing.predict(["strange"])[0].answered


@pytest.mark.parametrize("deferral", [DeferralScore(), LEARNED])
def test_a_text_alone_is_predicted_as_among_others(
    student: CertifiedStudent, deferral: DeferralScore
) -> None:
    texts = [*(example.text for example in make_examples(100, seed=6)), *TEXTS, " \n"]
    used = dataclasses.replace(student, deferral=deferral)
    alone = [used.predict([text])[0] for text in texts]
    together = used.predict(texts)
    assert [p.label for p in alone] == [p.label for p in together]
    assert [p.answered for p in alone] == [p.answered for p in together]
    np.testing.assert_allclose(
        [p.confidence for p in alone], [p.confidence for p in together], rtol=1e-5
    )


def test_no_texts_have_no_predictions(student: CertifiedStudent) -> None:
    assert student.predict([]) == []
    assert student.predict_proba([]).shape == (0, 3)


@pytest.mark.parametrize("name", NO_TEXTS)
def test_what_holds_no_texts_is_refused(student: CertifiedStudent, name: str) -> None:
    given, message = NO_TEXTS[name]
    redacting = dataclasses.replace(student, redaction=RedactionSettings())
    for asked in (student, redacting):
        for ask in (asked.predict, asked.predict_proba, asked.novelty):
            with pytest.raises(UsageError, match=re.escape(message)):
                ask(given)


def test_a_column_with_an_index_of_its_own_is_read_by_place(
    student: CertifiedStudent, cascade: CertifiedStudent
) -> None:
    column: Any = Column(TEXTS)
    one: Any = Column(TEXTS[:1])
    for asked in (student, cascade):
        assert asked.predict(column) == asked.predict(TEXTS)
        assert asked.predict(one) == asked.predict(TEXTS[:1])
        np.testing.assert_array_equal(asked.novelty(column), asked.novelty(TEXTS))


def test_a_copy_answers_as_it_does(student: CertifiedStudent) -> None:
    redacting = dataclasses.replace(student, redaction=RedactionSettings())
    for asked in (student, redacting):
        expected = asked.predict(TEXTS)
        for copied in copies_of(asked):
            assert copied.predict(TEXTS) == expected


def test_saving_again_replaces_the_whole(student: CertifiedStudent, folder: Path) -> None:
    (folder / "weights.safetensors").write_bytes(b"spoilt")
    student.save(folder)
    assert load_artefact(folder).predict(TEXTS) == student.predict(TEXTS)
    assert {path.name for path in folder.parent.iterdir()} == {"student"}


def test_what_was_saved_before_survives_an_interruption(
    student: CertifiedStudent, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    def interrupted(path: Path, target: Path) -> Path:
        if path.name == "whole":
            raise KeyboardInterrupt
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        student.save(folder)
    assert load_artefact(folder).predict(TEXTS) == student.predict(TEXTS)
    assert {path.name for path in folder.parent.iterdir()} == {"student"}


def test_a_student_that_is_replaced_while_it_is_read_is_one_of_the_two(
    student: CertifiedStudent,
    cascade: CertifiedStudent,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verify = artefact.verify_artefact

    def replaced_meanwhile(place: Path) -> object:
        manifest = verify(place)
        if manifest.family == student.model.family:
            cascade.save(folder)
        return manifest

    monkeypatch.setattr(artefact, "verify_artefact", replaced_meanwhile)
    loaded = load_artefact(folder)
    assert isinstance(loaded, CertifiedStudent)
    assert isinstance(loaded.model, CascadeStudent)
    assert loaded.deferral == cascade.deferral
    assert loaded.predict(TEXTS) == cascade.predict(TEXTS)


@pytest.mark.parametrize(
    "redaction",
    [RedactionSettings(frozenset({"emial"})), RedactionSettings(patterns={"ORDER": "("})],
    ids=["kind", "pattern"],
)
def test_a_student_that_could_not_be_loaded_takes_no_other_s_place(
    student: CertifiedStudent, folder: Path, redaction: RedactionSettings
) -> None:
    with pytest.raises(UsageError, match=r"emial|ORDER"):
        dataclasses.replace(student, redaction=redaction).save(folder)
    assert load_artefact(folder).predict(TEXTS) == student.predict(TEXTS)


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
        {"files": {"first/../../outside.txt": {"size": 1, "sha256": "0" * 64}}},
        {"files": {"first//weights.safetensors": {"size": 1, "sha256": "0" * 64}}},
        {"files": {"first/deeper/weights.safetensors": {"size": 1, "sha256": "0" * 64}}},
        {"files": {"third/weights.safetensors": {"size": 1, "sha256": "0" * 64}}},
        {"files": {"/weights.safetensors": {"size": 1, "sha256": "0" * 64}}},
        {"files": {"weights.safetensors\n": {"size": 1, "sha256": "0" * 64}}},
        {"deferral": {}},
        {"deferral": LEARNED._asdict() | {"kind": "plain"}},
        {"deferral": LEARNED._asdict() | {"means": (0.0,) * 4}},
        {"deferral": LEARNED._asdict() | {"scales": (1.0, 1.0, 1.0, 1.0, 0.0)}},
        {"deferral": LEARNED._asdict() | {"coefficients": (1e300,) * 5}},
        {"deferral": LEARNED._asdict() | {"intercept": None}},
        {"deferral": LEARNED._asdict() | {"surprise": 1}},
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


def test_a_learned_score_and_a_cascade_survive_the_disk(
    cascade: CertifiedStudent, tmp_path: Path
) -> None:
    texts = [*(example.text for example in make_examples(60, seed=8)), *TEXTS]
    folder = cascade.save(tmp_path / "cascade")
    loaded = load_artefact(folder)
    assert isinstance(loaded, CertifiedStudent)
    assert loaded.deferral == LEARNED
    assert loaded.predict(texts) == cascade.predict(texts)
    np.testing.assert_array_equal(loaded.predict_proba(texts), cascade.predict_proba(texts))
    names = set(json.loads((folder / "manifest.json").read_text())["files"])
    assert {"student.json", "README.md", "first/student.json", "second/student.json"} <= names
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    assert artefact_size(folder) == sum(sizes)
    card = (folder / "README.md").read_text("utf-8")
    assert "*cascade*" in card
    assert "was asked 50.0% of held-out inputs" in card
    assert "deferral score" in card


def test_a_cascade_with_a_foreign_file_is_refused(
    cascade: CertifiedStudent, tmp_path: Path
) -> None:
    folder = cascade.save(tmp_path / "cascade")
    extra = folder / "second" / "model.pkl"
    extra.write_bytes(pickle.dumps("payload"))
    with pytest.raises(ArtefactError, match=r"'second/model\.pkl', which its manifest does not"):
        load_artefact(folder)
    extra.unlink()
    (folder / "second" / "deeper").mkdir()
    with pytest.raises(ArtefactError, match=r"'second/deeper', which"):
        load_artefact(folder)
    (folder / "second" / "deeper").rmdir()
    (folder / "third").mkdir()
    with pytest.raises(ArtefactError, match="'third', which"):
        load_artefact(folder)
    (folder / "third").rmdir()
    load_artefact(folder)


def test_a_changed_or_linked_member_is_refused(cascade: CertifiedStudent, tmp_path: Path) -> None:
    folder = cascade.save(tmp_path / "cascade")
    weights = folder / "first" / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ArtefactError, match="is not the file that was saved"):
        load_artefact(folder)
    content[-1] ^= 1
    weights.write_bytes(content)
    shutil.move(folder / "first", tmp_path / "elsewhere")
    (folder / "first").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArtefactError, match="'first', which its manifest does not name"):
        load_artefact(folder)


def test_an_ensemble_alone_and_in_a_cascade_survives_the_disk(
    student: CertifiedStudent, cascade: CertifiedStudent, tmp_path: Path
) -> None:
    model = student.model
    ensemble = EnsembleStudent.of([model, model], EnsembleRule((0.25, 0.8), (1.0, 2.0), (1.0, 1.0)))
    assert isinstance(cascade.model, CascadeStudent)
    nested = CascadeStudent.of(model, ensemble, cascade.model.rule_)
    texts = [*(example.text for example in make_examples(60, seed=8)), *TEXTS]
    for name, made in (("ensemble", ensemble), ("nested", nested)):
        certified = dataclasses.replace(student, model=made)
        folder = certified.save(tmp_path / name)
        loaded = load_artefact(folder)
        assert isinstance(loaded, CertifiedStudent)
        assert loaded.predict(texts) == certified.predict(texts)
    for name in ("ensemble", "nested"):
        card = (tmp_path / name / "README.md").read_text("utf-8")
        assert "*linear* 0.25, *linear* 0.80." in card
        assert "it needs" not in card
    assert "second\n(*ensemble*) was asked" in card
    within = tmp_path / "nested" / "second" / "member-1"
    (within / "model.pkl").write_bytes(pickle.dumps("payload"))
    with pytest.raises(ArtefactError, match=r"'second/member-1/model\.pkl', which its manifest"):
        load_artefact(tmp_path / "nested")
    (within / "model.pkl").unlink()
    shutil.move(within, tmp_path / "elsewhere")
    within.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArtefactError, match="'second/member-1', which its manifest"):
        load_artefact(tmp_path / "nested")


def test_large_files_are_hashed_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(bytes(20_000_000))
    tracemalloc.start()
    found = describe_file(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # SHA-256 of 20,000,000 zero bytes, as sha256sum prints it.
    assert found == (20_000_000, _ZEROS)
    assert peak < 2_000_000


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
