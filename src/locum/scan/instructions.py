"""What an instruction says of the answer: which answers it allows, which fields it asks for."""

from __future__ import annotations

import re

from locum.scan.shapes import OPEN, Shape, closed, record

__all__ = ["has_instruction", "listed_answers", "listed_fields"]

_WORD = re.compile(r"[^\W\d_]{2,}")
_LEAST_WORDS = 3
# What says no more than that the model is one.
_PERSONA = re.compile(
    r"\byou(?:'re| are) (?:an? )?(?:(?:very|helpful|friendly|useful|honest|harmless|concise|ai|"
    r"smart|intelligent|knowledgeable|powerful|large|and|,)\s*){0,5}"
    r"(?:assistant|chat ?bot|ai|language model)\b\s*[.!]?",
    re.IGNORECASE,
)

_QUOTE = "[\"'`“”\u2018\u2019*]{0,3}"
# Neither a separator nor "or" may be part of an item: a list would be read in 2 to the power of
# its length ways.
_ITEM = rf"{_QUOTE}(?!or )(?:[\w][\w&+-]*)(?: (?!or\b)[\w&+-]+){{0,2}}{_QUOTE}"
_SHORT = rf"{_QUOTE}[\w][\w&+-]*{_QUOTE}"
_VERB = (
    r"(?:answer|reply|respond|say|return|output|choose|pick|select|write|print|classify|label|"
    r"categori[sz]e|rate|sort|assign|tag|give|state|decide|judge|"
    r"antworte|antworten sie|réponds|répondez|responde|responda|rispondi)"
)
_OR = r"(?:or|oder|ou|o)"
_FILLER = (
    r"(?:(?:only|just|strictly|exactly|simply|with|by|as|either|one|a|an|of|the|these|"
    r"following|single|word|words|label|labels|value|values|option|options|category|categories|"
    r"letter|token|from|among|it|whether|is|in|into|to|be|your|and|nothing|else|but|"
    r"answers?|allowed|possible|lower|case|lowercase|uppercase|class|classes|must|should|using|"
    r"this|that|them|each|its|message|text|"
    r"e?-?mail|feedback|ticket|review|comment|sentiment|nur|ausschließlich|mit|einem|wort|par|uniquement|seulement|con|solo|sólo|"
    r"únicamente|una|un|palabra|mot)\b|[:\-\u2013—,.;(])"
)
_END = r"(?=\s*(?:[.,;:!?)\n\"'`]|$|only|alone|and nothing|in |\{|\u2013|—))"
_DIRECT = re.compile(
    rf"\b{_VERB}\b[\s:]*(?:{_FILLER}\s*){{0,20}}?"
    rf"({_SHORT}(?:\s*(?:,|\||/)\s*{_SHORT}){{0,30}}"
    rf"\s*(?:,?\s+{_OR}\s+|\s*/\s*|\s*\|\s*){_SHORT}){_END}",
    re.IGNORECASE,
)
_LIST = (
    rf"({_ITEM}(?:\s*(?:,|\||/|;)\s*{_ITEM}){{1,40}}(?:,?\s+(?:or|and)\s+{_ITEM})?|"
    rf"{_SHORT}\s+or\s+{_SHORT}){_END}"
)
_AS = re.compile(
    rf"\b(?:classify|label|categori[sz]e|tag|mark|sort|grade)\b[^.\n]{{0,80}}?\bas\s+"
    rf"(?:(?:either|one of|exactly one of|the following|:)\s*)*{_LIST}",
    re.IGNORECASE,
)
_ONE_OF = re.compile(
    rf"\b(?:{_VERB}|exactly|must be|should be|into|with|is|category|label)\b[^.\n]{{0,60}}?"
    rf"\b(?:one of|(?:one|single) word|either)\b"
    rf"(?: (?:the|following|these|below|words?|labels?|categories|options|values|answers|terms|"
    rf"tags|classes|types|strings|departments|teams))*\s*(?:[:\-\u2013—(]\s*|\s){_LIST}",
    re.IGNORECASE,
)
_HEADED = re.compile(
    rf"\b(?:labels?|categories|classes|options|answers|intents?|topics|sentiments?|values)"
    rf"\s*(?:are\s*)?[:=(]\s*{_LIST}",
    re.IGNORECASE,
)
_OTHERWISE = re.compile(
    rf"\b{_VERB}\s+(?:with\s+)?(?:only\s+)?(?:just\s+)?({_SHORT})\s*"
    rf"(?:(?:if|when|for)\b[^.\n]{{3,160}}?)?(?:[,;.]|\band\b|\bor\b)?\s*"
    rf"(?:otherwise|else|if not)\b,?\s*(?:{_VERB}\s+(?:with\s+)?(?:only\s+)?)?"
    rf"({_SHORT})\s*(?:[.,;\n]|$)",
    re.IGNORECASE,
)
_OTHERWISE_LAST = re.compile(
    rf"\b{_VERB}\s+(?:with\s+)?(?:only\s+)?({_SHORT})\s+(?:if|when)\b[^.\n]{{3,160}}?"
    rf"(?:[,;]\s*(?:and\s+)?|\band\s+|\bor\s+)({_SHORT})\s+(?:otherwise|if not|if it)\b",
    re.IGNORECASE,
)
_WHETHER = re.compile(
    rf"\b(?:determine|decide|judge|tell|detect|say|identify|predict|classify|assess)\b[^.\n]{{0,30}}?"
    rf"\b(?:whether|if)\b[^.,\n]{{2,60}}?\b(?:is|are|was|contains?)\s+"
    rf"({_SHORT}(?:,\s*{_SHORT}){{0,30}},?\s+or\s+{_SHORT})\s*[.?:\n]",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    rf"\b(?:is|are|was|does|do)\b[^.?!\n]{{2,80}}?\s"
    rf"({_SHORT}(?:,\s*{_SHORT}){{0,30}},?\s+or\s+{_SHORT})\s*\?",
    re.IGNORECASE,
)
_IN_A_WORD = re.compile(r"\b(?:one|single) word\b|\bonly\b|\bjust\b|\banswer with\b", re.IGNORECASE)
_VALID = re.compile(
    rf"\b(?:valid|allowed|possible|available|permitted)\s+[a-z]+s?\s*(?:are\s*:?|:|=)\s*"
    rf"({_ITEM}(?:\s*(?:,|\||/|;)\s*{_ITEM}){{1,40}}(?:,?\s+(?:or|and)\s+{_ITEM})?){_END}",
    re.IGNORECASE,
)
_IN_BRACKETS = re.compile(
    rf"\b(?:pick|choose|select|classify|categori[sz]e|label|assign|determine|which|sentiment|"
    rf"category|answer|output|return|respond)\b[^.\n(]{{2,60}}[(\[]\s*"
    rf"({_ITEM}(?:\s*(?:,|/|\||\bor\b)\s*(?:or\s+)?{_ITEM}){{1,40}})\s*[)\]]",
    re.IGNORECASE,
)
_TRAILING = re.compile(
    rf"(?:^|[?:.\n])[ \t]*({_SHORT}(?:,\s*{_SHORT}){{0,30}},?\s+or\s+{_SHORT})\s*[.?!]?\s*$",
    re.IGNORECASE,
)
_ASKS_ONE = re.compile(
    r"\b(?:one of|exactly one|only the (?:name|label|category|class|code|key|letter|word|id)|"
    r"single (?:word|label|category|letter)|one word|label (?:only|alone)|category (?:only|alone)|"
    r"best (?:matching )?(?:category|label)|which (?:category|label|class)|"
    r"allowed (?:answers|values|labels))\b",
    re.IGNORECASE,
)
_BULLET = re.compile(r"^[ \t]*(?:[-*•]|\d+[.)])[ \t]+([^\n]+)$", re.MULTILINE)
_BULLET_LABEL = re.compile(
    rf"^{_QUOTE}([\w/&+-]+(?: [\w/&+-]+){{0,2}}){_QUOTE}\s*(?:$|[:\u2013—(=-])"
)
_NUMBERS = re.compile(
    r"\b(?:number|score|rating|rate|scale|integer|digit|grade|priority|level|urgency)\b[^.\n]{0,60}?"
    r"\b(?:from|between)?\s*(\d)\s*(?:to|and|-|\u2013|through)\s*(\d{1,2})\b",
    re.IGNORECASE,
)
_ONLY_NUMBER = re.compile(
    r"\b(?:only|just|single|nothing but|alone)\b|\b(?:answer|reply|respond|return|output)\b[^.\n]*"
    r"\b(?:number|digit|integer|score)\b",
    re.IGNORECASE,
)
_NO_LABEL = re.compile(
    r"^(?:an?|the|with|in|to|your|no|without|e\.?g|such|like|for|any|if) ", re.IGNORECASE
)
_LISTS = (_DIRECT, _AS, _ONE_OF, _HEADED, _VALID, _WHETHER, _IN_BRACKETS, _TRAILING)
# These do not say that a choice is to be made, so that the rest of the instruction has to.
_OF_ANY_TASK = (_DIRECT, _HEADED)
# A task of writing; what is listed beside it is what to write of, or how.
_WRITES = re.compile(
    r"(?:^|[.!?\n]\s*)(?:please )?(?:(?:translate|summari[sz]e|rewrite|paraphrase|rephrase)\b|"
    r"(?:write|draft|compose|generate|create) (?:(?:an?|the|some) )?(?:[\w-]+ ){0,2}?"
    r"(?:articles?|essay|story|poem|reply|response|e-?mail|letter|post|sql|quer(?:y|ies)|code|"
    r"report|summary|description|paragraphs?|script|function|translation)\b)",
    re.IGNORECASE,
)
# What comes after the labels where they are only the beginning of an answer.
_THEN_TEXT = re.compile(
    r"[\s\"'`*.,;:!)]*(?:(?:(?:and|then|also|plus|with|followed by)\s+)+"
    r"(?:(?!no\b|not\b|never\b|nothing\b|without\b|don't\b)[\w'-]+\s+){0,4}?"
    r"(?:explain|explanations?|reason(?:s|ing)?|justify|justification|why|rationale|describe|"
    r"elaborate|paragraphs?|sentences?)\b|(?:please )?(?:explain|justify|elaborate)\b)",
    re.IGNORECASE,
)
_LANGUAGES = (
    r"(?:english|french|german|spanish|italian|portuguese|dutch|chinese|japanese|korean|russian|"
    r"arabic|hindi|turkish|polish|swedish|norwegian|danish|finnish|greek|ukrainian)"
)
# What a text is like, or the language that it is in.
_HOW = re.compile(rf"\bthat (?:is|are) {_QUOTE}$", re.IGNORECASE)
_IN = re.compile(r"\bin $", re.IGNORECASE)
_LANGUAGE = re.compile(_LANGUAGES, re.IGNORECASE)
# "If the output is routine/expected" lists nothing that is to be answered.
_IF = re.compile(r"\b(?:if|when|unless) (?:(?:the|your|an?|its|this) )?$", re.IGNORECASE)
_LONGEST = 12_000
# Code and examples, which say nothing of the answer in words.
_FENCED = re.compile(r"```.*?```", re.DOTALL)
_BLANKS = re.compile(r"[^\S\n]+")
_EMPTY_LINES = re.compile(r" ?\n(?: ?\n)+")
_COUNTING = frozenset(
    {
        *("one", "two", "three", "four", "five", "six", "seven", "eight", "ten", "fewer", "less"),
        *("more", "sentence", "sentences", "paragraph", "paragraphs", "words", "lines", "bullet"),
        *("so", "longer", "shorter", "bullets", "json", "markdown", "html", "text", "it", "them"),
    }
)
_QUOTED_KEY = re.compile(r"""["']?(\b[A-Za-z_]\w*)["']?\s*:\s*([^,}\]\n]*)""")
# Prompts of JSON may be long: what looks for fields takes time in proportion to their length.
_BRACES = re.compile(r"\{[^{}]*\}")
_HAS_KEY = re.compile(r"\w[\"']?\s*:")
_LINE_KEY = re.compile(
    r"^[^\S\n]*(?:[-*\u2022][^\S\n]*)?[\"'`](\w+)[\"'`][^\S\n]*(?:\([^)\n]*\)[^\S\n]*)?:",
    re.MULTILINE,
)
_KEYS = re.compile(
    r"\b(?:keys|fields|properties|(?:key|field)(?= [\"'`])|"
    r"json(?: object)? (?:with|containing)(?= [\"'`]\w+[\"'`](?: \([^)\n]{0,200}\))?(?:,| and) ))\b"
    r"[^.\n:]{0,30}?[:\s]\s*"
    r"((?:[\"'`“]?[a-z_]\w*[\"'`”]?(?:\s*\([^)]{0,200}\))?(?:\s*,\s*(?:and\s+)?|\s+and\s+|\s+or\s+))*"
    r"[\"'`“]?[a-z_]\w*[\"'`”]?)",
    re.IGNORECASE,
)
_KEY = re.compile(r"[\"'`“]?([A-Za-z_]\w*)[\"'`”]?(?:\s*\([^)]{0,200}\))?")
_JSON = re.compile(r"\bjson\b", re.IGNORECASE)
_CLOSED_VALUE = re.compile(r"^\"?\s*(?:[\w-]+\s*(?:\||/| or )\s*)+[\w-]+\s*\"?$")
_BOOLEAN_VALUE = re.compile(
    r"^\"?(?:bool|boolean|true|false|true/false|true\|false)\"?$", re.IGNORECASE
)
_QUOTES = frozenset("\"'`“")
_JOINING = frozenset({"and", "or", "the", "with", "of", "where"})


