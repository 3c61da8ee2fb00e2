"""Take credentials and personal data out of calls before they reach the disk."""

from __future__ import annotations

import re
from hashlib import sha256
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from locum.config import RedactionSettings
from locum.errors import UsageError
from locum.redaction.credentials import CREDENTIALS, KIND, forms_of
from locum.redaction.escapes import ESCAPE
from locum.redaction.finder import Finder
from locum.redaction.folding import OTHER
from locum.redaction.leaves import SHORTEST, copied, leaves, rename, texts
from locum.redaction.personal import PERSONAL
from locum.redaction.phones import PHONES
from locum.redaction.redacted_text import RedactedText
from locum.redaction.texts import change_json, change_parts, is_json
from locum.schema import ANY_PLACEHOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from locum.redaction.finder import Finding
    from locum.redaction.personal import Pattern

__all__ = ["PERSONAL_KINDS", "Redacted", "Redactor"]

PERSONAL_KINDS: tuple[str, ...] = tuple(
    dict.fromkeys(pattern.kind for pattern in (*PERSONAL, *PHONES))
)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
# A replaced value can set free another one, which it overlapped or stood too close to.
_ROUNDS = 8
_DIGITS = 16
# Of longer texts it is kept what was found: to search them takes long.
_LONG = 16_384


class Redacted(NamedTuple):
    """What is left after redaction.

    Args:
        values: The values in their order; one in which nothing was found is the same object.
        counts: How many places were replaced, by kind.
        originals: What each placeholder stands for, as it is first written; never to be kept. It
            may hold placeholders that come before it.
    """

    values: list[Any]
    counts: dict[str, int]
    originals: dict[str, str]


class Redactor:
    """Puts placeholders such as ``[EMAIL_1]`` in the place of credentials and personal data.

    Within one call of `redact` the same value has the same placeholder, numbered by kind in the
    order in which values first occur. Names of people and postal addresses are left in: to find
    those takes a model. So are IP addresses that belong to nobody, such as private ones, and files
    in Base64. A redactor may be used by several threads.

    Args:
        settings: Kinds to leave in, and patterns of one's own, by the name of their placeholder.
            They are searched for in every text; mind their running time.

    Attributes:
        patterns_digest: Differs where other patterns are searched for.

    Raises:
        UsageError: A kind to leave in is unknown or is ``credential``, or a pattern of one's own is
            no regular expression, matches the empty string, or has a name that cannot be used.
    """

    def __init__(self, settings: RedactionSettings | None = None) -> None:
        settings = settings or RedactionSettings()
        _check_off(settings.off)
        personal = [p for p in (*PERSONAL, *PHONES) if p.kind not in settings.off]
        own = _compiled(settings.patterns)
        self._finder = Finder([*CREDENTIALS, *personal], own)
        # A pattern of one's own may be of one character.
        self._shortest = 1 if own else SHORTEST
        self.patterns_digest = _digest([*CREDENTIALS, *personal], own)

    def redact(self, values: Sequence[Any], secrets: Sequence[str] = ()) -> Redacted:
        """Return JSON-shaped values without what is to be kept from the disk.

        Strings and keys of objects are searched, and whole numbers where they are payment cards
        or their key says what they are. A string that is JSON stays JSON. Log-probabilities whose
        tokens spell something that is replaced become ``None``.

        Args:
            values: What belongs to one call; nothing in them is changed.
            secrets: Exact strings to replace as credentials, such as the client's own key, also
                where they are escaped or in Base64; those shorter than 8 characters are not.
        """
        read = [texts(value, self._shortest) for value in values]
        everything = "\n".join(text for part in read for text, _ in part)
        forms = {f: secret for secret in secrets for f in forms_of(secret) if f in everything}
        run = _Run(self._finder, forms, self._shortest)
        found = [any(run.holds(text, context) for text, context in part) for part in read]
        if not any(found):
            return Redacted(list(values), {}, {})
        run.keep_placeholders(values)
        redacted = [
            run.redacted(value) if holding else value
            for value, holding in zip(values, found, strict=True)
        ]
        return Redacted(redacted, run.counts, run.originals)

    def redact_text(self, text: str) -> str:
        """Return a text without what is to be kept from the disk."""
        # Most texts hold nothing.
        return self.redact_reversibly(text).text if self._finder.holds(text, "", {}) else text

    def unknown_placeholders(self, text: str) -> list[str]:
        """Return what looks like placeholders in a text and is of no kind that this one makes."""
        if "[" not in text:
            return []
        known = self._finder.placeholder
        found = (match[0] for match in ANY_PLACEHOLDER.finditer(text))
        return [one for one in found if not known.fullmatch(one)]

    def redact_reversibly(self, text: str) -> RedactedText:
        """Return a text without what is to be kept from the disk, which can be put back."""
        redacted = self.redact([text])
        return RedactedText(redacted.values[0], text, redacted.originals, self._finder.placeholder)


