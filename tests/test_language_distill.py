"""From texts and a teacher to a folder: `distill_language_model` and ``locum train-lm``."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import torch
from accelerate import PartialState
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast
from typer.testing import CliRunner

from locum.cli import app
from locum.errors import InputError, UsageError
from locum.language import (
    DrawnTokens,
    LanguageLoss,
    LanguageSettings,
    Origin,
    TopTokens,
    TrainingStep,
    distill_language_model,
)
from locum.language.asking import Asking, open_teacher
from locum.language.export import save_gguf
from locum.language.server_teacher import ServerTeacher
from locum.language.texts import read_texts
from locum.teachers.pretrained import Pretrained
from tests.test_language_vocabularies import TOKENIZERS
from tests.test_server_teacher import MODEL, TOKENIZER, serving, vllm
from tests.tiny_model import (
    byte_level_tokenizer,
    gapped_tokenizer,
    metaspace_tokenizer,
    new_model,
    save_model,
)

if TYPE_CHECKING:
    from pathlib import Path

    from locum.language import LanguageDistillation

THINGS = ("my card", "a note", "it", "the shop", "refund", "cash", "card payment", "the text")
SETTINGS = LanguageSettings(
    sequences_per_step=2, sequences_per_pass=2, precision="float32", save_every=2
)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A teacher of two layers, and texts."""
    folder = tmp_path_factory.mktemp("language")
    save_model(MODEL, TOKENIZER, folder / "teacher")
    lines = [
        {"text": f"{one} arrives, {other} leaves {third}"}
        for one in THINGS
        for other in THINGS[:3]
        for third in THINGS[4:6]
    ]
    (folder / "texts.jsonl").write_bytes(b"\n".join(map(orjson.dumps, lines)))
    return folder / "teacher", folder / "texts.jsonl"


def distilled(
    places: tuple[Path, Path],
    out: Path,
    **options: Any,  # noqa: ANN401 - as they are passed on
) -> LanguageDistillation:
    teacher, texts = places
    chosen: dict[str, Any] = {
        "settings": SETTINGS,
        "length": 32,
        "held_out": 0.2,
        "device": "cpu",
    } | options
    return distill_language_model([texts], out, **({"teacher": teacher} | chosen))


def test_the_folder_is_a_model_that_transformers_loads(
    tmp_path: Path, places: tuple[Path, Path]
) -> None:
    told: list[TrainingStep] = []
    out = tmp_path / "student"
    result = distilled(
        places,
        out,
        origin=Origin(layers=1),
        tell=lambda step, _: told.append(step),
        settings=LanguageSettings(
            epochs=6, sequences_per_step=2, precision="float32", learning_rate=3e-3
        ),
    )
    model = AutoModelForCausalLM.from_pretrained(out)
    assert model.config.num_hidden_layers == 1
    assert result.parameters == sum(value.numel() for value in model.parameters())
    assert AutoTokenizer.from_pretrained(out).get_vocab() == TOKENIZER.get_vocab()
    assert result.steps == told
    assert result.after is not None
    assert result.before is not None
    assert result.teacher_held_out is not None
    first, last = told[1].loss, told[-1].loss
    assert first is not None
    assert last is not None
    assert last < 0.9 * first
    facts = orjson.loads((out / "training.json").read_bytes())
    assert facts["after"] == result.after
    assert facts["settings"]["epochs"] == 6
    assert f"| after training | {result.after:.4f} |" in (out / "README.md").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["student"]


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("online", {}),
        ("online", {"settings": LanguageSettings(on_policy_share=1.0, sequences_per_step=4)}),
        ("offline", {"kept": DrawnTokens(20)}),
        (
            "offline",
            {
                "kept": TopTokens(20, 2.0),
                "settings": LanguageSettings(loss=LanguageLoss("reverse_kl", 2.0)),
            },
        ),
        ("hard", {}),
        ("hard", {"teacher": None, "model": True}),
    ],
)
def test_every_way_of_learning_ends_in_a_folder(
    tmp_path: Path, places: tuple[Path, Path], mode: str, options: dict[str, Any]
) -> None:
    given = dict(options)
    model = str(places[0]) if given.pop("model", False) else None
    result = distilled(places, tmp_path / "student", mode=mode, origin=Origin(model, 1), **given)
    assert result.after is not None
    assert (tmp_path / "student" / "model.safetensors").is_file()


