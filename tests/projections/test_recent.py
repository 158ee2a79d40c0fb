"""What a contact was lately sent."""

from hypothesis import given
from hypothesis import strategies as st

from events.examples import SEVEN
from projections import keyspace, recent

DAY = 86_400_000


def test_each_class_is_counted_by_itself_and_within_its_time() -> None:
    lately = recent.added(recent.initial, "newsletter", 3, SEVEN)
    lately = recent.added(lately, "newsletter", 7, SEVEN + DAY)
    lately = recent.added(lately, "transactional", 9, SEVEN + DAY)
    assert recent.count(lately, "newsletter", SEVEN - 1) == 2
    assert recent.count(lately, "newsletter", SEVEN) == 1
    assert recent.count(lately, "newsletter", SEVEN - 1, but=[7]) == 1
    assert recent.count(lately, "transactional", SEVEN) == 1
    assert recent.newest(lately) == SEVEN + DAY


def test_what_was_surely_refused_is_taken_out_again() -> None:
    lately = recent.added(recent.initial, "newsletter", 3, SEVEN)
    assert recent.without(lately, 3) == recent.initial
    assert recent.without(lately, 4) == lately
    assert recent.count(recent.initial, "newsletter", 0) == recent.newest(recent.initial) == 0


def test_no_more_is_kept_than_a_cap_can_ask_for() -> None:
    lately = recent.initial
    for sequence in range(recent.KEPT + 5):
        lately = recent.added(lately, "newsletter", sequence, SEVEN + sequence)
    assert len(lately["newsletter"]) == recent.KEPT
    assert len(keyspace.encode(keyspace.recent_key("acme/ana"), lately)) < 32 * 1024
    later = recent.added(lately, "newsletter", 9_999, SEVEN + recent.DAYS * DAY + recent.KEPT + 4)
    assert [entry[0] for entry in later["newsletter"]] == [9_999]


@given(st.lists(st.tuples(st.integers(1, 20), st.booleans()), max_size=30))
def test_it_is_the_same_once_stored_and_read_and_in_order(said: list[tuple[int, bool]]) -> None:
    lately = recent.initial
    known: set[int] = set()
    for sequence, refused in said:
        if refused:
            lately = recent.without(lately, sequence)
            known.discard(sequence)
        else:
            lately = recent.added(lately, "newsletter", sequence, SEVEN)
            known.add(sequence)
    key = keyspace.recent_key("acme/ana")
    assert keyspace.decode(key, keyspace.encode(key, lately)) == lately
    assert [entry[0] for entry in lately.get("newsletter", ())] == sorted(known)


def test_it_is_forgotten_when_no_cap_can_look_back_to_it() -> None:
    key, lately = keyspace.recent_key("acme/ana"), recent.added(recent.initial, "newsletter", 3, SEVEN)
    assert not keyspace.forgettable(key, lately, SEVEN + recent.DAYS * DAY)
    assert keyspace.forgettable(key, lately, SEVEN + (recent.DAYS + 3) * DAY)
