"""Label probabilities of one packed pass, against asking for every path on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from locum.schema import MARKS, TokenPosition, label_key
from locum.teachers.label_prefixes import LabelPrefixes
from locum.teachers.label_trie import build_trie, read_vocabulary, spellings
from locum.teachers.prompts import build_messages
from locum.teachers.scorer import Scorer
from locum.teachers.token_paths import label_distribution, label_masses
from tests.tiny_model import (
    CONFIGS,
    TASK,
    TEXTS,
    byte_level_tokenizer,
    metaspace_tokenizer,
    new_model,
    train,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from locum.teachers.label_trie import LabelTrie
    from locum.teachers.scorer import Scoring

TOKENIZER = byte_level_tokenizer()
TURN = "<|im_start|>assistant\n"
QUESTIONS = [
    f"<|im_start|>user\n{text}<|im_end|>\n{TURN}" for text in ("my card", "", "été 日本 x")
]
LABEL_SETS = {
    "one token": ("card", "cash", "refund"),
    "several tokens": ("card arrival", "cash machine"),
    "shared start": ("card arrival", "card_payment", "cash"),
    "start of another": ("card", "card payment", "card payment fee"),
    "another alphabet": ("été", "étage", "日本", "日曜", "über"),
}


class Case(NamedTuple):
    """A model with what it is asked."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    labels: tuple[str, ...]

    @property
    def trie(self) -> LabelTrie:
        """The trie of the labels."""
        vocabulary = read_vocabulary(self.tokenizer, len(self.tokenizer), lines_end=False)
        return build_trie(self.labels, self.tokenizer, vocabulary, TURN)

    def tokens(self, text: str) -> list[int]:
        """The tokens of a text."""
        return list(self.tokenizer(text).input_ids)


def exhaustive(case: Case, prompt: list[int]) -> NDArray[np.float64]:
    """Ask for each path on its own, without a cache, and read every token of the vocabulary."""
    prefixes = LabelPrefixes(case.labels)
    texts, ends = read_vocabulary(case.tokenizer, len(case.tokenizer), lines_end=False)
    before = len(case.tokens(TURN))
    spelled = [
        case.tokens(TURN + text)[before:] for label in case.labels for text in spellings(label)
    ]
    found = np.zeros(len(case.labels))
    waiting: list[tuple[list[int], float]] = [([], 1.0)]
    while waiting:
        path, mass = waiting.pop()
        with torch.no_grad():
            logits = case.model(input_ids=torch.tensor([prompt + path]), use_cache=False).logits
        chances = logits[0, -1].double().softmax(dim=0).numpy()
        text = b"".join(texts[token] for token in path)
        ended = prefixes.meaning(text, quoted=False)
        for token, chance in enumerate(chances[: len(texts)]):
            if token in ends:
                possible = frozenset() if ended is None else frozenset((ended,))
            else:
                possible = prefixes.possible(text + texts[token], quoted=False)
            if len(possible) == 1:
                found[next(iter(possible))] += mass * chance
            elif possible and any(way[: len(path) + 1] == [*path, token] for way in spelled):
                waiting.append(([*path, token], mass * chance))
    return found


def all_exhaustive(case: Case, prompts: Sequence[list[int]]) -> NDArray[np.float64]:
    return np.array([exhaustive(case, prompt) for prompt in prompts])


def close_to(expected: NDArray[np.float64], found: NDArray[np.float64]) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-9)


@pytest.fixture(scope="module")
def model() -> PreTrainedModel:
    return new_model("qwen2", len(TOKENIZER))


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("labels", LABEL_SETS.values(), ids=LABEL_SETS)
def test_one_pass_is_asking_for_every_path(labels: tuple[str, ...], attention: str) -> None:
    case = Case(new_model("qwen2", len(TOKENIZER), attention=attention), TOKENIZER, labels)
    scorer = Scorer(case.model)
    assert scorer.scoring == "tree"
    prompts = [case.tokens(question) for question in QUESTIONS]
    found = scorer.read(prompts, 3, case.trie)
    close_to(all_exhaustive(case, prompts), found)
    assert (found > 0).all()
    assert (found.sum(axis=1) <= 1).all()


@pytest.mark.parametrize("labels", LABEL_SETS.values(), ids=LABEL_SETS)
def test_spaces_as_letters_and_bytes_as_tokens(labels: tuple[str, ...]) -> None:
    tokenizer = metaspace_tokenizer()
    case = Case(new_model("llama", len(tokenizer)), tokenizer, labels)
    prompts = [case.tokens(question) for question in QUESTIONS]
    close_to(all_exhaustive(case, prompts), Scorer(case.model).read(prompts, 3, case.trie))


@pytest.mark.parametrize(
    ("kind", "scoring"),
    [
        ("qwen2", "tree"),
        ("llama", "tree"),
        ("gpt2", "tree"),
        ("bloom", "plain"),
        ("mistral", "plain"),
        ("gemma2", "plain"),
        ("mamba", "plain"),
    ],
)
def test_models_that_cannot_take_a_tree_are_asked_plainly(kind: str, scoring: Scoring) -> None:
    case = Case(new_model(kind, len(TOKENIZER)), TOKENIZER, LABEL_SETS["start of another"])
    scorer = Scorer(case.model)
    assert scorer.scoring == scoring
    prompts = [case.tokens(question) for question in QUESTIONS]
    close_to(all_exhaustive(case, prompts), scorer.read(prompts, 3, case.trie))


def test_every_kind_of_model_is_asked_above() -> None:
    assert set(CONFIGS) == {"qwen2", "llama", "gpt2", "bloom", "mistral", "gemma2", "mamba"}


