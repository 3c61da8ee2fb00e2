"""Synthetic inputs: kept from all that certifies and tests, and learned from where that helps."""

from __future__ import annotations

import stat
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locum.dataset import (
    WrittenExample,
    admit_written,
    find_groups,
    may_seed,
    read_examples,
    seed_name,
    split_rows,
    write_written,
)
from locum.distillation import Distillation, distill
from locum.errors import InputError
from locum.extraction import distill_extraction
from locum.report import render_report, result_object
from locum.schema import Example
from tests.json_traffic import make_short_task
from tests.traffic import LABELS, make_examples, make_task

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TEXTS = st.lists(st.text("abc ", min_size=1, max_size=8), min_size=1, max_size=25)


def written(count: int, seed: int = 99, **options: float) -> list[Example]:
    """Synthetic inputs with the labels of a teacher."""
    return [
        WrittenExample(e.text, e.answer, e.distribution, asked_label=e.answer)
        for e in make_examples(count, seed=seed, **options)  # type: ignore[arg-type]
    ]


def many_words(count: int, seed: int) -> list[Example]:
    """Inputs with one of 200 telling words a label, more than a few hundred inputs can teach."""
    generator = np.random.default_rng(seed)
    syllables = [f"{a}{b}" for a in "bdfgklmnprstvz" for b in "aeiou"]
    examples = []
    for _ in range(count):
        label, telling = generator.integers(3), generator.integers(200)
        secret = np.random.default_rng([int(label), int(telling)]).choice(syllables, 4)
        words = ["".join(generator.choice(syllables, 2)) for _ in range(4)]
        words.insert(int(generator.integers(5)), "".join(secret))
        examples.append(Example(" ".join(words), LABELS[label]))
    return examples


def many_words_written(count: int) -> list[WrittenExample]:
    return [WrittenExample(e.text, e.answer) for e in many_words(count, seed=2)]


@st.composite
def mixtures(
    draw: st.DrawFn,
) -> tuple[list[str], list[WrittenExample], list[float | None], list[bool], int]:
    """Real texts, others written after some of them, times, held-out rows, and a seed."""
    real, others = draw(TEXTS), draw(TEXTS)
    copied = draw(st.lists(st.sampled_from(real), max_size=6))
    shown = st.lists(st.sampled_from(real), max_size=3)
    synthetic = [
        WrittenExample(text, seeds=tuple(map(seed_name, draw(shown)))) for text in others + copied
    ]
    timed = draw(st.booleans())
    times = [float(number) if timed else None for number in range(len(real))]
    held = draw(st.lists(st.booleans(), min_size=len(real), max_size=len(real)))
    return real, synthetic, times, held, draw(st.integers(0, 9))


@settings(max_examples=150)
@given(mixtures())
def test_no_split_but_train_knows_a_synthetic_input(
    mixture: tuple[list[str], list[WrittenExample], list[float | None], list[bool], int],
) -> None:
    texts, synthetic, times, held, seed = mixture
    group = find_groups(texts).group
    held_out = np.array(held, np.bool_)
    first = may_seed(texts, group, times, held_out, np.zeros(len(texts), np.bool_))
    found = split_rows(group, np.zeros(len(texts), np.int64), times, held_out, seed, first=first)
    admitted = admit_written(texts, group, found.rows["train"], synthetic)
    taken = [example for example, may in zip(synthetic, admitted, strict=True) if may]
    joint = find_groups([*texts, *(example.text for example in synthetic)]).group
    of_taken = set(joint[len(texts) :][admitted].tolist())
    seeds = {name for example in taken for name in example.seeds}
    for split in ("validation", "certify", "test"):
        rows = found.rows[split]
        assert not of_taken & set(joint[rows].tolist())
        assert not seeds & {seed_name(texts[row]) for row in rows}
    assert all(row < len(texts) for rows in found.rows.values() for row in rows)


@settings(max_examples=100)
@given(mixtures())
def test_what_is_shown_to_a_writer_is_whole_groups_and_never_held_out(
    mixture: tuple[list[str], list[WrittenExample], list[float | None], list[bool], int],
) -> None:
    texts, _, times, held, _ = mixture
    group, held_out = find_groups(texts).group, np.array(held, np.bool_)
    shown = may_seed(texts, group, times, held_out, np.zeros(len(texts), np.bool_))
    assert not set(group[shown].tolist()) & (
        set(group[~shown].tolist()) | set(group[held_out].tolist())
    )


@pytest.mark.parametrize("timed", [False, True], ids=["at random", "by time"])
def test_half_of_the_inputs_may_be_shown_and_train_gets_them(*, timed: bool) -> None:
    texts = [f"text number {'abcdefghij'[n % 10]}{n * 7919:x}" for n in range(2000)]
    group, none = np.arange(2000), np.zeros(2000, np.bool_)
    stratum = np.random.default_rng(1).choice(4, 2000)
    times: list[float | None] = [float(n) for n in range(2000)] if timed else [None] * 2000
    shown = may_seed(texts, group, times, none, none)
    assert 0.45 < shown.mean() <= 0.55
    found = split_rows(group, stratum, times, none, 3, first=shown)
    assert set(np.flatnonzero(shown).tolist()) <= set(found.rows["train"].tolist())
    assert len(found.rows["certify"]) == pytest.approx(400, abs=3)


