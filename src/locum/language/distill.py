"""From texts and a teacher to a smaller language model in a folder."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from locum.errors import UsageError
from locum.language.adapters import merged
from locum.language.asking import Asking, open_teacher
from locum.language.card import write_card
from locum.language.checkpoints import refuse_other_settings
from locum.language.distributions import TopTokens
from locum.language.models import refuse_too_long
from locum.language.origin import Origin, make_student, without_padding
from locum.language.plain import as_plain
from locum.language.refusals import refuse_kept, refuse_run, refuse_unused
from locum.language.settings import LanguageSettings
from locum.language.texts import read_texts
from locum.language.training import train_language_model
from locum.store import hold
from locum.teachers.pretrained import Pretrained, import_lm, logits_of_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from transformers import PreTrainedModel

    from locum.language.distributions import DrawnTokens
    from locum.language.history import TrainingStep
    from locum.language.settings import Mode
    from locum.language.texts import Texts

__all__ = ["LanguageDistillation", "distill_language_model"]

_WAIT = timedelta(days=30)


class LanguageDistillation(NamedTuple):
    """What came of it.

    Args:
        folder: Of the student, as transformers saves it.
        mode: What the student learned from.
        teacher: The teacher's name; ``None`` where there was none.
        parameters: Of the student.
        teacher_parameters: Of the teacher; ``None`` where nobody knows.
        documents: How many texts there were.
        tokens: Targets in one pass over what the student learned from.
        held_out_tokens: Targets that it is measured on.
        teacher_held_out: The teacher's cross-entropy on them, in nats a token; ``None`` where it
            lists its likeliest tokens alone.
        asked: Sequences that the teacher was asked about before the training.
        cache_bytes: What the cache of its answers takes on disk.
        resumed_at: After how many steps a stopped training went on; zero if it did not.
        steps: Of the training, the beginning first.
    """

    folder: Path
    mode: Mode
    teacher: str | None
    parameters: int
    teacher_parameters: int | None
    documents: int
    tokens: int
    held_out_tokens: int
    teacher_held_out: float | None
    asked: int
    cache_bytes: int
    resumed_at: int
    steps: list[TrainingStep]

    @property
    def before(self) -> float | None:
        """The student's cross-entropy on the held-out targets before it learned."""
        return self.steps[0].held_out

    @property
    def after(self) -> float | None:
        """The same at the end."""
        return self.steps[-1].held_out

    def as_object(self) -> dict[str, Any]:
        """Return the values for JSON."""
        steps = [step._asdict() for step in self.steps]
        results = {"before": self.before, "after": self.after}
        return self._asdict() | {"folder": str(self.folder), "steps": steps} | results


