"""What soft labels gained: students with and without them, on the same validation inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from locum.calibration import fit_temperature
from locum.calibration.temperature import log_losses
from locum.evaluation import Interval
from locum.losses import soften
from locum.relabelling.students import fit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from locum.relabelling.material import Material

__all__ = ["Arm", "Arms", "Gain", "Gains", "Measure", "MeasureName", "equal_spend", "measure_gains"]

MeasureName = Literal["loss", "soft_loss", "risk_area", "agreement"]
_RESAMPLES = 3
_PARTS = 5
_REPLICATES = 500
_SMALLEST = 1e-12
_ROUNDING = 1e-9
_ENDS = (2.5, 97.5)


class Arm(NamedTuple):
    """Soft labels of train inputs that were bought one way.

    Args:
        rows: The inputs, in the order in which they were wanted.
        costs: What each of their labels cost, in US dollars.
    """

    rows: list[int]
    costs: list[float]

    @property
    def usd(self) -> float | None:
        """What they cost together; ``None`` where that is nothing."""
        return sum(self.costs) or None

    def first(self, count: int) -> Arm:
        """So many of them."""
        return Arm(self.rows[:count], self.costs[:count])


class Arms(NamedTuple):
    """What students learn from besides recorded answers.

    Args:
        bought: All labels.
        chosen: Some of the chosen ones; empty where none were drawn at random.
        control: Random ones, at equal spend; likewise.
    """

    bought: Arm
    chosen: Arm
    control: Arm

    def rows(self) -> list[list[int]]:
        """The rows of each arm, of the one without any label first."""
        compared = [self.chosen.rows, self.control.rows] if self.control.rows else []
        return [[], self.bought.rows, *compared]


class Gain(NamedTuple):
    """By how much something is better; less than zero where it is worse.

    Args:
        value: The gain.
        interval: Its 95% interval.
        per_dollar: The gain for each dollar that one arm cost; ``None`` where labels are free.
    """

    value: float
    interval: Interval
    per_dollar: float | None


class Measure(NamedTuple):
    """One way to look at the students.

    Args:
        name: ``loss`` is the mean negative log-likelihood of the recorded answers and
            ``soft_loss`` the mean cross-entropy to the teacher's distributions, both in nats;
            ``risk_area`` is the area under the risk-coverage curve.
        inputs: Validation inputs that it was taken on.
        without: Its value with none of the soft labels that were bought.
        bought: What all of them gained that are of train inputs.
        chosen: What some of the chosen ones gained; ``None`` where none were drawn at random.
        control: What as many dollars' worth of random ones gained; likewise.
        difference: What choosing gained over chance; likewise.
    """

    name: MeasureName
    inputs: int
    without: float
    bought: Gain
    chosen: Gain | None
    control: Gain | None
    difference: Gain | None


class Gains(NamedTuple):
    """What soft labels of train inputs gained, and what choosing did at equal spend.

    Args:
        bought: Labels that were bought, now and in earlier runs, chosen and random ones.
        bought_usd: What they cost; ``None`` where labels are free.
        chosen: Chosen labels that were compared with random ones.
        control: Random ones.
        usd: What either cost; ``None`` where labels are free, or none were compared.
        measures: How the students differ, the one that the verdict rests on first.
    """

    bought: int
    bought_usd: float | None
    chosen: int
    control: int
    usd: float | None
    measures: list[Measure]


class _Sample(NamedTuple):
    """What the students of one resample say, by arm first."""

    losses: NDArray[np.float64]
    soft_losses: NDArray[np.float64]
    agrees: NDArray[np.bool_]
    surest_first: NDArray[np.int64]


def equal_spend(chosen: Arm, control: Arm) -> tuple[Arm, Arm]:
    """Cut both arms down to the same number of dollars, or of labels where these are free.

    The first labels of each that one can buy for what the cheaper arm cost.
    """
    if not (chosen.usd and control.usd):
        count = min(len(chosen.rows), len(control.rows))
        return chosen.first(count), control.first(count)
    dollars = min(chosen.usd, control.usd) * (1 + _ROUNDING)
    return _worth(chosen, dollars), _worth(control, dollars)


def _worth(arm: Arm, dollars: float) -> Arm:
    return arm.first(int(np.searchsorted(np.cumsum(arm.costs), dollars, "right")))


def measure_gains(
    material: Material,
    arms: Arms,
    bought: Mapping[int, NDArray[np.float64]],
    yardstick: Sequence[int],
    l2: float,
    seed: int,
    told: Callable[[int, int], None],
) -> Gains:
    """Train students with no new soft labels, with all, with chosen and with random ones.

    Each learns from recorded answers elsewhere, and from soft labels that were not bought here.
    Three times another fifth of the train inputs is left out, near-copies together. Each student
    has its own temperature, fitted on the recorded answers. Intervals are percentiles of a paired
    bootstrap over groups of validation inputs and over the three.

    Args:
        material: The inputs.
        arms: Labels that are compared.
        bought: The soft label of each of those rows and of the yardstick's, ``[C]`` each.
        yardstick: Validation inputs drawn at random whose soft label is known.
        l2: Penalty of the students.
        seed: Seed of the resamples.
        told: Is told how many students are trained, of how many.
    """
    generator = np.random.default_rng([seed, 1])
    soft = np.array([bought[row] for row in yardstick]).reshape(-1, len(material.task.labels))
    texts = material.texts(material.validation.tolist())
    labels = [_with_labels(material, rows, bought) for rows in arms.rows()]
    samples = []
    for number, training in enumerate(_resamples(material, generator)):
        said = []
        for place, soft_labels in enumerate(labels):
            student = fit(material, material.take(training, soft_labels), l2)
            said.append(student.predict_proba(texts))
            told(number * len(labels) + place + 1, _RESAMPLES * len(labels))
        samples.append(_compare(material, said, yardstick, soft))
    measures = _measures(material, samples, len(yardstick), arms, generator)
    sizes = len(arms.chosen.rows), len(arms.control.rows)
    return Gains(len(arms.bought.rows), arms.bought.usd, *sizes, arms.chosen.usd, measures)


def _resamples(material: Material, generator: np.random.Generator) -> list[NDArray[np.int64]]:
    group = material.group[material.training]
    _, number = np.unique(group, return_inverse=True)
    part = generator.permutation(int(number.max()) + 1)[number] % _PARTS
    return [material.training[part != left_out] for left_out in range(_RESAMPLES)]


def _with_labels(
    material: Material, rows: Sequence[int], bought: Mapping[int, NDArray[np.float64]]
) -> NDArray[np.float64]:
    labels = material.pool.soft_labels.probabilities.copy()
    recorded = np.eye(len(material.task.labels))[material.pool.answers]
    for row in bought:
        labels[material.copies[row]] = recorded[material.copies[row]]
    for row in rows:
        labels[material.copies[row]] = bought[row]
    return labels


def _compare(
    material: Material,
    said: Sequence[NDArray[np.floating]],
    yardstick: Sequence[int],
    soft: NDArray[np.float64],
) -> _Sample:
    answers = material.pool.answers[material.validation]
    proba = np.stack([soften(raw, fit_temperature(raw, answers)) for raw in said])
    places = {row: place for place, row in enumerate(material.validation.tolist())}
    measured = proba[:, [places[row] for row in yardstick]]
    return _Sample(
        losses=np.stack([log_losses(one, answers) for one in proba]),
        soft_losses=-(soft * np.log(np.maximum(measured, _SMALLEST))).sum(axis=2),
        agrees=proba.argmax(axis=2) == answers,
        surest_first=np.argsort(-proba.max(axis=2), axis=1, kind="stable"),
    )


def _measures(
    material: Material,
    samples: Sequence[_Sample],
    yardstick: int,
    arms: Arms,
    generator: np.random.Generator,
) -> list[Measure]:
    """Each measure of each arm, as it is (in the first column) and for each replicate."""
    _, group = np.unique(material.group[material.validation], return_inverse=True)
    weights = _draw(int(group.max()) + 1, generator)[:, group]
    soft_weights = _draw(yardstick, generator)
    # A bootstrap of so few varies less than their mean does: it is stretched to as much.
    stretch = np.sqrt(len(samples) / (len(samples) - 1))
    mixture = (1 + stretch * (_draw(len(samples), generator) - 1)) / len(samples)

    def mean(values: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        mixed: NDArray[np.float64] = np.einsum("rab,br->ab", np.stack(values), mixture)
        return mixed

    inputs = len(material.validation)
    found = [
        _measure("loss", inputs, mean([_means(s.losses, weights) for s in samples]), arms),
        _measure("risk_area", inputs, mean([_areas(s, weights) for s in samples]), arms),
        _measure("agreement", inputs, mean([_means(s.agrees, weights) for s in samples]), arms),
    ]
    if yardstick:
        soft = mean([_means(s.soft_losses, soft_weights) for s in samples])
        found.insert(1, _measure("soft_loss", yardstick, soft, arms))
    return found


def _draw(count: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """How often each of some things counts, ``[1 + replicates, count]``; at first, once."""
    if not count:
        return np.zeros((1 + _REPLICATES, 0))
    drawn = generator.multinomial(count, np.full(count, 1 / count), _REPLICATES)
    return np.concatenate([np.ones((1, count)), drawn])


def _means(values: NDArray[np.generic], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    means: NDArray[np.float64] = values.astype(np.float64) @ weights.T / weights.sum(axis=1)
    return means


def _areas(sample: _Sample, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area under the risk-coverage curve, of each arm, for weighted inputs."""
    areas = []
    for order, agrees in zip(sample.surest_first, sample.agrees, strict=True):
        ordered = weights[:, order]
        covered = np.cumsum(ordered, axis=1)
        wrong = np.cumsum(ordered * ~agrees[order], axis=1)
        risk = wrong / np.maximum(covered, 1.0)
        areas.append((ordered * risk).sum(axis=1) / covered[:, -1])
    return np.stack(areas)


def _measure(name: MeasureName, inputs: int, values: NDArray[np.float64], arms: Arms) -> Measure:
    without, bought, *compared = values if name == "agreement" else -values
    gain = _gain(bought - without, arms.bought.usd)
    gains: list[Gain | None] = [None, None, None]
    if compared:
        chosen, control = compared
        differences = (chosen - without, control - without, chosen - control)
        gains = [_gain(difference, arms.chosen.usd) for difference in differences]
    return Measure(name, inputs, float(values[0, 0]), gain, *gains)


def _gain(differences: NDArray[np.float64], usd: float | None) -> Gain:
    low, high = np.percentile(differences[1:], _ENDS)
    value = float(differences[0])
    return Gain(value, Interval(float(low), float(high)), value / usd if usd else None)
