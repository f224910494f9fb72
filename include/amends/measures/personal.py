"""Personal data in a text, by pattern: e-mail, IBAN, IP address, card, US social security number, phone.

Conservative: a run of digits counts only where its form, its issuer and its check digits agree, so that ids,
amounts, dates and product codes do not. Reserved numbers that can belong to nobody do not count either.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

Verify: TypeAlias = Callable[[str], bool | None]
"""Whether a text of the form is one: None where it is none, False where only its check digits say no."""

IBAN_LENGTHS = {
    15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HU LB NI PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC",
    33: "RU",
}  # fmt: skip
"""Countries by the length of their IBAN (SWIFT, IBAN Registry, ISO 13616)."""
COUNTRY_LENGTH = {country: n for n, countries in IBAN_LENGTHS.items() for country in countries.split()}
ISSUED = re.compile(
    r"4\d{15}|5[1-5]\d{14}|(?:222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[689]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|6(?:011|4[4-9]\d|[25]\d\d)\d{12}"
)
"""Lengths and first digits that card schemes issue (ISO/IEC 7812, ranges as the schemes publish them)."""
FILE_ENDINGS = ("png", "jpg", "jpeg", "gif", "svg", "webp")
"""``logo@2x.png`` is a file."""
LEAST_IP_DIGITS = 8
"""IPv4 addresses of fewer digits look like version numbers (1.2.3.4) and are left alone."""
NATIONAL_DIGITS = range(9, 13)
"""Digits of a number with its trunk zero, in the countries that write one."""
LEAST_COMPACT_DIGITS = 10
"""Digits of ``+...`` without any separator: signed amounts are shorter."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A kind of personal data.

    ``hint``: what every text with it matches, simple enough for one quick look (RE2) at all of a column.
    ``shape``: its form in full; ``before``: what may not precede it.
    ``odds``: of random texts of that form and issuer, those that pass the check for each that fails.
    """

    name: str
    hint: str
    shape: str
    verify: Verify
    odds: float = 0.0
    before: str = r"[\w.+@/-]"

    @property
    def expression(self) -> re.Pattern[str]:
        """The shape where nothing around makes it a part of something else."""
        return re.compile(rf"(?<!{self.before})(?:{self.shape})(?![\w-]|\.\d)", re.ASCII)


def _email(text: str) -> bool | None:
    return None if text.lower().endswith(FILE_ENDINGS) else True


def _iban(text: str) -> bool | None:
    """Whether the first groups are an IBAN: length of its country, remainder 1 modulo 97 (ISO 7064)."""
    length, taken = COUNTRY_LENGTH.get(text[:2]), ""
    for group in text.split(" "):
        taken += group
        if len(taken) == length:
            return int("".join(str(int(char, 36)) for char in taken[4:] + taken[:4])) % 97 == 1
    return None


def _ip(text: str) -> bool | None:
    """Whether it is an address of the public internet; private and documentation addresses name nobody."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    short = address.version == 4 and len(text) - text.count(".") < LEAST_IP_DIGITS  # noqa: PLR2004 - IPv4
    return True if address.is_global and not address.is_multicast and not short else None


def _card(text: str) -> bool | None:
    digits = _digits(text)
    return luhn(digits) if ISSUED.fullmatch(digits) else None


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(map(int, digits[-1::-2]))) % 10 == 0


def _ssn(text: str) -> bool | None:
    """Whether the Social Security Administration can have issued it: no part is zero, no area 666 or 9xx."""
    area, group, serial = text.split("-")
    dead = area in {"000", "666"} or area[0] == "9" or group == "00" or serial == "0000"
    return None if dead else True


def _phone(text: str) -> bool | None:
    """Whether its country's numbering plan has it; a trunk zero names no country, so the length decides."""
    import phonenumbers  # noqa: PLC0415 - a tenth of a second that most windows do not need

    digits = _digits(text)
    if text.startswith(("+", "00")):
        if text[1:].isdigit() and len(digits) < LEAST_COMPACT_DIGITS:
            return None
        text, region = "+" + digits.removeprefix("00"), None
    elif digits.startswith("0"):
        return True if len(digits) in NATIONAL_DIGITS else None
    else:
        region = "US"
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, region)) or None
    except phonenumbers.NumberParseException:
        return None