def test_a_narrower_student_and_the_layers_that_matter(
    tmp_path: Path, places: tuple[Path, Path]
) -> None:
    origin = Origin(layers=1, keep="influence", hidden=32, intermediate=64, heads=2)
    distilled(places, tmp_path / "student", origin=origin, mode="online")
    config = AutoModelForCausalLM.from_pretrained(tmp_path / "student").config
    assert (config.num_hidden_layers, config.hidden_size) == (1, 32)
    assert (config.intermediate_size, config.num_attention_heads) == (64, 2)


def test_a_cache_is_filled_once(tmp_path: Path, places: tuple[Path, Path]) -> None:
    cache = tmp_path / "cache"
    first = distilled(places, tmp_path / "one", cache=cache)
    second = distilled(places, tmp_path / "two", cache=cache)
    assert first.asked > 0
    assert second.asked == 0
    assert first.cache_bytes == second.cache_bytes > 0
    left, right = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("steps", [1, 3])
def test_a_teacher_is_asked_about_what_is_read_alone(
    tmp_path: Path, places: tuple[Path, Path], steps: int
) -> None:
    few = replace(SETTINGS, most_steps=steps)
    part, whole = tmp_path / "part", tmp_path / "whole"
    alone = distilled(places, tmp_path / "alone", cache=part, settings=few)
    everything = distilled(places, tmp_path / "first", cache=whole)
    after = distilled(places, tmp_path / "after", cache=whole, settings=few)
    assert alone.asked == steps * SETTINGS.sequences_per_step < everything.asked
    assert after.asked == 0
    assert alone.cache_bytes < everything.cache_bytes
    assert alone.after == pytest.approx(after.after, rel=1e-4)


def test_a_server_teaches_as_the_model_itself(tmp_path: Path, places: tuple[Path, Path]) -> None:
    teacher, texts = places
    with serving(vllm) as url:
        served = distill_language_model(
            [texts],
            tmp_path / "served",
            teacher=url,
            served_as="tiny",
            origin=Origin(str(teacher), 1),
            kept=TopTokens(20),
            settings=SETTINGS,
            length=32,
            held_out=0.2,
            device="cpu",
        )
    local = distilled(places, tmp_path / "local", origin=Origin(layers=1), kept=TopTokens(20))
    assert served.after == pytest.approx(local.after, rel=1e-3)
    assert served.teacher == "tiny"
    assert served.teacher_held_out is None


