"""How soon is a broken promise found, and how often is one that holds called broken?

Four tables. The first counts false alarms over simulated streams in which nothing changes, with
the agreement exactly at the target, the worst case. The second sets the delay of `AgreementWatch`
beside the least one possible. The third and fourth play streams of real traffic: the linear
student learns Banking77 from recorded answers of DeepSeek and is certified; then held-out inputs
come, drawn with replacement, and after some thousand calls something changes:

* other questions are mixed in, to which the teacher gives none of the labels (TREC; needs DIR);
* labels on which the student is weak become frequent;
* the teacher answers some labels otherwise.

A share of what the student answers is shadowed. The least delay is
``log(1 / delta) / KL(q || eps)`` shadowed answers, with ``q`` the true rate of disagreement after
the change, which the held-out inputs tell exactly: no bet against ``eps`` gains faster on average,
and this one would know ``q`` and the moment of the change.

    python -m benchmarks.drift_detection --packages DIR      # about 3 minutes on one core

DIR holds the package that TREC is read from (`benchmarks/sets.py` says how to get it).
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.divided_sets import DividedSet
from benchmarks.sets import read_set
from locum.calibration import fit_temperature
from locum.dataset import find_groups, split_rows
from locum.evaluation import Promise, certify, clopper_pearson, plan_thresholds
from locum.losses import soften
from locum.monitoring import AgreementWatch, ExchangeabilityWatch, bin_reference
from locum.students import find_family

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from locum.evaluation import Certificate
    from locum.schema import Split
    from locum.students import Student

__all__ = ["main"]

SHARES: dict[Split, float] = {"train": 0.40, "validation": 0.10, "certify": 0.15, "test": 0.35}
PROMISE = Promise(0.95, 0.95)
AGREEMENT_DELTA = 0.05
MIX_DELTA = 0.01
HORIZON = 10_000
REFERENCE = 2000
QUIET = 10_000
LONGEST = 400_000
QUIET_OF_MIX = 5_000
LONGEST_OF_MIX = 10_000
SHADOWED = (0.02, 0.10)


class Traffic(NamedTuple):
    """Inputs that a stream draws from, ``N`` of them.

    Args:
        answered: Whether the student answers, ``[N]``.
        agrees: Whether the teacher gives the same label, ``[N]``.
        novelty: As the student judged it, ``[N]``.
        predicted: Index of the student's label, ``[N]``.
        weight: Chance of each to be the next call, ``[N]``; sums to one.
    """

    answered: NDArray[np.bool_]
    agrees: NDArray[np.bool_]
    novelty: NDArray[np.float32]
    predicted: NDArray[np.int64]
    weight: NDArray[np.float64]

    @property
    def coverage(self) -> float:
        """Share of calls that the student answers."""
        return float(self.weight[self.answered].sum())

    @property
    def disagreement(self) -> float:
        """Share of answered calls on which the teacher says otherwise."""
        return float(self.weight[self.answered & ~self.agrees].sum()) / self.coverage

    def draw(self, generator: np.random.Generator, calls: int) -> NDArray[np.int64]:
        """Return the places of so many calls, ``[calls]``."""
        return generator.choice(len(self.weight), calls, p=self.weight)


class Scene(NamedTuple):
    """Traffic after a change."""

    name: str
    traffic: Traffic


class Served(NamedTuple):
    """A certified student, and what it was certified with."""

    student: Student
    temperature: float
    certificate: Certificate
    divided: DividedSet

    def judge(self, texts: Sequence[str], answers: NDArray[np.int64]) -> Traffic:
        """Return equally likely inputs; an answer of -1 agrees with no label."""
        judged = self.student.judge(texts)
        confidence = soften(judged.proba, self.temperature).max(axis=1)
        predicted = judged.proba.argmax(axis=1)
        return Traffic(
            confidence >= self.certificate.threshold,
            predicted == answers,
            judged.novelty,
            predicted,
            np.full(len(texts), 1 / len(texts)),
        )


def least_delay(rate: float) -> float:
    """Shadowed answers that the best bet needs on average; infinite where the promise holds."""
    allowed = 1 - PROMISE.target
    if rate <= allowed:
        return math.inf
    agreeing = (1 - rate) * math.log((1 - rate) / PROMISE.target) if rate < 1 else 0.0
    return math.log(1 / AGREEMENT_DELTA) / (rate * math.log(rate / allowed) + agreeing)


def print_false_alarms(runs: int) -> None:
    """Count the alarms of both watches where nothing changes."""
    generator = np.random.default_rng(1)
    revoked = alarmed = 0
    for seed in range(runs):
        watch = AgreementWatch(PROMISE.target, AGREEMENT_DELTA)
        watch.observe_all((generator.random(HORIZON) < PROMISE.target).tolist())
        revoked += watch.broken
        shares = generator.dirichlet(np.full(10, 5.0))
        counts = generator.multinomial(REFERENCE, shares).tolist()
        mix = ExchangeabilityWatch(counts, MIX_DELTA, seed)
        mix.observe_all(generator.choice(10, HORIZON, p=shares).tolist())
        alarmed += mix.broken
    print(f"\nFalse alarms in {runs:,} streams of {HORIZON:,} in which nothing changes.\n")
    print("| watch | delta | false alarms | share, 95% interval |")
    print("|---|---|---|---|")
    for name, delta, count in (
        (f"agreement, exactly {PROMISE.target:.0%}", AGREEMENT_DELTA, revoked),
        (f"exchangeability, 10 categories, {REFERENCE:,} in reference", MIX_DELTA, alarmed),
    ):
        low, high = clopper_pearson(count, runs)
        print(f"| {name} | {delta:.0%} | {count} | {count / runs:.1%} [{low:.1%}, {high:.1%}] |")


def print_delays(runs: int) -> None:
    """Print the median delay after good times of several lengths, beside the least."""
    generator = np.random.default_rng(2)
    good_times = (0, 1_000, 10_000)
    print(
        f"\nMedian delay in shadowed answers over {runs} streams: from 3% disagreement to more; "
        f"beside the least.\n"
    )
    print("| disagreement | least | at the start | after 1,000 | after 10,000 |")
    print("|---|---|---|---|---|")
    for rate in (0.07, 0.10, 0.15, 0.30, 0.80):
        least = least_delay(rate)
        cells = []
        for good in good_times:
            delays = [_simulated_delay(generator, good, rate) for _ in range(runs)]
            median = float(np.median([delay for delay in delays if delay > 0]))
            cells.append(f"{median:,.0f} ({median / least:.1f}x)")
        print(f"| {rate:.0%} | {least:,.0f} | {' | '.join(cells)} |", flush=True)


def _simulated_delay(generator: np.random.Generator, good: int, rate: float) -> float:
    watch = AgreementWatch(PROMISE.target, AGREEMENT_DELTA)
    watch.observe_all((generator.random(good) >= 0.03).tolist())
    while not watch.broken:
        watch.observe_all((generator.random(1000) >= rate).tolist())
    return (watch.broken_at or 0) - good


def serve(seed: int) -> Served:
    """Train the linear student on Banking77 and certify it.

    Raises:
        SystemExit: Nothing could be certified.
    """
    whole = read_set("banking77", None)
    count = len(whole.texts)
    group = find_groups(whole.texts).group
    split = split_rows(
        group, whole.answers, [None] * count, np.zeros(count, np.bool_), seed, SHARES
    )
    divided = DividedSet(whole, split.rows)
    one_hot = np.eye(len(whole.labels))[divided.answers("train")]
    student = find_family("linear")(whole.labels).fit(divided.texts("train"), one_hot)
    raw = student.predict_proba(divided.texts("validation"))
    temperature = fit_temperature(raw, divided.answers("validation"))
    confidence = {}
    agrees = {}
    for name in ("validation", "certify"):
        proba = student.predict_proba(divided.texts(name))
        confidence[name] = soften(proba, temperature).max(axis=1)
        agrees[name] = proba.argmax(axis=1) == divided.answers(name)
    inputs = len(agrees["certify"])
    thresholds = plan_thresholds(confidence["validation"], agrees["validation"], inputs, PROMISE)
    certificate = certify(confidence["certify"], agrees["certify"], thresholds, PROMISE)
    if certificate is None:
        raise SystemExit(f"nothing is certified with seed {seed}: try another")
    return Served(student, temperature, certificate, divided)


def scenes(served: Served, held_out: Traffic, packages: Path | None) -> Iterator[Scene]:
    """Yield the changes, first none at all."""
    yield Scene("none", held_out)
    if packages is not None:
        texts = read_set("trec", packages).texts
        strange = served.judge(texts, np.full(len(texts), -1))
        for share in (0.1, 0.3, 0.5):
            yield Scene(f"{share:.0%} other questions", mixed(held_out, strange, share))
    weak = weak_labels(served, 5)
    is_weak = np.isin(served.divided.answers("test"), weak)
    for share in (0.25, 0.5, 0.9):
        yield Scene(f"{share:.0%} of five weak labels", reweighted(held_out, is_weak, share))
    for labels in (2, 6, 12):
        yield Scene(f"teacher swaps {labels} labels", swapped(served, held_out, labels))


def mixed(usual: Traffic, strange: Traffic, share: float) -> Traffic:
    """Return usual traffic with a share of strange inputs in it."""
    return Traffic(
        np.concatenate([usual.answered, strange.answered]),
        np.concatenate([usual.agrees, strange.agrees]),
        np.concatenate([usual.novelty, strange.novelty]),
        np.concatenate([usual.predicted, strange.predicted]),
        np.concatenate([usual.weight * (1 - share), strange.weight * share]),
    )


def reweighted(usual: Traffic, chosen: NDArray[np.bool_], share: float) -> Traffic:
    """Return the same inputs, of which those chosen make up a share."""
    weight = np.where(chosen, share / chosen.sum(), (1 - share) / (~chosen).sum())
    return usual._replace(weight=weight)


def weak_labels(served: Served, count: int) -> NDArray[np.int64]:
    """Return the teacher's labels on which the student is most often wrong where it answers.

    Seen on the certify inputs, over labels that it answers five times or more.
    """
    answers = served.divided.answers("certify")
    judged = served.judge(served.divided.texts("certify"), answers)
    labels = len(served.divided.whole.labels)
    answered = np.bincount(answers[judged.answered], minlength=labels)
    wrong = np.bincount(answers[judged.answered & ~judged.agrees], minlength=labels)
    rate = np.where(answered >= 5, wrong / np.maximum(answered, 1), -1)
    return np.argsort(-rate, kind="stable")[:count]


def swapped(served: Served, held_out: Traffic, count: int) -> Traffic:
    """Return traffic whose teacher gives each of some labels the name of the next of them."""
    labels = len(served.divided.whole.labels)
    chosen = np.random.default_rng(3).permutation(labels)[:count]
    renamed = np.arange(labels)
    renamed[chosen] = np.roll(chosen, 1)
    return held_out._replace(agrees=held_out.predicted == renamed[served.divided.answers("test")])


class Delay(NamedTuple):
    """From the change to the alarm; 0 where it came before the change."""

    calls: int
    shadowed: int = 0


def play_agreement(
    usual: Traffic, after: Traffic, share: float, generator: np.random.Generator
) -> Delay | None:
    """Return the delay of the revocation; ``None`` if none came."""
    watch = AgreementWatch(PROMISE.target, AGREEMENT_DELTA)
    watch.observe_all(usual.agrees[_shadowed(usual, QUIET, share, generator)[0]].tolist())
    if watch.broken:
        return Delay(0)
    quiet = watch.observed
    for start in range(0, LONGEST, 5000):
        before = watch.observed
        drawn, places = _shadowed(after, 5000, share, generator)
        watch.observe_all(after.agrees[drawn].tolist())
        if watch.broken_at is not None:
            call = start + int(places[watch.broken_at - before - 1]) + 1
            return Delay(call, watch.broken_at - quiet)
    return None


def _shadowed(
    traffic: Traffic, calls: int, share: float, generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The inputs of shadowed calls, and which calls they are."""
    drawn = traffic.draw(generator, calls)
    places = np.flatnonzero(traffic.answered[drawn] & (generator.random(calls) < share))
    return drawn[places], places


