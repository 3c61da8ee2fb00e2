"""The folder of a distilled encoder: all of it or nothing, and nothing for a wrong argument."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from locum.errors import UsageError
from locum.students.encoder_source import load_encoder
from locum.training import EncoderTraining, distil_encoder
from locum.training.sentence_folder import filled_folder
from tests.small_encoders import TEXTS, save_encoder

_SHORT = EncoderTraining(epochs=1)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder(tmp_path_factory.mktemp("encoders") / "teacher")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": 1.5}, "layers=1.5: expected a whole number from 1"),
        ({"layers": 0}, "layers=0: expected a whole number from 1"),
        ({"layers": 9}, "layers=9: expected 1 to 4"),
        ({"relation_heads": 0}, "relation_heads=0: expected a whole number from 1"),
        ({"training": EncoderTraining(epochs=1.5)}, "epochs=1.5: expected a whole number"),  # type: ignore[arg-type]
        ({"training": EncoderTraining(batch_size=0)}, "batch_size=0: expected a whole number"),
        ({"training": EncoderTraining(max_tokens=7)}, "max_tokens=7: expected a whole number from"),
        ({"training": EncoderTraining(seed=-1)}, "seed=-1: expected a whole number from 0"),
        ({"training": EncoderTraining(seed=2**63)}, "to 9,223,372,036,854,775,807"),
        ({"training": EncoderTraining(device="gpu")}, "device='gpu' cannot be used"),
        ({"training": EncoderTraining(device="meta")}, "device='meta' cannot be used"),
        ({"training": EncoderTraining(learning_rate=1e20)}, "the loss became"),
        ({"teacher": "/no/where"}, "'/no/where' does not exist"),
        ({"losses": {"relation": 1.0}, "relation_heads": 3}, "a divisor of both"),
    ],
)
def test_what_is_refused_leaves_nothing(
    tmp_path: Path, teacher: Path, options: dict[str, Any], message: str
) -> None:
    given: dict[str, Any] = {"teacher": teacher, "layers": 2, "training": _SHORT} | options
    with pytest.raises(UsageError, match=message):
        distil_encoder(texts=TEXTS, folder=tmp_path / "new" / "student", **given)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there_before", [False, True])
def test_the_end_of_a_run_leaves_nothing(
    tmp_path: Path, teacher: Path, *, there_before: bool
) -> None:
    folder = tmp_path / "new" / "student"
    if there_before:
        folder.mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    seen: list[Path] = []

    def interrupt(_: str) -> None:
        seen.extend(path for path in tmp_path.rglob("*.part"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distil_encoder(teacher, TEXTS, folder, layers=2, training=_SHORT, progress=interrupt)
    assert len(seen) == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("there_before", [False, True])
def test_the_folder_holds_the_student_alone(
    tmp_path: Path, teacher: Path, *, there_before: bool
) -> None:
    folder = tmp_path / "new" / "student"
    if there_before:
        folder.mkdir(parents=True)
    found = distil_encoder(teacher, TEXTS, folder, layers=2, training=_SHORT)
    assert found.folder == folder
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["student"]
    assert not any(path.name.startswith(".") for path in folder.iterdir())
    assert folder.stat().st_mode == (tmp_path / "new").stat().st_mode
    assert load_encoder(str(folder)).model.config.num_hidden_layers == 2


def test_an_empty_folder_stays_the_same_one(
    tmp_path: Path, teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As the folder that a shell is in, or a disk of its own.
    monkeypatch.chdir(tmp_path)
    distil_encoder(teacher, TEXTS, ".", layers=1, training=_SHORT)
    assert (tmp_path / "model.safetensors").is_file()
    assert Path().samefile(tmp_path)


def test_a_place_that_cannot_be_written_is_told_before_the_training(
    tmp_path: Path, teacher: Path
) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "student"):
        said: list[str] = []
        with pytest.raises(UsageError, match="cannot be written: Not a directory: name a folder"):
            distil_encoder(teacher, TEXTS, folder, layers=1, progress=said.append)
        assert said == []
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_a_killed_run_left_is_replaced(tmp_path: Path) -> None:
    left = tmp_path / f".student.{os.getpid()}.part"
    left.mkdir()
    (left / "half").touch()
    with filled_folder(tmp_path / "student") as scratch:
        assert scratch == left
        (scratch / "whole").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["student", "whole"]


def test_numbers_of_numpy_are_whole_numbers(tmp_path: Path, teacher: Path) -> None:
    one: Any = np.int64(1)
    training = EncoderTraining(epochs=one, seed=one, max_tokens=32 * one, batch_size=32 * one)
    found = distil_encoder(teacher, TEXTS, tmp_path / "student", layers=one, training=training)
    assert found.steps == 2
