"""Distil any classifier in torch into any other: Hinton's soft targets, or a loss of your own.

Shapes: N inputs of a batch, C classes; a language model's logits may have more leading axes.
"""

# ruff: noqa: N803, N806 - names end in their shapes

from __future__ import annotations

from contextlib import contextmanager
from math import isfinite
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from locum.errors import UsageError
from locum.losses import forward_kl, mix, token_cross_entropy
from locum.training.batches import logits_of, parts_of
from locum.training.devices import refuse_device
from locum.training.memory import hold_still, memory_of, place
from locum.training.modes import modes_kept

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
        ValueError: Either is out of its range, logits are of one class, or labels are not one whole
            number for each row of logits; at the first batch.
    """

    def loss(student_NC: Tensor, teacher_NC: Tensor, labels_N: Tensor | None) -> Tensor:
        _refuse_one_class(student_NC)
        labels_N = None if labels_N is None else _class_numbers(labels_N, student_NC)
        mask_N = None if labels_N is None else labels_N >= 0
        soft = forward_kl(student_NC, teacher_NC, temperature=temperature, mask=mask_N)
        if labels_N is None:
            return soft
        return mix(soft, token_cross_entropy(student_NC, labels_N, mask=mask_N), soft_share)

    return loss


def _refuse_one_class(logits_NC: Tensor) -> None:
    """Refuse a single logit, as of a sigmoid, whose softmax is one whatever it is."""
    if logits_NC.shape[-1] == 1:
        raise ValueError(
            f"logits are {list(logits_NC.shape)}, expected two classes or more: a softmax over one "
            "is always one, and nothing would be learned. Of a single logit of yes or no make "
            "torch.cat([torch.zeros_like(logit), logit], dim=-1), in teacher and student"
        )


def _class_numbers(labels: Tensor, logits_NC: Tensor) -> Tensor:
    """Return labels as the whole numbers that torch takes for places."""
    import torch

    if not isinstance(labels, torch.Tensor) or labels.shape != logits_NC.shape[:-1]:
        found = list(labels.shape) if isinstance(labels, torch.Tensor) else type(labels).__name__
        raise ValueError(
            f"labels are {found}, expected a tensor {list(logits_NC.shape[:-1])}, the number of "
            "the class for each row of logits: torch.tensor(...) of a list, argmax(-1) of one-hot "
            "labels, squeeze(-1) of a column"
        )
    if labels.is_floating_point() or labels.is_complex():
        raise ValueError(f"labels are {labels.dtype}, expected whole numbers: labels.long()")
    return labels.long()


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
    classes: a tensor, or a mapping or an object with ``logits`` as Hugging Face's models return. A
    batch of the loader is a tensor of inputs, a pair of inputs and labels, or a mapping that is
    passed on by name, less its ``labels``.

    A label is of the logits at its own place, and nothing is moved: for a causal language model it
    is the token that comes next there, ``ids.roll(-1, 1)`` with -100 in the last column and at
    padding, where Hugging Face's models take ``ids``.

    The student is trained where it stands and left in evaluation mode; the teacher is only asked,
    in evaluation mode and without gradients, and left in the mode it was in. Modules that both
    have, such as a frozen backbone, or whose buffers lie in the same memory as the teacher's, are
    in evaluation mode during all of it and after. Torch's
    random numbers are seeded for the training, and left as they were: with the same seed, loader
    and number of threads the weights are the same, whether or not ``tell`` draws.

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
        tell: Is told of each epoch. It may evaluate the student, and draw.

    Returns:
        The epochs.

    Raises:
        UsageError: An argument cannot be used, the loader gives no batch or one of another form, or
            the loss or a weight is no longer finite. The student keeps the weights that it had
            then.
    """
    import torch

    if epochs < 1:
        raise UsageError(f"epochs is {epochs}, expected one or more")
    if device is not None:
        _move(device, student, teacher)
    learning = _learning(student, teacher)  # of what lies together where it was moved to
    judge = loss or hinton_loss()
    steps = _optimizer(optimizer, learning)
    history = []
    with torch.random.fork_rng(), _gradients(), _left_as_promised(student, teacher):
        torch.manual_seed(seed)
        for number in range(1, epochs + 1):
            history.append(_pass(number, student, teacher, loader, judge, steps, device))
            if tell is not None:
                with torch.random.fork_rng():
                    tell(history[-1])
    return history


