"""Keys and values."""

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.examples import SEVEN, SUBJECT
from projections import contact, keyspace, send
from projections.keyspace import DAY, KEPT_DAYS, MemoryView

HASH = "abcdefghijklmnop"
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9)
)
FIELDS = st.dictionaries(st.text(max_size=9), SCALARS)
BOUNCES = st.lists(st.integers(1, 999), max_size=5).map(tuple)
ATTEMPTS = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 99), st.booleans()).map(lambda a: send.Attempt(*a)))


@given(FIELDS, BOUNCES)
def test_a_contact_is_the_same_once_stored_and_read(fields: dict[str, Any], bounces: tuple[int, ...]) -> None:
    state = contact.State(7, "+34612345678", "active", fields=fields, bounces=bounces)
    key = keyspace.contact_key(SUBJECT)
    read = keyspace.decode(key, keyspace.encode(key, state))
    assert read == state
    assert [type(value) for value in read.fields.values()] == [type(value) for value in state.fields.values()]


@given(ATTEMPTS)
def test_a_send_is_the_same_once_stored_and_read(attempts: list[send.Attempt]) -> None:
    state = send.State(SUBJECT, "s", attempts=tuple(attempts), request={"to": {"alert": "600000099"}})
    key = keyspace.send_key(HASH)
    assert keyspace.decode(key, keyspace.encode(key, state)) == state


@pytest.mark.parametrize(
    "value", [1, [20800, [[1, {"status": "sent"}, "e", "/s", "acme"]]], {"contacts": [5, "topic"]}]
)
@pytest.mark.parametrize("key", [b"i/x", b"r/x", b"t/x", b"o/x", b"p/x"])
def test_any_other_value_is_plain_json(key: bytes, value: Any) -> None:
    assert keyspace.decode(key, keyspace.encode(key, value)) == value


@pytest.mark.parametrize("value", [contact.State(7, "+34612345678", "active"), {"positions": 1}, 20_000])
def test_an_encoded_value_takes_no_more_memory_than_its_bytes(value: Any) -> None:
    count = 500
    tracemalloc.start()
    kept = [keyspace.encode(keyspace.contact_key(SUBJECT), value) for _ in range(count)]
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < count * (len(kept[0]) + 200)


def test_a_state_stored_before_a_field_existed_reads_its_default() -> None:
    key = keyspace.contact_key(SUBJECT)
    raw = keyspace.encode(key, contact.State(sequence=4)[:12])
    assert keyspace.decode(key, raw) == contact.State(sequence=4)


def test_timers_sort_by_their_time() -> None:
    keys = [keyspace.timer_key(due, HASH, "newsletter") for due in (5, SEVEN, SEVEN + 1, 253_402_300_799_999)]
    assert keys == sorted(keys)
    assert keyspace.timer(keys[1]) == (SEVEN, HASH)


def test_a_memory_view_scans_in_the_order_of_keys_and_within_bounds() -> None:
    view = MemoryView()
    for key in (b"a/3", b"a/1", b"a/2", b"b/1"):
        view.put(key, 1)
    view.delete(b"never")
    assert [key for key, _ in view.scan(b"a/", 2)] == [b"a/1", b"a/2"]
    assert [key for key, _ in view.scan(b"a/", 9, before=b"a/3")] == [b"a/1", b"a/2"]
    assert [key for key, _ in view.after(b"a/1", b"a/", 9)] == [b"a/2", b"a/3"]


def test_what_is_35_days_old_is_forgotten_and_nothing_younger() -> None:
    day = keyspace.forgotten_after(SEVEN)
    last, after = (SEVEN // DAY + KEPT_DAYS + 1) * DAY + DAY - 1, (SEVEN // DAY + KEPT_DAYS + 2) * DAY
    done, waiting = send.State(SUBJECT, "s", phase="accepted", changed_at=SEVEN), send.State(SUBJECT, "s", phase="open")
    go: dict[bytes, Any] = {b"i/x": day, b"r/x": [day, []], b"s/x": done}
    stay: dict[bytes, Any] = {b"s/x": waiting, b"c/x": contact.initial, b"p/x": 1}
    assert not any(keyspace.forgettable(key, value, last) for key, value in go.items())
    assert all(keyspace.forgettable(key, value, after) for key, value in go.items())
    assert not any(keyspace.forgettable(key, value, after + 999 * DAY) for key, value in stay.items())
