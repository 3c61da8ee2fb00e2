"""The students that the benchmark compares, and how each is trained, timed and judged."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.peers.protocol import Job, Part
from locum.calibration import fit_temperature
from locum.evaluation import Promise, certify, plan_thresholds
from locum.losses import soften

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from benchmarks.divided_sets import DividedSet
    from locum.evaluation import Certificate
    from locum.schema import Split

__all__ = ["CONTENDERS", "Contender", "Outcome", "Trial", "embed", "judge", "run_trial"]

REPOSITORY = Path(__file__).parent.parent
PROMISE = Promise(0.95, 0.95)
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    "PYTHONWARNINGS": "ignore",
}
ENCODER_FILES = ("model.safetensors", "tokenizer.json")


class Contender(NamedTuple):
    """A way to train students.

    Args:
        adapter: Module of ``benchmarks.peers`` that trains.
        settings: What it is told.
        timed_by: Module that loads what was saved, where it is another.
        encoder_on_disk: Whether the student needs the encoder's files besides its own.
    """

    adapter: str
    settings: Mapping[str, Any] = {}
    timed_by: str = ""
    encoder_on_disk: bool = False

    @property
    def is_locum(self) -> bool:
        """Whether it is Locum's own."""
        return self.adapter == "locum_ladder"


CONTENDERS: Mapping[str, Contender] = {
    "locum": Contender("locum_ladder", timed_by="locum_student"),
    "locum-linear": Contender("locum_ladder", {"student": "linear"}, "locum_student"),
    "locum-static": Contender("locum_ladder", {"student": "static"}, "locum_student"),
    "locum-frozen": Contender("locum_ladder", {"student": "frozen-encoder"}, "locum_student"),
    "locum-quick": Contender(
        "locum_ladder", {"student": "linear,frozen-encoder,ensemble"}, "locum_student"
    ),
    "tfidf-lr": Contender("scikit_learn", {"features": "words"}),
    "sentences-lr": Contender("scikit_learn", {"features": "sentences"}, encoder_on_disk=True),
    "fasttext": Contender("fasttext"),
    "model2vec": Contender("static_embeddings"),
    "setfit": Contender("setfit"),
    "stuntd": Contender("stuntd", encoder_on_disk=True),
    "jevstiller": Contender("jevstiller", encoder_on_disk=True),
    "heartcut-tfidf": Contender("heartcut", {"kind": "tfidf"}),
    "heartcut-setfit": Contender("heartcut", {"kind": "setfit"}),
    "tracer-llm": Contender("tracer_llm", encoder_on_disk=True),
}


class Trial(NamedTuple):
    """One contender on one division of a set.

    Args:
        name: Of the contender.
        divided: The set.
        seed: Of the division and of training.
        encoder: Folder of a sentence encoder.
        folder: Where its files go; emptied before.
        python: Interpreter that has the other packages.
        seconds: What training may take.
    """

    name: str
    divided: DividedSet
    seed: int
    encoder: Path
    folder: Path
    python: str
    seconds: float

    @property
    def contender(self) -> Contender:
        """How it is trained."""
        return CONTENDERS[self.name]

    @property
    def job(self) -> Job:
        """What the contender is handed."""
        return Job(
            labels=list(self.divided.whole.labels),
            train=self._part("train"),
            validation=self._part("validation"),
            certify=self._part("certify"),
            test=self._part("test"),
            seed=self.seed,
            target=PROMISE.target,
            encoder=str(self.encoder),
            embeddings=str(self.folder.parent / f"{self.divided.whole.name}.embeddings.npz"),
            settings={**self.contender.settings, "seconds": self.seconds},
        )

    def _part(self, split: Split) -> Part:
        return Part(self.divided.texts(split), self.divided.answers(split))


class Outcome(NamedTuple):
    """What one student did.

    Args:
        student: Its name.
        figures: Numbers by name; see `judge`.
        facts: What its adapter wrote down.
    """

    student: str
    figures: dict[str, float]
    facts: dict[str, Any]


def embed(trial: Trial) -> None:
    """Embed the inputs of a division before any student is timed."""
    trial.folder.mkdir(parents=True, exist_ok=True)
    trial.job.write(trial.folder / "job.json")
    _call(trial.python, "embed", "-", trial.folder / "job.json")


