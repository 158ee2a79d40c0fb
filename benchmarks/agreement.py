"""Do all subjects do the same work? Their facts and their states are held against a plain fold of the input."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks import watch
from benchmarks.bench import PARTITIONS, Bench
from benchmarks.fact import FIRST, folded
from benchmarks.processes import Kind, SubjectFailed
from benchmarks.watch import Facts
from connectors.kafka.admin import Admin

VOLATILE = ("id", "time")  # Java has no BLAKE2b, so its ids are others; each fact has the time of its own making


@dataclass
class Folded:
    """What became of an input: each contact's facts in order, and each contact's state."""

    facts: dict[str, list[Mapping[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    states: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def differences(self, other: "Folded") -> list[str]:
        """Contacts whose facts or state are others here and there."""
        contacts = self.facts.keys() | other.facts.keys() | self.states.keys() | other.states.keys()
        return sorted(
            contact for contact in contacts
            if self.facts.get(contact) != other.facts.get(contact)
            or self.states.get(contact) != other.states.get(contact)
        )  # fmt: skip


def check(bench: Bench, kinds: Iterable[Kind]) -> None:
    """Run each once over a small input. Raises SubjectFailed for one whose facts or states are not as they should."""
    size = bench.size
    source = bench.source("light", size.agreement, size.agreement // 10)
    wanted = plain(asyncio.run(read(bench.bootstrap, source)))
    for kind in kinds:
        target = bench.journal(kind.name)
        with bench.start(kind, source, target) as subject:
            facts = Facts(bench.bootstrap, target, PARTITIONS)
            asyncio.run(watch.watch([subject], size.agreement, facts))
            bench.facts(target)
            changelog = _changelog(bench.bootstrap, target)
            while len((found := _found(bench.bootstrap, target, changelog)).states) < len(wanted.states):
                subject.check()
        if different := wanted.differences(found):
            raise SubjectFailed(
                f"{kind.name}: {len(different)} of {len(wanted.states)} contacts are not as they should"
            )
        bench.drop(target)
        bench.say(f"  {kind.name} leaves the right facts and states")


def plain(records: Iterable[tuple[int, bytes, bytes]]) -> Folded:
    """The fold of (offset, key, value) in memory."""
    result = Folded()
    for offset, _, value in records:
        event = orjson.loads(value)
        subject = event["subject"]
        state = result.states[subject] = folded(result.states.get(subject, FIRST), event, offset)
        result.facts[subject].append(
            {
                "specversion": "1.0", "source": "/recado/engine", "type": "recado.contact.fields_changed.v1",
                "subject": subject, "sequence": state[0], "causationid": event["id"],
                "causationsource": event["source"], "data": {"set": event["data"]["fields"], "removed": []},
            }
        )  # fmt: skip
    return result


def _found(bootstrap: str, journal: str, changelog: str) -> Folded:
    """What a subject has left in its topics."""
    result = Folded()
    for _, _, value in asyncio.run(read(bootstrap, journal)):
        fact = {name: value for name, value in orjson.loads(value).items() if name not in VOLATILE}
        result.facts[fact["subject"]].append(fact)
    for _, key, value in asyncio.run(read(bootstrap, changelog)):
        if (subject := _subject(key)) is not None:
            state = orjson.loads(value)
            result.states[subject] = tuple(state) if isinstance(state, list) else (state,)
    return result


def _subject(key: bytes) -> str | None:
    """Whose state a changelog's key is of: each framework writes it in its own way."""
    if key[1:2] == b"/":  # Recado: contacts under c/, and the engine's own keys under other letters
        return key[2:].decode() if key[:1] == b"c" else None
    if key.startswith(b'"'):  # Faust: JSON
        return str(orjson.loads(key))
    return key.partition(b"|")[0].decode()  # Quix Streams: the record's key, then the state's; Kafka Streams: as it is


def _changelog(bootstrap: str, target: str) -> str:
    """Recado's is the one made for it; the frameworks make their own, and call it that."""
    with Admin(bootstrap) as admin:
        own = [name for name in admin.names("") if target in name and "changelog" in name]
    return own[0] if own else f"{target}-state"


async def read(bootstrap: str, topic: str) -> Sequence[tuple[int, bytes, bytes]]:
    """All committed records of a topic: offset, key, value; in the order of each partition."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False,
        auto_offset_reset="earliest",
    )  # fmt: skip
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[tuple[int, bytes, bytes]] = []
        while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [(record.offset, record.key, record.value) for record in records if record.value is not None]
    finally:
        await consumer.stop()
    return found
