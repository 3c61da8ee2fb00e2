"""What a scan finds in the labelled corpus, against what it is expected to find."""

from __future__ import annotations

from pathlib import Path

import pytest

from locum.scan import RULES, scan_paths
from locum.scan.files import is_test, walk
from tests.scanning import expectations, found

CORPUS = Path(__file__).parent / "scan_corpus"
HELD_OUT = Path(__file__).parent / "scan_heldout"
LEAST_PRECISION = 1.0
LEAST_RECALL = 1.0


@pytest.fixture(scope="module")
def results() -> tuple[set[tuple[str, int, str]], set[tuple[str, int, str]]]:
    return expected_and_found(CORPUS)


def expected_and_found(
    corpus: Path,
) -> tuple[set[tuple[str, int, str]], set[tuple[str, int, str]]]:
    root = corpus.resolve()
    expected = {
        one
        for path, _ in walk(root)
        if not is_test(path, root)
        for one in expectations(path.relative_to(root).as_posix(), path.read_text("utf-8"))
    }
    report = scan_paths([corpus], processes=1)
    assert report.skipped == {}
    return expected, found(report)


@pytest.mark.parametrize("rule", RULES)
def test_precision_and_recall_of_a_rule(
    rule: str, results: tuple[set[tuple[str, int, str]], set[tuple[str, int, str]]]
) -> None:
    expected, reported = ({one for one in some if one[2] == rule} for some in results)
    assert len(expected) >= 10
    right = expected & reported
    assert len(right) >= LEAST_PRECISION * len(reported), sorted(reported - expected)
    assert len(right) >= LEAST_RECALL * len(expected), sorted(expected - reported)


def test_the_corpus_is_large_and_half_of_it_is_innocent(
    results: tuple[set[tuple[str, int, str]], set[tuple[str, int, str]]],
) -> None:
    files = [path for path, _ in walk(CORPUS.resolve())]
    guilty = {path for path, _, _ in results[0]}
    assert len(files) >= 120
    assert 0.4 <= len(guilty) / len(files) <= 0.6
    assert len({path.split("/")[0] for path in guilty}) == 7


def test_what_another_hand_wrote_is_found() -> None:
    expected, reported = expected_and_found(HELD_OUT)
    assert len(expected) == 18
    assert reported == expected
