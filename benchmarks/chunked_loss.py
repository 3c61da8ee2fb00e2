"""The loss of a language model's distillation: whole logits, and some rows at a time.

A step's last part, from the hidden states of both models to the gradients of the student's hidden
states and projection, forward KL at temperature 1, each contender in a process of its own. They
take turns, so that what else the machine does falls on all alike, and the least is reported:
seconds, processor seconds (of all threads, without what other programs take), and what memory
grows by at the most over what is held before, inputs and gradients (on a CPU as Linux counts it).

naive     the logits of both models, and torch's kl_div of their log-softmaxes
trl       the same logits, and TRL's loss of GKD at beta 0 (needs --peers, a Python with trl)
chunked   locum.losses.projected_loss
liger     Liger Kernel's fused linear loss, with as many rows to a chunk, in its own way, which
          compiles it (needs --peers, a Python with liger-kernel)

    python -m benchmarks.chunked_loss
    python -m benchmarks.chunked_loss --peers PYTHON --device cuda --type bfloat16
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.own_processes import measure_apart, measure_or_compare

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from benchmarks.own_processes import Job

VOCABULARIES = (32_000, 49_152, 151_936)
CONTENDERS = ("naive", "trl", "chunked", "liger")
OF_PEERS = {"trl", "liger"}
MEGABYTE = 2**20


def naive_loss(hidden: Tensor, weight: Tensor, teacher: Tensor, head: Tensor, _: Job) -> Tensor:
    """Hold all logits."""
    import torch
    from torch.nn import functional

    with torch.no_grad():
        targets = functional.linear(teacher, head).float().log_softmax(dim=-1)
    logits = functional.linear(hidden, weight).float().log_softmax(dim=-1)
    return functional.kl_div(logits, targets, log_target=True, reduction="batchmean")


def trl_loss(hidden: Tensor, weight: Tensor, teacher: Tensor, head: Tensor, _: Job) -> Tensor:
    """Hold all logits, and let TRL compare them."""
    import torch
    from torch.nn import functional
    from trl.experimental.gkd import GKDTrainer

    with torch.no_grad():
        targets = functional.linear(teacher, head)
    logits = functional.linear(hidden, weight)
    loss: Tensor = GKDTrainer.generalized_jsd_loss(logits, targets, beta=0.0)
    return loss


def chunked_loss(hidden: Tensor, weight: Tensor, teacher: Tensor, head: Tensor, job: Job) -> Tensor:
    """Hold a chunk's logits."""
    import torch
    from torch.nn import functional

    from locum.losses import forward_kl, projected_loss

    def of_rows(logits: Tensor, rows: slice) -> Tensor:
        with torch.no_grad():
            targets = functional.linear(teacher[rows], head)
        return forward_kl(logits, targets, count=len(hidden))

    return projected_loss(hidden, weight, of_rows, chunk_rows=job["chunk_rows"])


def liger_loss(hidden: Tensor, weight: Tensor, teacher: Tensor, head: Tensor, job: Job) -> Tensor:
    """Liger's, of the divergence that tends to the forward KL."""
    import torch
    from liger_kernel.chunked_loss import LigerFusedLinearJSDLoss

    labels = torch.zeros(len(hidden), dtype=torch.int64, device=hidden.device)
    loss = LigerFusedLinearJSDLoss(
        weight_hard_loss=0.0, weight_soft_loss=1.0, beta=0.0, chunk_size=job["chunk_rows"]
    )
    result: Tensor = loss(hidden, weight, teacher, head, labels)
    return result


LOSSES: dict[str, Callable[[Tensor, Tensor, Tensor, Tensor, Job], Tensor]] = {
    "naive": naive_loss,
    "trl": trl_loss,
    "chunked": chunked_loss,
    "liger": liger_loss,
}


def work(job: Job) -> Job:
    """Take the step several times; return its loss, seconds and memory."""
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(job["threads"])
    options = {"device": job["device"], "dtype": getattr(torch, job["type"])}
    rows, vocabulary = job["rows"], job["vocabulary"]
    hidden = torch.randn(rows, job["width"], **options).requires_grad_()
    weight = (torch.randn(vocabulary, job["width"], **options) / job["width"] ** 0.5).detach()
    weight.requires_grad_()
    teacher = torch.randn(rows, job["teacher_width"], **options)
    head = 2 * torch.randn(vocabulary, job["teacher_width"], **options)
    head /= job["teacher_width"] ** 0.5
    for leaf in (hidden, weight):
        leaf.grad = torch.empty_like(leaf).fill_(0)  # written to, and so held before
    LOSSES[job["contender"]](hidden[:1], weight, teacher[:1], head, job).detach()  # its libraries
    before = forget_peak(job)
    taken = []
    for _ in range(2):
        start, busy = time.perf_counter(), time.process_time()
        loss = LOSSES[job["contender"]](hidden, weight, teacher, head, job)
        loss.backward()  # type: ignore[no-untyped-call]
        synchronise(job)
        taken.append((time.perf_counter() - start, time.process_time() - busy))
    return {
        "loss": float(loss.detach()),
        "seconds": min(taken)[0],
        "busy": min(busy for _, busy in taken),
        "megabytes": (peak(job) - before) / MEGABYTE,
    }


