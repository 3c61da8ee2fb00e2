"""The recipes, each run whole on very little."""

from __future__ import annotations

import csv
import gzip
import json
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from examples import distilbert, hinton_2015, phi, prune_and_distil
from locum.language import LanguageSettings, cross_entropy, pack, passage, train_language_model
from locum.losses import cosine_loss, forward_kl, token_cross_entropy
from tests import tiny_model
from tests.small_encoders import TEXTS, save_encoder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transformers import PreTrainedModel


MAIN = {
    "distilbert": distilbert.main,
    "hinton_2015": hinton_2015.main,
    "phi": phi.main,
    "prune_and_distil": prune_and_distil.main,
}


def write_images(folder: Path, part: str, number: int) -> None:
    """Ten classes, each a bright bar at a height of its own, in noise; in the IDX format."""
    draw = np.random.default_rng(number)
    classes = np.arange(number, dtype=np.uint8) % 10
    pixels = draw.integers(0, 100, (number, 28, 28), np.uint8)
    for image, label in zip(pixels, classes.tolist(), strict=True):
        image[2 * label + 4 : 2 * label + 6] += 150
    images = (folder / f"{part}-images-idx3-ubyte.gz", bytes(16), pixels)
    labels = (folder / f"{part}-labels-idx1-ubyte.gz", bytes(8), classes)
    for path, header, values in (images, labels):
        path.write_bytes(gzip.compress(header + values.tobytes(), 1))


def run(
    main: str,
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> list[str]:
    """Run an example by its command line; return the lines that it prints."""
    monkeypatch.setattr(sys, "argv", [main, *arguments])
    MAIN[main]()
    return capsys.readouterr().out.splitlines()


def test_hinton_prints_errors_of_all_and_of_what_was_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_images(tmp_path, "train", 1200)
    write_images(tmp_path, "t10k", 200)
    given = ["--data", str(tmp_path), "--seeds", "2", "--few", "600"]
    given += ["--teacher-epochs", "4", "--epochs", "2", "--few-epochs", "6"]
    heading, *rows = run("hinton_2015", given, monkeypatch, capsys)
    assert "errors, %" in heading
    assert "sneaker" in heading
    assert [row[:18].strip() for row in rows] == list(hinton_2015.ROWS)
    found = {row[:18].strip(): row[18:].split() for row in rows}
    assert all(len(cells) == 4 for cells in found.values())  # two means, each with its interval
    assert float(found["teacher"][0]) < 5
    assert float(found["soft"][0]) < 20
    # What no image showed is not said at first, and is after its bias was raised.
    assert float(found["left out"][2]) > float(found["corrected"][2])
    assert float(found["left out"][0]) > float(found["corrected"][0])


def test_a_raised_bias_is_the_best_of_those_tried() -> None:
    images = hinton_2015.Images(torch.zeros(4, 784), torch.tensor([7, 7, 1, 2]))
    logits = torch.zeros(4, 10)
    logits[0, 3] = logits[1, 4] = 2.05  # sneakers that are taken for something else
    logits[2, 1], logits[3, 2] = 2.55, 9.0
    by = hinton_2015.best_raise(logits, images, 7)
    assert 2.05 < by < 2.55
    assert hinton_2015.errors(hinton_2015.raised(logits, 7, by), images, 7) == (0, 0)
    assert hinton_2015.errors(logits, images, 7) == (0.5, 1)


def test_hinton_says_which_images_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match=r"train-images-idx3-ubyte\.gz is not there: give --data"):
        run("hinton_2015", ["--data", str(tmp_path)], monkeypatch, capsys)