def has_instruction(text: str) -> bool:
    """Return whether a prompt has fixed words enough to be an instruction.

    Args:
        text: With ``{}`` for each part that varies.
    """
    return len(_WORD.findall(_PERSONA.sub("", text))) >= _LEAST_WORDS


def listed_answers(text: str) -> tuple[str, ...]:
    """Return the answers that an instruction allows; none where it does not list them all."""
    text = _EMPTY_LINES.sub("\n\n", _BLANKS.sub(" ", _FENCED.sub("", text[:_LONGEST])))
    for pattern in (_OTHERWISE, _OTHERWISE_LAST):
        match = pattern.search(text)
        if match is not None and _are_labels(pair := (_bare(match[1]), _bare(match[2]))):
            return pair
    unfit = _OF_ANY_TASK if _WRITES.search(text) else ()
    for pattern in (one for one in _LISTS if one not in unfit):
        for match in pattern.finditer(text):
            items = _items(match[1])
            if _are_labels(items) and not _are_of_a_text(text, match, items):
                return items
    question = _QUESTION.search(text) if _IN_A_WORD.search(text) else None
    if question is not None and _are_labels(items := _items(question[1])):
        return items
    bulleted = _bulleted(text)
    if bulleted:
        return bulleted
    numbers = _NUMBERS.search(text)
    if (
        numbers is not None
        and _ONLY_NUMBER.search(text)
        and int(numbers[1]) < int(numbers[2]) <= 10
    ):
        return tuple(str(one) for one in range(int(numbers[1]), int(numbers[2]) + 1))
    return ()


