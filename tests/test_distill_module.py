"""Any torch module distilled into any other."""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from locum import distill_module
from locum.errors import UsageError
from locum.losses import forward_kl, total_variation
from locum.training import hinton_loss
from locum.training.batches import parts_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

INPUTS, WIDTH, CLASSES = 400, 8, 5


def network(hidden: int, seed: int, dropout: float = 0.0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(WIDTH, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, CLASSES)
        )


@pytest.fixture
def inputs() -> Tensor:
    return torch.randn(INPUTS, WIDTH, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def teacher() -> nn.Module:
    """Random, and sure of its answers."""
    model = network(64, 1, dropout=0.5)
    with torch.no_grad():
        list(model.parameters())[-2].mul_(6)  # the last layer's weights
    return model


def agreement(student: nn.Module, teacher: nn.Module, inputs: Tensor) -> float:
    teacher.eval()
    with torch.no_grad():
        same = student(inputs).argmax(-1) == teacher(inputs).argmax(-1)
    return float(same.float().mean())


def test_a_student_comes_to_agree(inputs: Tensor, teacher: nn.Module) -> None:
    labels = teacher.eval()(inputs).argmax(-1)
    student = network(32, 2)
    before = agreement(student, teacher, inputs)
    loader = DataLoader(TensorDataset(inputs, labels), batch_size=40, shuffle=True)
    epochs = distill_module(
        student, teacher, loader, epochs=30, optimizer=lambda given: torch.optim.AdamW(given, 0.01)
    )
    assert agreement(student, teacher, inputs) > max(0.9, before + 0.3)
    assert epochs[-1].loss < epochs[0].loss / 3
    assert [epoch.number for epoch in epochs] == list(range(1, 31))
    assert {epoch.inputs for epoch in epochs} == {INPUTS}


def test_one_step_is_the_gradient_of_the_loss(inputs: Tensor, teacher: nn.Module) -> None:
    student = network(16, 3)
    by_hand = deepcopy(student)
    labels = torch.arange(INPUTS) % CLASSES
    distill_module(
        student,
        teacher,
        [(inputs, labels)],
        loss=hinton_loss(temperature=3, soft_share=0.25),
        epochs=1,
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1),
    )
    teacher.eval()
    soft = (teacher(inputs).detach() / 3).softmax(-1)
    logits = by_hand(inputs)
    value = 9 * 0.25 * -(soft * (logits / 3).log_softmax(-1)).sum(-1).mean()
    value = value + 0.75 * nn.functional.cross_entropy(logits, labels)
    for ours, parameter in zip(student.parameters(), by_hand.parameters(), strict=True):
        (slope,) = torch.autograd.grad(value, parameter, retain_graph=True)
        torch.testing.assert_close(ours, parameter - 0.1 * slope)


def test_modes_and_random_numbers_are_left_as_they_were(inputs: Tensor, teacher: nn.Module) -> None:
    teacher.train()
    teacher[2].eval()  # type: ignore[index]
    before, state = deepcopy(teacher.state_dict()), torch.get_rng_state()
    student = network(16, 4, dropout=0.5)
    distill_module(student, teacher, [inputs], epochs=2)
    assert not any(module.training for module in student.modules())
    assert teacher.training
    assert not teacher[2].training  # type: ignore[index]
    assert all(bool((before[name] == value).all()) for name, value in teacher.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_a_seed_gives_the_same_weights(inputs: Tensor, teacher: nn.Module) -> None:
    loader = DataLoader(TensorDataset(inputs), batch_size=50, shuffle=True)
    one, same, other = (network(16, 5, dropout=0.3) for _ in range(3))
    for student, seed in ((one, 1), (same, 1), (other, 2)):
        torch.rand(seed)
        distill_module(student, teacher, loader, epochs=2, seed=seed)
    first, again, apart = (next(student.parameters()) for student in (one, same, other))
    assert torch.equal(first, again)
    assert not torch.equal(first, apart)


def normed(seed: int) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(WIDTH, 16), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.Linear(16, CLASSES)
        )


def test_a_frozen_backbone_of_the_teacher_is_only_asked(inputs: Tensor) -> None:
    """Its statistics of batches are not those of the training, and its answers no noise."""
    teacher = normed(1)
    backbone = teacher[:3].requires_grad_(requires_grad=False)
    student = nn.Sequential(backbone, nn.Linear(16, CLASSES))
    before = deepcopy(teacher.state_dict())
    wanted: list[Tensor] = []

    def loss(given: Tensor, asked: Tensor, labels: Tensor | None) -> Tensor:
        wanted.append(asked)
        return hinton_loss()(given, asked, labels)

    distill_module(student, teacher, [inputs], epochs=3, loss=loss)
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())
    assert all(torch.equal(asked, wanted[0]) for asked in wanted)
    assert teacher.training
    assert teacher[3].training
    assert not any(module.training for module in student.modules())


