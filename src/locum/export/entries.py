"""What manifests of all kinds hold, to and from what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.calibration import PLAIN_SCORE, DeferralScore
from locum.config import RedactionSettings
from locum.dataset import NO_SURROUNDINGS, Surroundings
from locum.errors import ArtefactError, LocumError
from locum.evaluation import Certificate, Interval, Share
from locum.export.manifest import (
    CertificateEntry,
    DeferralEntry,
    RedactionEntry,
    ShareEntry,
    SurroundingsEntry,
)
from locum.redaction import Redactor

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "certificate_entry",
    "deferral_entry",
    "read_certificate",
    "read_deferral",
    "read_redaction",
    "read_share",
    "read_surroundings",
    "redaction_entry",
    "share_entry",
    "surroundings_entry",
]


def certificate_entry(certificate: Certificate | None) -> CertificateEntry | None:
    """Return a certificate as a manifest holds it."""
    return None if certificate is None else CertificateEntry(**certificate._asdict())


def share_entry(share: Share | None) -> ShareEntry | None:
    """Return a share as a manifest holds it."""
    if share is None:
        return None
    return ShareEntry(value=share.value, **share.interval._asdict(), inputs=share.inputs)


def read_share(entry: ShareEntry | None) -> Share | None:
    """Return the share of an entry."""
    if entry is None:
        return None
    return Share(entry.value, Interval(entry.low, entry.high), entry.inputs)


def redaction_entry(redaction: RedactionSettings | None) -> RedactionEntry | None:
    """Return what is taken out of texts as a manifest holds it.

    Raises:
        UsageError: It cannot be, and nobody could load the student.
    """
    if redaction is None:
        return None
    Redactor(redaction)
    return RedactionEntry(off=sorted(redaction.off), patterns=dict(redaction.patterns))


def surroundings_entry(surroundings: Surroundings) -> SurroundingsEntry | None:
    """Return what is taken off texts as a manifest holds it."""
    if surroundings == NO_SURROUNDINGS:
        return None
    return SurroundingsEntry.model_validate(surroundings._asdict())


def read_surroundings(entry: SurroundingsEntry | None) -> Surroundings:
    """Return what an entry says is taken off texts."""
    return NO_SURROUNDINGS if entry is None else Surroundings(**entry.model_dump())


def deferral_entry(deferral: DeferralScore) -> DeferralEntry | None:
    """Return a score as a manifest holds it; what is not there is the plain one."""
    if deferral.kind == "plain":
        return None
    return DeferralEntry.model_validate(deferral._asdict())


def read_certificate(entry: CertificateEntry | None) -> Certificate | None:
    """Return the certificate of an entry."""
    return None if entry is None else Certificate(**entry.model_dump())


def read_redaction(folder: Path, entry: RedactionEntry | None) -> RedactionSettings | None:
    """Return what an entry says is taken out of texts.

    Raises:
        ArtefactError: A pattern cannot be used.
    """
    if entry is None:
        return None
    settings = RedactionSettings(frozenset(entry.off), entry.patterns)
    try:
        Redactor(settings)
    except LocumError as error:
        raise ArtefactError(f"{folder}: {error}") from None
    return settings


def read_deferral(entry: DeferralEntry | None) -> DeferralScore:
    """Return the score of an entry."""
    if entry is None:
        return PLAIN_SCORE
    return DeferralScore(
        entry.kind,
        tuple(entry.means),
        tuple(entry.scales),
        tuple(entry.coefficients),
        entry.intercept,
    )