def _move(device: str, *modules: Module) -> None:
    refuse_device(device)
    with _gradients():
        for module in modules:
            module.to(device)


def _learning(student: Module, teacher: Module) -> list[Parameter]:
    """Return the parameters that learn, none of which may be the teacher's."""
    learning = {name: one for name, one in student.named_parameters() if one.requires_grad}
    if not learning:
        raise UsageError(
            "no parameter of the student learns: set requires_grad of some, or give another student"
        )
    asked, theirs = {id(parameter) for parameter in teacher.parameters()}, memory_of(teacher)
    shared = [n for n, one in learning.items() if id(one) in asked or place(one) in theirs]
    if shared:
        raise UsageError(
            f"{len(shared):,} parameters that learn are the teacher's too, the first {shared[0]}: "
            "it would change while it is asked. Freeze them by requires_grad_(False), or give a "
            "copy.deepcopy(teacher)"
        )
    return list(learning.values())


def _optimizer(make: Any, learning: list[Parameter]) -> Optimizer:  # noqa: ANN401 - or what is none
    import torch

    if make is None:
        return torch.optim.AdamW(learning, lr=1e-3)
    if not callable(make):
        name = type(make).__name__
        raise UsageError(
            f"optimizer is an object of {name}, expected what makes one of the parameters that "
            f"learn: lambda parameters: {name}(parameters, lr=...)"
        )
    made: Optimizer = make(learning)
    return made


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
    student.train()
    teacher.eval()  # after the student, which may have modules of it
    hold_still(student, memory_of(teacher))
    for batch in loader:
        given, labels = parts_of(batch, device)
        with torch.no_grad():
            wanted = logits_of(teacher, given, "teacher")
        value = loss(logits_of(student, given, "student"), wanted, labels)
        _refuse_no_loss(value)
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
    _refuse_broken(student, number)
    return Epoch(number, total / inputs, inputs, monotonic() - started)


def _refuse_no_loss(value: Any) -> None:  # noqa: ANN401 - or what is none
    import torch

    tensor = isinstance(value, torch.Tensor)
    if tensor and value.numel() == 1 and value.requires_grad:
        return
    what = type(value).__name__
    if tensor:
        what = f"{list(value.shape)}" if value.numel() != 1 else "a number without a gradient"
    raise UsageError(
        f"the loss is {what}, expected one number as a tensor with a gradient: the mean over the "
        "batch, made of the student's logits by torch alone and not detached"
    )


def _refuse_broken(student: Module, epoch: int) -> None:
    """Refuse weights that the last step broke; those of a step before show in the loss."""
    for name, parameter in student.named_parameters():
        if parameter.requires_grad and not parameter.isfinite().all():
            raise UsageError(
                f"{name} holds numbers that are not finite after epoch {epoch}: try a lower "
                "learning rate, and see that the loss has a slope everywhere, which a square root "
                "or a norm does not have at zero"
            )


@contextmanager
def _gradients() -> Iterator[None]:
    """Have gradients made, whatever the caller wants of its own tensors."""
    import torch

    with torch.inference_mode(mode=False), torch.enable_grad():
        yield


@contextmanager
def _left_as_promised(student: Module, teacher: Module) -> Iterator[None]:
    """Put every part of a teacher back into its mode, and leave a student in evaluation mode."""
    try:
        with modes_kept(teacher):
            yield
    finally:
        student.eval()
