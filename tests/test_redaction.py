"""Credentials and personal data do not reach the disk, and other text does as it was."""

from __future__ import annotations

import base64
import copy
import json
import re
import time
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchmarks.redaction_cases import cases, negatives
from benchmarks.redaction_quality import false_placeholders, is_gone, measure
from locum.config import RedactionSettings
from locum.dataset import read_texts
from locum.errors import UsageError
from locum.redaction import PERSONAL_KINDS, Redactor
from locum.redaction.checks import is_public_address
from locum.redaction.finder import Finder
from locum.redaction.folding import folded
from locum.redaction.hints import Hint, Span
from locum.redaction.leaves import _read_short_key, leaves, texts
from locum.redaction.personal import Pattern
from tests.redaction_examples import AFTER, FOUND, HOSTILE, KEPT, NAMED, OPENAI, PEM

if TYPE_CHECKING:
    from collections.abc import Callable

QUERIES = Path(__file__).parents[1] / "benchmarks" / "data" / "banking77_deepseek.csv"
REDACTOR = Redactor()


@pytest.mark.parametrize(
    ("kind", "value"), [(kind, value) for kind, values in FOUND.items() for value in values]
)
def test_a_value_is_replaced_and_nothing_else(kind: str, value: str) -> None:
    for before, after in (
        ("", ""),
        ("It is ", ", right?"),
        ("a\\n", "\\nb"),
        ("(", ")"),
        ("说", "。"),
    ):
        redacted = REDACTOR.redact([before + value + after])
        assert redacted.values == [f"{before}[{kind.upper()}_1]{after}"]
        assert redacted.counts == {kind: 1}


@pytest.mark.parametrize(
    ("kind", "before", "value"), [(kind, *pair) for kind, pairs in NAMED.items() for pair in pairs]
)
def test_what_is_named_is_replaced(kind: str, before: str, value: str) -> None:
    after = AFTER.get(before, "")
    assert REDACTOR.redact_text(before + value + after) == f"{before}[{kind.upper()}_1]{after}"


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        *("from {}", "host {}", "ip {}", "at {} now", "peer {}, OpenSSL", "OpenSSL, {}"),
        *(
            "nginx {} - - [10/Oct]",
            "Firefox {}",
            "Windows {}",
            "ClientIP {}",
            "JaneDoe {} logged in",
        ),
        *("MyOpenSSL {}", "OpenSSL {}:443", "OpenSSL {}/32", "jdk from {}"),
    ],
)
@settings(max_examples=20)
@given(st.lists(st.integers(1, 99), min_size=4, max_size=4))
def test_an_address_that_looks_like_a_version_is_replaced(text: str, parts: list[int]) -> None:
    address = ".".join(map(str, parts))
    assume(ip_address(address).is_global)
    assert REDACTOR.redact_text(text.format(address)) == text.format("[IP_ADDRESS_1]")


@settings(max_examples=50)
@given(st.integers(100, 223), st.sampled_from(["OpenSSL ", "Oracle ", "java/"]))
def test_software_before_what_is_no_version_does_not_hide_it(part: int, before: str) -> None:
    for address in (f"{part}.2.3.4", f"5.{part}.3.4", f"5.2.{part}.4", f"5.2.3.{part}"):
        assume(ip_address(address).is_global)
        assert REDACTOR.redact_text(before + address) == f"{before}[IP_ADDRESS_1]"


@pytest.mark.parametrize("text", KEPT)
def test_other_numbers_and_names_stay(text: str) -> None:
    assert REDACTOR.redact([text]) == ([text], {}, {})


def wide(text: str) -> str:
    """A text as keyboards for Chinese, Japanese and Korean type it."""
    return "".join("\u3000" if each == " " else chr(ord(each) + 0xFEE0) for each in text)


