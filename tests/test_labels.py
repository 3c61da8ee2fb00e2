"""The label set that recorded answers share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.dataset import infer_labels
from locum.errors import InputError
from locum.schema import label_key


def test_labels_are_sorted() -> None:
    inferred = infer_labels(["cash", "card", "cash", "card", "fee", "fee"])
    assert inferred.labels == ("card", "cash", "fee")
    assert inferred.merged == {}


def test_spellings_merge_into_the_most_frequent_one() -> None:
    inferred = infer_labels(["Cash"] * 3 + ["cash"] * 2 + ["CASH", " Cash "] + ["card"] * 2)
    assert inferred.labels == ("Cash", "card")
    assert inferred.merged == {"cash": "Cash", "CASH": "Cash"}


def test_spaces_inside_a_label_merge() -> None:
    inferred = infer_labels(["card  arrival", "card arrival", "card arrival", "fee", "fee"])
    assert inferred.labels == ("card arrival", "fee")
    assert inferred.merged == {"card  arrival": "card arrival"}


def test_spellings_as_frequent_as_each_other_keep_the_first() -> None:
    assert infer_labels(["b", "B", "a", "A"]).labels == ("a", "b")


@pytest.mark.parametrize(
    "labels",
    [("<50K", ">50K"), ("5-9", "<5", ">5"), ("C", "C!", "C?"), ("A", "A-", "(A)")],
    ids=str,
)
def test_labels_that_differ_in_marks_around_them_are_not_merged(labels: tuple[str, ...]) -> None:
    assert infer_labels(labels * 9) == (tuple(sorted(labels)), {})


def test_quotes_asterisks_and_full_stops_around_a_label_merge() -> None:
    spellings = ["cash.", '"cash"', "**cash**", "`Cash`."]
    inferred = infer_labels(["cash", "cash", *spellings, "card"])
    assert inferred == (("card", "cash"), dict.fromkeys(spellings, "cash"))


def test_empty_answers_do_not_count() -> None:
    assert infer_labels(["", "a", "  ", "a", "b", "b"]).labels == ("a", "b")


def test_one_class_is_refused() -> None:
    with pytest.raises(InputError, match="every answer is 'cash': with one class"):
        infer_labels(["cash", "Cash ", "cash"])


@pytest.mark.parametrize("answers", [[], ["", " "]], ids=["none", "empty alone"])
def test_no_answers_are_refused(answers: list[str]) -> None:
    with pytest.raises(InputError, match="no row has a teacher's answer"):
        infer_labels(answers)


def test_free_text_is_refused() -> None:
    with pytest.raises(InputError, match="50 answers hold 50 different ones, such as 'answer 0'"):
        infer_labels([f"answer {number}" for number in range(50)])


def test_more_than_a_thousand_labels_are_refused() -> None:
    labels = [f"label {number}" for number in range(1001)]
    with pytest.raises(InputError, match="1,001 different ones"):
        infer_labels(labels * 3)
    assert len(infer_labels(labels[:1000] * 3).labels) == 1000


@given(st.lists(st.sampled_from(["a", "A", "b", "B ", "c c", "C  c"]), min_size=1, max_size=30))
def test_every_answer_leads_to_one_label(extra: list[str]) -> None:
    answers = extra + ["a", "b"] * 5
    inferred = infer_labels(answers)
    keys = [label_key(label) for label in inferred.labels]
    assert len(set(keys)) == len(keys)
    for answer in answers:
        spelling = answer.strip()
        label = inferred.merged.get(spelling, spelling)
        assert label in inferred.labels
        assert label_key(label) == label_key(spelling)
