"""Rows and offsets move together: every cut of the journal, every repetition and every crash ends in the same rows."""

from collections.abc import Callable
from functools import reduce

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select

from connectors.readmodel import contacts, database, schema
from connectors.readmodel.writer import JournalUnusable, Slice, write
from events.contact import ContactErased, FieldsChanged, PhoneChanged, PhoneStatusChanged, SubscriptionChanged
from events.examples import FACTS
from events.fact import FactData
from events.message import InboundReceived, LinkClicked, MessageStateChanged
from events.send import (
    SendAccepted,
    SendAttempted,
    SendDeferred,
    SendGivenUp,
    SendRefused,
    SendSkipped,
    SendUnknown,
)
from projections import contact
from tests.connectors.readmodel.journals import NOON, TOPIC, Journal, rows, write_all

SUBJECTS = ("acme/ana@example.com", "acme/ñandú 7", "zeta/ana@example.com")


def attempted(send_id: str, attempt: int = 1, labels: tuple[str, ...] = ("orders",)) -> SendAttempted:
    return SendAttempted(
        send_id=send_id,
        class_="transactional",
        attempt=attempt,
        client_id=f"0-{attempt}-{send_id}",
        to="+34612345678",
        sender="Acme",
        template="order-shipped",
        template_version=2,
        labels=list(labels),
        encoding="GSM-7",
        parts=1,
        text="Hola",
        alert=False,
        request={},
        looked_at={"phone_status": "active"},
    )


SEND_IDS = st.sampled_from(["a", "b"])
ATTEMPTS = st.integers(1, 3)
STATES = st.sampled_from(["accepted", "sent", "delivered", "failed", "expired"])
DATA: st.SearchStrategy[FactData] = st.one_of(
    st.sampled_from(
        [
            PhoneChanged(None, "+34612345678", "edit"),
            PhoneStatusChanged(None, "active", "phone_changed"),
            SubscriptionChanged("none", "subscribed", "tag", "a box"),
            FieldsChanged({"first_name": "Ana", "orders": 3, "nul": "\x00"}, ["city"]),
            InboundReceived("BAJA", "stop"),
            ContactErased("asked"),
        ]
    ),
    st.builds(attempted, SEND_IDS, ATTEMPTS, st.sampled_from([("orders",), ("orders", "express", "orders"), ()])),
    st.builds(
        lambda send_id: SendDeferred(send_id, "newsletter", NOON, "not_before", {"labels": ["x"], "sender": "Acme"}),
        SEND_IDS,
    ),
    st.builds(
        lambda send_id, why: SendSkipped(send_id, "newsletter", why, ""),
        SEND_IDS,
        st.sampled_from(["expired", "duplicate"]),
    ),
    st.builds(lambda send_id, n: SendAccepted(send_id, n, "sms-1"), SEND_IDS, ATTEMPTS),
    st.builds(lambda send_id, n: SendRefused(send_id, n, 429, None, False), SEND_IDS, ATTEMPTS),
    st.builds(lambda send_id, n: SendUnknown(send_id, n, "crash", NOON), SEND_IDS, ATTEMPTS),
    st.builds(SendGivenUp, SEND_IDS, ATTEMPTS),
    st.builds(
        lambda send_id, n, to: MessageStateChanged(send_id, n, "accepted", to, "nul\x00", 2**62, NOON, "hard"),
        SEND_IDS,
        ATTEMPTS,
        STATES,
    ),
    st.builds(lambda send_id, robot: LinkClicked(send_id, "https://e.example", NOON, robot), SEND_IDS, st.booleans()),
)
JOURNALS = st.lists(st.tuples(st.sampled_from(SUBJECTS), DATA), min_size=1, max_size=30)
BOUNDS = st.lists(st.integers(0, 60), max_size=12)
LAW = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


def crash_before_commit(engine: Engine, part: Slice) -> None:
    with database.writing(engine) as connection:
        write(connection, [part])
        raise ConnectionAbortedError


def journal_of(facts: list[tuple[str, FactData]], markers: int = 3) -> Journal:
    journal = Journal()
    for number, (subject, data) in enumerate(facts):
        journal.add(subject, data)
        if number % markers == 0:
            journal.marker()
    return journal


@LAW
@given(facts=JOURNALS, bounds=BOUNDS)
def test_any_cut_of_the_journal_gives_the_same_rows(
    empty: Callable[[], Engine], facts: list[tuple[str, FactData]], bounds: list[int]
) -> None:
    journal = journal_of(facts)
    engine = empty()
    assert write_all(engine, journal.slices()) == journal.facts
    whole = rows(engine)
    engine = empty()
    write_all(engine, journal.slices(bounds))
    assert rows(engine) == whole


