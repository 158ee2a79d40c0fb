"""Inbox keys are durable before they are used, open what they sealed, and are destroyed when it is decided."""

import asyncio
import tracemalloc
from typing import Any

import orjson
import pytest

from connectors.kafka.admin import Admin
from connectors.kafka.inbox_keys import KEPT_DAYS, InboxKeys, InboxSeals
from connectors.kafka.inbox_sweep import InboxSweep, all_written
from connectors.kafka.security import Security
from connectors.memory import Stored
from connectors.ports import MachineryFault, NotYet
from events import inbox
from events.cipher import Cipher
from events.codec import decode_input, encode_input
from events.contact import ContactUpdated
from events.envelope import Input, Undecodable
from events.topics import Role, name
from projections import keyring

WRAPPING, MAC = b"w" * 32, b"m" * 32
NAME = inbox.key_name("acme", 0, "a" * 16)
UPDATE = ContactUpdated.of_json({"via": "edit", "fields": {"city": "Vigo"}})
EVENT = Input.of(UPDATE, id="e", source="/t", subject="acme/ana", time=1_795_417_200_000)


def record(offset: int, key: str, wrapping: bytes = WRAPPING, gone: bool = False) -> Stored:
    wrapped = str(Cipher(wrapping).seal(key, (b"k" * 32).hex()))
    return Stored(offset, key.encode(), None if gone else keyring.written(wrapped))


def keys(*records: Stored) -> InboxKeys:
    known = InboxKeys("recado.inbox-keys", {}, WRAPPING, MAC)
    for each in records:
        known.fold(each)
        known.version = each.offset + 1
    return known


def sealed(offset: int, event: Input = EVENT) -> bytes:
    return inbox.seal(encode_input(event), inbox.made(MAC, "acme", offset, Cipher(b"k" * 32)))


class TestOpening:
    def test_what_a_known_key_sealed_is_read_as_if_it_were_clear(self) -> None:
        assert decode_input(Role.CONTACTS, sealed(3), keys(record(3, NAME)).open) == EVENT

    def test_what_is_sealed_with_a_key_that_was_not_read_yet_waits(self) -> None:
        with pytest.raises(NotYet):
            decode_input(Role.CONTACTS, sealed(4), keys(record(3, NAME)).open)

    def test_a_destroyed_key_s_is_a_dead_letter_that_says_so(self) -> None:
        known = keys(record(3, NAME), record(9, NAME, gone=True))
        with pytest.raises(Undecodable, match="destroyed") as refused:
            decode_input(Role.CONTACTS, sealed(3), known.open)
        assert refused.value.reason == "sealed"

    def test_a_stranger_s_and_another_subject_s_are_dead_letters(self) -> None:
        known = keys(record(3, NAME))
        forged = orjson.dumps({**orjson.loads(sealed(3)), "data": {"sealed": "i1.3.0000000000000000.s1.AAAA"}})
        moved = orjson.dumps({**orjson.loads(sealed(3)), "subject": "acme/eva"})
        for value in (forged, moved):
            with pytest.raises(Undecodable) as refused:
                decode_input(Role.CONTACTS, value, known.open)
            assert refused.value.reason == "sealed"

    def test_what_was_opened_is_not_kept_as_it_is_opened_once(self) -> None:
        known, by = keys(record(3, NAME)), inbox.made(MAC, "acme", 3, Cipher(b"k" * 32))
        tracemalloc.start()
        try:
            for n in range(100):
                event = orjson.dumps({"subject": "acme/ana", "data": {"n": n, "text": "x" * 50_000}})
                known.open("acme/ana", orjson.loads(inbox.seal(event, by))["data"]["sealed"])
            assert tracemalloc.get_traced_memory()[0] < 1_000_000
        finally:
            tracemalloc.stop()

    def test_a_rule_of_the_data_holds_behind_the_seal_too(self) -> None:
        odd = orjson.dumps({**orjson.loads(encode_input(EVENT)), "data": {"via": "edit"}})
        value = inbox.seal(odd, inbox.made(MAC, "acme", 3, Cipher(b"k" * 32)))
        with pytest.raises(Undecodable) as refused:
            decode_input(Role.CONTACTS, value, keys(record(3, NAME)).open)
        assert refused.value.reason == "schema"

    def test_another_secret_s_key_stops_the_reader(self) -> None:
        with pytest.raises(MachineryFault, match="RECADO_SECRET"):
            keys(record(3, NAME, wrapping=b"o" * 32))

    def test_what_is_no_key_is_passed_over(self) -> None:
        known = keys(Stored(1, b"x", b"{}"), record(3, NAME))
        assert decode_input(Role.CONTACTS, sealed(3), known.open) == EVENT

    def test_a_key_outlives_the_days_for_which_dead_letters_may_be_replayed(self) -> None:
        known = keys(record(3, NAME))
        assert known.outlived(KEPT_DAYS * inbox.DAY) == []
        assert known.outlived((KEPT_DAYS + 1) * inbox.DAY) == [(0, NAME)]

    def test_what_was_sealed_right_before_midnight_is_waited_for_though_it_was_written_after_it(self) -> None:
        day = 20_000
        sealed_at = (day + 1) * inbox.DAY - 1
        assert inbox.day_of(inbox.key_name("acme", sealed_at, "a" * 16)) == day
        assert sealed_at + 60_000 < all_written(day)


