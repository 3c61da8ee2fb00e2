"""The manifest of an artefact: strict, so that nothing in it is passed over unread."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from locum.calibration import DEFERRAL_FEATURES
from locum.errors import ArtefactError
from locum.schema import MANIFEST

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "FORMAT_VERSION",
    "AgreementEntry",
    "CertificateEntry",
    "DeferralEntry",
    "ExtractionManifest",
    "ExtractionTaskEntry",
    "FieldEntry",
    "FileEntry",
    "GenerationManifest",
    "GenerationTaskEntry",
    "Manifest",
    "RedactionEntry",
    "ShareEntry",
    "SurroundingsEntry",
    "TaskEntry",
    "read_manifest",
]

FORMAT_VERSION: Literal[1] = 1
_LARGEST_MANIFEST = 50_000_000
_FEATURES = len(DEFERRAL_FEATURES)

Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Moderate = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
FileName = Annotated[
    str,
    Field(
        pattern=r"^((first|second)/)?((tagger|head-[0-9]{1,5}|member-[0-9]{1,3})/)?[A-Za-z0-9][A-Za-z0-9_-]*\.[a-z]+$",
        max_length=100,
    ),
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FileEntry(_Strict):
    """A file that belongs to the student."""

    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class TaskEntry(_Strict):
    """What the student was trained for."""

    name: str
    kind: Literal["classification"] = "classification"
    instruction: str
    labels: list[str]
    descriptions: dict[str, str]
    examples: dict[str, str]


class ExtractionTaskEntry(_Strict):
    """What a student that answers in JSON was trained for."""

    name: str
    kind: Literal["extraction"] = "extraction"
    instruction: str
    answer_schema: dict[str, Any]
    leave_out: list[str]


class GenerationTaskEntry(_Strict):
    """What a student that writes was trained for."""

    name: str
    kind: Literal["generation"] = "generation"
    instruction: str


class CertificateEntry(_Strict):
    """Where the student may answer."""

    threshold: Fraction
    target: Fraction
    confidence: Fraction
    coverage: Fraction
    agreement: Fraction
    lower_bound: Fraction
    all_requests: Fraction
    inputs: int
    answered: int
    disagreements: int


class ShareEntry(_Strict):
    """A share of so many inputs, and the ends of its two-sided 95% interval."""

    value: Fraction
    low: Fraction
    high: Fraction
    inputs: Annotated[int, Field(ge=1)]


class AgreementEntry(_Strict):
    """A learned score of where the student agrees with its teacher, one number a feature."""

    means: Annotated[list[Moderate], Field(min_length=_FEATURES, max_length=_FEATURES)]
    scales: Annotated[
        list[Annotated[Positive, Field(ge=1e-9)]],
        Field(min_length=_FEATURES, max_length=_FEATURES),
    ]
    coefficients: Annotated[list[Moderate], Field(min_length=_FEATURES, max_length=_FEATURES)]
    intercept: Moderate


class DeferralEntry(AgreementEntry):
    """Such a score of a student that classifies."""

    kind: Literal["learned"]


class RedactionEntry(_Strict):
    """What was taken out of the texts that the student learned from."""

    off: list[str]
    patterns: dict[str, str]


class SurroundingsEntry(_Strict):
    """What stands around the inputs that the student learned from, and is not read by it."""

    before: str
    after: str


class FieldEntry(_Strict):
    """A field of an answer, or a list in it, and where the student may answer with it alone.

    ``value`` is where it gives one, and ``nothing`` where it says that there is none.
    """

    path: list[str]
    temperature: Positive
    value: CertificateEntry | None
    nothing: CertificateEntry | None


class _AnyManifest(_Strict):
    """What all artefacts say of themselves."""

    format_version: Literal[1]
    locum_version: str
    family: str
    teacher: str
    training_data_sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    redaction: RedactionEntry | None = None
    surroundings: SurroundingsEntry | None = None
    files: dict[FileName, FileEntry]


class Manifest(_AnyManifest):
    """All that a student that classifies says of itself."""

    task: TaskEntry
    temperature: Positive
    certificate: CertificateEntry
    deferral: DeferralEntry | None = None


class ExtractionManifest(_AnyManifest):
    """All that a student that answers in JSON says of itself."""

    task: ExtractionTaskEntry
    temperature: Positive
    certificate: CertificateEntry | None
    fields: list[FieldEntry]


class GenerationManifest(_AnyManifest):
    """All that a student that writes says of itself.

    ``rule`` says when an answer counts as good as the teacher's, ``judge`` who is asked for it, and
    ``by_chance`` how many of the teacher's answers it accepts as answers to other inputs.
    """

    task: GenerationTaskEntry
    rule: str
    judge: str = ""
    by_chance: ShareEntry | None = None
    score: AgreementEntry
    certificate: CertificateEntry


def read_manifest(folder: Path) -> Manifest | ExtractionManifest | GenerationManifest:
    """Read the manifest of an artefact.

    Raises:
        ArtefactError: There is none, it is damaged, or its format is of another version.
    """
    path = folder / MANIFEST
    try:
        if path.stat().st_size > _LARGEST_MANIFEST:
            raise ArtefactError(f"{path} is larger than {_LARGEST_MANIFEST:,} bytes: refused")
        content: Any = json.loads(path.read_bytes())
    except OSError:
        raise ArtefactError(
            f"{folder} holds no student: there is no readable {MANIFEST} in it; distil the task "
            "first, or give the folder of a student"
        ) from None
    except (ValueError, RecursionError) as error:
        raise ArtefactError(f"{path} is not valid JSON: {error}") from None
    found = content.get("format_version") if isinstance(content, dict) else None
    if found != FORMAT_VERSION:
        raise ArtefactError(
            f"{folder} has format version {found!r} and this Locum knows {FORMAT_VERSION}: save "
            "the student again, or use the Locum that wrote it"
        )
    task = content.get("task")
    kind = task.get("kind") if isinstance(task, dict) else None
    try:
        if kind == "extraction":
            return ExtractionManifest.model_validate(content)
        if kind == "generation":
            return GenerationManifest.model_validate(content)
        return Manifest.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ArtefactError(f"{path}: {where}: {first['msg']}") from None