@pytest.mark.parametrize("timed", [False, True], ids=["at random", "by time"])
def test_inputs_to_learn_from_alone_are_shown_and_move_no_others(*, timed: bool) -> None:
    texts = [f"text number {'abcdefghij'[n % 10]}{n * 7919:x}" for n in range(1500)]
    times: list[float | None] = [float(n) for n in range(1500)] if timed else [None] * 1500
    group, none = np.arange(1500), np.zeros(1500, np.bool_)
    unsure = np.arange(1500) >= 500
    shown = may_seed(texts, group, times, none, unsure)
    assert shown[unsure].all()
    fair = may_seed(texts[:500], group[:500], times[:500], none[:500], none[:500])
    assert shown[:500].tolist() == fair.tolist()


@settings(max_examples=50)
@given(st.lists(st.integers(0, 40), min_size=100, max_size=300), st.integers(1, 40))
def test_popular_texts_leave_others_to_show_that_train_gets(asked: list[int], least: int) -> None:
    """Texts below a number come again and again, as in searches and chats; others come once."""
    ids = [one if one < least else 1_000 + place for place, one in enumerate(asked)]
    group = np.unique(ids, return_inverse=True)[1].astype(np.int64)
    texts, times = [f"text {one}" for one in ids], [float(place) for place in range(len(ids))]
    none = np.zeros(len(ids), np.bool_)
    shown = may_seed(texts, group, times, none, none)
    found = split_rows(group, np.zeros(len(ids), np.int64), times, none)
    groups = len(set(group.tolist()))
    if groups > 20:
        assert set(np.flatnonzero(shown).tolist()) <= set(found.rows["train"].tolist())
        assert len(set(group[shown].tolist())) >= groups // 8


def test_the_certify_split_stays_a_fair_sample_of_rare_classes() -> None:
    rare, runs = 40, 200
    stratum = np.concatenate([np.zeros(60, np.int64), np.arange(1, rare + 1)])
    count, none = len(stratum), np.zeros(len(stratum), np.bool_)
    certified = 0
    for run in range(runs):
        texts = [f"{run} {number}" for number in range(count)]
        first = may_seed(texts, np.arange(count), [None] * count, none, none)
        rows = split_rows(np.arange(count), stratum, [None] * count, none, run, first=first)
        certified += int((rows.rows["certify"] >= 60).sum())
    trials = rare * runs
    assert abs(certified / trials - 0.2) < 5 * (0.2 * 0.8 / trials) ** 0.5


def test_seeds_outside_train_keep_an_input_out() -> None:
    texts = ["the first real input", "quite another one"]
    group, train = np.arange(2), np.array([0])
    examples = [
        WrittenExample("new text one", seeds=(seed_name(texts[0]),)),
        WrittenExample("some other two", seeds=(seed_name(texts[0]), seed_name(texts[1]))),
        WrittenExample("Quite another  one"),
        WrittenExample("the FIRST real input"),
        Example("of unknown origin", synthetic=True),
    ]
    admitted = admit_written(texts, group, train, examples)
    assert admitted.tolist() == [True, False, False, True, True]
    assert admit_written(texts, group, train, []).tolist() == []


def test_a_file_holds_what_was_written(tmp_path: Path) -> None:
    rows = [
        WrittenExample(
            "line\nend \u00e9", "billing", {"billing": 0.7, "shipping": 0.2}, seeds=("ab",)
        ),
        WrittenExample("no answer yet", asked_label="returns"),
        WrittenExample("a haiku", "other", None, asked_label="billing"),
    ]
    path = tmp_path / "task" / "synthetic.jsonl"
    write_written(path, rows)
    first, second, third = read_examples(path).examples
    assert first.distribution == pytest.approx(
        {"billing": 0.7, "shipping": 0.2, "none of the labels": 0.1}
    )
    assert isinstance(first, WrittenExample)
    assert (first.text, first.answer, first.seeds) == (rows[0].text, "billing", ("ab",))
    assert (second, third) == (rows[1], rows[2])
    assert [file.name for file in path.parent.iterdir()] == ["synthetic.jsonl"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    raw = orjson.loads(path.read_bytes().splitlines()[1])
    assert raw == {
        "text": "no answer yet",
        "synthetic": True,
        "asked_label": "returns",
        "seeds": [],
    }


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "task").write_text("a file")
    with pytest.raises(InputError, match="cannot be written"):
        write_written(tmp_path / "task" / "synthetic.jsonl", [])


