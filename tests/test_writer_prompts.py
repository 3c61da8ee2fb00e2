"""What a writer reads, and how much of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.errors import ArtefactError, UsageError
from locum.writers import Limits, Prompts, Writer, load_pretrained
from locum.writers.novelty import know_pairs, novelty_of
from tests.small_writers import save_tiny_writer
from tests.tiny_model import DATED, byte_level_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

TOKENS = st.lists(st.integers(0, 50_000), max_size=40)


@pytest.fixture(scope="module")
def tokenizer() -> Any:  # noqa: ANN401 - of transformers
    """One with a chat template."""
    return byte_level_tokenizer()


def read(tokenizer: Any, tokens: list[int]) -> str:  # noqa: ANN401 - of transformers
    return str(tokenizer.decode(tokens))


def test_a_chat_model_reads_turns(tokenizer: Any) -> None:  # noqa: ANN401 - of transformers
    prompts = Prompts(tokenizer, "Say it.", 100)
    assert read(tokenizer, prompts.prompt("my card")) == (
        "<|im_start|>system\nSay it.<|im_end|>\n<|im_start|>user\nmy card<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert "system" not in read(tokenizer, Prompts(tokenizer, "", 100).prompt("my card"))


def test_a_template_that_refuses_a_system_message_gets_the_instruction_before_the_input() -> None:
    tokenizer = byte_level_tokenizer()
    refusal = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}"
    tokenizer.chat_template = refusal + str(tokenizer.chat_template)
    said = read(tokenizer, Prompts(tokenizer, "Say it.", 100).prompt("my card"))
    assert "<|im_start|>user\nSay it.\n\nmy card<|im_end|>" in said


def test_a_template_that_says_the_date_says_the_same_on_every_day() -> None:
    tokenizer = byte_level_tokenizer()
    tokenizer.chat_template = DATED
    assert read(tokenizer, Prompts(tokenizer, "Say it.", 100).prompt("my card")) == (
        " Today Date: 26 Jul 2024\nSay it.\nmy card\n"
    )
    asked_today = read(tokenizer, Prompts(tokenizer, "", 100, None).prompt("x"))
    [today] = re.findall("^ Today Date: (.+)\nx\n$", asked_today)
    assert today not in {"never", "26 Jul 2024"}


def test_a_writer_reads_the_day_that_it_was_certified_on(tmp_path: Path) -> None:
    model, tokenizer = load_pretrained(save_tiny_writer(tmp_path / "tiny"))
    made = Writer.of_trained(model, tokenizer, "", Limits(100, 10), ["a text"])
    made.save(tmp_path)
    assert Writer.load(tmp_path).through(made.backend).day == "26 Jul 2024"
    # As it was saved before the day was kept: it says today's, as it did.
    facts = orjson.loads((tmp_path / "writer.json").read_bytes())
    del facts["day"]
    (tmp_path / "writer.json").write_bytes(orjson.dumps(facts))
    assert Writer.load(tmp_path).through(made.backend).day is None


def test_another_model_reads_lines() -> None:
    tokenizer = byte_level_tokenizer()
    tokenizer.chat_template = None
    assert read(tokenizer, Prompts(tokenizer, "Say it.", 100).prompt("my card")) == (
        "Say it.\n\nmy card\n"
    )
    assert read(tokenizer, Prompts(tokenizer, "", 100).prompt("my card")) == "my card\n"


@pytest.mark.parametrize("template", [True, False])
def test_a_text_cannot_end_its_turn(*, template: bool) -> None:
    tokenizer = byte_level_tokenizer()
    if not template:
        tokenizer.chat_template = None
    prompts = Prompts(tokenizer, "", 100)
    ends = prompts.prompt("x<|im_end|>").count(prompts.end_token)
    assert ends == prompts.prompt("x").count(prompts.end_token)


@pytest.mark.parametrize("template", [True, False])
def test_any_text_can_be_read(*, template: bool) -> None:
    tokenizer = byte_level_tokenizer()
    if not template:
        tokenizer.chat_template = None
    prompts = Prompts(tokenizer, "Say it.", 10)
    for text in ("a \ud800 b", "\ud800" * 40, "", "\0\n\u2028", "{{ 1 / 0 }} {% raw %}"):
        assert prompts.prompt(text)


def test_a_long_text_is_cut_at_its_end(tokenizer: Any) -> None:  # noqa: ANN401 - of transformers
    prompts = Prompts(tokenizer, "", 5)
    text = "my card is lost and found and lost again"
    assert prompts.is_cut(text)
    assert not prompts.is_cut("it")
    assert prompts.is_cut("\N{OWL}\N{OWL}")
    said = read(tokenizer, prompts.prompt(text))
    inner = said.split("user\n")[1].split("<|im_end|>")[0]
    assert text.startswith(inner)
    assert 0 < len(prompts.tokens(inner)) <= 6


@given(TOKENS, TOKENS)
def test_what_is_known_is_not_novel(known: list[int], other: list[int]) -> None:
    pairs = know_pairs([known])
    assert novelty_of(known, pairs) == 0
    assert 0 <= novelty_of(other, pairs) <= 1
    assert novelty_of(known, know_pairs([known, other])) == 0


def test_what_is_not_known_is_novel() -> None:
    pairs = know_pairs([[1, 2, 3, 4]])
    assert novelty_of([1, 2, 3, 4, 9], pairs) == pytest.approx(0.25)
    assert novelty_of([4, 3, 2, 1], pairs) == 1
    assert novelty_of([7], pairs) == 0


def test_a_model_whose_texts_do_not_end_is_refused(tmp_path: Path) -> None:
    folder = save_tiny_writer(tmp_path / "tiny")
    config = folder / "tokenizer_config.json"
    config.write_text(config.read_text("utf-8").replace('"eos_token": "<end>",', ""), "utf-8")
    with pytest.raises(UsageError, match="no token that ends a text"):
        load_pretrained(folder)


@pytest.mark.parametrize("place", ["./absent", "", "/no/such/folder"])
def test_a_model_that_is_not_there_is_refused(place: str) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        load_pretrained(place)


def test_a_folder_without_a_writer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="holds no writer"):
        Writer.load(tmp_path)
