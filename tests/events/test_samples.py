"""The samples: the good ones are read, each malformed line is refused with a reason."""

from pathlib import Path

import pytest

from events import codec
from events.contact import ContactUpdated
from events.envelope import Undecodable
from events.send import SendRequested
from events.topics import Role

SAMPLES = Path(__file__).parents[2] / "samples"
MALFORMED = (SAMPLES / "malformed.jsonl").read_bytes().split(b"\n")


@pytest.mark.parametrize(
    ("file", "role", "data"),
    [
        ("contact-updates.jsonl", Role.CONTACTS, ContactUpdated),
        ("sends-transactional.jsonl", Role.TRANSACTIONAL, SendRequested),
        ("sends-newsletter.jsonl", Role.NEWSLETTER, SendRequested),
    ],
)
def test_every_good_sample_is_read_and_written_again(file: str, role: Role, data: type) -> None:
    lines = (SAMPLES / file).read_bytes().splitlines()
    events = [codec.decode_input(role, line) for line in lines]
    assert {type(event.data) for event in events} == {data}
    assert [codec.decode_input(role, codec.encode_input(event)) for event in events] == events


@pytest.mark.parametrize(
    ("line", "reason", "told"),
    [
        (0, "not_json", "not JSON"),
        (1, "envelope", "specversion, id, source, type, subject, time, data"),
        (2, "envelope", "id, source, type, subject, time, data"),
        (3, "schema", "_unknownSystem"),
        (4, "subject", "account/contact"),
        (5, "type_unknown", "recado.contact.updated.v1 only"),
        (6, "schema", "one of template and text"),
        (7, "schema", "fewer than 5 digits"),
        (8, "envelope", "'yesterday'"),
        (9, "schema", "'a' must be text, a number, true, false or null"),
        (10, "envelope", "data"),
        (11, "too_large", "256 KiB"),
        (12, "not_json", "not JSON"),
        (13, "envelope", "object"),
        (14, "not_json", "depth"),
    ],
)
@pytest.mark.parametrize("role", [Role.CONTACTS, Role.NEWSLETTER])
def test_every_malformed_line_is_refused_with_a_reason(line: int, reason: str, told: str, role: Role) -> None:
    belongs = Role.NEWSLETTER if line in (6, 7) else Role.CONTACTS
    with pytest.raises(Undecodable) as caught:
        codec.decode_input(role, MALFORMED[line])
    if role is not belongs and line in (3, 4, 6, 7, 8, 9):
        assert caught.value.reason == "topic"
    else:
        assert caught.value.reason == reason
        assert told in caught.value.detail
    with pytest.raises(Undecodable) as unrouted:
        codec.decode_unrouted(MALFORMED[line], "newsletter")
    assert unrouted.value.reason == reason


def test_there_is_no_line_that_nobody_looked_at() -> None:
    assert [number for number, line in enumerate(MALFORMED) if line or number < 15] == list(range(15))
