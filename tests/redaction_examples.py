"""Texts in which something is to be redacted, and texts in which nothing is."""

from __future__ import annotations

OPENAI = "sk-proj-Ab3dEf6hIj9lMn2pQr5tUv8x"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVPmB92K27uhbUJU1p1r"  # noqa: S105
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7bq3\nAbCd==\n-----END RSA PRIVATE KEY-----"
SLACK = "xoxb-" + "123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx"
STRIPE = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"

FOUND = {
    "email": (
        "Jane.Doe+news@mail.example.co.uk",
        "jürgen@müller.de",
        "o'brien@example.com",
        "BOB@EXAMPLE.COM",
        "bob%40example.com",
        "juan.perez@gmail.com.py",
        "иван@yandex.ru",
        "ivan@пример.рф",
    ),
    "phone": (
        "+49 30 901820",
        "+44 (0) 20 7946 0958",
        "+1-415-555-2671",
        "0049 170 1234567",
        "(415) 555-2671",
        "415.555.2671 x123",
        "020 7946 0958",
        "06 12 34 56 78",
        "0171/1234567",
        "+49\u00a0170\u00a01234567",
        "090-1234-5678",
    ),
    "card": (
        "4111111111111111",
        "5500 0000 0000 0004",
        "3782-822463-10005",
        "6011 1111 1111 1117",
        "2223003122003222",
    ),
    "iban": ("DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19", "NO93 8601 1117 947"),
    "ip_address": ("8.8.8.8", "93.184.216.34", "2a00:1450:4001:81b::200e"),
    "mac_address": ("00:1A:2B:3C:4D:5E", "00-1a-2b-3c-4d-5e"),
    "ssn": ("219-09-9998",),
    "national_id": ("AB 12 34 56 C", "RSSMRA85T10A562S", "12345678Z", "529.982.247-25"),
    "wallet": (
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
        "0x52908400098527886E0F7030069857D2E4169EE7",
    ),
    "credential": (
        OPENAI,
        "sk-ant-api03-AbCdEf1hIjKlMnOpQrStUvWxYz0123456789",
        "AKIA" + "IOSFODNN7EXAMPLE",
        "AIza" + "SyD-1234567890abcdefghijklmnopqrstu",
        "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a",
        "glpat-" + "x1Yz2Ab3Cd4Ef5Gh6Ij7",
        SLACK,
        STRIPE,
        "hf_" + "AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEfGh",
        TOKEN,
        PEM,
        PEM.replace("\n", "\\n"),
    ),
}
NAMED = {
    "phone": (("phone: ", "4155552671"), ("my number is, call me at ", "5552671")),
    "ssn": (("My social security number is ", "219 09 9998"), ("SSN: ", "219099998")),
    "cvv": (("the CVV is ", "123"), ("cvc=", "1234")),
    "credential": (
        ("my password is ", "hunter2x"),
        ("DB_PASSWORD=", "s3cr3tValue"),
        ("API-Key: '", "a1b2c3d4e5f6"),
        ("Authorization: Bearer ", "abc123DEF456ghi789xyz"),
        ("Authorization: Basic ", "dXNlcjpwYXNzd29yZA=="),
        ("postgres://app:", "letmein"),
        ("postgres://user:", "p@ss@w0rd"),
        ("my pass: ", "LH4521x"),
        ("aws_secret_access_key = ", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        ("https://example.com/v1?api_key=", "a1b2c3d4e5f6g7h8i9"),
        ('password = "', "correcthorsebattery"),
    ),
}
AFTER = {
    "postgres://app:": "@db.example",
    "postgres://user:": "@db/x?by=a@b.",
    "API-Key: '": "'",
    'password = "': '"',
}
KEPT = (
    "order 114-3941689-8772232, tracking 1Z999AA10123456784, invoice 4155552671",
    "2024-01-15 10:30:45, 15.01.2024 14:30, 01/15/2024, 2024-01-15T10:30:45.123456Z",
    "price 1,234,567.89 or 1.234.567,89 EUR, 609 141 777 JPY, 3.14159265358979",
    "v1.2.3.4, version 1.2.3.4, 10.0.0.1, 192.168.1.254, 127.0.0.1:8080, fe80::1, 2001:db8::1",
    "OpenSSL 3.0.2.1, jdk/8.0.20.8, Oracle 11.2.0.4, Rails 5.2.4.3 and JRuby 9.4.0.1",
    "ISBN 978-0-306-40615-7, 0-306-40615-2; 52.5200, 13.4050",
    "clause 12.4.3.1, paragraph 8.4.2.1, Article 4.2.1.3, § 5.2.3.1, Step 1.2.3.4: go",
    "boarding pass: LH4521, bus pass: ZONE12A",
    "f47ac10b-58cc-4372-a567-0e02b2c3d479, 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
    "4111111111111112 has a wrong check digit, and so has DE89370400440532013001",
    "gpt-4o-2024-08-06 claude-sonnet-4-20250514 chatcmpl-AbC123dEf456GhI789jKl012MnO34",
    'api_key = os.environ["API_KEY"]; password = getpass(); def f(password: str = None): ...',
    "password=<your password> API_KEY=${API_KEY} password: ******** token: expired max_tokens=4096",
    "I forgot my password is what he wrote; the key is: patience; authorization: required",
    "@route, x@y, x@y.py, icon@2x.png, react@18.2.0, git@github.com:org/repo.git, std::vector<int>",
    ".sk-fading-circle-wrapper-inner, risk-1234567890123456789, 1 + 2 - 3 = 12345678 / 9",
)


HOSTILE = (
    *(
        "://a:b@",
        "@я",
        "я@я.",
        "boarding pass: ",
        "a",
        "1",
        "1 ",
        "01 ",
        "a@",
        "a@a.",
        "@",
        "sk-",
        "eyJ-",
        "eyJaaaaaa.",
        "://a:",
        "::",
        "1.1.",
    ),
    *(
        "password=",
        "password is ",
        'password"',
        "key: ",
        "?key=",
        "cvv:::::",
        "-----BEGIN PRIVATE KEY-----",
    ),
    *(
        "+1 ",
        "+1234567890 ",
        "2001:",
        "DE12 ",
        "call me ",
        "415-555-",
        "[",
        '{"a":',
        "\\",
        '"',
        "\0",
        "-",
    ),
)
