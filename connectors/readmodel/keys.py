"""The keys of contacts whose values are sealed, as recado.keys has them: wrapped, so that the database alone opens
nothing, and gone when the contact is erased. With RECADO_SECRET the values of an answer are opened by them.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import Connection, Engine, bindparam, delete, select

from connectors.kafka import consumers
from connectors.readmodel import bulk, database, message, schema
from connectors.readmodel.consumer import partitions_of
from connectors.readmodel.export import Export
from connectors.readmodel.links import Link
from connectors.readmodel.queries import ContactAnswer, ReceivedAnswer, SendRecord
from events import privacy
from events.cipher import Cipher
from events.contact import SubscriptionChanged
from events.fact import Fact, FactData
from events.record import SEALED, Sealed
from projections import keyring
from projections.keyring import Keyring

T = TypeVar("T")

_POLL_MS: Final = 500


class KeysReader:
    """Keeps the table of keys current, beside the journal's reader and as it does."""

    def __init__(self, engine: Engine, topic: str, connection: Mapping[str, Any]) -> None:
        self._engine = engine
        self._topic = topic
        self._connection = dict(connection)

    async def run(self) -> None:
        """Read and write until cancelled. Raises what JournalReader.run does."""
        partitions = await partitions_of(self._topic, self._connection)
        consumer = AIOKafkaConsumer(
            **self._connection, client_id="recado-readmodel", group_id=None, enable_auto_commit=False,
            isolation_level="read_committed", auto_offset_reset="earliest",
        )  # fmt: skip
        await consumer.start()
        try:
            consumer.assign([TopicPartition(self._topic, partition) for partition in partitions])
            for partition, offset in (await asyncio.to_thread(self._positions)).items():
                if partition in partitions:
                    consumer.seek(TopicPartition(self._topic, partition), offset)
            while True:
                fetched = await consumer.getmany(timeout_ms=_POLL_MS)
                for tp, records in fetched.items():
                    await asyncio.to_thread(self._write, tp.partition, records)
        finally:
            await consumers.close(consumer)

    def _positions(self) -> dict[int, int]:
        table = schema.offsets
        query = select(table.c.partition, table.c.next_offset).where(table.c.topic == self._topic)
        with self._engine.connect() as connection:
            return {row.partition: row.next_offset for row in connection.execute(query)}

    def _write(self, partition: int, records: Sequence[Any]) -> None:
        with database.writing(self._engine) as connection:
            write(connection, [(record.key.decode(), keyring.read(record.value)) for record in records])
            statement = bulk.upsert(connection, schema.offsets, ["topic", "partition"], ["next_offset"])
            position = {"topic": self._topic, "partition": partition, "next_offset": records[-1].offset + 1}
            connection.execute(statement, position)


def write(connection: Connection, changed: Sequence[tuple[str, str | None]]) -> None:
    """Keys as they were made and destroyed (None), in that order."""
    now = dict(changed)
    table = schema.keys
    made = [{"subject": subject, "wrapped": wrapped} for subject, wrapped in now.items() if wrapped is not None]
    gone = [{"b_subject": subject} for subject, wrapped in now.items() if wrapped is None]
    if made:
        connection.execute(bulk.upsert(connection, table, ["subject"], ["wrapped"]), made)
    if gone:
        connection.execute(delete(table).where(table.c.subject == bindparam("b_subject")), gone)


class Unsealer:
    """Opens the answers of queries.py. What no key opens is null, or absent from the custom fields. `keys` is asked for
    once something is sealed, and not before: who reads open accounts needs no secret."""

    def __init__(self, engine: Engine, keys: Callable[[], Keyring]) -> None:
        self._engine = engine
        self._keys = keys

    def opened(self, found: T) -> T:
        """The same answer with its sealed values in clear. Blocks. Raises WrongSecret."""
        answer: Any = found
        match answer:
            case list():
                answer = [self.opened(one) for one in answer]
            case ContactAnswer():
                answer = self._contact(answer)
            case ReceivedAnswer(last=dict() as last):
                answer = replace(answer, last=self._row(last))
            case SendRecord():
                answer = SendRecord(self._row(answer.row), self._facts(answer.facts))
            case Export():
                rows = [self._row(row) for row in answer.messages]
                answer = Export(self._contact(answer.contact), rows, self._facts(answer.facts))
            case dict():
                answer = self._row(answer)
        opened: T = answer
        return opened

    def url(self, link: Link) -> str | None:
        """What a short link leads to; None where no key opens it. Blocks. Raises WrongSecret."""
        if not link.url.startswith(SEALED):
            return link.url
        url = _clear(Sealed(link.url), self._cipher(link.subject), link.subject)
        return None if url is None else str(url)

    def _cipher(self, subject: str) -> Cipher | None:
        table = schema.keys
        with self._engine.connect() as connection:
            query = select(table.c.wrapped).where(table.c.subject == subject)
            wrapped = connection.execute(query).scalar_one_or_none()
        return None if wrapped is None else self._keys().unwrap(subject, wrapped)

    def _contact(self, found: ContactAnswer) -> ContactAnswer:
        state = found.state
        said = None if found.consent is None else found.consent.data
        if not (privacy.is_sealed(state.phone) or privacy.is_sealed(state.fields) or _sealed_words(said)):
            return found
        cipher, subject = self._cipher(found.subject), found.subject
        phone = _clear(state.phone, cipher, subject)
        fields = {name: _clear(value, cipher, subject) for name, value in state.fields.items()}
        read = {name: value for name, value in fields.items() if value is not None}
        consent = found.consent
        if consent is not None and isinstance(said, SubscriptionChanged):
            evidence, by = _clear(said.evidence, cipher, subject), _clear(said.by, cipher, subject)
            consent = consent._replace(data=replace(said, evidence=evidence, by=by))
        return found._replace(state=state._replace(phone=phone, fields=read), consent=consent)

    def _row(self, row: message.Row) -> message.Row:
        sealed = {name: row[name] for name in message.PERSONAL if str(row[name] or "").startswith(SEALED)}
        if not sealed:
            return row
        cipher = self._cipher(row["subject"])
        return row | {name: _clear(Sealed(value), cipher, row["subject"]) for name, value in sealed.items()}

    def _facts(self, facts: Sequence[Fact]) -> list[Fact]:
        ciphers: dict[str, Cipher | None] = {}
        read = []
        for fact in facts:
            if fact.subject not in ciphers:
                ciphers[fact.subject] = self._cipher(fact.subject)
            cipher = ciphers[fact.subject]
            read.append(fact if cipher is None else fact._replace(data=privacy.opened(fact.data, cipher, fact.subject)))
        return read


def _sealed_words(said: FactData | None) -> bool:
    return isinstance(said, SubscriptionChanged) and (privacy.is_sealed(said.evidence) or privacy.is_sealed(said.by))


def _clear(value: Any, cipher: Cipher | None, subject: str) -> Any:
    if type(value) is not Sealed:
        return value
    read = None if cipher is None else privacy.open_values(value, cipher, subject)
    return None if type(read) is Sealed else read
