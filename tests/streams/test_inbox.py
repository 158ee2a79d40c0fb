"""What an inbox holds is counted in bytes with all that strangers write beside a value."""

from connectors.memory import Stored
from connectors.ports import Fetch
from events.topics import Role
from streams.inbox import HEADER, Inbox


def fetch(start: int, *records: Stored) -> Fetch:
    return Fetch(Role.CONTACTS, start, start + len(records), records)


def test_key_value_and_headers_are_counted_and_forgotten_with_their_fetch() -> None:
    box = Inbox(0)
    box.add(fetch(0, Stored(0, b"k" * 10, b"v" * 100, (("name", b"h" * 1_000),))))
    first = box.size
    assert first == 1_114 + HEADER
    box.add(fetch(1, Stored(1, None, None), Stored(2, b"k", b"v")))
    assert (box.size, box.held) == (first + 2, 3)
    box.done()
    assert (box.size, box.held) == (2, 2)
    box.done()
    assert (box.size, box.held) == (0, 0)


def test_a_header_takes_room_however_short_it_is() -> None:
    box = Inbox(0)
    box.add(fetch(0, Stored(0, b"", b"", (("", None),) * 100_000)))  # type: ignore[arg-type]
    assert box.size == 100_000 * HEADER
