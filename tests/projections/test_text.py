"""Parts of an SMS, counted as they are packed."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from projections.text import BASIC, EXTENSION, normalize, parts

EMOJI = "\U0001f600"


@pytest.mark.parametrize(
    ("written", "encoding", "units", "count"),
    [
        ("", "GSM-7", 0, 0),
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("a" * 306, "GSM-7", 306, 2),
        ("a" * 307, "GSM-7", 307, 3),
        ("€" * 80, "GSM-7", 160, 1),
        ("€" * 81, "GSM-7", 162, 2),
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 306, 3),
        ("á" * 70, "UCS-2", 70, 1),
        ("á" * 71, "UCS-2", 71, 2),
        (EMOJI * 35, "UCS-2", 70, 1),
        (EMOJI * 36, "UCS-2", 72, 2),
        ("a" * 66 + EMOJI + "á" * 66, "UCS-2", 134, 3),
        ("¿Qué tal, señor? ÑñÜüÇàèìòù¡", "GSM-7", 28, 1),
        ("Hola\r\nAna", "GSM-7", 8, 1),
    ],
)
def test_a_text_takes_the_parts_that_it_fills(written: str, encoding: str, units: int, count: int) -> None:
    counted = parts(written)
    assert (counted.encoding, counted.units, counted.parts) == (encoding, units, count)


@pytest.mark.parametrize("char", "áíóúÁÍÓÚçïÀÈÌÒÙªº«»·`\t“”—…\u00a0\u202f")
def test_what_looks_harmless_in_spanish_makes_the_text_ucs_2(char: str) -> None:
    counted = parts(f"hola {char}")
    assert (counted.encoding, counted.costly) == ("UCS-2", (char,))


def test_a_character_written_in_two_code_points_counts_as_one() -> None:
    assert parts("n\u0303" * 160) == parts("ñ" * 160)
    assert parts("e\u0301").encoding == "GSM-7"


def test_the_costly_characters_are_named_once_in_order() -> None:
    assert parts("{5 €} {6 €}").costly == ("{", "€", "}")
    assert parts("€ í ó í").costly == ("í", "ó")


def test_the_table_is_that_of_the_standard() -> None:
    assert len(BASIC) == 127  # 128 codes, one of which is the escape
    assert len(EXTENSION) == 10
    assert not BASIC & EXTENSION


def _packed(units: list[int], alone: int, joined: int) -> int:
    """The rule, told slowly: fill part by part."""
    if sum(units) <= alone:
        return 1 if units else 0
    count, left = 1, joined
    for unit in units:
        if unit > left:
            count, left = count + 1, joined
        left -= unit
    return count


@given(st.text(st.sampled_from([*"ab€[{", "\n"]), max_size=700))
@example("a" * 152 + "€" * 200)
def test_gsm_7_is_packed_part_by_part(written: str) -> None:
    units = [2 if char in EXTENSION else 1 for char in written]
    counted = parts(written)
    assert (counted.encoding, counted.units, counted.parts) == ("GSM-7", sum(units), _packed(units, 160, 153))


@given(st.text(st.sampled_from([*"aáñ€", EMOJI]), max_size=400))
def test_ucs_2_is_packed_part_by_part(written: str) -> None:
    counted = parts("á" + written)
    units = [2 if ord(char) > 0xFFFF else 1 for char in "á" + written]
    assert (counted.encoding, counted.units, counted.parts) == ("UCS-2", sum(units), _packed(units, 70, 67))


@given(st.text(max_size=300))
def test_any_text_can_be_counted_and_counting_normalises(written: str) -> None:
    assert parts(written) == parts(normalize(written))
    assert unicodedata.is_normalized("NFC", normalize(written))
