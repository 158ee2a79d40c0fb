"""Parts of an SMS, counted as they are packed."""

import unicodedata
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from projections.text import BASIC, EXTENSION, most, normalize, parts

EMOJI = "\U0001f600"
MARKS = "\u0301\u0315\u0316\u0323\u0345\u0344\u0f73\u0f75\u0f81"
STARTERS = "aeo\u0f71\u0f72\u1100\u1161\u11a8\ufb01\U0001d15e"


def _every() -> list[str]:
    return [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]


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


def _moves(text: str) -> int:
    """How many marks are passed when each mark of `text` is moved to its place: what normalising does, one by one."""
    moves, before = 0, [0] * 256  # marks since the last character that is none, by their class
    for char in "".join(unicodedata.normalize("NFD", char) for char in text):
        of = unicodedata.combining(char)
        if not of:
            before = [0] * 256
            continue
        moves += sum(before[of + 1 :])
        before[of] += 1
    return moves


@pytest.mark.parametrize("run", ["\u0315\u0316", "\u0f73", "e\u0301\u0316\u0344", "\u0316\u0315\u0f81\u0345"])
def test_marks_without_end_are_normalised_with_work_that_grows_as_the_text_does(
    monkeypatch: pytest.MonkeyPatch, run: str
) -> None:
    written, handed, by_python = "a" + run * 2000, [], unicodedata.normalize

    def watched(form: Any, text: str) -> str:
        handed.append(text)
        return by_python(form, text)

    monkeypatch.setattr(unicodedata, "normalize", watched)
    normalised = normalize(written)
    monkeypatch.undo()
    assert normalised == unicodedata.normalize("NFC", written)
    assert handed
    assert sum(map(_moves, handed)) <= 30 * len(written)


@given(st.text(st.sampled_from(STARTERS + MARKS) | st.characters(), max_size=30), st.text(MARKS, max_size=80))
def test_a_text_is_normalised_as_unicode_has_it(text: str, run: str) -> None:
    for written in (text + run, run + text, text + run + text):
        assert normalize(written) == unicodedata.normalize("NFC", written).replace("\r\n", "\n")


def test_three_characters_alone_come_apart_into_marks_and_are_none() -> None:
    hidden = []
    for char in _every():
        own, *parted = map(unicodedata.combining, (char, *unicodedata.normalize("NFD", char)))
        if own:
            assert char >= "\u0300"
            assert set(parted) == {own}  # so that the order of the marks is that of what they come apart into
        elif parted[0]:
            hidden.append(char)
    assert hidden == ["\u0f73", "\u0f75", "\u0f81"]


def test_no_text_of_more_characters_than_the_most_fits_its_parts() -> None:
    assert max(len(unicodedata.normalize("NFD", char)) for char in _every()) == 4
    fullest = "\u03b1\u0313\u0300\u0345" * 160 * 255  # four characters that are one
    assert len(normalize(fullest)) == 160 * 255
    assert most(255) == len(fullest)
    assert most(1) == 160 * 255  # addresses are made short, and marks may be dropped
