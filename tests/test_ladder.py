"""The ladder of students: what is tried, what is left out and why, and what is chosen."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import locum.distillation.ladder as ladder_module
from locum.calibration import DeferralScore
from locum.distillation import Distillation, RungResult, distill
from locum.distillation.attempt import Attempt, Latency
from locum.distillation.choice import choose_cheapest, coverage_error
from locum.distillation.ladder import NOT_TUNED, was_tuned
from locum.distillation.least_size import least_bytes
from locum.distillation.rungs import LADDER, Rung
from locum.distillation.search import SearchSettings
from locum.errors import UsageError
from locum.evaluation import DeferralChoice, Promise, coverage_difference, foreseen_coverage
from locum.export import load_artefact
from locum.students.encoder import EncoderStudent
from locum.students.linear import LinearStudent
from tests.small_encoders import save_encoder
from tests.traffic import make_examples, make_task

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from locum.training import TrainedStudent

PROMISE = Promise(0.95, 0.95)
EXTRAS = ("torch", "transformers", "onnx", "onnxruntime", "tokenizers", "huggingface_hub")
TELLING = """invoice charge payment card refund amount parcel delivery courier tracking address
    broken send back wrong size exchange defect"""
TWO_LINEAR = (
    Rung("linear", "linear", {}),
    Rung("longer", "linear", {"max_iterations": 300}),
    Rung("cascade", "cascade", {}),
    Rung("ensemble", "ensemble", {}),
)


def make_attempt(
    name: str, confidence: NDArray[np.float64], agrees: NDArray[np.bool_], inputs: int = 800
) -> Attempt:
    """A rung with nothing but what it said of the validation inputs."""
    foreseen = foreseen_coverage(confidence, agrees, inputs, PROMISE)
    deferral = DeferralChoice(DeferralScore(), "plain", confidence, foreseen, None)
    trained = cast("TrainedStudent", None)
    return Attempt(
        rung=Rung(name, name, {}),
        trained=trained,
        deferral=deferral,
        agrees=agrees,
        foreseen_coverage=foreseen,
        size_bytes=1,
        latency=Latency(1.0, 1.0),
        train_seconds=1.0,
    )


def wrong_among_last(name: str, wrong: int, inputs: int = 1000) -> Attempt:
    """A student that is wrong on the inputs that it is least sure of."""
    confidence = np.linspace(1, 0.2, inputs)
    return make_attempt(name, confidence, np.arange(inputs) < inputs - wrong)


def test_the_cheapest_within_one_standard_error_is_chosen() -> None:
    cheap, middle, best = (wrong_among_last(*rung) for rung in (("a", 400), ("b", 101), ("c", 100)))
    assert cheap.foreseen_coverage < middle.foreseen_coverage
    assert middle.foreseen_coverage <= best.foreseen_coverage
    choice = choose_cheapest([cheap, middle, best], None, 800, PROMISE)
    assert choice.student is middle
    assert choice.reason.startswith("the cheapest of 2 within one standard error")


def test_a_student_of_whom_little_is_known_is_not_taken_for_that() -> None:
    generator = np.random.default_rng(0)
    agrees = generator.random(800) >= np.where(np.arange(800) < 500, 0.03, 0.5)
    erratic = make_attempt("a", np.linspace(1, 0.2, 800), agrees)
    best = wrong_among_last("b", 200, 800)
    behind = coverage_difference(
        best.foreseen.confidence, best.agrees, erratic.foreseen.confidence, agrees, 800, PROMISE
    )
    error = coverage_error(best.foreseen, 800, PROMISE)
    assert error < behind.difference < behind.standard_error
    assert choose_cheapest([erratic, best], None, 800, PROMISE).student is best


def test_a_rung_that_is_clearly_better_is_chosen() -> None:
    choice = choose_cheapest(
        [wrong_among_last("a", 400), wrong_among_last("b", 50)], None, 800, PROMISE
    )
    assert choice.student.rung.name == "b"
    assert "by over a standard error" in choice.reason


@pytest.mark.parametrize(("wanted", "chosen"), [(0.3, "a"), (0.7, "b"), (0.9999, "c")])
def test_what_is_enough_decides(wanted: float, chosen: str) -> None:
    tried = [wrong_among_last(name, wrong) for name, wrong in (("a", 500), ("b", 200), ("c", 90))]
    choice = choose_cheapest(tried, wanted, 800, PROMISE)
    assert choice.student.rung.name == chosen
    assert f"{wanted:.1%}" in choice.reason


def test_where_nothing_is_foreseen_agreement_decides() -> None:
    confidence = np.random.default_rng(0).random(600)
    tried = [
        make_attempt(name, confidence, np.arange(600) % 10 < tenths)
        for name, tenths in (("a", 2), ("b", 6), ("c", 6))
    ]
    choice = choose_cheapest(tried, None, 600, PROMISE)
    assert choice.student.rung.name == "b"
    assert "none is foreseen to be certified" in choice.reason


def test_one_alone_is_chosen_and_says_so() -> None:
    only = wrong_among_last("a", 900)
    assert choose_cheapest([only], None, 800, PROMISE) == (only, "the only student that was tried")


def test_what_was_wanted_and_is_not_reached_is_said() -> None:
    only = wrong_among_last("a", 900)
    choice = choose_cheapest([only], 0.9, 800, PROMISE)
    assert choice.student is only
    assert choice.reason.endswith("to the 90.0% that are wanted and not reached")


@given(
    wrong=st.lists(st.integers(0, 300), min_size=2, max_size=4),
    wanted=st.none() | st.floats(0.01, 1),
)
@settings(max_examples=25)
def test_no_rung_dearer_than_the_best_is_chosen(wrong: list[int], wanted: float | None) -> None:
    tried = [wrong_among_last(str(n), count, 300) for n, count in enumerate(wrong)]
    best = max(attempt.foreseen_coverage for attempt in tried)
    first_best = next(n for n, attempt in enumerate(tried) if attempt.foreseen_coverage == best)
    chosen = choose_cheapest(tried, wanted, 800, PROMISE).student
    if best > 0:
        assert int(chosen.rung.name) <= first_best
    if wanted is not None and best >= wanted:
        assert chosen.foreseen_coverage >= wanted


def test_the_error_of_a_coverage_shrinks_with_the_inputs() -> None:
    generator = np.random.default_rng(1)

    def error(inputs: int) -> float:
        confidence = generator.random(inputs)
        agrees = generator.random(inputs) < np.where(confidence > 0.4, 0.99, 0.5)
        return coverage_error(make_attempt("a", confidence, agrees).foreseen, 800, PROMISE)

    assert 0 < error(16_000) < error(1_000)


def by_name(result: Distillation) -> dict[str, RungResult]:
    return {rung.name: rung for rung in result.frontier}


@pytest.fixture
def two_linear(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ladder of two students that need no extra."""
    monkeypatch.setattr(ladder_module, "LADDER", TWO_LINEAR)


