"""A labelled set for redaction: values from Faker and by format, in texts as calls hold them.

The texts around the values were written for this set, or are real queries of Banking77. Formats of
credentials are those that the issuers publish, so a recall of keys says that the published formats
are covered, not more. Numbers of Faker look like those of a country and are often not in use.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import random
import string
from typing import TYPE_CHECKING, NamedTuple

from faker import Faker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LOCALES = (
    *("en_US", "en_GB", "en_AU", "en_IN", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL"),
    *("pt_BR", "sv_SE", "ja_JP", "zh_CN", "ko_KR", "tr_TR", "ru_RU"),
)
IBAN_LOCALES = ("en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL")
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

ANYWHERE = (
    "{}",
    "Hello, {} is what I was given. Can you check?",
    "user wrote: {}.",
    "[2024-05-01 12:30:44] WARN input rejected value={} user_id=8812",
    '{{"order_id": 48213, "note": "see {}", "ok": true}}',
    'The customer said "{}" twice.',
    "| 17 | {} | open |",
    "name;value\nJane;{}\n",
    "<td>{}</td>",
    "Bitte ({}) prüfen, danke!",
    "请查看{}\uff0c谢谢",
    "line one\\n{}\\nline three",
    "- {}\n- nothing else",
)
EMAIL = (
    "Please write to {} about the refund.",
    "From: Jane Doe <{}>\nSubject: Invoice",
    "[contact](mailto:{})",
    "https://shop.example/reset?mail={}&lang=en",
)
PHONE = (
    "Call me at {} after 5 pm.",
    "my phone number is {}, thanks",
    "Tel.: {}\nFax: none",
    '{{"name": "Jane", "phone": "{}"}}',
    "Mobile {} (weekdays)",
)
CARD = ("I paid with card {} yesterday", '{{"card_number": "{}", "exp": "04/27"}}', "PAN={}")
BESIDE = ("Visa{}", "I paid with card{}exp04/27", "pan_{}.txt", "Kartennummer{}ist falsch")
CVV = ("the CVV is {}", '{{"cvv": "{}"}}', "cvc: {}", "exp 04/27, CVV2 {}, name Jane")
SSN = ("My SSN is {}.", "social security number: {}")
KEY = (
    "export OPENAI_API_KEY={}",
    'curl -H "Authorization: Bearer {}" https://api.example.com/v1/models',
    'client = Client(api_key="{}")',
    "my key {} does not work any more, why?",
    "GET /v1/items?api_key={}&page=2 401",
    '{{"headers": {{"x-api-key": "{}"}}}}',
    "{} was revoked",
)
PASSWORD = (
    "DB_PASSWORD={}",
    'password: "{}"',
    '{{"user": "jane", "password": "{}"}}',
    "my password is {} and it does not work",
    "postgresql://app:{}@db.internal:5432/orders",
    "login jane, pwd: {}",
    "const clientSecret = '{}';",
)
LOGIN = (
    "curl -u jane:{} https://api.example.com/v1/orders",
    "curl -sS --user 'app:{}' -d @order.json https://api.example.com",
    'run curl -X POST \\\n  -u "svc:{}" \\\n  https://search.internal:9200/_bulk',
    "why does curl --user=app:{} say 401?",
)
# Of print, of web pages, of URLs and of forms.
GAPS = ("\u00a0", "&nbsp;", "&#160;", "%20", "+")


# In these, one of #%^~ stands for a digit, one but zero, a hexadecimal one, and one of a key.
NEGATIVES = (
    "Where is order %#########? It was due on {date}.",
    "Order 114-#######-####### has not arrived",
    "tracking 1Z^^##^^##^^##^^## or %###########",
    "USPS 9400 1000 #### #### #### ##",
    "Invoice INV-{date}-### over %##,###.## EUR",
    "Meeting on {dotted} {time}, moved from {american} 09:00-17:30",
    "{date}T{time}Z INFO request took %##.### ms, 200",
    "It costs $1,###.00 or 12.###,50 or %## ### ### JPY",
    "upgrade from %#.#.## to v%#.#.##.#, Chrome/120.0.%###.109",
    "commit ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ and ^^^^^^^",
    "md5 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ request_id={uuid}",
    "{place} near 52.520008 13.404954",
    "ISBN {old_isbn} or {isbn}, EAN {ean}",
    "%#### * %#### = %########; 3.14159265358979 - 1.0e-10 + 12345678",
    "x = [%##, %##, %##, %##, %##, %##]; y = %######:%#####",
    "model gpt-4o-2024-08-06, claude-sonnet-4-20250514, text-embedding-3-small, o3-mini",
    "chatcmpl-~~~~~~~~~~~~~~~~~~~~~~~~~~~~~ created 17######## ms 17###########",
    "api_key = os.environ['API_KEY']; password = getpass(); token: str | None = None",
    "Set password=<your password> and API_KEY=$API_KEY, never commit secrets",
    "I forgot my password, the password is incorrect, the token: expired yesterday",
    "The key is: stay calm. Authorization is required; max_tokens=4096, tokens: 12",
    "use @app.route and @media.query, meet @jane_doe, a@b, git@github.com:org/repo.git",
    "npm i react@18.2.0 @types/node@20.1.1; icon@2x.png; std::vector<int>::iterator",
    "server 10.0.0.## and 192.168.##.1, localhost 127.0.0.1:8080, mask 255.255.255.0",
    "part no. %##-%###-##, SKU AB-######",
    "flight LH%##, seat 12A, 20##-20##, room 0%#, zip 0%###-####",
    "score 3-2, 21-19, 6:4 7:5, ratio ##/##, IPv4 /24, section 1.2.3.# of RFC 2616",
    "account %####### sort code 20-00-00, reference %###############",
    "css .sk-fading-circle-wrapper-inner and task-########-risk-assessment-for-##-cases",
    "GPS 40\u00b0 26\u2032 46\u2033 N, %## km, % ft # in, 1,###,### people",
    "time: {time}.###### uptime ##:%#:%#, build %######.#",
    "ORDER%############### or txn_%############## and blob ^^^^^^^^^^^^^^^^^^^^^^^^",
    "docker run -u %###:%### img && curl -u $LOGIN:$TOKEN https://api.example.com",
    "GET /find?q=parcel{space}%####{space}%###&page=##&size=%##",
    "<td>&nbsp;%#&nbsp;###&nbsp;### JPY</td>, %###+%### = %###",
    "parts DE%#.%###.####.##, AT-%####-%####-%####-%###, SE%#-%###-####-%###",
)


class Case(NamedTuple):
    """A text with one value that is to be found in it.

    Args:
        group: The row of the table.
        kind: The kind whose placeholder is expected.
        before: The text up to the value.
        value: What is to be found.
        after: The rest of the text.
    """

    group: str
    kind: str
    before: str
    value: str
    after: str

    @property
    def text(self) -> str:
        """The whole text."""
        return self.before + self.value + self.after


class Maker:
    """Makes values from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a data set
        self._fakers = {locale: Faker(locale) for locale in LOCALES}
        for faker in self._fakers.values():
            faker.seed_instance(seed)

    def faker(self, locales: Sequence[str] = LOCALES) -> Faker:
        """Return the Faker of one of some locales."""
        return self._fakers[self.random.choice(locales)]

    def text(self, alphabet: str, length: int) -> str:
        """Return random characters."""
        return "".join(self.random.choices(alphabet, k=length))

    def email(self) -> str:
        """Return an e-mail address, some in capitals or with a tag."""
        address: str = self.faker().email()
        name, host = address.split("@")
        forms = (address, address, address.title(), f"{name}+news@{host}", f"{name}@mail.{host}")
        return self.random.choice(forms)

    def phone(self) -> str:
        """Return a phone number of some country."""
        return str(self.faker().phone_number())

    def formatted_phone(self) -> str:
        """Return a phone number in which more than digits stands."""
        return self._phone_where(is_bare=False)

    def bare_phone(self) -> str:
        """Return a national phone number without anything between its digits."""
        return self._phone_where(is_bare=True)

    def _phone_where(self, *, is_bare: bool) -> str:
        while (number := self.phone()).isdigit() is not is_bare:
            pass
        return number

    def card(self) -> str:
        """Return the number of a payment card, with or without spaces.

        Faker's numbers of 12 and 13 digits are left out: no such cards are in use any more.
        """
        digits = ""
        while len(digits) < 14:
            digits = self.faker(("en_US",)).credit_card_number()
        if len(digits) != 16:
            return digits
        groups = [digits[start : start + 4] for start in range(0, 16, 4)]
        return self.random.choice((" ", "-", "")).join(groups)

    def iban(self) -> str:
        """Return an IBAN, with or without spaces."""
        plain: str = self.faker(IBAN_LOCALES).iban()
        groups = (plain[start : start + 4] for start in range(0, len(plain), 4))
        return self.random.choice((" ", "")).join(groups)

    def odd_card(self) -> str:
        """Return the number of a card with other gaps, or the first track of its strip."""
        digits = ""
        while len(digits) != 16:
            digits = self.faker(("en_US",)).credit_card_number()
        groups = [digits[start : start + 4] for start in range(0, 16, 4)]
        track = f"{digits}^DOE/JANE^2704101{self.text(string.digits, 17)}"
        return self.random.choice((track, digits, *(gap.join(groups) for gap in GAPS)))

    def odd_iban(self) -> str:
        """Return an IBAN with other gaps."""
        plain: str = self.faker(IBAN_LOCALES).iban()
        groups = (plain[start : start + 4] for start in range(0, len(plain), 4))
        return self.random.choice((*GAPS[:-1], ".", "-", "\u2011", "\u202f")).join(groups)

    def odd_phone(self) -> str:
        """Return a phone number with other gaps."""
        while " " not in (number := self.phone()):
            pass
        escaped = number.replace("+", "%2B").replace(" ", "%20")
        return self.random.choice((escaped, *(number.replace(" ", gap) for gap in GAPS[:-1])))

    def ip_address(self) -> str:
        """Return a public IP address."""
        if self.random.random() < 0.6:
            return str(self.faker(("en_US",)).ipv4_public())
        groups = [self.text("0123456789abcdef", 4) for _ in range(7)]
        short = f"2a0{self.random.randrange(16):x}:{groups[0]}:{groups[1]}::{groups[2]}"
        return self.random.choice((short, ":".join(["2a02", *groups])))

    def national_id(self) -> str:
        """Return a British, Italian, Spanish or Brazilian number."""
        letters = self.text("ABCEGHJKLMPRSWXYZ", 1) + self.text("ABCEGHJLMPRSWXYZ", 1)
        pairs = [self.text(string.digits, 2) for _ in range(3)]
        nino = self.random.choice((" ", "")).join([letters, *pairs, self.text("ABCD", 1)])
        makers: tuple[Callable[[], str], ...] = (
            lambda: nino if letters not in ("GB", "ZZ") else "AB 12 34 56 C",
            self._fakers["it_IT"].ssn,
            self._fakers["es_ES"].nif,
            self._fakers["pt_BR"].cpf,
        )
        return self.random.choice(makers)()

    def wallet(self) -> str:
        """Return an address of Bitcoin or Ethereum."""
        content = b"\0" + self.random.randbytes(20)
        checked = content + hashlib.sha256(hashlib.sha256(content).digest()).digest()[:4]
        number, old = int.from_bytes(checked, "big"), ""
        while number:
            number, rest = divmod(number, 58)
            old = BASE58[rest] + old
        new = "bc1q" + self.text("acdefghjklmnpqrstuvwxyz023456789", 38)
        return self.random.choice(("1" + old, new, "0x" + self.text(string.hexdigits[:16], 40)))

    def key(self) -> str:
        """Return a key in a format of one of its issuers."""
        shape = self.random.choice(KEY_FORMATS)
        return "".join(
            self.text(ALPHABETS[part], length) if length else part for part, length in shape
        )

    def token(self) -> str:
        """Return a JSON web token."""
        parts = (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"1234567890","iat":1516239022}')
        encoded = [base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts]
        return ".".join([*encoded, self.text(ALPHABETS["w"], 43)])

    def password(self) -> str:
        """Return a password of letters and digits, some with other signs."""
        word = self.faker(("en_US",)).word().title()
        drawn = self.text(ALPHABETS["a"], self.random.randrange(10, 24)) + "7x"
        return self.random.choice(
            (f"{word}{self.random.randrange(10, 9999)}x", f"{word}!2e#q", drawn)
        )


