"""The circuit breaker: opens for what only a person mends, or for a run of failures, and heals by itself."""

import pytest

from streams.circuit import AGAIN, FAILURES, PROBING, Circuit, End
from tests.streams.memory_world import NOON


def test_a_circuit_begins_closed_and_stays_so_while_calls_end_well() -> None:
    circuit = Circuit()
    assert circuit.wait(NOON) is None
    assert not circuit.ended("well", NOON)
    assert not circuit.probe(NOON), "no call is a probe"


def test_what_only_a_person_can_mend_opens_it_at_once() -> None:
    circuit = Circuit()
    assert circuit.ended("account", NOON)
    assert circuit.wait(NOON) == NOON + 5_000


def test_failures_open_it_when_several_follow_each_other() -> None:
    circuit = Circuit()
    for _ in range(FAILURES - 1):
        assert not circuit.ended("failure", NOON)
    assert not circuit.ended("well", NOON)
    for _ in range(FAILURES - 1):
        assert not circuit.ended("failure", NOON)
    assert circuit.wait(NOON) is None
    assert circuit.ended("failure", NOON)
    assert circuit.wait(NOON) == NOON + 2_000


def test_one_call_is_let_through_to_see_and_the_others_wait_for_it() -> None:
    circuit = Circuit()
    circuit.ended("account", NOON)
    at = NOON + 5_000
    assert circuit.wait(at) is None
    assert circuit.probe(at)
    assert circuit.wait(at) == at + AGAIN
    assert circuit.ended("well", at + 100), "it is closed, and that is news"
    assert circuit.wait(at + 100) is None


def test_a_probe_that_is_lost_holds_up_nobody_for_ever() -> None:
    circuit = Circuit()
    circuit.ended("account", NOON)
    circuit.probe(NOON + 5_000)
    assert circuit.wait(NOON + 5_000 + PROBING) is None


@pytest.mark.parametrize(
    ("end", "seconds"),
    [("account", [5, 10, 20, 40, 80, 160, 300, 300]), ("failure", [2, 4, 8, 16, 32, 60, 60, 60])],
)
def test_it_opens_for_longer_each_time_in_a_row_and_says_so_once(end: End, seconds: list[int]) -> None:
    circuit, now, news = Circuit(), NOON, []
    for _ in range(FAILURES - 1 if end == "failure" else 0):
        circuit.ended(end, now)
    for each in seconds:
        news.append(circuit.ended(end, now))
        until = circuit.wait(now)
        assert until == now + each * 1_000
        now = until
        circuit.probe(now)
    assert news == [True] + [False] * (len(seconds) - 1)
    circuit.ended("well", now)
    circuit.ended("account", now)
    assert circuit.wait(now) == now + 5_000, "after a good end it begins anew"


def test_calls_that_were_under_way_when_it_opened_do_not_open_it_for_longer() -> None:
    circuit = Circuit()
    circuit.ended("account", NOON)
    for late in range(1, 60):
        assert not circuit.ended("account", NOON + late)
    assert circuit.wait(NOON + 60) == NOON + 5_000
