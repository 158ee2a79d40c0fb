"""The input that every subject of a row reads: the same contact updates, in the same topic, written once."""

import random
from collections.abc import Iterator, Mapping, Sequence

import orjson
from aiokafka import AIOKafkaProducer
from kafka.admin import NewTopic

from connectors.kafka.admin import Admin
from events.partition import partition_of

TIME = "2026-11-23T08:00:00.000Z"
CITIES = ("Gijón", "Vigo", "Málaga", "Palma", "Córdoba", "Zaragoza", "Bilbao", "Lleida")
PHONES = (
    "6{0:08d}", "+346{0:08d}", "00346{0:08d}", "+34 6{0:08d}",
)  # the ways in which one number is written  # fmt: skip


def light(events: int, contacts: int) -> Iterator[tuple[str, bytes]]:
    """Subject and bytes of updates that change two fields each."""
    for number in range(events):
        subject = f"acme/contact{number * 7919 % contacts:06d}@example.com"
        fields: Mapping[str, object] = {"counter": number, "city": CITIES[number % len(CITIES)]}
        yield subject, _update(subject, number, fields)


def real(events: int, contacts: int, seed: int = 1) -> Iterator[tuple[str, bytes]]:
    """As people's systems send them: one in five names a phone, one in ten a subscription, all change a field."""
    chance = random.Random(seed)  # noqa: S311 - a load, not a secret
    for number in range(events):
        contact = number * 7919 % contacts
        subject = f"acme/contact{contact:06d}@example.com"
        fields: dict[str, object] = {"counter": number, "city": CITIES[number % len(CITIES)]}
        if number < contacts or chance.random() < 0.2:
            fields["_mobilePhone"] = PHONES[chance.randrange(len(PHONES))].format(10_000_000 + contact)
        if chance.random() < 0.1:
            fields["_smsSubscriptionStatus"] = chance.choice(("subscribed", "unsubscribed", "none"))
        yield subject, _update(subject, number, fields)


def _update(subject: str, number: int, fields: Mapping[str, object]) -> bytes:
    return orjson.dumps(
        {
            "specversion": "1.0", "id": f"load-{number}", "source": "/bench", "type": "recado.contact.updated.v1",
            "subject": subject, "time": TIME, "data": {"via": "edit", "fields": fields},
        }
    )  # fmt: skip


def make_topics(bootstrap: str, topics: Mapping[str, int], **config: str) -> None:
    """Topics of a run, with so many partitions each; `config` with _ for the dots of Kafka's names."""
    settings = {name.replace("_", "."): value for name, value in config.items()}
    with Admin(bootstrap) as admin:
        admin._client.create_topics(
            [NewTopic(name, num_partitions=count, replication_factor=1, topic_configs=settings)
             for name, count in topics.items()]
        )  # fmt: skip


async def write(bootstrap: str, topic: str, partitions: int, records: Iterator[tuple[str, bytes]]) -> int:
    """Write records to the partitions of their keys; return how many."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=400_000, linger_ms=0)
    await producer.start()
    count = 0
    homes: dict[str, int] = {}
    try:
        builders = [producer.create_batch() for _ in range(partitions)]
        for subject, value in records:
            home = homes.get(subject)
            if home is None:
                home = homes[subject] = partition_of(subject.encode(), partitions)
            if builders[home].append(timestamp=None, key=subject.encode(), value=value) is None:
                await producer.send_batch(builders[home], topic, partition=home)
                builders[home] = producer.create_batch()
                builders[home].append(timestamp=None, key=subject.encode(), value=value)
            count += 1
        for home, builder in enumerate(builders):
            await (await producer.send_batch(builder, topic, partition=home))
    finally:
        await producer.stop()
    return count


def median(values: Sequence[float]) -> float:
    """The middle one, the lower of two."""
    return sorted(values)[(len(values) - 1) // 2]