def counted_from(zero: int, text: str) -> str:
    """A text with the digits of another script."""
    return "".join(chr(zero + int(each)) if each.isdigit() else each for each in text)


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        ("CARD", "4111 1111 1111 1111", wide),
        ("EMAIL", "jane@example.com", wide),
        ("IBAN", "DE89370400440532013000", wide),
        ("PHONE", "090-1234-5678", wide),
        ("CARD", "4111111111111111", partial(counted_from, 0x660)),
        ("PHONE", "+98 21 2222 3333", partial(counted_from, 0x6F0)),
        ("CARD", "4111 1111 1111 1111", partial(counted_from, 0x966)),
        ("CARD", "4111-1111-1111-1111", partial(counted_from, 0x9E6)),
        ("CARD", "4111 1111 1111 1111", lambda text: text.replace(" ", "\u2007")),
    ],
)
def test_digits_letters_and_spaces_of_other_scripts_count_as_such(
    kind: str, value: str, written: Callable[[str], str]
) -> None:
    redacted = REDACTOR.redact([f"番号 {written(value)} です", f"or {value}, here"])
    assert redacted.values == [f"番号 [{kind}_1] です", f"or [{kind}_1], here"]
    assert redacted.originals == {f"[{kind}_1]": written(value)}


GAPS = ("\u00a0", "\u202f", "\u2011", "&nbsp;", "&#160;", "&#xA0;", "%20", "%C2%A0", "\\u00a0")


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("CARD", "4111 1111 1111 1111"),
        ("IBAN", "DE89 3704 0044 0532 0130 00"),
        ("PHONE", "+49 30 901820"),
        ("PHONE", "415 555 2671"),
    ],
)
def test_gaps_of_print_and_escaped_ones_count_as_such(kind: str, value: str, gap: str) -> None:
    odd = value.replace(" ", gap)
    redacted = REDACTOR.redact([f"first {odd}, then", f"or {value} (again)"])
    assert redacted.values == [f"first [{kind}_1], then", f"or [{kind}_1] (again)"]
    assert redacted.originals == {f"[{kind}_1]": odd}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("q=card%204111111111111111&n=5%206", "q=card%20[CARD_1]&n=5%206"),
        ("tel=%2B49%2030%20901820&x=%20", "tel=[PHONE_1]&x=%20"),
        ("card=4111+1111+1111+1111&sum=12+34", "card=[CARD_1]&sum=12+34"),
        ("&lt;b&gt;4111&#45;1111&#45;1111&#45;1111&lt;", "&lt;b&gt;[CARD_1]&lt;"),
        ("?password=hunter2x%20y&id=1&nbsp;234", "?password=[CREDENTIAL_1]&id=1&nbsp;234"),
    ],
)
def test_escapes_stay_where_they_are_in_no_number(text: str, left: str) -> None:
    assert REDACTOR.redact_text(text) == left


@pytest.mark.parametrize("iban", ["DE89.3704.0044.0532.0130.00", "DE 89 3704 0044 0532 0130 00"])
@pytest.mark.parametrize("before", ["", "IBAN: ", "IBAN", "iban_"])
def test_an_iban_has_several_spellings(before: str, iban: str) -> None:
    text = f"{before}{iban}, or DE89370400440532013000"
    assert REDACTOR.redact_text(text) == f"{before}[IBAN_1], or [IBAN_1]"


@pytest.mark.parametrize(
    ("before", "after"),
    [("Visa", ""), ("cc", ""), ("", "exp04/27"), ("pan_", ".txt"), ("no", "ist"), ("", "cvv")],
)
def test_letters_may_stand_beside_a_card(before: str, after: str) -> None:
    for card in ("4111111111111111", "4111 1111 1111 1111"):
        assert REDACTOR.redact_text(before + card + after) == f"{before}[CARD_1]{after}"


def test_a_track_of_a_card_goes_whole() -> None:
    first = "%B4111111111111111^DOE/JANE^27041010000000000000?"
    second = ";4111111111111111=27041011000?"
    assert REDACTOR.redact_text(first + second) == "%B[CARD_1]?;[CARD_2]?"


@pytest.mark.parametrize(
    "text",
    [
        "ab4111111111111111cdefab12",
        "1Z41111111111111110",
        "f47a4111-1111-1111-1111-0e02b2c3d479",
        "x3.4111111111111111",
        "4111111111111112exp",
    ],
)
def test_digits_of_hashes_and_other_numbers_are_no_card(text: str) -> None:
    assert REDACTOR.redact_text(text) == text


