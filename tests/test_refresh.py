"""A new student takes the place of the promoted one where it is better, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from locum.promotion import compare_with_promoted
from locum.store import PromotionStore, open_database
from tests.promoted import CERTIFICATE, SURE, UNSURE, label_student, promote

if TYPE_CHECKING:
    from pathlib import Path

    from locum.export import CertifiedStudent
    from locum.store import Database

# Of each label the same text often, and as many of which the student is unsure.
SEEN = [(f"{text} {n}", label) for n in range(10) for label, text in SURE.items()]
UNSEEN = [(f"{UNSURE} {n}", "billing") for n in range(30)]


def with_threshold(threshold: float) -> CertifiedStudent:
    certificate = CERTIFICATE._replace(threshold=threshold)
    return replace(label_student(), certificate=certificate)


def promoted(tmp_path: Path) -> Database:
    place = tmp_path / "store.sqlite"
    promote(place, tmp_path / "student", with_threshold(0.7))
    return open_database(place)


@pytest.mark.parametrize(
    ("threshold", "better"), [(0.7, False), (0.99999, False), (0.3, True)], ids=range(3)
)
def test_the_one_that_answers_more_is_better(
    tmp_path: Path, threshold: float, *, better: bool
) -> None:
    with promoted(tmp_path) as database:
        promotion = PromotionStore(database).find("support")
        assert promotion is not None
        found = compare_with_promoted(
            database, promotion, with_threshold(threshold), [*SEEN, *UNSEEN]
        )
    assert found.better is better
    assert "on 60 inputs that it did not learn from it answers " in found.reason
    assert "and the promoted one 50.0% with 100.0%" in found.reason


def test_one_that_keeps_its_promise_no_more_makes_place(tmp_path: Path) -> None:
    changed = [(text, "returns" if label == "billing" else label) for text, label in SEEN]
    with promoted(tmp_path) as database:
        promotion = PromotionStore(database).find("support")
        assert promotion is not None
        assert compare_with_promoted(database, promotion, with_threshold(0.9), changed).better


def test_one_that_was_revoked_makes_place(tmp_path: Path) -> None:
    with promoted(tmp_path) as database:
        store = PromotionStore(database)
        revoked = store.end("support", "revoked", "it broke its promise")
        assert revoked is not None
        found = compare_with_promoted(database, revoked, with_threshold(0.9), SEEN)
    assert found == (True, "the student before it was revoked")