def _digits(text: str) -> str:
    return "".join(char for char in text if char.isdigit())


PATTERNS = (
    Pattern(
        "email_address",
        r"[\w%+.-]@\w",
        r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9][A-Za-z0-9-]{0,62}\.){1,8}[A-Za-z]{2,24}",
        _email,
        before=r"[A-Za-z0-9._%+-]",
    ),
    Pattern(
        "iban",
        r"[A-Z]{2}\d{2} ?[A-Z0-9]{4} ?[A-Z0-9]{4}",
        r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?",
        _iban,
        odds=1 / 96,
    ),
    Pattern(
        "ip_address",
        r"\d\.\d+\.\d+\.\d|[23][0-9A-Fa-f]{3}:[0-9A-Fa-f]*:",
        r"\d{1,3}(?:\.\d{1,3}){3}|[23][0-9A-Fa-f]{3}(?::[0-9A-Fa-f]{0,4}){3,7}",
        _ip,
    ),
    Pattern(
        "payment_card",
        r"\b[2-6]\d{13}|\d{4}[ -]\d{4}[ -]\d{4}|\d{4}[ -]\d{6}",
        r"[2-6]\d{13,15}|[2-6]\d{3}(?: \d{4}){3}|[2-6]\d{3}(?:-\d{4}){3}"
        r"|3\d{3} \d{6} \d{4,5}|3\d{3}-\d{6}-\d{4,5}",
        _card,
        odds=1 / 9,
    ),
    Pattern("us_social_security_number", r"\d-\d{2}-\d{4}", r"\d{3}-\d{2}-\d{4}", _ssn),
    Pattern(
        "phone_number",
        r"\+[1-9]|\b00[1-9]\d{0,2} |\d{3}\) ?\d{3}|\d{3}-\d{3}-\d{4}|\d{3}\.\d{3}\.\d{4}|\(0\d"
        r"|(?i:tel|phone|mobile|fax|call)[a-z]{0,6}[.:]{0,2} {0,2}0\d",
        r"\+[1-9](?:[ ()/-]{0,2}\d){7,14}|00[1-9]\d{0,2} (?:[ ()/-]{0,2}\d){6,12}"
        r"|(?:1[ .-])?\(\d{3}\) ?\d{3}[ .-]\d{4}|(?:1[.-])?\d{3}-\d{3}-\d{4}|\d{3}\.\d{3}\.\d{4}"
        r"|\(0\d{1,4}\) ?\d{2,4}(?:[ /-]?\d{2,5}){1,3}"
        r"|(?i:tel|phone|mobile|fax|call)[a-z]{0,6}[.:]{0,2} {0,2}0\d{1,4}(?:[ /-]?\d{2,5}){1,4}",
        _phone,
    ),
)
"""In the order in which a text is searched: what one found, the later ones do not see."""
NAMES = tuple(pattern.name for pattern in PATTERNS)
ODDS = {pattern.name: pattern.odds for pattern in PATTERNS}
HINTS = "|".join(f"(?:{pattern.hint})" for pattern in PATTERNS)
"""Any text with personal data matches this, most others do not: one quick look for all."""

_EXPRESSIONS = tuple((pattern, pattern.expression) for pattern in PATTERNS)


def personal_data(text: str) -> dict[str, bool]:
    """Kinds of personal data that a text has (True), or has but for a check digit (False)."""
    kinds: dict[str, bool] = {}
    for pattern, expression in _EXPRESSIONS:
        verdicts = {match[0]: pattern.verify(match[0]) for match in expression.finditer(text)}
        for found, verdict in verdicts.items():
            if verdict is not None:
                kinds[pattern.name] = verdict or kinds.get(pattern.name, False)
            if verdict:
                text = text.replace(found, " # ")
    return kinds
