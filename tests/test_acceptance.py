"""By which rule a written answer is as good as the teacher's."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unicodedata import normalize

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from locum.errors import UsageError
from locum.words import find_letter_words, find_words
from locum.writers import Acceptance, Embedder, Pair, chrf, rouge_l
from tests.small_encoders import TEXTS, save_encoder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

WORDS = st.lists(st.sampled_from(["a", "cat", "sat", "on", "the", "mat", "7"]), max_size=9).map(
    " ".join
)


def pair(written: str, answer: str) -> Pair:
    return Pair("a text", written, answer)


@given(WORDS.filter(bool), WORDS.filter(bool))
def test_rouge_l_is_that_of_rouge_score(written: str, answer: str) -> None:
    scorer = RougeScorer(["rougeL"])
    assert rouge_l(written, answer) == pytest.approx(
        scorer.score(answer, written)["rougeL"].fmeasure
    )


def test_rouge_l_reads_words_of_any_script() -> None:
    assert rouge_l("Größe der Straße", "größe der straße!") == 1
    assert rouge_l("собака любит кость", "собака любит мясо") == pytest.approx(2 / 3)
    assert rouge_l("", "a word") == rouge_l("!", "a word") == rouge_l("!", "?") == 0
    assert rouge_l("?!", "?!") == 1


@pytest.mark.parametrize(
    ("written", "answer"),
    [("दिन", "दान"), ("שָׁלוֹם", "שִׁלוֹם"), ("می\u200cرود", "می\u200cروم")],
)
def test_words_that_differ_in_a_mark_are_two(written: str, answer: str) -> None:
    assert rouge_l(written, answer) == 0
    assert rouge_l(f"{written} x", f"{answer} x") == pytest.approx(1 / 2)
    assert rouge_l(written, written) == 1


@pytest.mark.parametrize(
    ("written", "answer", "same", "words"),
    [
        ("苹果公司今天发布了新款手机", "苹果公司昨天发布了新款手机", 12, 26),
        ("猫は好き", "猫が好き", 3, 8),
        ("กิน", "กัน", 1, 4),
        ("ភាសាខ្មែរ", "ភាសាថៃ", 2, 8),
        ("iPhone 15手机壳", "iphone 16手机", 3, 9),
    ],
)
def test_where_no_spaces_part_words_letters_count(
    written: str, answer: str, same: int, words: int
) -> None:
    assert rouge_l(written, answer) == pytest.approx(2 * same / words)
    assert rouge_l(written, written) == 1


@given(st.text(alphabet=st.sampled_from("aé_7 กิ๑手ー်ខ្มद्"), max_size=20))
def test_letters_are_parts_of_words(text: str) -> None:
    assert "".join(find_letter_words(text)) == "".join(find_words(text))


@given(st.text("aé ş\u0327e\u0301が가", max_size=8), st.text("aé ş\u0327e\u0301が가", max_size=8))
def test_it_makes_no_difference_how_accents_are_encoded(written: str, answer: str) -> None:
    other = normalize("NFD", written)
    for rule in ("same", "chrF>=0.6", "rougeL>=0.5"):
        accept = Acceptance(rule).accept
        assert accept([pair(other, answer)])[0] == accept([pair(written, answer)])[0]
    for measure in (chrf, rouge_l):
        assert measure(answer, other) == measure(answer, written)


@given(WORDS, WORDS)
def test_measures_lie_between_nothing_and_equality(written: str, answer: str) -> None:
    for measure in (chrf, rouge_l):
        assert 0 <= measure(written, answer) <= 1 + 1e-9
    if written:
        assert chrf(written, written) == pytest.approx(1)
        assert rouge_l(written, written) == 1


@pytest.mark.parametrize(
    ("rule", "spelled"),
    [
        ("chrF>=0.6", "chrF>=0.6"),
        (" CHRF >= .60 ", "chrF>=0.6"),
        ("rougel>=1", "rougeL>=1"),
        ("same", "same"),
        ("Similarity>=.8", "similarity>=0.8"),
        ("chrf>=0.9 OR judge", "chrF>=0.9 or judge"),
        ("chrf>=0.5 and rougeL>=0.4 and same", "chrF>=0.5 and rougeL>=0.4 and same"),
    ],
)
def test_rules_are_spelled_in_one_way(rule: str, spelled: str) -> None:
    found = Acceptance(rule)
    assert found.rule == spelled
    assert Acceptance(spelled) == found


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("", "has ''"),
        ("bleu>=0.5", "bleu>=0.5"),
        ("chrF", "has 'chrF'"),
        ("chrF>0.5", "chrF>0.5"),
        ("chrF>=60", "at most 1"),
        ("chrF>=0", "above 0"),
        ("same>=0.5", "same>=0.5"),
        ("judge>=1", "judge>=1"),
        ("same and judge or same", "mixes 'and' with 'or'"),
        ("same and", "same and"),
    ],
)
def test_other_rules_are_refused(rule: str, said: str) -> None:
    with pytest.raises(UsageError, match="expected chrF>=") as refused:
        Acceptance(rule)
    assert said in str(refused.value)


def test_conditions_join_as_their_words_say() -> None:
    pairs = [
        pair("the cat sat", "the cat  sat"),
        pair("the cat sits", "the cat sat"),
        pair("dogs", "the cat sat"),
    ]
    assert Acceptance("same").accept(pairs).tolist() == [True, False, False]
    assert Acceptance("rougeL>=0.6").accept(pairs).tolist() == [True, True, False]
    assert Acceptance("same and rougeL>=0.6").accept(pairs).tolist() == [True, False, False]
    assert Acceptance("same or rougeL>=0.6").accept(pairs).tolist() == [True, True, False]
    assert Acceptance("same").accept([]).tolist() == []


@pytest.mark.parametrize(
    ("rule", "asked", "accepted"),
    [
        ("judge", ["same", "near", "far"], [True, True, True]),
        ("same or judge", ["near", "far"], [True, True, True]),
        ("same and judge", ["same"], [True, False, False]),
    ],
)
def test_a_judge_is_asked_only_where_it_matters(
    rule: str, asked: list[str], accepted: list[bool]
) -> None:
    seen: list[str] = []

    def judge(pairs: Sequence[Pair]) -> NDArray[np.bool_]:
        seen.extend(one.written for one in pairs)
        return np.ones(len(pairs), np.bool_)

    pairs = [pair("same", "same"), pair("near", "nearly"), pair("far", "away")]
    assert Acceptance(rule).accept(pairs, judge).tolist() == accepted
    assert seen == asked


def test_a_rule_that_needs_a_judge_does_not_do_without() -> None:
    with pytest.raises(UsageError, match="needs a judge"):
        Acceptance("same or judge").accept([pair("a", "b")])


def test_similarity_is_the_cosine_of_embeddings(tmp_path: Path) -> None:
    embedder = Embedder(str(save_encoder(tmp_path / "encoder")))
    texts = TEXTS[:6]
    pairs = [pair(one, other) for one in texts for other in texts]
    alike = embedder(pairs).reshape(6, 6)
    assert np.diag(alike) == pytest.approx(1, abs=1e-6)
    assert alike == pytest.approx(alike.T, abs=1e-6)
    assert alike.min() >= 0
    assert embedder([]).tolist() == []
    assert embedder([pairs[1]]) == pytest.approx(alike[0, 1], abs=1e-5)
    rule = Acceptance(f"similarity>={(alike[0, 1] + alike[0, 0]) / 2}")
    assert rule.accept(pairs[:2], similarity=embedder).tolist() == [True, False]
    assert rule.needs_encoder
    assert not rule.is_on_texts
    with pytest.raises(UsageError, match="needs an encoder"):
        rule.accept(pairs)