def test_a_killed_run_goes_on(tmp_path: Path, places: tuple[Path, Path]) -> None:
    teacher, texts = places
    command = [sys.executable, "-m", "locum", "train-lm", str(texts), "--teacher", str(teacher)]
    command += ["--layers", "1", "--length", "32", "--step-sequences", "2", "--save-every", "2"]
    command += ["--epochs", "4", "--json", "--device", "cpu", "--held-out", "0.2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}

    def run(out: Path) -> dict[str, Any]:
        done = CliRunner().invoke(app, [*command[3:], "--out", str(out)])
        assert done.exit_code == 0, done.output
        found: dict[str, Any] = orjson.loads(done.stdout)
        return found

    whole = run(tmp_path / "whole")
    out = tmp_path / "stopped"
    started = subprocess.Popen(
        [*command, "--out", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    checkpoints = tmp_path / "stopped.unfinished" / "checkpoints"
    until = time.monotonic() + 120
    while not any(checkpoints.glob("step-*")) and time.monotonic() < until:
        time.sleep(0.005)
    started.send_signal(signal.SIGKILL)
    started.wait()
    assert not out.exists()
    resumed = run(out)
    assert resumed["resumed_at"] >= 2
    assert resumed["asked"] == 0
    assert resumed["after"] == whole["after"]
    left, right = (
        load_file(tmp_path / name / "model.safetensors") for name in ("whole", "stopped")
    )
    assert all(torch.equal(left[name], right[name]) for name in left)
    assert not (tmp_path / "stopped.unfinished").exists()


def test_every_option_is_passed_on(tmp_path: Path, places: tuple[Path, Path]) -> None:
    teacher, texts = places
    held_out = tmp_path / "held_out.txt"
    held_out.write_text("my card arrives, and the shop leaves")
    command = ["train-lm", str(texts), "--teacher", str(teacher), "--student", str(teacher)]
    command += ["--layers", "1", "--keep", "influence", "--hidden", "32", "--heads", "2"]
    command += ["--intermediate", "48", "--lora", "3", "--mode", "offline", "--top", "9"]
    command += ["--cache", str(tmp_path / "cache"), "--loss", "skew_kl", "--temperature", "2"]
    command += ["--soft-share", "0.7", "--length", "24", "--epochs", "3", "--steps", "4"]
    command += ["--step-sequences", "3", "--pass-sequences", "2", "--learning-rate", "0.002"]
    command += ["--precision", "float32", "--held-out-texts", str(held_out), "--measure-every", "2"]
    command += ["--save-every", "7", "--device", "cpu", "--seed", "5", "--quiet", "--json"]
    done = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "student")])
    assert done.exit_code == 0, done.output
    assert not done.stderr
    found = orjson.loads((tmp_path / "student" / "training.json").read_bytes())
    loss = {"name": "skew_kl", "temperature": 2.0, "soft_share": 0.7, "mixture": None}
    expected = LanguageSettings(
        epochs=3,
        most_steps=4,
        sequences_per_step=3,
        sequences_per_pass=2,
        learning_rate=0.002,
        precision="float32",
        measure_every=2,
        save_every=7,
        seed=5,
    )
    assert found["settings"] == expected.as_object() | {"loss": loss}
    assert [step["number"] for step in found["steps"] if step["held_out"]] == [0, 2, 4]
    assert found["documents"] == len(texts.read_text().splitlines()) + 1
    config = AutoModelForCausalLM.from_pretrained(tmp_path / "student").config
    assert (config.num_hidden_layers, config.hidden_size) == (1, 32)
    assert (config.intermediate_size, config.num_attention_heads) == (48, 2)
    facts = facts_of_cache(tmp_path / "cache")
    assert (facts["count"], facts["temperature"], facts["kept"]) == ("9", "2.0", "TopTokens")


def facts_of_cache(folder: Path) -> dict[str, str]:
    [cache] = folder.glob("*.sqlite")
    with closing(sqlite3.connect(cache)) as database:
        return dict(database.execute("SELECT name, value FROM facts"))


def test_the_seed_is_of_the_tokens_that_are_drawn_too(
    tmp_path: Path, places: tuple[Path, Path]
) -> None:
    command = ["train-lm", str(places[1]), "--teacher", str(places[0]), "--layers", "1"]
    command += ["--length", "32", "--steps", "1", "--step-sequences", "2", "--device", "cpu"]
    command += ["--held-out", "0.2", "--draws", "5", "--seed", "7", "--cache", str(tmp_path / "c")]
    done = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "student")])
    assert done.exit_code == 0, done.output
    facts = facts_of_cache(tmp_path / "c")
    assert (facts["kept"], facts["draws"], facts["seed"]) == ("DrawnTokens", "5", "7")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--top", "9", "--draws", "9"], "leave one out"),
        (["--mode", "online", "--draws", "9"], "mode online keeps nothing"),
        (["--on-policy", "0.5"], "expected mode online"),
        (["--model", "a"], "the model's name there"),
    ],
)
def test_options_that_would_change_nothing_are_refused(
    tmp_path: Path, places: tuple[Path, Path], more: list[str], message: str
) -> None:
    command = ["train-lm", str(places[1]), "--teacher", str(places[0]), "--device", "cpu", *more]
    done = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "student")])
    assert isinstance(done.exception, UsageError)
    assert message in str(done.exception)