def test_any_file_may_mark_inputs_as_synthetic(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text("text,answer,synthetic\none,a,true\ntwo,b,0\nthree,a,\nfour,a,perhaps\n")
    read = read_examples(path)
    assert [example.synthetic for example in read.examples] == [True, False, False]
    assert read.skipped.describe() == [
        "1 row skipped: synthetic is neither true nor false (line 5)"
    ]


@pytest.fixture(scope="module")
def helped() -> Distillation:
    """Some hundred hard inputs with many good synthetic ones."""
    return distill(make_task(), [*many_words(600, seed=1), *many_words_written(2000)])


def test_synthetic_inputs_that_help_are_used(helped: Distillation) -> None:
    facts = helped.data.synthetic
    assert facts is not None
    assert facts.gain is not None
    assert facts.used
    assert facts.gain.helped.risk_area < facts.gain.alone.risk_area
    assert facts.inputs == 2000
    assert facts.gain.inputs + facts.left_out + facts.unlabelled == 2000
    assert facts.sentence in helped.data.warnings
    assert facts.sentence.startswith(f"{facts.gain.inputs:,} synthetic inputs: agreement on")
    assert ": used" in facts.sentence


def test_all_other_figures_leave_synthetic_inputs_aside(helped: Distillation) -> None:
    data = helped.data
    assert data.inputs == 600
    assert sum(data.splits.values()) + data.unused == 600
    assert helped.facts is not None
    assert helped.facts.curve[-1].inputs == data.splits["train"]
    assert helped.facts.trials[0].synthetic
    assert sum(trial.synthetic for trial in helped.facts.trials) == 1


def test_the_report_says_what_they_changed(helped: Distillation, tmp_path: Path) -> None:
    facts = helped.data.synthetic
    assert facts is not None
    assert facts.gain is not None
    html = render_report(helped)
    assert facts.sentence in html
    assert ", with synthetic inputs</td>" in html
    said = result_object(helped, tmp_path, None)["data"]["synthetic"]
    assert said == {
        "inputs": 2000,
        "without_label": 0,
        "too_close": facts.left_out,
        "tried": facts.gain.inputs,
        "used": True,
        "agreement_with": facts.gain.helped.agreement,
        "agreement_without": facts.gain.alone.agreement,
        "risk_area_with": facts.gain.helped.risk_area,
        "risk_area_without": facts.gain.alone.risk_area,
    }


def test_synthetic_inputs_alone_are_refused() -> None:
    with pytest.raises(InputError, match="a model wrote all 300 inputs, and on such a student"):
        distill(make_task(), written(300))
    texts = [Example(example.text, "{}", synthetic=True) for example in written(30)]
    with pytest.raises(InputError, match="a model wrote all 30 inputs, and on such a student"):
        distill_extraction(make_short_task(), texts)


def test_synthetic_inputs_that_harm_are_left_out() -> None:
    wrong = [replace(e, distribution=None, answer=LABELS[0]) for e in written(1200)]
    result = distill(make_task(), [*make_examples(900), *wrong])
    facts = result.data.synthetic
    assert facts is not None
    assert not facts.used
    assert ": left out" in facts.sentence
    assert result.decision.verdict == "distil"
    alone = distill(make_task(), [*make_examples(900), *wrong[:1]])
    assert alone.certificate == result.certificate, "not a word of them was learned"
    assert alone.data.training_sha256 == result.data.training_sha256


def test_the_hash_covers_synthetic_inputs_that_were_used(helped: Distillation) -> None:
    synthetic = many_words_written(2000)
    other = replace(synthetic[0], text=f"{synthetic[0].text} again and again")
    result = distill(make_task(), [*many_words(600, seed=1), other, *synthetic[1:]])
    assert result.data.synthetic is not None
    assert result.data.synthetic.used
    assert result.data.training_sha256 != helped.data.training_sha256


def test_without_synthetic_inputs_nothing_is_said() -> None:
    result = distill(make_task(), make_examples(300))
    assert result.data.synthetic is None
    assert result_object(result, "report", None)["data"]["synthetic"] is None  # type: ignore[arg-type]
    assert "ynthetic" not in render_report(result)


@pytest.mark.parametrize("count", [100, 900])
def test_copies_and_unlabelled_ones_take_no_part(count: int) -> None:
    real = make_examples(count)
    copies = [WrittenExample(e.text.upper(), e.answer, e.distribution) for e in real]
    bare: Sequence[Example] = [WrittenExample("no answer at all"), WrittenExample("b", "a haiku")]
    result = distill(make_task(), [*real, *copies, *bare])
    facts = result.data.synthetic
    assert facts is not None
    assert (facts.inputs, facts.unlabelled) == (count + 2, 2)
    assert facts.left_out >= count - result.data.splits["train"]
    assert "2 without a label and" in facts.sentence
    assert "too close to inputs that certify or test took no part" in facts.sentence
    assert (facts.gain is None) == (count == 100)
    assert result.data.inputs == count
