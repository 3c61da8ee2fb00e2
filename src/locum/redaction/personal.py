"""Kinds of personal data: how each is written, and what is checked before it is replaced.

Out of reach of patterns, and so left in: names of people, postal addresses, dates of birth, and
what is spelt out ("bob at example dot com"). Those need a model.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from locum.redaction import checks
from locum.redaction.hints import BETWEEN, Hint, Span

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BEGUN", "END", "PERSONAL", "START", "Pattern", "where", "whole"]

# A match may follow a line break that was written as \n, as in JSON inside a text.
START = r"(?:(?<![A-Za-z0-9_])|(?<=\\[nrt]))"
# The same behind the first character: a search that begins with a set of characters skips all
# others several times as fast as one that begins with a look at what stands before.
BEGUN = r"(?:(?<![A-Za-z0-9_].)|(?<=\\[nrt].))"
END = r"(?![A-Za-z0-9_])"


class Pattern(NamedTuple):
    """One way in which a kind of data is written.

    Args:
        kind: What it is; several patterns may share a kind.
        hint: The sign without which a text is not searched.
        regex: What is searched; its group ``value``, if it has one, is what counts.
        span: Which part of a match is to be replaced; ``None`` where nothing is.
        same: Two findings for which this is equal are the same value.
    """

    kind: str
    hint: Hint
    regex: re.Pattern[str]
    span: Callable[[re.Match[str]], Span | None]
    same: Callable[[str], str] = str


def whole(match: re.Match[str]) -> Span:
    """Return the span of the group ``value``, or of the match where there is no such group."""
    return match.span("value") if "value" in match.re.groupindex else match.span()


def where(accepts: Callable[[str], bool]) -> Callable[[re.Match[str]], Span | None]:
    """Return a function that gives the span of `whole` where the text in it is accepted."""

    def span(match: re.Match[str]) -> Span | None:
        start, end = whole(match)
        return (start, end) if accepts(match.string[start:end]) else None

    return span


# The search starts at the @, which is rare; what stands before it is read backwards.
_LATIN = r"A-Za-z\u00c0-\u024f"
# Of scripts that put spaces between words: in others an address would take words along.
_GREEK_OR_CYRILLIC = r"\u0386\u0388-\u03ce\u0400-\u0481\u048a-\u052f"
_LETTER = rf"0-9{_LATIN}{_GREEK_OR_CYRILLIC}"
_EMAIL = re.compile(
    rf"(?:@|%40)(?:[{_LETTER}][{_LETTER}-]{{0,62}}\.){{1,8}}"
    rf"(?P<top>[{_LATIN}]{{2,24}}|[{_GREEK_OR_CYRILLIC}]{{2,24}}|xn--[a-z0-9-]{{2,59}}){END}"
)
_LOCAL = re.compile(rf"[{_LETTER}._%+'&-]{{1,64}}")
_FILES = frozenset({"png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "ts", "py"})


def _email(match: re.Match[str]) -> Span | None:
    text, at = match.string, match.start()
    local = _LOCAL.match(text[max(0, at - 64) : at][::-1])
    if local is None or (match["top"].casefold() in _FILES and not _is_paraguayan(match[0])):
        return None
    start = at - local.end()
    start += text[start - 1 : start] == "\\" and text[start] in "nrt"
    start = at - len(text[start:at].lstrip(".'&%-"))
    return None if start == at or text[start:at] == "git" else (start, match.end())


def _is_paraguayan(domain: str) -> bool:
    """Tell whether a domain is one of Paraguay's: these have a name before com.py and the like."""
    return domain.casefold().endswith(".py") and domain.count(".") > 1


