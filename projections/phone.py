"""Phone numbers: any written form to E.164, and what can be asked of a number.

The rules are libphonenumber's (ITU-T E.164 and each country's numbering plan, from the `phonenumbers` package).
"""

from functools import lru_cache
from typing import Final, Literal, NamedTuple

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType

from projections import numbering
from projections.numbering import Phone

__all__ = ["LONGEST", "Phone", "Refusal", "by_library", "describe", "is_mobile", "normalize", "region"]

LONGEST: Final = 64
"""Characters. No number is written longer; what is longer is not looked at (every outside byte is hostile)."""

# What people put between digits. Letters are not in it: "900 FLOWERS" and "ext. 12" are refused, not guessed at.
_PLUS: Final = ("+", "\uff0b")
_SEPARATORS: Final = frozenset((*_PLUS, *"-.()/[]\u2010\u2011\u2012\u2013\u2014\u2015\u2212"))
# Marks that come along, unseen, when a number is copied from an address book.
_UNSEEN: Final = dict.fromkeys((0x200B, 0x200E, 0x200F, 0x202A, 0x202C, 0x202D, 0x2060, 0x2066, 0x2069, 0xFEFF))

# Measured: a number takes 4 us without the cache, 60 to 100 us if it is not plain, 0.1 us with it; an entry is 0.5 KB.
_REMEMBERED: Final = 16_384


class Refusal(NamedTuple):
    """Why what was written is no number."""

    reason: Literal["not_a_number", "impossible", "no_country"]


def normalize(written: str, country: str | None) -> Phone | Refusal:
    """Read a number in any written form: spaces, dashes, brackets, "00" or "+" or national.

    `country` (ISO 3166-1 alpha-2) gives the country code where the number has none. A number must be possible
    and valid in its plan, else it is refused as `impossible`. Raises nothing.
    """
    if len(written) > LONGEST:
        return Refusal("not_a_number")
    return _international(written) if written[:1] == "+" else _normalize(written, country)


@lru_cache(maxsize=_REMEMBERED)
def _normalize(written: str, country: str | None) -> Phone | Refusal:
    return numbering.read(written, country) or by_library(written, country)


@lru_cache(maxsize=_REMEMBERED)
def _international(written: str) -> Phone | Refusal:
    """Apart, since its country does not matter, and what is normalized in E.164 is often described at once."""
    return numbering.read(written, None) or by_library(written, None)


def by_library(written: str, country: str | None) -> Phone | Refusal:
    """As `normalize`, for all forms and refusals, and some twenty times slower: what `numbering` has to agree with."""
    text = written.translate(_UNSEEN)
    digits = "".join(char for char in text if char.isdecimal())
    if not digits or not all(char.isdecimal() or char.isspace() or char in _SEPARATORS for char in text):
        return Refusal("not_a_number")
    before, _, _ = text.partition(next(char for char in text if char.isdecimal()))
    if sum(map(text.count, _PLUS)) != sum(map(before.count, _PLUS)):
        return Refusal("not_a_number")
    if any(plus in before for plus in _PLUS):
        return _read("+" + digits, None)
    reading = _read(digits, country) if country else Refusal("no_country")
    if isinstance(reading, Refusal) and digits.startswith("00"):
        # "00" is how most of the world dials abroad, and how people write it even where the prefix is another one.
        abroad = _read("+" + digits[2:], None)
        return abroad if isinstance(abroad, Phone) or not country else reading
    return reading


def _read(digits: str, country: str | None) -> Phone | Refusal:
    try:
        number = phonenumbers.parse(digits, country)
    except NumberParseException as error:
        strange = error.error_type == NumberParseException.INVALID_COUNTRY_CODE and digits[0] != "+"
        return Refusal("no_country" if strange else "impossible")
    return _phone(number) if phonenumbers.is_valid_number(number) else Refusal("impossible")


def _phone(number: PhoneNumber) -> Phone:
    kind = PhoneNumberType.to_string(phonenumbers.number_type(number)).lower()
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return Phone(e164, phonenumbers.region_code_for_number(number) or "001", kind)


def describe(e164: str) -> Phone | None:
    """Region and type of a stored E.164 number, or None when the numbering plan no longer knows it."""
    reading = normalize(e164, None)
    return reading if isinstance(reading, Phone) else None


def is_mobile(e164: str) -> bool:
    """Can this number receive an SMS? Plans that do not tell mobiles from land lines (NANP) count as mobile."""
    phone = describe(e164)
    return phone is not None and phone.type in ("mobile", "fixed_line_or_mobile")


def region(e164: str) -> str | None:
    """The country of a stored E.164 number, ISO 3166-1 alpha-2, or None when the plan no longer knows it."""
    phone = describe(e164)
    return phone.region if phone else None