def test_a_model_that_does_not_heed_the_mask_is_asked_plainly(model: PreTrainedModel) -> None:
    forward = model.forward

    def without_mask(*, attention_mask: object = None, **inputs: object) -> object:
        del attention_mask
        return forward(**inputs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "forward", without_mask)
        assert Scorer(model).scoring == "plain"
    assert Scorer(model).scoring == "tree"


@pytest.mark.parametrize("scoring", ["tree", "plain"])
def test_many_together_are_as_one_at_a_time(model: PreTrainedModel, scoring: Scoring) -> None:
    case = Case(model, TOKENIZER, LABEL_SETS["shared start"])
    scorer = Scorer(model, scoring=scoring)
    prompts = [case.tokens(f"{'x ' * length}{TURN}") for length in (1, 40, 7, 3, 22)]
    together = scorer.read(prompts, 0, case.trie)
    alone = [scorer.read([prompt], 0, case.trie) for prompt in prompts]
    close_to(np.concatenate(alone), together)


@pytest.mark.parametrize("most_tokens", [1, 8, 30, 4096])
@pytest.mark.parametrize("most_nodes", [1, 2, 5, 512])
def test_small_passes_give_the_same(
    model: PreTrainedModel, most_tokens: int, most_nodes: int
) -> None:
    case = Case(model, TOKENIZER, LABEL_SETS["another alphabet"])
    scorer = Scorer(model, most_tokens=most_tokens, most_nodes=most_nodes)
    assert scorer.scoring == "tree"
    prompts = [case.tokens(question) for question in QUESTIONS]
    close_to(Scorer(model).read(prompts, 0, case.trie), scorer.read(prompts, 3, case.trie))


def test_another_beginning_takes_the_place_of_the_one_before(model: PreTrainedModel) -> None:
    case = Case(model, TOKENIZER, LABEL_SETS["shared start"])
    scorer = Scorer(model)
    first, second = case.tokens(f"a b c{TURN}"), case.tokens(f"x y z{TURN}")
    for prompt in (first, second, first):
        close_to(exhaustive(case, prompt)[None], scorer.read([prompt], 5, case.trie))


WORDS = st.sampled_from(["card", "payment", "cash", "été", "日本", "a", "refund", "_fee", "x"])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    labels=st.lists(
        st.lists(WORDS, min_size=1, max_size=3).map(" ".join),
        min_size=2,
        max_size=6,
        unique_by=lambda label: MARKS[-1].off(label_key(label)),
    ),
    texts=st.lists(st.text(max_size=20), min_size=1, max_size=4),
    start=st.text(max_size=20),
)
def test_sharing_the_beginning_changes_nothing(
    model: PreTrainedModel, labels: list[str], texts: list[str], start: str
) -> None:
    case = Case(model, TOKENIZER, tuple(labels))
    beginning = case.tokens(f"<|im_start|>{start}")
    prompts = [[*beginning, *case.tokens(f"{text}<|im_end|>{TURN}")] for text in texts]
    shared = Scorer(model, scoring="tree").read(prompts, len(beginning), case.trie)
    close_to(Scorer(model, scoring="tree").read(prompts, 0, case.trie), shared)
    close_to(Scorer(model, scoring="plain").read(prompts, 0, case.trie), shared)
    assert (shared >= 0).all()
    assert (shared.sum(axis=1) <= 1).all()


def test_logits_are_not_rounded_to_the_type_of_the_weights() -> None:
    model, exact = (new_model("qwen2", len(TOKENIZER)).bfloat16() for _ in range(2))
    tokens = torch.tensor([Case(model, TOKENIZER, ()).tokens(QUESTIONS[0])])
    Scorer(model)
    with torch.no_grad():
        hidden = exact.model(input_ids=tokens).last_hidden_state
        expected = hidden.double() @ exact.lm_head.weight.double().T
        logits = model(input_ids=tokens).logits
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits.double(), expected, rtol=1e-5, atol=1e-4)


@pytest.fixture(scope="module")
def trained() -> Case:
    model = new_model("qwen2", len(TOKENIZER), spread=0.1)
    train(model, TOKENIZER)
    return Case(model, TOKENIZER, TASK.labels)


def answer_of_an_api(case: Case, prompt: list[int], top: int) -> list[TokenPosition]:
    """Write the likeliest answer token by token, with the likeliest tokens at each position."""
    texts, ends = read_vocabulary(case.tokenizer, len(case.tokenizer), lines_end=False)
    names = [
        text.decode("utf-8", "surrogateescape") or str(case.tokenizer.decode([token]))
        for token, text in enumerate(texts)
    ]
    positions: list[TokenPosition] = []
    tokens = list(prompt)
    while len(positions) < 8 and not (positions and tokens[-1] in ends):
        with torch.no_grad():
            logits = case.model(input_ids=torch.tensor([tokens])).logits[0, -1]
        values, found = logits.double().log_softmax(dim=0).topk(top)
        listed = dict(zip((names[i] for i in found.tolist()), values.tolist(), strict=True))
        tokens.append(int(found[0]))
        positions.append(TokenPosition(names[tokens[-1]], listed))
    return positions


@pytest.mark.parametrize("text", TEXTS[:8])
def test_an_api_shows_the_same_but_for_what_it_does_not_list(trained: Case, text: str) -> None:
    messages = build_messages(TASK, text)
    prompt = trained.tokens(
        str(TOKENIZER.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))
    )
    (local,) = Scorer(trained.model).read([prompt], 5, trained.trie)
    close_to(exhaustive(trained, prompt), local)
    positions = answer_of_an_api(trained, prompt, 20)
    seen = label_distribution(positions, TASK.labels)
    masses = label_masses(positions, TASK.labels)
    assert seen is not None
    assert masses is not None
    assert masses.outside < 0.05
    assert np.abs(local - seen).max() <= masses.unknown + masses.outside + 1e-3