ALPHABETS = {
    "a": string.ascii_letters + string.digits,
    "w": string.ascii_letters + string.digits + "_-",
    "h": string.hexdigits[:16],
    "d": string.digits,
    "A": string.ascii_uppercase + "234567",
}


def _shapes(*formats: str) -> tuple[tuple[tuple[str, int], ...], ...]:
    """Read formats such as ``ghp_ a36``: literal parts and alphabets with a length."""
    shapes = []
    for written in formats:
        parts = written.split(" ")
        shapes.append(
            tuple(
                (p[0], int(p[1:])) if p[0] in ALPHABETS and p[1:].isdigit() else (p, 0)
                for p in parts
            )
        )
    return tuple(shapes)


KEY_FORMATS = _shapes(
    *("sk- a48", "sk-proj- w120 7", "sk-ant-api03- w93 1AA", "sk-or-v1- h64", "gsk_ a52"),
    *("AKIA A16", "ASIA A16", "AIza w35", "ya29. w60", "ghp_ a36", "github_pat_ a22 _ a59"),
    *("glpat- w20", "xoxb- d12 - d12 - a24", "xapp-1-A a10 - d13 - h64", "sk_live_ a24"),
    *("rk_test_ a30", "whsec_ a32", "hf_ a34", "npm_ a36", "pypi-AgEIcHlwaS5vcmc w100"),
    *("SG. w22 . w43", "SK h32", "dop_v1_ h64", "dapi h32", "shpat_ h32", "r8_ a37"),
    *("lin_api_ a40", "figd_ w40", "PMAK- h24 - h34", "glsa_ a32 _ h8", "hvs. w24"),
    *("d10 :AA w33", "a3 8Q~ a34", "sbp_ h40", "xai- a80", "pplx- a48", "key- h32"),
)

