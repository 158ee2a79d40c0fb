"""The light fold is the same work for all, however each writes it."""

import orjson

from benchmarks import load
from benchmarks.fact import FIRST, fact_of, folded
from benchmarks.inprocess import records
from events.codec import encode_fact
from events.contact import FieldsChanged
from events.fact import Fact
from events.partition import partition_of

NOW = 1_795_420_800_123


def test_a_peers_fact_is_byte_for_byte_the_engines() -> None:
    event = orjson.loads(next(load.light(1, 1))[1])
    data = FieldsChanged(event["data"]["fields"], [])
    ours = encode_fact(Fact(event["subject"], 7, NOW, event["id"], event["source"], data))
    assert fact_of(event, 7, NOW) == ours


def test_the_fold_counts_and_keeps_the_last_fields() -> None:
    state: tuple[object, ...] = FIRST
    events = [orjson.loads(value) for _, value in load.light(3, 1)]
    for offset, event in enumerate(events):
        state = folded(state, event, offset)
    assert state == (3, 2, 2, events[2]["data"]["fields"]["city"])


def test_a_load_is_the_same_each_time() -> None:
    assert list(load.real(200, 20)) == list(load.real(200, 20))


def test_records_in_memory_are_of_one_partition() -> None:
    found = records("real", 50, 20)
    assert [record.offset for record in found] == list(range(50))
    assert {partition_of(record.key, 4) for record in found} == {0}
