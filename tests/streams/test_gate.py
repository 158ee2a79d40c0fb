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


def connector(token: str, provider: str = "instasent") -> Connector:
    return Connector.model_validate({"provider": provider, "token": {"sealed": token}})


ACME = Account("acme", 1, connector=connector("v1.a"))
BOTH = replace(ACME, fallback=connector("v1.second"))
TWILIO = replace(ACME, connector=connector("v1.t", "twilio"))
THROTTLED = Refused(429, "", final=False, scope="rate")
OTHER = Account("other", 1, connector=connector("v1.b"))


def told(
    gates: Gates, answer: Answer, messages: int = 1, class_: Class = "transactional", now: int = NOON
) -> int | None:
    return gates.told("acme", class_, [answer] * messages, now)


def limited(limit: int) -> Gates:
    """A provider that counts calls, as two of a hundred have shown."""
    gates = Gates()
    gates.ask(ACME, "transactional", NOON, waited=False)
    told(gates, Accepted("sms-1", RateHeaders(limit, limit - 1, NOON + MINUTE)))
    for call in (1, 2):
        gate = PartitionGate(gates)
        assert [gate.ask(ACME, "newsletter", NOON, waited=False) for _ in range(BULK)] == [GO] * BULK
        told(gates, Accepted("sms-1", RateHeaders(limit, limit - call, NOON + MINUTE)), BULK, "newsletter")
    return gates


def test_newsletters_of_one_commit_share_calls_of_a_hundred_and_one_token_each() -> None:
    gates = limited(1_000)
    gate = PartitionGate(gates)
    line = gates.line(ACME)
    single, many = line.single.left, line.many.left
    assert [gate.ask(ACME, "newsletter", NOON + 1, waited=False) for _ in range(250)] == [GO] * 250
    assert (single - line.single.left, many - line.many.left) == (0, 3)


def test_transactional_sends_take_a_token_each() -> None:
    gates = limited(1_000)
    gate = PartitionGate(gates)
    before = gates.line(ACME).single.left
    assert [gate.ask(ACME, "transactional", NOON + 1, waited=False) for _ in range(7)] == [GO] * 7
    assert before - gates.line(ACME).single.left == 7