def test_of_processes_one_speaks(tmp_path: Path, places: tuple[Path, Path]) -> None:
    teacher, texts = places
    command = ["train-lm", str(texts), "--teacher", str(teacher), "--mode", "hard", "--json"]
    command += ["--length", "32", "--device", "cpu", "--held-out", "0.2", "--steps", "1"]
    for rank in ("0", "1"):
        done = CliRunner().invoke(
            app, [*command, "--out", str(tmp_path / rank)], env={"RANK": rank}
        )
        assert done.exit_code == 0, done.output
        assert bool(done.stdout) == bool(done.stderr) == (rank == "0")


def test_what_cannot_be_is_refused_before_anything_is_made(
    tmp_path: Path, places: tuple[Path, Path]
) -> None:
    out = tmp_path / "student"
    cases: list[tuple[dict[str, Any], str]] = [
        ({"mode": "other"}, "expected hard, offline, online"),
        ({"teacher": None}, "mode offline needs a teacher"),
        ({"teacher": None, "mode": "hard"}, "expected one of them"),
        ({"settings": LanguageSettings(on_policy_share=0.5)}, "expected mode online"),
        ({"teacher": "http://127.0.0.1:9/v1"}, "the model's name there"),
        ({"teacher": "http://127.0.0.1:9/v1", "served_as": "a"}, "give a model"),
        ({"held_out": 2.0}, "expected a share between zero and one"),
        ({"held_out": 0.001, "teacher": places[0] / "none"}, "does not exist"),
        ({"held_out": 1}, "expected a share between zero and one"),
        ({"device": "banana"}, "device is 'banana', expected cpu"),
        ({"device": "meta"}, "device is 'meta', expected cpu"),
        ({"origin": Origin(layers=9)}, "layers"),
        ({"origin": Origin(layers=9, keep="influence")}, "keep=9: expected 1 to 2"),
        ({"mode": "online", "kept": DrawnTokens(20)}, "mode online keeps nothing"),
        ({"mode": "online", "kept": TopTokens(20)}, "mode online keeps nothing"),
        ({"mode": "hard", "cache": tmp_path / "cache"}, "mode hard keeps nothing"),
        (
            {"mode": "hard", "settings": LanguageSettings(LanguageLoss(soft_share=0.5))},
            "mode hard learns the tokens of the texts alone",
        ),
        ({"kept": TopTokens(20, 2.0)}, "the loss is at temperature 1.0"),
        (
            {"kept": DrawnTokens(20), "settings": LanguageSettings(LanguageLoss("reverse_kl"))},
            "draws serve forward_kl alone",
        ),
    ]
    for options, message in cases:
        with pytest.raises(UsageError, match=message):
            distilled(places, out, **options)
    with pytest.raises(UsageError, match="expected how many are kept"):
        Origin(keep="influence")
    with pytest.raises(InputError, match="does not exist"):
        distill_language_model([tmp_path / "none.txt"], out, teacher=places[0])
    out.mkdir()
    with pytest.raises(UsageError, match="exists"):
        distilled(places, out)
    assert [path.name for path in tmp_path.iterdir()] == ["student"]
    with pytest.raises(UsageError, match="count is 10,000, expected at most"):
        distilled(places, tmp_path / "other", kept=TopTokens(10_000))


@pytest.mark.parametrize("mode", ["hard", "online", "offline"])
def test_a_place_where_nothing_can_be_made_is_refused_at_once(
    tmp_path: Path, places: tuple[Path, Path], mode: str
) -> None:
    (tmp_path / "file").write_text("no folder", "utf-8")
    heard: list[str] = []
    with pytest.raises(UsageError, match="student cannot be made: Not a directory"):
        distilled(places, tmp_path / "file" / "student", mode=mode, say=heard.append)
    assert heard == []


