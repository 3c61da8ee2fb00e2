"""Phone numbers: international ones, those that are written like one, and those that are named.

`phonenumbers` knows how long the numbers of a country are, and checks the international ones. Its
own search through texts is not used: it takes some ten times as long, and needs to be told one
country for all numbers without a country code.
"""

from __future__ import annotations

import re

from locum.redaction.checks import bare
from locum.redaction.hints import BETWEEN, Hint, Span
from locum.redaction.personal import BEGUN, END, Pattern, where, whole

__all__ = ["PHONES"]

_FREE = rf"{BEGUN}(?<![0-9][.-].)(?<![+/].)"
_GAP = rf"[{BETWEEN}]{{0,3}}"
_EXTENSION = r"(?: ?(?:x|ext\.?|Ext\.?|#) ?[0-9]{1,6})?"
_STOP = rf"{END}(?!\.?[0-9])(?!-[0-9A-Za-z])"
_YEAR = r"(?:19|20)[0-9]{2}"

_INTERNATIONAL = re.compile(
    rf"[+0]{BEGUN}(?<!\+.)(?:(?<=\+) ?|(?<=0)(?<![0-9][.-].)0 ?(?=[1-9]))"
    rf"\(?[1-9](?:{_GAP}[0-9]){{6,15}}"
    rf"{_EXTENSION}{END}"
)
_AMERICAN = re.compile(
    rf"[1-9(]{_FREE}(?:(?<=1)[ .-](?:\([2-9][0-9]{{2}}\) ?|[2-9][0-9]{{2}}[ .-])"
    r"|(?<=\()[2-9][0-9]{2}\) ?|(?<=[2-9])[0-9]{2}[ .-])"
    rf"[0-9]{{3}}[ .-][0-9]{{4}}{_EXTENSION}{_STOP}"
)
# Zero, area code, number; no date, no American post code, and not one of many groups of four.
_TRUNK = re.compile(
    rf"[0(]{_FREE}(?<![^0-9][0-9]{{4}} .)"
    rf"(?!(?<=0)[0-9][ ./-](?:{_YEAR}|[0-9]{{2}}[ ./-](?:[0-9]{{2}}|{_YEAR})(?![0-9])))"
    rf"(?!(?<=0)[0-9]{{4}}-[0-9]{{4}}(?![0-9]))"
    rf"(?:(?<=\()0[1-9][0-9]{{0,4}}\)|(?<=0)[1-9][0-9]{{0,4}})"
    rf"[ ./-]{{1,3}}[0-9]{{2,8}}(?:[ .-][0-9]{{2,5}}){{0,3}}{_EXTENSION}{_STOP}"
)
_BARE_TRUNK = re.compile(rf"0{_FREE}(?<!ISBN .)(?<!ISBN: .)[1-9][0-9]{{8,9}}{_STOP}")
_PAIRS = re.compile(rf"0{_FREE}[1-9](?P<a>[ .-])(?:[0-9]{{2}}(?P=a)){{3}}[0-9]{{2}}{_STOP}")
_AREA_CODE = re.compile(
    rf"[8(]{_FREE}(?:(?<=8) ?\(|(?<=\())(?!{_YEAR}\))[0-9]{{2,5}}\)[ -]?"
    rf"(?:[0-9]{{3,5}}[ -][0-9]{{2,5}}(?:-[0-9]{{2}})?|[0-9]{{6,8}}){_STOP}"
)
_NAMED = re.compile(
    r"(?i:phone|telefono?|tel[ée]fono|t[ée]l[ée]phone|\btel\b|mobile|mobil|\bcell|handy|whatsapp"
    r"|\bfax|\bsms|电话|手机|電話|携帯|(?:call|ring|text|reach|dial) (?:me|us|him|her|them|back)"
    r"|\b(?:call|dial)(?= ?[0-9(]))"
    r"(?i:[ \t_:.,='\"#-]|numbers?|\b(?:is|no|at|on|under|back)\b|[号是\uff1a]){0,8}"
    rf"(?P<value>(?!{_YEAR}-[0-9]{{2}}-[0-9]{{2}})[(0-9](?:{_GAP}[0-9]){{6,14}}){_STOP}"
)


def _international(match: re.Match[str]) -> Span | None:
    """Leave out groups at the end until the rest can be a number of its country."""
    start, end = match.span()
    while end > start:
        if _can_be_called(match.string[start:end]):
            return start, end
        end = max(match.string.rfind(gap, start + 1, end) for gap in " \t.-(/")
    return None


def _can_be_called(number: str) -> bool:
    import phonenumbers as library

    zeros = number.startswith("00")
    try:
        parsed = library.parse("+" + number.removeprefix("00"))
    except library.NumberParseException:
        return False
    if zeros and number.isdigit():
        return library.is_valid_number(parsed)
    reason = library.is_possible_number_with_reason(parsed)
    return reason == library.ValidationResult.IS_POSSIBLE


def _is_trunk_call(number: str) -> bool:
    return 9 <= sum(character.isdigit() for character in number) <= 12


def _same(number: str) -> str:
    digits = bare(number.replace("(0)", ""))
    return "+" + digits[2:] if digits.startswith("00") else digits


PHONES: tuple[Pattern, ...] = (
    Pattern("phone", Hint.DIGITS, _INTERNATIONAL, _international, _same),
    Pattern("phone", Hint.DIGITS, _AMERICAN, whole, _same),
    Pattern("phone", Hint.DIGITS, _TRUNK, where(_is_trunk_call), _same),
    Pattern("phone", Hint.DIGITS, _BARE_TRUNK, whole, _same),
    Pattern("phone", Hint.DIGITS, _PAIRS, whole, _same),
    Pattern("phone", Hint.DIGITS, _AREA_CODE, whole, _same),
    Pattern("phone", Hint.NUMBERED, _NAMED, whole, _same),
)
