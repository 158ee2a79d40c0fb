"""What goes with a record that is moved fits the topic that it is moved to, whatever a stranger wrote beside it."""

from typing import Any

from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.memory import Stored
from events import envelope
from events.dead_letter import LIMIT, MOST_HEADERS
from events.topics import BY_ROLE, Role
from streams.burial import BESIDE, ORIGIN, Burial, moved

NAMES = st.sampled_from(["", "a", ORIGIN, "ñ" * 9, "€" * 30_000, "x" * 3_000])
VALUES = st.sampled_from([None, b"", b"v", bytes(3_000), bytes(BESIDE)])
MANY = st.tuples(NAMES, VALUES, st.sampled_from([0, 1, 7, 99, 30_000])).map(lambda h: [(h[0], h[1])] * h[2])
SIZES = st.sampled_from([0, 1, 30_000, BESIDE, BESIDE + 1, LIMIT + 1])


def laid(key: bytes | None, value: bytes | None, headers: list[Any]) -> int:
    """Bytes of a batch of this record alone, as Kafka counts them against max.message.bytes."""
    builder = DefaultRecordBatchBuilder(2, 0, True, 1, 0, 0, 1 << 30)
    assert builder.append(0, 0, key, value, headers) is not None
    return len(builder.build())


@settings(max_examples=40, deadline=None)
@given(SIZES, st.lists(MANY, max_size=3))
def test_a_moved_record_fits_its_topic(key: int, headers: list[list[tuple[str, Any]]]) -> None:
    """Only a record that could be read is moved, so its value is no larger than an event may be."""
    every = [header for some in headers for header in some]
    message = moved(Role.CONTACTS, Stored(7, bytes(key), bytes(envelope.LIMIT), tuple(every)), 1, 3)
    size = laid(message.key, message.value, list(message.headers))
    assert size < BY_ROLE[Role.CONTACTS].max_message_bytes // 2
    assert message.headers[-1] == (ORIGIN, b"contacts/1/7")
    theirs = [header for header in every if header[0] != ORIGIN]
    assert list(message.headers[:-1]) == theirs[: len(message.headers) - 1]


def test_of_a_crowd_of_empty_headers_the_first_go_along() -> None:
    crowd = (("", None),) * 600_000
    message = moved(Role.CONTACTS, Stored(7, b"k", b"v", crowd), 1, 3)  # type: ignore[arg-type]
    assert message.headers == [*crowd[:MOST_HEADERS], (ORIGIN, b"contacts/1/7")]


def test_a_buried_record_fits_the_dead_letters_with_its_key() -> None:
    crowd = (("", None),) * 500_000
    record = Stored(7, bytes(BESIDE), bytes(LIMIT), crowd)  # type: ignore[arg-type]
    message = Burial(1, {}, lambda letter: letter).letter(Role.CONTACTS, record, 0, "not_json", "x")
    assert message.key == bytes(BESIDE)
    assert laid(message.key, message.value, []) < BY_ROLE[Role.DEAD_LETTERS].max_message_bytes
