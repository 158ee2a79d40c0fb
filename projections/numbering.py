"""The plain case of reading a number, from its country's plan alone: 4 us where libphonenumber takes 60 to 100.

A number is plain when it is written with digits and the usual separators, from + or 00 and the country code on or as
dialled within its country, and when at most a trunk prefix has to be taken off it. Everything else, and whatever
is no valid number, is left to the library, with which this agrees on all that it does not leave to it
(tests/projections/test_numbering.py).
"""

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Final, NamedTuple

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata
from phonenumbers.phonemetadata import PhoneNumberDesc

__all__ = ["Phone", "read"]

Matches = Callable[[str], re.Match[str] | None]

_SEPARATORS: Final = str.maketrans("", "", " -.()/[]")
# In the order in which the library tries them; land lines and mobiles, which may share their patterns, come after.
_SPECIAL: Final = (
    "premium_rate", "toll_free", "shared_cost", "voip", "personal_number", "pager", "uan", "voicemail",
)  # fmt: skip
_ABROAD: Final = "00"


class Phone(NamedTuple):
    """A number that exists in its country's plan."""

    e164: str  # "+34612345678"
    region: str  # ISO 3166-1 alpha-2; "001" for numbers of no country (satellite, international freephone)
    type: str  # "mobile", "fixed_line", "fixed_line_or_mobile", "voip", ... as libphonenumber names it, lower-cased


class _Kind(NamedTuple):
    """The numbers of one type: how many digits they have, and their pattern."""

    name: str
    lengths: frozenset[int]
    matches: Matches


class _Plan(NamedTuple):
    """One region's numbering plan, for national significant numbers: without country code and trunk prefix."""

    region: str
    code: str  # the country code
    leading: Matches | None  # where regions share a country code: what tells this one's numbers
    trunk: Matches | None  # what may be dialled before a national number
    rewrites: bool  # which may have to be exchanged for other digits, and not just left out
    abroad: Matches  # how one dials abroad
    any: _Kind
    special: Sequence[_Kind]
    fixed: _Kind | None
    mobile: _Kind | None
    shared: bool  # land lines and mobiles have one pattern

    def type(self, number: str) -> str | None:
        """The type of a number of this plan; None for what is none."""
        if not self.possible(number):
            return None
        length = len(number)
        for kind in self.special:
            if length in kind.lengths and kind.matches(number):
                return kind.name
        fixed, mobile = self.fixed, self.mobile
        is_mobile = mobile is not None and length in mobile.lengths and mobile.matches(number) is not None
        if fixed is not None and length in fixed.lengths and fixed.matches(number):
            return "fixed_line_or_mobile" if self.shared or is_mobile else "fixed_line"
        return "mobile" if is_mobile and not self.shared else None

    def possible(self, number: str) -> bool:
        """Do length and leading digits fit any number of this plan?"""
        return len(number) in self.any.lengths and self.any.matches(number) is not None

    def national(self, digits: str) -> str | None:
        """The number without its trunk prefix; None where it is not plain what that is."""
        if self.trunk is not None and (dialled := self.trunk(digits)) is not None:
            if self.rewrites and dialled.groups()[-1] is not None:
                return None
            digits = digits[dialled.end() :]
            if not self.possible(digits):
                return None
        # A number that begins with 0 (Italy has them) is written so in E.164 too, but kept otherwise by the library.
        return None if digits[:1] == "0" else digits


def read(written: str, country: str | None) -> Phone | None:
    """A valid number, or None where that is not plain. `country` (ISO 3166-1 alpha-2): where it is dialled from, None
    where nobody knows."""
    digits = written.translate(_SEPARATORS)
    international = digits[:1] == "+"
    if international:
        digits = digits[1:]
    if not (digits.isascii() and digits.isdecimal()):
        return None
    if international:
        return _international(digits)
    if country is None:
        return _international(digits[2:]) if digits[:2] == _ABROAD else None
    home = _plan(country)
    if home is None:
        return None
    if (dialled := home.abroad(digits)) is not None:
        return _international(digits[2:]) if dialled[0] == _ABROAD else None
    number = home.national(digits)
    if digits.startswith(home.code) and not (number == digits and home.possible(digits)):
        return None  # with the country's code, but no + before it, or by chance?
    return None if number is None else _phone(home.code, _plans(home.code), number)


def _international(digits: str) -> Phone | None:
    for length in (1, 2, 3):
        plans = _plans(code := digits[:length])
        if plans:
            number = plans[0].national(digits[length:])
            return None if number is None else _phone(code, plans, number)
    return None


def _phone(code: str, plans: Sequence[_Plan], number: str) -> Phone | None:
    """Of regions that share a country code: the first whose leading digits the number has, or else whose it is."""
    for plan in plans:
        if plan.leading is not None and not plan.leading(number):
            continue
        type_ = plan.type(number)
        if type_ is not None:
            return Phone(f"+{code}{number}", plan.region, type_)
        if plan.leading is not None:
            return None
    return None


@cache
def _plans(code: str) -> Sequence[_Plan]:
    """The plans of the regions with this country code, the main one first; none for what is no country's code."""
    regions = COUNTRY_CODE_TO_REGION_CODE.get(int(code), ()) if code[:1] not in ("", "0") else ()
    if len(regions) == 1:
        alone = _plan(regions[0])
        return [] if alone is None else [alone._replace(leading=None)]
    plans = [plan for region in regions if (plan := _plan(region)) is not None]
    return plans if len(plans) == len(regions) else []


@cache
def _plan(region: str) -> _Plan | None:
    """None for a region that the library does not know."""
    data = PhoneMetadata.metadata_for_region(region, None)
    general = _kind("", data.general_desc, frozenset()) if data is not None else None
    if data is None or general is None or not general.lengths:
        return None
    lengths = general.lengths
    special = [_kind(name, getattr(data, name), lengths) for name in _SPECIAL]
    trunk = data.national_prefix_for_parsing
    return _Plan(
        region,
        str(data.country_code),
        re.compile(data.leading_digits).match if data.leading_digits is not None else None,
        re.compile(trunk).match if trunk else None,
        bool(data.national_prefix_transform_rule),
        re.compile(data.international_prefix or r"(?!)").match,
        general,
        [kind for kind in special if kind is not None],
        _kind("fixed_line", data.fixed_line, lengths),
        _kind("mobile", data.mobile, lengths),
        data.same_mobile_and_fixed_line_pattern,
    )


def _kind(name: str, of: PhoneNumberDesc | None, lengths: frozenset[int]) -> _Kind | None:
    """`lengths` are those of any number, which a type has that names none of its own."""
    if of is None or not of.national_number_pattern:
        return None
    return _Kind(name, frozenset(of.possible_length) or lengths, re.compile(of.national_number_pattern).fullmatch)