@pytest.mark.parametrize(
    ("command", "left"),
    [
        ("curl -u jane:letmein https://x", "curl -u jane:[CREDENTIAL_1] https://x"),
        ("curl -sSujane:letmein x", "curl -sSujane:[CREDENTIAL_1] x"),
        ("curl --user=jane:letmein x", "curl --user=jane:[CREDENTIAL_1] x"),
        ("curl --proxy-user 'a b:let me: in' x", "curl --proxy-user 'a b:[CREDENTIAL_1]' x"),
        ('curl -d @a \\\n -u "j:p@ss" \\\n x', 'curl -d @a \\\n -u "j:[CREDENTIAL_1]" \\\n x'),
        ("curl -u $LOGIN:$TOKEN x", None),
        ("curl -u jane:<password> x", None),
        ("curl -s x\ndocker run -u 1000:1000 y", None),
        ("docker run --user www-data:www-data y", None),
    ],
)
def test_the_password_that_curl_is_told_is_replaced(command: str, left: str | None) -> None:
    assert REDACTOR.redact_text(command) == (left or command)


@given(st.text())
def test_a_folded_text_has_the_same_length_and_is_folded_once(text: str) -> None:
    assert len(folded(text)) == len(text)
    assert folded(folded(text)) == folded(text)
    assert not text.isascii() or folded(text) is text


@pytest.mark.parametrize("name", ["DB_PASS", "SMTP_PASS", "export db_pass"])
def test_a_password_in_the_environment_is_replaced(name: str) -> None:
    assert REDACTOR.redact_text(f"{name}=hunter2secret9") == f"{name}=[CREDENTIAL_1]"


def test_equal_values_share_a_placeholder_over_all_values_of_a_call() -> None:
    request = {"content": "Bob@example.com and +1 415 555 2671, or eve@example.com"}
    response = {"content": "bob@EXAMPLE.com or eve@example.com? Call +1-415-555-2671."}
    redacted = REDACTOR.redact([request, response])
    assert redacted.values == [
        {"content": "[EMAIL_1] and [PHONE_1], or [EMAIL_2]"},
        {"content": "[EMAIL_1] or [EMAIL_2]? Call [PHONE_1]."},
    ]
    assert redacted.counts == {"email": 4, "phone": 2}


def test_placeholders_that_are_there_already_keep_their_number() -> None:
    values = ["[EMAIL_2] wrote to bob@example.com"]
    assert REDACTOR.redact(values).values == ["[EMAIL_2] wrote to [EMAIL_3]"]


def test_keys_of_objects_say_what_their_values_are() -> None:
    value = {
        "password": "hunter2",
        "apiKey": "a1b2c3d4e5",
        "phoneNumbers": ["4155552671"],
        "cvv": 123,
        "fax": 4155552672,
        "order": "4155552673",
        "max_tokens": 4096,
        "token": " positive",
    }
    assert REDACTOR.redact([value]).values == [
        {
            "password": "[CREDENTIAL_1]",
            "apiKey": "[CREDENTIAL_2]",
            "phoneNumbers": ["[PHONE_1]"],
            "cvv": "[CVV_1]",
            "fax": "[PHONE_2]",
            "order": "4155552673",
            "max_tokens": 4096,
            "token": " positive",
        }
    ]


def test_keys_and_numbers_are_searched() -> None:
    value = {
        "bob@example.com": 1,
        "n": 4111111111111111,
        "BOB@example.com": 2,
        "big": 10**18,
        "x": 3,
    }
    assert REDACTOR.redact([value]).values == [
        {"[EMAIL_1]": 1, "n": "[CARD_1]", "[EMAIL_1]-": 2, "big": 10**18, "x": 3}
    ]


def test_a_key_longer_than_any_name_is_searched_and_not_kept() -> None:
    kept = _read_short_key.cache_info().currsize
    redacted = REDACTOR.redact([{f"password {'x' * 100} {OPENAI}": "four words stay here"}])
    assert redacted.values == [{f"password {'x' * 100} [CREDENTIAL_1]": "four words stay here"}]
    assert _read_short_key.cache_info().currsize == kept


def test_a_string_that_is_json_stays_json_and_keeps_its_layout() -> None:
    arguments = (
        '{\n  "to": "a\\nbob@example.com",  "card": 4111111111111111,\n'
        '"password":"hunter2x", "mail": "b\\u006fb\\u0040example.com", "name": "J\\u00fcrgen"}'
    )
    redacted = REDACTOR.redact_text(arguments)
    assert json.loads(redacted) == {
        "to": "a\n[EMAIL_1]",
        "card": "[CARD_1]",
        "password": "[CREDENTIAL_1]",
        "mail": "[EMAIL_1]",
        "name": "Jürgen",
    }
    assert redacted.startswith('{\n  "to": "a\\n[EMAIL_1]",  "card": "[CARD_1]",\n"password":"[')