def test_distilbert_prints_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = save_encoder(tmp_path / "encoder", "mpnet")
    with (tmp_path / "praise.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        praised = len(TEXTS) // 2
        rows.writerows((text, "no" if at >= praised else "yes") for at, text in enumerate(TEXTS))
    given = ["--encoder", str(encoder), "--csv", str(tmp_path / "praise.csv")]
    given += ["--rate", "3e-3", "--epochs", "40", "--timed", "4"]
    sizes, heading, *table = run("distilbert", given, monkeypatch, capsys)
    assert sizes.startswith("praise: 0.0M to 0.0M parameters, ")
    assert "times as fast" in sizes
    assert heading.split() == ["accuracy", "of", "the", "teacher's"]
    assert [row[:14].strip() for row in table] == ["teacher", *distilbert.STUDENTS]
    assert float(table[0].split()[-1]) > 0.9
    assert all("% (" in row for row in table[1:])


def test_the_three_losses_are_added_by_their_weights() -> None:
    draw = torch.Generator().manual_seed(0)
    student, teacher = (
        distilbert.Said(torch.randn(3, 4, generator=draw), torch.randn(3, 5, 8, generator=draw))
        for _ in range(2)
    )
    labels, mask = torch.tensor([0, 3, 1]), torch.ones(3, 5, dtype=torch.bool)
    found = distilbert.triple_loss(student, teacher, labels, mask, (5.0, 2.0, 1.0))
    wanted = (
        5 * forward_kl(student.logits, teacher.logits, temperature=2)
        + 2 * token_cross_entropy(student.logits, labels)
        + cosine_loss(student.hidden, teacher.hidden, mask)
    )
    torch.testing.assert_close(found, wanted)
    alone = distilbert.triple_loss(student, None, labels, mask, (0.0, 1.0, 0.0))
    torch.testing.assert_close(alone, token_cross_entropy(student.logits, labels))


def test_what_is_kept_is_a_share_with_its_interval() -> None:
    teacher = np.array([True] * 80 + [False] * 20)
    student = teacher & (np.arange(100) % 10 > 0)
    share, low, high = distilbert.kept(student, teacher)
    assert share == pytest.approx(0.9)
    assert low < share < high <= 1
    assert distilbert.kept(teacher, teacher) == (1, 1, 1)


@pytest.fixture
def language(tmp_path: Path) -> list[str]:
    """A language model of two layers, and the short texts that it knows, as arguments."""
    tokenizer = tiny_model.byte_level_tokenizer()
    model = tiny_model.new_model("llama", len(tokenizer), spread=0.1)
    texts = [" and ".join(tiny_model.TEXTS[at : at + 5]) for at in range(12)] * 3
    (tmp_path / "texts.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in texts))
    known = pack([passage(text, tokenizer) for text in texts], 64, 1)
    settings = LanguageSettings(epochs=6, sequences_per_step=4, learning_rate=1e-2)
    train_language_model(model, known, None, settings)
    folder = tiny_model.save_model(model, tokenizer, tmp_path / "teacher")
    return ["--teacher", str(folder), "--texts", str(tmp_path / "texts.jsonl")]


def test_pruning_prints_what_training_repairs(
    language: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [*language, "--length", "32", "--steps", "12", "--keep", "0.5", "--rate", "1e-2"]
    given += ["--corrections", "2"]
    said, corrected, _, teacher, *rows = run("prune_and_distil", given, monkeypatch, capsys)
    assert said.endswith(f"; {12 * 8 * 32:,} tokens to learn from")
    before, after = map(float, corrected.split(": ")[1].split(", "))
    assert after != before  # which knew the texts already
    assert teacher.split()[0] == "(teacher)"
    assert [row[:14].strip() for row in rows] == ["fewer layers", "narrower", "both"]
    whole = float(teacher.split()[-1])
    assert whole == after
    for row in rows:
        _, pruned, *repaired = row[14:].replace("%", "").split()
        assert float(pruned) > whole + 0.3
        for loss, share in (repaired[:2], repaired[2:]):
            assert float(loss) < float(pruned) - 0.1
            damage = float(pruned) - whole
            assert float(share) == pytest.approx(
                100 * (float(pruned) - float(loss)) / damage, abs=2
            )


def test_pruning_asks_for_texts_that_students_can_read(
    language: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match=r"expected over 320: give more --texts"):
        run("prune_and_distil", language, monkeypatch, capsys)


def test_channels_are_pruned_to_what_heads_can_share() -> None:
    tokenizer = tiny_model.byte_level_tokenizer()
    config = tiny_model.CONFIGS["llama"](len(tokenizer))
    sizes = {"hidden_size": 144, "num_attention_heads": 9, "num_key_value_heads": 3, "head_dim": 16}
    config.update(sizes)
    make: Callable[..., PreTrainedModel] = AutoModelForCausalLM.from_config
    documents = [passage(text, tokenizer) for text in tiny_model.TEXTS]
    texts = prune_and_distil.divide(documents, tokenizer, 16, 2, 0)
    students = dict(prune_and_distil.pruned(make(config), texts, 0.5))
    assert students["narrower"].config.hidden_size == 72
    assert students["both"].config.num_hidden_layers == 1
    assert all(cross_entropy(one, texts.held_out) > 0 for one in students.values())


def test_phi_prints_losses_on_what_each_wrote(
    language: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [*language, "--train", "48", "--held-out", "12", "--beginning", "4", "--layers", "1"]
    given += ["--continuation", "8", "--epochs", "6", "--rate", "5e-3"]
    said, _, *rows = run("phi", given, monkeypatch, capsys)
    assert f"{48 * 8:,} tokens of people" in said
    found = {row[:14].strip(): tuple(map(float, row[14:].split())) for row in rows}
    assert list(found) == ["(teacher)", "before", "people", "teacher", "both ways"]
    assert found["people"][0] < found["before"][0] - 0.3
    students = ("before", "people", "teacher", "both ways")
    assert min(students, key=lambda name: found[name][0]) == "people"
    assert min(students, key=lambda name: found[name][1]) == "both ways"


def test_every_tenth_text_is_held_out() -> None:
    tokenizer = tiny_model.byte_level_tokenizer()
    documents = [passage(text, tokenizer) for text in tiny_model.TEXTS[:12]]
    longest = max(len(document.tokens) for document in documents)
    texts = prune_and_distil.divide(documents, tokenizer, longest, 1, 0)
    apart = {tuple(documents[at].tokens) for at in (0, 10)}
    assert texts.train.rows == sum(
        len(document.tokens) - 1 for document in documents if tuple(document.tokens) not in apart
    )
    assert tuple(texts.held_out.targets().tolist()) in {tokens[1:] for tokens in apart}
