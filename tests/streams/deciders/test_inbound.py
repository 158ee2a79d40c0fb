"""What contacts reply."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.contact import SubscriptionChanged
from events.examples import SEVEN
from events.message import InboundReceived
from projections.send import Call
from tests.streams.one_partition import OnePartition, rebuilt, said

EVA = "+34612345679"


def _sent(**data: Any) -> tuple[OnePartition, Call]:
    world = OnePartition()
    world.subscriber()
    world.now += 1000
    call = world.attempt(**data)
    world.answer(call, provider_id="p")
    world.now += 1000
    return world, call


def test_an_opt_out_word_unsubscribes() -> None:
    world, call = _sent()
    heard, changed = said(world.receipt(call.client_id, message="¡Baja!"))
    assert heard == InboundReceived("¡Baja!", "stop", "s", 1)
    assert changed == SubscriptionChanged("subscribed", "unsubscribed", "keyword", "replied '¡Baja!'")


def test_the_provider_s_own_opt_out_counts_whatever_the_text() -> None:
    world, call = _sent()
    heard, changed = said(world.receipt(call.client_id, "stop"))
    assert heard == InboundReceived("", "stop", "s", 1)
    assert isinstance(changed, SubscriptionChanged)
    assert changed.to == "unsubscribed"


def test_an_opt_in_word_subscribes_again() -> None:
    world, call = _sent()
    world.receipt(call.client_id, message="baja", event_at=world.now - 2)
    *_, changed = said(world.receipt(call.client_id, message="alta", event_at=world.now - 1))
    assert changed == SubscriptionChanged("unsubscribed", "subscribed", "keyword", "replied 'alta'")


@pytest.mark.parametrize(("text", "word"), [("gracias", None), ("ayuda", "help"), ("baja el precio", None)])
def test_any_other_text_is_kept_and_changes_nothing(text: str, word: str | None) -> None:
    world, call = _sent()
    assert said(world.receipt(call.client_id, message=text)) == [InboundReceived(text, word, "s", 1)]


def test_a_text_comes_with_a_status_and_both_count() -> None:
    world, call = _sent()
    names = [type(fact).__name__ for fact in said(world.receipt(call.client_id, "delivered", message="baja"))]
    assert names == ["MessageStateChanged", "InboundReceived", "SubscriptionChanged"]


def test_the_same_reply_again_is_not_told_twice() -> None:
    world, call = _sent()
    world.receipt(call.client_id, message="gracias")
    assert world.receipt(call.client_id, message="gracias").outcome == "repeated"


@pytest.mark.parametrize("again", [{"_smsSubscriptionStatus": "subscribed"}, "alta"])
@pytest.mark.parametrize("word", [{"status": "stop"}, {"message": "baja"}, {"status": "delivered", "message": "baja"}])
def test_an_opt_out_without_a_time_counts_again_after_an_opt_in(word: dict[str, str], again: Any) -> None:
    world, call = _sent()
    world.receipt(call.client_id, **word)
    world.now += 1
    if again == "alta":
        world.receipt(call.client_id, message="alta")
    else:
        world.update(**again)
    assert world.contact().subscription == "subscribed"
    world.now += 1
    _, changed = said(world.receipt(call.client_id, **word))
    assert isinstance(changed, SubscriptionChanged)
    assert world.contact().subscription == "unsubscribed"
    assert world.receipt(call.client_id, **word).outcome == "repeated"


def test_an_opt_in_without_a_time_does_not_count_again_after_an_opt_out() -> None:
    """It may be the first one, repeated by the provider: consent is loosened by what is new only."""
    world, call = _sent()
    for word in ("alta", "baja", "alta"):
        world.now += 1
        world.receipt(call.client_id, message=word)
    assert world.contact().subscription == "unsubscribed"


def test_a_reply_to_an_alert_is_told_once_though_it_has_no_time() -> None:
    world, call = _sent(to={"alert": EVA})
    world.receipt(call.client_id, message="baja")
    assert world.receipt(call.client_id, message="baja").outcome == "repeated"


def test_a_reply_to_an_alert_changes_no_contact() -> None:
    world, call = _sent(to={"alert": EVA})
    assert said(world.receipt(call.client_id, message="baja")) == [InboundReceived("baja", "stop", "s", 1)]
    assert world.contact().keyword is None


def test_an_opt_out_from_an_earlier_number_counts_and_an_opt_in_does_not() -> None:
    world, call = _sent()
    world.update(_mobilePhone=EVA, _smsSubscriptionStatus="none")
    assert len(said(world.receipt(call.client_id, message="alta"))) == 1
    assert world.contact().subscription == "none"
    world.receipt(call.client_id, message="baja")
    assert world.contact().subscription == "unsubscribed"


def test_an_opt_in_older_than_what_upstream_says_does_not_count() -> None:
    world, call = _sent()
    world.update(_smsSubscriptionStatus="unsubscribed")
    world.receipt(call.client_id, message="alta", event_at=world.now - 1)
    assert world.contact().subscription == "unsubscribed"


def test_a_time_in_the_future_counts_as_the_time_of_receipt() -> None:
    world, call = _sent()
    world.receipt(call.client_id, message="baja", event_at=world.now + 10**9)
    world.now += 1000
    world.receipt(call.client_id, message="alta", event_at=world.now)
    assert world.contact().subscription == "subscribed"


def test_a_reply_of_an_erased_contact_is_not_kept_and_its_opt_out_is() -> None:
    world, call = _sent()
    world.erase()
    heard, changed = said(world.receipt(call.client_id, message="baja"))
    assert heard == InboundReceived("", "stop", "s", 1)
    assert isinstance(changed, SubscriptionChanged)
    assert (world.contact().erased, world.contact().subscription) == (True, "unsubscribed")


def test_upstream_that_confirms_an_opt_out_makes_it_upstream_s_own() -> None:
    world, call = _sent()
    world.receipt(call.client_id, message="baja", event_at=world.now - 2)
    assert world.update(_smsSubscriptionStatus="unsubscribed") == [
        SubscriptionChanged("unsubscribed", "unsubscribed", "edit")
    ]
    assert world.update(_smsSubscriptionStatus="unsubscribed") == []
    world.receipt(call.client_id, message="alta", event_at=world.now - 1)
    assert world.contact().subscription == "unsubscribed"


WORDS = st.lists(st.tuples(st.sampled_from(["baja", "alta", "hola"]), st.integers(0, 5)), max_size=6)


def _outcome(words: list[tuple[str, int]], subscription: str, at: int) -> str | None:
    world = OnePartition()
    world.subscriber()
    call = world.attempt()
    world.answer(call, provider_id="p")
    world.now = SEVEN + 1000
    world.update(_smsSubscriptionStatus=subscription, time=SEVEN + at)
    for text, said_at in words:
        world.receipt(call.client_id, message=text, event_at=SEVEN + said_at)
    assert rebuilt(world.facts).get(b"c/acme/ana@example.com") == world.contact()
    return world.contact().subscription


@given(WORDS, st.sampled_from(["subscribed", "unsubscribed", "none"]), st.integers(0, 5), st.randoms())
def test_words_in_any_order_and_repeated_end_alike(
    words: list[tuple[str, int]], subscription: str, at: int, random: Any
) -> None:
    shuffled = [*words, *words[::2]]
    random.shuffle(shuffled)
    assert _outcome(shuffled, subscription, at) == _outcome(words, subscription, at)
