"""Dead letters keep the original bytes, whatever they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import examples
from events.dead_letter import LIMIT, DeadLetter, decode_dead_letter, encode_dead_letter
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


@pytest.mark.parametrize("value", [b"", b"[]", b"{}", b"null", b'{"reason":1}'])
def test_anything_else_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # orjson's error or ours
        decode_dead_letter(value)