def test_parameters_of_the_teacher_may_not_learn(inputs: Tensor, teacher: nn.Module) -> None:
    student = nn.Sequential(teacher[0], nn.Linear(64, CLASSES))  # type: ignore[index]
    with pytest.raises(UsageError, match=r"2 parameters that learn .* first 0.weight"):
        distill_module(student, teacher, [inputs])


def take_numbers(student: nn.Module, teacher: nn.Module) -> None:
    student[0].weight.data = teacher[0].weight.data  # type: ignore[index]


def take_parameter(student: nn.Module, teacher: nn.Module) -> None:
    student[0].weight = nn.Parameter(teacher[0].weight)  # type: ignore[index]


def take_state(student: nn.Module, teacher: nn.Module) -> None:
    student.load_state_dict(teacher.state_dict(), assign=True)


@pytest.mark.parametrize("take", [take_numbers, take_parameter, take_state])
def test_parameters_in_the_memory_of_the_teacher_may_not_learn(
    take: Callable[[nn.Module, nn.Module], None], inputs: Tensor, teacher: nn.Module
) -> None:
    """A student that starts from its teacher's weights, and not from copies of them."""
    student = network(64, 3)
    take(student, teacher)
    with pytest.raises(UsageError, match=r"the teacher's too, the first 0.weight: .*deepcopy"):
        distill_module(student, teacher, [inputs])
    before = deepcopy(teacher.state_dict())
    distill_module(student, deepcopy(teacher), [inputs], epochs=1)
    assert not torch.equal(before["0.weight"], student.state_dict()["0.weight"])


def test_statistics_in_the_memory_of_the_teacher_stay(inputs: Tensor) -> None:
    teacher, student = normed(1), normed(2)
    student.load_state_dict(teacher.state_dict(), assign=True)
    student.requires_grad_(requires_grad=False)
    student[3] = nn.Linear(16, CLASSES)
    before = deepcopy(teacher.state_dict())
    distill_module(student, teacher, [inputs], epochs=2)
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())


def test_layers_that_have_no_size_yet_learn(inputs: Tensor, teacher: nn.Module) -> None:
    student = nn.Sequential(nn.LazyLinear(16), nn.Tanh(), nn.LazyLinear(CLASSES))
    first, *_, last = distill_module(student, teacher, [inputs], epochs=20)
    assert last.loss < first.loss


def test_what_is_told_of_an_epoch_changes_no_training(inputs: Tensor, teacher: nn.Module) -> None:
    """A callback that validates puts the student into evaluation mode, and draws."""
    told, alone = normed(3), normed(3)
    loader = DataLoader(TensorDataset(inputs), batch_size=100, shuffle=True)

    def validate(_: object) -> None:
        told.eval()
        next(iter(loader))

    distill_module(told, teacher, loader, epochs=3, tell=validate)
    distill_module(alone, teacher, loader, epochs=3)
    assert told[1].num_batches_tracked == 12
    assert all(
        torch.equal(*pair) for pair in zip(told.parameters(), alone.parameters(), strict=True)
    )


class RootAtZero(nn.Module):
    """Its answers are finite, and their slope is not."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(WIDTH, CLASSES)

    def forward(self, given: Tensor) -> Tensor:
        """Answer."""
        logits: Tensor = self.inner(given)
        return logits + (logits * 0).sqrt()


def test_weights_that_the_last_step_broke_are_refused(inputs: Tensor, teacher: nn.Module) -> None:
    with pytest.raises(UsageError, match=r"inner.weight holds .* not finite after epoch 1"):
        distill_module(RootAtZero(), teacher, [inputs], epochs=1)


@pytest.mark.parametrize("without", [torch.no_grad, torch.inference_mode])
def test_gradients_are_made_where_the_caller_wants_none(
    without: Callable[[], Any], inputs: Tensor, teacher: nn.Module
) -> None:
    alone, within = network(16, 3), network(16, 3)
    distill_module(alone, teacher, [inputs], epochs=1)
    with without():
        distill_module(within, teacher, [inputs], epochs=1)
    torch.testing.assert_close(within[0].weight, alone[0].weight, rtol=0, atol=0)


class Named(nn.Module):
    """Takes its inputs by name and answers with an object, as Hugging Face's models do."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, *, features: Tensor, scale: Tensor) -> SimpleNamespace:
        """Answer."""
        return SimpleNamespace(logits=self.inner(features * scale))


def test_batches_by_name(inputs: Tensor, teacher: nn.Module) -> None:
    scale = torch.full((INPUTS, 1), 0.5)
    batch = {
        "features": inputs,
        "scale": scale,
        "labels": torch.zeros(INPUTS, dtype=torch.long),
    }
    by_name, plain = network(16, 6), network(16, 6)
    distill_module(Named(by_name), Named(teacher), [batch], epochs=2)
    distill_module(plain, teacher, [(inputs * scale, batch["labels"])], epochs=2)
    torch.testing.assert_close(by_name[0].weight, plain[0].weight)
    assert set(batch) == {"features", "scale", "labels"}


