"""The loop for free text, from pairs to a certified student that writes."""

from __future__ import annotations

import json
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import GenerationConfig

import locum
from locum.distillation import Silent
from locum.errors import ArtefactError, InputError, TeacherError, UsageError
from locum.evaluation import Promise
from locum.export import warn_of_rule
from locum.generation import certifying, distill, distill_generation
from locum.generation.certifying import Certifying
from locum.generation.deferring import learn_score
from locum.generation.evaluating import measure_rule
from locum.generation.judging import JudgingDesk
from locum.generation.parts import Part
from locum.generation.pool import build_written_pool
from locum.generation.teaching import TeachingSettings, teach
from locum.report import render_report
from locum.schema import Example, Generation, GenerationTask, OwnPrice
from locum.teachers import Budget, ChatTeacher, FunctionTeacher
from locum.writers import Acceptance, Draft, Pair, Prompts, Writer, load_pretrained
from locum.writers.novelty import KNOWN_BYTES
from tests.json_server import JsonModel, serving
from tests.small_writers import EASY, HARD, PAIRS, make_pairs, model_of, save_tiny_writer, taught

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from locum.export import CertifiedWriter
    from locum.generation import GenerationDistillation

TASK = GenerationTask("notes", "Say it.")
KNOWN = np.zeros(KNOWN_BYTES, np.uint8)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_writer(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def result() -> GenerationDistillation:
    return taught()


@pytest.fixture(scope="module")
def student(result: GenerationDistillation) -> CertifiedWriter:
    assert result.student is not None
    return result.student


@pytest.fixture(scope="module")
def folder(student: CertifiedWriter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return student.save(tmp_path_factory.mktemp("saved") / "student")


def test_a_student_learns_to_write_and_is_certified_where_it_can(
    result: GenerationDistillation,
) -> None:
    assert result.decision.verdict == "distil"
    assert "chrF>=0.6" in result.decision.reason
    assert result.certificate is not None
    assert 0.5 < result.certificate.coverage < 0.85
    assert result.evaluation is not None
    assert result.evaluation.answered_agreement is not None
    assert result.evaluation.answered_agreement.value > result.evaluation.agreement.value
    assert result.facts is not None
    losses = result.facts.losses
    assert losses[result.facts.kept] == min(losses) < losses[0]


def test_what_nobody_can_learn_is_left_to_the_teacher(student: CertifiedWriter) -> None:
    easy = student.predict([f"{word} of the by in" for word in EASY])
    assert all(one.answered for one in easy)
    assert [one.answer for one in easy] == [f"note {word} {word}" for word in EASY]
    hard = student.predict([f"{word} of the by in" for word in HARD])
    assert np.mean([one.answered for one in hard]) <= 0.25
    assert max(one.confidence for one in hard) < min(one.confidence for one in easy)


def test_blank_texts_are_never_answered(student: CertifiedWriter) -> None:
    assert not any(one.answered for one in student.predict(["", " \n"]))
    with pytest.raises(UsageError, match="give a list of texts"):
        student.predict("amber of the")


def test_a_text_gets_the_same_alone_and_in_a_batch(student: CertifiedWriter) -> None:
    texts = [example.text for example in make_pairs(40, hard=0.3, seed=7)]
    together = student.predict(texts)
    for text, said in zip(texts, together, strict=True):
        [alone] = student.predict([text])
        assert (alone.answer, alone.answered) == (said.answer, said.answered)
        assert alone.confidence == pytest.approx(said.confidence, abs=1e-4)


def test_log_probabilities_are_those_of_the_model(student: CertifiedWriter) -> None:
    writer = student.model
    prompt = writer.prompts.prompt("amber of the")
    [draft] = writer.write(["amber of the"])
    answer = [*writer.prompts.tokens(draft.text), writer.prompts.end_token]
    with torch.no_grad():
        logits = model_of(student)(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
    expected = logits.log_softmax(-1)[range(len(answer)), answer]
    assert draft.tokens == len(answer)
    assert draft.mean == pytest.approx(float(expected.mean()), abs=1e-5)
    assert draft.least == pytest.approx(float(expected.min()), abs=1e-5)


def test_what_the_model_came_with_bends_no_answer(student: CertifiedWriter) -> None:
    make: Any = GenerationConfig
    model_of(student).generation_config = make(
        repetition_penalty=9.0, no_repeat_ngram_size=1, do_sample=True, suppress_tokens=[3]
    )
    assert [draft.text for draft in student.model.write(["amber of the"])] == ["note amber amber"]


def test_what_is_saved_says_what_was_certified(student: CertifiedWriter, folder: Path) -> None:
    loaded = locum.load(folder)
    assert isinstance(loaded, locum.CertifiedWriter)
    texts = [example.text for example in PAIRS[:20]]
    assert loaded.predict(texts) == student.predict(texts)
    assert (loaded.rule, loaded.certificate) == (student.rule, student.certificate)
    assert list(loaded.predict_batch(iter(texts), 20)) == student.predict(texts)
    assert loaded.answer([{"role": "user", "content": "amber of the"}]) == "note amber amber"
    card = (folder / "README.md").read_text("utf-8")
    assert "chrF>=0.6" in card
    assert "locum[lm]" in card
    assert not [path for path in folder.iterdir() if path.suffix in {".bin", ".pt", ".pkl"}]


def test_several_chat_templates_are_saved(student: CertifiedWriter, tmp_path: Path) -> None:
    tokenizer: Any = copy(student.model.tokenizer)
    said = "{% for message in messages %}{{ message.content }}{% endfor %}"
    tokenizer.chat_template = {"default": said, "tool_use": f"tools {said}"}
    of = student.model
    writer = Writer(of.backend, tokenizer, of.instruction, of.limits, np.zeros(KNOWN_BYTES, "u1"))
    loaded = locum.load(replace(student, model=writer).save(tmp_path / "student"))
    assert isinstance(loaded, locum.CertifiedWriter)
    assert loaded.model.tokenizer.chat_template == tokenizer.chat_template


@pytest.mark.parametrize("name", ["model.safetensors", "writer.json", "known.safetensors"])
def test_a_changed_file_is_refused(student: CertifiedWriter, tmp_path: Path, name: str) -> None:
    damaged = student.save(tmp_path / "student")
    content = bytearray((damaged / name).read_bytes())
    content[-1] ^= 1
    (damaged / name).write_bytes(content)
    with pytest.raises(ArtefactError, match="not the file that was saved"):
        locum.load(damaged)


def test_a_manifest_says_what_kind_of_task_it_is(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest["task"] == {"name": "notes", "kind": "generation", "instruction": "Say it."}
    assert manifest["rule"] == "chrF>=0.6"
    assert len(manifest["score"]["coefficients"]) == 5


def test_redacted_words_are_put_back(student: CertifiedWriter) -> None:
    from locum.config import RedactionSettings

    redacting = replace(student, redaction=RedactionSettings())
    [said] = redacting.predict(["amber of the boss@example.com"])
    assert said.answer == "note amber amber"


def test_the_report_says_what_is_promised_by_which_rule(result: GenerationDistillation) -> None:
    html = render_report(result)
    assert html.startswith("<!doctype html>")
    assert "<script" not in html
    assert "chrF&gt;=0.6" in html
    assert "may still get a fact wrong" in html


def test_the_rule_is_measured_on_the_teacher_itself(tiny: Path) -> None:
    twice = [*PAIRS[:30], *(Example(e.text, answer=f"{e.answer} of") for e in PAIRS[:30])]
    found = distill_generation(TASK, twice, student_model=tiny, accept="same")
    assert found.decision.verdict == "collect_more"
    assert found.student is None
    assert found.rule.ceiling is not None
    assert found.rule.ceiling.value == 0
    assert found.rule.by_chance is not None
    assert found.rule.by_chance.value < 0.3
    assert "Collect more inputs" in render_report(found)


def test_a_rule_that_tells_nothing_apart_is_warned_of(tiny: Path) -> None:
    letter = "note the a of in with by near under the a of in with by near under"
    letters = [replace(pair, answer=f"{letter} {pair.answer}") for pair in PAIRS]
    found = distill_generation(
        TASK, letters, student_model=tiny, target=0.8, rounds=1, learning_rate=1e-2
    )
    assert found.rule.by_chance is not None
    assert found.rule.by_chance.value == 1
    assert "which holds for many of its answers to other inputs too" in found.decision.reason
    [warning] = [said for said in found.data.warnings if "hardly tells them apart" in said]
    assert "accepts 100.0%" in warning


@given(st.lists(st.text("ab", max_size=2), max_size=500))
def test_a_rule_is_measured_on_few_answers_that_differ(answers: list[str]) -> None:
    asked: list[Pair] = []

    def accept(pairs: Sequence[Pair]) -> NDArray[np.bool_]:
        asked.extend(pairs)
        return np.ones(len(pairs), np.bool_)

    others = [Pair(str(row), answer, answer) for row, answer in enumerate(answers)]
    measured = measure_rule(Acceptance("same"), [], others, accept)
    assert len(asked) <= 200
    assert all(pair.written != pair.answer for pair in asked)
    assert (measured.by_chance is None) == (len(set(answers)) < 2)
    assert bool(warn_of_rule(measured.rule, measured.by_chance)) == (not measured.tells_apart)


def test_training_ends_where_validation_answers_get_no_likelier(tiny: Path) -> None:
    wild = distill_generation(
        TASK, PAIRS[:300], student_model=tiny, target=0.9, rounds=3, learning_rate=50.0
    )
    assert wild.facts is not None
    losses, kept = wild.facts.losses, wild.facts.kept
    assert len(losses) == kept + 2
    assert losses[-1] >= min(losses[:-1])
    assert wild.student is None


def test_the_best_weights_are_kept_and_no_pass_is_begun_late(tiny: Path) -> None:
    model, tokenizer = load_pretrained(tiny)
    prompts = Prompts(tokenizer, "Say it.", 100)
    texts, answers = [e.text for e in PAIRS[:60]], [str(e.answer) for e in PAIRS[:60]]
    train, validation = Part(texts[:40], answers[:40]), Part(texts[40:], answers[40:])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    wild = TeachingSettings(rounds=3, learning_rate=50.0, seconds=None, seed=0)
    assert teach(model, prompts, train, validation, wild, Silent()).kept == 0
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    calm = wild._replace(learning_rate=1e-3)
    assert teach(model, prompts, train, validation, calm, Silent()).kept == 3
    late = calm._replace(seconds=1e-9)
    assert len(teach(model, prompts, train, validation, late, Silent()).losses) == 2


def test_what_ends_behind_a_models_last_position_is_not_learned(tiny: Path) -> None:
    _, tokenizer = load_pretrained(tiny)
    prompts, long = Prompts(tokenizer, "Say it.", 100), "note " + "amber " * 80
    texts, answers = [e.text for e in PAIRS[:30]], [str(e.answer) for e in PAIRS[:30]]
    short = Part(texts[:20], answers[:20]), Part(texts[20:], answers[20:])
    both = [Part([*part.texts, "amber of the"], [*part.answers, long]) for part in short]
    once = TeachingSettings(rounds=1, learning_rate=1e-3, seconds=None, seed=0)
    losses = []
    for train, validation in (short, both):
        model, _ = load_pretrained(tiny)
        model.config.max_position_embeddings = 64
        losses.append(teach(model, prompts, train, validation, once, Silent()).losses)
    assert losses[0] == losses[1]
    with pytest.raises(InputError, match=r"no answer to validate on fits, .* the 64 tokens"):
        teach(model, prompts, short[0], Part(["amber"], [long]), once, Silent())


def test_a_report_says_what_does_not_fit_into_the_student(tiny: Path, tmp_path: Path) -> None:
    model, tokenizer = load_pretrained(tiny)
    model.config.max_position_embeddings = 64
    tokenizer.save_pretrained(tmp_path)
    model.save_pretrained(tmp_path)
    long = [Example(f"{word} of the", answer="note " + "amber " * 80) for word in HARD]
    found = distill_generation(TASK, [*PAIRS[:100], *long], student_model=tmp_path, rounds=1)
    [said] = [line for line in found.data.warnings if "do not fit, after their inputs" in line]
    assert "into the 64 tokens that the student has positions for" in said


def test_a_prompt_around_all_inputs_is_not_learned(tiny: Path) -> None:
    prompt = "Please read what is written here: "
    around = [Example(prompt + e.text, answer=e.answer) for e in PAIRS[:300]]
    found = distill_generation(TASK, around, student_model=tiny, target=0.9, rounds=1)
    assert (
        f"nearly all inputs begin with the same {len(prompt)} characters" in found.data.warnings[0]
    )
    assert found.certified_on
    assert set(found.certified_on) <= {(example.text, example.answer) for example in around}


def test_a_teacher_is_asked_for_what_has_no_answer(tiny: Path, tmp_path: Path) -> None:
    answers = {example.text: str(example.answer) for example in PAIRS[:40]}
    with serving(JsonModel(answers.get)) as model:
        teacher = ChatTeacher(model.url, "writer-1", api_key="k")
        found = distill_generation(
            TASK, [*answers], teacher, student_model=tiny, store=tmp_path / "store.sqlite"
        )
        asked = len(model.requests)
        again = distill_generation(
            TASK, [*answers], teacher, student_model=tiny, store=tmp_path / "store.sqlite"
        )
    assert (found.data.inputs, found.teacher) == (len(answers), "writer-1")
    assert again.data == found.data
    assert len(model.requests) == asked == len(answers)
    request = model.requests[0]
    system, user = request["messages"]
    assert system == {"role": "system", "content": "Say it."}
    assert user["content"] in answers
    assert "logprobs" not in request


def test_texts_that_broke_off_are_not_learned_from(tiny: Path) -> None:
    answers = {example.text: str(example.answer) for example in PAIRS[:40]}
    longest = max(map(len, answers.values()))
    answers |= {text: f"{answers[text]} and more" for text in [*answers][:10]}
    with serving(JsonModel(answers.get, longest)) as model:
        teacher = ChatTeacher(model.url, "writer-1", api_key="k")
        found = distill_generation(TASK, [*answers], teacher, student_model=tiny)
    assert (found.data.inputs, found.data.missing) == (30, 10)
    assert "10 of the teacher's 40 answers broke off" in str(found.data.warnings)


def test_recorded_texts_that_broke_off_are_not_learned_from(tiny: Path) -> None:
    broken = [replace(example, cut_off=True) for example in PAIRS[:10]]
    found = distill_generation(TASK, [*broken, *PAIRS[10:40]], student_model=tiny)
    assert (found.data.inputs, found.data.missing) == (30, 10)
    assert "10 of the 40 recorded answers broke off and were left out" in str(found.data.warnings)


def test_inputs_without_an_answer_are_told_of_where_they_are_many(tiny: Path) -> None:
    empty = [
        replace(example, answer=answer)
        for example, answer in zip(PAIRS, [""] * 3 + [" ", None], strict=False)
    ]
    found = distill_generation(TASK, [*empty, *PAIRS[5:40]], student_model=tiny)
    said = (
        "5 of 40 inputs have no whole answer and were left out: the certificate speaks of the "
        "others"
    )
    assert said in found.data.warnings
    few = distill_generation(TASK, [empty[0], *PAIRS[1:60]], student_model=tiny)
    assert few.data.missing == 1
    assert "no whole answer" not in str(few.data.warnings)


def test_recorded_texts_that_broke_off_are_asked_for_again(tiny: Path) -> None:
    answers = {example.text: str(example.answer) for example in PAIRS[:40]}
    broken = [replace(example, answer="half", cut_off=True) for example in PAIRS[:10]]
    with serving(JsonModel(answers.get)) as model:
        teacher = ChatTeacher(model.url, "writer-1", api_key="k")
        found = distill_generation(TASK, [*broken, *PAIRS[10:40]], teacher, student_model=tiny)
    assert len(model.requests) == 10
    assert "10 of the 40 recorded answers broke off and were asked for again" in found.data.warnings
    assert (found.data.inputs, found.data.missing) == (40, 0)


def test_where_every_text_broke_off_the_cure_is_named(tiny: Path) -> None:
    with serving(JsonModel(lambda _: "a long text", 6)) as model:
        teacher = ChatTeacher(model.url, "writer-1", api_key="k")
        with pytest.raises(InputError, match="broke off and were left out: give it a larger max"):
            distill_generation(TASK, ["a", "b"], teacher, student_model=tiny)


def test_a_judge_decides_where_the_rule_asks_it(tiny: Path) -> None:
    def compare(asked: str) -> str:
        first, second = asked.split("Answer A:\n")[1].split("\n\nAnswer B:\n")
        return "same" if first.split()[1] == second.split()[1] else "different"

    twice = [*PAIRS[:30], *(Example(e.text, answer=f"{e.answer} of") for e in PAIRS[:30])]
    with serving(JsonModel(compare)) as model:
        judge = ChatTeacher(model.url, "judge-1", api_key="k", top_logprobs=0)
        found = distill_generation(
            TASK, twice, student_model=tiny, accept="same or judge", judge=judge, budget=Budget()
        )
    assert model.requests
    assert found.rule.judge == "judge-1"
    assert found.rule.ceiling is not None
    assert found.rule.ceiling.value == 1
    assert found.rule.by_chance is None


def test_what_a_judge_said_is_kept_for_the_run(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class BegunError(Exception):
        pass

    def begin(*_: object) -> None:
        raise BegunError

    monkeypatch.setattr(distill, "teach", begin)
    with serving(JsonModel(lambda _: "same")) as model:
        judge = ChatTeacher(model.url, "judge-1", api_key="k", top_logprobs=0)
        with pytest.raises(BegunError):
            distill_generation(
                TASK,
                [*PAIRS[:60], *PAIRS[:60]],
                student_model=tiny,
                accept="judge",
                judge=judge,
                target=0.5,
                budget=Budget(),
            )
    # The pairs that it is tried on are among those that the teacher answered twice.
    assert len(model.requests) == 60


def test_answers_that_were_never_judged_are_no_disagreements(tmp_path: Path) -> None:
    pairs = [Pair(f"input {n}", f"answer {n}", f"answer {n}") for n in range(40)]
    budget = Budget(cap_usd=0.002, prices={"judge-1": OwnPrice(1.0, 1.0)})
    with serving(JsonModel(lambda _: "same")) as model:
        judge = ChatTeacher(model.url, "judge-1", api_key="k", top_logprobs=0)
        judging = JudgingDesk(TASK, judge, tmp_path / "answers.sqlite", budget, Silent())
        with pytest.raises(TeacherError, match=r"ended with \d+ of 40 answers not shown"):
            judging(pairs)
        assert 0 < len(model.requests) < 40
        more = JudgingDesk(TASK, judge, tmp_path / "answers.sqlite", Budget(), Silent())
        assert more(pairs).all()
    assert len(model.requests) == 40
    assert not more.notes()


def test_pairs_on_which_a_judge_gives_no_verdict_are_told(tmp_path: Path) -> None:
    pairs = [Pair(f"input {n}", f"answer {n}", f"answer {n}") for n in range(30)]
    with serving(JsonModel(lambda asked: "perhaps" if "answer 29" in asked else "same")) as model:
        judge = ChatTeacher(model.url, "judge-1", api_key="k", top_logprobs=0)
        judging = JudgingDesk(TASK, judge, tmp_path / "answers.sqlite", Budget(), Silent())
        assert judging(pairs).tolist() == [True] * 29 + [False]
    assert "gave no verdict on 1 of 30 pairs of answers" in judging.notes()[0]


@pytest.mark.parametrize("says", ["I cannot tell.", None, "different"])
def test_a_judge_that_does_not_judge_is_found_out_before_the_training(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, says: str | None
) -> None:
    class BegunError(Exception):
        pass

    def begin(*_: object) -> None:
        raise BegunError("it has begun")

    monkeypatch.setattr(distill, "teach", begin)
    judges = says == "different"
    error, said = (BegunError, "it has begun") if judges else (TeacherError, "judge-1 was asked")
    with serving(JsonModel(lambda _: says)) as model:
        judge = ChatTeacher(model.url, "judge-1", api_key="k", top_logprobs=0)
        with pytest.raises(error, match=said):
            distill_generation(
                TASK, PAIRS[:400], student_model=tiny, accept="judge", judge=judge, budget=Budget()
            )
    assert len(model.requests) == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"accept": "judge"}, "asks a judge, and there is none"),
        ({"accept": "bleu>=1"}, "expected chrF>=0.6"),
        ({"rounds": 0}, "one round or more"),
        ({"learning_rate": 0.0}, "a rate above 0"),
        ({"seconds": 0.0}, "more than 0"),
        ({"student_model": "./absent"}, "does not exist"),
        ({"judge": FunctionTeacher(lambda text: text, "labels")}, "does not ask it"),
        ({"teacher": "http://localhost/v1"}, "'http://localhost/v1' is no teacher: expected one"),
        ({"accept": None}, "rule 'None' of type NoneType: expected chrF>=0.6"),
        ({"accept": ["chrF>=0.6"]}, "of type list: expected chrF>=0.6"),
        ({"rounds": 2.0}, "2.0 rounds at .* one round or more, a whole number"),
        ({"rounds": None}, "None rounds at .* one round or more, a whole number"),
        ({"learning_rate": "fast"}, "a rate above 0"),
        ({"seconds": "60"}, "more than 0"),
        ({"student_model": None}, "student_model is 'None' of type NoneType: expected a folder"),
        ({"encoder": None}, "encoder is 'None' of type NoneType: expected a folder"),
    ],
)
def test_what_cannot_be_used_is_refused_before_a_model_is_loaded(
    given: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        distill_generation(TASK, PAIRS[:10], **{"student_model": "./absent", **given})


def test_a_teacher_that_only_labels_cannot_be_asked(tiny: Path) -> None:
    labels = FunctionTeacher(lambda text: text, "labels")
    with pytest.raises(UsageError, match="cannot be asked for texts"):
        distill_generation(TASK, ["a text"], labels, student_model=tiny)


def test_inputs_without_answers_are_refused(tiny: Path) -> None:
    with pytest.raises(InputError, match="no input of task 'notes' has an answer"):
        distill_generation(TASK, ["a text", Example("b", answer="  ")], student_model=tiny)


def test_answers_that_come_to_no_end_are_never_accepted() -> None:
    endless = [
        Draft("a b", ended=False, mean=-0.1, least=-0.2, tokens=9, novelty=0.0, characters=20)
    ] * 60
    found = learn_score(endless, np.zeros(60, np.bool_), 100, Promise(0.9, 0.95), 0)
    assert found.confidence.tolist() == [0.0] * 60
    assert Acceptance("same").accept([Pair("x", "a b", "a b")]).all()


def test_what_comes_to_no_end_is_neither_accepted_nor_an_answer(student: CertifiedWriter) -> None:
    whole = student.model
    assert whole.limits.written == 5  # a quarter more than three words and an end
    cut = Writer(
        whole.backend, whole.tokenizer, whole.instruction, whole.limits._replace(written=2), KNOWN
    )
    how = Certifying(Acceptance("rougeL>=0.5").accept, 0.05, 0, Silent())
    part = Part(["amber of the by in"], ["note amber amber"])
    for writer, accepted in ((whole, True), (cut, False)):
        said = certifying._answer(writer, part, "test", how)  # noqa: SLF001 - what is accepted
        assert said.accepted.tolist() == [accepted]
    assert said.pairs[0].written == "note amber"
    [generation] = replace(student, model=cut).predict(part.texts)
    assert generation == Generation(None, 0.0, answered=False)


def test_many_features_are_used_only_where_they_tell_more() -> None:
    dice = np.random.default_rng(0)
    novel = dice.random(600)
    means = -dice.random(600)
    drafts = [
        Draft("a", ended=True, mean=m, least=2 * m, tokens=3, novelty=n, characters=20)
        for m, n in zip(means.tolist(), novel.tolist(), strict=True)
    ]
    told = learn_score(drafts, novel < 0.6, 400, Promise(0.9, 0.95), 0)
    assert told.reason.startswith("the learned score")
    assert told.score.coefficients[3] < -1
    blind = learn_score(drafts, dice.random(600) < 0.9, 400, Promise(0.9, 0.95), 0)
    assert blind.score.coefficients[1:] == (0, 0, 0, 0)


def test_half_a_surrogate_pair_in_an_answer_is_a_mark() -> None:
    pool = build_written_pool([Example("a"), Example("b")], ["x \ud800", "\ud800" * 2_000], len)
    assert (pool.answers, pool.too_long) == (["x ?"], 1)
