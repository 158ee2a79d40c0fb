"""Header names that are not UTF-8: read by every consumer that reads what strangers write, and nothing else differs."""

import asyncio
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.codec import gzip_encode, zstd_encode
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import Fetcher, FetchResult
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.errors import CorruptRecordException
from aiokafka.record._crecords import DefaultRecord, MemoryRecords
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from faust.transport.drivers import aiokafka as driver
from hypothesis import given as forall
from hypothesis import strategies as st

from connectors.kafka import accounts, headers, whole
from connectors.kafka.headers import as_it_lies, read_any_name
from projections.account import Directory
from streams.engine.consumer import EngineThread

AT = 1_795_417_200_000
TP = TopicPartition("recado.contacts", 0)
GZIP, ZSTD = 1, 4
NOT_UTF8 = b"\xff\xfe"
STAND_IN = "zz"  # as long as NOT_UTF8: aiokafka's builder takes text alone
CRC = slice(17, 21)

Headers = Sequence[tuple[str, bytes | None]]
Found = tuple[int, int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]


@pytest.fixture(autouse=True)
def as_aiokafka_came(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever other tests have turned on."""
    monkeypatch.setattr(fetcher, "MemoryRecords", MemoryRecords)
    monkeypatch.setattr(fetcher, "PartitionRecords", headers.Readable.__base__)


def batch(
    base: int, *records: tuple[bytes | None, bytes | None, Headers], codec: int = 0, producer: int | None = None
) -> bytes:
    """A batch as a broker gives it, its stand-ins replaced; `producer` names the transactional one."""
    transactional, of = producer is not None, -1 if producer is None else producer
    plain = DefaultRecordBatchBuilder(2, 0, transactional, of, 0, 0, 1 << 20)
    for number, (key, value, named) in enumerate(records):
        assert plain.append(number, AT + number, key, value, list(named)) is not None
    laid = bytearray(bytes(plain.build()).replace(STAND_IN.encode(), NOT_UTF8))
    if codec:
        head, body = laid[:61], bytes(laid[61:])
        laid = head + {GZIP: gzip_encode, ZSTD: zstd_encode}[codec](body)
        laid[22] |= codec
        laid[8:12] = (len(laid) - 12).to_bytes(4, "big")
    laid[:8] = base.to_bytes(8, "big")
    laid[CRC] = calc_crc32c(bytes(laid[21:])).to_bytes(4, "big")
    return bytes(laid)


def fetched(data: bytes, start: int = 0, aborted: Sequence[tuple[int, int]] = ()) -> tuple[list[Any], int]:
    """What aiokafka's own fetcher makes of a broker's answer, and the position behind it."""

    async def scenario() -> tuple[list[Any], int]:
        subscriptions = SubscriptionState(asyncio.get_running_loop())
        subscriptions.assign_from_user([TP])
        assignment = subscriptions.subscription.assignment
        assignment.state_value(TP).seek(start)

        async def send(*_: Any) -> Any:
            partition = (TP.partition, 0, 0, 0, list(aborted), data)
            return SimpleNamespace(API_VERSION=4, topics=[(TP.topic, [partition])])

        read = Fetcher.__new__(Fetcher)
        vars(read).update(
            _client=SimpleNamespace(send=send), _records={}, _client_rack=None, _key_deserializer=as_it_lies,
            _value_deserializer=None, _check_crcs=True, _isolation_level=fetcher.READ_COMMITTED, _prefetch_backoff=0,
            _subscriptions=subscriptions, _wait_consume_future=None,
        )  # fmt: skip
        request = SimpleNamespace(topics=[(TP.topic, [(TP.partition, start, 0)])])
        await read._proc_fetch_request(assignment, 0, request)
        result = read._records[TP]
        assert type(result) is FetchResult
        found = (await read.fetched_records({TP})).get(TP, [])
        return found, assignment.state_value(TP).position

    return asyncio.run(scenario())


def told(records: Sequence[Any]) -> list[Found]:
    return [(r.offset, r.timestamp, r.key, r.value, list(r.headers)) for r in records]


STRANGE = (b"k", b"strange", [("before", b"1"), (STAND_IN, b"2"), (STAND_IN, None)])
PLAIN = (b"k", b"plain", [("é", b"1")])


def test_the_compiled_reader_gives_such_a_record_up() -> None:
    """Without the cure: that the tests below need it."""
    with pytest.raises(UnicodeDecodeError):
        fetched(batch(0, STRANGE, PLAIN))


@pytest.mark.parametrize("codec", [0, GZIP, ZSTD])
def test_such_a_record_is_read_and_so_are_those_beside_and_behind_it(codec: int) -> None:
    read_any_name()
    data = batch(5, PLAIN, STRANGE, PLAIN, codec=codec) + batch(8, PLAIN) + batch(9, STRANGE, codec=codec)
    found, position = fetched(data, 5)
    plain, strange = [("é", b"1")], [("before", b"1"), ("\\xff\\xfe", b"2"), ("\\xff\\xfe", None)]
    assert told(found) == [
        (5, AT, b"k", b"plain", plain),
        (6, AT + 1, b"k", b"strange", strange),
        (7, AT + 2, b"k", b"plain", plain),
        (8, AT, b"k", b"plain", plain),
        (9, AT, b"k", b"strange", strange),
    ]
    assert position == 10


def test_records_are_what_the_compiled_reader_made_for_whoever_asks_so() -> None:
    read_any_name()
    found, _ = fetched(batch(0, PLAIN))
    assert [type(record) for record in found] == [DefaultRecord]
    assert told(found) == [(0, AT, b"k", b"plain", [("é", b"1")])]


def test_nothing_is_given_twice_nor_from_before_the_position() -> None:
    read_any_name()
    found, position = fetched(batch(2, PLAIN, PLAIN, STRANGE), 3)
    assert [record.offset for record in found] == [3, 4]
    assert position == 5


def test_what_was_aborted_stays_unread_behind_it() -> None:
    read_any_name()
    data = batch(0, STRANGE) + batch(1, STRANGE, producer=7) + batch(2, PLAIN)
    found, position = fetched(data, aborted=[(7, 1)])
    assert [record.offset for record in found] == [0, 2]
    assert position == 3


def test_a_fetch_that_the_broker_cut_is_read_as_far_as_it_goes() -> None:
    read_any_name()
    found, position = fetched(batch(0, STRANGE) + batch(1, PLAIN)[:-1])
    assert [record.offset for record in found] == [0]
    assert position == 1


def test_a_batch_that_was_altered_on_its_way_is_still_refused() -> None:
    read_any_name()
    with pytest.raises(CorruptRecordException):
        fetched(batch(0, STRANGE) + batch(1, PLAIN)[:-1] + b"?")


def test_a_fetch_of_names_in_utf8_is_read_by_the_compiled_reader_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    read_any_name()
    again: list[Any] = []
    monkeypatch.setattr(headers._Batch, "_read_msg", again.append)
    found, _ = fetched(batch(0, PLAIN, PLAIN))
    assert len(found) == 2
    assert again == []
    for name in ("has_next", "next_batch"):  # nothing of Python between aiokafka and what it compiled
        assert getattr(headers.Fetched, name) is getattr(MemoryRecords, name)


def test_a_fetch_full_of_such_records_is_read_again_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read_any_name()
    laid: list[bytes] = []

    def counted(data: bytes) -> Any:
        laid.append(data)
        return again(data)

    again = headers._Batch
    monkeypatch.setattr(headers, "_Batch", counted)
    found, _ = fetched(b"".join(batch(offset, STRANGE) for offset in range(100)))
    assert len(found) == 100
    assert len(laid) == 100


RECORDS = st.lists(
    st.tuples(
        st.none() | st.binary(max_size=200),
        st.none() | st.binary(max_size=200),
        st.lists(st.tuples(st.text(max_size=20), st.none() | st.binary(max_size=200)), max_size=3),
    ),
    min_size=1,
    max_size=9,
)


@forall(RECORDS)
def test_both_readers_read_the_same(records: list[tuple[bytes | None, bytes | None, Headers]]) -> None:
    data = batch(3, *records)
    try:
        expected = told(list(DefaultRecordBatch(data)))
    except UnicodeDecodeError:  # where hypothesis found the stand-in
        return
    assert told(list(headers._Batch(data))) == expected


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Consumers that connect to nothing."""

    class Idle:
        def __init__(self, **_: Any) -> None: ...
        def assign(self, _: Any) -> None: ...
        async def start(self) -> None: ...
        async def seek_to_beginning(self, *_: Any) -> None: ...

    monkeypatch.setattr(accounts, "AIOKafkaConsumer", Idle)
    monkeypatch.setattr(whole, "AIOKafkaConsumer", Idle)
    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "_create_worker_consumer", lambda *_: SimpleNamespace())


@pytest.mark.parametrize(
    "make",
    [
        lambda: accounts.AccountsReader("recado.accounts", {}, Directory()),
        lambda: asyncio.run(whole._opened([TP], {})),
        lambda: EngineThread.__new__(EngineThread)._create_worker_consumer(None),
    ],
    ids=["accounts", "whole", "engine"],
)
def test_whoever_reads_what_strangers_write_reads_any_name(idle: None, make: Callable[[], Any]) -> None:
    make()
    found, _ = fetched(batch(0, STRANGE, PLAIN))
    assert [record.value for record in found] == [b"strange", b"plain"]
