"""Credentials: keys by the prefixes of those who issue them, and what is named as a secret."""

from __future__ import annotations

import base64
import binascii
import json
import re
from functools import lru_cache
from urllib.parse import quote

from locum.redaction.hints import Hint, Span
from locum.redaction.personal import START, Pattern, where, whole

__all__ = ["CREDENTIALS", "KIND", "forms_of"]

KIND = "credential"
_SHORTEST_SECRET = 8

_W = "[A-Za-z0-9_-]"
_A = "[A-Za-z0-9]"
_PREFIXED = (
    # OpenAI, Anthropic, OpenRouter, LiteLLM, Langfuse and many gateways
    rf"[sp]k-(?=[A-Za-z_-]{{0,40}}[0-9]){_W}{{16,}}",
    rf"xai-{_A}{{40,}}|gsk_{_A}{{40,}}|r8_{_A}{{30,}}|pplx-{_A}{{40,}}|hf_{_A}{{30,}}",
    rf"pcsk_{_W}{{40,}}|lsv2_[ps][tk]_{_W}{{32,}}|tgp_v1_{_W}{{30,}}|nvapi-{_W}{{40,}}",
    r"A(?:KIA|SIA|BIA|CCA)[A-Z2-7]{16}(?![A-Za-z0-9])",
    rf"AIza{_W}{{35}}|ya29\.{_W}{{20,}}|GOCSPX-{_W}{{20,}}|1//0{_W}{{40,}}",
    rf"gh[pousr]_{_A}{{36,}}|github_pat_\w{{22,}}|gl(?:pat|dt|rt|ptt|ft|imt|soat|cbt|agent)-{_W}{{20,}}",
    r"xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[0-9]-[A-Za-z0-9-]{20,}",
    rf"(?<=hooks\.slack\.com/services/)[A-Za-z0-9/]{{30,}}|(?<=/api/webhooks/)[0-9]{{17,20}}/{_W}{{60,}}",
    rf"[srp]k_(?:live|test)_{_A}{{16,}}|whsec_[A-Za-z0-9+/=]{{24,}}|sq0[a-z]{{3}}-{_W}{{22,}}",
    rf"npm_{_A}{{36}}|pypi-A{_W}{{50,}}|dckr_(?:pat|oat)_{_W}{{20,}}|rubygems_[a-f0-9]{{48}}",
    rf"SG\.{_W}{{16,32}}\.{_W}{{32,64}}|key-[0-9a-f]{{32}}|[0-9a-f]{{32}}-us[0-9]{{1,2}}",
    r"SK[0-9a-f]{32}|do[opr]_v1_[a-f0-9]{64}|dapi[a-f0-9]{32}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",
    rf"lin_api_{_A}{{32,}}|ntn_{_A}{{40,}}|figd_{_W}{{32,}}|PMAK-{_W}{{50,}}|NRAK-{_A}{{20,}}",
    rf"glsa_{_W}{{30,}}|glc_[A-Za-z0-9+/=]{{32,}}|dp\.(?:pt|st|ct|sa)\.{_W}{{30,}}|sntry[su]_{_W}{{40,}}",
    rf"hv[sb]\.{_W}{{24,}}|sbp_[a-f0-9]{{40}}|sb_secret_{_W}{{20,}}|{_A}{{3}}[0-9]Q~[\w~.-]{{31,34}}",
    rf"[0-9]{{8,10}}:AA{_W}{{32,}}|AGE-SECRET-KEY-1[A-Z0-9]{{58}}|EAA[A-Za-z0-9]{{60,}}",
)
_JSON_WEB_TOKEN = rf"(?<!-)eyJ{_W}{{6,}}\.{_W}{{6,}}\.{_W}*(?:\.{_W}+){{0,2}}"
_KEY = re.compile(f"{START}(?:{'|'.join((_JSON_WEB_TOKEN, *_PREFIXED))})")
_CARRIED = re.compile(
    r"(?i:\bbearer |[?&;](?:[a-z_-]{0,24}(?:key|token|secret|password|pwd|auth|signature)"
    r"|sig|code)=)(?P<value>[^\s&#\"'`<>,;\\\0]{8,})"
)
_BASIC = re.compile(r"\b(?i:basic) (?P<value>[A-Za-z0-9+/]{8,}={0,2})")
_PEM_LINE = r"(?:[\s\\n]{1,4}[A-Za-z0-9+/=]{16,80}(?![A-Za-z0-9]))"
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?:[^-\0]|-(?!----)){0,20000}+-----END [A-Z0-9 ]{0,40}-----|"
    rf"{_PEM_LINE}{{0,500}})"
)
# A password may hold an @: then the last one before the address of the server ends it.
_URL_PASSWORD = re.compile(
    r"://[^\s:/?#@\0]{0,64}:"
    r"(?P<value>[^\s@/\0]{1,256}(?:@[^\s@/?#\"'`,;&|<>(){}\[\]\\\0]{0,64}(?=@)){0,4})@"
)
# One of curl's options, alone or behind others of one letter, and a user before the password.
_LOGIN = re.compile(
    r"(?<=\s)(?:-[A-Za-z]{0,8}[uU]|--(?:proxy-)?user)[ \t=]?"
    r"(?:(?P<quote>\\{0,3}[\"'])[^:\"'\n\0]{0,64}:(?P<quoted>(?:(?!(?P=quote))[^\n\0]){1,256})(?P=quote)"
    r"|[^\s:\"'\0]{1,64}:(?P<open>[^\s\"'\\\0]{1,256}))"
)
_LONGEST_COMMAND = 2000
_IS = r"[ \t]{0,4}(?::=|=>|[:=]|(?<=[ \t])(?:is|was|ist|est|es)(?=[ \t:])[ \t]?:?)[ \t]{0,4}"
_ASSIGNED = re.compile(
    r"(?i:(?P<password>pass(?:word|wort|wd|phrase|code)|(?<![^\W_])pass|pwd|senha|contraseña)|secret"
    r"|secret[ _-]?(?:access[ _-]?)?key|(?:api|access|account|auth|private|signing|encryption"
    r"|master|service|subscription|license|app)[ _-]?key|token|authorization|auth)"
    rf"(?P<closed>\\{{0,3}}[\"'`])?\]?(?i:{_IS})(?:"
    r"(?P<quote>\\{0,3}[\"'`])(?P<quoted>(?:(?!(?P=quote))[^\s\0]){6,300})(?P=quote)"
    r"|(?P<open>[^\s\"'`,;&<>\\\0]{6,300}))"
)
_TEMPLATE = re.compile(
    r"[<{\[(].*|\$(?:[{(].*|[A-Za-z_]+)|%[A-Z_]+%|%[s(].*|.*\(.*|[*.xX\u2022-]+|[A-Z_]+"
    r"|https?://.*|[.~]{0,2}/.*"
    r"|(?:your|my|example|placeholder|redacted|insert|enter|process\.env|os\.environ).*"
    r"|(?i:string|password|required|optional|secret|incorrect|invalid|changeme|undefined|boolean)"
)
_STRONG = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z]).|.+[!@#%^&*+?~$].*[A-Za-z0-9]")
_WORD = re.compile(r"[A-Za-z]{8,}|[A-Za-z]{3,}(?:-[A-Za-z]{3,}){2,}")
_PASS = re.compile(r"(?:boarding|bus|metro|rail|season|ski|train|travel)[ _-]?$", re.IGNORECASE)
_LONGEST_PASS = 9


def _assigned(match: re.Match[str]) -> Span | None:
    before = match.string[max(0, match.start() - _LONGEST_PASS) : match.start()]
    if (match["password"] or "").casefold() == "pass" and _PASS.search(before):
        return None
    group = "quoted" if match["quoted"] else "open"
    start, end = match.span(group)
    if group == "open":
        end = start + len(match[group].rstrip(".:)]}"))
    value = match.string[start:end]
    shortest = 6 if match["password"] or group == "quoted" else 8
    if _TEMPLATE.fullmatch(value):
        return None
    strong = len(value) >= shortest and _STRONG.match(value)
    literal = group == "quoted" and match["password"] and _WORD.fullmatch(value)
    return (start, end) if strong or literal else None


def _login(match: re.Match[str]) -> Span | None:
    """Return the password where it stands in a command of curl's, which may go over lines."""
    before = match.string[max(0, match.start() - _LONGEST_COMMAND) : match.start()]
    command = before[before.rfind("curl") :].replace("\\\n", "")
    group = "quoted" if match["quoted"] else "open"
    is_asked = before.rfind("curl") >= 0 and "\n" not in command
    return match.span(group) if is_asked and _is_no_template(match[group]) else None


def _is_login(value: str) -> bool:
    try:
        return b":" in base64.b64decode(value, validate=True)
    except binascii.Error:
        return False


def _is_strong(value: str) -> bool:
    return not _TEMPLATE.fullmatch(value) and _STRONG.match(value) is not None


def _is_no_template(value: str) -> bool:
    return not _TEMPLATE.fullmatch(value) or value.casefold() in {"password", "secret"}


CREDENTIALS: tuple[Pattern, ...] = (
    Pattern(KIND, Hint.MARKS, _PRIVATE_KEY, whole),
    Pattern(KIND, Hint.LONG, _KEY, whole),
    Pattern(KIND, Hint.LONG, _CARRIED, where(_is_strong)),
    Pattern(KIND, Hint.NAMES, _BASIC, where(_is_login)),
    Pattern(KIND, Hint.CURL, _LOGIN, _login),
    Pattern(KIND, Hint.AT, _URL_PASSWORD, where(_is_no_template)),
    Pattern(KIND, Hint.NAMES, _ASSIGNED, _assigned),
)


@lru_cache(64)
def forms_of(secret: str) -> frozenset[str]:
    """Return how a secret may be written: as it is, escaped for URLs and JSON, and in Base64.

    One of less than eight characters has no form: it would be found in ordinary words.
    """
    if len(secret) < _SHORTEST_SECRET:
        return frozenset()
    content = secret.encode("utf-8", "surrogatepass")
    plain = {secret, quote(content, safe=""), json.dumps(secret)[1:-1]}
    # In the middle of other content, its bytes begin at one of three places in a group.
    for offset in range(3):
        whole_characters = slice((0, 2, 3)[offset], (offset + len(content)) * 8 // 6)
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            plain.add(encode(bytes(offset) + content).decode()[whole_characters])
    return frozenset(plain)