def distill_language_model(  # noqa: PLR0913 - one call with all that can be chosen
    texts: Sequence[str | Path],
    folder: str | Path,
    *,
    teacher: str | Path | None = None,
    served_as: str | None = None,
    origin: Origin | None = None,
    mode: Mode = "offline",
    kept: TopTokens | DrawnTokens | None = None,
    cache: str | Path | None = None,
    settings: LanguageSettings | None = None,
    length: int = 512,
    held_out: float | Sequence[str | Path] = 0.05,
    device: str | None = None,
    say: Callable[[str], None] = lambda _: None,
    tell: Callable[[TrainingStep, int], None] | None = None,
) -> LanguageDistillation:
    """Train a language model to say of texts what a larger one says, and save it.

    The folder appears when the student is whole. A run that was stopped goes on where it was, when
    it is started again with the same arguments: from its last checkpoint, with what the teacher
    has said already.

    Args:
        texts: Files and folders, see `locum.language.read_documents`.
        folder: Of the student; it must not exist.
        teacher: A name on the Hugging Face hub, a folder, or a GGUF file; or the URL of a server,
            see `locum.language.ServerTeacher`.
        served_as: The teacher's name at that URL.
        origin: Where the student comes from; by default it is the whole teacher.
        mode: ``offline`` asks the teacher once and keeps what it says; ``online`` asks it at every
            step, for all of its distribution; ``hard`` learns the tokens of the texts alone.
        kept: What is kept of each distribution offline: `TopTokens` (by default 50) or
            `DrawnTokens`.
        cache: Folder of what teachers have said, for any number of runs; by default one beside
            ``folder`` that is removed at the end.
        settings: Of the training.
        length: Tokens of a sequence.
        held_out: Texts to measure on, or their share of the documents.
        device: ``cpu``, ``cuda`` or another kind; by default ``cuda`` where there is one, else
            ``cpu``.
        say: Is told what is being done.
        tell: Is told of each step of the training, and how many there are.

    Raises:
        UsageError: An argument cannot be used, or a model cannot be loaded.
        InputError: A text cannot be read, or another run makes this student.
        ArtefactError: What is in the cache is damaged.
    """
    target, origin, settings = Path(folder), origin or Origin(), settings or LanguageSettings()
    refuse_run(target, teacher, served_as, origin, mode, settings)
    if mode != "offline":
        refuse_unused(kept, cache, mode, settings)
    kept = kept or TopTokens(temperature=settings.loss.temperature)
    refuse_kept(kept, settings)
    # One process asks a teacher while the others wait, for as long as it takes.
    state = import_lm("accelerate").PartialState(cpu=device == "cpu", timeout=_WAIT)
    where = _device(device, state)
    work = target.with_name(f"{target.name}.unfinished")
    source = Pretrained(str(origin.model or teacher))
    tokenizer = source.tokenizer
    say("reading texts")
    read = read_texts(texts, tokenizer, length=length, held_out=held_out, seed=settings.seed)
    if read.left_out:
        say(f"left out {read.left_out:,} texts that are held out too")
    say("making the student")
    tokens = logits_of_tokens(tokenizer)
    model = as_plain(source.load("float32", where, whole=True))
    student = make_student(
        origin, without_padding(model, tokens), read.train.ids_SL[:64], say, settings.seed
    )
    vocabulary = _vocabulary(student, tokens, read)
    how = Asking(
        mode,
        kept,
        Path(cache) if cache else work / "distributions",
        read,
        vocabulary,
        settings,
        where,
        state,
        say,
    )
    with _held(work, state):
        refuse_other_settings(work / "checkpoints", settings, kept if mode == "offline" else None)
        asked = open_teacher(teacher, served_as, tokenizer, how)
        train = asked.train or read.train
        if asked.teacher:
            vocabulary = min(vocabulary, asked.teacher.vocabulary)
        say(f"training {count_parameters(student):,} parameters on {train.rows:,} tokens")
        done = train_language_model(
            student,
            train,
            asked.teacher,
            settings,
            vocabulary=vocabulary,
            held_out=read.held_out,
            folder=work / "checkpoints",
            tell=tell,
        )
        plain = merged(student)
        result = LanguageDistillation(
            target,
            mode,
            served_as or (Pretrained(teacher).name if teacher else None),
            count_parameters(plain),
            asked.parameters,
            read.documents,
            train.rows,
            read.held_out.rows,
            asked.held_out,
            asked.sequences,
            asked.cache_bytes,
            done.resumed_at,
            done.steps,
        )
        from locum.language.checkpoints import whole_weights

        weights = whole_weights(plain)
        if state.is_main_process:
            _save(plain, weights, tokenizer, result, settings, work)
    if state.is_main_process:
        shutil.rmtree(work)
    state.wait_for_everyone()
    return result


def count_parameters(model: PreTrainedModel) -> int:
    """Return how many numbers a model is, tied ones once."""
    return sum(parameter.numel() for parameter in model.parameters())


@contextmanager
def _held(work: Path, state: Any) -> Iterator[None]:  # noqa: ANN401 - accelerate's
    """Hold what is unfinished for this run, by the first of the processes that share it."""
    if not state.is_main_process:
        yield
        return
    busy = f"another run works in {work}: wait for its end, or choose another place for the student"
    with hold(work / "run", busy=busy):
        yield


def _device(asked: str | None, state: Any) -> str:  # noqa: ANN401 - accelerate's
    """Return where accelerate computes, and see that it is where it was asked to."""
    import torch

    try:
        wanted = torch.device(asked or state.device)
    except RuntimeError:
        wanted = None
    found = state.device
    if wanted is None or wanted.type != found.type or wanted.index not in {None, found.index or 0}:
        known = " or ".join(dict.fromkeys(["cpu", str(found)]))
        raise UsageError(
            f"device is {asked!r}, expected {known}: no other is found; of several cards of one "
            "machine choose by CUDA_VISIBLE_DEVICES"
        )
    return str(found)


def _vocabulary(student: PreTrainedModel, tokens: int, read: Texts) -> int:
    """Return how many of a student's logits are of tokens, and see that it can read the texts."""
    config = student.config.get_text_config()
    packed = (read.train, read.held_out)
    highest = max(int(part.ids_SL.max()) for part in packed)
    if highest >= config.vocab_size:
        raise UsageError(
            f"the tokenizer writes token {highest:,} and the student has {config.vocab_size:,} "
            "logits: take a student that knows all tokens of its tokenizer"
        )
    refuse_too_long(student, read.longest, "student")
    # The tokenizer of a GGUF file may have a token more than the model, which no text holds.
    return min(tokens, int(config.vocab_size))


def _save(
    student: PreTrainedModel,
    weights: dict[str, Any] | None,
    tokenizer: Any,  # noqa: ANN401 - transformers' own union
    result: LanguageDistillation,
    settings: LanguageSettings,
    work: Path,
) -> None:
    """Write all under another name, and give it its own when it is whole."""
    whole = work / "student"
    shutil.rmtree(whole, ignore_errors=True)
    student.save_pretrained(whole, state_dict=weights)
    tokenizer.save_pretrained(whole)
    write_card(result, whole / "README.md")
    facts = result.as_object() | {"settings": settings.as_object()}
    (whole / "training.json").write_bytes(orjson.dumps(facts, option=orjson.OPT_INDENT_2))
    whole.rename(result.folder)
