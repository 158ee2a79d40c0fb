"""Faults by rule, by number, by chance from a seed; ordered and forgotten while it runs."""

import asyncio
from typing import Any

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from connectors.simulator.faults import FaultBook, chance
from connectors.simulator.settings import Fault

KEYS = [f"c-{n}" for n in range(500)]


def struck(book: FaultBook, keys: list[str]) -> set[str]:
    return {key for key in keys if book.answer("sms", ("+34600000001",), key) is not None}


@forall(st.integers(0, 2**32), st.permutations(KEYS))
def test_the_same_seed_strikes_the_same_messages_in_whatever_order(seed: int, keys: list[str]) -> None:
    rule = Fault(kind="drop_after", probability=0.3)
    assert struck(FaultBook(seed, [rule]), keys) == struck(FaultBook(seed, [rule]), KEYS)


def test_chance_strikes_about_as_often_as_it_says_and_another_seed_others() -> None:
    rule = Fault(kind="drop_after", probability=0.3)
    first, second = struck(FaultBook(1, [rule]), KEYS), struck(FaultBook(2, [rule]), KEYS)
    assert 100 < len(first) < 200
    assert first != second
    assert struck(FaultBook(1, [Fault(kind="drop_after", probability=0)]), KEYS) == set()


@forall(st.integers(), st.integers(), st.text())
def test_chance_is_below_one(seed: int, rule: int, key: str) -> None:
    assert 0 <= chance(seed, rule, key) < 1


def test_a_numbers_own_fault_comes_before_the_general_one_and_each_as_often_as_ordered() -> None:
    general, own = Fault(kind="status", times=2), Fault(kind="drop_before", to="+34600000001", times=1)
    book = FaultBook(0, [general, own])
    met = [book.answer("sms", ("+34600000001",), str(n)) for n in range(4)]
    assert met == [own, general, general, None]
    assert book.active() == []


def test_messages_without_a_client_id_meet_chance_one_by_one() -> None:
    book = FaultBook(0)
    assert [book.key(None, "+1"), book.key(None, "+1"), book.key(None, "+2"), book.key("c", "+1")] == [
        "+1#1",
        "+1#2",
        "+2#1",
        "c",
    ]


def test_faults_are_ordered_shown_and_forgotten_over_http(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation() as given:
            fault = {"kind": "status", "to": "+34600000001", "status": 503}
            assert (await given.ask("POST", "/_sim/faults", fault)).body == [fault]
            more = [{"kind": "slow", "seconds": 0.01}, {"kind": "callback_lost", "times": 1}]
            assert (await given.ask("POST", "/_sim/faults", more)).status == 200
            assert (await given.ask("GET", "/_sim/faults")).body == [fault, *more]
            assert (await given.send()).status == 503
            assert (await given.send(to="+34600000002")).status == 201
            assert (await given.ask("DELETE", "/_sim/faults")).body == []
            assert (await given.send()).status == 201

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("path", "order", "named"),
    [
        ("faults", {"kind": "explode"}, "kind"),
        ("faults", {"kind": "slow", "seconds": -1}, "seconds"),
        ("faults", {"kind": "slow", "speed": 1}, "speed"),
        ("faults", b"{", ""),
        ("faults", {"kind": "status", "probability": 2}, "probability"),
        ("journeys", {"to": "+1"}, "steps"),
        ("tokens", {"token": ""}, "token"),
        ("inbound", {"token": "nobody"}, "token"),
        ("inbound", {"token": "t0k3n", "to": "+34699999999"}, "to"),
    ],
)
def test_an_order_that_cannot_be_read_is_refused_by_field(simulation: Any, path: str, order: Any, named: str) -> None:
    async def scenario() -> None:
        async with simulation() as given:
            reply = await given.ask("POST", f"/_sim/{path}", order)
            assert reply.status == 422
            assert named in reply.body["message"]

    asyncio.run(scenario())


def test_a_slow_answer_is_the_right_one(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation(faults=[{"kind": "slow", "seconds": 0.05}]) as given:
            begun = asyncio.get_running_loop().time()
            assert (await given.send()).status == 201
            assert asyncio.get_running_loop().time() - begun >= 0.05

    asyncio.run(scenario())


def test_every_answer_takes_the_configured_time(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation(latency=0.05) as given:
            begun = asyncio.get_running_loop().time()
            await asyncio.gather(*(given.send(f"c-{n}") for n in range(20)))
            assert 0.05 <= asyncio.get_running_loop().time() - begun < 1, "together, not one by one"

    asyncio.run(scenario())
