"""A sealed account through the pipeline: keys and dead letters in the facts' transaction, and a rebuild from both."""

from collections.abc import Coroutine
from dataclasses import dataclass, field
from random import Random
from typing import Any

import orjson
import pytest

from connectors.memory import MemoryBroker, MemoryLog, MemoryReader, MemoryStore, MemoryStores, drive
from connectors.ports import MachineryFault, Message, NotYet
from events import client_id
from events.callback import CallbackReceived
from events.cipher import Closed
from events.codec import encode_input
from events.contact import ContactErasure, ContactUpdated
from events.dead_letter import decode_dead_letter
from events.envelope import Input, InputData
from events.topics import Role
from projections import keyring, keyspace
from projections.keyring import Keyring, key_key
from streams.pipeline import NOT_YET, Pipeline
from streams.takeover import TakeOver
from streams.view import StateView
from streams.workflow import SendingWorkflow
from tests.streams.memory_world import NOON, Hand
from tests.streams.one_partition import KEY, sealed_world

PARTITION = 0
ANA = "acme/ana"


class Idle:
    """Lanes that nobody uses."""

    def free(self, role: Role) -> int:
        return 9

    def freed(self, role: Role) -> None: ...

    def reserve(self, call: Any) -> None: ...

    def start(self, call: Any, tenure: int) -> None: ...


async def _at_once() -> None:
    return None


@dataclass
class World:
    """One partition of the sealed account of tests/streams/one_partition.py."""

    broker: MemoryBroker = field(default_factory=MemoryBroker)
    clock: Hand = field(default_factory=Hand)
    missing: bool = False  # the inbox key of what comes in sealed was not read yet

    def __post_init__(self) -> None:
        self.store = MemoryStore(PARTITION, self.broker)
        drawn = Random(3)
        self.keys = Keyring(b"w" * 32, b"n" * 32, lambda _: drawn.randbytes(32))
        accounts = sealed_world().accounts
        self.workflow = SendingWorkflow(
            PARTITION, 1, accounts, KEY, lambda: accounts.version, keys=self.keys, opener=self.open
        )
        self.log = MemoryLog(self.broker, PARTITION).open()
        view = StateView(self.store, keyspace.encode, keyspace.decode)
        self.pipeline = Pipeline(
            PARTITION, 1, self.workflow, self.log, self.store, view, self.clock, Idle(), _at_once,
            topics={role: f"recado.{role}" for role in Role},
        )  # fmt: skip

    def open(self, subject: str, text: str) -> Any:
        if self.missing:
            raise NotYet("the key")
        return orjson.loads(text)

    def given(self, role: Role, value: bytes, key: bytes = ANA.encode()) -> None:
        self.broker.publish(role, PARTITION, Message(key, value), self.clock.at)
        fetch = self.broker.fetch(role, PARTITION, self.pipeline.wanted()[role], self.clock.at)
        assert self.pipeline.accept(fetch)

    def told(self, data: InputData, id_: str, role: Role = Role.CONTACTS, subject: str = ANA) -> None:
        self.given(role, encode_input(Input.of(data, id=id_, source="/t", subject=subject, time=self.clock.at)))

    def step(self) -> bool:
        step: Coroutine[Any, Any, bool] = self.pipeline.step()
        done: bool = drive(step)
        return done

    def buried(self) -> Any:
        (record,) = self.broker.topic(Role.DEAD_LETTERS, 0).records
        return record

    def lies(self, role: Role) -> list[Any]:
        return self.broker.topic(role, PARTITION).records


UPDATE = ContactUpdated.of_json({"via": "edit", "fields": {"_mobilePhone": "612345678", "city": "Vigo"}})


def test_a_key_is_written_with_the_first_fact_that_it_seals_and_deleted_with_the_erasure() -> None:
    world = World()
    world.told(UPDATE, "u1")
    assert world.step()
    (key,) = world.lies(Role.KEYS)
    assert (key.key, keyring.read(key.value)) == (ANA.encode(), orjson.loads(world.store.get(key_key(ANA)) or b""))
    assert len(world.log.commits) == 1
    world.told(ContactUpdated.of_json({"via": "edit", "fields": {"city": "Lugo"}}), "u2")
    assert world.step()
    assert len(world.lies(Role.KEYS)) == 1
    world.told(ContactErasure(reason="asked"), "u3")
    assert world.step()
    assert [record.value for record in world.lies(Role.KEYS)[1:]] == [None]
    assert world.store.get(key_key(ANA)) is None


def test_a_record_waits_in_its_place_for_the_key_that_it_is_sealed_with() -> None:
    world = World(missing=True)
    sealed = Input.of(UPDATE, id="u1", source="/t", subject=ANA, time=NOON)
    document = orjson.loads(encode_input(sealed))
    text = orjson.dumps(document["data"]).decode()
    world.given(Role.CONTACTS, orjson.dumps({**document, "data": {"sealed": text}}))
    world.told(ContactErasure(reason="asked"), "u2")
    world.step()
    assert world.pipeline.positions[Role.CONTACTS] == 0
    assert world.lies(Role.JOURNAL) == []
    world.missing = False
    assert world.step()
    assert [orjson.loads(record.value)["causationid"] for record in world.lies(Role.JOURNAL)] == [
        "u1",
        "u1",
        "u1",
        "u2",
    ]
    assert orjson.loads(world.store.get(b"p/counts") or b"")["contacts"]["read"] == 2


