"""Any written form of a number, and what is no number."""

import json
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from projections.phone import LONGEST, Phone, Refusal, is_mobile, normalize, region

ANA = Phone("+34612345678", "ES", "mobile")
ARABIC_INDIC = "\u0666\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668"


@pytest.mark.parametrize(
    "written",
    [
        "612345678",
        "612 34 56 78",
        "612-345-678",
        "(612) 345.678",
        "612/345678",
        "+34612345678",
        "+34 612 34 56 78",
        "(+34) 612 345 678",
        "0034 612 345 678",
        "34612345678",
        " 612345678 ",
        "612\u00a0345\u202f678",
        "\u202a+34612345678\u202c",
        "612\u2011345\u2013678",
        "\uff0b34612345678",
        ARABIC_INDIC,
    ],
)
def test_a_spanish_number_is_read_in_any_written_form(written: str) -> None:
    assert normalize(written, "ES") == ANA


@pytest.mark.parametrize("written", ["0034612345678", "+34612345678", "00 34 612345678"])
def test_a_number_with_its_country_code_needs_no_country(written: str) -> None:
    assert normalize(written, None) == ANA


def test_a_number_with_00_is_read_where_00_is_not_how_one_dials_abroad() -> None:
    assert normalize("0034612345678", "US") == ANA
    assert normalize("0011 34 612 345 678", "AU") == ANA


def test_the_zero_that_britons_put_in_brackets_is_left_out() -> None:
    assert normalize("+44 (0)7400 128091", "ES") == Phone("+447400128091", "GB", "mobile")


def test_a_national_number_without_a_country_is_refused_as_such() -> None:
    assert normalize("612345678", None) == Refusal("no_country")


@pytest.mark.parametrize(
    "written", ["", "  ", "+", "no phone", "900 FLOWERS", "612345678 ext. 12", "612345678x1", "61234567a", "612+345678"]
)
def test_letters_and_blanks_are_no_number(written: str) -> None:
    assert normalize(written, "ES") == Refusal("not_a_number")


@pytest.mark.parametrize("written", ["600", "12", "+999123456", "6123456789012", "912", "0", "+34412345678"])
def test_a_number_that_no_plan_has_is_impossible(written: str) -> None:
    assert normalize(written, "ES") == Refusal("impossible")


@given(st.text(), st.sampled_from([None, "ES", "US", "FR"]))
def test_any_text_is_a_number_or_a_refusal(written: str, country: str | None) -> None:
    reading = normalize(written, country)
    if isinstance(reading, Phone):
        assert normalize(reading.e164, None) == reading


@given(st.text("0123456789+-() \u00a0", max_size=40))
def test_a_number_read_again_is_the_same(written: str) -> None:
    reading = normalize(written, "ES")
    if isinstance(reading, Phone):
        assert reading.e164.startswith("+")
        assert normalize(reading.e164, "FR") == reading


def test_a_text_longer_than_any_number_is_not_looked_at() -> None:
    assert normalize("6" * (LONGEST + 1), "ES") == Refusal("not_a_number")
    assert normalize("+" * 200_000, "ES") == Refusal("not_a_number")


def test_mobiles_are_told_from_land_lines_where_the_plan_does() -> None:
    assert is_mobile("+34612345678")
    assert is_mobile("+12025550123")
    assert not is_mobile("+34912345678")
    assert not is_mobile("+34")


def test_a_number_tells_its_country() -> None:
    assert (region("+34612345678"), region("+447400128091"), region("+0")) == ("ES", "GB", None)


def test_every_number_of_the_sample_updates_is_read() -> None:
    lines = (Path(__file__).parents[2] / "samples" / "contact-updates.jsonl").read_text(encoding="utf-8").splitlines()
    fields = [json.loads(line)["data"]["fields"] for line in lines]
    written = [each["_mobilePhone"] for each in fields if each.get("_mobilePhone")]
    assert written
    assert all(isinstance(normalize(number, "ES"), Phone) for number in written)


KINDS = {name: value for name, value in vars(PhoneNumberType).items() if name.isupper() and isinstance(value, int)}
EXAMPLES = [
    (region, kind, number)
    for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    for kind, type_ in sorted(KINDS.items())
    if kind != "UNKNOWN" and (number := phonenumbers.example_number_for_type(region, type_)) is not None
]
SHAPES = (PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.NATIONAL)


def test_the_library_has_examples_of_every_region_and_type() -> None:
    assert {region for region, _, _ in EXAMPLES} == set(phonenumbers.SUPPORTED_REGIONS)
    assert len({kind for _, kind, _ in EXAMPLES}) >= 9


@pytest.mark.parametrize("shape", SHAPES, ids=["E.164", "international", "national"])
def test_the_example_numbers_of_every_region_and_type_are_read_as_the_library_reads_them(shape: int) -> None:
    for of, kind, number in EXAMPLES:
        e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
        reading = normalize(phonenumbers.format_number(number, shape), of)
        expected = PhoneNumberType.to_string(phonenumbers.number_type(number)).lower()
        at_home = phonenumbers.region_code_for_number(number) or "001"
        assert reading == Phone(e164, at_home, expected), (of, kind)


def test_the_example_numbers_are_read_with_00_from_anywhere() -> None:
    for of, kind, number in EXAMPLES:
        e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
        reading = normalize(f"00 {e164[1:4]}-{e164[4:]}", None)
        assert isinstance(reading, Phone), (of, kind)
        assert reading.e164 == e164


def test_the_numbers_of_no_country_have_the_region_001() -> None:
    for code in sorted(phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS):
        number = phonenumbers.example_number_for_non_geo_entity(code)
        assert number is not None
        e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
        reading = normalize(e164, "ES")
        assert isinstance(reading, Phone)
        assert (reading.e164, reading.region) == (e164, "001")
