"""From texts and a teacher to a folder: `distill_language_model` and ``locum train-lm``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

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
from locum.language.texts import read_texts
from tests.test_server_teacher import MODEL, TOKENIZER, serving, vllm
from tests.tiny_model import byte_level_tokenizer, new_model, save_model

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
        done = subprocess.run(
            [*command, "--out", str(out)], capture_output=True, check=False, env=environment
        )
        assert done.returncode == 0, done.stderr.decode()
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
    ]
    for options, message in cases:
        with pytest.raises(UsageError, match=message):
            distilled(places, out, **options)
    with pytest.raises(InputError, match="does not exist"):
        distill_language_model([tmp_path / "none.txt"], out, teacher=places[0])
    out.mkdir()
    with pytest.raises(UsageError, match="exists"):
        distilled(places, out)
    assert [path.name for path in tmp_path.iterdir()] == ["student"]


def test_a_teacher_of_other_tokens_is_refused(tmp_path: Path, places: tuple[Path, Path]) -> None:
    other = byte_level_tokenizer()
    other.add_tokens(["another"])
    save_model(new_model("llama", len(other)), other, tmp_path / "other")
    with pytest.raises(UsageError, match="other tokens than the student"):
        distilled(
            places, tmp_path / "student", teacher=tmp_path / "other", origin=Origin(str(places[0]))
        )


def test_copies_are_held_out_together(tmp_path: Path) -> None:
    kinds = [chr(97 + n) * 4 + f" {chr(107 + n) * 9}" for n in range(12)]
    lines = [{"text": f"{kind} number {n}"} for n in range(20) for kind in kinds]
    path = tmp_path / "copies.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, lines)))
    read = read_texts([path], TOKENIZER, length=64, held_out=0.3, seed=0)
    train, held_out = (str(TOKENIZER.decode(part.ids_SL.flatten())) for part in read[:2])
    assert all((kind in train) != (kind in held_out) for kind in kinds)
    assert sum(kind in held_out for kind in kinds) == 4