@pytest.fixture
def no_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    """The base install."""
    for name in EXTRAS:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.usefixtures("two_linear")
def test_every_rung_is_measured_and_one_is_chosen() -> None:
    result = distill(make_task(), make_examples(700, noise=0.0, soft=False, human=True))
    rungs = by_name(result)
    assert list(rungs) == ["linear", "longer", "cascade", "ensemble"]
    assert [rung.chosen for rung in rungs.values()] == [True, False, False, False]
    for rung in (rungs["linear"], rungs["longer"], rungs["ensemble"]):
        assert rung.figures is not None
        assert 0 < rung.figures.foreseen_coverage <= 1
        assert rung.figures.standard_error >= 0
        assert rung.figures.accuracy is not None
        assert rung.figures.size_bytes > 1000
        assert rung.figures.p50_us > 0
        assert rung.figures.train_seconds > 0
    assert rungs["cascade"].figures is None
    assert rungs["cascade"].reason == (
        "it needs a linear student and an encoder among those that are tried"
    )
    assert result.facts is not None
    assert result.facts.size_bytes == rungs["linear"].figures.size_bytes  # type: ignore[union-attr]
    assert f"linear is {rungs['linear'].reason}" in result.decision.reason


@pytest.mark.usefixtures("two_linear")
def test_the_climb_stops_where_it_is_enough() -> None:
    result = distill(make_task(), make_examples(700, noise=0.0, soft=False), coverage=0.1)
    rungs = by_name(result)
    assert rungs["linear"].chosen
    assert rungs["longer"].reason.startswith("not needed: linear is foreseen to answer")
    assert "the cheapest that is foreseen to answer 10.0%" in result.decision.reason


