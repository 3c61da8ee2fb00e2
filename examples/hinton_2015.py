"""Hinton, Vinyals and Dean (2015) on Fashion-MNIST: soft targets, and a class that is never shown.

The teacher is a convolutional network with dropout, trained on 55,000 images. The students are two
hidden layers of 300 units without any regularisation, and learn 3,000 of these images

hard         from their labels alone;
soft         from the teacher's probabilities at a temperature, and a tenth from the labels;
left out     from the teacher's probabilities alone, on images among which one class never is;
corrected    the same, its bias for that class raised to where errors on 5,000 held-out images are
             fewest (section 3 of the paper, which raises it by the test images);

and, to see what is left of the gain where images abound, all 55,000 as ``hard`` and ``soft`` do.

Printed are errors on the 10,000 test images, and on those of the class left out, as means over
seeds with 95% intervals (Student's t). The images are those of Debian's package
``dataset-fashion-mnist``, or of any folder with the four files of Fashion-MNIST::

    apt-get install dataset-fashion-mnist && pip install '.[lm]'
    python -m examples.hinton_2015
    python -m examples.hinton_2015 --data FOLDER --seeds 1 --temperature 8
"""

from __future__ import annotations

import argparse
import gzip
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from benchmarks.intervals import interval
from locum import distill_module
from locum.training import hinton_loss

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor
    from torch.optim import Optimizer

    from locum.training.modules import ModuleLoss

CLASSES = ["t-shirt", "trouser", "pullover", "dress", "coat"]
CLASSES += ["sandal", "shirt", "sneaker", "bag", "ankle-boot"]
SIDE, BATCH, RATE = 28, 128, 2e-3
ROWS = ("teacher", "hard", "soft", "left out", "corrected", "hard, all images", "soft, all images")
RAISES = np.arange(0, 15, 0.1)


class Images(NamedTuple):
    """Images ``[N, 784]`` from 0 to 1, and their classes ``[N]``."""

    pixels: Tensor
    classes: Tensor

    def at(self, which: Tensor | slice) -> Images:
        """Return some of them."""
        return Images(self.pixels[which], self.classes[which])


class Errors(NamedTuple):
    """Shares of images that are wrong: of all, and of the class that is left out."""

    all: float
    left_out: float


def read_images(folder: Path, part: str) -> Images:
    """Read images and labels in the IDX format."""
    pixels = _read_idx(folder / f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, SIDE * SIDE)
    classes = _read_idx(folder / f"{part}-labels-idx1-ubyte.gz", 8)
    return Images(torch.tensor(pixels, dtype=torch.float32) / 255, torch.tensor(classes).long())


def _read_idx(path: Path, header: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    if not path.exists():
        sys.exit(
            f"{path} is not there: give --data a folder with Fashion-MNIST's four files, such as "
            "Debian's package dataset-fashion-mnist installs (apt-get install)"
        )
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)