def run_trial(trial: Trial) -> Iterator[Outcome]:
    """Train a contender's students, and judge and time each.

    Raises:
        RuntimeError: A process failed, or took too long; the end of what it printed is the message.
    """
    if trial.folder.exists():
        shutil.rmtree(trial.folder)
    trial.folder.mkdir(parents=True)
    job, path = trial.job, trial.folder / "job.json"
    job.write(path)
    contender = trial.contender
    python = sys.executable if contender.is_locum else trial.python
    most = None if contender.is_locum else trial.seconds
    _call(python, "fit", contender.adapter, path, trial.folder, seconds=most)
    for arrays in sorted(trial.folder.glob("*.npz")):
        facts = json.loads(arrays.with_suffix(".json").read_text(encoding="utf-8"))
        model = trial.folder / "model"
        if contender.is_locum:
            model /= arrays.stem
        with np.load(arrays) as found:
            figures = judge(trial.divided, found)
        figures["train_seconds"] = facts["train_seconds"]
        figures["size_mb"] = _size(trial, model) / 1e6
        name = arrays.stem if contender.is_locum else trial.name
        yield Outcome(name, figures | _timed(trial, job, model, facts, python), facts)


def judge(divided: DividedSet, found: Mapping[str, NDArray[Any]]) -> dict[str, float]:
    """Agreement, accuracy and coverage.

    ``certified`` is the coverage that Locum's certificate gives the student by its most probable
    label's probability, and ``certified_agreement`` what that comes to on test inputs. ``own`` is
    the share of test inputs that the product's own threshold answers, ``own_agreement`` the
    agreement there, and ``own_all_requests`` that of all requests with the others sent on.
    """
    answers = divided.answers("test")
    predicted = found["test"].argmax(axis=1)
    figures = {
        "agreement": float((predicted == answers).mean()),
        "accuracy": float((predicted == divided.human("test")).mean()),
    }
    temperature = fit_temperature(found["validation"], divided.answers("validation"))
    confidence = soften(found["test"], temperature).max(axis=1)
    certificate = _certify(divided, found, temperature)
    figures["certified"] = certificate.coverage if certificate else 0.0
    if certificate:
        answered = confidence >= certificate.threshold
        figures["certified_agreement"] = float((predicted == answers)[answered].mean())
    if "answered" in found:
        answered, agrees = found["answered"], found["predicted"] == answers
        figures["own"] = float(answered.mean())
        figures["own_all_requests"] = float((agrees | ~answered).mean())
        if answered.any():
            figures["own_agreement"] = float(agrees[answered].mean())
    return figures


def _certify(
    divided: DividedSet, found: Mapping[str, NDArray[Any]], temperature: float
) -> Certificate | None:
    sure, agrees = {}, {}
    splits: tuple[Split, ...] = ("validation", "certify")
    for split in splits:
        proba = soften(found[split], temperature)
        sure[split] = proba.max(axis=1)
        agrees[split] = proba.argmax(axis=1) == divided.answers(split)
    inputs = len(sure["certify"])
    thresholds = plan_thresholds(sure["validation"], agrees["validation"], inputs, PROMISE)
    return certify(sure["certify"], agrees["certify"], thresholds, PROMISE)


def _timed(
    trial: Trial, job: Job, model: Path, facts: Mapping[str, Any], python: str
) -> dict[str, float]:
    nothing = Part([], np.zeros(0, np.int64))
    settings = {**job.settings, "family": facts.get("family", "")}
    path = trial.folder / "timed.json"
    job._replace(train=nothing, validation=nothing, certify=nothing, settings=settings).write(path)
    adapter = trial.contender.timed_by or trial.contender.adapter
    timed: dict[str, float] = json.loads(
        _call(python, "time", adapter, path, model, repr(time.time())).splitlines()[-1]
    )
    return timed


def _size(trial: Trial, model: Path) -> int:
    files = [file for file in model.rglob("*") if file.is_file()]
    if trial.contender.encoder_on_disk:
        files += [trial.encoder / name for name in ENCODER_FILES]
    return sum(file.stat().st_size for file in files)


def _call(python: str, *arguments: str | Path, seconds: float | None = None) -> str:
    command = [python, "-m", "benchmarks.peers.run", *map(str, arguments)]
    try:
        done = subprocess.run(
            command,
            cwd=REPOSITORY,
            env=os.environ | ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"took longer than {seconds:.0f} seconds") from None
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise RuntimeError(" ".join(last) or f"ended with {done.returncode}")
    return done.stdout
