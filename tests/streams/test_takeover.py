"""Taking a partition over, in memory: whatever the local copy and the changelog are, the state is that of the log."""

from dataclasses import dataclass
from typing import Any

import pytest

from connectors.memory import MemoryBroker, MemoryLog, MemoryReader, MemoryStore, MemoryStores, MemoryTopic, drive
from connectors.ports import Commit, Fenced, LocalStore, MachineryFault, Message
from events.codec import decode_fact, encode_fact
from events.contact import FieldsChanged
from events.examples import SEVEN
from events.fact import Fact
from events.topics import Role
from streams import takeover
from streams.pipeline import Pipeline
from streams.progress import COUNTS, POSITIONS, SILENT_HEADER, STATE_HEADER
from streams.takeover import STALE_AFTER, Recovered, TakeOver
from streams.view import StateView
from tests.streams.memory_world import NOON, PARTITION, Script, World, decode, encode


class Folding(Script):
    """The workflow of words, whose facts alone rebuild its state."""

    def fold(self, fact: Any, view: StateView, at: int) -> None:
        assert isinstance(fact, Fact)
        view.put(b"c/" + fact.subject.encode(), fact.sequence)

    def fold_silent(self, ids: bytes, view: StateView, at: int) -> None:
        for start in range(0, len(ids), 16):
            view.put(b"i/" + ids[start : start + 16], at)


@dataclass
class Successor:
    """A worker that takes the partition over: with its own disk, over the broker of a world."""

    world: World
    stores: MemoryStores
    topic_id: str = "changelog-1"
    batch: int = 1_000
    now: int = NOON

    @property
    def broker(self) -> MemoryBroker:
        return self.world.broker

    def bounds(self, *roles: Role) -> dict[Role, tuple[int, int]]:
        return {role: (0, self.broker.topic(role, PARTITION).end) for role in (Role.STATE, Role.JOURNAL, *roles)}

    def run(self) -> tuple[LocalStore, StateView, Recovered]:
        log = MemoryLog(self.broker, PARTITION).open()
        self.world.log = log
        over = TakeOver(MemoryReader(self.broker, self.batch), self.stores, encode, decode, 1_000, self.topic_id)
        result: tuple[LocalStore, StateView, Recovered] = drive(
            over.run(PARTITION, self.bounds(), Folding(), log, self.now)
        )
        return result

    @property
    def values(self) -> dict[bytes, bytes]:
        return self.stores.kept[PARTITION].values


def worked(*words: str) -> World:
    """A world whose owner has decided these."""
    world = World()
    world.given(Role.CONTACTS, *words)
    world.fetched()
    world.run()
    return world


def copy_of(world: World, source: str = "changelog-1") -> MemoryStores:
    """Another worker's disk, with the state as it is now."""
    stores = MemoryStores()
    store = stores.open(PARTITION)
    store.write(dict(world.store.values), world.store.changelog_next, world.clock.at)
    store.source = source
    return stores


def test_an_empty_disk_gets_the_whole_changelog() -> None:
    world = worked("fact ana", "fact bea", "fact ana")
    successor = Successor(world, MemoryStores(), batch=2)
    store, view, recovered = successor.run()
    assert dict(store.items()) == world.store.values
    assert store.changelog_next == world.broker.topic(Role.STATE, PARTITION).end
    assert view.get(b"c/acme/ana") == 2
    assert recovered == Recovered(len(world.broker.topic(Role.STATE, PARTITION).records), 0, False)


def test_a_copy_that_is_behind_reads_the_rest_alone() -> None:
    world = worked("fact ana")
    stores = copy_of(world)
    world.given(Role.CONTACTS, "timer bea 0", "fact ana")
    world.fetched()
    world.run()
    world.forget_calls()
    before = stores.open(PARTITION).changelog_next
    _, _, recovered = Successor(world, stores).run()
    assert stores.kept[PARTITION].values == world.store.values
    behind = [r for r in world.broker.topic(Role.STATE, PARTITION).records if r.offset >= before]
    assert recovered == Recovered(len(behind), 0, False)


