"""An inbound event whose data is sealed opens for its own subject, and shows that Recado sealed it."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from events import inbox
from events.cipher import Cipher
from events.codec import encode_input
from events.examples import INPUTS

MAC = b"m" * 32
CIPHER = Cipher(b"c" * 32)
SEAL = inbox.made(MAC, "acme", 41, CIPHER)


def test_an_event_is_sealed_whole_and_opens_again() -> None:
    for event in INPUTS:
        if not event.contact:
            continue
        written = encode_input(event)
        sealed = inbox.seal(written, SEAL)
        before, after = orjson.loads(written), orjson.loads(sealed)
        assert {**after, "data": None} == {**before, "data": None}
        named = inbox.read(MAC, "acme", after["data"]["sealed"])
        assert named is not None
        assert named.offset == 41
        assert CIPHER.open(event.subject, named.sealed) == before["data"]


def test_an_id_that_says_what_was_said_is_sealed_too_and_the_same_for_a_repetition() -> None:
    written = encode_input(INPUTS[3])
    one, other = (orjson.loads(inbox.seal(written, SEAL, rename=True)) for _ in range(2))
    assert one["id"] == other["id"] != orjson.loads(written)["id"]


@given(st.text() | st.from_regex(r"i1\.[0-9]{1,20}\.[0-9a-f]{16}\.s1\.[A-Za-z0-9_=-]*", fullmatch=True))
def test_what_recado_did_not_seal_names_no_key(text: str) -> None:
    assert inbox.read(MAC, "acme", text) is None


def test_another_account_s_or_another_offset_s_mac_is_refused() -> None:
    text = orjson.loads(inbox.seal(encode_input(INPUTS[3]), SEAL))["data"]["sealed"]
    assert inbox.read(MAC, "other", text) is None
    assert inbox.read(b"x" * 32, "acme", text) is None
    assert inbox.read(MAC, "acme", text.replace("i1.41.", "i1.42.")) is None


def test_a_key_s_name_tells_its_day() -> None:
    name = inbox.key_name("acme", 5 * inbox.DAY + 7, "0" * 16)
    assert inbox.day_of(name) == 5
    assert inbox.day_of("acme/ana") is None