@pytest.mark.usefixtures("two_linear")
def test_no_rung_is_begun_when_the_time_is_over() -> None:
    rungs = by_name(distill(make_task(), make_examples(700, noise=0.0, soft=False), seconds=0.001))
    assert rungs["linear"].figures is not None
    assert rungs["longer"].reason.startswith("no time was left")


@pytest.mark.usefixtures("two_linear")
def test_students_that_are_too_large_are_left_out() -> None:
    with pytest.raises(UsageError, match="bytes, and 100 are allowed"):
        distill(make_task(), make_examples(700, noise=0.0, soft=False), max_bytes=100)


def test_a_family_that_can_be_smaller_is_made_so() -> None:
    examples = make_examples(700, noise=0.0, soft=False)
    free = distill(make_task(), examples, family="linear")
    (large,) = (rung.figures for rung in by_name(free).values())
    assert large is not None
    allowed = large.size_bytes * 3 // 4
    bound = distill(make_task(), examples, family="linear", max_bytes=allowed)
    (small,) = (rung.figures for rung in by_name(bound).values())
    assert small is not None
    assert small.size_bytes <= allowed


@pytest.mark.usefixtures("no_extras")
def test_without_extras_the_table_says_what_else_could_be_had() -> None:
    rungs = by_name(distill(make_task(), make_examples(700, noise=0.0, soft=False)))
    assert list(rungs) == [rung.name for rung in LADDER]
    assert rungs["linear"].chosen
    assert "pip install 'locum[static]'" in rungs["static"].reason
    assert rungs["ensemble"].reason == ("it needs two students among those that are tried")
    for name in ("cascade", "frozen-encoder", "encoder"):
        assert rungs[name].figures is None
        assert "pip install 'locum[encoder]'" in rungs[name].reason


@pytest.mark.usefixtures("no_extras")
@pytest.mark.parametrize("family", ["static", "cascade", "frozen-encoder", "encoder", "ensemble"])
def test_a_student_that_was_asked_for_must_be_had(family: str) -> None:
    with pytest.raises(UsageError, match=r"pip install 'locum\[(static|encoder)\]'"):
        distill(make_task(), make_examples(700, noise=0.0, soft=False), family=family)