def make_teacher() -> nn.Module:
    """Three convolutions, each of which halves the image's side, and dropout."""
    return nn.Sequential(
        nn.Unflatten(1, (1, SIDE, SIDE)),
        nn.Conv2d(1, 16, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(64 * 16, 256),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(256, len(CLASSES)),
    )


def make_student(width: int = 300) -> nn.Module:
    """Two hidden layers."""
    return nn.Sequential(
        nn.Linear(SIDE * SIDE, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, len(CLASSES)),
    )


def learn(
    student: nn.Module,
    images: Images,
    epochs: int,
    seed: int,
    teacher: nn.Module | None = None,
    loss: ModuleLoss | None = None,
) -> nn.Module:
    """Train a network by Adam, its rate rising and falling; by labels where there is no teacher."""
    data = TensorDataset(*images)
    drawn = BatchSampler(RandomSampler(data), BATCH, drop_last=False)
    loader = DataLoader(data, batch_size=None, sampler=drawn)

    def optimizer(parameters: Iterable[nn.Parameter]) -> Optimizer:
        adam = torch.optim.Adam(parameters, RATE, fused=True)
        rate = torch.optim.lr_scheduler.OneCycleLR(
            adam, RATE, total_steps=len(loader) * epochs + 1, pct_start=0.1
        )
        adam.register_step_post_hook(lambda *_: rate.step())
        return adam

    distill_module(
        student,
        teacher or nn.Linear(SIDE * SIDE, len(CLASSES)),  # says something; nobody listens
        loader,
        loss=loss or of_labels,
        epochs=epochs,
        optimizer=optimizer,
        seed=seed,
    )
    return student


def of_labels(student: Tensor, _: Tensor, labels: Tensor | None) -> Tensor:
    """Cross-entropy to the labels, whatever a teacher says."""
    assert labels is not None, "all images have labels"
    return nn.functional.cross_entropy(student, labels)


def logits_of(model: nn.Module, images: Images) -> Tensor:
    """Ask a network."""
    with torch.inference_mode():
        return torch.cat([model(part) for part in torch.split(images.pixels, 1000)])


def errors(logits: Tensor, images: Images, left_out: int) -> Errors:
    """Count what is wrong."""
    wrong = (logits.argmax(-1) != images.classes).double()
    return Errors(float(wrong.mean()), float(wrong[images.classes == left_out].mean()))


def raised(logits: Tensor, left_out: int, by: float) -> Tensor:
    """Return the logits of a network whose bias for one class is higher."""
    return logits + by * nn.functional.one_hot(torch.tensor(left_out), len(CLASSES))


def best_raise(logits: Tensor, images: Images, left_out: int) -> float:
    """Return what to add to a class's bias for the fewest errors."""
    wrong = [errors(raised(logits, left_out, by), images, left_out).all for by in RAISES.tolist()]
    return float(RAISES[int(np.argmin(wrong))])


def one_seed(arguments: argparse.Namespace, seed: int) -> dict[str, Errors]:
    """Train the teacher and its students; return their errors."""
    whole, test = (read_images(arguments.data, part) for part in ("train", "t10k"))
    order = torch.randperm(len(whole.classes), generator=torch.Generator().manual_seed(seed))
    held_out, train = whole.at(order[: len(order) // 12]), whole.at(order[len(order) // 12 :])
    few, missing = train.at(slice(arguments.few)), CLASSES.index(arguments.left_out)
    others = few.at(few.classes != missing)
    torch.manual_seed(seed)
    mixed, soft_alone = (hinton_loss(arguments.temperature, share) for share in (0.9, 1.0))

    long, short = arguments.few_epochs, arguments.epochs
    teacher = learn(make_teacher(), train, arguments.teacher_epochs, seed)
    without = learn(make_student(), others, long, seed, teacher, soft_alone)
    models = {
        "teacher": teacher,
        "hard": learn(make_student(), few, long, seed),
        "soft": learn(make_student(), few, long, seed, teacher, mixed),
        "left out": without,
        "hard, all images": learn(make_student(), train, short, seed),
        "soft, all images": learn(make_student(), train, short, seed, teacher, mixed),
    }
    found = {name: errors(logits_of(model, test), test, missing) for name, model in models.items()}
    by = best_raise(logits_of(without, held_out), held_out, missing)
    found["corrected"] = errors(raised(logits_of(without, test), missing, by), test, missing)
    print(f"seed {seed}: bias raised by {by:.1f}; {found}", file=sys.stderr, flush=True)
    return found


def main() -> None:
    """Train, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    place = Path("/usr/share/datasets/fashion-mnist")
    parser.add_argument("--data", type=Path, default=place, help=f"default: {place}")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=1, help="seeds at a time")
    parser.add_argument("--teacher-epochs", type=int, default=6, help="over all images")
    parser.add_argument("--epochs", type=int, default=6, help="of a student over all images")
    parser.add_argument("--few", type=int, default=3_000, help="images that the students see")
    parser.add_argument("--few-epochs", type=int, default=40, help="over these")
    parser.add_argument("--temperature", type=float, default=4.0)
    parser.add_argument("--left-out", choices=CLASSES, default="sneaker")
    arguments = parser.parse_args()
    if arguments.processes == 1:
        seeds = [one_seed(arguments, seed) for seed in range(arguments.seeds)]
    else:
        with ProcessPoolExecutor(arguments.processes, get_context("spawn")) as pool:
            seeds = list(pool.map(partial(one_seed, arguments), range(arguments.seeds)))
    print(f"{'':18}{'errors, %':>14}  of {arguments.left_out}s, %")
    for row in ROWS:
        every, missing = (interval([100 * seed[row][at] for seed in seeds], 2) for at in (0, 1))
        print(f"{row:18}{every:>14}  {missing}")


if __name__ == "__main__":
    main()