def test_a_copy_that_is_complete_reads_nothing_however_old_it_is() -> None:
    world = worked("fact ana")
    stores = copy_of(world)
    stores.open(PARTITION).changelog_next = world.broker.topic(Role.STATE, PARTITION).end
    _, _, recovered = Successor(world, stores, now=NOON + 10 * STALE_AFTER).run()
    assert recovered == Recovered(0, 0, False)


def ghost(stores: MemoryStores) -> MemoryStore:
    """A key that the changelog does not know, as a copy keeps whose deletions were compacted away."""
    store = stores.open(PARTITION)
    store.write({b"o/ghost": b"1"}, store.changelog_next, store.written_at)
    return store


def untrusted(what: str) -> tuple[World, MemoryStores, int]:
    world = worked("fact ana", "fact bea")
    stores = copy_of(world)
    store = ghost(stores)
    now = NOON
    if what == "ahead of the changelog's end":
        store.changelog_next = world.broker.topic(Role.STATE, PARTITION).end + 1
    elif what == "older than deletions are kept":
        store.changelog_next -= 1
        now = NOON + STALE_AFTER + 1
    elif what == "of another topic with the same name":
        store.source = "changelog-0"
    elif what == "of a rebuild that was cut short":
        store.changelog_next = -1
    return world, stores, now


@pytest.mark.parametrize(
    "what",
    [
        "ahead of the changelog's end",
        "older than deletions are kept",
        "of another topic with the same name",
        "of a rebuild that was cut short",
    ],
)
def test_a_copy_that_cannot_be_trusted_is_thrown_away_and_read_again(what: str) -> None:
    world, stores, now = untrusted(what)
    _, _, recovered = Successor(world, stores, now=now).run()
    assert recovered.wiped
    assert stores.kept[PARTITION].values == world.store.values
    assert b"o/ghost" not in stores.kept[PARTITION].values
    assert stores.kept[PARTITION].source == "changelog-1"


def test_a_copy_that_is_a_little_behind_is_kept() -> None:
    """The other side of the age limit: what was deleted meanwhile is still told by the changelog."""
    world = worked("fact ana")
    stores = copy_of(world)
    store = stores.open(PARTITION)
    store.changelog_next -= 1
    _, _, recovered = Successor(world, stores, now=NOON + STALE_AFTER).run()
    assert not recovered.wiped


def test_an_empty_changelog_with_a_journal_is_rebuilt_from_it_alone() -> None:
    world = worked("fact ana", "silent bea", "repeated", "fact ana", "fact cleo")
    before = dict(world.store.values)
    world.broker.topics[Role.STATE, PARTITION] = MemoryTopic()
    successor = Successor(world, MemoryStores(), batch=2)
    _, view, recovered = successor.run()
    assert (recovered.facts, recovered.wiped) == (3, True)
    for key in (b"c/acme/ana", b"c/acme/cleo", POSITIONS, COUNTS):
        assert successor.values[key] == before[key]
    assert view.get(b"i/bea.............") == NOON
    again = Successor(world, MemoryStores())
    again.run()
    assert again.values == successor.values, "and the changelog has it all"


def test_what_was_decided_behind_the_last_fact_is_decided_again_after_a_rebuild() -> None:
    """The last fact's header says what was read up to then; what followed left no fact, and leaves none again."""
    world = worked("fact ana")
    world.given(Role.CONTACTS, "repeated", "repeated")
    world.fetched()
    world.run()
    assert world.saved(POSITIONS)["contacts"][0] == 3
    world.broker.topics[Role.STATE, PARTITION] = MemoryTopic()
    _, view, _ = Successor(world, MemoryStores()).run()
    assert view.get(POSITIONS)["contacts"][0] == 1