@pytest.mark.kafka
def test_a_key_is_made_once_a_day_and_swept_when_all_it_sealed_is_decided(
    kafka: str, kafka_admin: Admin, kafka_security: Security, prefix: str
) -> None:
    kafka_admin.ensure(prefix, 1, 1, embedded=False)
    client: dict[str, Any] = {"bootstrap_servers": kafka, **kafka_security.arguments()}
    topic, contacts = name(prefix, Role.INBOX_KEYS), name(prefix, Role.CONTACTS)
    now = [1_795_417_200_000]

    async def made() -> None:
        from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

        seals = InboxSeals(topic, client, WRAPPING, MAC, lambda: now[0])
        first = await seals.seal("acme")
        assert await seals.seal("acme") is first
        other = await seals.seal("other")
        now[0] += inbox.DAY
        second = await seals.seal("acme")
        assert len({first.offset, other.offset, second.offset}) == 3

        producer = AIOKafkaProducer(**client)
        await producer.start()
        value = inbox.seal(encode_input(EVENT), first)
        await producer.send_and_wait(contacts, value, timestamp_ms=now[0] - inbox.DAY)
        # Sealed at the end of the first day, written on the second: it bears the time of its writing.
        await producer.send_and_wait(contacts, value, timestamp_ms=now[0] // inbox.DAY * inbox.DAY + 1)
        await producer.stop()

        known = InboxKeys(topic, client, WRAPPING, MAC)
        read, changed = asyncio.Event(), lambda: read.set() if known.version > second.offset else None
        known.changed = changed
        await known.start()
        running = asyncio.create_task(known.run())
        await asyncio.wait_for(read.wait(), 30)
        assert decode_input(Role.CONTACTS, value, known.open) == EVENT

        later = now[0] + KEPT_DAYS * inbox.DAY  # the first day's keys may go, the second's may not
        group = f"{prefix}group"
        sweep = InboxSweep(known, topic, client, [contacts], 1, group, lambda: later, lambda: True)
        assert await sweep.once() == []  # nobody has decided it
        consumer = AIOKafkaConsumer(group_id=group, enable_auto_commit=False, **client)
        await consumer.start()
        consumer.assign([TopicPartition(contacts, 0)])
        await consumer.commit({TopicPartition(contacts, 0): 1})
        assert await sweep.once() == []  # one of the two is decided
        await consumer.commit({TopicPartition(contacts, 0): 2})
        await consumer.stop()
        read.clear()
        assert len(await sweep.once()) == 2
        known.changed = lambda: read.set() if known.version > second.offset + 2 else None
        if known.version <= second.offset + 2:
            await asyncio.wait_for(read.wait(), 30)
        with pytest.raises(Undecodable, match="destroyed"):
            decode_input(Role.CONTACTS, value, known.open)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await known.stop()

    asyncio.run(made())
