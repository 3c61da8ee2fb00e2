"""What reads values in spans: by hand, and what holds of them all."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from locum.alignment import NORMALISERS, find_normaliser
from locum.errors import UsageError

if TYPE_CHECKING:
    from locum.shapes.shape import JsonScalar

_PIECES = [
    *(
        "five",
        "s\u0131x",
        "\u017fix",
        "million",
        "m\u0131llion",
        "k",
        "percent",
        "%",
        "-",
        "\u2212",
    ),
    *(
        "$",
        "\u20ac",
        "EUR",
        "Rs.",
        "z\u0142",
        "1,200",
        "1.200,50",
        ".5",
        "007",
        "99999999999999999",
    ),
    *(
        "5",
        "31",
        "2024",
        "24",
        "May",
        "Mai",
        "février",
        "Febtember",
        "of",
        "de",
        "th",
        "/",
        ".",
        ":",
    ),
    *("pm", "p.m.", "noon", "m\u0131dday", "h", "Uhr", "+1", "0049", "(212)", "555-0123", "ext"),
    *("a@b.co", "www.", "www.com", "http://", "Example.COM", "/path?q=1", "US", "the", "Germany"),
    *("Korea", "Republic", "\u0663", "\u00b2", "\ud800", "\0", "\n", "\u00a0", "İ", "ß"),
]
SPANS = st.one_of(
    st.lists(st.sampled_from(_PIECES), max_size=6).map(" ".join),
    st.lists(st.sampled_from(_PIECES), max_size=6).map("".join),
    st.text(max_size=20),
    st.text(st.characters(), max_size=20),
    st.from_regex(r"[0-9]{1,2}[ ./-][A-Za-z0-9é]{2,9}[ ./-][0-9]{2,4}", fullmatch=True),
)


@given(SPANS)
@example("s\u0131x m\u0131llion")
@example("31 \u0130\u0130\u0130 2024")
@example("99999999999999999 billion")
@settings(max_examples=150)
def test_normalisers_never_raise_and_tell_their_own_values(text: str) -> None:
    for name, normaliser in NORMALISERS.items():
        value = normaliser(text)
        assert value is None or (normaliser.gives(value) and normaliser(text) == value), name
        if normaliser.mentions:
            for start, end in normaliser.mentions(text):
                assert 0 <= start < end <= len(text), name


@pytest.mark.parametrize("value", [None, True, False, 1, 1.5, "", "x", "Ü", "2024-05-01", "US"])
def test_normalisers_tell_of_any_value_whether_they_may_give_it(value: JsonScalar) -> None:
    for normaliser in NORMALISERS.values():
        assert normaliser.gives(value) in {True, False}
        assert not (normaliser.gives(value) and (value is None or isinstance(value, bool)))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("as_is", " Big  Mac", " Big  Mac"),
        ("composed", "Jose\u0301", "Jos\u00e9"),
        ("spaced", " Big\n Mac", "Big Mac"),
        ("lower", "New YORK", "new york"),
        ("upper", "ab-1c", "AB-1C"),
        ("capitalised", "the iPhone o'neil", "The IPhone O'neil"),
        ("title", "mary-ann o'neil IN NYC", "Mary-Ann O'neil In Nyc"),
        ("sentence", "please call", "Please call"),
        ("stripped", '("Alien").', "Alien"),
        ("digits_only", "(555) 123-4567", "5551234567"),
        ("digits_only", "none", None),
        ("number", "1,200.50", 1200.5),
        ("number", "1.200,50", 1200.5),
        ("number", "1,200", 1200),
        ("number", "1.200", 1.2),
        ("number", "12,5", 12.5),
        ("number", "0,500", 0.5),
        ("number", "1,200,000", 1_200_000),
        ("number", "1'200", 1200),
        ("number", "Three", 3),
        ("number", "twelve", 12),
        ("number", "2k", 2000),
        ("number", "1.5 million", 1_500_000),
        ("number", "-7", -7),
        ("number", "\u22120.25", -0.25),
        ("number", "1.2.3", None),
        ("number", "1,200,50", None),
        ("number", "17:30", None),
        ("number", "thirteen", None),
        ("number", "5 apples", None),
        ("number_comma", "1.200", 1200),
        ("number_comma", "1,200", 1.2),
        ("number_comma", "1,200.50", 1200.5),
        ("plain_number", "1,200.50", "1200.50"),
        ("plain_number", "five", "5"),
        ("plain_number_comma", "1.200,50", "1200.50"),
        ("percent", "12.5 %", 12.5),
        ("percent", "twelve per cent", 12),
        ("percent", "12", None),
        ("percent_share", "7%", 0.07),
        ("amount", "$1,200.50", 1200.5),
        ("amount", "1.200,50 €", 1200.5),
        ("amount", "EUR 1.200", 1200),
        ("amount", "£5m", 5_000_000),
        ("amount", "20 bucks", 20),
        ("amount", "20", None),
        ("currency", "$20", "USD"),
        ("currency", "20 euros", "EUR"),
        ("currency", "CHF 5", "CHF"),
        ("currency", "£", "GBP"),
        ("currency", "A$ 5", "AUD"),
        ("currency", "XYZ 5", None),
        ("currency", "20", None),
        ("date_month_first", "2024-05-01", "2024-05-01"),
        ("date_day_first", "2024/5/1", "2024-05-01"),
        ("date_month_first", "05/06/2024", "2024-05-06"),
        ("date_day_first", "05/06/2024", "2024-06-05"),
        ("date_month_first", "25/12/2024", "2024-12-25"),
        ("date_day_first", "12/25/99", "1999-12-25"),
        ("date_day_first", "1.2.68", "2068-02-01"),
        ("date_day_first", "31/02/2024", None),
        ("date_month_first", "May 5th, 2024", "2024-05-05"),
        ("date_month_first", "5 of May 2024", "2024-05-05"),
        ("date_month_first", "5-Sep-2024", "2024-09-05"),
        ("date_day_first", "5. März 2024", "2024-03-05"),
        ("date_day_first", "5 de mayo de 2024", "2024-05-05"),
        ("date_day_first", "2024年5月1日", "2024-05-01"),
        ("date_month_first", "30 February 2024", None),
        ("date_month_first", "5 apples 2024", None),
        ("time", "5pm", "17:00"),
        ("time", "12 a.m.", "00:00"),
        ("time", "12:15 PM", "12:15"),
        ("time", "5.30 p.m", "17:30"),
        ("time", "17h30", "17:30"),
        ("time", "9 Uhr", "09:00"),
        ("time", "noon", "12:00"),
        ("time", "25:00", None),
        ("time", "24:00", None),
        ("time", "13 pm", None),
        ("time", "5", None),
        ("time", "5.30", None),
        ("time_seconds", "17:30:05", "17:30:05"),
        ("time_seconds", "5pm", "17:00:00"),
        # Numbers kept for fiction: 555-01xx in North America, 020 7946 0xxx in London (Ofcom).
        ("phone_e164", "+1 (212) 555-0123", "+12125550123"),
        ("phone_e164", "0044 20 7946 0958", "+442079460958"),
        ("phone_e164", "(212) 555-0123", None),
        ("phone_e164_us", "(212) 555-0123", "+12125550123"),
        ("phone_e164_gb", "020 7946 0958", "+442079460958"),
        ("phone_e164_us", "123", None),
        ("phone_national", "+44 20 7946 0958", "2079460958"),
        ("email", "<Ann.Lee@Example.COM>", "ann.lee@example.com"),
        ("email", "mailto:a@b.co", "a@b.co"),
        ("email", "a@b", None),
        ("url", "WWW.Example.com/Path?q=1", "https://www.example.com/Path?q=1"),
        ("url", "http://Example.com:8080", "http://example.com:8080"),
        ("url", "no address", None),
        ("domain", "https://www.Example.co.uk/x", "example.co.uk"),
        ("domain", "www.com", "www.com"),
        ("country_alpha_2", "germany", "DE"),
        ("country_alpha_2", "the Netherlands", "NL"),
        ("country_alpha_2", "U.S.", "US"),
        ("country_alpha_2", "us", None),
        ("country_alpha_2", "uk", "GB"),
        ("country_alpha_2", "Cote d'Ivoire", "CI"),
        ("country_alpha_3", "Korea, Republic of", "KOR"),
        ("country_alpha_3", "DEU", "DEU"),
        ("country_name", "Russian Federation", "Russia"),
        ("country_name", "USA", "United States"),
        ("country_name", "Atlantis", None),
    ],
)
def test_values_by_hand(name: str, text: str, value: JsonScalar) -> None:
    read = NORMALISERS[name](text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "tomorrow",
        "May 5",
        "next Friday",
        "in 3 days",
        "5 days ago",
        "Monday",
        "5/6",
        "today",
        "May 2024",
    ],
)
def test_dates_that_depend_on_today_are_none(text: str) -> None:
    assert NORMALISERS["date_month_first"](text) is None
    assert NORMALISERS["date_day_first"](text) is None


@pytest.mark.parametrize(
    ("name", "mentions"),
    [
        (
            "number",
            [
                "5",
                "2024",
                "5",
                "1,200.50",
                "20",
                "+1",
                "212",
                "555",
                "0123",
                "two",
                "two million",
                "5",
            ],
        ),
        ("percent", ["20%"]),
        ("amount", ["$1,200.50"]),
        ("currency", ["$"]),
        ("date_day_first", ["May 5, 2024"]),
        ("time", ["5 p.m."]),
        ("phone_e164_us", ["+1 212-555-0123"]),
        ("email", ["Ann@foo.com"]),
        ("url", ["www.foo.com/a"]),
        ("country_name", ["United States", "Peru"]),
    ],
)
def test_mentions_by_hand(name: str, mentions: list[str]) -> None:
    text = (
        "Meet on May 5, 2024 at 5 p.m. in the United States or Peru, pay $1,200.50 or 20% to "
        "www.foo.com/a (Ann@foo.com). Call +1 212-555-0123: two million, 5kg."
    )
    places = NORMALISERS[name].mentions
    assert places is not None
    assert [text[start:end] for start, end in places(text)] == mentions


def test_names_of_normalisers_are_their_keys_and_the_first_copies() -> None:
    assert list(NORMALISERS) == [normaliser.name for normaliser in NORMALISERS.values()]
    assert next(iter(NORMALISERS)) == "as_is"
    assert all(normaliser.available() for normaliser in NORMALISERS.values())


def test_spans_of_unheard_of_length_are_not_read() -> None:
    assert all(n("1" * 1_001) is None for n in NORMALISERS.values())


def test_a_normaliser_without_its_library_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("locum.alignment.normalisers.normaliser.find_spec", lambda _name: None)
    find_normaliser.cache_clear()
    assert NORMALISERS["number"].available()
    assert not NORMALISERS["amount"].available()
    assert find_normaliser("number") is NORMALISERS["number"]
    with pytest.raises(UsageError, match="amount needs price-parser: pip install price-parser"):
        find_normaliser("amount")


def test_an_unknown_normaliser_is_refused() -> None:
    with pytest.raises(
        UsageError, match="no normaliser is called 'roman': expected one of as_is, "
    ):
        find_normaliser("roman")


def test_libraries_are_named_as_they_are_imported() -> None:
    libraries = {n.library for n in NORMALISERS.values() if n.library}
    assert libraries == {"dateparser", "price_parser", "pycountry"}
    assert all(importlib.util.find_spec(library) for library in libraries)