_MAKERS: tuple[tuple[str, str, Callable[[Maker], str], tuple[str, ...]], ...] = (
    ("e-mail address", "email", Maker.email, (*EMAIL, *ANYWHERE)),
    ("phone, named", "phone", Maker.phone, PHONE),
    ("phone, formatted", "phone", Maker.formatted_phone, ANYWHERE),
    ("phone, digits alone", "phone", Maker.bare_phone, ANYWHERE),
    ("card", "card", Maker.card, (*CARD, *ANYWHERE)),
    ("card code", "cvv", lambda maker: maker.text("0123456789", 3), CVV),
    ("IBAN", "iban", Maker.iban, ANYWHERE),
    ("IP address", "ip_address", Maker.ip_address, ANYWHERE),
    ("MAC address", "mac_address", lambda maker: maker.faker().mac_address(), ANYWHERE),
    ("SSN (US)", "ssn", lambda maker: maker.faker(("en_US",)).ssn(), (*SSN, *ANYWHERE)),
    ("national number", "national_id", Maker.national_id, ANYWHERE),
    ("wallet", "wallet", Maker.wallet, ANYWHERE),
    ("key by its format", "credential", Maker.key, (*KEY, *ANYWHERE)),
    ("JSON web token", "credential", Maker.token, (*KEY, *ANYWHERE)),
    ("named password", "credential", Maker.password, PASSWORD),
    ("card, other ways", "card", Maker.odd_card, (*BESIDE, *ANYWHERE)),
    ("IBAN, other ways", "iban", Maker.odd_iban, ANYWHERE),
    ("phone, other ways", "phone", Maker.odd_phone, PHONE),
    ("login of curl", "credential", Maker.password, LOGIN),
)


