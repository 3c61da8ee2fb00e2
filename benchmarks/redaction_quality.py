"""How much of what should be redacted is, and how much else, and how long it takes.

Recall is the share of values of which nothing is left. Precision is the share of placeholders of a
kind that stand for a value of that kind, over all texts, also those without any value.

    python -m benchmarks.redaction_quality                # about a minute
    python -m benchmarks.redaction_quality --each 100
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.redaction_cases import ALPHABETS, Case, Maker, cases, negatives
from locum.config import RedactionSettings
from locum.dataset import read_texts
from locum.redaction import PERSONAL_KINDS, Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CALLS = Path(__file__).parent / "data" / "banking77_deepseek.csv"
FILLER = "Since then I have waited for two weeks and nobody could tell me what is going on. "
NEGATIVES_FOR_EACH = 4
PHONES_ALONE = RedactionSettings(frozenset(PERSONAL_KINDS) - {"phone"})
_PLACEHOLDERS = re.compile(r"(?:\W*\[[A-Z_]+_[0-9]+\])+\W*")


class Row(NamedTuple):
    """Figures of one group of values.

    Args:
        group: What was looked for.
        kind: Its kind.
        values: How many there were.
        recall: Share of them of which nothing is left.
        precision: Share of the placeholders of the kind that stand for one.
    """

    group: str
    kind: str
    values: int
    recall: float
    precision: float


def is_gone(case: Case, redacted: str) -> bool:
    """Tell whether nothing is left of the value, and the text around it stays."""
    inner = redacted[len(case.before) : len(redacted) - len(case.after)]
    around = redacted.startswith(case.before) and redacted.endswith(case.after)
    return around and _PLACEHOLDERS.fullmatch(inner) is not None


def measure(redactor: Redactor, labelled: Sequence[Case], clean: Sequence[str]) -> list[Row]:
    """Return the figures by group; ``clean`` are texts without a value."""
    gone: Counter[str] = Counter()
    right: Counter[str] = Counter()
    placeholders: Counter[str] = Counter()
    for case in labelled:
        values, counts, _ = redactor.redact([case.text])
        gone[case.group] += is_gone(case, values[0])
        right[case.kind] += is_gone(case, values[0]) and counts.get(case.kind, 0) == 1
        placeholders.update(counts)
    for text in clean:
        placeholders.update(redactor.redact([text]).counts)
    groups = Counter((case.group, case.kind) for case in labelled)
    return [
        Row(group, kind, number, gone[group] / number, right[kind] / max(placeholders[kind], 1))
        for (group, kind), number in groups.items()
    ]


def false_placeholders(redactor: Redactor, texts: Sequence[str]) -> tuple[Counter[str], list[str]]:
    """Return the placeholders by kind in texts without a value, and the texts that got one."""
    found: Counter[str] = Counter()
    wrong = []
    for text in texts:
        if counts := redactor.redact([text]).counts:
            found.update(counts)
            wrong.append(text)
    return found, wrong


def typical_call(maker: Maker, query: str) -> list[dict[str, Any]]:
    """Return request and response of a classification, about 2 KB of JSON together."""
    labels = ", ".join(f"a_label_of_the_task_{letter}" for letter in "abcdefghijklmnopqrst")
    messages = [
        {"role": "system", "content": f"Classify the text. Answer with one label of: {labels}"},
        {"role": "user", "content": f"{query} {FILLER * 10}"},
    ]
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "a_label_of_the_task_c", "refusal": None},
        "logprobs": None,
        "finish_reason": "stop",
    }
    response = {
        "id": f"chatcmpl-{maker.text(ALPHABETS['a'], 29)}",
        "object": "chat.completion",
        "created": 1741570283,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [choice],
        "usage": {"prompt_tokens": 310, "completion_tokens": 8, "total_tokens": 318},
        "system_fingerprint": "fp_44709d6fcb",
    }
    return [{"model": "gpt-4o-mini", "messages": messages, "temperature": 0}, response]


def microseconds(run: Callable[[Any], object], inputs: Sequence[Any]) -> float:
    """Return the least mean time of five parts of the inputs; none is run twice."""
    means = []
    for part in (inputs[offset::5] for offset in range(5)):
        start = time.perf_counter()
        for one in part:
            run(one)
        means.append((time.perf_counter() - start) / len(part) * 1e6)
    return min(means)


def phone_searches() -> dict[str, Callable[[str], str]]:
    """Return functions that take phone numbers alone out of a text, by name."""
    searches: dict[str, Callable[[str], str]] = {"own patterns": Redactor(PHONES_ALONE).redact_text}
    for region in (None, "US", "GB", "DE"):
        for leniency, name in ((0, "possible"), (1, "valid")):
            search = partial(library_redacted, region=region, leniency=leniency)
            searches[f"PhoneNumberMatcher, {region}, {name}"] = search
    return searches


def library_redacted(text: str, region: str | None, leniency: int) -> str:
    """Return a text without the phone numbers that the library's own search finds."""
    import phonenumbers

    matcher = phonenumbers.PhoneNumberMatcher(text, region, leniency=leniency)
    for match in reversed(list(matcher)):
        text = f"{text[: match.start]}[PHONE_1]{text[match.end :]}"
    return text


