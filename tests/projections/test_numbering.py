"""The fast reading of a number is the library's own, or none."""

from collections.abc import Iterator
from typing import Any

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata, PhoneNumberFormat, PhoneNumberType

from projections.numbering import Phone, read
from projections.phone import by_library, describe, normalize

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
CODES = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)
FORMATS = (PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.NATIONAL)
TYPES = [kind for kind in PhoneNumberType.values() if kind != PhoneNumberType.UNKNOWN]


def of_region(region: str) -> Iterator[phonenumbers.PhoneNumber]:
    for kind in TYPES:
        number = phonenumbers.example_number_for_type(region, kind)
        if number is not None:
            yield number
    invalid = phonenumbers.invalid_example_number(region)
    if invalid is not None:
        yield invalid


def written(number: phonenumbers.PhoneNumber) -> Iterator[str]:
    """The ways in which people write one number, and what a slip of the finger makes of each."""
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    national = phonenumbers.national_significant_number(number)
    yield from (phonenumbers.format_number(number, form) for form in FORMATS)
    yield from (national, "0" + national, "1" + national, "8" + national, e164[1:], "00" + e164[1:], "011" + e164[1:])
    yield f"+{number.country_code} (0) {national}"
    for digits in (e164, national):
        yield from (digits[:-1], digits + "5", digits[:-1] + str((int(digits[-1]) + 1) % 10))
        yield from (digits[:at] + str((int(digits[at]) + 3) % 10) + digits[at + 1 :] for at in (-3, -5, -7)
                    if digits[at : at + 1].isdecimal())  # fmt: skip


def agree(text: str, country: str | None) -> bool:
    """Did the fast path know, and say what the library says?"""
    known = read(text, country)
    if known is not None:
        assert by_library(text, country) == known
    return known is not None


def test_most_numbers_are_plain() -> None:
    """Or there is no need for this."""
    examples = [number for region in REGIONS for number in of_region(region) if phonenumbers.is_valid_number(number)]
    assert sum(agree(phonenumbers.format_number(number, FORMATS[1]), None) for number in examples) > 0.9 * len(examples)
    assert sum(agree(phonenumbers.format_number(number, FORMATS[2]), phonenumbers.region_code_for_number(number))
               for number in examples) > 0.7 * len(examples)  # fmt: skip


@pytest.mark.parametrize("region", REGIONS)
def test_every_type_of_number_of_every_region_is_read_as_the_library_reads_it(region: str) -> None:
    for number in of_region(region):
        for text in written(number):
            for country in (region, None, "ES", "US", "GB"):
                agree(text, country)


def test_numbers_of_no_country_are_left_to_the_library() -> None:
    for code in phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS:
        number = phonenumbers.example_number_for_non_geo_entity(code)
        assert number is not None
        for text in written(number):
            assert not agree(text, None)


separators = st.sampled_from(["", "", "", " ", "-", ".", "/", "(", ")", "[", "\t", "\u00a0", "+"])
countries = st.none() | st.sampled_from(REGIONS) | st.sampled_from(["ES", "GB", "US", "es", "001", "ZZ", ""])


@st.composite
def plausible(draw: st.DrawFn) -> tuple[str, str | None]:
    """Digits that are likely to be a number somewhere: of a plan's own lengths, behind what may stand before them."""
    region = draw(st.sampled_from(REGIONS))
    data = PhoneMetadata.metadata_for_region(region)
    assert data is not None
    assert data.general_desc is not None
    length = draw(st.sampled_from(data.general_desc.possible_length)) + draw(st.sampled_from([0, 0, 0, 0, -1, 1]))
    kinds = [data.general_desc, data.mobile, data.fixed_line, data.toll_free, data.premium_rate]
    pattern = draw(st.sampled_from([kind.national_number_pattern for kind in kinds if kind is not None]))
    digits = draw(st.from_regex(pattern or "0", fullmatch=True, alphabet="0123456789")) if draw(st.booleans()) else ""
    if not digits.isascii() or not digits:
        digits = draw(st.text("0123456789", min_size=max(length, 1), max_size=max(length, 1)))
    code = str(data.country_code)
    before = draw(st.sampled_from(["", "", "0", "1", "00" + code, "+" + code, "+" + code + "0", code, "011" + code]))
    text = before + digits
    cut = draw(st.integers(0, len(text)))
    return text[:cut] + draw(separators) + text[cut:], draw(st.just(region) | countries)


@settings(max_examples=600, deadline=None)
@given(plausible())
@example(("+390612345678", None))
@example(("0039 02 1234567", "IT"))
@example(("393123456789", "IT"))
@example(("07624 123456", "GB"))
def test_whatever_is_likely_to_be_a_number_is_read_as_the_library_reads_it(case: tuple[str, str | None]) -> None:
    agree(*case)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(["", "+", "00", "0", "++"]), st.text("0123456789 -.()/[]+\t\u0663", max_size=20), countries)
def test_whatever_is_typed_is_read_as_the_library_reads_it(before: str, text: str, country: str | None) -> None:
    agree(before + text, country)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(CODES), st.text("0123456789", min_size=4, max_size=13))
def test_a_stored_number_is_described_as_the_library_describes_it(code: int, digits: str) -> None:
    known = read(f"+{code}{digits}", None)
    if known is not None and known.e164 == f"+{code}{digits}":
        assert describe(known.e164) == by_library(known.e164, None) == known


@pytest.mark.parametrize(
    ("text", "country", "expected"),
    [
        ("612345678", "ES", Phone("+34612345678", "ES", "mobile")),
        ("+34 612 34 56 78", "US", Phone("+34612345678", "ES", "mobile")),
        ("0034-612-345-678", None, Phone("+34612345678", "ES", "mobile")),
        ("912 345 678", "ES", Phone("+34912345678", "ES", "fixed_line")),
        ("07400 123456", "GB", Phone("+447400123456", "GB", "mobile")),
        ("+44 (0)7400 123456", None, Phone("+447400123456", "GB", "mobile")),
        ("06 12 34 56 78", "FR", Phone("+33612345678", "FR", "mobile")),
        ("(202) 555-0123", "US", Phone("+12025550123", "US", "fixed_line_or_mobile")),
    ],
)
def test_the_common_forms_need_no_library(text: str, country: str | None, expected: Phone) -> None:
    assert read(text, country) == expected == normalize(text, country)


@pytest.mark.parametrize("text", ["", "+", "00", "0", "+0", "+999", "612", "612345678 ext. 5", "\uff0b34612345678"])
def test_the_uncommon_and_the_impossible_are_left_to_the_library(text: str) -> None:
    assert read(text, "ES") is None


def test_the_library_still_describes_its_plans_as_this_reads_them() -> None:
    """The names of phonenumbers' metadata that projections/numbering.py leans on."""
    spain: Any = PhoneMetadata.metadata_for_region("ES", None)
    assert (spain.country_code, spain.international_prefix, spain.same_mobile_and_fixed_line_pattern) == (
        34,
        "00",
        False,
    )
    assert 9 in spain.general_desc.possible_length
    assert spain.mobile.national_number_pattern
    britain: Any = PhoneMetadata.metadata_for_region("GB", None)
    assert (britain.national_prefix, britain.national_prefix_transform_rule) == ("0", None)
    brazil: Any = PhoneMetadata.metadata_for_region("BR", None)
    assert brazil.national_prefix_for_parsing
    assert brazil.national_prefix_transform_rule
    norway: Any = PhoneMetadata.metadata_for_region("NO", None)
    assert norway.leading_digits