def test_a_student_is_made_by_one_run_at_once(tmp_path: Path, places: tuple[Path, Path]) -> None:
    out = tmp_path / "student"
    refused: list[str] = []

    def start_another(step: TrainingStep, _: int) -> None:
        if step.number == 2:
            with pytest.raises(InputError, match="another run works in") as error:
                distilled(places, out, mode="hard", origin=Origin(layers=1))
            refused.append(str(error.value))

    distilled(places, out, mode="hard", origin=Origin(layers=1), tell=start_another)
    assert len(refused) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["student"]


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher of other tokens."""
    tokens = metaspace_tokenizer()
    folder = tmp_path_factory.mktemp("stranger")
    return save_model(new_model("llama", len(tokens), spread=0.1), tokens, folder)


@pytest.mark.parametrize("mode", ["online", "offline", "hard"])
def test_a_teacher_of_other_tokens_speaks_where_both_have_a_tokens_end(
    tmp_path: Path, places: tuple[Path, Path], stranger: Path, mode: str
) -> None:
    said: list[str] = []
    result = distilled(
        places,
        tmp_path / "student",
        teacher=stranger,
        origin=Origin(str(places[0]), 1),
        mode=mode,
        say=said.append,
    )
    spoken = [line for line in said if "speaks of" in line]
    assert len(spoken) == (mode != "hard")
    assert result.teacher_held_out is None
    first, last = result.steps[1].loss, result.steps[-1].loss
    assert first is not None
    assert last is not None
    assert last < first


def test_a_teacher_that_speaks_of_next_to_nothing_is_refused(
    tmp_path: Path, places: tuple[Path, Path]
) -> None:
    tokens = TOKENIZERS["teacher"]  # without those of conversations
    stranger = save_model(new_model("llama", len(tokens)), tokens, tmp_path / "stranger")
    turns = [{"role": "user", "content": "x"}, {"role": "assistant", "content": THINGS[0] * 9}]
    lines = [{"messages": turns}, {"text": "x"}]
    (tmp_path / "chats.jsonl").write_bytes(b"\n".join(map(orjson.dumps, lines)))
    with pytest.raises(UsageError, match=r"speaks of \d of \d\d+ targets: expected a tenth"):
        distilled(
            (stranger, tmp_path / "chats.jsonl"),
            tmp_path / "student",
            origin=Origin(str(places[0]), 1),
            held_out=[places[1]],
            length=128,
        )


def test_as_many_tokens_of_such_a_teacher_are_kept_as_are_asked_for(
    tmp_path: Path, places: tuple[Path, Path], stranger: Path
) -> None:
    origin, kept = Origin(str(places[0]), 1), TopTokens(120)
    result = distilled(places, tmp_path / "a", teacher=stranger, origin=origin, kept=kept)
    assert result.asked > 0


@pytest.fixture(scope="module")
def wider(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the same tokens and two more."""
    tokens = byte_level_tokenizer()
    tokens.add_special_tokens({"additional_special_tokens": ["<|more|>", "<|yet more|>"]})
    folder = tmp_path_factory.mktemp("wider")
    return save_model(new_model("llama", len(tokens), spread=0.1), tokens, folder)


@pytest.mark.parametrize("mode", ["online", "offline", "hard"])
@pytest.mark.parametrize("of", ["teacher", "student"])
def test_one_may_have_tokens_that_the_other_has_not(
    tmp_path: Path, places: tuple[Path, Path], wider: Path, of: str, mode: str
) -> None:
    teacher, student = (wider, places[0]) if of == "teacher" else (places[0], wider)
    result = distilled(
        places,
        tmp_path / "student",
        teacher=teacher,
        origin=Origin(str(student), 1),
        mode=mode,
    )
    assert result.teacher_held_out is not None
    first, last = result.steps[1].loss, result.steps[-1].loss
    assert first is not None
    assert last is not None
    assert last < first
    rows = load_file(tmp_path / "student" / "model.safetensors")["model.embed_tokens.weight"]
    assert len(rows) == len(TOKENIZER) + 2 * (of == "student")


