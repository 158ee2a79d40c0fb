"""The input that every subject of a row reads: the same contact updates, in the same topic, written once."""

import random
from collections.abc import Iterable, Iterator, Mapping
from time import time

import orjson
from aiokafka import AIOKafkaProducer
from kafka.admin import KafkaAdminClient

from events import instant
from events.partition import partition_of

TIME = "2026-11-23T08:00:00.000Z"
CITIES = ("Gijón", "Vigo", "Málaga", "Palma", "Córdoba", "Zaragoza", "Bilbao", "Lleida")
PHONES = (
    "6{0:08d}", "+346{0:08d}", "00346{0:08d}", "+34 6{0:08d}",
)  # the ways in which one number is written  # fmt: skip


def subject_of(contact: int, account: str = "acme") -> str:
    return f"{account}/contact{contact:06d}@example.com"


def contacts(count: int, account: str) -> Iterator[tuple[str, bytes]]:
    """One update for each contact, with a phone and three fields."""
    for number in range(count):
        subject = subject_of(number, account)
        fields = {
            "_mobilePhone": PHONES[number % len(PHONES)].format(10_000_000 + number), "counter": number,
            "city": CITIES[number % len(CITIES)], "first_name": "Ana",
        }  # fmt: skip
        yield subject, _update(subject, number, fields)


def light(events: int, contacts: int) -> Iterator[tuple[str, bytes]]:
    """Subject and bytes of updates that change two fields each."""
    for number in range(events):
        subject = subject_of(number * 7919 % contacts)
        fields: Mapping[str, object] = {"counter": number, "city": CITIES[number % len(CITIES)]}
        yield subject, _update(subject, number, fields)


def real(events: int, contacts: int, seed: int = 1) -> Iterator[tuple[str, bytes]]:
    """As people's systems send them: one in five names a phone, one in ten a subscription, all change a field."""
    chance = random.Random(seed)  # noqa: S311 - a load, not a secret
    for number in range(events):
        contact = number * 7919 % contacts
        subject = subject_of(contact)
        fields: dict[str, object] = {"counter": number, "city": CITIES[number % len(CITIES)]}
        if number < contacts or chance.random() < 0.2:
            fields["_mobilePhone"] = PHONES[chance.randrange(len(PHONES))].format(10_000_000 + contact)
        if chance.random() < 0.1:
            fields["_smsSubscriptionStatus"] = chance.choice(("subscribed", "unsubscribed", "none"))
        yield subject, _update(subject, number, fields)


def requests(count: int, account: str, source: str) -> Iterator[tuple[str, bytes]]:
    """Transactional sends to alert numbers, another for each: a peer without contacts can make them as well."""
    for number in range(count):
        subject = subject_of(number % 1_000, account)
        data = {
            "to": {"alert": number_of(number)}, "sender": "Acme", "text": f"Tu pedido {number} llega hoy",
            "labels": ["orders"],
        }  # fmt: skip
        yield subject, request(subject, f"{source}-{number}", data)


def number_of(number: int) -> str:
    """A Spanish mobile number, E.164."""
    return f"+346{10_000_000 + number:08d}"


def request(subject: str, id_: str, data: Mapping[str, object]) -> bytes:
    """A send request, asked for now."""
    return _event("recado.send.requested.v1", subject, id_, instant.render(int(time() * 1000)), data)


def _update(subject: str, number: int, fields: Mapping[str, object]) -> bytes:
    return _event("recado.contact.updated.v1", subject, f"load-{number}", TIME, {"via": "edit", "fields": fields})


def _event(type_: str, subject: str, id_: str, time_: str, data: Mapping[str, object]) -> bytes:
    envelope = {"specversion": "1.0", "id": id_, "source": "/bench", "type": type_, "subject": subject, "time": time_}
    return orjson.dumps({**envelope, "data": data})


def make_topics(bootstrap: str, partitions: Mapping[str, int], config: Mapping[str, str]) -> None:
    """New topics with so many partitions each, all with this configuration; returns when they can be used."""
    client = KafkaAdminClient(bootstrap_servers=bootstrap.split(","))
    try:
        client.create_topics(
            {
                name: {"num_partitions": count, "replication_factor": 1, "configs": dict(config)}
                for name, count in partitions.items()
            }
        )
        client.wait_for_topics(list(partitions), timeout_ms=30_000)
    finally:
        client.close()


async def write(bootstrap: str, topic: str, partitions: int, records: Iterable[tuple[str, bytes]]) -> int:
    """Write records, keyed by their subjects; return how many."""
    keyed = ((subject, subject.encode(), value) for subject, value in records)
    return await write_keyed(bootstrap, topic, partitions, keyed)


async def write_keyed(bootstrap: str, topic: str, partitions: int, records: Iterable[tuple[str, bytes, bytes]]) -> int:
    """Write records of (subject, key, value) to the partitions of their subjects; return how many."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=400_000, linger_ms=0)
    await producer.start()
    count = 0
    homes: dict[str, int] = {}
    try:
        builders = [producer.create_batch() for _ in range(partitions)]
        for subject, key, value in records:
            home = homes.get(subject)
            if home is None:
                home = homes[subject] = partition_of(subject.encode(), partitions)
            if builders[home].append(timestamp=None, key=key, value=value) is None:
                await producer.send_batch(builders[home], topic, partition=home)
                builders[home] = producer.create_batch()
                builders[home].append(timestamp=None, key=key, value=value)
            count += 1
        for home, builder in enumerate(builders):
            if builder.record_count():
                await (await producer.send_batch(builder, topic, partition=home))
    finally:
        await producer.stop()
    return count
