"""What the provider's own list says of an attempt, and that evidence of any kind in any order ends alike."""

from collections.abc import Callable
from itertools import combinations, permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.answer import AnswerReceived
from events.message import MessageStateChanged
from events.send import SendAccepted
from projections import keyspace
from projections.send import Call
from projections.unsettled import Unsettled, unsettled
from streams.deciders.answer import RESOLVE_WITHIN
from streams.deciders.receipt import STATUSES, TWILIO
from tests.streams.one_partition import KEY, PARTITION, OnePartition, folded, rebuilt

LIST: dict[str, Any] = {"evidence": "list"}


@pytest.fixture
def world() -> OnePartition:
    world = OnePartition()
    world.subscriber()
    return world


def _unknown(world: OnePartition, send_id: str = "s") -> Call:
    call = world.attempt(send_id)
    world.answer(call, "unknown", reason="timeout")
    return call


def test_an_attempt_that_the_list_has_was_accepted_and_stands_as_the_list_says(world: OnePartition) -> None:
    call = _unknown(world)
    assert world.listed(call, "delivered", code=0) == [
        SendAccepted("s", 1, f"p-{call.client_id}", LIST),
        MessageStateChanged("s", 1, "accepted", "delivered", "delivered", 0, None, None),
    ]
    assert world.wait(RESOLVE_WITHIN) == []


def test_a_list_without_statuses_settles_all_the_same(world: OnePartition) -> None:
    call = _unknown(world)
    assert world.listed(call, None) == [SendAccepted("s", 1, f"p-{call.client_id}", LIST)]


@pytest.mark.parametrize("status", sorted({*STATUSES, *TWILIO}))
@pytest.mark.parametrize("provider", ["instasent", "twilio"])
def test_whatever_word_the_list_has_the_provider_took_it(world: OnePartition, status: str, provider: str) -> None:
    call = _unknown(world)
    world.listed(call, status, provider=provider)
    assert world.send(call).attempts[0].outcome == "accepted"
    assert world.view.scan(b"x/", 10) == []
    assert world.wait(RESOLVE_WITHIN * 2) == [] or status == "unknown"
    assert len(world.calls) == 1


def test_what_the_list_repeats_changes_nothing(world: OnePartition) -> None:
    call = _unknown(world)
    for status in ("sent", "a word of next year", "unknown"):
        world.listed(call, status)
        before = dict(world.view.values)
        assert world.listed(call, status) == []
        same = {key: value for key, value in world.view.values.items() if not key.startswith(keyspace.SEEN)}
        assert same == {key: value for key, value in before.items() if not key.startswith(keyspace.SEEN)}


@pytest.mark.parametrize("status", ["unknown", "a word of next year", "stop", ""])
def test_a_word_that_moves_no_message_is_no_news_in_a_list(world: OnePartition, status: str) -> None:
    call = world.attempt()
    world.answer(call, provider_id="p")
    assert world.listed(call, status) == []


def test_a_message_without_receipts_is_followed_by_what_the_list_says_of_it(world: OnePartition) -> None:
    call = world.attempt()
    world.answer(call, provider_id="p")
    assert world.listed(call, "failed", code=3) == [
        MessageStateChanged("s", 1, "accepted", "failed", "failed", 3, None, "hard")
    ]


def test_what_was_refused_and_listed_all_the_same_is_not_sent_again(world: OnePartition) -> None:
    call = world.attempt()
    world.answer(call, "refused", status=429, final=False)
    world.listed(call, "sent")
    assert world.wait(RESOLVE_WITHIN) == []
    assert len(world.calls) == 1


def test_the_list_of_one_send_says_nothing_of_another(world: OnePartition) -> None:
    one, other = _unknown(world, "s1"), _unknown(world, "s2")
    world.listed(one)
    assert [one.client_id for one in unsettled(world.view, PARTITION, KEY)] == [other.client_id]


def test_the_index_says_which_attempt_is_unknown_and_when_it_was_made(world: OnePartition) -> None:
    made = world.now
    call = world.attempt()
    world.now += 20_000
    assert unsettled(world.view, PARTITION, KEY) == []
    world.answer(call, "unknown", reason="timeout")
    expected = Unsettled("acme", call.subject, PARTITION, "s", 1, call.client_id, made)
    assert unsettled(world.view, PARTITION, KEY) == unsettled(rebuilt(world.facts), PARTITION, KEY) == [expected]
    world.wait(RESOLVE_WITHIN)
    assert unsettled(world.view, PARTITION, KEY) == []


def test_only_what_was_accepted_can_be_listed() -> None:
    listed = {"send_id": "s", "attempt": 1, "client_id": "c", "report": {"provider": "instasent"}}
    for outcome in ({"outcome": "refused", "final": True}, {"outcome": "unknown", "reason": "timeout"}):
        with pytest.raises(ValueError, match="what the provider lists was accepted"):
            AnswerReceived.of_json({**listed, **outcome})


# --- any order ------------------------------------------------------------------------------------------------------

Evidence = Callable[[OnePartition, Call], object]
EVIDENCE: dict[str, Evidence] = {
    "the answer, late": lambda world, call: world.answer(call, provider_id="p1"),
    "the list, early": lambda world, call: world.listed(call, "enqueued"),
    "the list, later": lambda world, call: world.listed(call, "delivered"),
    "a receipt": lambda world, call: world.receipt(call.client_id, "sent"),
    "a later receipt": lambda world, call: world.receipt(call.client_id, "delivered"),
    "an operator": lambda world, call: world.settle(call, "accepted"),
    "no answer": lambda world, call: world.answer(call, "unknown", reason="timeout"),
}


def _end(names: tuple[str, ...]) -> tuple[object, ...]:
    world = OnePartition()
    world.subscriber()
    call = _unknown(world)
    for name in names:
        EVIDENCE[name](world, call)
    assert folded(rebuilt(world.facts)) == folded(world.view)
    assert len(world.calls) == 1
    sent, owner = world.send(call), world.contact()
    attempt = sent.attempts[0]
    return sent.phase, sent.due, attempt.outcome, attempt.state, attempt.bounce, owner.phone_status, owner.bounces


@pytest.mark.parametrize("chosen", list(combinations(sorted(EVIDENCE), 3)))
def test_three_pieces_of_evidence_end_alike_in_every_order(chosen: tuple[str, ...]) -> None:
    ends = {_end(order) for order in permutations(chosen)}
    assert len(ends) == 1


@given(st.lists(st.sampled_from(sorted(EVIDENCE)), min_size=2, max_size=10), st.randoms(use_true_random=False))
def test_evidence_in_any_order_and_any_number_of_times_ends_alike(names: list[str], random: Any) -> None:
    shuffled = [*names, random.choice(names)]
    random.shuffle(shuffled)
    assert _end(tuple(shuffled)) == _end(tuple(names))
