"""Objects of which some fields are in the way: what a student is worth that leaves these out."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, NamedTuple

from locum.audit.foresight import LIKELY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from locum.audit.probe import Probe
    from locum.extraction.hindrances import Hindrance

__all__ = ["ProbedObjects", "distil_command", "probe_without", "student_without"]


class ProbedObjects(NamedTuple):
    """What a probe of objects found.

    Args:
        probe: Of objects without the fields that it leaves out.
        hindrances: What is in the way of these, and would not be without some fields.
    """

    probe: Probe
    hindrances: Sequence[Hindrance]


def probe_without(
    whole: ProbedObjects, probe: Callable[[tuple[str, ...]], ProbedObjects | None]
) -> Probe:
    """Return the probe of whole objects, or of objects without the fields that are in the way.

    Fields are left out where whole objects bring no certificate now and objects without them do, or
    would with more calls where no number of calls helps whole ones.

    Args:
        whole: What the probe of whole objects found.
        probe: Probes objects without such fields; ``None`` where it cannot.
    """
    found, said = whole, list[str]()
    while found.probe.now.chance < LIKELY:
        more = dict.fromkeys(field for one in found.hindrances for field in one.fields)
        rest = probe((*found.probe.left_out, *more)) if more else None
        if rest is None:
            break
        said += [one.said for one in found.hindrances]
        found = rest
    return _chosen(whole.probe, found.probe, said)


def student_without(left_out: Sequence[str]) -> str:
    """Return how a sentence calls a student that leaves out fields, if any."""
    fields = " and ".join(left_out)
    return f"a small student that leaves out {fields}" if fields else "a small student"


def distil_command(name: str, left_out: Sequence[str]) -> str:
    """Return what makes a student of a task that leaves out fields."""
    flags = [part for field in left_out for part in ("--leave-out", field)]
    return shlex.join(["locum", "distill", name, *flags])


def _chosen(whole: Probe, rest: Probe, said: Sequence[str]) -> Probe:
    if not rest.left_out:
        return whole
    if rest.now.chance >= LIKELY or (rest.later is not None and whole.later is None):
        note = (
            f"whole objects agree with the model's on {whole.agreement.value:.0%} of inputs, as "
            f"{'; '.join(said)}"
        )
        return rest._replace(notes=(*rest.notes, note))
    told = "which brings no certificate now either"
    if not rest.whole:
        told = "and larger probes of it need more time: --time gives it"
    agreement = f"{rest.agreement.value:.0%}"
    note = f"{student_without(rest.left_out)} agrees with the model on {agreement}, {told}"
    return whole._replace(notes=(*whole.notes, note))
