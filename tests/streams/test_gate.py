"""What a worker knows of its accounts' providers, and what its deciders are told."""

import logging
from dataclasses import replace

import pytest

from connectors.carriers.base import Accepted, Answer, RateHeaders, Refused, Unknown
from events.account import Connector
from events.shape import Class
from projections.account import Account
from streams.gate import BULK, Gates, PartitionGate
from streams.leave import GO
from tests.streams.memory_world import NOON

MINUTE = 60_000
NO_TOKEN = Refused(401, "the token is not valid", final=False, scope="account")


def connector(token: str) -> Connector:
    return Connector.model_validate({"provider": "instasent", "token": {"sealed": token}})


ACME = Account("acme", 1, connector=connector("v1.a"))
OTHER = Account("other", 1, connector=connector("v1.b"))


def told(
    gates: Gates, answer: Answer, messages: int = 1, class_: Class = "transactional", now: int = NOON
) -> int | None:
    return gates.told("acme", class_, [answer] * messages, now)


def limited(limit: int, remaining: int) -> Gates:
    """A provider that counts calls, as two of a hundred have shown."""
    gates = Gates()
    calls: list[tuple[Class, int]] = [("transactional", 1), ("newsletter", BULK), ("newsletter", BULK)]
    for after, (class_, messages) in zip((2, 1, 0), calls, strict=True):
        gates.ask(ACME, class_, NOON, waited=False)
        told(gates, Accepted("sms-1", RateHeaders(limit, remaining + after, NOON + MINUTE)), messages, class_)
    return gates


def test_newsletters_of_one_commit_share_calls_of_a_hundred_and_one_token_each() -> None:
    gates = limited(1_000, 999)
    gate = PartitionGate(gates)
    before = gates.line(ACME).bucket.left
    assert [gate.ask(ACME, "newsletter", NOON + 1, waited=False) for _ in range(250)] == [GO] * 250
    assert before - gates.line(ACME).bucket.left == 3


def test_transactional_sends_take_a_token_each() -> None:
    gates = limited(1_000, 999)
    gate = PartitionGate(gates)
    before = gates.line(ACME).bucket.left
    assert [gate.ask(ACME, "transactional", NOON + 1, waited=False) for _ in range(7)] == [GO] * 7
    assert before - gates.line(ACME).bucket.left == 7