def forget_peak(job: Job) -> float:
    """Let the most that was held be what is held now; return that, in bytes."""
    if job["device"] == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats()
        return float(torch.cuda.memory_allocated())
    Path("/proc/self/clear_refs").write_text("5", "ascii")
    return _status("VmRSS")


def peak(job: Job) -> float:
    """Return the most that was held since, in bytes."""
    if job["device"] == "cuda":
        import torch

        return float(torch.cuda.max_memory_allocated())
    return _status("VmHWM")


def _status(field: str) -> float:
    (line,) = (
        line
        for line in Path("/proc/self/status").read_text("ascii").splitlines()
        if line.startswith(field)
    )
    return float(line.split()[1]) * 1024


def synchronise(job: Job) -> None:
    """Wait for what a GPU still does."""
    if job["device"] == "cuda":
        import torch

        torch.cuda.synchronize()


def measure(job: Job, python: str) -> Job:
    """Run a contender in a process of its own; without figures where it cannot run."""
    try:
        result: Job = json.loads(measure_apart("benchmarks.chunked_loss", job, python))
    except subprocess.CalledProcessError as error:
        return {"reason": (error.stderr.strip().splitlines() or ["killed"])[-1]}
    return result


def compare(arguments: argparse.Namespace, vocabulary: int) -> dict[str, Job]:
    """Return each contender's least of several turns."""
    contenders = [c for c in CONTENDERS if arguments.peers or c not in OF_PEERS]
    turns: dict[str, list[Job]] = {contender: [] for contender in contenders}
    for _ in range(arguments.repetitions):
        for contender in contenders:
            job = {**vars(arguments), "vocabulary": vocabulary, "contender": contender}
            python = arguments.peers if contender in OF_PEERS else sys.executable
            turns[contender].append(measure(job, python))
    return {contender: least(results) for contender, results in turns.items()}


def least(results: list[Job]) -> Job:
    """Return the least of each figure."""
    failed = [result for result in results if "reason" in result]
    return failed[0] if failed else {key: min(r[key] for r in results) for key in results[0]}


def run(arguments: argparse.Namespace) -> None:
    """Print a line for each vocabulary and contender, with ratios to the naive one."""
    print(
        f"{arguments.rows:,} rows, width {arguments.width} and {arguments.teacher_width}, "
        f"{arguments.type} on {arguments.device}, {arguments.threads} threads, "
        f"chunks of {arguments.chunk_rows}"
    )
    print(
        f"{'vocabulary':>10}  {'loss':8}  {'seconds':>8}  {'busy':>8}  {'MB':>8}  {'value':>8}  "
        "naive is"
    )
    for vocabulary in arguments.vocabularies:
        results = compare(arguments, vocabulary)
        for contender, result in results.items():
            print(
                f"{vocabulary:>10,}  {contender:8}  {figures(result, results['naive'])}", flush=True
            )


def figures(result: Job, naive: Job) -> str:
    """Return a contender's figures, beside the naive one's where that could run."""
    if "reason" in result:
        return str(result["reason"])
    shown = (
        f"{result['seconds']:8.2f}  {result['busy']:8.2f}  {result['megabytes']:8,.0f}  "
        f"{result['loss']:8.4f}"
    )
    if "reason" in naive:
        return shown
    ratios = {key: naive[key] / result[key] for key in ("seconds", "busy", "megabytes")}
    return (
        f"{shown}  {ratios['seconds']:.2f}x the time, {ratios['busy']:.2f}x as busy, "
        f"{ratios['megabytes']:.1f}x the memory"
    )


def main() -> None:
    """Measure, or be measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vocabularies", type=int, nargs="+", default=VOCABULARIES)
    parser.add_argument("--rows", type=int, default=4096)
    parser.add_argument("--width", type=int, default=576, help="of the student")
    parser.add_argument("--teacher-width", type=int, default=960)
    parser.add_argument("--chunk-rows", type=int, default=192)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--type", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--peers", help="Python that has trl and liger-kernel")
    measure_or_compare(parser, work, run)


if __name__ == "__main__":
    main()
