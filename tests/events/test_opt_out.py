"""The code of an opt-out link: short, ours, and of one contact."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import opt_out

KEY = b"k" * 32
ANA = "acme/ana@example.com"


@given(st.integers(0, 4095), st.text(min_size=1, max_size=60), st.binary(min_size=1, max_size=64))
def test_a_code_is_sixteen_letters_and_digits_and_names_its_partition(partition: int, who: str, key: bytes) -> None:
    code = opt_out.make(key, partition, who)
    assert len(code) == 16
    assert set(code) <= set(string.ascii_letters + string.digits)
    named = opt_out.read(key, code)
    assert named is not None
    assert named.partition == partition


def test_a_code_is_the_contact_s_own_and_always_the_same() -> None:
    code = opt_out.make(KEY, 3, ANA)
    assert code == opt_out.make(KEY, 3, ANA)
    others = {opt_out.make(KEY, 3, "acme/eva"), opt_out.make(KEY, 4, ANA), opt_out.make(b"x" * 32, 3, ANA)}
    assert code not in others
    assert len(others) == 3


def test_a_changed_code_is_not_ours() -> None:
    code = opt_out.make(KEY, 3, ANA)
    for at in range(16):
        for char in string.ascii_letters + string.digits:
            if char != code[at]:
                assert opt_out.read(KEY, code[:at] + char + code[at + 1 :]) is None


@given(st.text(max_size=40))
def test_any_other_text_is_not_ours(text: str) -> None:
    assert opt_out.read(KEY, text) is None


def test_a_code_of_another_key_is_not_ours() -> None:
    assert opt_out.read(b"x" * 32, opt_out.make(KEY, 3, ANA)) is None


def test_a_partition_that_no_recado_has_makes_no_code() -> None:
    with pytest.raises(ValueError, match="4096"):
        opt_out.make(KEY, 4096, ANA)


def test_one_number_of_two_accounts_is_two_numbers() -> None:
    assert opt_out.hash_number("acme", "+34612345678") != opt_out.hash_number("other", "+34612345678")
    assert "612345678" not in opt_out.hash_number("acme", "+34612345678")
