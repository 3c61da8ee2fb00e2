"""A teacher and a student with different tokenizers, and with the same."""

# ruff: noqa: N806 - names end in their shapes

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest
import tokenizers
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from locum.errors import UsageError
from locum.language import Packed
from locum.language.aligned_teacher import AlignedTeacher
from locum.language.token_bytes import TokenBytes
from locum.language.vocabularies import align, renamed_tokens, shared_vocabulary
from locum.losses import forward_kl
from locum.losses.signals import listed_events
from tests.tiny_model import byte_level_tokenizer, metaspace_tokenizer, new_model

if TYPE_CHECKING:
    from collections.abc import Callable


END = "<|end|>"
TEXTS = ["the cat sat on the mat and the dog sat on the cat " * 3, "été über 日本 1999 catalogue"]
PAIRS = [("student", "teacher"), ("teacher", "student"), ("student", "metaspace")]


def train(texts: list[str], size: int) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer with its own merges, and its own end of text."""
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=[END], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    make: Callable[..., PreTrainedTokenizerFast] = PreTrainedTokenizerFast
    return make(tokenizer_object=tokenizer, eos_token=END)


TOKENIZERS = {
    "student": train(TEXTS[:1], 275),
    "teacher": train([*TEXTS, "catalogue cats mats theory and sand"] * 2, 300),
    "metaspace": metaspace_tokenizer(),
    "chat": byte_level_tokenizer(),
}


def pack(name: str, texts: list[str], length: int = 40) -> Packed:
    """A document a sequence, with its end and then filled up with ends that are not learned."""
    tokenizer = TOKENIZERS[name]
    end = tokenizer.eos_token_id
    rows = [[*tokenizer(text, add_special_tokens=False).input_ids, end] for text in texts]
    kept = [row[:length] for row in rows]
    ids = torch.tensor([row + [end] * (length - len(row)) for row in kept])
    places = torch.arange(length)
    lengths = torch.tensor([[len(row)] for row in kept])
    positions = torch.where(places < lengths, places, places - lengths)
    return Packed(ids, positions, (places > 0) & (places < lengths))


def aligned_teacher(
    teacher: str, student: str, *, listed: int = 9, whole_classes: bool = False
) -> AlignedTeacher:
    """A teacher of random weights that knows more tokens than there are."""
    model = new_model("llama", len(TOKENIZERS[teacher]) + 5)
    return AlignedTeacher(
        model,
        TOKENIZERS[teacher],
        TOKENIZERS[student],
        "a",
        listed=listed,
        whole_classes=whole_classes,
    )


SPEAKERS = {name: aligned_teacher(name, "student") for name in ("teacher", "metaspace")}


@pytest.mark.parametrize("name", sorted(TOKENIZERS))
@pytest.mark.parametrize("text", [*TEXTS, "a\n\n  b", "🙂🙂", "<|end|> is text", ""])
def test_the_bytes_of_tokens_say_the_text(name: str, text: str) -> None:
    vocabulary = TokenBytes(TOKENIZERS[name])
    written = vocabulary.write(text)
    assert written is not None
    ids, ends = written
    said = b"".join(vocabulary.texts[token] or b"" for token in ids)
    assert said.removeprefix(b" " if name == "metaspace" else b"") == text.encode()
    assert ends == sorted(ends)
    assert (ends or [0])[-1] == len(text.encode())


@settings(max_examples=60)
@given(st.text(max_size=30), st.sampled_from(sorted(TOKENIZERS)))
def test_any_text_is_said_again_or_known_not_to_be(text: str, name: str) -> None:
    vocabulary = TokenBytes(TOKENIZERS[name])
    written = vocabulary.write(text)
    if written is None:
        assert name == "metaspace"  # U+2581 itself is written as a space
        assert "▁" in text
    else:
        assert (written[1] or [0])[-1] == len(text.encode())


@given(st.lists(st.integers(1, 4)), st.lists(st.integers(1, 4)))
def test_common_boundaries_are_those_at_the_same_byte(one: list[int], two: list[int]) -> None:
    ends = [[sum(sizes[: at + 1]) for at in range(len(sizes))] for sizes in (one, two)]
    pairs = align(*ends)
    assert [ends[0][t - 1] for t, _ in pairs] == sorted(set(ends[0]) & set(ends[1]))
    assert all(ends[0][t - 1] == ends[1][s - 1] for t, s in pairs)


@pytest.mark.parametrize(("student", "teacher"), PAIRS)
def test_each_token_counts_for_one_shared_token_that_it_begins_with(
    student: str, teacher: str
) -> None:
    found = shared_vocabulary(TOKENIZERS[teacher], TOKENIZERS[student])
    mine, theirs = TokenBytes(TOKENIZERS[student]), TokenBytes(TOKENIZERS[teacher])
    assert not found.same
    for one, other in zip(found.student_ids, found.teacher_ids, strict=True):
        assert mine.texts[one] == theirs.texts[other]
        assert found.student_class[one] == found.teacher_class[other] == one
    for vocabulary, classes in ((mine, found.student_class), (theirs, found.teacher_class)):
        for text, shared in zip(vocabulary.texts, classes, strict=True):
            if text and shared >= 0:
                assert text.startswith(mine.texts[shared] or b"-")
    ends = (TOKENIZERS[student].eos_token_id, TOKENIZERS[teacher].eos_token_id)
    assert found.student_class[ends[0]] == found.teacher_class[ends[1]] == ends[0]


@pytest.mark.parametrize(("student", "teacher"), PAIRS)
@pytest.mark.parametrize("text", TEXTS)
def test_the_next_tokens_of_a_text_are_in_the_same_class(
    student: str, teacher: str, text: str
) -> None:
    found = shared_vocabulary(TOKENIZERS[teacher], TOKENIZERS[student])
    theirs = TokenBytes(TOKENIZERS[teacher]).write(text)
    mine = TokenBytes(TOKENIZERS[student]).write(text)
    assert mine is not None
    assert theirs is not None
    pairs = [(t, s) for t, s in align(theirs[1], mine[1]) if s < len(mine[0])]
    assert len(pairs) > 3
    for t, s in pairs:
        assert found.teacher_class[theirs[0][t]] == found.student_class[mine[0][s]]


def test_a_token_that_the_student_lacks_counts_for_the_one_that_it_would_begin_with() -> None:
    found = shared_vocabulary(TOKENIZERS["teacher"], TOKENIZERS["student"])
    mine, theirs = TokenBytes(TOKENIZERS["student"]), TokenBytes(TOKENIZERS["teacher"])
    lacking = [t for t, text in enumerate(theirs.texts) if text and text not in mine.texts]
    assert lacking
    whole = next(t for t in lacking if len(theirs.texts[t] or b"") > 3)
    shared = found.teacher_class[whole]
    text = (theirs.texts[whole] or b"").decode()
    assert TOKENIZERS["student"](text).input_ids[0] == shared


def test_equal_vocabularies_are_compared_where_there_are_tokens() -> None:
    found = shared_vocabulary(TOKENIZERS["chat"], byte_level_tokenizer())
    size = len(TOKENIZERS["chat"])
    assert (found.same, found.size) == (True, size)
    assert found.cut(torch.zeros(2, 3, size + 7)).shape == (2, 3, size)
    more = byte_level_tokenizer()
    more.add_tokens(["<more>"])
    assert shared_vocabulary(more, TOKENIZERS["chat"]).size == size
    with pytest.raises(UsageError, match="same vocabulary"):
        aligned_teacher("chat", "chat")
    other = shared_vocabulary(TOKENIZERS["teacher"], TOKENIZERS["student"])
    with pytest.raises(UsageError, match="differ"):
        other.cut(torch.zeros(2, 3))


def with_special(name: str, **roles: str) -> PreTrainedTokenizerFast:
    """The tokens of conversations and one more special one."""
    tokens = byte_level_tokenizer()
    tokens.add_special_tokens({"additional_special_tokens": [name]})
    for role, token in roles.items():
        setattr(tokens, role, token)
    return tokens


@pytest.mark.parametrize(
    ("teacher", "student", "same"),
    [
        ({"pad_token": "<|pad|>"}, {"pad_token": "<pad>"}, True),
        ({"eos_token": "<|pad|>", "pad_token": "<|pad|>"}, {"eos_token": "<pad>"}, True),
        ({"eos_token": "<|pad|>"}, {"pad_token": "<pad>"}, False),
        ({"eos_token": "<|pad|>"}, {"bos_token": "<pad>"}, False),
        ({}, {"pad_token": "<pad>"}, False),
        ({"pad_token": "<|pad|>"}, {}, False),
        ({}, {}, False),
    ],
)
def test_special_tokens_of_one_role_are_the_same_by_any_name(
    teacher: dict[str, str], student: dict[str, str], *, same: bool
) -> None:
    theirs, mine = with_special("<|pad|>", **teacher), with_special("<pad>", **student)
    assert shared_vocabulary(theirs, mine).size == len(mine) * same
    assert renamed_tokens(theirs, mine, len(mine)) == {"<pad>": "<|pad|>"}


def test_an_ordinary_token_of_another_name_is_another() -> None:
    theirs, mine = (byte_level_tokenizer() for _ in range(2))
    theirs.add_tokens(["<one>"])
    mine.add_tokens(["<other>"])
    assert not shared_vocabulary(theirs, mine).same


@pytest.mark.parametrize(("student", "teacher"), PAIRS)
@pytest.mark.parametrize("whole_classes", [True, False])
def test_what_the_teacher_says_is_its_distribution_over_the_classes(
    student: str, teacher: str, *, whole_classes: bool
) -> None:
    speaker = aligned_teacher(teacher, student, listed=10_000, whole_classes=whole_classes)
    packed = speaker.aligned(pack(student, TEXTS))
    said = speaker.ask(packed)(slice(None))
    targets = packed.learned_SL.nonzero().tolist()
    assert len(said.ids_NK) == len(targets) > 10
    vocabulary = speaker.shared
    mine, theirs = TokenBytes(TOKENIZERS[student]), TokenBytes(TOKENIZERS[teacher])
    classes = vocabulary.teacher_class if whole_classes else vocabulary.listed()
    for row, (s, place) in enumerate(targets):
        texts = [mine.texts[t] or b"" for t in packed.ids_SL[s].tolist()]
        written = theirs.write(b"".join(texts).decode(errors="ignore"))
        assert written is not None
        read = sum(end <= sum(map(len, texts[:place])) for end in written[1])
        with torch.no_grad():
            logits = speaker._model(torch.tensor([written[0][:read]])).logits[0, -1]  # noqa: SLF001
        shares = logits[: len(classes)].float().softmax(-1)
        expected = torch.zeros(len(vocabulary.student_class) + 1)
        expected.index_add_(0, torch.tensor([c % len(expected) for c in classes]), shares)
        found = torch.zeros_like(expected)
        found[said.ids_NK[row]] = said.log_probabilities_NK[row].exp()
        torch.testing.assert_close(found[:-1], expected[:-1], rtol=1e-3, atol=1e-5)


def test_a_student_that_says_the_same_loses_nothing() -> None:
    # The student's logits are made so that its classes have the teacher's probabilities.
    speaker = aligned_teacher("teacher", "student", listed=10_000, whole_classes=True)
    packed = speaker.aligned(pack("student", TEXTS))
    said = speaker.ask(packed)(slice(None))
    size = len(speaker.shared.student_class)
    wanted_NC = torch.zeros(len(said.ids_NK), size + 1, dtype=torch.float64)
    wanted_NC.scatter_(1, said.ids_NK, said.log_probabilities_NK.double().exp())
    classes = torch.tensor([c if c >= 0 else size for c in speaker.shared.student_class])
    members = torch.zeros(size + 1).index_add_(0, classes, torch.ones(size))
    logits_NV = (wanted_NC[:, classes] / members[classes]).clamp(min=1e-30).log().float()
    assert forward_kl(speaker.project(logits_NV), said).item() == pytest.approx(0, abs=1e-4)
    # As it is, the student is compared by the classes of one token, which loses nothing either.
    single = aligned_teacher("teacher", "student", listed=10_000)
    assert forward_kl(logits_NV, single.ask(packed)(slice(None))).item() == pytest.approx(
        0, abs=1e-4
    )
    assert forward_kl(speaker.project(logits_NV + torch.randn_like(logits_NV)), said).item() > 0.01


def test_classes_add_up_exactly_and_pass_gradients() -> None:
    speaker = aligned_teacher("teacher", "student", whole_classes=True)
    classes = speaker.shared.student_class
    logits_NV = (torch.randn(3, len(classes) + 4) * 60).requires_grad_()
    projected_NC = speaker.project(logits_NV)
    for shared in {c for c in classes if c >= 0}:
        members = [token for token, found in enumerate(classes) if found == shared]
        torch.testing.assert_close(projected_NC[:, shared], logits_NV[:, members].logsumexp(-1))
    torch.testing.assert_close(projected_NC.logsumexp(-1), logits_NV.logsumexp(-1))
    (slope_NV,) = torch.autograd.grad(projected_NC.logsumexp(-1).sum(), logits_NV)
    torch.testing.assert_close(slope_NV, logits_NV.softmax(-1).detach())


def test_rows_come_in_slices_and_in_order() -> None:
    speaker = aligned_teacher("teacher", "student")
    packed = speaker.aligned(pack("student", TEXTS))
    ask = speaker.ask(packed)
    whole, some = ask(slice(None)), ask(slice(4, 9))
    assert torch.equal(whole.ids_NK[4:9], some.ids_NK)
    assert whole.ids_NK.shape[1] == 9
    events = listed_events(torch.zeros(5, len(TOKENIZERS["student"])), some)
    torch.testing.assert_close(events.teacher_NE.exp().sum(-1), torch.ones(5))


def test_targets_without_a_common_boundary_are_taken_out_or_refused() -> None:
    speaker = aligned_teacher("teacher", "student")
    packed = pack("student", TEXTS)
    kept = speaker.aligned(packed)
    assert (kept.learned_SL <= packed.learned_SL).all()
    assert kept.learned_SL.sum() < packed.learned_SL.sum()
    with pytest.raises(UsageError, match="call aligned first"):
        speaker.ask(packed)
    with pytest.raises(UsageError, match="nothing to say of any target"):
        speaker.aligned(packed._replace(learned_SL=torch.zeros_like(packed.learned_SL)))


@pytest.mark.parametrize("teacher", ["teacher", "metaspace"])
@given(st.text("aé日🙂 ", min_size=8, max_size=16), st.integers(0, 6))
@settings(max_examples=25)
def test_a_document_that_is_cut_inside_a_character_goes_on_at_the_next(
    teacher: str, text: str, cut: int
) -> None:
    packed, speaker = pack("student", [text], 80), SPEAKERS[teacher]
    ids = packed.ids_SL[:, cut:]
    after = Packed(ids, torch.arange(ids.shape[1])[None], packed.learned_SL[:, cut:].clone())
    after.learned_SL[:, 0] = False
    texts = TokenBytes(TOKENIZERS["student"]).texts
    start = cut
    while (texts[packed.ids_SL[0, start]] or b"a")[0] in range(0x80, 0xC0):
        start += 1
    whole = Packed(*(part[:, start - cut :] for part in after))._replace(
        positions_SL=torch.arange(80 - start)[None]
    )
    whole.learned_SL[:, 0] = False
    kept = speaker.aligned(after).learned_SL[:, start - cut :]
    assert torch.equal(kept, speaker.aligned(whole).learned_SL)


def test_nothing_after_an_unknown_special_token_is_compared() -> None:
    chat = TOKENIZERS["chat"]
    ids = chat("a note<|im_start|>is lost<|im_end|>").input_ids
    turn = ids.index(chat.convert_tokens_to_ids("<|im_start|>"))
    packed = Packed(
        torch.tensor([ids]), torch.arange(len(ids))[None], torch.ones(1, len(ids)).bool()
    )
    kept = aligned_teacher("teacher", "chat").aligned(packed).learned_SL[0]
    assert kept[1:turn].any()
    assert not kept[turn:].any()
    model = new_model("llama", len(TOKENIZERS["teacher"]))
    paired = AlignedTeacher(model, TOKENIZERS["teacher"], chat, "a", special={"<|im_start|>": END})
    assert paired.aligned(packed).learned_SL[0, turn:].sum() > 2
    with pytest.raises(UsageError, match="<nothing>"):
        AlignedTeacher(model, TOKENIZERS["teacher"], chat, "a", special={"<nothing>": END})


@pytest.mark.parametrize(
    ("word", "compared"),
    [("card", False), ("zebra", True)],  # written as "▁card", and as "▁" and letters
)
def test_a_space_that_the_teacher_puts_before_a_text_is_not_taught(
    word: str, *, compared: bool
) -> None:
    chat, metaspace, named = TOKENIZERS["chat"], TOKENIZERS["metaspace"], "<|im_start|>"
    begun = chat(f"a note{named}").input_ids
    ids = [*begun, *chat(f"{word} arrives").input_ids]
    packed = Packed(
        torch.tensor([ids]), torch.arange(len(ids))[None], torch.ones(1, len(ids)).bool()
    )
    model = new_model("llama", len(metaspace))
    speaker = AlignedTeacher(model, metaspace, chat, "a", special={named: named}, listed=999)
    kept = speaker.aligned(packed)
    assert kept.learned_SL[0, len(begun)] == compared
    assert kept.learned_SL[0, len(begun) + 1 :].any()
    if compared:
        said = speaker.ask(kept)(slice(None))
        row = int(kept.learned_SL[0, : len(begun)].sum())
        space, token, *_ = metaspace(word).input_ids
        turn = metaspace.convert_tokens_to_ids(named)
        read = [*metaspace("a note").input_ids, turn, space]
        with torch.no_grad():
            shares = model(torch.tensor([read])).logits[0, -1].softmax(-1)
        foretold = dict(zip(said.ids_NK[row].tolist(), said.log_probabilities_NK[row], strict=True))
        assert foretold[speaker.shared.teacher_class[token]].exp() >= shares[token] * 0.999


def test_what_a_teacher_says_is_kept_for_a_student_of_the_same_tokens_alone() -> None:
    other = byte_level_tokenizer()
    other.eos_token = "<|im_start|>"  # noqa: S105 - no password
    model, teacher = new_model("llama", len(TOKENIZERS["teacher"])), TOKENIZERS["teacher"]
    one, again, another = (
        AlignedTeacher(model, teacher, student, "a").fingerprint
        for student in (TOKENIZERS["chat"], byte_level_tokenizer(), other)
    )
    assert one == again != another


def test_special_tokens_of_one_name_are_one() -> None:
    chat, teacher = TOKENIZERS["chat"], copy.deepcopy(TOKENIZERS["teacher"])
    named = ["<|im_start|>"]
    teacher.add_special_tokens({"additional_special_tokens": named})
    start, theirs = (tokens.get_vocab()[named[0]] for tokens in (chat, teacher))
    shared = shared_vocabulary(teacher, chat)
    assert shared.teacher_class[theirs] == start
    assert shared.student_class[start] == start
    # The ends of text are one whatever they are called.
    assert shared.teacher_class[teacher.eos_token_id] == chat.eos_token_id
    assert shared_vocabulary(TOKENIZERS["teacher"], chat).student_class[start] == -1


def test_a_special_token_paired_with_text_is_refused() -> None:
    model, teacher = new_model("llama", 305), train(TEXTS, 300)
    teacher.add_tokens(["<user>"])
    with pytest.raises(UsageError, match=r"'<user>' is text to it, and '<\|im_start\|>'"):
        AlignedTeacher(model, teacher, TOKENIZERS["chat"], "a", special={"<|im_start|>": "<user>"})


def test_tokenizers_whose_bytes_are_not_known_are_refused() -> None:
    pieces = tokenizers.Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))  # noqa: S106
    make: Callable[..., PreTrainedTokenizerFast] = PreTrainedTokenizerFast
    with pytest.raises(UsageError, match=r"WordPiece.*neither byte-level nor byte-fallback"):
        shared_vocabulary(TOKENIZERS["teacher"], make(tokenizer_object=pieces))
    model = new_model("gemma2", len(TOKENIZERS["teacher"]))
    with pytest.raises(UsageError, match=r"another way .*\(final_logit_softcapping\)"):
        AlignedTeacher(model, TOKENIZERS["teacher"], TOKENIZERS["student"], "a")