def test_log_probabilities_that_spell_what_is_replaced_go() -> None:
    content = [{"token": "bob@", "logprob": -0.1, "bytes": [98]}, {"token": "example.com"}]
    clean = {"content": [{"token": "card", "logprob": -0.1}], "refusal": None}
    choices = [
        {"text": "bob@example.com", "logprobs": {"content": content, "refusal": None}},
        {"text": "bob@example.com", "logprobs": {"tokens": ["bob", "@example.com"]}},
        {"text": "bob@example.com", "logprobs": content},
        {"text": "card", "logprobs": clean},
        {"text": "card", "logprobs": None},
    ]
    assert REDACTOR.redact([choices]).values == [
        [
            *[{"text": "[EMAIL_1]", "logprobs": None}] * 3,
            {"text": "card", "logprobs": clean},
            {"text": "card", "logprobs": None},
        ]
    ]


def by_id(*tokens: str) -> list[dict[str, Any] | None]:
    """Tokens of a request as vLLM lists them; the first has no log-probability."""
    other = {"logprob": -3.0, "rank": 2, "decoded_token": "x"}
    return [None, *({"7": {"decoded_token": token}, "8": other} for token in tokens)]


@pytest.mark.parametrize(
    ("name", "spelt"),
    [
        ("prompt_logprobs", by_id),
        (
            "completion_probabilities",
            lambda *tokens: [{"content": t, "probs": [{"tok_str": t, "prob": 1}]} for t in tokens],
        ),
        (
            "completion_probabilities",
            lambda *tokens: [{"id": 7, "token": t, "top_logprobs": []} for t in tokens],
        ),
        ("input_token_logprobs", lambda *tokens: [[-0.1, 7, token] for token in tokens]),
    ],
)
def test_tokens_under_other_names_go_too(name: str, spelt: Callable[..., list[Any]]) -> None:
    request = {"content": "mail bob@example.com, card 4111 1111 1111 1111"}
    holding = {name: spelt("mail", " bob", "@", "example", ".com"), "id": 1}
    clean = {name: spelt("the", " card"), "id": 2}
    redacted = REDACTOR.redact([request, {"choices": [holding, clean]}]).values
    assert redacted[1] == {"choices": [{name: None, "id": 1}, clean]}
    card = {name: spelt("4111", " 1111", " 11", "11", " 1111")}
    assert REDACTOR.redact([request, card]).values[1] == {name: None}


@pytest.mark.parametrize("odd", [[], [[]], [[1]], [7], [{}], [{"7": None}], [{"token": 1}], "text"])
def test_odd_tokens_are_left_as_they_are(odd: object) -> None:
    value = {"prompt_logprobs": odd, "mail": "bob@example.com"}
    assert REDACTOR.redact([value]).values == [{"prompt_logprobs": odd, "mail": "[EMAIL_1]"}]


def test_secrets_are_replaced_in_every_form() -> None:
    secret = 'gw/key+"7"=é'  # noqa: S105 - of the test alone
    content = secret.encode()
    forms = [secret, quote(content, safe=""), json.dumps(secret)[1:-1]]
    forms += [base64.b64encode(content).decode(), base64.b64encode(b"Basic:" + content).decode()]
    redacted = REDACTOR.redact([{"texts": [f"x {form} y" for form in forms]}], [secret])
    assert redacted.values[0]["texts"][:3] == ["x [CREDENTIAL_1] y"] * 3
    assert redacted.values[0]["texts"][3].startswith("x [CREDENTIAL_1]")
    assert "[CREDENTIAL_1]" in redacted.values[0]["texts"][4]
    assert redacted.counts == {"credential": 5}


def test_a_short_secret_is_left_in() -> None:
    assert REDACTOR.redact(["use ollama here"], ["ollama"]).values == ["use ollama here"]


def test_a_value_without_findings_is_the_same_object_and_none_is_changed() -> None:
    dirty = {"messages": [{"content": "bob@example.com", "n": [1.5, 2.5]}]}
    clean = {"messages": [{"content": "hello there"}]}
    before = copy.deepcopy(dirty)
    redacted = REDACTOR.redact([dirty, clean])
    assert dirty == before
    assert redacted.values[1] is clean
    assert REDACTOR.redact([clean]).values[0] is clean


