"""What receipts mean for messages and phones."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.contact import PhoneStatusChanged
from events.message import MessageStateChanged
from events.send import SendAccepted
from projections import contact, send
from projections.send import Call
from streams.deciders.receipt import STATUSES
from tests.streams.one_partition import OnePartition, rebuilt, said

EVA = "+34612345679"


def _sent(count: int = 1) -> tuple[OnePartition, list[Call]]:
    """A subscriber to whom so many SMS went, all accepted."""
    world = OnePartition()
    world.subscriber()
    calls = [world.attempt(f"s{n}") for n in range(count)]
    for call in calls:
        world.answer(call, provider_id="p")
    return world, calls


@pytest.mark.parametrize(
    ("status", "state", "bounce"),
    [
        ("sent", "sent", None),
        ("buffered", "sent", None),
        ("delivered", "delivered", None),
        ("failed", "failed", "hard"),
        ("rejected", "failed", "soft"),
        ("error", "failed", "soft"),
        ("expired", "expired", "soft"),
        ("canceled", "canceled", None),
        ("unpaid", "failed", None),
        ("unknown", "accepted", None),
        ("a word of next year", "accepted", None),
        (" DELIVERED ", "delivered", None),
    ],
)
def test_each_word_of_the_provider_means_what_the_table_says(status: str, state: str, bounce: str | None) -> None:
    world, (call,) = _sent()
    (fact,) = said(world.receipt(call.client_id, status, code=7, event_at=world.now - 5))
    assert fact == MessageStateChanged(
        "s0", 1, "accepted", state, status.strip().lower(), 7, world.now - 5, bounce  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "code", "state", "bounce"),
    [
        ("queued", None, "accepted", None),
        ("sending", None, "accepted", None),
        ("sent", None, "sent", None),
        ("delivered", None, "delivered", None),
        ("undelivered", 30003, "failed", "soft"),
        ("undelivered", 30005, "failed", "hard"),
        ("undelivered", 30006, "failed", "hard"),
        ("undelivered", None, "failed", "soft"),
        ("failed", 30008, "failed", "soft"),
        ("canceled", None, "canceled", None),
        ("read", None, "delivered", None),
        ("buffered", None, "accepted", None),  # a word of the other provider's
    ],
)
def test_each_word_of_twilio_means_what_its_table_says(
    status: str, code: int | None, state: str, bounce: str | None
) -> None:
    world, (call,) = _sent()
    (fact,) = said(world.receipt(call.client_id, status, provider="twilio", code=code))
    assert isinstance(fact, MessageStateChanged)
    assert (fact.to, fact.status, fact.code, fact.bounce) == (state, status, code, bounce)


def test_an_account_says_what_a_code_of_twilio_means() -> None:
    world, (call,) = _sent()
    world.configure(bounces={"codes": {"undelivered:30005": "soft", "undelivered:30004": "hard"}})
    (fact,) = said(world.receipt(call.client_id, "undelivered", provider="twilio", code=30005))
    assert isinstance(fact, MessageStateChanged)
    assert fact.bounce == "soft"


def test_the_same_receipt_again_changes_nothing() -> None:
    world, (call,) = _sent()
    world.receipt(call.client_id, "a word of next year")
    assert world.receipt(call.client_id, "a word of next year").outcome == "repeated"


def test_a_delivery_beats_every_end_and_an_end_every_open_state() -> None:
    world, (call,) = _sent()
    for status in ("failed", "sent", "expired", "delivered", "failed", "sent"):
        world.receipt(call.client_id, status)
    told = [fact.data for fact in world.facts if isinstance(fact.data, MessageStateChanged)]
    assert [(fact.from_, fact.to) for fact in told] == [("accepted", "failed"), ("failed", "delivered")]


def test_an_account_says_which_failures_are_hard() -> None:
    world, (call, other) = _sent(2)
    world.configure(bounces={"hard_in_a_row": 1, "codes": {"failed:12": "soft", "rejected:3": "hard"}})
    world.receipt(call.client_id, "failed", code=12)
    assert world.contact().phone_status == "active"
    world.receipt(other.client_id, "rejected", code=3)
    assert world.contact().phone_status == "bounced"


def test_a_receipt_before_the_answer_settles_the_attempt() -> None:
    world = OnePartition()
    world.subscriber()
    call = world.attempt()
    accepted, moved = said(world.receipt(call.client_id, "delivered", provider_id="p1"))
    assert accepted == SendAccepted("s", 1, "p1")
    assert isinstance(moved, MessageStateChanged)
    assert world.answer(call, "unknown", reason="timeout") == []
    assert world.answer(call, provider_id="p1") == []


@pytest.mark.parametrize("outcome", ["unknown", "given_up"])
def test_a_receipt_settles_what_nobody_knew(outcome: str) -> None:
    world = OnePartition()
    world.subscriber()
    call = world.attempt()
    world.answer(call, "unknown", reason="timeout")
    if outcome == "given_up":
        world.wait(100 * 3_600_000)
    assert said(world.receipt(call.client_id, "sent"))[0] == SendAccepted("s", 1, f"p-{call.client_id}")
    assert world.wait(100 * 3_600_000) == []


def test_a_receipt_for_an_attempt_that_was_refused_stops_the_next_one() -> None:
    world = OnePartition()
    world.subscriber()
    call = world.attempt()
    world.answer(call, "refused", status=402, final=False)
    world.receipt(call.client_id, "delivered")
    assert world.wait(3_600_000) == []
    assert len(world.calls) == 1


# --- bounces ---------------------------------------------------------------------------------------------------------


def test_three_hard_bounces_in_a_row_make_the_phone_bounced() -> None:
    world, calls = _sent(3)
    facts = [said(world.receipt(call.client_id, "failed"))[1:] for call in calls]
    assert facts == [[], [], [PhoneStatusChanged("active", "bounced", "bounces")]]


def test_soft_bounces_never_count() -> None:
    world, calls = _sent(9)
    for call in calls:
        world.receipt(call.client_id, "rejected")
    assert world.contact().phone_status == "active"


def test_a_delivery_makes_a_bounced_phone_active() -> None:
    world, calls = _sent(4)
    for call in calls[:3]:
        world.receipt(call.client_id, "failed")
    facts = said(world.receipt(calls[3].client_id, "delivered"))
    assert facts[1:] == [PhoneStatusChanged("bounced", "active", "delivered")]


def test_a_late_delivery_undoes_its_own_bounce() -> None:
    world, calls = _sent(3)
    for call in calls:
        world.receipt(call.client_id, "failed")
    world.receipt(calls[0].client_id, "delivered")
    assert world.contact().phone_status == "active"


def test_bounces_count_in_the_order_of_the_attempts_not_of_the_receipts() -> None:
    world, calls = _sent(4)
    for call in calls[1:]:
        world.receipt(call.client_id, "failed")
    world.receipt(calls[0].client_id, "delivered")
    assert world.contact().phone_status == "bounced"


def test_nothing_that_a_receipt_says_lifts_or_overrides_a_pause() -> None:
    world, calls = _sent(5)
    world.update(_mobilePhoneStatus="paused")
    for call in calls[:3]:
        world.receipt(call.client_id, "failed")
    world.receipt(calls[4].client_id, "delivered")
    assert world.contact().phone_status == "paused"


def test_a_bounce_of_an_earlier_number_does_not_count() -> None:
    world, calls = _sent(3)
    world.update(_mobilePhone=EVA)
    for call in calls:
        world.receipt(call.client_id, "failed")
    assert (world.contact().phone_status, world.contact().bounces) == ("active", ())


def test_a_delivery_to_an_earlier_number_does_not_vouch_for_the_present_one() -> None:
    world, (call,) = _sent(1)
    world.update(_mobilePhone=EVA, _mobilePhoneStatus="bounced")
    world.receipt(call.client_id, "delivered")
    assert world.contact().phone_status == "bounced"


def test_an_edit_that_makes_the_phone_active_begins_a_new_count() -> None:
    world, calls = _sent(4)
    for call in calls[:3]:
        world.receipt(call.client_id, "failed")
    world.update(_mobilePhoneStatus="active")
    world.receipt(calls[3].client_id, "failed")
    assert world.contact().phone_status == "active"


def test_an_alert_s_receipts_do_not_concern_the_contact() -> None:
    world = OnePartition()
    world.subscriber()
    world.configure(bounces={"hard_in_a_row": 1})
    call = world.attempt(to={"alert": EVA})
    world.receipt(call.client_id, "failed")
    assert (world.contact().phone_status, world.contact().bounces) == ("active", ())


Told = tuple[int, str]
RECEIPTS = st.lists(st.tuples(st.integers(0, 4), st.sampled_from([*STATUSES, "other"])), max_size=12)


def _outcome(told: list[Told], threshold: int, status: str) -> tuple[contact.State, list[send.State]]:
    world, calls = _sent(5)
    world.configure(bounces={"hard_in_a_row": threshold})
    world.update(_mobilePhoneStatus=status)
    for at, word in told:
        world.receipt(calls[at].client_id, word)
    assert rebuilt(world.facts).get(b"c/acme/ana@example.com") == world.contact()
    alike = world.contact()._replace(sequence=0, status_at=0, subscription_at=0)
    return alike, [world.send(call) for call in calls]


@given(RECEIPTS, st.integers(1, 3), st.sampled_from(["active", "bounced", "paused"]), st.randoms())
def test_receipts_in_any_order_and_repeated_end_alike(
    told: list[Told], threshold: int, status: str, random: Any
) -> None:
    shuffled = [*told, *told[::2]]
    random.shuffle(shuffled)
    assert _outcome(shuffled, threshold, status) == _outcome(told, threshold, status)


def test_every_order_of_a_whole_story_ends_alike() -> None:
    story = [(0, "failed"), (1, "delivered"), (2, "failed"), (3, "failed"), (1, "failed"), (4, "sent")]
    ends = [_outcome(list(order), 2, "active") for order in permutations(story)]
    assert all(end == ends[0] for end in ends)
    assert ends[0][0].phone_status == "bounced"
