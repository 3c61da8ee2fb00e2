"""Encoders are trained in bfloat16 where the processor has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from locum.students.encoder_head import Head, Scale
from locum.students.encoder_label_objective import LabelLesson, LabelObjective
from locum.students.encoder_precision import computing_short
from locum.students.encoder_source import load_encoder
from locum.students.encoder_tokens import TokenReader
from locum.students.softmax_regression import build_terms
from tests.small_encoders import TEXTS, save_encoder

if TYPE_CHECKING:
    from pathlib import Path

_SHORT = {"avx512_f": True, "avx512_bf16": True}


def _let_processor_have(capabilities: dict[str, bool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)


@pytest.mark.parametrize(
    ("capabilities", "short"),
    [
        (_SHORT, True),
        ({"avx512_bf16": False, "amx_bf16": True}, True),
        ({"avx512_f": True, "avx512_bf16": False}, False),
        ({"neon": True, "architecture": True}, False),
    ],
)
def test_products_are_short_where_the_processor_has_instructions_for_them(
    capabilities: dict[str, bool], *, short: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    _let_processor_have(capabilities, monkeypatch)
    ones = torch.ones(2, 2)
    with computing_short():
        assert (ones @ ones).dtype == (torch.bfloat16 if short else torch.float32)


def test_a_torch_that_cannot_tell_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    ones = torch.ones(2, 2)
    with computing_short():
        assert (ones @ ones).dtype == torch.float32


def _gradients(folder: Path) -> tuple[float, dict[str, torch.Tensor]]:
    source = load_encoder(str(folder))
    source.model.train(mode=False)
    labels = np.repeat(np.eye(2), len(TEXTS) // 2, axis=0)
    lesson = LabelLesson(
        source.model,
        source.pooling,
        Head(np.sin(np.arange(32, dtype=np.float32)).reshape(16, 2), np.zeros(2, np.float32)),
        Scale(np.zeros(16, np.float32), np.float32(0.25)),
        TokenReader(source.tokenizer, 32).read(TEXTS),
        build_terms(labels, None, 1.0, 0.0),
        labels.astype(np.float32),
    )
    objective = LabelObjective(lesson)
    loss = objective.loss(np.arange(len(TEXTS)))
    assert loss.dtype == torch.float32
    torch.autograd.backward(loss)
    learned = [*source.model.named_parameters(), *objective.head.named_parameters()]
    return loss.item(), {name: p.grad for name, p in learned if p.grad is not None}


def test_short_products_give_nearly_the_same_slopes_in_float32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_encoder(tmp_path / "small", layers=1)
    _let_processor_have({}, monkeypatch)
    exact_loss, exact = _gradients(folder)
    _let_processor_have(_SHORT, monkeypatch)
    loss, short = _gradients(folder)

    assert loss == pytest.approx(exact_loss, rel=0.01)
    assert loss != exact_loss
    assert short.keys() == exact.keys()
    assert {slope.dtype for slope in short.values()} == {torch.float32}
    whole, near = (torch.cat([one.ravel() for one in found.values()]) for found in (exact, short))
    assert torch.cosine_similarity(whole, near, dim=0) > 0.999