class _Run:
    """The redaction of the values of one call: their placeholders so far."""

    def __init__(self, finder: Finder, forms: Mapping[str, str], shortest: int) -> None:
        self.counts: dict[str, int] = {}
        self.originals: dict[str, str] = {}
        self._finder = finder
        self._forms = forms
        self._shortest = shortest
        self._placeholders: dict[tuple[str, str], str] = {}
        self._last: dict[str, int] = {}
        self._held: dict[tuple[int, str], tuple[str, bool]] = {}

    def keep_placeholders(self, values: Sequence[Any]) -> None:
        """Number placeholders from behind those that values hold already."""
        for leaf in leaves(list(values)):
            for match in self._finder.placeholder.finditer(leaf.text):
                name, number = match["name"], int(match["number"])
                self._last[name] = max(self._last.get(name, 0), number)

    def holds(self, text: str, context: str) -> bool:
        """Tell whether something is to be replaced in a text, also in one that is JSON."""
        if len(text) < _LONG:
            return self._finder.holds(text, context, self._forms)
        key = (id(text), context)
        if key not in self._held:  # with the text, so that no other one gets its id meanwhile
            self._held[key] = text, self._finder.holds(text, context, self._forms)
        return self._held[key][1]

    def redacted(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        """Return a copy of a value; of its leaves, those in which something was found change."""
        root = [copied(value)]
        names: dict[int, tuple[dict[str, Any], dict[str, str]]] = {}
        for leaf in leaves(root, self._shortest):
            if not self.holds(leaf.text, leaf.context):
                continue
            text = self._text(leaf.text, leaf.context)
            if leaf.part == "key":
                names.setdefault(id(leaf.container), (leaf.container, {}))[1][leaf.key] = text
            elif text != leaf.text:
                leaf.container[leaf.key] = None if leaf.part == "tokens" else text
        for container, changed in names.values():
            rename(container, changed)
        return root[0]

    def _text(self, text: str, context: str) -> str:
        if is_json(text):
            return change_json(text, self._text)
        if any(form in text for form in self._forms):
            return self._part(text, context)
        return change_parts(text, lambda part: self._part(part, context))

    def _part(self, text: str, context: str) -> str:
        for _ in range(_ROUNDS):
            found = self._finder.find(text, context, self._forms)
            if not found:
                break
            text = self._replaced(text, found)
        return text

    def _replaced(self, text: str, found: Sequence[Finding]) -> str:
        pieces, last = [], 0
        for finding in found:
            placeholder = self._placeholder(finding.kind, finding.same)
            self.originals.setdefault(placeholder, text[finding.start : finding.end])
            pieces += [text[last : finding.start], placeholder]
            last = finding.end
        return "".join([*pieces, text[last:]])

    def _placeholder(self, kind: str, same: str) -> str:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if (kind, same) not in self._placeholders:
            name = kind.upper()
            self._last[name] = self._last.get(name, 0) + 1
            self._placeholders[kind, same] = f"[{name}_{self._last[name]}]"
        return self._placeholders[kind, same]


def _check_off(off: frozenset[str]) -> None:
    for kind in sorted(off):
        if kind == KIND:
            raise UsageError("credentials are always redacted: take 'credential' out of off")
        if kind not in PERSONAL_KINDS:
            known = ", ".join(PERSONAL_KINDS)
            raise UsageError(f"{kind!r} is no kind of personal data: expected one of {known}")


def _digest(patterns: Sequence[Pattern], own: Mapping[str, re.Pattern[str]]) -> str:
    kinds = [(pattern.kind, pattern.regex) for pattern in patterns]
    searched = [("", OTHER), ("", ESCAPE), *kinds, *sorted(own.items(), key=itemgetter(0))]
    said = "\0".join(f"{kind}\0{regex.pattern}\0{regex.flags}" for kind, regex in searched)
    return sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def _compiled(patterns: Mapping[str, str]) -> dict[str, re.Pattern[str]]:
    compiled = {}
    for name, pattern in patterns.items():
        if not _NAME.fullmatch(name) or name.lower() in (KIND, *PERSONAL_KINDS):
            raise UsageError(
                f"the pattern {name!r} cannot have that name: expected up to 40 letters, digits "
                f"and '_', starting with a letter, and none of {', '.join((KIND, *PERSONAL_KINDS))}"
            )
        try:
            compiled[name] = re.compile(pattern)
        except re.error as error:
            raise UsageError(
                f"the pattern {name!r} is no regular expression: {error} (in {pattern!r})"
            ) from None
        if compiled[name].search(""):
            raise UsageError(
                f"the pattern {name!r} ({pattern!r}) matches the empty string, and so everywhere: "
                "let it need at least one character"
            )
    return compiled