def test_files_in_base64_stay_as_they_are() -> None:
    image = base64.b64encode(bytes(range(256)) * 4000 + b"4111111111111111" * 100).decode()
    values = [
        {"image_url": {"url": f"data:image/png;base64,{image}"}},
        {"source": {"type": "base64", "data": image}},
        f"See ![a](data:image/png;base64,{image}) of bob@example.com",
    ]
    redacted = REDACTOR.redact(values)
    assert redacted.values[:2] == values[:2]
    assert redacted.values[2] == values[2].replace("bob@example.com", "[EMAIL_1]")  # type: ignore[attr-defined]


def test_a_long_token_or_a_private_key_on_one_line_is_no_file() -> None:
    claims = "eyJ" + "a1B2" * 600
    line = PEM.replace("\n", "") + " " + "MIIE" * 10
    one_line = line.replace("MIIEpAIBAAKCAQEA7bq3", "MIIEpAIB" * 300)
    assert (
        REDACTOR.redact_text(f"{claims}.{claims}.abc-123 " * 2) == "[CREDENTIAL_1] [CREDENTIAL_1] "
    )
    assert REDACTOR.redact_text(one_line).startswith("[CREDENTIAL_1] ")


def test_kinds_can_be_left_in_but_for_credentials() -> None:
    redactor = Redactor(RedactionSettings(off=frozenset({"email"})))
    text = f"bob@example.com +49 30 901820 {OPENAI}"
    assert redactor.redact_text(text) == "bob@example.com [PHONE_1] [CREDENTIAL_1]"
    nothing = Redactor(RedactionSettings(off=frozenset(PERSONAL_KINDS)))
    assert nothing.redact_text(text) == "bob@example.com +49 30 901820 [CREDENTIAL_1]"


def test_placeholders_of_kinds_that_are_not_made_are_told() -> None:
    text = "[EMAIL_1] [ORDER_12] [PHONE_2] [credential_1] [EMAIL] [ORDER_12] [SSN_3]"
    left_in = RedactionSettings(frozenset({"email", "ssn"}), {"order": "[0-9]{9}"})
    assert Redactor(left_in).unknown_placeholders(text) == ["[EMAIL_1]", "[SSN_3]"]
    assert REDACTOR.unknown_placeholders(text) == ["[ORDER_12]", "[ORDER_12]"]
    assert REDACTOR.unknown_placeholders("a text (without) any") == []


def test_a_text_full_of_numbers_is_not_searched_to_its_end_to_know_that_it_holds_one() -> None:
    asked: list[str] = []

    def note(match: re.Match[str]) -> Span:
        asked.append(match[0])
        return match.span()

    pattern = Pattern("badge", Hint.AT, re.compile("@[0-9]+"), note)
    finder = Finder([pattern], {})
    text = " ".join(f"@{number}" for number in range(1000))
    assert finder.holds(text, "", {})
    assert asked == ["@0"]
    assert len(finder.find(text, "", {})) == 1000


def test_a_finding_that_touches_a_placeholder_is_none() -> None:
    pattern = Pattern("badge", Hint.AT, re.compile("@[0-9A-Z_\\[\\]]+"), re.Match.span)
    finder = Finder([pattern], {})
    text = "[BADGE_1] @1 [BADGE_2]@2 @3[BADGE_4] @5"
    assert [text[one.start : one.end] for one in finder.find(text, "", {})] == ["@1", "@2", "@5"]


@pytest.mark.parametrize("text", ["2026:13:55:36", "2026:1:2:3:4:5:6", "2a02::", "2a02::1"])
def test_short_addresses_are_public_as_the_library_has_it(text: str) -> None:
    try:
        address = ip_address(text)
    except ValueError:
        assert not is_public_address(text)
    else:
        assert is_public_address(text) == address.is_global


def test_patterns_of_ones_own_are_replaced() -> None:
    redactor = Redactor(RedactionSettings(patterns={"employee": r"\bE-\d{4}\b", "Any": "[A-Z_]+"}))
    redacted = redactor.redact([{"a": "E-1234 met E-1234"}, ["abc E-9999 X bob@example.com"]])
    assert redacted.values == [
        {"a": "[EMPLOYEE_1] met [EMPLOYEE_1]"},
        ["abc [EMPLOYEE_2] [ANY_1] [EMAIL_1]"],
    ]
    assert redactor.redact(redacted.values) == (redacted.values, {}, {})


