"""What is sealed opens for the same secret, purpose and context, and for nothing else."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sealing import Unsealable, seal, unseal

SECRET = bytes(range(32))
OTHER = bytes(32)


@given(plain=st.text(max_size=300), purpose=st.text(max_size=20), context=st.text(max_size=60))
def test_what_was_sealed_is_unsealed(plain: str, purpose: str, context: str) -> None:
    assert unseal(SECRET, purpose, context, seal(SECRET, purpose, context, plain)) == plain


def test_nothing_of_the_plain_text_shows_and_no_two_seals_are_alike() -> None:
    first, second = (seal(SECRET, "token", "acme", "correct horse") for _ in range(2))
    assert first != second
    assert "horse" not in first
    assert b"horse" not in base64.urlsafe_b64decode(first.partition(".")[2] + "==")


@pytest.mark.parametrize(
    ("secret", "purpose", "context"),
    [(OTHER, "token", "acme"), (SECRET, "privacy", "acme"), (SECRET, "token", "umbrella")],
    ids=["another secret", "another purpose", "another account"],
)
def test_it_opens_nowhere_else(secret: bytes, purpose: str, context: str) -> None:
    sealed = seal(SECRET, "token", "acme", "correct horse")
    with pytest.raises(Unsealable) as refused:
        unseal(secret, purpose, context, sealed)
    assert "RECADO_SECRET" in str(refused.value)
    assert sealed not in str(refused.value)
    assert "horse" not in str(refused.value)


@given(at=st.integers(0, 40), bit=st.integers(0, 7))
def test_one_changed_bit_is_noticed(at: int, bit: int) -> None:
    raw = bytearray(base64.urlsafe_b64decode(seal(SECRET, "token", "acme", "correct horse").partition(".")[2] + "=="))
    raw[at] ^= 1 << bit
    with pytest.raises(Unsealable):
        unseal(SECRET, "token", "acme", "v1." + base64.urlsafe_b64encode(raw).decode().rstrip("="))


@given(st.text(max_size=80) | st.text("abcXYZ019_-", max_size=80).map("v1.".__add__))
def test_anything_else_is_refused_and_nothing_breaks(text: str) -> None:
    with pytest.raises(Unsealable):
        unseal(SECRET, "token", "acme", text)


def test_a_seal_of_the_first_version_still_opens() -> None:
    # Written by the first release: what is in the log has to be read for ever.
    assert (
        unseal(SECRET, "token", "acme", "v1.AAECAwQFBgcICQoL8IS-ENMe-ElhkRWvIR1YQaQ5ZeNKTXLx8dgRnn4") == "correct horse"
    )
