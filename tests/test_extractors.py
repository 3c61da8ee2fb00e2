"""The linear extractor: what it learns, what it says of any text, and what it loads."""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from locum.alignment import ExtractionPlan, FieldPlan, plan_fields
from locum.errors import ArtefactError, UsageError
from locum.extractors import LinearExtractor, find_units, load_extractor, save_extractor
from locum.extractors.tag_lessons import OUTSIDE, tag_lessons
from locum.shapes import ITEM, read_schema
from tests.schema_samples import INTEGER, WORD, object_of
from tests.student_cases import ODD_TEXTS, write_trap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from locum.alignment import FieldKind
    from locum.extractors.tag_lessons import TagLessons
    from locum.shapes import FieldPath, JsonValue

_STATUS = {"paid": "The bill is settled", "open": "We wait for money", "late": "It is overdue"}
_TOPICS = {"refund": "money back", "delay": "too slow", "praise": "great work"}
_GOODS = {"bread": "food", "cheese": "food", "apples": "food", "saws": "tool", "nails": "tool"}
_NAMES = [f"{one} {two}" for one in ("Ada", "Boris", "Chen") for two in ("Byron", "Wei", "Sanz")]
_LINE = object_of(
    {"what": WORD, "kind": {"enum": ["food", "tool"]}, "count": INTEGER}, "what", "kind"
)
_POST = object_of({"by": {"const": "post"}, "street": WORD}, "by", "street")
_SHOP = object_of({"by": {"const": "shop"}, "place": WORD}, "by", "place")
_SCHEMA = object_of(
    {
        "status": {"enum": [*_STATUS]},
        "urgent": {"type": "boolean"},
        "customer": {"type": ["string", "null"]},
        "total": {"type": ["number", "null"]},
        "lines": {"type": "array", "items": _LINE},
        "topics": {"type": "array", "items": {"enum": [*_TOPICS]}},
        "caller": WORD,
        "sent": {"anyOf": [_POST, _SHOP]},
    },
    *("status", "urgent", "customer", "total", "lines", "topics", "sent"),
)
_ODD = [*ODD_TEXTS, "\u202eabc \u200f", "x" * 1_000_000, "Send \ud800 , 3 boxes .", "{" * 99]


class _Data(NamedTuple):
    """Letters, and what a teacher reads in them."""

    texts: list[str]
    answers: list[JsonValue]


def _make(count: int, seed: int) -> _Data:
    generator = random.Random(seed)
    data = _Data([], [])
    for _ in range(count):
        sentences, answer = _letter(generator)
        data.texts.append(" ".join(f"{sentence} ." for sentence in sentences))
        data.answers.append(answer)
    return data


def _letter(generator: random.Random) -> tuple[list[str], JsonValue]:
    pick, often = generator.choice, (True, True, False)
    status, urgent = pick([*_STATUS]), pick(often)
    customer = pick(_NAMES) if pick(often) else None
    total = generator.randrange(1_000, 99_999) / 4 if pick(often) else None
    topics = [topic for topic in _TOPICS if pick(often)]
    lines: list[JsonValue] = []
    said = [_STATUS[status], *["Please hurry"] * urgent, *[f"It was {_TOPICS[t]}" for t in topics]]
    said += [f"The customer is {customer}"] * bool(customer)
    said += [f"In all {total:,} euros"] * bool(total)
    for what in generator.sample([*_GOODS], generator.randrange(4)):
        count = generator.randrange(2, 99)
        counted = pick(often)
        said.append(f"Send {what} , {count} boxes" if counted else f"Send {what}")
        lines.append({"what": what, "kind": _GOODS[what], **({"count": count} if counted else {})})
    place = f"{generator.randrange(1, 99)} {pick(['Elm', 'Oak'])} Road"
    shop = pick(["Central", "Harbour", "North Gate"])
    by_post = pick(often)
    said.append(f"Mail it to {place}" if by_post else f"I fetch it at {shop}")
    answer: dict[str, JsonValue] = {
        "status": status,
        "urgent": urgent,
        "customer": customer,
        "total": total,
        "lines": lines,
        "topics": [*topics],
        "sent": {"by": "post", "street": place} if by_post else {"by": "shop", "place": shop},
    }
    if pick(often):
        answer["caller"] = pick(_NAMES)
        said.append(f"{answer['caller']} called")
    return said, answer


def _learn(schema: dict[str, Any], data: _Data) -> LinearExtractor:
    plan = plan_fields(read_schema(schema), data.texts, data.answers)
    return LinearExtractor(schema, plan, max_bytes=2_000_000).fit(data.texts, data.answers)