def test_a_teacher_with_another_name_for_padding_is_one_of_the_same_tokens(
    tmp_path: Path, places: tuple[Path, Path]
) -> None:
    folders = []
    for name in ("<|pad|>", "<pad>"):
        tokens = byte_level_tokenizer()
        tokens.add_special_tokens({"pad_token": name})
        model = new_model("llama", len(tokens), spread=0.1)
        folders.append(save_model(model, tokens, tmp_path / name[1:-1]))
    said: list[str] = []
    result = distilled(
        places,
        tmp_path / "student",
        teacher=folders[0],
        origin=Origin(str(folders[1]), 1),
        mode="online",
        settings=replace(SETTINGS, on_policy_share=0.5),
        say=said.append,
    )
    assert result.teacher_held_out is not None
    assert "the teacher calls the special token <pad> <|pad|>: both have one role for it" in said


def test_texts_with_tokens_that_a_teacher_has_not_are_learned_without_it_alone(
    tmp_path: Path, places: tuple[Path, Path], wider: Path
) -> None:
    tokens: Any = AutoTokenizer.from_pretrained(wider)
    tokens.eos_token = "<|more|>"  # noqa: S105 - no secret
    model = AutoModelForCausalLM.from_pretrained(wider)
    student = save_model(model, tokens, tmp_path / "model")
    options: dict[str, Any] = {"origin": Origin(str(student), 1)}
    with pytest.raises(UsageError, match=r"hold the token '<\|more\|>' of the student, number 380"):
        distilled(places, tmp_path / "student", **options)
    assert distilled(places, tmp_path / "hard", mode="hard", **options).teacher_held_out is None


def test_what_a_teacher_of_other_tokens_cannot_is_refused(
    tmp_path: Path, places: tuple[Path, Path], stranger: Path
) -> None:
    origin = Origin(str(places[0]), 1)
    for settings in (
        LanguageSettings(on_policy_share=0.5),
        LanguageSettings(loss=LanguageLoss(temperature=2.0)),
    ):
        with pytest.raises(UsageError, match="other tokens than the student"):
            distilled(
                places,
                tmp_path / "student",
                teacher=stranger,
                origin=origin,
                mode="online",
                settings=settings,
            )


@pytest.mark.parametrize("mode", ["online", "offline", "hard"])
def test_a_student_with_rows_without_tokens_writes_tokens_alone(
    tmp_path: Path, places: tuple[Path, Path], mode: str
) -> None:
    start = new_model("llama", len(TOKENIZER) + 100)
    start.config.pad_token_id = len(TOKENIZER) + 99
    save_model(start, TOKENIZER, tmp_path / "start")
    out = tmp_path / "student"
    distilled(places, out, origin=Origin(str(tmp_path / "start")), mode=mode)
    student: Any = AutoModelForCausalLM.from_pretrained(out)
    torch.manual_seed(0)
    beginnings = torch.tensor([TOKENIZER("my card").input_ids] * 64)
    written = student.generate(
        beginnings, do_sample=True, top_k=0, max_new_tokens=16, eos_token_id=None, pad_token_id=0
    )
    assert len(written[0]) == len(beginnings[0]) + 16
    assert int(written.max()) < len(TOKENIZER)


def test_adapters_end_in_a_plain_model(tmp_path: Path, places: tuple[Path, Path]) -> None:
    result = distilled(
        places, tmp_path / "student", origin=Origin(layers=1, adapters=4), mode="online"
    )
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "student")
    assert result.parameters == sum(value.numel() for value in model.parameters())
    assert not any("lora" in name for name, _ in model.named_parameters())
    kept = load_file(places[0] / "model.safetensors")
    learned = load_file(tmp_path / "student" / "model.safetensors")
    assert torch.equal(kept["model.embed_tokens.weight"], learned["model.embed_tokens.weight"])
    name = "model.layers.0.self_attn.q_proj.weight"
    assert not torch.equal(kept[name], learned[name])