def _items(text: str) -> tuple[str, ...]:
    parts = re.split(r"\s*[,|;/]\s*(?:or |and )?|\s+(?:or|and|oder|ou|o)\s+", text)
    return tuple(dict.fromkeys(part for part in map(_bare, parts) if part))


def _bare(text: str) -> str:
    return text.strip(" \t\"'`“”\u2018\u2019*.")


def _are_labels(items: tuple[str, ...]) -> bool:
    if len(items) < 2 or any(len(item) > 40 or _NO_LABEL.match(item) for item in items):
        return False
    words = {word for item in items for word in item.lower().split()}
    return not words & _COUNTING


def _are_of_a_text(text: str, match: re.Match[str], items: tuple[str, ...]) -> bool:
    """Whether items only begin an answer, say what it is to be like, or are of a condition."""
    if _IF.search(text[max(match.start() - 20, 0) : match.start()]):
        return True
    before = text[max(match.start(1) - 20, 0) : match.start(1)]
    in_languages = _IN.search(before) and any(map(_LANGUAGE.fullmatch, items))
    return bool(in_languages or _HOW.search(before) or _THEN_TEXT.match(text, match.end(1)))


def _bulleted(text: str) -> tuple[str, ...]:
    if not _ASKS_ONE.search(text):
        return ()
    lines = _BULLET.findall(text)
    labels = [match[1] for match in map(_BULLET_LABEL.match, lines) if match]
    return tuple(dict.fromkeys(labels)) if len(labels) >= 2 and len(labels) == len(lines) else ()


def listed_fields(text: str) -> Shape | None:
    """Return the shape of the JSON that an instruction asks for; ``None`` for no JSON."""
    if not _JSON.search(text):
        return None
    fields: dict[str, Shape] = {}
    described = [braces for braces in _BRACES.findall(text) if _HAS_KEY.search(braces)]
    for braces in described:
        for key, value in _QUOTED_KEY.findall(braces):
            fields[key] = _field(value.strip())
    for key in _LINE_KEY.findall(text) if not fields else ():
        fields[key] = OPEN
    if len(fields) > 1 or (fields and described):
        return record(fields)
    match = _KEYS.search(text)
    if match is None:
        return None
    keys = [key for key in _KEY.findall(match[1]) if key.lower() not in _JOINING]
    is_named = len(keys) > 1 or match[1][:1] in _QUOTES
    return record(dict.fromkeys(keys, OPEN)) if keys and is_named else None


def _field(value: str) -> Shape:
    if _BOOLEAN_VALUE.match(value):
        return closed(["true", "false"])
    if _CLOSED_VALUE.match(value):
        return closed(one.strip(' "') for one in re.split(r"\||/| or ", value))
    return OPEN
