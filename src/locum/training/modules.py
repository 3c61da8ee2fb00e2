"""Distil any classifier in torch into any other: Hinton's soft targets, or a loss of your own.

Shapes: N inputs of a batch, C classes; a language model's logits may have more leading axes.
"""

# ruff: noqa: N803, N806 - names end in their shapes

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from math import isfinite
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from locum.errors import UsageError
from locum.losses import forward_kl, mix, token_cross_entropy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from torch import Tensor
    from torch.nn import Module, Parameter
    from torch.optim import Optimizer

    ModuleLoss = Callable[[Tensor, Tensor, Tensor | None], Tensor]

__all__ = ["Epoch", "distill_module", "hinton_loss"]


class Epoch(NamedTuple):
    """A pass over the loader.

    Args:
        number: From one.
        loss: Mean over its inputs.
        inputs: How many there were.
        seconds: What it took.
    """

    number: int
    loss: float
    inputs: int
    seconds: float


def hinton_loss(temperature: float = 4.0, soft_share: float = 0.9) -> ModuleLoss:
    """Return the loss of Hinton, Vinyals and Dean (2015, section 2).

    ``soft_share T^2 KL(softmax(teacher / T) || softmax(student / T)) + (1 - soft_share) CE(label,
    softmax(student))``, whose gradient is that of their soft-target cross-entropy. Without labels
    the first term is all there is. Rows of logits whose label is below zero, such as the -100 of
    Hugging Face's padding, have no part in either.

    Args:
        temperature: ``T > 0``.
        soft_share: From zero to one.

    Raises:
        ValueError: Either is out of its range; at the first batch.
    """

    def loss(student_NC: Tensor, teacher_NC: Tensor, labels_N: Tensor | None) -> Tensor:
        mask_N = None if labels_N is None else labels_N >= 0
        soft = forward_kl(student_NC, teacher_NC, temperature=temperature, mask=mask_N)
        if labels_N is None:
            return soft
        return mix(soft, token_cross_entropy(student_NC, labels_N, mask=mask_N), soft_share)

    return loss


def distill_module(
    student: Module,
    teacher: Module,
    loader: Iterable[Any],
    *,
    loss: ModuleLoss | None = None,
    epochs: int = 10,
    optimizer: Callable[[Iterable[Parameter]], Optimizer] | None = None,
    device: str | None = None,
    seed: int = 0,
    tell: Callable[[Epoch], None] | None = None,
) -> list[Epoch]:
    """Train a student to give the logits that a teacher gives, batch by batch.

    Nothing is asked of the two but that they take the same inputs and return logits over the same
    classes: a tensor, or an object with ``logits`` as Hugging Face's models return. A batch of the
    loader is a tensor of inputs, a pair of inputs and labels, or a mapping that is passed on by
    name, less its ``labels``.

    A label is of the logits at its own place, and nothing is moved: for a causal language model it
    is the token that comes next there, ``ids.roll(-1, 1)`` with -100 in the last column and at
    padding, where Hugging Face's models take ``ids``.

    The student is trained where it stands and left in evaluation mode; the teacher is only asked,
    in evaluation mode and without gradients, and left in the mode it was in. Torch's random numbers
    are seeded for the training, and left as they were: with the same seed, loader and number of
    threads the weights are the same.

    Args:
        student: What learns.
        teacher: What is imitated.
        loader: Batches, gone through once an epoch; a ``DataLoader`` or a list.
        loss: Of the student's logits, the teacher's, and the labels or ``None``: a mean over the
            batch. By default `hinton_loss` at temperature 4 with nine tenths for the soft part.
        epochs: How many.
        optimizer: Makes one of the parameters that learn; by default AdamW at a rate of 0.001.
        device: As torch calls it, to which both and each batch are moved; by default they stay.
        seed: Of dropout, and of a loader that shuffles by torch's own random numbers.
        tell: Is told of each epoch.

    Returns:
        The epochs.

    Raises:
        UsageError: An argument cannot be used, the loader gives no batch or one of another form,
            or the loss is no longer finite. The student keeps the weights that it had then.
    """
    import torch

    if epochs < 1:
        raise UsageError(f"epochs is {epochs}, expected one or more")
    learning = [parameter for parameter in student.parameters() if parameter.requires_grad]
    if not learning:
        raise UsageError(
            "no parameter of the student learns: set requires_grad of some, or give another student"
        )
    for module in (student, teacher) if device is not None else ():
        module.to(device)
    judge = loss or hinton_loss()
    steps = (optimizer or (lambda parameters: torch.optim.AdamW(parameters, lr=1e-3)))(learning)
    history = []
    with torch.random.fork_rng(), _asked(teacher), _learning(student):
        torch.manual_seed(seed)
        for number in range(1, epochs + 1):
            history.append(_pass(number, student, teacher, loader, judge, steps, device))
            if tell is not None:
                tell(history[-1])
    return history


def _pass(
    number: int,
    student: Module,
    teacher: Module,
    loader: Iterable[Any],
    loss: ModuleLoss,
    optimizer: Optimizer,
    device: str | None,
) -> Epoch:
    import torch

    started, total, inputs = monotonic(), 0.0, 0
    for batch in loader:
        given, labels = _parts(batch, device)
        with torch.no_grad():
            wanted = _logits(teacher, given)
        value = loss(_logits(student, given), wanted, labels)
        amount = float(value.detach())
        if not isfinite(amount):
            raise UsageError(
                f"the loss is {amount} in epoch {number}, expected a finite number: try a "
                "lower learning rate, and see that the teacher's logits are finite"
            )
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        torch.clear_autocast_cache()  # where all is under autocast, it holds weights of before
        total, inputs = total + amount * len(wanted), inputs + len(wanted)
    if not inputs:
        raise UsageError(
            f"the loader gave no batch in epoch {number}, expected some: a generator is empty "
            "after its first pass, so give a DataLoader or a list"
        )
    return Epoch(number, total / inputs, inputs, monotonic() - started)


def _parts(batch: Any, device: str | None) -> tuple[Any, Tensor | None]:  # noqa: ANN401 - any batch
    """Divide a batch into what models are given and labels."""
    import torch

    if isinstance(batch, Mapping):
        moved = {name: _moved(value, device) for name, value in batch.items()}
        return moved, moved.pop("labels", None)
    if isinstance(batch, torch.Tensor):
        return _moved(batch, device), None
    if isinstance(batch, list | tuple) and 1 <= len(batch) <= 2:
        given, *labels = (_moved(part, device) for part in batch)
        return given, (labels[0] if labels else None)
    raise UsageError(
        f"a batch is a {type(batch).__name__}"
        f"{f' of {len(batch)}' if isinstance(batch, list | tuple) else ''}, expected a tensor of "
        "inputs, a pair of inputs and labels, or a mapping"
    )


def _moved(value: Any, device: str | None) -> Any:  # noqa: ANN401 - any part of a batch
    return value if device is None or not hasattr(value, "to") else value.to(device)


def _logits(model: Module, given: Any) -> Tensor:  # noqa: ANN401 - any input
    answer = model(**given) if isinstance(given, Mapping) else model(given)
    logits: Tensor = getattr(answer, "logits", answer)
    return logits


@contextmanager
def _asked(teacher: Module) -> Iterator[None]:
    """Have a teacher in evaluation mode, and put every part of it back."""
    modes = [(module, module.training) for module in teacher.modules()]
    teacher.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def _learning(student: Module) -> Iterator[None]:
    student.train()
    try:
        yield
    finally:
        student.eval()
