"""A text in GSM-7 alone, and what that changes of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.text import BASIC, EXTENSION, normalize, parts
from projections.transliteration import gsm, refusal


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("áíóúÁÍÓÚ", "aiouAIOU"),
        ("çï ÀÈÌÒÙ", "ci AEIOU"),
        ("1ª 2º", "1a 2o"),
        ("«a» “b” ‘c’ `d`", "\"a\" \"b\" 'c' 'd'"),
        ("a–b—c−d", "a-b-c-d"),
        ("espera… col·lega", "espera... col.lega"),
        ("5\u00a0€\t5\u202f%", "5 € 5 %"),
        ("ł œ đ Ő ž ǿ", "l oe d O z ø"),
        ("a\u030b soft\u00adhyphen \u200bb", "a softhyphen b"),
    ],
)
def test_what_is_outside_both_tables_gets_its_counterpart(written: str, sent: str) -> None:
    assert gsm(written).text == sent
    assert not gsm(written).unmapped


def test_what_is_in_the_tables_stays() -> None:
    text = "¿Mañana, señor Núñez? ñÑéÉüÜàèìòùÇ €{}[]~|^\\ ß ΔΩ"
    assert gsm(text.replace("ú", "u")) == (text.replace("ú", "u"), {}, ())
    assert gsm("man\u0303ana, cafe\u0301").text == "mañana, café"


def test_what_has_no_counterpart_is_a_question_mark_and_told() -> None:
    plain = gsm("Hola 😀, €5 ≈ 日")
    assert plain.text == "Hola ?, €5 ? ?"
    assert plain.unmapped == ("😀", "≈", "日")
    assert refusal("Hola 😀") == "U+1F600 grinning face, which GSM-7 cannot write"
    assert refusal("€5 ≈ 日本語").endswith(" and more, which GSM-7 cannot write")  # type: ignore[union-attr]
    assert refusal("Está mañana") is None


@given(st.text(max_size=200))
def test_any_text_ends_in_gsm_7_and_only_what_was_outside_it_changes(written: str) -> None:
    plain = gsm(written)
    assert parts(plain.text).encoding == "GSM-7"
    assert gsm(plain.text) == (plain.text, {}, ())
    assert set(plain.changed) == set(normalize(written)) - BASIC - EXTENSION
    if not plain.changed:
        assert plain.text == normalize(written)
