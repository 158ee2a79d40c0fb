"""Batches laid out by aiokafka's compiled builder hold what was given, in order, and as few as they fit."""

from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch
from hypothesis import given as forall
from hypothesis import strategies as st

from connectors.kafka.batches import Laid, batches

AT = 1_795_417_200_000
SMALL = 1_000  # bytes of a batch


def small() -> BatchBuilder:
    return BatchBuilder(SMALL, 0, is_transactional=1)


def read(batch: BatchBuilder) -> list[tuple[int, int, bytes | None, bytes | None, list[tuple[str, bytes]]]]:
    records = DefaultRecordBatch(bytes(batch._build()))
    return [(r.offset, r.timestamp, r.key, r.value, list(r.headers)) for r in records]


RECORDS = st.lists(
    st.tuples(
        st.none() | st.binary(max_size=40),
        st.none() | st.binary(max_size=400),
        st.lists(st.tuples(st.text("abc", min_size=1, max_size=9), st.binary(max_size=9)), max_size=2),
    ),
    max_size=30,
)


@forall(RECORDS)
def test_what_goes_in_comes_out_in_order_and_each_batch_counts_from_nought(records: list[Laid]) -> None:
    laid = list(batches(small, records, AT))
    found = [read(batch) for batch in laid]
    assert [(key, value, headers) for batch in found for _, _, key, value, headers in batch] == [
        (key, value, list(headers)) for key, value, headers in records
    ]
    assert all([offset for offset, *_ in batch] == list(range(len(batch))) for batch in found)
    assert {at for batch in found for _, at, *_ in batch} <= {AT}
    assert [batch.record_count() for batch in laid] == [len(batch) for batch in found]
    assert all(found), "no batch is empty"


def test_a_record_larger_than_a_batch_has_one_of_its_own() -> None:
    found = [
        read(batch) for batch in batches(small, [(b"a", b"1", ()), (b"b", b"x" * 2_000, ()), (b"c", b"2", ())], AT)
    ]
    assert [[key for _, _, key, _, _ in batch] for batch in found] == [[b"a"], [b"b"], [b"c"]]
