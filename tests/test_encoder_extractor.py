"""An encoder's extractor: what it learns, its windows, its files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from locum.alignment import plan_fields, tokenize
from locum.errors import ArtefactError, UsageError
from locum.extractors import EncoderExtractor, load_extractor, save_extractor
from locum.extractors.encoder_windows import WindowReader
from locum.shapes import Checker, read_schema
from locum.students.encoder_source import load_encoder
from tests.schema_samples import WORD, object_of
from tests.small_encoders import save_encoder
from tests.student_cases import ODD_TEXTS

if TYPE_CHECKING:
    from pathlib import Path

    from locum.extractors import Extractor
    from locum.shapes import JsonValue

SCHEMA = object_of({"mood": {"enum": ["good", "bad"]}, "thing": WORD}, "mood")
THINGS = ("film", "meal", "room", "talk")
WORDS = {"good": ("good", "kind", "fine", "warm"), "bad": ("bad", "cold", "rude", "late")}
TEXTS: list[str] = []
ANSWERS: list[Any] = []
for _mood, _words in WORDS.items():
    for _word in _words:
        for _thing in THINGS:
            TEXTS += [
                f"the {_thing} was very {_word}",
                f"we saw a {_word} {_thing}",
                f"{_word} very",
            ]
            ANSWERS += 2 * [{"mood": _mood, "thing": _thing}]
            ANSWERS += [{"mood": _mood}]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder(tmp_path_factory.mktemp("encoder") / "tiny")


@pytest.fixture(scope="module")
def extractor(encoder: Path) -> EncoderExtractor:
    plan = plan_fields(read_schema(SCHEMA), TEXTS, ANSWERS)
    made = EncoderExtractor(
        SCHEMA, plan, encoder=str(encoder), epochs=40, learning_rate=5e-3, max_tokens=16
    )
    return made.fit(TEXTS, ANSWERS)


def _said(extractor: Extractor, texts: list[str]) -> list[tuple[JsonValue, float]]:
    return [(reading.value, reading.log_confidence) for reading in map(extractor.read, texts)]


def test_it_learns_what_a_text_says(extractor: EncoderExtractor) -> None:
    found = [value for value, _ in _said(extractor, TEXTS)]
    right = [one == other for one, other in zip(found, ANSWERS, strict=True)]
    assert np.mean(right) > 0.9
    assert extractor.read("we saw a rude room").value == {"mood": "bad", "thing": "room"}
    confidences = extractor.read(TEXTS[0]).unit_confidences()
    assert all(0 <= one <= 1 for one in confidences.values())
    assert extractor.epochs_ > 0


def test_a_long_text_is_read_in_windows(extractor: EncoderExtractor, encoder: Path) -> None:
    text = " ".join(["we saw a very very"] * 12 + ["good", "talk"])
    tokens = tokenize(text)
    reader = WindowReader(load_encoder(str(encoder)).tokenizer, extractor.max_tokens)
    windows = reader.read(text, tokens)
    assert len(windows) > 3
    assert sorted(np.concatenate([window.words for window in windows])) == list(range(len(tokens)))
    assert len(reader.read("good talk", tokenize("good talk"))) == 1
    assert extractor.read(text).value is not None


def test_each_token_is_spoken_for_where_most_stands_around_it(encoder: Path) -> None:
    reader = WindowReader(load_encoder(str(encoder)).tokenizer, 12)
    text = " ".join(["good"] * 25)
    windows = reader.read(text, tokenize(text))
    for window in windows[1:-1]:
        assert window.places.min() > 1
        assert window.places.max() < len(window.ids) - 2
    empty = reader.read("", [])
    assert [len(window.words) for window in empty] == [0]


def test_any_text_makes_a_valid_object_or_none(extractor: EncoderExtractor) -> None:
    checker = Checker(SCHEMA)
    for text in ODD_TEXTS:
        value = extractor.read(text).value
        assert value is None or checker.is_valid(value)


def test_a_loaded_extractor_says_the_same(extractor: EncoderExtractor, tmp_path: Path) -> None:
    files = save_extractor(extractor, tmp_path)
    assert {path.name for path in files} == {
        "extractor.json",
        "model.onnx",
        "tokenizer.json",
        "encoder.json",
    }
    loaded = load_extractor(tmp_path)
    assert loaded.get_settings()["encoder"] == "tiny"
    assert _said(loaded, TEXTS) == _said(extractor, TEXTS)


def test_the_same_seed_gives_the_same_bytes(
    extractor: EncoderExtractor, encoder: Path, tmp_path: Path
) -> None:
    again = EncoderExtractor(
        SCHEMA, extractor.plan, encoder=str(encoder), epochs=40, learning_rate=5e-3, max_tokens=16
    ).fit(TEXTS, ANSWERS)
    for name, one in (("one", extractor), ("other", again)):
        (tmp_path / name).mkdir()
        save_extractor(one, tmp_path / name)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "other" / file.name).read_bytes(), file.name


def _facts(**changes: object) -> dict[str, object]:
    return changes


@pytest.mark.parametrize(
    "changes",
    [
        _facts(tags=["O"]),
        _facts(tags=["B-0", "O", "I-0"]),
        _facts(tags=["O", "B-7", "I-7"]),
        _facts(weights="int4"),
        _facts(tokens=0),
        _facts(epochs="many"),
    ],
)
def test_facts_that_do_not_fit_are_refused(
    extractor: EncoderExtractor, tmp_path: Path, changes: dict[str, object]
) -> None:
    save_extractor(extractor, tmp_path)
    path = tmp_path / "encoder.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(ArtefactError, match="holds no encoder's extractor"):
        load_extractor(tmp_path)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "encoder.json"])
def test_broken_files_are_refused(extractor: EncoderExtractor, tmp_path: Path, name: str) -> None:
    save_extractor(extractor, tmp_path)
    (tmp_path / name).write_bytes(b"\x80\x04broken")
    with pytest.raises(ArtefactError):
        load_extractor(tmp_path)


@pytest.mark.parametrize(
    "settings", [{"epochs": 0}, {"learning_rate": 0.0}, {"max_tokens": 2}, {"seconds": 0.0}]
)
def test_settings_out_of_range_are_refused(
    extractor: EncoderExtractor, settings: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match="expected"):
        EncoderExtractor(SCHEMA, extractor.plan, encoder="x", **settings)


def test_one_text_is_too_few(extractor: EncoderExtractor, encoder: Path) -> None:
    alone = EncoderExtractor(SCHEMA, extractor.plan, encoder=str(encoder))
    with pytest.raises(UsageError, match="at least two"):
        alone.fit(TEXTS[:1], ANSWERS[:1])
    with pytest.raises(UsageError, match="does not exist"):
        EncoderExtractor(SCHEMA, extractor.plan, encoder="./absent").fit(TEXTS, ANSWERS)