def play_mix(
    before: Sequence[int], after: Sequence[int], counts: Sequence[int], seed: int
) -> Delay | None:
    """Return the delay of the alarm; ``None`` if none came."""
    watch = ExchangeabilityWatch(counts, MIX_DELTA, seed)
    watch.observe_all(before)
    for start in range(0, len(after), 1000):
        if watch.broken:
            break
        watch.observe_all(after[start : start + 1000])
    return None if watch.broken_at is None else Delay(max(watch.broken_at - len(before), 0))


def print_revocations(found: Sequence[Scene], runs: int) -> None:
    """Print when the certificate is revoked, for each change and share of shadowed calls."""
    usual = found[0].traffic
    print(
        f"\nCalls from the change to the revocation in {runs} streams. The change comes after "
        f"{QUIET:,} calls, and a stream ends\n{LONGEST:,} calls after it. Medians with 10th and "
        f"90th percentile, of the streams that were revoked after the change.\n"
    )
    print(
        "| change | answered | agreement there | shadowed | revoked | too early | calls "
        "| shadowed calls | least shadowed |"
    )
    print("|---" * 9 + "|")
    for scene in found:
        after = scene.traffic
        for share in SHADOWED:
            generator = np.random.default_rng(4)
            played = [play_agreement(usual, after, share, generator) for _ in range(runs)]
            least = least_delay(after.disagreement)
            print(
                f"| {scene.name} | {after.coverage:.1%} | {1 - after.disagreement:.1%} "
                f"| {share:.0%} | {_counted(played)} "
                f"| {_spread([delay.shadowed for delay in played if delay and delay.calls])} "
                f"| {f'{least:,.0f}' if least < math.inf else 'promise holds'} |",
                flush=True,
            )