def test_a_stopped_run_of_other_settings_is_refused_before_the_teacher_is_asked(
    tmp_path: Path, places: tuple[Path, Path]
) -> None:
    def stop(step: TrainingStep, _: int) -> None:
        if step.number == 3:
            raise KeyboardInterrupt

    said: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        distilled(places, tmp_path / "student", kept=TopTokens(10), tell=stop)
    with pytest.raises(UsageError, match=r"kept .*count=10.* there and .*count=20.* here"):
        distilled(places, tmp_path / "student", kept=TopTokens(20), say=said.append)
    assert not any("asked the teacher" in words for words in said)


def test_a_stopped_run_of_adapters_goes_on(tmp_path: Path, places: tuple[Path, Path]) -> None:
    def stop(step: TrainingStep, _: int) -> None:
        if step.number == 3:
            raise KeyboardInterrupt

    options: dict[str, Any] = {"origin": Origin(layers=1, adapters=2), "mode": "online"}
    with pytest.raises(KeyboardInterrupt):
        distilled(places, tmp_path / "stopped", tell=stop, **options)
    torch.manual_seed(7)
    assert distilled(places, tmp_path / "stopped", **options).resumed_at == 2
    distilled(places, tmp_path / "whole", **options)
    left, right = (
        load_file(tmp_path / name / "model.safetensors") for name in ("whole", "stopped")
    )
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_a_teacher_computes_in_the_type_that_was_chosen_and_without_dropout(tmp_path: Path) -> None:
    model = new_model("gpt2", len(TOKENIZER))
    save_model(model, TOKENIZER, tmp_path / "teacher")
    places, said_so = [tmp_path / "text.txt", tmp_path / "other.txt"], list[str]()
    for place in places:
        place.write_text(f"my card arrives, the shop leaves {place.stem}")
    read = read_texts(places[:1], TOKENIZER, length=32, held_out=places[1:], seed=0)
    how = Asking(
        "online",
        TopTokens(),
        tmp_path,
        read,
        len(TOKENIZER),
        SETTINGS,
        "cpu",
        PartialState(cpu=True),
        said_so.append,
    )
    teacher = open_teacher(tmp_path / "teacher", None, TOKENIZER, how).teacher
    assert teacher is not None
    said = teacher.ask(read.train)(slice(None))
    length = read.train.rows
    with torch.no_grad():
        expected = model(input_ids=read.train.ids_SL[:, : length + 1]).logits[0, :length]
    assert isinstance(said, torch.Tensor)
    torch.testing.assert_close(said, expected, rtol=1e-4, atol=1e-4)


def test_a_gguf_file_teaches_a_student_that_is_made_of_it(
    tmp_path: Path, places: tuple[Path, Path]
) -> None:
    """Its tokenizer, as transformers reads it, has a token more than the model."""
    size = MODEL.config.get_text_config().vocab_size
    save_gguf(MODEL, TOKENIZER, tmp_path / "teacher.gguf", "q8_0")
    result = distilled(
        places, tmp_path / "student", teacher=tmp_path / "teacher.gguf", origin=Origin(layers=1)
    )
    assert result.after is not None
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "student")
    assert (model.config.num_hidden_layers, model.config.vocab_size) == (1, size)
    for whole in (False, True):
        read = Pretrained(tmp_path / "teacher.gguf").load("float32", "cpu", whole=whole)
        assert hasattr(read, "hf_quantizer") is not whole


@pytest.mark.parametrize("mode", ["hard", "offline"])
def test_a_tokenizers_ids_may_have_gaps(
    tmp_path: Path, places: tuple[Path, Path], mode: str
) -> None:
    tokens = gapped_tokenizer()
    assert tokens.eos_token_id == len(tokens) + 9
    assert ServerTeacher("http://127.0.0.1:9/v1", "m", tokens).vocabulary == len(tokens) + 10
    teacher = save_model(new_model("llama", 400, spread=0.1), tokens, tmp_path / "teacher")
    result = distilled(
        places, tmp_path / "student", teacher=teacher, origin=Origin(layers=1), mode=mode
    )
    first, last = result.steps[1].loss, result.steps[-1].loss
    assert first is not None
    assert last is not None
    assert last < first


