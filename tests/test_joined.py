"""What holds of students that are made of others: they learn, are saved, and refused broken."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest
from sklearn.base import clone

from locum.errors import ArtefactError, UsageError
from locum.students.cascade import CascadeStudent
from locum.students.ensemble import EnsembleStudent
from tests.joined_cases import ask_examples
from tests.student_cases import NO_TEXTS, Column, copies_of
from tests.traffic import LABELS

if TYPE_CHECKING:
    from pathlib import Path

    Joined = CascadeStudent | EnsembleStudent

STRONG, WEAK = {"l2": 1e-2}, {"l2": 1e-5}
FAMILIES = ("cascade", "ensemble")


def make_unfitted(family: str) -> Joined:
    """A strongly and a weakly penalised linear student, to be joined."""
    if family == "cascade":
        return CascadeStudent(LABELS, "linear", "linear", STRONG, WEAK)
    return EnsembleStudent(LABELS, ("linear", "linear"), (STRONG, WEAK))


@pytest.fixture(scope="module", params=FAMILIES)
def student(request: pytest.FixtureRequest) -> Joined:
    """A student that was trained."""
    return make_unfitted(request.param).fit(*ask_examples(400))


def test_it_learns_and_is_the_same_twice(student: Joined, tmp_path: Path) -> None:
    again = make_unfitted(student.family).fit(*ask_examples(400))
    texts, soft_labels = ask_examples(200, seed=9, noise=0.0)
    agreement = (student.predict_proba(texts).argmax(axis=1) == soft_labels.argmax(axis=1)).mean()
    assert agreement > 0.9
    folders = [tmp_path / "one", tmp_path / "two"]
    for fitted, folder in zip((student, again), folders, strict=True):
        folder.mkdir()
        assert all(path.is_file() for path in fitted.save(folder))
    files = [path.relative_to(folders[0]) for path in folders[0].rglob("*") if path.is_file()]
    assert {file.parts[0] for file in files} == {"student.json", *student.members_}
    assert all((folders[0] / f).read_bytes() == (folders[1] / f).read_bytes() for f in files)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_does_not_fit_the_inputs_is_refused(family: str) -> None:
    texts, soft_labels = ask_examples(60)
    for rows in (50, 70):
        others = np.resize(soft_labels, (rows, len(LABELS)))
        with pytest.raises(UsageError, match=f"soft labels of shape .{rows}, 3. for 60 inputs"):
            make_unfitted(family).fit(texts, others)
        with pytest.raises(UsageError, match=rf"shape \[{rows}\] for 60 inputs"):
            make_unfitted(family).fit(texts, soft_labels, np.zeros(rows, np.int64))
    with pytest.raises(UsageError, match="is one text"):
        make_unfitted(family).fit("letters", soft_labels[:7])


def test_a_column_with_an_index_of_its_own_is_read_by_place(student: Joined) -> None:
    texts, soft_labels = ask_examples(120)
    human = np.where(np.arange(120) % 3 == 0, soft_labels.argmax(axis=1), -1)
    column: Any = Column(texts)
    for family in FAMILIES:
        of_list = make_unfitted(family).fit(texts, soft_labels, human)
        of_column = make_unfitted(family).fit(column, soft_labels, human)
        np.testing.assert_array_equal(of_column.predict_proba(texts), of_list.predict_proba(texts))
    given: Any
    for given in (column, iter(texts), np.array(texts)):
        np.testing.assert_array_equal(student.judge(given).proba, student.judge(texts).proba)


@pytest.mark.parametrize("name", NO_TEXTS)
def test_what_holds_no_texts_is_refused(student: Joined, name: str) -> None:
    given, message = NO_TEXTS[name]
    for ask in (student.judge, student.predict, student.predict_proba):
        with pytest.raises(UsageError, match=re.escape(message)):
            ask(given)
    with pytest.raises(UsageError, match=re.escape(message)):
        make_unfitted(student.family).fit(given, np.ones((1, len(LABELS))))


def test_predictions_do_not_depend_on_the_batch(student: Joined) -> None:
    texts = ask_examples(60, seed=3).texts
    whole = student.judge(texts)
    single = [student.judge([text]) for text in texts]
    np.testing.assert_allclose(np.concatenate([j.proba for j in single]), whole.proba, rtol=1e-5)
    np.testing.assert_allclose(np.concatenate([j.novelty for j in single]), whole.novelty)
    assert student.judge([]).proba.shape == (0, 3)
    assert student.predict(texts) == [LABELS[row] for row in whole.proba.argmax(axis=1)]


def test_a_copy_answers_as_it_does(student: Joined) -> None:
    texts = ask_examples(20, seed=3).texts
    student.judge(texts)
    for copied in copies_of(student):
        np.testing.assert_array_equal(copied.judge(texts).proba, student.judge(texts).proba)


def test_scikit_learn_clones_what_has_not_learned(student: Joined) -> None:
    cloned = clone(student)
    assert cloned.get_params() == student.get_params()
    assert not hasattr(cloned, "rule_")


def test_a_fresh_process_predicts_the_same(student: Joined, tmp_path: Path) -> None:
    student.save(tmp_path)
    texts = ask_examples(50, seed=2).texts
    (tmp_path / "texts").write_bytes(orjson.dumps(texts))
    code = (
        "import sys, pathlib, orjson, numpy\n"
        "from locum.students import find_family\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "student = find_family(sys.argv[2]).load(folder)\n"
        "found = student.judge(orjson.loads((folder / 'texts').read_bytes()))\n"
        "numpy.savez(folder / 'found.npz', *found)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path), student.family], check=True)
    with np.load(tmp_path / "found.npz") as found:
        for name, part in zip(("arr_0", "arr_1"), student.judge(texts), strict=True):
            np.testing.assert_array_equal(found[name], part)


@pytest.mark.parametrize("content", [b"", b"[]", b"1", b"{", b"{}", b"\xff"])
def test_broken_parameters_are_refused(student: Joined, tmp_path: Path, content: bytes) -> None:
    student.save(tmp_path)
    (tmp_path / "student.json").write_bytes(content)
    with pytest.raises(ArtefactError, match=f"holds no {student.family}"):
        type(student).load(tmp_path)


@pytest.mark.parametrize("place", [0, 1])
def test_a_missing_member_is_refused(student: Joined, tmp_path: Path, place: int) -> None:
    student.save(tmp_path)
    (tmp_path / list(student.members_)[place]).rename(tmp_path / "elsewhere")
    with pytest.raises(ArtefactError, match="linear student"):
        type(student).load(tmp_path)