# Letters may stand beside a card's number, and behind it the rest of a track of its magnetic strip.
_CARD = re.compile(
    r"(?P<number>[0-9](?<![0-9].)(?<![0-9][.,].)(?:"
    rf"[0-9]{{3}}(?P<a>[{BETWEEN}]?)(?:[0-9]{{4}}(?P=a)){{2}}[0-9]{{4}}(?:(?P=a)[0-9]{{3}})?|"
    rf"(?<=3)[0-9]{{3}}(?P<b>[{BETWEEN}])[0-9]{{6}}(?P=b)[0-9]{{4,5}}|[0-9]{{11,18}}))"
    r"(?![0-9])(?!\.[0-9])(?!-[0-9A-Fa-f]{12})"
    r"(?:(?:\^[^^?\n\0]{2,26}\^|[=D])[0-9]{7,60})?"
)
_HEXADECIMAL = re.compile("[0-9A-Fa-f]*")
_FEWEST_OF_A_HASH = 5


def _card(match: re.Match[str]) -> Span | None:
    return match.span() if checks.is_card(match["number"]) and not _is_in_hash(match) else None


def _is_in_hash(match: re.Match[str]) -> bool:
    text, (start, end) = match.string, match.span()
    before = _HEXADECIMAL.match(text[max(0, start - _FEWEST_OF_A_HASH) : start][::-1])
    behind = _HEXADECIMAL.match(text, end, end + _FEWEST_OF_A_HASH)
    return sum(len(beside[0]) for beside in (before, behind) if beside) >= _FEWEST_OF_A_HASH


_IBAN = re.compile(
    r"(?P<country>[A-Za-z](?:(?<![A-Za-z0-9].)|(?<=[iI][bB][aA][nN].)|(?<=\\[nrt].))[A-Za-z])"
    rf"(?: (?=[0-9]{{2}}(?: [0-9A-Z]{{4}}){{2}} ))?[0-9]{{2}}(?:[{BETWEEN}]?[A-Za-z0-9]){{11,30}}"
)


def _iban(match: re.Match[str]) -> Span | None:
    length = checks.iban_length(match["country"])
    places = [place for place in range(*match.span()) if match.string[place].isalnum()]
    if not length or len(places) < length:
        return None
    start, end = match.start(), places[length - 1] + 1
    bounded = not match.string[end : end + 1].isalnum()
    return (start, end) if bounded and checks.is_iban(match.string[start:end]) else None


_IPV4 = re.compile(
    rf"[0-9]{BEGUN}(?<![0-9]\..)[0-9]{{0,2}}\.(?:[0-9]{{1,3}}\.){{2}}[0-9]{{1,3}}{END}(?!\.[0-9])"
)
_IPV6 = re.compile(
    rf"[23]{BEGUN}(?<!:.)[0-9A-Fa-f]{{3}}(?::[0-9A-Fa-f]{{0,4}}){{1,6}}:[0-9A-Fa-f]{{0,4}}{END}(?!:)"
)
_VERSION = re.compile(
    r"(?:version|release|build|firmware|section|driver|\bv"
    r"|\b(?:appendix|article|chapter|clause|paragraph|step)|\u00a7)\W{0,3}$",
    re.IGNORECASE,
)
# Software of which no addresses are told, unlike of servers, browsers and systems, and whose
# versions have four parts.
_SOFTWARE = re.compile(
    r"\b(?:(?:open|libre)ssl|(?:open)?jdk|jre|java|jruby|rails|log4j|oracle|db2|weblogic"
    r"|websphere|coldfusion|hadoop|acrobat|virtualbox)[ /]$",
    re.IGNORECASE,
)
_SHORT_PARTS = re.compile(r"(?:[0-9]{1,2}\.){3}[0-9]{1,2}(?![:/]?[0-9])")


def _ip_address(match: re.Match[str]) -> Span | None:
    address = checks.is_public_address(match[0]) and not _is_version(match)
    return match.span() if address else None


def _is_version(match: re.Match[str]) -> bool:
    text, start = match.string, match.start()
    before = text[max(0, start - 12) : start]
    named = _SOFTWARE.search(before) and _SHORT_PARTS.match(text, start)
    return bool(named or _VERSION.search(before))