def test_a_key_that_never_comes_stops_the_worker() -> None:
    world = World(missing=True)
    document = orjson.loads(encode_input(Input.of(UPDATE, id="u1", source="/t", subject=ANA, time=NOON)))
    world.given(Role.CONTACTS, orjson.dumps({**document, "data": {"sealed": "x"}}))
    world.step()
    world.clock.at += NOT_YET + 1
    with pytest.raises(MachineryFault, match="in vain"):
        world.step()


def test_two_records_that_each_wait_a_moment_do_not_stop_the_worker() -> None:
    world = World(missing=True)
    document = orjson.loads(encode_input(Input.of(UPDATE, id="u1", source="/t", subject=ANA, time=NOON)))
    text = orjson.dumps(document["data"]).decode()
    for id_ in ("u1", "u2"):
        world.missing = True
        world.given(Role.CONTACTS, orjson.dumps({**document, "id": id_, "data": {"sealed": text}}))
        world.step()
        world.missing = False
        assert world.step()
        world.clock.at += NOT_YET + 1
    assert world.pipeline.positions[Role.CONTACTS] == 2


class TestDeadLetters:
    def test_hold_nothing_in_clear_and_open_with_the_contact_s_key_until_it_is_erased(self) -> None:
        world = World()
        world.told(UPDATE, "u1")
        bad = b'{"specversion":"1.0","subject":"acme/ana","phone":"+34612345678"}'
        world.given(Role.CONTACTS, bad, key=b"+34612345678")
        assert world.step()
        record = world.buried()
        assert b"612345678" not in record.value + record.key
        letter = decode_dead_letter(record.value)
        assert (letter.sealed_for, letter.original, letter.whole) == (ANA, None, True)
        wrapped = keyring.read(world.lies(Role.KEYS)[0].value)
        revealed = world.keys.reveal(letter, wrapped)
        assert (revealed.original, revealed.key) == (bad, b"+34612345678")
        with pytest.raises(Closed):
            world.keys.reveal(letter, None)

    @pytest.mark.parametrize("value", [b"\xff+34612345678", b'{"subject":"acme/new","phone":"+34612345678"}', b"[]"])
    def test_of_nobody_knows_whom_are_under_the_secret_alone(self, value: bytes) -> None:
        world = World()
        world.given(Role.CONTACTS, value, key=b"acme/new")
        assert world.step()
        record = world.buried()
        assert b"612345678" not in record.value
        letter = decode_dead_letter(record.value)
        assert letter.sealed_for == ""
        assert world.keys.reveal(letter, None).original == value

    def test_of_an_open_account_stay_as_they_came(self) -> None:
        world = World()
        directory = world.workflow._directory
        configured = sealed_world()
        configured.configure(privacy="open")
        event = Input.of(UPDATE, id="a", source="/t", subject="open/x", time=NOON)
        assert directory.account("open") is None
        directory._accounts["open"] = configured.accounts._accounts["acme"]
        world.given(Role.CONTACTS, encode_input(event)[:-1], key=b"open/x")
        assert world.step()
        record = world.buried()
        assert decode_dead_letter(record.value).original == encode_input(event)[:-1]


def test_a_reply_that_came_before_its_attempt_waits_sealed_and_is_read_then() -> None:
    world = sealed_world()
    world.subscriber()
    hashed = client_id.send_hash("acme/ana@example.com", "s")
    early = client_id.make(KEY, 3, hashed, 1)
    callback = {"provider": "instasent", "client_id": early, "status": "delivered", "message": "¿Cuándo llega?"}
    world.take(CallbackReceived.model_validate({**callback, "received_at": world.now}), Role.CALLBACKS, "acme")
    parked = keyspace.encode(b"r/", world.view.get(keyspace.parked_key(hashed))).decode()
    assert "llega" not in parked
    world.request("s")
    assert [fact.type for fact in world.facts if "inbound" in fact.type] == ["recado.inbound.received.v1"]
    heard = next(fact for fact in world.facts if "inbound" in fact.type)
    assert world.keys.open(world.view, heard.subject, heard.data.text) == "¿Cuándo llega?"  # type: ignore[union-attr]


def test_a_lost_changelog_is_made_again_from_the_journal_and_the_keys() -> None:
    world = World()
    for number, subject in enumerate((ANA, "acme/eva", "acme/leo")):
        world.told(UPDATE, f"u{number}", subject=subject)
    assert world.step()
    world.told(ContactErasure(reason="asked"), "e", subject="acme/eva")
    assert world.step()
    kept = dict(world.store.items())
    end = world.broker.topic(Role.JOURNAL, PARTITION).end
    keys_end = world.broker.topic(Role.KEYS, PARTITION).end
    del world.broker.topics[(Role.STATE, PARTITION)]
    log = MemoryLog(world.broker, PARTITION).open()
    over = TakeOver(MemoryReader(world.broker), MemoryStores(world.broker), keyspace.encode, keyspace.decode)
    bounds = {Role.STATE: (0, 0), Role.JOURNAL: (0, end), Role.KEYS: (0, keys_end)}
    store, _, recovered = drive(over.run(PARTITION, bounds, world.workflow, log, NOON))
    assert recovered.facts == len(world.lies(Role.JOURNAL))
    rebuilt = dict(store.items())
    own = (b"i/", b"p/", b"t/")  # ids have the day of the rebuild; the key's second telling is not the journal's to say
    assert {k: v for k, v in rebuilt.items() if k[:2] not in own} == {k: v for k, v in kept.items() if k[:2] not in own}
    assert {key for key in rebuilt if key.startswith(b"k/")} == {key_key(ANA), key_key("acme/leo")}