@pytest.fixture(scope="module")
def data() -> _Data:
    """Letters to learn from."""
    return _make(200, 1)


@pytest.fixture(scope="module")
def extractor(data: _Data) -> LinearExtractor:
    """An extractor that knows them."""
    return _learn(_SCHEMA, data)


@pytest.fixture
def saved(extractor: LinearExtractor, tmp_path: Path) -> Path:
    """A folder with a saved extractor."""
    save_extractor(extractor, tmp_path)
    return tmp_path


def test_whole_objects_are_read_in_unseen_texts(extractor: LinearExtractor) -> None:
    kinds = {unit.path: unit.kind for unit in extractor.units}
    assert set(kinds.values()) == {"closed", "set", "spans"}
    assert extractor.learned_.left_out == 0
    test = _make(200, 2)
    right = [extractor.read(t).value == a for t, a in zip(test.texts, test.answers, strict=True)]
    assert sum(right) >= 190


def test_what_the_training_texts_do_not_name_is_read(extractor: LinearExtractor) -> None:
    text = "We wait for money . The customer is Zoe Quill . Send plums , 7 boxes . Send saws ."
    value = extractor.read(f"{text} Mail it to 120 Birch Road .").value
    assert value is not None
    assert value["customer"] == "Zoe Quill"
    assert value["sent"] == {"by": "post", "street": "120 Birch Road"}
    lines = value["lines"]
    assert isinstance(lines, list)
    assert lines[1:] == [{"what": "saws", "kind": "tool"}]
    assert isinstance(lines[0], dict)
    assert (lines[0]["what"], lines[0]["count"]) == ("plums", 7)


def test_the_whole_is_at_most_as_sure_as_each_part(extractor: LinearExtractor) -> None:
    sure = []
    for text in [*_make(50, 3).texts, *_ODD]:
        reading = extractor.read(text)
        parts = reading.unit_confidences()
        assert list(parts) == [unit.path for unit in extractor.units]
        assert all(0 <= part <= 1 for part in parts.values())
        whole = math.exp(reading.log_confidence)
        assert 0 <= whole <= min(parts.values()) + 1e-9
        assert (reading.value is not None) or whole == 0 == max(parts.values())
        sure.append(whole > 0.5)
    assert sum(sure[:50]) > 45


@pytest.mark.parametrize("text", _ODD, ids=range(len(_ODD)))
def test_odd_texts_give_valid_objects_or_none(extractor: LinearExtractor, text: str) -> None:
    reading = extractor.read(text)
    assert reading.value is None or extractor.checker.problem(reading.value) is None
    assert set(reading.unit_values()) == {unit.path for unit in extractor.units}


def test_odd_texts_can_be_learned_from(data: _Data) -> None:
    odd = _Data(data.texts[:40] + _ODD, data.answers[:40] + data.answers[: len(_ODD)])
    found = _learn(_SCHEMA, odd)
    values = [found.read(text).value for text in odd.texts]
    assert all(value is None or found.checker.is_valid(value) for value in values)
    assert any(values)


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
from tests.test_extractors import _SCHEMA, _learn, _make, save_extractor
save_extractor(_learn(_SCHEMA, _make(200, 1)), pathlib.Path(sys.argv[1]))
"""


def test_a_fresh_process_reads_the_same(extractor: LinearExtractor, saved: Path) -> None:
    texts = [*_make(30, 4).texts, *_ODD]
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


@pytest.mark.parametrize("count", [0, 1, 3])
def test_texts_without_as_many_answers_are_refused(extractor: LinearExtractor, count: int) -> None:
    plain = LinearExtractor(_SCHEMA, extractor.plan)
    with pytest.raises(UsageError, match=f"{count} texts and {count % 3} answers"):
        plain.fit(["a"] * count, [{}] * (count % 3))


def _change(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    entries = json.loads((folder / "extractor.json").read_bytes())
    change(entries)
    (folder / "extractor.json").write_text(json.dumps(entries))


_FILES = ["extractor.json", "tagger/tagger.safetensors", "tagger/tagger.json"]
_FILES += ["head-0/weights.safetensors", "head-0/student.json"]


@pytest.mark.parametrize("name", _FILES)
@pytest.mark.parametrize("content", [None, b"", b"{}", b"null", b"\xff", b'{"family": "linear"}'])
def test_missing_and_other_files_are_refused(
    saved: Path, name: str, content: bytes | None
) -> None:
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
        (["heads", 0, "options"], ['"paid"']),
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