def test_a_hundred_thousand_queued_newsletters_get_a_time_for_each_hundred_and_a_password_goes_at_once() -> None:
    gate = PartitionGate(limited(1_000))
    leaves = [gate.ask(ACME, "newsletter", NOON + 1, waited=False) for _ in range(100_000)]
    times = [leave.until for leave in leaves if leave.until is not None]
    assert {leave.reason for leave in leaves} == {None, "rate"}
    assert len(times) > 98_000
    assert times == sorted(times)
    assert all(times.count(at) <= BULK for at in set(times[:2_000]))
    assert len(set(times)) == -(-len(times) // BULK)
    assert gate.ask(ACME, "transactional", NOON + 1, waited=False) == GO


def test_when_its_time_has_come_each_hundred_goes_and_nothing_is_put_off_twice() -> None:
    gates = limited(1_000)
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
    gates = limited(1_000)
    gates.line(ACME).many.unit.by_message = True
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
    gate.ask(BOTH, "transactional", NOON, waited=False)
    assert not gate.ask(BOTH, "transactional", NOON, waited=False, may_fall_back=True).fallback
    told(gates, NO_TOKEN)
    leave = gate.ask(BOTH, "transactional", NOON + 1, waited=False, may_fall_back=True)
    assert (leave.fallback, leave.reason, leave.until) == (True, "circuit", NOON + 5_000)
    gates.told("acme", "transactional", [NO_TOKEN], NOON + 2, fallback=True)
    assert not gate.ask(BOTH, "transactional", NOON + 3, waited=False, may_fall_back=True).fallback


@pytest.mark.parametrize("class_", ["transactional", "newsletter"])
def test_what_may_not_fall_back_takes_no_probe_of_the_second_provider_s(class_: Class) -> None:
    gates = Gates()
    gate = PartitionGate(gates)
    for fallback in (False, True):
        gates.line(BOTH, fallback)
        gates.told("acme", class_, [NO_TOKEN], NOON - 6_000 * fallback, fallback=fallback)
    assert not gate.ask(BOTH, class_, NOON + 1, waited=False).fallback
    assert gate.ask(BOTH, class_, NOON + 1, waited=False, may_fall_back=True).fallback
    assert not gate.ask(BOTH, class_, NOON + 1, waited=False, may_fall_back=True).fallback, "one probe at a time"


def test_newsletters_that_fall_back_share_calls_and_no_other_joins_them() -> None:
    gates = Gates()
    gate = PartitionGate(gates)
    gates.line(BOTH)
    told(gates, NO_TOKEN)
    went = [gate.ask(BOTH, "newsletter", NOON + 1, waited=False, may_fall_back=True).fallback for _ in range(7)]
    assert went == [True] * 7
    assert not gate.ask(BOTH, "newsletter", NOON + 1, waited=False).fallback
    other = gates.line(BOTH, fallback=True)
    assert (other.many._out_calls, other.many._out_messages, other.single._out_calls) == (1, 7, 0)


def test_a_bulk_s_answer_says_nothing_of_where_single_sms_go() -> None:
    """Another system used up the one endpoint: passwords waited a minute for it."""
    over = RateHeaders(1_200, 0, NOON + MINUTE)
    for answer in (Accepted("sms", over), Refused(429, "", final=False, scope="rate", rate=over)):
        gates = Gates()
        gate = PartitionGate(gates)
        gate.ask(ACME, "transactional", NOON, waited=False)
        told(gates, Accepted("sms", RateHeaders(1_200, 1_199, NOON + MINUTE)))
        assert [gate.ask(ACME, "newsletter", NOON, waited=False) for _ in range(2)] == [GO] * 2
        told(gates, answer, 2, "newsletter")
        assert gate.ask(ACME, "transactional", NOON + 50, waited=False) == GO
        (until,) = {gate.ask(ACME, "newsletter", NOON + 51, waited=False).until for _ in range(9)}
        assert until is not None
        assert until >= NOON + MINUTE


def test_nor_does_an_answer_to_a_single_sms_of_the_bulks() -> None:
    gates = Gates()
    gate = PartitionGate(gates)
    gate.ask(ACME, "transactional", NOON, waited=False)
    told(gates, Refused(429, "", final=False, scope="rate", rate=RateHeaders(1_200, 0, NOON + MINUTE)))
    assert (gate.ask(ACME, "transactional", NOON, waited=False).until or 0) >= NOON + MINUTE
    for now, many in ((NOON, 1), (NOON + 20, 20)):
        assert [gate.ask(ACME, "newsletter", now, waited=False) for _ in range(many)] == [GO] * many
        told(gates, Accepted("sms", RateHeaders(1_200, 1_199, NOON + MINUTE)), many, "newsletter", now)


def test_newsletters_take_nothing_from_where_passwords_go_a_lone_one_neither() -> None:
    gates = limited(1_000)
    gate, line = PartitionGate(gates), gates.line(ACME)
    before = line.single.left, line.single._out_calls
    for now in range(NOON + 1_000, NOON + 11_000, 1_000):
        assert gate.ask(ACME, "newsletter", now, waited=False) == GO
        told(gates, Accepted("sms", RateHeaders(1_000, 990, NOON + MINUTE)), 1, "newsletter", now + 1)
    assert (line.single.left, line.single._out_calls) == before


def test_a_bulk_of_more_than_the_limit_that_is_refused_is_made_smaller() -> None:
    """Where messages are counted each bulk of a hundred had a 429, in every window, for ever."""
    gates = Gates()
    gate = PartitionGate(gates)
    assert [gate.ask(ACME, "newsletter", NOON, waited=False) for _ in range(BULK)] == [GO] * BULK
    over = Refused(429, "", final=False, scope="rate", rate=RateHeaders(40, 0, NOON + MINUTE))
    again = told(gates, over, BULK, "newsletter")
    assert again == NOON + MINUTE
    went = [gate.ask(ACME, "newsletter", again, waited=True) == GO for _ in range(BULK)]
    assert 10 < went.count(True) <= 40
    late = {gate.ask(ACME, "newsletter", again + 1, waited=False).until or 0 for _ in range(BULK)}
    assert len(late) >= 2, "and those that wait share a place of no more than a window takes"


@pytest.mark.parametrize("class_", ["transactional", "newsletter"])
def test_what_was_withheld_leaves_its_tokens_and_its_pace_to_others(class_: Class) -> None:
    """At a rebalance eleven of twelve were not called: the next password waited for the window's end."""
    gates = limited(12)
    line, before = gates.line(ACME), []
    bucket = line.bucket(class_)
    bucket.left = 12.0
    before = [bucket.left, bucket._paced, bucket._out_calls, bucket._out_messages]
    withheld = Refused(None, "not called", final=False, scope="withheld")
    gates_of = [PartitionGate(gates) for _ in range(9)]
    for gate in gates_of:
        assert gate.ask(ACME, class_, NOON + MINUTE // 2, waited=True) == GO
    for _ in gates_of:
        told(gates, withheld, 1, class_, NOON + MINUTE // 2)
    after = [bucket.left, bucket._paced, bucket._out_calls, bucket._out_messages]
    if class_ == "transactional":
        assert after == before
    else:
        assert after == [before[0], pytest.approx(NOON + MINUTE // 2, abs=1), *before[2:]]


def test_what_was_withheld_says_nothing_and_leaves_the_probe_of_another_alone() -> None:
    gates = Gates()
    gates.line(ACME)
    told(gates, Refused(None, "not called", final=False, scope="withheld"), BULK, "newsletter")
    assert not gates.line(ACME).many._heard
    told(gates, NO_TOKEN)
    at = NOON + 5_000
    assert gates.ask(ACME, "transactional", at, waited=True).leave == GO
    told(gates, Refused(None, "not called", final=False, scope="withheld"), now=at + 1)
    assert gates.ask(ACME, "transactional", at + 2, waited=True).leave.reason == "circuit"


def test_fresh_newsletters_do_not_wait_behind_places_whose_owners_were_cancelled() -> None:
    gates = limited(1_200)
    gates.line(ACME).many.unit.by_message = True
    gate = PartitionGate(gates)
    places = [gate.ask(ACME, "newsletter", NOON + 1, waited=False).until or 0 for _ in range(20_000)]
    assert max(places) > NOON + 10 * MINUTE
    due = [at for at in places if NOON + 2 < at < NOON + MINUTE]
    for at in sorted(set(due)):
        gate.ask(ACME, "newsletter", at, waited=True)
    fresh = gate.ask(ACME, "newsletter", NOON + MINUTE, waited=False)
    assert fresh.until is not None, "some come, so the others will"
    later = NOON + 3 * MINUTE
    assert PartitionGate(gates).ask(ACME, "newsletter", later, waited=False) == GO, "nobody came for two minutes"


def test_a_provider_with_one_endpoint_has_one_limit_for_all_and_each_sms_is_a_call() -> None:
    gates = Gates()
    gate = PartitionGate(gates)
    assert [gate.ask(TWILIO, "newsletter", NOON, waited=False) for _ in range(16)] == [GO] * 16
    assert gates.line(TWILIO).single._out_calls == 16
    gates.told("acme", "newsletter", [THROTTLED] * 16, NOON)
    assert gates.line(TWILIO).single._out_calls == 0
    assert gate.ask(TWILIO, "newsletter", NOON + 1, waited=False).reason == "rate"
    gates.told("acme", "transactional", [THROTTLED], NOON + 1)
    assert gate.ask(TWILIO, "transactional", NOON + 2, waited=False).reason == "rate"


@pytest.mark.parametrize("at", [0, 7, 15], ids=["first", "in between", "last"])
def test_of_answers_given_beside_each_other_all_are_heard(at: int) -> None:
    """A good one among them made fifteen time-outs, or refusals for the rate, go unheard."""
    for worse in (Unknown("timeout"), THROTTLED):
        gates = Gates()
        gate = PartitionGate(gates)
        for _ in range(16):
            gate.ask(TWILIO, "newsletter", NOON, waited=False)
        answers: list[Answer] = [worse] * 15
        answers.insert(at, Accepted("sms"))
        retry_at = gates.told("acme", "newsletter", answers, NOON)
        assert retry_at is not None
        assert retry_at >= NOON + 1_000
        leave = gate.ask(TWILIO, "newsletter", NOON + 1, waited=False)
        assert leave.reason == ("rate" if worse is THROTTLED else "circuit")
        assert gates.open_circuits() == ([] if worse is THROTTLED else ["acme"])


def test_fifteen_refusals_for_the_rate_at_once_count_as_one_for_how_long_to_wait() -> None:
    gates = Gates()
    gates.line(TWILIO)
    retry_at = gates.told("acme", "newsletter", [THROTTLED] * 16, NOON)
    assert retry_at is not None
    assert retry_at <= NOON + 1_500


def test_a_bulk_handed_over_in_parts_is_heard_call_by_call_and_gives_back_what_was_booked() -> None:
    gates = limited(1_200)
    gate, line = PartitionGate(gates), gates.line(ACME)
    gate.ask(ACME, "transactional", NOON, waited=False)
    for _ in range(5):
        gate.ask(ACME, "newsletter", NOON, waited=False)
    reset = NOON + MINUTE
    half = Accepted("sms", RateHeaders(1_200, 900, reset))
    ones = [Accepted("sms", RateHeaders(1_200, left, reset)) for left in (30, 29)]
    gates.told("acme", "newsletter", [half, half, half, *ones], NOON + 1)
    assert (line.many._out_calls, line.many._out_messages, line.many.left) == (0, 0, 29)
    assert line.single._out_calls == 1


def test_a_provider_that_takes_no_request_of_an_account_is_not_called_on_and_the_log_says_so_now_and_then(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Answering 403 to everything, it had a whole campaign fail for good, and nobody knew."""
    forbidden = Refused(403, "+34600000000 may not", final=True, scope="request")
    gates = Gates()
    gate = PartitionGate(gates)
    with caplog.at_level(logging.WARNING):
        for number in range(4):
            gate.ask(ACME, "transactional", NOON + number, waited=False)
            told(gates, forbidden, now=NOON + number)
        assert gates.open_circuits() == []
        assert len(caplog.records) == 1, "not a line for each"
        told(gates, forbidden, now=NOON + 5)
    assert gates.open_circuits() == ["acme"]
    assert gate.ask(ACME, "newsletter", NOON + 6, waited=False).reason == "circuit"
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
    assert "403" in caplog.text
    assert "+34600000000" not in caplog.text
    caplog.clear()
    told(gates, forbidden, now=NOON + MINUTE)
    assert "SMS that failed for good: 5" in caplog.text


def test_of_a_bulk_that_fails_for_good_as_a_whole_no_second_one_follows() -> None:
    gates = Gates()
    gate = PartitionGate(gates)
    for _ in range(BULK):
        gate.ask(ACME, "newsletter", NOON, waited=False)
    told(gates, Refused(403, "no", final=True, scope="request"), BULK, "newsletter")
    assert gate.ask(ACME, "newsletter", NOON + 1, waited=False).reason == "circuit"


def test_a_request_that_is_refused_among_others_that_are_taken_opens_nothing() -> None:
    gates = Gates()
    gates.line(ACME)
    for good in (Accepted("sms"), Refused(422, "to", final=True, scope="message")) * 5:
        for _ in range(4):
            told(gates, Refused(400, "what?", final=True, scope="request"))
        told(gates, good)
    assert gates.open_circuits() == []