class Wrapped(nn.Module):
    """Answers with something around its logits."""

    def __init__(self, wrap: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.inner, self.wrap = network(4, 7), wrap

    def forward(self, given: Tensor) -> Any:  # noqa: ANN401 - anything
        """Answer."""
        return self.wrap(self.inner(given))


def test_logits_in_a_mapping(inputs: Tensor, teacher: nn.Module) -> None:
    plain, wrapped = network(4, 7), Wrapped(lambda logits: {"loss": None, "logits": logits})
    distill_module(plain, teacher, [inputs], epochs=1)
    distill_module(wrapped, teacher, [inputs], epochs=1)
    torch.testing.assert_close(wrapped.inner[0].weight, plain[0].weight, rtol=0, atol=0)


@pytest.mark.parametrize("wrap", [lambda logits: (logits,), lambda logits: {"scores": logits}])
def test_answers_without_logits_are_refused(
    inputs: Tensor, teacher: nn.Module, wrap: Callable[[Tensor], Any]
) -> None:
    with pytest.raises(UsageError, match=r"the student returned a (tuple|dict), expected a tensor"):
        distill_module(Wrapped(wrap), teacher, [inputs])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32])
def test_labels_may_be_short_whole_numbers(
    inputs: Tensor, teacher: nn.Module, dtype: torch.dtype
) -> None:
    labels = torch.arange(INPUTS) % CLASSES
    ends = [
        distill_module(network(4, 7), teacher, [(inputs, given)], epochs=1)[0].loss
        for given in (labels, labels.to(dtype))
    ]
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda labels: labels.float(), r"labels are torch.float32, .* labels.long\(\)"),
        (nn.functional.one_hot, r"labels are \[400, 5\], .* \[400\]"),
        (lambda labels: labels[:, None], r"labels are \[400, 1\], .* squeeze"),
        (lambda labels: labels.tolist(), "labels are list, expected a tensor"),
        (lambda labels: labels[:-1], r"labels are \[399\], expected a tensor \[400\]"),
    ],
)
def test_labels_that_are_no_numbers_of_classes_are_refused(
    inputs: Tensor, teacher: nn.Module, change: Callable[[Tensor], Any], said: str
) -> None:
    labels = change(torch.arange(INPUTS) % CLASSES)
    with pytest.raises(ValueError, match=said):
        distill_module(network(4, 7), teacher, [(inputs, labels)])


def test_all_tensors_of_a_batch_are_moved(inputs: Tensor) -> None:
    features = {"features": inputs, "more": [inputs, (inputs, 3)]}
    given, labels = parts_of((features, inputs), "meta")
    first, (second, number) = given["more"]
    assert labels is not None
    assert all(part.is_meta for part in (given["features"], first, second, labels))
    assert number == 3
    assert features["features"] is inputs


def test_a_loss_of_ones_own(inputs: Tensor, teacher: nn.Module) -> None:
    seen: list[Tensor | None] = []

    def loss(student: Tensor, wanted: Tensor, labels: Tensor | None) -> Tensor:
        seen.append(labels)
        return total_variation(student, wanted)

    student = network(32, 7)
    epochs = distill_module(student, teacher, [[inputs]], loss=loss, epochs=40)
    assert epochs[-1].loss < epochs[0].loss * 0.8
    assert seen == [None] * 40


def test_epochs_are_told(inputs: Tensor, teacher: nn.Module) -> None:
    told: list[int] = []
    distill_module(
        network(4, 8), teacher, [inputs], epochs=3, tell=lambda epoch: told.append(epoch.number)
    )
    assert told == [1, 2, 3]


def test_a_loss_that_breaks_stops_with_the_weights_before(
    inputs: Tensor, teacher: nn.Module
) -> None:
    broken = inputs.clone()
    broken[3] = torch.nan
    student, same = network(8, 9), network(8, 9)
    with pytest.raises(UsageError, match="loss is nan in epoch 1"):
        distill_module(student, teacher, [inputs, broken], epochs=2)
    distill_module(same, teacher, [inputs], epochs=1)
    torch.testing.assert_close(student[0].weight, same[0].weight)
    assert not student.training


