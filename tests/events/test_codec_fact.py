"""Facts lie in the journal as the contract spells them, and come back whole."""

import tracemalloc
from dataclasses import fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import codec, examples, instant
from events.contact import FieldsChanged, PhoneChanged
from events.envelope import Undecodable
from events.fact import DATA, Fact, FactData
from events.record import Sealed
from events.send import SendAttempted

FACT = examples.FACTS[0]
ATTEMPTED = next(fact for fact in examples.FACTS if isinstance(fact.data, SendAttempted))


@pytest.mark.parametrize("fact", examples.FACTS, ids=lambda fact: fact.type)
def test_every_example_comes_back_as_it_went(fact: Fact) -> None:
    assert codec.decode_fact(codec.encode_fact(fact)) == fact


def test_a_fact_lies_in_the_journal_as_the_contract_says() -> None:
    assert orjson.loads(codec.encode_fact(FACT)) == {
        "specversion": "1.0",
        "id": FACT.id,
        "source": "/recado/engine",
        "type": "recado.phone.changed.v1",
        "subject": "acme/ana@example.com",
        "time": "2026-11-23T07:04:00.040Z",
        "sequence": 1,
        "causationid": "example-4",
        "causationsource": "/shop/checkout",
        "data": {"from": None, "to": "+34612345678", "via": "edit"},
    }


def test_an_attempt_spells_its_class_and_its_times_as_json_does() -> None:
    data = orjson.loads(codec.encode_fact(ATTEMPTED))["data"]
    assert data["class"] == "transactional"
    assert data["requested_at"] == "2026-11-23T07:05:00.000Z"
    assert data["request"]["variables"] == {"order": 1234, "name": {"field": "first_name"}}


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e9, 1e9) | words


def value_of(annotation: Any, *, moment: bool) -> st.SearchStrategy[Any]:
    if moment and annotation is int:
        return st.integers(0, instant.MAXIMUM)
    if annotation in (str, int, bool):
        return {str: words, int: st.integers(-(2**53), 2**53), bool: st.booleans()}[annotation]
    if get_origin(annotation) is Literal:
        return st.sampled_from(get_args(annotation))
    if get_origin(annotation) is list:
        return st.lists(words, max_size=3)
    if type(None) in get_args(annotation):
        return st.one_of(
            *(st.none() if member is type(None) else value_of(member, moment=moment) for member in get_args(annotation))
        )
    return st.dictionaries(words, scalars, max_size=3)


def data_of(of: type[FactData]) -> st.SearchStrategy[FactData]:
    hints = get_type_hints(of)
    values = {
        field.name: value_of(hints[field.name], moment=bool(field.metadata.get("moment"))) for field in fields(of)
    }
    return st.builds(of, **values)


facts = st.builds(
    Fact,
    subject=words,
    sequence=st.integers(1, 2**53),
    time=st.integers(0, instant.MAXIMUM),
    causation_id=words,
    causation_source=words,
    data=st.one_of(*(data_of(of) for of in DATA)),
)


@given(facts)
def test_any_fact_comes_back_as_it_went(fact: Fact) -> None:
    assert codec.decode_fact(codec.encode_fact(fact)) == fact


@given(facts, facts)
def test_the_id_is_a_function_of_subject_place_and_cause(one: Fact, other: Fact) -> None:
    assert other._replace(subject=one.subject, sequence=one.sequence, causation_id=one.causation_id).id == one.id
    assert one._replace(sequence=one.sequence + 1).id != one.id
    assert one._replace(causation_id=one.causation_id + "x").id != one.id
    assert one._replace(subject=one.subject + "x").id != one.id
    assert len(one.id) == 32


def test_a_sealed_value_stays_sealed_on_its_way() -> None:
    sealed = FACT._replace(data=PhoneChanged(None, Sealed("s1.x1"), "edit"))
    written = codec.encode_fact(sealed)
    assert orjson.loads(written)["data"]["to"] == {"sealed": "s1.x1"}
    read = codec.decode_fact(written).data
    assert isinstance(read, PhoneChanged)
    assert type(read.to) is Sealed

    fields_ = FACT._replace(data=FieldsChanged({"city": Sealed("s1.x2"), "orders": 3}, []))
    written = codec.encode_fact(fields_)
    assert orjson.loads(written)["data"]["set"] == {"city": {"sealed": "s1.x2"}, "orders": 3}
    read_fields = codec.decode_fact(written).data
    assert isinstance(read_fields, FieldsChanged)
    assert type(read_fields.set["city"]) is Sealed


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("subject",), 1, "envelope"),
        (("sequence",), 0, "envelope"),
        (("sequence",), True, "envelope"),
        (("sequence",), "1", "envelope"),
        (("data",), [], "envelope"),
        (("type",), "recado.phone.changed.v2", "type_unknown"),
        (("time",), "yesterday", "schema"),
        (("data", "via"), "magic", "schema"),
        (("data", "via"), None, "schema"),
        (("data", "to"), 34612345678, "schema"),
        (("data", "to"), {"other": "x"}, "schema"),
        (("data", "via"), {"sealed": "s1.x"}, "schema"),
        (("data", "surprise"), 1, "schema"),
    ],
)
def test_what_recado_did_not_write_so_is_refused(path: tuple[str, ...], value: object, reason: str) -> None:
    document = orjson.loads(codec.encode_fact(FACT))
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(Undecodable) as caught:
        codec.decode_fact(orjson.dumps(document))
    assert caught.value.reason == reason
    assert "612345678" not in caught.value.detail


def test_a_fact_takes_no_more_memory_than_its_bytes() -> None:
    count = 500
    tracemalloc.start()
    kept = [codec.encode_fact(FACT) for _ in range(count)]
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < count * (len(kept[0]) + 200)


def test_a_field_that_an_older_recado_did_not_write_takes_its_default() -> None:
    document = orjson.loads(codec.encode_fact(ATTEMPTED))
    del document["data"]["requested_at"]
    read = codec.decode_fact(orjson.dumps(document)).data
    assert isinstance(read, SendAttempted)
    assert read.requested_at == 0
    del document["data"]["text"]
    with pytest.raises(Undecodable, match="text is missing"):
        codec.decode_fact(orjson.dumps(document))