def test_a_short_text_is_searched_for_patterns_of_ones_own_too() -> None:
    redactor = Redactor(RedactionSettings(patterns={"badge": r"^E\d{1,4}$", "first": "Q"}))
    asked = {"messages": [{"role": "user", "content": "E1234"}], "pass": "Q", "n": 7}
    redacted = redactor.redact([asked, "E12", ["Q", "E", "", "E1234"]])
    assert redacted.values == [
        {"messages": [{"role": "user", "content": "[BADGE_1]"}], "pass": "[FIRST_1]", "n": 7},
        "[BADGE_2]",
        ["[FIRST_1]", "E", "", "[BADGE_1]"],
    ]
    assert redactor.redact_text("E1234") == "[BADGE_1]"
    assert REDACTOR.redact_text("E1234") == "E1234"


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (
            RedactionSettings(frozenset({"names"})),
            "'names' is no kind of personal data: .* email, ",
        ),
        (RedactionSettings(frozenset({"credential"})), "credentials are always redacted"),
        (RedactionSettings(patterns={"a": "("}), "'a' is no regular expression: missing \\)"),
        (RedactionSettings(patterns={"a": "x*"}), "'a' .* matches the empty string"),
        (RedactionSettings(patterns={"a b": "x"}), "'a b' cannot have that name"),
        (RedactionSettings(patterns={"Email": "x"}), "'Email' cannot have that name"),
    ],
    ids=["unknown", "credential", "no regex", "empty", "bad name", "taken name"],
)
def test_settings_that_cannot_be_used_are_refused(chosen: RedactionSettings, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Redactor(chosen)


def test_deep_values_and_odd_ones_pass() -> None:
    deep: Any = ["bob@example.com"]
    for _ in range(5000):
        deep = [{"a": deep}]
    redacted = REDACTOR.redact([deep, None, True, 1.5, "", [], {}, "\ud800 bob@example.com"])
    assert redacted.counts == {"email": 2}
    assert redacted.values[1:] == [None, True, 1.5, "", [], {}, "\ud800 [EMAIL_1]"]


@pytest.mark.parametrize("part", HOSTILE, ids=repr)
def test_a_long_hostile_text_comes_to_an_end(part: str) -> None:
    text = part * (200_000 // len(part)) + " bob@example.com 123456"
    assert "bob@example.com" not in REDACTOR.redact_text(text)


FRAGMENTS = st.sampled_from(
    [value for values in FOUND.values() for value in values]
    + [before + value for pairs in NAMED.values() for before, value in pairs]
    + [
        "[EMAIL_1]",
        "[EMAIL_",
        "_1]",
        "0",
        "1",
        " ",
        "+",
        "-",
        ".",
        "@",
        "\\n",
        '"',
        ":",
        "password=",
        "{",
        "é",
    ]
)
TEXTS = st.lists(FRAGMENTS | st.text(max_size=4), max_size=8).map("".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300)
@given(JSON)
def test_redaction_changes_nothing_a_second_time_and_never_its_input(value: Any) -> None:  # noqa: ANN401
    before = copy.deepcopy(value)
    once = REDACTOR.redact([value])
    assert value == before
    assert REDACTOR.redact(once.values) == (once.values, {}, {})
    assert once.counts or once.values == [value]


@given(st.dictionaries(TEXTS, JSON, max_size=4), st.booleans())
def test_json_in_a_string_stays_json(value: dict[str, Any], ascii_alone: bool) -> None:  # noqa: FBT001
    text = json.dumps(value, ensure_ascii=ascii_alone)
    redacted = json.loads(REDACTOR.redact_text(text))
    assert isinstance(redacted, dict)


SPOTS = st.lists(
    st.sampled_from([found for values in FOUND.values() for found in values]), max_size=6
)


@given(SPOTS, st.sampled_from(["", "Say: ", "[EMAIL_1] and [EMAIL_7], "]))
def test_what_was_taken_out_of_a_text_can_be_put_back(spots: list[str], before: str) -> None:
    text = before + " | ".join(spots)
    redacted = REDACTOR.redact_reversibly(text)
    assert redacted.text == REDACTOR.redact_text(text)
    restored = redacted.restore(redacted.text)
    assert restored is not None
    assert REDACTOR.redact_text(restored) == redacted.text
    assert redacted.holds_placeholder([{"a": redacted.text}, 1]) == bool(redacted.originals)
    assert not redacted.holds_placeholder([restored, {"b": [None, True, 1.5, "plain"]}])
    if len(redacted.originals) == len(spots):
        assert restored == text


def test_what_is_copied_is_put_back_in_its_first_spelling() -> None:
    redacted = REDACTOR.redact_reversibly(
        "From Bob@Example.com to amy@example.com, bob@example.com"
    )
    assert redacted.text == "From [EMAIL_1] to [EMAIL_2], [EMAIL_1]"
    assert redacted.restore("[EMAIL_1]") == "Bob@Example.com"
    assert redacted.restore("to [EMAIL_2], [EMAIL_1]") == "to amy@example.com, Bob@Example.com"


@pytest.mark.parametrize("said", ["[EMAIL_2]", "see [phone_1].", "EMAIL_10", "x email_10]"])
def test_a_placeholder_that_stands_for_nothing_is_found(said: str) -> None:
    redacted = REDACTOR.redact_reversibly("bob@example.com wrote [EMAIL_9]")
    assert redacted.restore("[EMAIL_9] [EMAIL_10]") == "[EMAIL_9] bob@example.com"
    assert redacted.restore(said) is None
    assert redacted.holds_placeholder([{"a": said}])
    assert not redacted.holds_placeholder("[EMAIL_9] or [email_9]")


def test_logs_are_redacted_about_as_fast_as_they_can_be_searched() -> None:
    line = (
        '8.8.{}.{} - - [28/Oct/2026:13:55:36 +0000] "GET /orders/{}?page=2 HTTP/1.1" 200 {} '
        '"https://shop.example/" "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2) Mobile/15E148" 0.{}'
    )
    numbers = range(6_000)
    logs = "\n".join(line.format(n % 251, n % 241, n, n * 7, n * 13) for n in numbers)
    began = time.process_time()
    assert len(re.findall(r"(?<![A-Za-z0-9_])[0-9]{20}", logs)) == 0
    searched = time.process_time()
    redacted = REDACTOR.redact([{"content": logs}])
    assert redacted.counts == {"ip_address": 6_000}
    # It takes 45 times as long, and took 265 by searches that looked back from each character,
    # twice as often.
    assert time.process_time() - searched < 120 * (searched - began)


@pytest.mark.parametrize("end", ["", " bob@example.com", " 4111 1111 1111 1111"])
def test_long_texts_are_searched_to_their_end(end: str) -> None:
    text = "nothing to see here, " * 4_000
    value = {"content": [text + end, text + end, text]}
    redacted = REDACTOR.redact([value])
    assert (redacted.values[0] is value) == (not end)
    assert end == "" or end.strip() not in str(redacted.values)
    assert redacted.values[0]["content"][2] == text


def test_what_the_beginning_of_a_long_text_cuts_off_is_no_finding() -> None:
    text = ("x" * 100 + " ") * 162 + "is 4111 1111 1111 1111" + "0 " + "y " * 9_000
    assert text[:16_384].endswith("1111")
    value = {"content": text}
    assert REDACTOR.redact([value]).values[0] is value


def test_recall_and_precision_on_the_labelled_set() -> None:
    queries = read_texts(QUERIES)
    labelled = cases(20_240_501, 40, queries)
    rows = measure(REDACTOR, labelled, list(negatives(20_240_501, 20)))
    least = {"phone, formatted": 0.75, "phone, digits alone": 0.2}
    for row in rows:
        assert row.recall >= least.get(row.group, 0.97), row
        assert row.precision >= 0.9, row


def test_real_queries_get_no_placeholder() -> None:
    found, _ = false_placeholders(REDACTOR, read_texts(QUERIES)[::5])
    assert found == {}


def test_a_miss_counts_as_one() -> None:
    case = next(case for case in cases(1, 1, ["Hello"]) if case.group == "card")
    assert not is_gone(case, case.text)
    assert not is_gone(case, case.text.replace(case.value, f"[CARD_1]{case.value[-4:]}"))
    assert is_gone(case, case.text.replace(case.value, "[CARD_1]"))


@given(JSON)
def test_the_quick_look_sees_every_text(value: object) -> None:
    assert sorted(texts(value)) == sorted((leaf.text, leaf.context) for leaf in leaves([value]))