def cases(seed: int, each: int, queries: Sequence[str]) -> list[Case]:
    """Return labelled texts.

    Args:
        seed: Which ones.
        each: How many of each group; one in five stands in a query.
        queries: Real texts without any such value.
    """
    maker = Maker(seed)
    made = []
    for group, kind, make, carriers in _MAKERS:
        turns = itertools.islice(itertools.cycle(carriers), each)
        for number, carrier in enumerate(turns):
            # A placeholder in a query would say too little of what the value is.
            framed = carrier if number % 5 else f"{maker.random.choice(queries)} {carrier}"
            if number % 5 == 0 and "{{" in carrier:
                framed = carrier
            before, after = (
                framed.replace("{}", "\0").replace("{{", "{").replace("}}", "}").split("\0")
            )
            made.append(Case(group, kind, before, make(maker), after))
    return made


def negatives(seed: int, each: int) -> Iterator[str]:
    """Yield texts without a value to find: numbers, codes and names of other kinds."""
    maker = Maker(seed)
    fake = maker.faker(("en_US",))
    alphabets = {"#": ALPHABETS["d"], "%": "123456789", "^": ALPHABETS["h"], "~": ALPHABETS["a"]}
    for _ in range(each):
        named = {
            "date": fake.date(),
            "dotted": fake.date("%d.%m.%Y"),
            "american": fake.date("%m/%d/%Y"),
            "time": fake.time(),
            "uuid": fake.uuid4(),
            "isbn": fake.isbn13(),
            "old_isbn": fake.isbn10().replace("-", ""),
            "ean": fake.ean13(),
            "space": "%20",
            "place": f"{fake.latitude()}, {fake.longitude()}",
        }
        for template in NEGATIVES:
            drawn = (maker.text(alphabets[c], 1) if c in alphabets else c for c in template)
            yield "".join(drawn).format_map(named)