@pytest.mark.parametrize(("limit", "size"), [("WRITTEN", 2), ("WRITTEN_BYTES", 20)])
def test_a_rebuild_that_is_cut_short_leaves_no_positions_and_is_begun_again(
    limit: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(takeover, "FOLDED", 2)
    monkeypatch.setattr(takeover, limit, size)
    world = worked(*(f"fact c{n}" for n in range(7)))
    before = {key: value for key, value in world.store.values.items() if key.startswith(b"c/")}
    world.broker.topics[Role.STATE, PARTITION] = MemoryTopic()

    class Dying(MemoryLog):
        async def commit(self, commit: Commit) -> int:
            if len(self.commits) == 2:
                raise MachineryFault("killed")
            return await super().commit(commit)

    stores = MemoryStores()
    over = TakeOver(MemoryReader(world.broker), stores, encode, decode)
    successor = Successor(world, stores, topic_id="")
    with pytest.raises(MachineryFault, match="killed"):
        drive(over.run(PARTITION, successor.bounds(), Folding(), Dying(world.broker, PARTITION).open(), NOON))
    partial = world.broker.topic(Role.STATE, PARTITION)
    assert partial.records
    assert not any(record.key == POSITIONS for record in partial.records)
    successor.run()
    assert {key: value for key, value in successor.values.items() if key.startswith(b"c/")} == before
    assert POSITIONS in successor.values


def test_a_journal_that_does_not_say_what_was_read_stops_the_worker() -> None:
    world = World()
    data = FieldsChanged({"city": "Gijon"}, [])
    fact = Fact("acme/ana", 1, SEVEN, "e1", "/shop", data)
    assert decode_fact(encode_fact(fact)).data == data
    world.broker.publish(Role.JOURNAL, PARTITION, Message(b"acme/ana", encode_fact(fact)), SEVEN)
    with pytest.raises(MachineryFault, match="would text everyone again"):
        Successor(world, MemoryStores()).run()
    assert world.broker.topic(Role.STATE, PARTITION).records == []


def test_a_rebuild_by_a_worker_that_was_fenced_meanwhile_writes_nothing() -> None:
    world = worked("fact ana")
    world.broker.topics[Role.STATE, PARTITION] = MemoryTopic()
    log = MemoryLog(world.broker, PARTITION).open()
    MemoryLog(world.broker, PARTITION).open()
    stores = MemoryStores()
    over = TakeOver(MemoryReader(world.broker), stores, encode, decode)
    with pytest.raises(Fenced):
        drive(over.run(PARTITION, Successor(world, stores).bounds(), Folding(), log, NOON))
    assert world.broker.topic(Role.STATE, PARTITION).records == []


def test_the_headers_of_a_commit_are_those_that_a_rebuild_reads() -> None:
    world = worked("silent bea", "fact ana")
    assert [name for name, _ in world.journal[-1].headers] == [STATE_HEADER, SILENT_HEADER]


class Bounded:
    """A pipeline whose state says that 5 records of contacts and 5 answers were read, to be held against bounds."""

    def __init__(self) -> None:
        self.world = World()
        self.world.given(Role.CONTACTS, *(f"fact c{n}" for n in range(5)))
        self.world.given(Role.ANSWERS, *(f"fact c{n}" for n in range(5)))
        self.world.fetched()
        self.world.run()
        _, self.pipeline = self.world.take_over()

    def begin(self, **bounds: tuple[int, int]) -> Pipeline:
        all_ = {role: (0, max(0, self.pipeline.positions[role])) for role in self.world.inputs}
        takeover.begin(self.pipeline, all_ | {Role(role): bound for role, bound in bounds.items()})
        return self.pipeline


def test_a_topic_that_ends_before_what_was_read_stops_the_worker() -> None:
    with pytest.raises(MachineryFault, match=r"contacts\[1\] ends at 4, but 5 was already read"):
        Bounded().begin(contacts=(0, 4))


def test_a_topic_kept_for_ever_that_begins_behind_what_was_read_stops_the_worker() -> None:
    with pytest.raises(MachineryFault, match=r"retention\.ms to -1"):
        Bounded().begin(contacts=(6, 9))


def test_answers_that_retention_has_deleted_are_passed() -> None:
    pipeline = Bounded().begin(answers=(6, 9))
    assert pipeline.wanted()[Role.ANSWERS] == 6
    assert pipeline.positions[Role.ANSWERS] == 6


def test_a_topic_that_was_never_read_may_begin_anywhere() -> None:
    pipeline = Bounded().begin(callbacks=(3, 9))
    assert pipeline.wanted()[Role.CALLBACKS] == 3
