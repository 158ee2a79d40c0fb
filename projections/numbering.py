"""The plain case of reading a number, from its country's plan alone: about 4 us where libphonenumber takes 60 to 100.

A number is plain where its country code belongs to one country, and where nothing has to be taken off before its
digits fit the plan: no national prefix, no prefix for dialling abroad. Everything else is left to the library, with
which this agrees on every number that it does not leave to it (tests/projections/test_numbering.py).
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumberType

__all__ = ["Plain", "read"]

_LONGEST_CODE: Final = 3
_NATIONAL: Final = range(2, 18)  # digits; phonenumbers' own bounds
# In the order in which the library asks; fixed lines and mobiles come behind these.
_KINDS: Final = (
    ("premium_rate", PhoneNumberType.PREMIUM_RATE), ("toll_free", PhoneNumberType.TOLL_FREE),
    ("shared_cost", PhoneNumberType.SHARED_COST), ("voip", PhoneNumberType.VOIP),
    ("personal_number", PhoneNumberType.PERSONAL_NUMBER), ("pager", PhoneNumberType.PAGER),
    ("uan", PhoneNumberType.UAN), ("voicemail", PhoneNumberType.VOICEMAIL),
)  # fmt: skip


class Plain(NamedTuple):
    """A valid number: E.164 with +, its country (ISO 3166-1 alpha-2) and its type as libphonenumber names it."""

    e164: str
    region: str
    type: str


class _Range(NamedTuple):
    """One description of a plan: the lengths it may have (any, where empty) and its pattern."""

    lengths: frozenset[int]
    pattern: re.Pattern[str]

    def holds(self, national: str) -> bool:
        if self.lengths and len(national) not in self.lengths:
            return False
        return self.pattern.fullmatch(national) is not None


class _Plan(NamedTuple):
    code: str
    region: str
    general: _Range
    special: tuple[tuple[str, _Range], ...]
    fixed: _Range | None
    mobile: _Range | None
    prefix: re.Pattern[str] | None  # what the library would take off the national number
    abroad: re.Pattern[str] | None  # what dials abroad from here

    def kind(self, national: str) -> str | None:
        """The number's type, None where it has none in this plan."""
        for name, range_ in self.special:
            if range_.holds(national):
                return name
        fixed = self.fixed is not None and self.fixed.holds(national)
        if self.mobile is not None and self.mobile.holds(national):
            return "fixed_line_or_mobile" if fixed else "mobile"
        return "fixed_line" if fixed else None


def read(digits: str, country: str | None) -> Plain | None:
    """A valid number, or None where that is not plain. `digits`: "+" with the code, or as dialled in `country`."""
    if not digits.isascii():
        return None
    if digits[:1] == "+":
        plan, national = _abroad(digits[1:])
    else:
        plan, national = _plan(country) if country else None, digits
        if plan is not None and plan.abroad is not None and plan.abroad.match(national):
            return None
    if plan is None or len(national) not in _NATIONAL:
        return None
    if plan.prefix is not None and plan.prefix.match(national):
        return None
    if not plan.general.holds(national):
        return None
    kind = plan.kind(national)
    return Plain(f"+{plan.code}{national}", plan.region, kind) if kind else None


def _abroad(digits: str) -> tuple[_Plan | None, str]:
    """The plan that the country code names, and the digits behind it."""
    if digits[:1] != "0":
        for length in range(1, _LONGEST_CODE + 1):
            regions = COUNTRY_CODE_TO_REGION_CODE.get(int(digits[:length] or 0))
            if regions is not None:
                return (_plan(regions[0]) if len(regions) == 1 else None), digits[length:]
    return None, digits


@lru_cache(maxsize=512)
def _plan(country: str) -> _Plan | None:
    """A country's plan; None where it shares its code with others, or its numbers may change as they are read."""
    metadata = PhoneMetadata.metadata_for_region(country, None)
    if metadata is None or COUNTRY_CODE_TO_REGION_CODE.get(metadata.country_code or 0) != (country,):
        return None
    general = _range(metadata.general_desc)
    if general is None:
        return None
    special = tuple(
        (PhoneNumberType.to_string(kind).lower(), range_)
        for name, kind in _KINDS
        if (range_ := _range(getattr(metadata, name))) is not None
    )
    prefix, abroad = metadata.national_prefix_for_parsing, metadata.international_prefix
    return _Plan(
        str(metadata.country_code), country, general, special, _range(metadata.fixed_line), _range(metadata.mobile),
        re.compile(prefix) if prefix else None, re.compile(abroad) if abroad else None,
    )  # fmt: skip


def _range(description: object) -> _Range | None:
    pattern = getattr(description, "national_number_pattern", None)
    if not pattern:
        return None
    lengths = getattr(description, "possible_length", ())
    return _Range(frozenset(lengths), re.compile(pattern))
