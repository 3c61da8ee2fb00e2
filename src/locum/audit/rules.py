"""How the calls of one instruction are told apart: several prompts, examples, talk, agents."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal, NamedTuple

from locum.audit.mining import find_patterns
from locum.audit.pattern import WHOLE, Pattern, pattern_of_json, whole_text
from locum.audit.words import Words, read_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from locum.audit.asked import Asked
    from locum.schema import JsonObject

__all__ = [
    "LEAST_TEXTS",
    "Rule",
    "common_prompt",
    "is_generic",
    "learn_rules",
    "place_of",
    "rule_of_json",
]

LEAST_TEXTS = 10
"""Different prompts that show a template."""
_LEAST_REPEATS = 20
_COVERED = 0.9
_FEW_SHOT_REPLIES = 2
_FEW_SHOT_SHARE = 0.5
_MOST_MINED = 4_000
_FIRST_MINED = 500
_FIRST_COVERED = 0.5
_GENERIC_WORDS = """
    a about accurate accurately ai all always an and answer answers any anthropic are as ask asks
    assist assistant assistance based be best brief by can chat chatbot chatgpt claude clear clearly
    concise concisely conversation current date deepseek detailed developed do expert follow
    following for friendly gemini general give given good google gpt have harmless help helpful
    helpfully highly honest human i if in information instruction instructions intelligent is it
    kind knowledge knowledgeable language large llama me meta mistral model my of on openai or
    please polite politely possible powerful provide qwen question questions request requests
    respectful respond response responses reply s should smart some system task tasks that the their
    them thoughtful to today trained truthful try user users very virtual with you your
"""
_GENERIC = frozenset(_GENERIC_WORDS.split())


class Rule(NamedTuple):
    """Which calls of one instruction are a task.

    Args:
        kind: ``agent``: those with tools; ``prompt``: one message by a pattern; ``examples``: the
            same after turns that are the same in many calls; ``conversation``: talk of several
            turns; ``any``: all.
        turns: Digest of the turns before the message, for ``examples``.
        pattern: What the last message is like; of ``any``, what most are like.
    """

    kind: Literal["agent", "prompt", "examples", "conversation", "any"]
    turns: str = ""
    pattern: Pattern = WHOLE

    def fits(self, asked: Asked, joined: str) -> bool:
        """Tell whether a call, whose message is ``joined`` words, is one of the rule's."""
        if self.kind in {"any", "agent"}:
            return self.kind == "any" or asked.uses_tools
        if self.kind == "conversation":
            return bool(asked.turns)
        return asked.turns == self.turns and self.pattern.admits(joined)

    def to_json(self) -> JsonObject:
        """Return what `rule_of_json` reads."""
        return {"kind": self.kind, "turns": self.turns, "pattern": self.pattern.to_json()}


def rule_of_json(value: JsonObject) -> Rule:
    """Return the rule that `Rule.to_json` wrote."""
    return Rule(value["kind"], str(value["turns"]), pattern_of_json(value["pattern"]))


def place_of(rules: Sequence[Rule], asked: Asked) -> int:
    """Return the place of the first rule that a call fits; all calls fit the last one."""
    joined = read_words(asked.text).joined if len(rules) > 1 else ""
    return next(place for place, rule in enumerate(rules) if rule.fits(asked, joined))


def is_generic(instruction: str) -> bool:
    """Tell whether an instruction says nothing of what is wanted, as "You are a helpful assistant".

    It has no other words than some 150 of such phrases.
    """
    words = (key.lower() for key in read_words(instruction).keys if key[:1].isalpha())
    return all(word in _GENERIC for word in words)


