"""Dead letters keep the original bytes, whatever they are."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events import examples
from events.cipher import Cipher
from events.dead_letter import (
    LIMIT,
    MOST_HEADERS,
    DeadLetter,
    concealed,
    decode_dead_letter,
    encode_dead_letter,
    revealed,
)
from events.topics import BY_ROLE, Role

HEADERS = st.lists(st.tuples(st.text(max_size=20), st.none() | st.binary(max_size=20)), max_size=4).map(tuple)


@given(st.none() | st.binary(max_size=2000), st.none() | st.binary(max_size=200), HEADERS, st.text(max_size=50))
def test_what_was_buried_is_dug_up_byte_by_byte(
    original: bytes | None, key: bytes | None, headers: tuple[tuple[str, bytes | None], ...], detail: str
) -> None:
    letter = DeadLetter(
        "schema", detail, "recado.contacts", 3, 17, examples.SEVEN, original, len(original or b""), key, headers
    )
    assert decode_dead_letter(encode_dead_letter(letter)) == letter
    assert letter.whole


def test_a_record_beyond_the_limit_keeps_its_beginning_and_says_so() -> None:
    huge = bytes(3 * LIMIT)
    headers = (("small", b"1"), ("huge", huge), ("after", b"2"))
    letter = DeadLetter("too_large", "x", "recado.contacts", 3, 17, examples.SEVEN, huge, len(huge), huge, headers)
    encoded = encode_dead_letter(letter)
    assert len(encoded) < BY_ROLE[Role.DEAD_LETTERS].max_message_bytes
    read = decode_dead_letter(encoded)
    assert read.original == huge[:LIMIT]
    assert read.size == len(huge)
    assert not read.whole
    assert read.headers == (("small", b"1"),)


NAMES = st.sampled_from(["", "a", "\x00", "ñ" * 9, "\x01" * 70_000, "x" * 3_000])
VALUES = st.sampled_from([None, b"", b"v", bytes(3_000), bytes(70_000)])
MANY = st.tuples(NAMES, VALUES, st.sampled_from([0, 1, 7, 99, 30_000])).map(lambda h: ((h[0], h[1]),) * h[2])
SIZES = st.sampled_from([0, 1, 30_000, 64 * 1024, LIMIT - 1, LIMIT, LIMIT + 1])
CIPHER = Cipher(bytes(32))
BESIDE_A_LETTER = 70_000  # bytes of the record's key, at most 64 KiB, and of what Kafka frames it with


@settings(max_examples=40, deadline=None)
@given(SIZES, SIZES, st.lists(MANY, max_size=3), st.sampled_from(["x", "\x00" * 50_000]))
def test_whatever_a_record_held_its_letter_fits_the_topic_sealed_too(
    original: int, key: int, headers: list[tuple[tuple[str, bytes | None], ...]], detail: str
) -> None:
    every = tuple(header for some in headers for header in some)
    letter = DeadLetter(
        "schema", detail, "recado.contacts", 3, 17, examples.SEVEN, bytes(original), original, bytes(key), every
    )
    sealed = concealed(letter, CIPHER, "acme/" + "\x7f" * 128)
    room = BY_ROLE[Role.DEAD_LETTERS].max_message_bytes - BESIDE_A_LETTER
    assert len(encode_dead_letter(letter)) < room
    assert len(encode_dead_letter(sealed)) < room
    for read in (decode_dead_letter(encode_dead_letter(letter)), revealed(sealed, CIPHER)):
        assert read.original == bytes(min(original, LIMIT))
        assert read.headers == every[: len(read.headers)]
    assert letter.whole
    assert sealed.whole is (original <= LIMIT)


def test_of_a_crowd_of_empty_headers_the_first_are_kept() -> None:
    crowd = (("", None),) * 500_000
    letter = DeadLetter("schema", "x", "recado.contacts", 3, 17, examples.SEVEN, b"?", 1, b"k", crowd)
    read = decode_dead_letter(encode_dead_letter(letter))
    assert read.headers == crowd[:MOST_HEADERS]
    assert (read.original, read.key, read.whole) == (b"?", b"k", True)


def test_a_key_that_does_not_fit_beside_a_sealed_original_is_left_out() -> None:
    letter = DeadLetter("schema", "x", "t", 3, 17, examples.SEVEN, bytes(LIMIT), LIMIT, bytes(64 * 1024))
    read = revealed(concealed(letter, CIPHER, ""), CIPHER)
    assert (read.original, read.key) == (bytes(LIMIT), None)


@pytest.mark.parametrize("value", [b"", b"[]", b"{}", b"null", b'{"reason":1}'])
def test_anything_else_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # orjson's error or ours
        decode_dead_letter(value)