@LAW
@given(facts=JOURNALS, bounds=BOUNDS, start=st.integers(0, 60))
def test_what_was_written_before_changes_nothing_when_it_comes_again(
    empty: Callable[[], Engine], facts: list[tuple[str, FactData]], bounds: list[int], start: int
) -> None:
    journal = journal_of(facts)
    engine = empty()
    write_all(engine, journal.slices(bounds))
    once = rows(engine)
    again = [part for part in journal.slices([start]) if part.start <= start]
    assert write_all(engine, [*again, *journal.slices()]) == []
    assert rows(engine) == once


@LAW
@given(facts=JOURNALS, bounds=BOUNDS)
def test_a_crash_before_each_commit_loses_and_doubles_nothing(
    empty: Callable[[], Engine], facts: list[tuple[str, FactData]], bounds: list[int]
) -> None:
    journal = journal_of(facts)
    engine = empty()
    write_all(engine, journal.slices())
    whole = rows(engine)
    engine = empty()
    for part in journal.slices(bounds):
        with pytest.raises(ConnectionAbortedError):
            crash_before_commit(engine, part)
        with database.writing(engine) as connection:
            write(connection, [part])
    assert rows(engine) == whole


@LAW
@given(facts=JOURNALS, bounds=BOUNDS)
def test_a_contact_in_the_rows_is_the_engines_fold_of_its_facts(
    empty: Callable[[], Engine], facts: list[tuple[str, FactData]], bounds: list[int]
) -> None:
    journal = journal_of(facts)
    engine = empty()
    write_all(engine, journal.slices(bounds))
    with engine.connect() as connection:
        folded = contacts.load(connection, SUBJECTS)
    for subject in {subject for subject, _ in facts}:
        own = [fact for fact in journal.facts if fact.subject == subject]
        assert folded[subject].state == reduce(contact.evolve, own, contact.initial)


def test_several_partitions_are_written_in_one_transaction(engine: Engine) -> None:
    journals = [Journal(partition) for partition in (2, 0, 1)]
    for journal in journals:
        journal.add(f"acme/{journal.partition}", attempted("a"))
    with database.writing(engine) as connection:
        assert len(write(connection, [part for journal in journals for part in journal.slices()])) == 3
    with engine.connect() as connection:
        assert sorted(connection.execute(select(schema.offsets.c.partition, schema.offsets.c.next_offset))) == [
            (0, 1),
            (1, 1),
            (2, 1),
        ]


def test_a_slice_that_starts_behind_the_stored_offset_is_refused(engine: Engine) -> None:
    journal = journal_of([(SUBJECTS[0], attempted("a")), (SUBJECTS[0], attempted("b"))])
    later = journal.slices([1])[1]
    with pytest.raises(JournalUnusable, match=r"read from offset 1, the read model stands at 0"):
        write_all(engine, [later])
    assert not any(rows(engine)[table] for table in ("facts", "contacts", "messages", "offsets"))


def test_a_gap_in_a_contacts_facts_stops_the_writer_without_naming_the_contact(engine: Engine) -> None:
    journal = journal_of([(SUBJECTS[0], attempted("a")), (SUBJECTS[0], attempted("b"))])
    whole = journal.slices()[0]
    with pytest.raises(JournalUnusable, match=r"fact 2 of a contact follows fact 0.*recado rebuild") as refused:
        write_all(engine, [Slice(TOPIC, 0, 0, whole.next_offset, whole.records[1:])])
    assert "ana" not in str(refused.value)


@pytest.mark.parametrize("value", [b"", b"not json", b"{}", b"\xff", b'{"data":{}}'])
def test_a_record_that_is_no_fact_stops_the_writer_and_leaves_no_row(engine: Engine, value: bytes) -> None:
    journal = journal_of([(SUBJECTS[0], attempted("a"))])
    with pytest.raises(JournalUnusable, match=r"recado.journal\[0\] offset 1 is no fact"):
        write_all(engine, [Slice(TOPIC, 0, 0, 2, [*journal.records, (1, value)])])
    assert not rows(engine)["facts"]


def test_an_erasure_takes_personal_values_out_of_everything_before_it(engine: Engine) -> None:
    journal = Journal()
    for fact in FACTS:  # ends with the erasure
        journal.add(fact.subject, fact.data)
    write_all(engine, journal.slices())
    everything = repr({name: found for name, found in rows(engine).items() if name != "offsets"})
    for personal in ("612345678", "Hola Ana", "BAJA", "checkbox", "shop.example.com"):
        assert personal not in everything
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(schema.facts)).scalar_one() == len(FACTS)