def learn_rules(asked: Sequence[Asked], *, generic: bool) -> list[Rule]:
    """Return how calls of one instruction are told apart; the last rule takes the rest.

    Where the instruction says what is wanted, prompts count as several tasks only if they make up
    nine tenths of the messages: else they are what people happen to ask with it.

    Args:
        asked: A sample of its calls.
        generic: Whether the instruction says nothing.
    """
    rules = [Rule("agent")] if any(one.uses_tools for one in asked) else []
    plain = [one for one in asked if not one.uses_tools]
    for turns in _example_turns(plain):
        after = [one.text for one in plain if one.turns == turns]
        patterns = _prompts(after, generic=False)
        if len(patterns) > 1:
            rules += [Rule("examples", turns, pattern) for pattern in patterns]
        rules.append(Rule("examples", turns, patterns[0] if len(patterns) == 1 else WHOLE))
    single = [one.text for one in plain if not one.turns]
    patterns = _prompts(single, generic=generic)
    if len(patterns) == 1 and not generic:
        return [*rules, Rule("any", "", patterns[0])]
    rules += [Rule("prompt", "", pattern) for pattern in patterns]
    if generic and any(one.turns for one in plain):
        rules.append(Rule("conversation"))
    return [*rules, Rule("any")]


def _example_turns(asked: Sequence[Asked]) -> list[str]:
    """Return the digests of turns that are examples: the same before many different messages."""
    later = [one for one in asked if one.replies]
    messages: dict[str, set[str]] = {}
    for one in later:
        messages.setdefault(one.turns, set()).add(one.text)
    calls = Counter(one.turns for one in later)
    replies = {one.turns: one.replies for one in later}
    return sorted(
        turns
        for turns, texts in messages.items()
        if len(texts) >= LEAST_TEXTS
        and (replies[turns] >= _FEW_SHOT_REPLIES or calls[turns] >= _FEW_SHOT_SHARE * len(later))
    )


def _prompts(texts: Sequence[str], *, generic: bool) -> list[Pattern]:
    counts = Counter(texts)
    words = {text: read_words(text) for text in counts}
    if not generic:
        return _covering(counts, words)
    patterns = find_patterns(list(words.values())[:_MOST_MINED], LEAST_TEXTS)
    return [*patterns, *_repeated(counts, words, patterns)]


def _covering(counts: Counter[str], words: dict[str, Words]) -> list[Pattern]:
    """Return the prompts of texts that make up nearly all of them; none where there are none such.

    A few texts are looked at first: those of most tasks are inputs that share nothing.
    """
    for most in (_FIRST_MINED, _MOST_MINED):
        some = dict(list(words.items())[:most])
        patterns = find_patterns(list(some.values()), LEAST_TEXTS)
        covered = sum(counts[text] for text in _admitted(some, patterns))
        wanted = _COVERED if len(some) == len(words) else _FIRST_COVERED
        if covered < wanted * sum(counts[text] for text in some):
            return []
        if len(some) == len(words):
            break
    return patterns


def common_prompt(texts: Sequence[str]) -> Pattern:
    """Return the one prompt that nearly all messages of a task are written by, else any text."""
    counts = Counter(texts)
    patterns = _covering(counts, {text: read_words(text) for text in counts})
    return patterns[0] if len(patterns) == 1 else WHOLE


def _admitted(words: dict[str, Words], patterns: Sequence[Pattern]) -> Iterator[str]:
    for text, read in words.items():
        joined = read.joined
        if any(pattern.admits(joined) for pattern in patterns):
            yield text


def _repeated(
    counts: Counter[str], words: dict[str, Words], patterns: Sequence[Pattern]
) -> list[Pattern]:
    """Return prompts without a gap that are asked again and again."""
    left = counts.keys() - set(_admitted(words, patterns))
    totals: Counter[tuple[str, ...]] = Counter()
    shown: dict[tuple[str, ...], Words] = {}
    for text in sorted(left):
        totals[words[text].keys] += counts[text]
        shown.setdefault(words[text].keys, words[text])
    often = [keys for keys, count in totals.items() if keys and count >= _LEAST_REPEATS]
    return sorted(_evident(whole_text(shown[keys]) for keys in often))


def _evident(patterns: Iterable[Pattern]) -> Iterator[Pattern]:
    return (pattern for pattern in patterns if pattern.is_evident())
