"""Running a language model over texts while what passes through its parts is looked at."""

# ruff: noqa: N806 - names end in their shapes

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from locum.errors import UsageError
from locum.students.encoder_layers import find_stack
from locum.training.modes import evaluated

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
    """Run a model over token ids ``[S, L]`` without gradients or dropout; modes are put back.

    Raises:
        UsageError: There are no batches, or one is anything else.
    """
    import torch

    ran = False
    with torch.inference_mode(), evaluated(model):
        for ids_SL in batches:
            _refuse_other(ids_SL)
            model(input_ids=ids_SL.to(model.device), use_cache=False, logits_to_keep=1)
            ran = True
    if not ran:
        raise UsageError("there is no text to measure on: expected at least one batch of tokens")


def _refuse_other(batch: object) -> None:
    import torch

    if not isinstance(batch, torch.Tensor) or batch.dim() != 2:
        what = f"{tuple(batch.shape)}" if isinstance(batch, torch.Tensor) else type(batch).__name__
        raise UsageError(
            f"a batch is {what}, expected a tensor of token ids [sequences, tokens]: of a batch of "
            'transformers\' tokenizers or collators that is batch["input_ids"], without padding'
        )
