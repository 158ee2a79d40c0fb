"""What is read from a plan alone is what libphonenumber reads: the law, over every country and shape."""

from typing import Any

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import SUPPORTED_REGIONS, PhoneMetadata, PhoneNumberType

from projections import numbering, phone

REGIONS = sorted(SUPPORTED_REGIONS)


def library(digits: str, country: str | None) -> tuple[str, str, str] | None:
    """What phonenumbers makes of it; None for what it refuses."""
    try:
        number = phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    kind = PhoneNumberType.to_string(phonenumbers.number_type(number)).lower()
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return e164, phonenumbers.region_code_for_number(number) or "001", kind


def agrees(digits: str, country: str | None) -> None:
    read = numbering.read(digits, country)
    if read is not None:
        assert tuple(read) == library(digits, country)


def examples() -> list[tuple[str, str]]:
    """libphonenumber's example numbers of every country and type, national significant digits."""
    found = []
    for region in REGIONS:
        for kind in PhoneNumberType.values():
            number: Any = phonenumbers.example_number_for_type(region, kind)
            if number is not None:
                found.append((region, phonenumbers.national_significant_number(number)))
    return sorted(set(found))


EXAMPLES = examples()


def test_every_example_of_every_country_is_read_as_the_library_reads_it() -> None:
    plain = 0
    for region, national in EXAMPLES:
        code = phonenumbers.country_code_for_region(region)
        for digits, country in ((f"+{code}{national}", None), (national, region), (f"0{national}", region)):
            agrees(digits, country)
            plain += numbering.read(digits, country) is not None
    assert plain > len(EXAMPLES), "most numbers of most countries are plain, or there is no need for this"


@given(
    example=st.sampled_from(EXAMPLES),
    cut=st.integers(-3, 3),
    at=st.integers(0, 14),
    digit=st.sampled_from("0123456789"),
    form=st.sampled_from(["+{code}{n}", "{n}", "0{n}", "00{code}{n}", "{code}{n}", "+{code}0{n}", "1{n}", "8{n}"]),
    dialled=st.sampled_from(REGIONS),
)
def test_a_number_changed_in_any_place_is_read_as_the_library_reads_it(
    example: tuple[str, str], cut: int, at: int, digit: str, form: str, dialled: str
) -> None:
    region, national = example
    changed = national[:at] + digit + national[at + 1 :]
    changed = changed[:cut] if cut < 0 else changed + digit * cut
    digits = form.format(code=phonenumbers.country_code_for_region(region), n=changed)
    for country in (None, region, dialled):
        if country is not None or digits.startswith("+"):
            agrees(digits, country)


@given(digits=st.from_regex(r"\A\+?[0-9]{1,19}\Z"), country=st.sampled_from([None, *REGIONS]))
def test_any_digits_are_read_as_the_library_reads_them(digits: str, country: str | None) -> None:
    if country is not None or digits.startswith("+"):
        agrees(digits, country)


@pytest.mark.parametrize("digits", ["", "+", "+0", "٣٤٦١٢٣٤٥٦٧٨", "+٣٤٦١٢٣٤٥٦٧٨", "+34", "+999123456789"])
def test_what_is_no_plain_number_is_left_to_the_library(digits: str) -> None:
    assert numbering.read(digits, "ES") is None


def test_a_country_that_shares_its_code_is_left_to_the_library() -> None:
    assert numbering.read("+12015550123", None) is None
    assert numbering.read("2015550123", "US") is None


def test_the_plain_case_is_what_normalize_says() -> None:
    for region, national in EXAMPLES:
        code = phonenumbers.country_code_for_region(region)
        read = numbering.read(f"+{code}{national}", None)
        if read is not None:
            assert phone.normalize(f"+{code} {national}", None) == phone.Phone(*read)


def test_the_library_still_describes_its_plans_as_this_reads_them() -> None:
    """The names of phonenumbers' metadata that projections/numbering.py leans on."""
    spain: Any = PhoneMetadata.metadata_for_region("ES", None)
    assert spain.country_code == 34
    assert 9 in spain.general_desc.possible_length
    assert spain.mobile.national_number_pattern
    assert spain.international_prefix == "00"
    assert hasattr(spain, "national_prefix_for_parsing")
