"""A sealed value opens with its key in its place, and in no other way; the same value is the same text each time."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.cipher import Cipher, Closed

KEYS = st.binary(min_size=32, max_size=32)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(KEYS, VALUES)
def test_what_was_sealed_opens_and_is_the_same_each_time(key: bytes, value: Any) -> None:
    sealed = Cipher(key).seal("acme/ana", value)
    assert Cipher(key).seal("acme/ana", value) == sealed
    cipher = Cipher(key)
    assert cipher.open("acme/ana", sealed) == value
    assert cipher.open("acme/ana", sealed) == value  # as it is remembered, too


@given(KEYS, KEYS, st.text(min_size=4))
def test_nothing_else_opens_it(key: bytes, other: bytes, value: str) -> None:
    sealed = Cipher(key).seal("acme/ana", value)
    assert value not in sealed
    with pytest.raises(Closed) as closed:
        Cipher(key).open("acme/eva", sealed)
    assert value not in str(closed.value)
    if key != other:
        with pytest.raises(Closed):
            Cipher(other).open("acme/ana", sealed)


@given(KEYS, st.text() | st.text().map("s1.".__add__) | st.binary(max_size=40).map(lambda b: f"s1.{b.hex()}"))
def test_what_nobody_sealed_is_refused_whatever_it_is(key: bytes, text: str) -> None:
    with pytest.raises(Closed):
        Cipher(key).open("acme/ana", text)


@given(KEYS, st.data())
def test_an_altered_one_is_refused(key: bytes, data: st.DataObject) -> None:
    sealed = Cipher(key).seal("acme/ana", "+34612345678")
    at = data.draw(st.integers(3, len(sealed) - 3))  # the last letters of base64 have bits that say nothing
    other = sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :]
    with pytest.raises(Closed):
        Cipher(key).open("acme/ana", other)