def print_alarms(found: Sequence[Scene], runs: int) -> None:
    """Print when the mix of traffic is found to have changed, for each change."""
    usual = found[0].traffic
    print(
        f"\nCalls from the change to the alarm in {runs} streams with a reference of "
        f"{REFERENCE:,} calls. The change comes after {QUIET_OF_MIX:,}\ncalls, and a stream ends "
        f"{LONGEST_OF_MIX:,} calls after it. Medians as above.\n"
    )
    print(
        "| change | novelty in 10 bins: alarms | too early | calls "
        "| predicted labels: alarms | too early | calls |"
    )
    print("|---" * 7 + "|")
    for scene in found:
        played = [_alarms(usual, scene.traffic, seed) for seed in range(runs)]
        by_novelty, by_label = zip(*played, strict=True)
        print(f"| {scene.name} | {_counted(by_novelty)} | {_counted(by_label)} |", flush=True)


def _alarms(usual: Traffic, after: Traffic, seed: int) -> tuple[Delay | None, Delay | None]:
    """One stream, seen by its novelty and by its labels."""
    generator = np.random.default_rng(seed)
    reference = usual.draw(generator, REFERENCE)
    quiet, changed = usual.draw(generator, QUIET_OF_MIX), after.draw(generator, LONGEST_OF_MIX)
    bins = bin_reference(usual.novelty[reference], seed=seed)
    labels = int(max(usual.predicted.max(), after.predicted.max())) + 1
    counts = np.bincount(usual.predicted[reference], minlength=labels)
    return (
        play_mix(
            bins.categories(usual.novelty[quiet]),
            bins.categories(after.novelty[changed]),
            bins.reference_counts,
            seed,
        ),
        play_mix(
            usual.predicted[quiet].tolist(),
            after.predicted[changed].tolist(),
            counts.tolist(),
            seed,
        ),
    )


