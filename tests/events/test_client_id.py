"""Client ids: short, ours, and telling the partition."""

import re
from base64 import b32encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import client_id

KEY = bytes(range(32))
OTHER = bytes(32)
HASH = client_id.send_hash("acme/ana@example.com", "order-1234")


@given(st.integers(0, 36**6 - 1), st.integers(1, 36**4 - 1), st.text(max_size=128), st.text(max_size=64))
def test_what_was_made_is_read_again(partition: int, attempt: int, contact: str, send_id: str) -> None:
    hashed = client_id.send_hash(f"acme/{contact}", send_id)
    made = client_id.make(KEY, partition, hashed, attempt)
    assert re.fullmatch(r"[A-Za-z0-9-]{1,40}", made)
    assert client_id.read(KEY, made) == (partition, attempt, hashed)
    assert client_id.read(OTHER, made) is None


@given(st.data())
def test_one_changed_character_makes_it_foreign(data: st.DataObject) -> None:
    made = client_id.make(KEY, 7, HASH, 1)
    at = data.draw(st.integers(0, len(made) - 1))
    other = data.draw(st.sampled_from("0123456789abcdefghijklmnopqrstuvwxyz-").filter(lambda c: c != made[at]))
    assert client_id.read(KEY, made[:at] + other + made[at + 1 :]) is None


@given(st.text())
def test_any_text_that_is_not_ours_is_foreign(text: str) -> None:
    assert client_id.read(KEY, text) is None


def test_a_line_end_behind_it_makes_it_foreign() -> None:
    assert client_id.read(KEY, client_id.make(KEY, 7, HASH, 1) + "\n") is None


def test_the_same_send_id_of_two_contacts_is_two_sends() -> None:
    assert client_id.send_hash("acme/ana", "1") != client_id.send_hash("acme/bea", "1")
    assert client_id.send_hash("acme/ana", "1") != client_id.send_hash("acme/an", "a1")
    assert re.fullmatch(r"[a-z2-7]{16}", HASH)


@pytest.mark.parametrize(("partition", "attempt"), [(-1, 1), (36**6, 1), (0, 0), (0, 36**4)])
def test_numbers_that_do_not_fit_are_refused(partition: int, attempt: int) -> None:
    with pytest.raises(ValueError, match="no client id can name"):
        client_id.make(KEY, partition, HASH, attempt)


@given(st.binary(min_size=10, max_size=10))
def test_its_letters_are_base32_as_everyone_writes_it(digest: bytes) -> None:
    number = int.from_bytes(digest)
    assert client_id._base32(number, 80) == b32encode(digest).decode().lower()
    assert client_id._base32(number >> 30, 50) == b32encode(digest).decode().lower()[:10]