@pytest.mark.parametrize(
    ("loader", "changes", "said"),
    [
        ([], {}, "gave no batch in epoch 1"),
        ([(1, 2, 3)], {}, "a batch is a tuple of 3"),
        (["text"], {}, "a batch is a str, expected"),
        ([torch.zeros(2, WIDTH)], {"epochs": 0}, "epochs is 0"),
        ([torch.zeros(2, WIDTH)], {"device": "meta"}, "device='meta' cannot be used .* 'cpu'"),
        ([torch.zeros(2, WIDTH)], {"device": "nonsense"}, "'nonsense' cannot be used .* 'cpu'"),
        ([{"input": torch.zeros(2, WIDTH), "label": torch.zeros(2)}], {}, "expected 'labels'"),
        (TensorDataset(torch.zeros(2, WIDTH)), {}, r"logits are \[5\], .* a DataLoader"),
        (
            [torch.zeros(2, WIDTH)],
            {"optimizer": torch.optim.SGD([torch.zeros(1)], lr=0.1)},
            r"optimizer is an object of SGD, .* lambda parameters: SGD\(parameters, lr",
        ),
        (
            [torch.zeros(2, WIDTH)],
            {"loss": lambda given, _asked, _labels: given.sum(dim=-1)},
            r"the loss is \[2\], expected one number .* the mean over the batch",
        ),
        (
            [torch.zeros(2, WIDTH)],
            {"loss": lambda given, _asked, _labels: given.sum().item()},
            "the loss is float, expected one number as a tensor",
        ),
        (
            [torch.zeros(2, WIDTH)],
            {"loss": lambda given, _asked, _labels: given.detach().sum()},
            "the loss is a number without a gradient, expected",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(
    loader: list[Any], changes: dict[str, Any], said: str, teacher: nn.Module
) -> None:
    with pytest.raises(UsageError, match=said):
        distill_module(network(4, 10), teacher, loader, **changes)


def test_a_generator_that_ends_is_named(inputs: Tensor, teacher: nn.Module) -> None:
    with pytest.raises(UsageError, match=r"no batch in epoch 2.*DataLoader"):
        distill_module(network(4, 11), teacher, (one for one in [inputs]), epochs=2)


def test_a_frozen_student_is_refused(inputs: Tensor, teacher: nn.Module) -> None:
    with pytest.raises(UsageError, match="no parameter of the student learns"):
        distill_module(network(4, 12).requires_grad_(requires_grad=False), teacher, [inputs])


def test_unlike_classes_are_refused(inputs: Tensor, teacher: nn.Module) -> None:
    with pytest.raises(ValueError, match="cut both"):
        distill_module(nn.Linear(WIDTH, 3), teacher, [inputs])


def test_one_logit_of_yes_or_no_is_refused(inputs: Tensor) -> None:
    """Its softmax is one whatever it is: nothing would be learned, at a loss of zero."""
    with pytest.raises(ValueError, match=r"logits are \[400, 1\], .* torch.cat\("):
        distill_module(nn.Linear(WIDTH, 1), nn.Linear(WIDTH, 1), [inputs])

    def squared(given: Tensor, asked: Tensor, _labels: Tensor | None) -> Tensor:
        return nn.functional.mse_loss(given, asked)

    first, *_, last = distill_module(
        nn.Linear(WIDTH, 1), nn.Linear(WIDTH, 1), [inputs], loss=squared, epochs=20
    )
    assert last.loss < first.loss


def test_soft_targets_alone_where_there_are_no_labels(inputs: Tensor, teacher: nn.Module) -> None:
    student = network(4, 13)
    wanted, given = teacher.eval()(inputs), student(inputs)
    value = hinton_loss(2.0)(given, wanted, None)
    torch.testing.assert_close(value, forward_kl(given, wanted, temperature=2))


def test_rows_whose_label_is_below_zero_have_no_part(inputs: Tensor, teacher: nn.Module) -> None:
    student, wanted = network(4, 13), teacher.eval()(inputs[:12]).reshape(3, 4, CLASSES)
    labels = wanted.argmax(-1)
    labels[0, 2:] = labels[2, 1] = -100
    given = student(inputs[:12]).reshape(3, 4, CLASSES)
    kept = labels >= 0
    loss = hinton_loss(2.0, 0.5)
    torch.testing.assert_close(
        loss(given, wanted, labels), loss(given[kept], wanted[kept], labels[kept])
    )
    assert loss(given, wanted, torch.full_like(labels, -100)) == 0
    [epoch] = distill_module(student, teacher, [(inputs[:12], labels.reshape(12))], epochs=1)
    assert epoch.inputs == 12


def test_all_may_be_under_autocast(inputs: Tensor, teacher: nn.Module) -> None:
    """Autocast keeps short copies of weights, which would be those of the first batch for good."""
    student = network(32, 2)
    loader = DataLoader(TensorDataset(inputs), batch_size=40, shuffle=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        distill_module(
            student,
            teacher,
            [batch for (batch,) in loader],
            epochs=30,
            optimizer=lambda given: torch.optim.AdamW(given, 0.01),
        )
    assert agreement(student, teacher, inputs) > 0.8