def _counted(played: Sequence[Delay | None]) -> str:
    """Cells: how many streams had an alarm after the change, and before it; calls until then."""
    after = [delay.calls for delay in played if delay and delay.calls]
    early = sum(delay is not None and not delay.calls for delay in played)
    return f"{len(after)} of {len(played)} | {early} | {_spread(after)}"


def _spread(values: Sequence[int]) -> str:
    if not values:
        return ""
    low, middle, high = np.percentile(values, [10, 50, 90])
    return f"{middle:,.0f} [{low:,.0f}, {high:,.0f}]"


def main() -> None:
    """Print the four tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--packages", type=Path, help="folder with the package of TREC")
    parser.add_argument("--runs", type=int, default=1000, help="streams in which nothing changes")
    parser.add_argument("--streams", type=int, default=30, help="for each change")
    parser.add_argument("--seed", type=int, default=0, help="of the division and of training")
    arguments = parser.parse_args()
    print_false_alarms(arguments.runs)
    print_delays(arguments.streams)
    served = serve(arguments.seed)
    held_out = served.judge(served.divided.texts("test"), served.divided.answers("test"))
    print(
        f"\nBanking77, linear student: certified for {served.certificate.coverage:.1%} of inputs; "
        f"{len(held_out.agrees):,} held-out inputs, of which it answers\n{held_out.coverage:.1%} "
        f"with an agreement of {1 - held_out.disagreement:.2%}."
    )
    found = list(scenes(served, held_out, arguments.packages))
    print_revocations(found, arguments.streams)
    print_alarms(found, arguments.streams)


if __name__ == "__main__":
    main()
