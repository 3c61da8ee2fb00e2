"""Findings made by hand, and any findings at all."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from locum.scan import RULES, SEVERITIES, CallSite, Finding, LocatedSite, ScanReport

__all__ = ["FINDINGS", "finding", "report_of", "site"]


def site(instruction: str | None = "Which team should answer this? {}") -> CallSite:
    return CallSite(
        sdk="openai",
        language="python",
        model="gpt-4o",
        tier="frontier",
        instruction=instruction,
        slots=1,
        answers=("billing", "shipping"),
        schema=(),
        most_tokens=None,
        temperature=0.0,
        contexts=("web handler",),
    )


def finding(
    path: str = "src/triage.py",
    line: int = 12,
    instruction: str | None = "Which team should answer this? {}",
    **others: Any,  # noqa: ANN401 - what the fields take
) -> Finding:
    """Return a finding that has what is given, and else something likely."""
    made = Finding(
        rule="closed-answer",
        severity="error",
        path=path,
        line=line,
        column=12,
        end_line=line + 3,
        end_column=6,
        reason="The answer is one of 2 labels.",
        evidence=["model gpt-4o is of the frontier tier", "labels on line 4: billing, shipping"],
        cure="Train a classifier with locum distill.",
        site=site(instruction),
    )
    return made._replace(**others)


def report_of(
    *findings: Finding,
    suppressed: tuple[Finding, ...] = (),
    skipped: dict[str, list[str]] | None = None,
) -> ScanReport:
    """Return a scan that found these, in three files of 1,500 lines."""
    sites = [LocatedSite(one.path, one.line, one.column, one.site) for one in findings]
    return ScanReport(list(findings), sites, 3, 1_500, skipped or {}, list(suppressed))


_PLACES = st.integers(1, 100_000)
# Few of them, so that equal ones are frequent.
_INSTRUCTIONS = st.one_of(st.none(), st.sampled_from(["Sort {}", "Sort\n   {}", "Name {}"]))
FINDINGS: st.SearchStrategy[list[Finding]] = st.lists(
    st.builds(
        Finding,
        rule=st.sampled_from(list(RULES)),
        severity=st.sampled_from(SEVERITIES),
        path=st.one_of(st.sampled_from(["a.py", "b/c d.ts"]), st.text(min_size=1)),
        line=_PLACES,
        column=_PLACES,
        end_line=_PLACES,
        end_column=_PLACES,
        reason=st.text(),
        evidence=st.lists(st.text(), max_size=3),
        cure=st.text(),
        site=_INSTRUCTIONS.map(site),
    ),
    max_size=6,
)
