"""Divergences of whole logits beside TRL's: whether they agree, how fast, in how much memory.

Both are given the same random logits, float32 on a CPU, in processes of their own that take turns.
TRL's ``generalized_jsd_loss`` is the forward KL at its beta 0, the reverse KL at 1, and between
them GKD's divergence as Locum's `jensen_shannon` has it; it is not multiplied by the square of the
temperature, so Locum's is divided by that, and it is told the number of rows to divide by.

Printed are values, the largest difference between the gradients over the largest gradient, and
the least of several turns: tokens in a processor second, and what memory grows by at the most,
loss and gradient together. TRL is in the Python that --peers names, of the same torch.

    python -m benchmarks.loss_peers --peers PYTHON
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.chunked_loss import MEGABYTE, forget_peak, peak
from benchmarks.own_processes import measure_apart, measure_or_compare

if TYPE_CHECKING:
    from torch import Tensor

    from benchmarks.own_processes import Job

# Betas and temperatures.
SETTINGS = tuple((beta, temperature) for beta in (0.0, 0.1, 0.5, 1.0) for temperature in (1.0, 2.0))
CONTENDERS = ("locum", "trl")


def locum_loss(student: Tensor, teacher: Tensor, beta: float, temperature: float) -> Tensor:
    """Locum's, with TRL's betas and without the square of the temperature."""
    from locum.losses import forward_kl, jensen_shannon, reverse_kl

    if beta in {0, 1}:
        limit = reverse_kl if beta else forward_kl
        return limit(student, teacher, temperature=temperature) / temperature**2
    return jensen_shannon(student, teacher, beta=beta, temperature=temperature) / temperature**2


def trl_loss(student: Tensor, teacher: Tensor, beta: float, temperature: float) -> Tensor:
    """TRL's, over the number of rows."""
    from trl.experimental.gkd import GKDTrainer

    loss: Tensor = GKDTrainer.generalized_jsd_loss(
        student, teacher, beta=beta, temperature=temperature, num_items_in_batch=len(student)
    )
    return loss


LOSSES = {"locum": locum_loss, "trl": trl_loss}


def work(job: Job) -> list[Job]:
    """Take loss and gradient at each setting; return what they cost, and leave the gradients."""
    import torch

    torch.set_num_threads(job["threads"])
    generator = torch.Generator().manual_seed(0)
    shape = (job["rows"], job["vocabulary"])
    student, teacher = (3 * torch.randn(shape, generator=generator) for _ in range(2))
    student.requires_grad_()
    loss_of = LOSSES[job["contender"]]
    results = []
    for number, setting in enumerate(SETTINGS):
        torch.autograd.grad(loss_of(student[:1], teacher[:1], *setting), student)  # its libraries
        before, start = forget_peak({"device": "cpu"}), time.process_time()
        loss = loss_of(student, teacher, *setting)
        (gradient,) = torch.autograd.grad(loss, student)
        busy, grown = time.process_time() - start, peak({"device": "cpu"}) - before
        torch.save(gradient, f"{job['gradients']}-{number}")
        results.append(
            {
                "loss": float(loss.detach()),
                "speed": job["rows"] / busy,
                "megabytes": grown / MEGABYTE,
            }
        )
        del loss, gradient
    return results


def best(turns: list[Job]) -> Job:
    """Return the best of each figure."""
    return {
        "loss": turns[0]["loss"],
        "speed": max(turn["speed"] for turn in turns),
        "megabytes": min(turn["megabytes"] for turn in turns),
    }


def line(setting: tuple[float, float], locum: Job, trl: Job, difference: float) -> str:
    """Return a line of the table."""
    return (
        f"{setting[0]:>5}  {setting[1]:>5}  {locum['loss']:10.6f}  {trl['loss']:10.6f}  "
        f"{difference:8.0e}  {locum['speed']:8,.0f}  {trl['speed']:8,.0f}  "
        f"{locum['megabytes']:6,.0f}  {trl['megabytes']:6,.0f}"
    )


def difference_of(ours: Path, theirs: Path) -> float:
    """Return the largest difference of two gradients in files, over the second's largest entry."""
    import torch

    known: Tensor = torch.load(theirs)
    return float((torch.load(ours) - known).abs().max() / known.abs().max())


def run(arguments: argparse.Namespace) -> None:
    """Print the table."""
    print(
        f"{arguments.rows:,} rows of {arguments.vocabulary:,} float32 logits "
        f"({arguments.rows * arguments.vocabulary * 4 / MEGABYTE:,.0f} MB), "
        f"{arguments.threads} threads"
    )
    print(
        f"{'':>5}  {'':>5}  {'value':>10}  {'':>10}  {'gradient':>8}  {'tokens/s':>8}  {'':>8}  "
        f"{'MB':>6}\n"
        f"{'beta':>5}  {'T':>5}  {'locum':>10}  {'trl':>10}  {'differs':>8}  "
        f"{'locum':>8}  {'trl':>8}  {'locum':>6}  {'trl':>6}"
    )
    turns: dict[str, list[list[Job]]] = {contender: [] for contender in CONTENDERS}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.repetitions):
            for contender in CONTENDERS:
                job = vars(arguments) | {
                    "contender": contender,
                    "gradients": f"{folder}/{contender}",
                }
                python = arguments.peers if contender == "trl" else sys.executable
                turns[contender].append(
                    json.loads(measure_apart("benchmarks.loss_peers", job, python))
                )
        for number, setting in enumerate(SETTINGS):
            locum, trl = (best([turn[number] for turn in turns[c]]) for c in CONTENDERS)
            files = (Path(folder) / f"{contender}-{number}" for contender in CONTENDERS)
            print(line(setting, locum, trl, difference_of(*files)))


def main() -> None:
    """Measure, or be measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", help="Python that has trl", default=sys.executable)
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--vocabulary", type=int, default=49_152)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    measure_or_compare(parser, work, run)


if __name__ == "__main__":
    main()