def compare_phones(labelled: Sequence[Case], clean: Sequence[str]) -> None:
    """Print how the search for phone numbers compares with that of `phonenumbers`."""
    phones = [case for case in labelled if case.kind == "phone"]
    groups = list(dict.fromkeys(case.group for case in phones))
    titles = " ".join(f"{group:>19}" for group in groups)
    print(f"\n{'recall and cost by search':34} {titles} {'false/1,000':>12} {'us/text':>8}")
    for name, search in phone_searches().items():
        gone = Counter(case.group for case in phones if is_gone(case, search(case.text)))
        recalls = " ".join(
            f"{gone[group] / sum(case.group == group for case in phones):19.1%}" for group in groups
        )
        false = sum(search(text) != text for text in clean) / len(clean) * 1000
        cost = microseconds(search, [*(case.text for case in phones), *clean])
        print(f"{name:34} {recalls} {false:12.1f} {cost:8.1f}")


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--each", type=int, default=500, help="values of each group")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=0, help="show so many misses and false finds")
    chosen = parser.parse_args()
    queries = read_texts(CALLS)
    labelled = cases(chosen.seed, chosen.each, queries)
    clean = list(negatives(chosen.seed, max(1, chosen.each // NEGATIVES_FOR_EACH)))
    redactor = Redactor()
    print(f"{'group':20} {'values':>7} {'recall':>8} {'precision of kind':>24}")
    for row in measure(redactor, labelled, clean):
        print(
            f"{row.group:20} {row.values:7,} {row.recall:8.1%} {row.kind:>15} {row.precision:8.1%}"
        )
    for name, texts in (("hard negatives", clean), ("Banking77 queries", queries)):
        found, wrong = false_placeholders(redactor, texts)
        rate = len(wrong) / len(texts) * 1000
        print(
            f"{name}: {len(texts):,}, {rate:.2f} per 1,000 with a false placeholder {dict(found)}"
        )
        print(*(f"    {redactor.redact_text(text)!r}" for text in wrong[: chosen.show]), sep="\n")
    if chosen.show:
        missed = [case for case in labelled if not is_gone(case, redactor.redact_text(case.text))]
        for case in missed[:: max(1, len(missed) // chosen.show)]:
            print(f"    missed {case.group}: {case.text!r}")
    maker = Maker(chosen.seed)
    for name, contents in (("without", queries), ("with", [case.text for case in labelled])):
        calls = [typical_call(maker, content) for content in contents]
        size = sum(len(json.dumps(call)) for call in calls) / len(calls)
        cost = microseconds(Redactor().redact, calls)
        print(f"a call of {size:,.0f} bytes {name} a value: {cost:.1f} us")
    compare_phones(labelled, clean)


if __name__ == "__main__":
    main()