@pytest.mark.parametrize(
    ("origin", "tokenizer", "who"),
    [
        (None, TOKENIZER, "student"),
        ("long", TOKENIZER, "teacher"),
        ("long", metaspace_tokenizer(), "teacher"),
    ],
)
def test_a_text_longer_than_a_model_reads_is_refused(
    tmp_path: Path, origin: str | None, tokenizer: PreTrainedTokenizerFast, who: str
) -> None:
    save_model(new_model("gpt2", len(tokenizer)), tokenizer, tmp_path / "model")
    (tmp_path / "text.txt").write_text("my card arrives " * 300)
    (tmp_path / "other.txt").write_text("the shop leaves")
    if origin:
        save_model(new_model("llama", len(TOKENIZER)), TOKENIZER, tmp_path / origin)
        config = tmp_path / origin / "config.json"
        longer = {"max_position_embeddings": 2048}
        config.write_bytes(orjson.dumps(orjson.loads(config.read_bytes()) | longer))
    with pytest.raises(UsageError, match=f"the {who} reads 512: give a smaller length"):
        distill_language_model(
            [tmp_path / "text.txt"],
            tmp_path / "student",
            teacher=tmp_path / "model",
            origin=Origin(str(tmp_path / origin)) if origin else None,
            held_out=[tmp_path / "other.txt"],
            length=1024,
            device="cpu",
        )


def test_what_is_held_out_by_name_is_not_learned(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.txt").write_text(f"my card is {name * 9}")
    read = read_texts([tmp_path], TOKENIZER, length=64, held_out=[tmp_path / "b.txt"], seed=0)
    assert (read.documents, read.left_out) == (3, 1)
    assert "bbb" not in str(TOKENIZER.decode(read.train.ids_SL.flatten()))
    assert "bbb" in str(TOKENIZER.decode(read.held_out.ids_SL.flatten()))
    with pytest.raises(InputError, match="all of the 3 documents are held out too"):
        read_texts([tmp_path], TOKENIZER, length=64, held_out=[tmp_path], seed=0)


def test_copies_are_held_out_together(tmp_path: Path) -> None:
    kinds = [chr(97 + n) * 4 + f" {chr(107 + n) * 9}" for n in range(12)]
    lines = [{"text": f"{kind} number {n}"} for n in range(20) for kind in kinds]
    path = tmp_path / "copies.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, lines)))
    read = read_texts([path], TOKENIZER, length=64, held_out=0.3, seed=0)
    train, held_out = (str(TOKENIZER.decode(part.ids_SL.flatten())) for part in read[:2])
    assert all((kind in train) != (kind in held_out) for kind in kinds)
    assert sum(kind in held_out for kind in kinds) == 4


@pytest.mark.parametrize("seed", range(8))
def test_copies_of_half_the_texts_are_not_held_out(tmp_path: Path, seed: int) -> None:
    kinds = [chr(97 + n) * 4 + f" {chr(107 + n) * 9}" for n in range(12)]
    lines = [*kinds, *(f"{THINGS[6]} number {n} arrives" for n in range(12))]
    path = tmp_path / "copies.jsonl"
    path.write_bytes(b"\n".join(orjson.dumps({"text": line}) for line in lines))
    read = read_texts([path], TOKENIZER, length=64, held_out=0.2, seed=seed)
    held_out = str(TOKENIZER.decode(read.held_out.ids_SL.flatten()))
    assert "number" not in held_out
    assert sum(kind in held_out for kind in kinds) == 5


def test_copies_alone_are_too_few_to_hold_some_out(tmp_path: Path) -> None:
    path = tmp_path / "copies.jsonl"
    lines = ({"text": f"{THINGS[n % 2]} leaves {THINGS[4]} number {n}"} for n in range(40))
    path.write_bytes(b"\n".join(map(orjson.dumps, lines)))
    with pytest.raises(InputError, match="40 documents are too few to hold 5% of them out"):
        read_texts([path], TOKENIZER, length=64, held_out=0.05, seed=0)
