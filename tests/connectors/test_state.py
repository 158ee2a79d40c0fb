"""One suite over the store on disk and the one in memory; then what only the disk can do."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.memory import MemoryStore
from connectors.ports import LocalStore, MachineryFault
from connectors.state import StateStore, destroy


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalStore]:
    if request.param == "memory":
        yield MemoryStore()
        return
    on_disk = StateStore(tmp_path / "state" / "partition-0")
    yield on_disk
    on_disk.close()


def test_a_new_copy_is_empty_and_stands_nowhere(store: LocalStore) -> None:
    assert store.changelog_next == -1
    assert store.written_at == 0
    assert store.source == ""
    assert store.get(b"c/a") is None
    assert list(store.items()) == []


def test_keys_and_their_changelog_position_are_written_as_one(store: LocalStore) -> None:
    store.source = "topic-1"
    store.write({b"c/a": b"1", b"c/b": b"2", b"t/1": b"3"}, 7, 1_000)
    store.write({b"c/a": b"10", b"c/b": None, b"c/never": None}, 12, 2_000)
    assert store.get(b"c/a") == b"10"
    assert store.get(b"c/b") is None
    assert (store.changelog_next, store.written_at, store.source) == (12, 2_000, "topic-1")
    assert list(store.items()) == [(b"c/a", b"10"), (b"t/1", b"3")], "the position is no key of the state"


def test_scans_keep_to_prefix_order_and_bounds(store: LocalStore) -> None:
    store.write({b"%s/%d" % (kind, n): b"%d" % n for kind in (b"s", b"t", b"u") for n in range(5)}, 0, 0)
    assert [key for key, _ in store.scan(b"t/", 3)] == [b"t/0", b"t/1", b"t/2"]
    assert [key for key, _ in store.scan(b"t/", 9, b"t/2")] == [b"t/0", b"t/1"]
    assert store.scan(b"t/", 9, b"t/0") == []
    assert store.scan(b"x/", 9) == []
    assert store.after(b"t/2", b"t/", 9) == [(b"t/3", b"3"), (b"t/4", b"4")]
    assert [key for key, _ in store.after(b"", b"t/", 2)] == [b"t/0", b"t/1"]
    assert store.after(b"t/4", b"t/", 9) == []


def test_a_copy_on_disk_is_there_again_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "partition-0"
    first = StateStore(path)
    first.source = "topic-1"
    first.write({b"c/a": b"1"}, 7, 1_000)
    first.close()
    second = StateStore(path)
    assert (second.get(b"c/a"), second.changelog_next, second.written_at, second.source) == (b"1", 7, 1_000, "topic-1")
    second.close()


def test_a_copy_that_another_process_holds_is_a_fault_in_words(tmp_path: Path) -> None:
    held = StateStore(tmp_path / "partition-0")
    with pytest.raises(MachineryFault, match="partition-0 cannot be opened"):
        StateStore(tmp_path / "partition-0")
    held.close()


def test_a_copy_that_cannot_be_read_is_a_fault_of_the_machinery_and_of_no_decider(tmp_path: Path) -> None:
    closed = StateStore(tmp_path / "partition-0")
    closed.close()
    with pytest.raises(MachineryFault, match="cannot be read"):
        closed.get(b"c/a")
    with pytest.raises(MachineryFault, match="cannot be read"):
        closed.scan(b"c/", 1)
    with pytest.raises(MachineryFault, match="cannot be written"):
        closed.write({b"c/a": b"1"}, 1, 1)


def test_a_copy_is_thrown_away_whole_or_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "partition-0"
    store = StateStore(path)
    store.write({b"c/a": b"1"}, 7, 1_000)
    store.close()
    destroy(path)
    assert not path.exists()
    destroy(path)
    path.write_text("no directory")
    with pytest.raises(MachineryFault, match="delete it by hand"):
        destroy(path)
    path.unlink()
    shutil.rmtree(tmp_path)


def test_index_and_filters_lie_in_pieces_that_a_small_cache_can_hold(tmp_path: Path) -> None:
    """Whole, they were read again for each key once a partition held 600,000 ids: five times the cost of an event."""
    StateStore(tmp_path / "state").close()
    options = max((tmp_path / "state").glob("OPTIONS-*")).read_text()
    for said in ("partition_filters=true", "index_type=kTwoLevelIndexSearch", "metadata_block_size=4096"):
        assert said in options
