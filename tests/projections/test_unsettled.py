"""What the provider has to be asked about, read off the state."""

from typing import NamedTuple

import pytest

from events import client_id
from projections import send
from projections.keyspace import MemoryView, send_key
from projections.send import Attempt
from projections.unsettled import HOPELESS, OVERDUE, Overdue, overdue, unsettled, without_end
from tests.streams.one_partition import KEY, PARTITION, OnePartition

NOON = 1_795_435_200_000
TAKEN = Attempt(1, 5, True, "accepted", "sent", None, "p1")


class Case(NamedTuple):
    attempt: Attempt = TAKEN
    silent_for: int = OVERDUE
    asked: bool = True


CASES = {
    "sent, and nothing since": Case(),
    "accepted, and nothing since": Case(TAKEN._replace(state="pending")),
    "not long enough": Case(silent_for=OVERDUE - 1, asked=False),
    "still within a week": Case(silent_for=HOPELESS - 1),
    "beyond a week": Case(silent_for=HOPELESS, asked=False),
    "of no id": Case(TAKEN._replace(provider_id=None), asked=False),
    "unknown": Case(TAKEN._replace(outcome="unknown", state="pending"), asked=False),
    "refused": Case(TAKEN._replace(outcome="refused", state="pending"), asked=False),
    "closed as unknown": Case(TAKEN._replace(state="unknown"), asked=False),
    **{state: Case(TAKEN._replace(state=state), asked=False) for state in sorted(send.ENDS)},
}


@pytest.mark.parametrize("name", CASES)
def test_an_accepted_message_without_an_end_for_48_hours_is_asked_about(name: str) -> None:
    case = CASES[name]
    sent = send.State("acme/ana", "s", phase="accepted", changed_at=NOON - case.silent_for, attempts=(case.attempt,))
    assert without_end(sent, NOON) == (case.attempt if case.asked else None)


def test_a_walk_passes_all_sends_and_begins_again() -> None:
    view = MemoryView()
    for n in range(5):
        sent = send.State("acme/ana", f"s{n}", phase="accepted", changed_at=NOON - OVERDUE, attempts=(TAKEN,))
        view.put(send_key(f"{n}" * 16), sent)
    found, cursor, steps = list[Overdue](), b"", 0
    while steps == 0 or cursor:
        more, cursor = overdue(view, PARTITION, KEY, NOON, cursor, 2)
        found += more
        steps += 1
    assert [one.send_id for one in found] == ["s0", "s1", "s2", "s3", "s4"]
    assert found[0].client_id == client_id.make(KEY, PARTITION, "0" * 16, 1)
    assert (found[0].provider_id, steps) == ("p1", 3)


def test_an_unknown_attempt_bears_the_client_id_that_it_was_made_with() -> None:
    world = OnePartition()
    world.subscriber()
    calls = [world.attempt(f"s{n}") for n in range(3)]
    for call in calls[:2]:
        world.answer(call, "unknown", reason="timeout")
    assert {one.client_id for one in unsettled(world.view, PARTITION, KEY)} == {call.client_id for call in calls[:2]}
