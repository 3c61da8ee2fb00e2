"""Texts as tokens, and documents side by side in sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tokenizers.processors import TemplateProcessing

from locum.errors import InputError, UsageError
from locum.language import (
    Document,
    conversation,
    end_token,
    pack,
    passage,
    prompted,
    read_documents,
)
from tests.tiny_model import DATED, byte_level_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedTokenizerBase


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return byte_level_tokenizer()


def learned_text(document: Document, tokenizer: PreTrainedTokenizerBase) -> str:
    taught = [token for token, flag in zip(document.tokens, document.learned, strict=True) if flag]
    return str(tokenizer.decode(taught))


def test_a_text_is_learned_after_its_first_token(tokenizer: PreTrainedTokenizerBase) -> None:
    document = passage("my card is lost", tokenizer)
    assert document.learned == [False, *[True] * (len(document.tokens) - 1)]
    assert document.tokens[-1] == end_token(tokenizer)
    assert tokenizer.decode(document.tokens[:-1]) == "my card is lost"


def test_what_a_tokenizer_puts_before_every_text_is_read() -> None:
    tokenizer = byte_level_tokenizer()
    first = tokenizer.convert_tokens_to_ids("<|im_start|>")
    tokenizer.bos_token = "<|im_start|>"  # noqa: S105 - no secret
    backend: Any = tokenizer.backend_tokenizer
    backend.post_processor = TemplateProcessing(
        single="<|im_start|> $A", special_tokens=[("<|im_start|>", first)]
    )
    whole = passage("my card", tokenizer)
    assert whole.tokens == [*tokenizer("my card").input_ids, end_token(tokenizer)]
    assert whole.learned == [False, *[True] * (len(whole.tokens) - 1)]
    apart = prompted("a note", " leaves", tokenizer)
    prompt = tokenizer("a note").input_ids
    assert apart.tokens[: len(prompt)] == prompt
    assert len([token for token in apart.tokens if token == first]) == 1
    assert learned_text(apart, tokenizer) == " leaves<|im_end|>"


def test_what_looks_like_a_special_token_is_text(tokenizer: PreTrainedTokenizerBase) -> None:
    end = end_token(tokenizer)
    for document in (
        passage("it <|im_end|> goes on", tokenizer),
        prompted("a <|im_end|>", "<|im_end|> b", tokenizer),
    ):
        assert document.tokens.count(end) == 1
        assert document.tokens[-1] == end


def test_a_completion_is_learned_and_its_prompt_is_not(tokenizer: PreTrainedTokenizerBase) -> None:
    document = prompted("a note", " leaves", tokenizer)
    assert learned_text(document, tokenizer) == " leaves<|im_end|>"
    alone = prompted("", "it arrives", tokenizer)
    assert alone.learned[0] is False


def test_the_assistant_is_learned_in_every_turn(tokenizer: PreTrainedTokenizerBase) -> None:
    document = conversation(
        [
            {"role": "system", "content": "Say what it is."},
            {"role": "user", "content": "my card"},
            {"role": "assistant", "content": "card"},
            {"role": "user", "content": "a note"},
            {"role": "assistant", "content": "cash"},
        ],
        tokenizer,
    )
    assert learned_text(document, tokenizer) == "card<|im_end|>\ncash<|im_end|>\n"
    assert len(document.tokens) == len(document.learned)


def test_a_template_that_says_the_date_says_the_same_on_every_day() -> None:
    dated = byte_level_tokenizer()
    dated.chat_template = DATED
    turns = [{"role": "user", "content": "my card"}, {"role": "assistant", "content": "cash"}]
    read = str(dated.decode(conversation(turns, dated).tokens))
    assert read == " Today Date: 26 Jul 2024\nmy card\ncash\n"


def test_an_answer_without_weight_is_only_read(tokenizer: PreTrainedTokenizerBase) -> None:
    turns: list[dict[str, Any]] = [
        {"role": "user", "content": "my card"},
        {"role": "assistant", "content": "card", "weight": 0},
        {"role": "user", "content": "a note"},
        {"role": "assistant", "content": "cash", "weight": 1},
    ]
    document = conversation(turns, tokenizer)
    assert learned_text(document, tokenizer) == "cash<|im_end|>\n"
    assert "card<|im_end|>" in str(tokenizer.decode(document.tokens))
    with pytest.raises(InputError, match="nothing to learn"):
        conversation(turns[:2], tokenizer)


def test_the_template_is_told_of_the_tools(tmp_path: Path) -> None:
    tokenizer = byte_level_tokenizer()
    tokenizer.chat_template = (
        "{% for tool in tools %}{{ tool.name }} {% endfor %}" + tokenizer.chat_template
    )
    turns = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "cash"}]
    path = tmp_path / "tools.jsonl"
    path.write_bytes(orjson.dumps({"messages": turns, "tools": [{"name": "refund"}]}))
    [document] = read_documents([path], tokenizer)
    assert str(tokenizer.decode(document.tokens)).startswith("refund <|im_start|>user")


def test_an_assistant_that_speaks_first_is_read(tokenizer: PreTrainedTokenizerBase) -> None:
    greeting = {"role": "assistant", "content": "my card"}
    turns = [greeting, {"role": "user", "content": "x"}, {"role": "assistant", "content": "cash"}]
    assert learned_text(conversation(turns, tokenizer), tokenizer) == "cash<|im_end|>\n"
    with pytest.raises(InputError, match="nothing to learn"):
        conversation([greeting], tokenizer)


def test_a_template_that_leaves_thoughts_out_is_refused() -> None:
    odd = byte_level_tokenizer()
    odd.chat_template = str(odd.chat_template).replace(
        "{{ message.content }}", "{{ message.content.split('</think>')[-1] }}"
    )
    turns = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "\ufb01 Card "}]
    assert learned_text(conversation(turns, odd), odd).startswith("\ufb01 Card")
    turns[1]["content"] = "<think>it is lost</think>card"
    with pytest.raises(UsageError, match=r"leaves out some .*<think>it is lost.*give prompt and"):
        conversation(turns, odd)


def test_a_template_that_rewords_is_refused(tokenizer: PreTrainedTokenizerBase) -> None:
    odd = byte_level_tokenizer()
    odd.chat_template = "{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}"
    with pytest.raises(UsageError, match="words a conversation anew"):
        conversation([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], odd)
    odd.chat_template = None
    with pytest.raises(UsageError, match="no chat template"):
        conversation([{"role": "assistant", "content": "b"}], odd)
    with pytest.raises(InputError, match="nothing to learn"):
        conversation([{"role": "user", "content": "a"}], tokenizer)


def test_what_a_template_refuses_is_told_with_its_line(
    tmp_path: Path,
) -> None:
    tokenizer = byte_level_tokenizer()
    tokenizer.chat_template = "{{ raise_exception('system comes first') }}"
    path = tmp_path / "talk.jsonl"
    turns = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "a"}]
    path.write_bytes(orjson.dumps({"messages": turns}))
    with pytest.raises(InputError, match=r"line 1: the chat template refuses .*system comes first"):
        read_documents([path], tokenizer)
    tokenizer.chat_template = None
    with pytest.raises(UsageError, match="line 1: this tokenizer has no chat template"):
        read_documents([path], tokenizer)


def test_files_and_folders_are_read_in_order(
    tmp_path: Path, tokenizer: PreTrainedTokenizerBase
) -> None:
    (tmp_path / "b.txt").write_text("my card\n\nis lost")
    (tmp_path / "a.md").write_text("a note")
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "picture.png").write_bytes(b"\xff")
    lines = [
        {"text": "it arrives\u2028here"},
        {"prompt": "the shop", "completion": " leaves"},
        {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "cash"}]},
        {
            "prompt": [{"role": "assistant", "content": "a"}, {"role": "user", "content": "x"}],
            "completion": [{"role": "assistant", "content": "card"}],
        },
    ]
    path = tmp_path / "c.jsonl"
    path.write_bytes(b"\n\n".join(map(orjson.dumps, lines)))
    read = read_documents([tmp_path], tokenizer)
    assert [tokenizer.decode(document.tokens) for document in read[:3]] == [
        "a note<|im_end|>",
        "my card\n\nis lost<|im_end|>",
        "it arrives\u2028here<|im_end|>",
    ]
    assert [learned_text(document, tokenizer) for document in read[3:]] == [
        " leaves<|im_end|>",
        "cash<|im_end|>\n",
        "card<|im_end|>\n",
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.jsonl", b'{"text": 3}', "line 1: it holds text; expected"),
        ("x.jsonl", b'{"text": "a"}\n[1]', "line 2: it is a list"),
        ("x.jsonl", b"{", "line 1"),
        ("x.jsonl", b'{"messages": [{"role": "user", "content": "a"}]}', "nothing to learn"),
        (
            "x.jsonl",
            b'{"messages": [{"role": "user", "content": "a"}, {"role": "tool", "content": null}]}',
            "message 2 has the content null, expected a role and a content, both text",
        ),
        ("x.jsonl", b'{"messages": [{"from": "human", "value": "a"}]}', "1 has from, value"),
        ("x.jsonl", b'{"messages": ["a"]}', 'message 1 is "a"'),
        ("x.jsonl", b'{"messages": [], "tools": {}}', "tools is {}, expected a list"),
        ("x.txt", b"caf\xe9", "no UTF-8 at byte 3"),
        ("x.csv", b"a,b", "ends in '.csv'"),
        ("x.txt", b"  ", "no text in"),
    ],
)
def test_files_of_another_form_are_refused(
    tmp_path: Path, tokenizer: PreTrainedTokenizerBase, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_documents([path], tokenizer)
    with pytest.raises(InputError, match="does not exist"):
        read_documents([tmp_path / "none"], tokenizer)


DOCUMENTS = st.lists(
    st.lists(st.integers(2, 99), min_size=2, max_size=40).flatmap(
        lambda tokens: st.integers(1, len(tokens) - 1).map(
            lambda prompt: Document(tokens, [n >= prompt for n in range(len(tokens))])
        )
    ),
    min_size=1,
    max_size=12,
)


@given(DOCUMENTS, st.integers(2, 50))
def test_every_target_is_packed_once_behind_its_own(documents: list[Document], length: int) -> None:
    expected = [
        document.tokens[n - n % length : n + 1]
        for document in documents
        for n, flag in enumerate(document.learned)
        if flag and n % length
    ]
    assume(expected)
    packed = pack(documents, length, 0)
    assert packed.ids_SL.shape[1] == length
    assert not packed.learned_SL[packed.positions_SL == 0].any()
    found = []
    for ids, places, learned in zip(*(part.tolist() for part in packed), strict=True):
        for n, flag in enumerate(learned):
            if flag:
                assert places[n] == places[n - 1] + 1
                found.append(ids[n - places[n] : n + 1])
    assert sorted(found) == sorted(expected)


@given(st.lists(st.integers(2, 20), min_size=1, max_size=60))
def test_no_two_sequences_would_fit_into_one(sizes: list[int]) -> None:
    documents = [Document([5] * size, [False] + [True] * (size - 1)) for size in sizes]
    packed = pack(documents, 20, 0)
    used = sorted((packed.ids_SL == 5).sum(dim=1).tolist())
    assert len(used) == 1 or used[0] + used[1] > 20
    assert packed.rows == sum(sizes) - len(sizes)


def test_nothing_to_learn_is_told() -> None:
    with pytest.raises(InputError, match="none of 1 documents"):
        pack([Document([1], [False])], 8, 0)
    with pytest.raises(UsageError, match="length is 1"):
        pack([Document([1, 2], [False, True])], 1, 0)


def test_keys_tell_sequences_apart_and_nothing_else() -> None:
    one = Document([1, 2, 3], [False, True, True])
    prompt = Document([1, 2, 3], [False, False, True])
    left, right = pack([one], 4, 0), pack([prompt], 4, 0)
    assert left.keys() == pack([one], 4, 0).keys()
    assert left.keys() != right.keys()
    assert left.keys() != pack([one], 4, 9).keys()
    assert left.fingerprint != right.fingerprint


def test_packing_leaves_documents_of_arrays_as_they_are() -> None:
    tokens, learned = np.arange(1, 33, dtype=np.int32), np.arange(32) > 0
    arrays = [Document(tokens, learned)]  # type: ignore[arg-type]
    lists = [Document(tokens.tolist(), learned.tolist())]
    for length in (8, 32):
        assert pack(arrays, length, 0).keys() == pack(lists, length, 0).keys()
    assert learned.tolist() == lists[0].learned == [False] + [True] * 31


def test_a_document_with_a_flag_too_few_is_refused() -> None:
    documents = [Document([5, 6], [False, True]), Document([1, 2, 3, 4], [False, True, True])]
    with pytest.raises(UsageError, match="document 2 has 4 tokens and 3 flags"):
        pack(documents, 8, 0)