def test_a_model_that_cannot_be_loaded_is_a_note_with_its_cure() -> None:
    rungs = by_name(distill(make_task(), make_examples(700, noise=0.0, soft=False)))
    assert rungs["linear"].chosen
    for name in ("static", "cascade", "frozen-encoder", "encoder"):
        assert rungs[name].figures is None
        assert "all-MiniLM-L6-v2' cannot be fetched" in rungs[name].reason
        assert "where the hub cannot be reached, give a folder" in rungs[name].reason


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of a tiny encoder with random weights that knows the telling words."""
    return str(save_encoder(tmp_path_factory.mktemp("models") / "tiny", words=TELLING.split()))


@pytest.fixture(scope="module")
def raced(encoder: str) -> Distillation:
    """A race of all rungs."""
    examples = make_examples(600, noise=0.0, soft=False, human=True)
    return distill(make_task(), examples, encoder=encoder)


def test_all_rungs_race_on_the_same_inputs(raced: Distillation, encoder: str) -> None:
    figures = {name: rung.figures for name, rung in by_name(raced).items()}
    names = ["linear", "static", "cascade", "frozen-encoder", "encoder", "ensemble"]
    assert list(figures) == names
    reasons = {name: rung.reason for name, rung in by_name(raced).items() if not rung.chosen}
    assert set(reasons.values()) <= {"", f"{NOT_TUNED}: it is frozen-encoder"}
    assert (figures["encoder"] is None) == reasons["encoder"].startswith(NOT_TUNED)
    assert figures["ensemble"] is not None
    linear, static, cascade, frozen = [found for found in figures.values() if found][:4]
    for joined in (cascade, figures["ensemble"]):
        assert joined.train_seconds > linear.train_seconds
        assert joined.size_bytes > linear.size_bytes
    assert linear.p50_us < frozen.p50_us
    assert all(found.agreement.inputs == linear.agreement.inputs for found in (static, frozen))
    assert least_bytes(encoder) < frozen.size_bytes


def test_an_encoder_that_was_not_tuned_is_known() -> None:
    student = EncoderStudent(["a", "b"], "./encoder", epochs=3)
    for epochs, tuned in ((0, False), (2, True)):
        student.epochs_ = epochs
        assert was_tuned(student) == tuned
    student.epochs, student.epochs_ = 0, 0
    assert was_tuned(student)
    assert was_tuned(LinearStudent(["a", "b"]))


@pytest.mark.parametrize("family", ["static", "cascade", "ensemble"])
def test_a_student_of_any_family_is_saved_and_asked(
    family: str, encoder: str, tmp_path: Path
) -> None:
    examples = make_examples(600, noise=0.0, soft=False)
    result = distill(make_task(), examples, encoder=encoder, family=family, target=0.7)
    assert list(by_name(result)) == [family]
    assert "the student that was asked for" in result.decision.reason
    assert result.student is not None
    loaded = load_artefact(result.student.save(tmp_path / "student"))
    texts = [example.text for example in examples[:50]]
    assert loaded.predict(texts) == result.student.predict(texts)


def test_some_students_race_alone(encoder: str) -> None:
    examples = make_examples(600, noise=0.0, soft=False)
    named = "ensemble, frozen-encoder,linear"
    result = distill(make_task(), examples, encoder=encoder, family=named)
    rungs = by_name(result)
    assert list(rungs) == ["linear", "frozen-encoder", "ensemble"]
    assert [rung.chosen for rung in rungs.values()].count(True) == 1
    assert rungs["frozen-encoder"].figures is not None
    assert "the student that was asked for" not in result.decision.reason


def test_a_student_in_an_ensemble_and_a_cascade_is_trained_once(
    encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "locum.training.joining.choose_members", lambda judged, _: list(range(len(judged)))
    )
    result = distill(
        make_task(),
        make_examples(600, noise=0.0, soft=False),
        encoder=encoder,
        family="linear,frozen-encoder,ensemble,cascade",
    )
    taken = {
        name: rung.figures.train_seconds for name, rung in by_name(result).items() if rung.figures
    }
    both = pytest.approx(taken["linear"] + taken["frozen-encoder"])
    assert taken["ensemble"] == taken["cascade"] == both


def test_an_encoder_that_is_too_large_is_not_trained(encoder: str) -> None:
    started = time.monotonic()
    allowed = least_bytes(encoder) - 1
    with pytest.raises(UsageError, match=f"and {allowed:,} are allowed"):
        distill(
            make_task(),
            make_examples(600, soft=False),
            encoder=encoder,
            family="encoder",
            max_bytes=allowed,
        )
    assert time.monotonic() - started < 5
    assert least_bytes("no/encoder") == 0


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"family": "oracle"}, "no student 'oracle'"),
        ({"family": "linear,oracle"}, "no student 'oracle'"),
        ({"family": "linear,"}, "no student ''"),
        ({"family": "auto,linear"}, "'auto' stands for all students"),
        ({"coverage": 0.0}, "coverage 0.0"),
        ({"coverage": 1.5}, "coverage 1.5"),
        ({"seconds": 0.0}, "expected more than 0"),
        ({"seconds": float("nan")}, "expected more than 0"),
        ({"max_bytes": 0}, "at most 0 bytes"),
        ({"coverage": 0.5, "family": "linear"}, "leave one of them out"),
        ({"encoder": "./nowhere"}, "encoder './nowhere' does not exist"),
        ({"embeddings": "/no/such/folder"}, "embeddings '/no/such/folder' does not exist"),
    ],
)
def test_values_that_cannot_be_used(bad: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        distill(make_task(), make_examples(20), **bad)


FAMILIES = """
from locum.students import Judgement
from locum.students.linear import LinearStudent

class Boom(LinearStudent):
    family = "boom"

    def fit(self, *given):
        raise ValueError("my library is unhappy")

class Narrow(LinearStudent):
    family = "narrow"

    def judge(self, inputs):
        proba, novelty = super().judge(inputs)
        return Judgement(proba[:, :2], novelty)

