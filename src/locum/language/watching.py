"""Running a language model over texts while what passes through its parts is looked at."""

# ruff: noqa: N806 - names end in their shapes

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from locum.errors import UsageError
from locum.students.encoder_layers import find_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from torch import Tensor, nn
    from transformers import PreTrainedModel

__all__ = ["run_over", "stack_of", "watched"]


def stack_of(model: PreTrainedModel) -> nn.ModuleList:
    """Return a model's layers.

    Raises:
        UsageError: It keeps them where they cannot be found.
    """
    found = find_stack(model)
    if found is None:
        raise UsageError(
            f"{type(model).__name__} holds no list of {model.config.num_hidden_layers} layers: "
            "expected a causal language model of transformers such as Llama, Qwen or SmolLM"
        )
    stack: nn.ModuleList = getattr(*found)
    return stack


@contextmanager
def watched(hooks: Iterable[tuple[nn.Module, Callable[..., Any]]]) -> Iterator[None]:
    """Call each hook after its module, with the module's arguments, while the block runs."""
    with ExitStack() as stack:
        for module, hook in hooks:
            stack.callback(module.register_forward_hook(hook, with_kwargs=True).remove)
        yield


def run_over(model: PreTrainedModel, batches: Iterable[Tensor]) -> None:
    """Run a model over token ids ``[S, L]`` without gradients or dropout; its mode is put back.

    Raises:
        UsageError: There are no batches.
    """
    import torch

    ran, training = False, model.training
    model.train(mode=False)
    try:
        with torch.inference_mode():
            for ids_SL in batches:
                model(input_ids=ids_SL.to(model.device), use_cache=False, logits_to_keep=1)
                ran = True
    finally:
        model.train(mode=training)
    if not ran:
        raise UsageError("there is no text to measure on: expected at least one batch of tokens")
