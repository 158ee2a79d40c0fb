"""The fold of the journal."""

from events.examples import ACCOUNT, FACTS, SEVEN, SUBJECT
from events.message import InboundReceived
from projections import journal, keyspace
from projections.keyspace import DAY, KEPT_DAYS, MemoryView


def test_a_rebuild_marks_the_cause_of_a_fact_as_read() -> None:
    view = MemoryView()
    fact = FACTS[0]
    journal.apply(view, fact, now=SEVEN + DAY)
    seen = keyspace.seen_key(fact.subject, fact.causation_source, fact.causation_id)
    assert view.get(seen) == (SEVEN + DAY) // DAY + KEPT_DAYS + 1


def test_a_rebuild_knows_the_callbacks_again_whose_subject_was_the_account() -> None:
    view = MemoryView()
    (reply,) = (fact for fact in FACTS if isinstance(fact.data, InboundReceived))
    journal.apply(view, reply)
    assert view.get(keyspace.seen_key(ACCOUNT, reply.causation_source, reply.causation_id)) is not None


def test_the_facts_of_the_examples_can_be_folded() -> None:
    view = MemoryView()
    for fact in FACTS:
        journal.apply(view, fact)
    state = view.get(keyspace.contact_key(SUBJECT))
    assert state.sequence == max(fact.sequence for fact in FACTS)