def test_a_hundred_thousand_queued_newsletters_get_a_time_for_each_hundred_and_a_password_goes_at_once() -> None:
    gate = PartitionGate(limited(1_000, 999))
    leaves = [gate.ask(ACME, "newsletter", NOON + 1, waited=False) for _ in range(100_000)]
    times = [leave.until for leave in leaves if leave.until is not None]
    assert {leave.reason for leave in leaves} == {None, "rate"}
    assert len(times) > 98_000
    assert times == sorted(times)
    assert all(times.count(at) <= BULK for at in set(times[:2_000]))
    assert len(set(times)) == -(-len(times) // BULK)
    assert gate.ask(ACME, "transactional", NOON + 1, waited=False) == GO


def test_when_its_time_has_come_each_hundred_goes_and_nothing_is_put_off_twice() -> None:
    gates = limited(1_000, 999)
    gate = PartitionGate(gates)
    waiting = [
        leave.until for _ in range(20_000) if (leave := gate.ask(ACME, "newsletter", NOON + 1, waited=False)).until
    ]
    again = 0
    for at in sorted(set(waiting)):
        for _ in range(waiting.count(at)):
            again += gate.ask(ACME, "newsletter", at, waited=True) != GO
        told(gates, Accepted("sms", RateHeaders(1_000, 900, NOON + MINUTE)), BULK, "newsletter", at)
    assert again == 0


def test_where_messages_are_counted_a_hundred_newsletters_take_a_hundred_tokens() -> None:
    gates = limited(1_000, 999)
    gates.line(ACME).bucket.by_message = True
    gate = PartitionGate(gates)
    granted = sum(gate.ask(ACME, "newsletter", NOON + 1, waited=False) == GO for _ in range(2_000))
    assert granted < 20
    leaves = [gate.ask(ACME, "newsletter", NOON + 1, waited=False) for _ in range(300)]
    times = sorted({leave.until or 0 for leave in leaves})
    assert times[1] - times[0] == pytest.approx(100 * MINUTE / 900, abs=1)


@pytest.mark.parametrize(
    "answer",
    [
        NO_TOKEN,
        Refused(402, "no funds", final=False, scope="account"),
        Refused(404, "not found", final=False, scope="account"),
        Unknown("server_error", "HTTP 402 to a batch", account=True),
    ],
)
def test_a_fault_of_the_account_stops_its_calls_and_nobody_else_s(answer: Answer) -> None:
    gates = Gates()
    gate = PartitionGate(gates)
    gate.ask(ACME, "transactional", NOON, waited=False)
    told(gates, answer)
    for class_ in ("transactional", "newsletter"):
        leave = gate.ask(ACME, class_, NOON + 1, waited=False)
        assert leave.reason == "circuit"
        assert leave.until is not None
        assert leave.until >= NOON + 5_000
        assert gate.ask(OTHER, class_, NOON + 1, waited=False) == GO
    assert gates.open_circuits() == ["acme"]


def test_a_circuit_heals_by_one_probe_of_one_message_and_says_so_once_each(caplog: pytest.LogCaptureFixture) -> None:
    gates = Gates()
    gate = PartitionGate(gates)
    with caplog.at_level(logging.WARNING):
        gate.ask(ACME, "newsletter", NOON, waited=False)
        for _ in range(3):
            told(gates, NO_TOKEN, BULK, "newsletter")
        at = NOON + 5_000
        first, *rest = [gate.ask(ACME, "newsletter", at, waited=True) for _ in range(BULK)]
        assert first == GO
        assert {leave.reason for leave in rest} == {"circuit"}
        told(gates, Accepted("sms-1"), 1, "newsletter", at + 40)
        assert gate.ask(ACME, "newsletter", at + 2_000, waited=True) == GO
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert "acme" in caplog.text
    assert "v1.a" not in caplog.text


def test_another_connector_is_called_at_once() -> None:
    gates = Gates()
    gate = PartitionGate(gates)
    gate.ask(ACME, "transactional", NOON, waited=False)
    told(gates, NO_TOKEN)
    mended = replace(ACME, connector=connector("v1.new"))
    assert gate.ask(mended, "transactional", NOON + 1, waited=False) == GO
    assert gates.open_circuits() == []


def test_an_account_whose_other_settings_change_is_known_as_before() -> None:
    gates = Gates()
    gate = PartitionGate(gates)
    gate.ask(ACME, "transactional", NOON, waited=False)
    told(gates, NO_TOKEN)
    renamed = replace(ACME, version=2, connector=connector("v1.a"))
    assert gate.ask(renamed, "transactional", NOON + 1, waited=False).reason == "circuit"


def test_what_a_429_refused_asks_again_after_the_reset_a_bulk_together() -> None:
    gates = Gates()
    gates.ask(ACME, "newsletter", NOON, waited=False)
    over = Refused(429, "too many requests", final=False, scope="rate", rate=RateHeaders(10, 0, NOON + 30_000))
    assert told(gates, over, BULK, "newsletter") == NOON + 30_000
    assert told(gates, over, BULK, "newsletter") != NOON + 30_000, "the next bulk has a time of its own"
    assert gates.open_circuits() == []


def test_failures_of_the_network_open_it_only_in_a_row() -> None:
    gates = Gates()
    gates.ask(ACME, "transactional", NOON, waited=False)
    gone = Refused(None, "no connection", final=False)
    for _ in range(4):
        assert told(gates, gone) is None
    told(gates, Accepted("sms"))
    for _ in range(4):
        told(gates, Unknown("timeout"))
    assert gates.open_circuits() == []
    told(gates, Unknown("server_error"))
    assert gates.open_circuits() == ["acme"]


def test_a_call_that_was_withheld_says_nothing_of_the_provider() -> None:
    gates = Gates()
    gates.ask(ACME, "transactional", NOON, waited=False)
    for _ in range(50):
        told(gates, Refused(None, "not called", final=False, scope="withheld"))
    assert gates.open_circuits() == []


def test_on_an_open_circuit_the_fallback_is_offered_while_it_is_well_itself() -> None:
    gates = Gates()
    gate = PartitionGate(gates)
    both = replace(ACME, fallback=connector("v1.second"))
    gate.ask(both, "transactional", NOON, waited=False)
    assert not gate.ask(both, "transactional", NOON, waited=False).fallback
    told(gates, NO_TOKEN)
    leave = gate.ask(both, "transactional", NOON + 1, waited=False)
    assert (leave.fallback, leave.reason, leave.until) == (True, "circuit", NOON + 5_000)
    gates.told("acme", "transactional", [NO_TOKEN], NOON + 2, fallback=True)
    assert not gate.ask(both, "transactional", NOON + 3, waited=False).fallback