class Undefined(LinearStudent):
    family = "undefined"

    def judge(self, inputs):
        proba, novelty = super().judge(inputs)
        return Judgement(proba, novelty * float("nan"))

class Unsaved(LinearStudent):
    family = "unsaved"

    def save(self, directory):
        raise TypeError("not writable")
"""


@pytest.fixture
def other_families(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package with families of its own, of which each fails in another way."""
    (tmp_path / "other_families.py").write_text(FAMILIES)
    facts = tmp_path / "other_families-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: other-families\nVersion: 1.0\n")
    lines = [f"{name.lower()} = other_families:{name}" for name in OTHERS]
    (facts / "entry_points.txt").write_text("\n".join(["[locum.students]", *lines]))
    monkeypatch.syspath_prepend(tmp_path)


OTHERS = {
    "Boom": "failed with ValueError: my library is unhappy (see other_families:Boom, or leave",
    "Narrow": "by probabilities of shape [",
    "Undefined": "by numbers that are not finite",
    "Unsaved": "failed with TypeError: not writable",
    "Gone": "failed with AttributeError: ",
}


@pytest.mark.usefixtures("other_families")
def test_a_family_of_others_that_fails_leaves_the_rest_alone() -> None:
    asked = ",".join(["linear", *map(str.lower, OTHERS)])
    rungs = by_name(distill(make_task(), make_examples(600, noise=0.0, soft=False), family=asked))
    assert rungs["linear"].chosen
    for name, said in OTHERS.items():
        reason = rungs[name.lower()].reason
        assert reason.startswith(f"student family '{name.lower()}' ")
        assert said in reason


@pytest.mark.usefixtures("other_families")
def test_the_error_of_a_family_that_is_asked_for_alone_stays_its_cause() -> None:
    with pytest.raises(UsageError, match="my library is unhappy") as caught:
        distill(make_task(), make_examples(600, noise=0.0, soft=False), family="boom")
    assert isinstance(caught.value.__cause__, ValueError)


def test_an_error_of_a_family_of_ours_is_not_taken_for_a_choice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a fault of Locum")

    monkeypatch.setattr(LinearStudent, "fit", fail)
    with pytest.raises(ValueError, match="a fault of Locum"):
        distill(make_task(), make_examples(600, soft=False), family="linear,ensemble")


def test_the_rungs_get_what_the_user_chose() -> None:
    given = SearchSettings(encoder="here/encoder", embeddings=None, seed=3)
    rungs = {rung.name: rung.settings(given, 3_200, 7.0) for rung in LADDER}
    assert rungs["linear"] == {}
    assert rungs["static"] == {"embeddings": "here/encoder"}
    chosen = {"encoder": "here/encoder", "seconds": 7.0, "seed": 3}
    assert rungs["encoder"] == chosen | {"epochs": 5}
    assert rungs["frozen-encoder"] == rungs["encoder"] | {"epochs": 0}
    there = given._replace(embeddings="there")
    assert LADDER[1].settings(there, 3_200, 7.0) == {"embeddings": "there"}
    small = given._replace(max_bytes=1_000)
    assert LADDER[0].settings(small, 3_200, 7.0) == {"max_bytes": 1_000}
    large = given._replace(max_bytes=1_000_000_000)
    assert LADDER[0].settings(large, 3_200, 7.0) == {
        "max_bytes": LinearStudent(["a", "b"]).max_bytes
    }


@pytest.mark.parametrize(("inputs", "epochs"), [(2, 10), (1_600, 10), (2_000, 8), (90_000, 5)])
def test_an_encoder_passes_more_often_over_few_inputs(inputs: int, epochs: int) -> None:
    rung = next(rung for rung in LADDER if rung.name == "encoder")
    assert rung.settings(SearchSettings(), inputs, 7.0)["epochs"] == epochs


def test_texts_that_a_student_reads_in_part_are_said(encoder: str) -> None:
    examples = make_examples(700, noise=0.0, soft=False)
    long = [replace(e, text=e.text + " and so on" * 200) for e in examples[:350]]
    result = distill(
        make_task(), [*long, *examples[350:]], encoder=encoder, family="frozen-encoder"
    )
    (said,) = [text for text in result.data.warnings if "reads the beginning alone" in text]
    assert said.startswith("encoder reads the beginning alone of 48.3% of the texts")
