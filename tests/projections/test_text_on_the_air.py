"""Parts against an independent counter: one that really makes the octets which a phone gets, and reads them again.

It has a table of its own, by code, and fills each part octet by octet; projections/text.py counts by patterns.
"""

import unicodedata
from random import Random

import pytest

from projections.text import parts
from projections.transliteration import gsm

ESCAPE = 0x1B
# 3GPP TS 23.038, 6.2.1: a line for each eight codes; the escape stands for itself.
ROWS = (
    "@£$¥èéùì", "òÇ\nØø\rÅå", "Δ_ΦΓΛΩΠΨ", "ΣΘΞ\x1bÆæßÉ", " !\"#¤%&'", "()*+,-./", "01234567", "89:;<=>?",
    "¡ABCDEFG", "HIJKLMNO", "PQRSTUVW", "XYZÄÖÑÜ§", "¿abcdefg", "hijklmno", "pqrstuvw", "xyzäöñüà",
)  # fmt: skip
CODES: dict[str, tuple[int, ...]] = {char: (code,) for code, char in enumerate("".join(ROWS)) if code != ESCAPE}
EXTENDED = {0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|"}
CODES |= {char: (ESCAPE, code) for code, char in {**EXTENDED, 0x65: "€"}.items()}
OCTETS, HEADER = 140, 6


def packed(septets: list[int]) -> bytes:
    """Septets in octets, the first in the lowest bits (3GPP TS 23.038, 6.1.2.1)."""
    bits = sum(septet << (7 * at) for at, septet in enumerate(septets))
    return bits.to_bytes(-(-7 * len(septets) // 8), "little")


def cut(characters: list[tuple[int, ...]], room: int) -> list[list[int]]:
    """Each part as full as it can be; what belongs together is never cut."""
    filled: list[list[int]] = [[]]
    for units in characters:
        if len(filled[-1]) + len(units) > room:
            filled.append([])
        filled[-1].extend(units)
    return filled


def on_the_air(text: str) -> tuple[str, list[list[int]]]:
    """The encoding, and the units of each message on its way."""
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n")
    encoding, bits, characters = "GSM-7", 7, [CODES.get(char, ()) for char in text]
    if () in characters:
        encoding, bits = "UCS-2", 16
        coded = [char.encode("utf-16-be") for char in text]
        characters = [tuple(int.from_bytes(two[at : at + 2], "big") for at in range(0, len(two), 2)) for two in coded]
    if sum(map(len, characters)) <= OCTETS * 8 // bits:
        return encoding, cut(characters, OCTETS * 8 // bits) if text else []
    return encoding, cut(characters, (OCTETS - HEADER) * 8 // bits)


def read(encoding: str, messages: list[list[int]]) -> str:
    """What a phone shows."""
    text = ""
    if encoding == "UCS-2":
        return "".join(b"".join(unit.to_bytes(2, "big") for unit in units).decode("utf-16-be") for units in messages)
    table = {codes: char for char, codes in CODES.items()}
    for septets in messages:
        left = list(septets)
        while left:
            code = left.pop(0)
            text += table[(code, left.pop(0)) if code == ESCAPE else (code,)]
    return text


ALPHABETS = (
    "abc ", "ab€", "ab[{€", "aábñé", "aá\U0001f600", "\U0001f600\U0001f468", "".join(CODES), "a\r\n", "ÑÉÜ¿¡€^~",
    "an\u0303e\u0301\u200d", "".join(map(chr, range(0x20, 0x2FF))),
)  # fmt: skip
LENGTHS = (1, 33, 35, 66, 67, 68, 70, 71, 76, 80, 81, 133, 134, 135, 152, 153, 154, 159, 160, 161, 305, 306, 307, 459)


@pytest.mark.parametrize("seed", range(len(ALPHABETS)))
def test_thousands_of_texts_take_the_parts_that_are_sent(seed: int) -> None:
    random = Random(seed)
    for _ in range(600):
        length = max(0, random.choice(LENGTHS) + random.randint(-2, 2))
        text = "".join(random.choices(ALPHABETS[seed], k=length))
        if random.random() < 0.3:  # one costly character somewhere in a plain text is where a cut falls badly
            at = random.randrange(length + 1)
            text = "a" * at + random.choice("€[\U0001f600á") + "a" * (length - at)
        encoding, messages = on_the_air(text)
        assert parts(text)[:2] == (encoding, len(messages))
        assert parts(text).units == sum(map(len, messages))
        assert read(encoding, messages) == unicodedata.normalize("NFC", text).replace("\r\n", "\n")
        header = HEADER if len(messages) > 1 else 0
        for units in messages:
            size = 2 * len(units) if encoding == "UCS-2" else len(packed([0] * (header and 7) + units))
            assert size + (header if encoding == "UCS-2" else 0) <= OCTETS


@pytest.mark.parametrize(
    ("text", "encoding", "lengths"),
    [
        ("a" * 161, "GSM-7", [153, 8]),
        ("€" * 80, "GSM-7", [160]),
        ("€" * 81, "GSM-7", [152, 10]),  # 76 + 5 characters
        ("\U0001f600" * 36, "UCS-2", [66, 6]),  # 33 + 3
        ("á" * 71, "UCS-2", [67, 4]),
        ("a" * 152 + "€" + "a" * 152, "GSM-7", [152, 153, 1]),
    ],
)
def test_the_examples_of_the_reference_are_cut_where_it_says(text: str, encoding: str, lengths: list[int]) -> None:
    said, messages = on_the_air(text)
    assert (said, [len(units) for units in messages]) == (encoding, lengths)
    assert parts(text)[:2] == (encoding, len(lengths))


def test_whatever_is_transliterated_can_be_sent_in_gsm_7() -> None:
    for code in (*range(0x3000), *range(0x1F300, 0x1F700)):
        plain = gsm(chr(code))
        encoding, messages = on_the_air(plain.text)
        assert encoding == "GSM-7", hex(code)
        assert read(encoding, messages) == plain.text
