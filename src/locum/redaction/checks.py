"""Check digits and ranges that tell personal data from other numbers."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from functools import lru_cache

__all__ = [
    "bare",
    "canonical_address",
    "iban_length",
    "is_card",
    "is_codice_fiscale",
    "is_cpf",
    "is_dni",
    "is_iban",
    "is_public_address",
    "is_wallet",
]

_ISSUERS = re.compile(
    r"4(?:.{15}|.{18})"  # Visa; those of 13 digits are no longer in use
    r"|(?:5[1-5]|222[1-9]|22[3-9].|2[3-6]..|27[01].|2720).*(?<=^.{16})"  # Mastercard
    r"|3[47].{13}"  # American Express
    r"|3(?:0[0-5]|[689].).{11}"  # Diners Club
    r"|35.{14}|(?:1800|2131).{11}"  # JCB
    r"|6(?:011|5..|4[4-9].).{12}(?:.{3})?"  # Discover
    r"|62.{14,17}"  # UnionPay
    r"|(?:5018|5020|5038|5893|6304|6390|6759|676[1-3]).{8,15}|5[0678].{14,17}"  # Maestro
)
_IBAN_LENGTHS = (
    "NO15 BE16 DK18 FI18 FO18 GL18 NL18 SD18 MK19 SI19 AT20 BA20 EE20 KZ20 LT20 LU20 MN20 XK20 "
    "CH21 HR21 LI21 LV21 BG22 BH22 CR22 DE22 GB22 GE22 IE22 ME22 RS22 AE23 GI23 IL23 IQ23 OM23 "
    "SO23 TL23 AD24 CZ24 ES24 MD24 PK24 RO24 SA24 SE24 SK24 TN24 VG24 LY25 PT25 ST25 IS26 TR26 "
    "BI27 DJ27 FR27 GR27 IT27 MC27 MR27 SM27 AL28 AZ28 BY28 CY28 DO28 GT28 HU28 LB28 NI28 PL28 "
    "SV28 BR29 EG29 PS29 QA29 UA29 JO30 KW30 MU30 MT31 SC31 LC32 RU33"
)
_LENGTH_OF = {entry[:2]: int(entry[2:]) for entry in _IBAN_LENGTHS.split()}
_BETWEEN = str.maketrans("", "", " \t.-/()")
# Of an IPv6 address of which nothing is left out.
_COLONS = 7
# Logs name the same ones again and again.
_ADDRESSES = 8192
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_CODICE_ODD = tuple(b"\1\0\5\7\11\15\17\21\23\25\2\4\22\24\13\3\6\10\14\16\20\12\26\31\30\27")


def bare(value: str) -> str:
    """Return a number without what is written between its digits, in capitals."""
    return value.translate(_BETWEEN).upper()


def is_card(value: str) -> bool:
    """Tell whether a number is a payment card's: issuer, length and Luhn's check digit."""
    digits = bare(value)
    if not _ISSUERS.fullmatch(digits):
        return False
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def iban_length(country: str) -> int:
    """Return how many characters the IBANs of a country have, zero where it has none."""
    return _LENGTH_OF.get(country.upper(), 0)


def is_iban(value: str) -> bool:
    """Tell whether the check digits of an IBAN are right."""
    plain = bare(value)
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


def canonical_address(value: str) -> str:
    """Return the one spelling of an IP address."""
    return str(ipaddress.ip_address(value))


@lru_cache(_ADDRESSES)
def is_public_address(value: str) -> bool:
    """Tell whether an IP address can belong to someone: not loopback, private or reserved."""
    # In logs most are times of day, such as 2026:13:55:36, and an exception for each takes long.
    if ":" in value and "::" not in value and value.count(":") != _COLONS:
        return False
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def is_cpf(value: str) -> bool:
    """Tell whether a Brazilian tax number has the right check digits."""
    digits = [int(digit) for digit in bare(value)]
    expected = [
        10 * sum(d * (length + 1 - i) for i, d in enumerate(digits[:length])) % 11 % 10
        for length in (9, 10)
    ]
    return digits[9:] == expected and len(set(digits)) > 1


def is_dni(value: str) -> bool:
    """Tell whether a Spanish identity number (DNI, NIE) has the right letter."""
    plain = bare(value)
    number = int(plain[:-1].translate(str.maketrans("XYZ", "012")))
    return plain[-1] == _DNI_LETTERS[number % 23]


def is_codice_fiscale(value: str) -> bool:
    """Tell whether an Italian tax code has the right check letter."""
    ranks = [int(c) if c.isdigit() else ord(c) - ord("A") for c in value[:15]]
    total = sum(_CODICE_ODD[rank] for rank in ranks[::2]) + sum(ranks[1::2])
    return value[15] == chr(ord("A") + total % 26)


def is_wallet(value: str) -> bool:
    """Tell whether an address can be a wallet's; only Bitcoin's older ones have a checksum here."""
    if value.startswith(("bc1", "0x")):
        return True
    number = 0
    for character in value:
        number = number * 58 + _BASE58.index(character)
    if number >> 200:
        return False
    content = number.to_bytes(25, "big")
    return hashlib.sha256(hashlib.sha256(content[:21]).digest()).digest()[:4] == content[21:]
