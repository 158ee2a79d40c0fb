"""The state as a batch sees it: the store under what this batch changed, a record's changes taken back at will."""

from typing import Any

from hypothesis import given as forall
from hypothesis import strategies as st

from connectors.memory import MemoryStore
from projections.keyspace import MemoryView
from streams.view import StateView
from tests.streams.memory_world import decode, encode


def view_of(**values: Any) -> tuple[StateView, MemoryStore]:
    store = MemoryStore()
    store.write({key.encode(): encode(b"", value) for key, value in values.items()}, 0, 0)
    return StateView(store, encode, decode), store


def test_what_a_batch_changed_is_seen_by_it_and_by_nobody_else() -> None:
    view, store = view_of(a=1, b=2)
    view.put(b"a", 10)
    view.delete(b"b")
    view.put(b"c", 30)
    assert [view.get(key) for key in (b"a", b"b", b"c", b"d")] == [10, None, 30, None]
    assert store.values == {b"a": b"1", b"b": b"2"}
    assert view.changes() == {b"a": b"10", b"b": None, b"c": b"30"}
    assert view.changed == 3


def test_a_rollback_takes_back_the_record_and_not_the_batch() -> None:
    view, _ = view_of(a=1)
    view.mark()
    view.put(b"a", 2)
    view.put(b"b", 2)
    view.mark()
    view.put(b"a", 3)
    view.delete(b"b")
    view.put(b"b", 4)
    view.put(b"c", 5)
    view.rollback()
    assert [view.get(key) for key in (b"a", b"b", b"c")] == [2, 2, None]
    assert view.changes() == {b"a": b"2", b"b": b"2"}


def test_after_the_commit_values_are_read_without_the_store() -> None:
    view, store = view_of()
    view.put(b"c/a", [1])
    changes = view.changes()
    view.committed()
    assert view.changed == 0
    assert view.get(b"c/a") == [1]
    assert store.get(b"c/a") is None
    store.write(changes, 1, 0)
    view.delete(b"c/a")
    store.write(view.changes(), 2, 0)
    view.committed()
    assert view.get(b"c/a") is None


def test_what_was_read_and_then_changed_is_read_as_it_was_changed_whatever_its_key() -> None:
    for prefix in "csptiunorkhx":
        view, store = view_of(**{f"{prefix}/1": 1})
        key = f"{prefix}/1".encode()
        assert view.get(key) == 1
        view.put(key, 2)
        store.write(view.changes(), 1, 0)
        view.committed()
        assert view.get(key) == 2, prefix


def test_the_cache_is_bounded_and_what_it_forgot_is_read_again() -> None:
    store = MemoryStore()
    view = StateView(store, encode, decode, cached=10)
    for batch in range(5):
        for number in range(10):
            view.put(b"%d-%d" % (batch, number), number)
        store.write(view.changes(), batch, 0)
        view.committed()
    assert [view.get(b"%d-7" % batch) for batch in range(5)] == [7] * 5


def test_what_is_no_longer_kept_decoded_is_still_read_without_the_store() -> None:
    decoded: list[bytes] = []

    def noted(key: bytes, raw: bytes) -> Any:
        decoded.append(key)
        return decode(key, raw)

    store = MemoryStore()
    view = StateView(store, encode, noted, cached=32)  # and two of them decoded
    for number in range(20):
        view.put(b"c/%d" % number, number)
        view.changes()
        view.committed()
    assert [view.get(b"c/%d" % number) for number in range(20)] == list(range(20))  # the store was told of none
    assert len(decoded) >= 18
    view.delete(b"c/3")
    view.changes()
    view.committed()
    assert view.get(b"c/3") is None


def test_what_was_read_and_not_changed_is_kept_as_well() -> None:
    asked: list[bytes] = []

    class Asked(MemoryStore):
        def get(self, key: bytes) -> bytes | None:
            asked.append(key)
            return super().get(key)

    store = Asked()
    store.write({b"c/%d" % number: b"%d" % number for number in range(20)}, 1, 0)
    view = StateView(store, encode, decode, cached=32)
    for _ in range(3):
        for number in range(20):
            assert view.get(b"c/%d" % number) == number
            view.put(b"p/read", number)
            view.changes()
            view.committed()
    assert len(asked) == 20
    assert view.peek(b"c/1") == 1
    assert len(asked) == 20


def test_what_was_looked_at_once_is_not_kept() -> None:
    view, store = view_of(**{"c/1": 1})
    assert view.peek(b"c/1") == 1
    store.write({b"c/1": b"2"}, 1, 0)
    assert view.peek(b"c/1") == 2


def test_ids_that_were_read_are_not_kept_in_the_cache() -> None:
    """A repetition is rare; twenty thousand ids would push every contact out."""
    view, _ = view_of()
    view.put(b"i/1", 20_000)
    view.committed()
    assert view.get(b"i/1") is None


def test_a_walk_that_meets_changed_keys_does_not_end_early() -> None:
    view, _ = view_of(**{f"i/{n}": n for n in range(8)})
    for number in (0, 1, 2):
        view.delete(b"i/%d" % number)
    view.put(b"i/3", 33)
    assert view.after(b"i/", b"i/", 3) == [(b"i/3", 33), (b"i/4", 4), (b"i/5", 5)]
    assert view.after(b"i/5", b"i/", 3) == [(b"i/6", 6), (b"i/7", 7)]


EVERY_KEY = (b"a/1", b"a/2", b"a/3", b"b/1", b"b/2", b"c", b"c/1", b"c/2", b"s/1")
KEYS = st.sampled_from(EVERY_KEY)
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.integers(0, 9)),
        st.tuples(st.sampled_from(["delete", "get", "peek"]), KEYS, st.none()),
        st.tuples(st.sampled_from(["mark", "rollback", "commit"]), st.none(), st.none()),
    ),
    max_size=30,
)


@forall(
    CHANGES,
    st.sampled_from([b"a/", b"b/", b"", b"c"]),
    st.integers(1, 4),
    st.one_of(st.none(), KEYS),
    st.sampled_from([0, 2, 32, 20_000]),
)
def test_any_changes_read_as_from_a_plain_dict(
    changes: list[tuple[str, Any, Any]], prefix: bytes, limit: int, before: bytes | None, cached: int
) -> None:
    store = MemoryStore()
    view, plain = StateView(store, encode, decode, cached), MemoryView()
    marked: dict[bytes, Any] = {}
    for what, key, value in changes:
        match what:
            case "put":
                view.put(key, value)
                plain.put(key, value)
            case "delete":
                view.delete(key)
                plain.delete(key)
            case "get":
                assert view.get(key) == plain.get(key)
            case "peek":
                assert view.peek(key) == plain.peek(key)
            case "mark":
                view.mark()
                marked = dict(plain.values)
            case "rollback":
                view.rollback()
                plain.values = dict(marked)
            case "commit":
                store.write(view.changes(), 0, 0)
                view.committed()
        if what in ("commit", "rollback"):
            view.mark()
            marked = dict(plain.values)
    for each in EVERY_KEY:
        assert view.get(each) == plain.get(each)
    assert view.scan(prefix, limit, before) == plain.scan(prefix, limit, before)