_HALF = "[0-9A-Fa-f]"
_PAIR = f"{_HALF}{{2}}"
_MAC = re.compile(
    rf"{_HALF}{BEGUN}(?<![:-].){_HALF}(?P<a>[:-])(?:{_PAIR}(?P=a)){{4}}{_PAIR}{END}(?![:-])"
)
_SSN = re.compile(
    rf"[0-8]{BEGUN}(?<![0-9]-.)(?!(?<=0)00|(?<=6)66)[0-9]{{2}}-(?!00)[0-9]{{2}}-(?!0000)[0-9]{{4}}{END}(?!-)"
)
_NAMED_SSN = re.compile(
    r"(?i:\bssn|social[ _]security)[^0-9\n\0]{0,24}"
    rf"(?P<value>(?!000|666|9)[0-9]{{3}}[ -]?(?!00)[0-9]{{2}}[ -]?(?!0000)[0-9]{{4}}){END}"
)
_NINO = re.compile(
    rf"[A-CEGHJ-PR-TW-Z]{BEGUN}(?!(?<=B)G|(?<=G)B|(?<=[KT])N|(?<=N)[KT]|(?<=Z)Z)"
    r"[A-CEGHJ-NPR-TW-Z] ?"
    rf"(?:[0-9]{{2}} ?){{3}}[A-D]{END}"
)
_CPF = re.compile(rf"[0-9]{BEGUN}[0-9]{{2}}\.[0-9]{{3}}\.[0-9]{{3}}-[0-9]{{2}}{END}")
_DNI = re.compile(rf"[0-9XYZ]{BEGUN}[0-9]{{7}}-?[A-HJ-NP-TV-Z]{END}")
_CODICE = re.compile(rf"{START}[A-Z]{{6}}[0-9]{{2}}[A-EHLMPRST][0-9]{{2}}[A-Z][0-9]{{3}}[A-Z]{END}")
_CVV = re.compile(
    r"(?i:\bcv[vc]2?(?:[ _]?(?:code|number|no\.?|is|was)|[ :=#\"'-]){0,5})"
    rf"(?P<value>[0-9]{{3,4}}){END}"
)
_WALLET = re.compile(
    rf"{START}(?:0x[0-9a-fA-F]{{40}}|bc1[ac-hj-np-z02-9]{{25,71}}|[13][1-9A-HJ-NP-Za-km-z]{{25,34}}){END}"
)


def _same_email(value: str) -> str:
    return value.replace("%40", "@").casefold()


def _same_mac(value: str) -> str:
    return value.replace("-", ":").casefold()


PERSONAL: tuple[Pattern, ...] = (
    Pattern("email", Hint.AT, _EMAIL, _email, _same_email),
    Pattern("iban", Hint.DIGITS, _IBAN, _iban, checks.bare),
    Pattern("card", Hint.DIGITS, _CARD, _card, checks.bare),
    Pattern("wallet", Hint.LONG, _WALLET, where(checks.is_wallet)),
    Pattern("ip_address", Hint.MARKS, _IPV4, _ip_address, checks.canonical_address),
    Pattern("ip_address", Hint.MARKS, _IPV6, _ip_address, checks.canonical_address),
    Pattern("mac_address", Hint.MARKS, _MAC, whole, _same_mac),
    Pattern("ssn", Hint.DIGITS, _SSN, whole, checks.bare),
    Pattern("ssn", Hint.NUMBERED, _NAMED_SSN, whole, checks.bare),
    Pattern("national_id", Hint.DIGITS, _NINO, whole, checks.bare),
    Pattern("national_id", Hint.DIGITS, _CPF, where(checks.is_cpf), checks.bare),
    Pattern("national_id", Hint.DIGITS, _DNI, where(checks.is_dni), checks.bare),
    Pattern("national_id", Hint.LONG, _CODICE, where(checks.is_codice_fiscale)),
    Pattern("cvv", Hint.NAMES, _CVV, whole),
)
