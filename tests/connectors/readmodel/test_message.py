"""What became of a send, whatever order its answers and receipts come in."""

from dataclasses import replace
from itertools import permutations

import pytest

from connectors.readmodel.message import Row, fold
from events.examples import FACTS, SEVEN
from events.fact import Fact, FactData
from events.message import LinkClicked, MessageStateChanged
from events.send import (
    SendAccepted,
    SendAttempted,
    SendDeferred,
    SendGivenUp,
    SendRefused,
    SendSkipped,
    SendUnknown,
)

ATTEMPTED = replace(next(fact.data for fact in FACTS if isinstance(fact.data, SendAttempted)), send_id="s")
SECOND = replace(ATTEMPTED, attempt=2, client_id="0-2-x")
DEFERRED = SendDeferred("s", "newsletter", SEVEN, "not_before", {"to": {"alert": "+34612345679"}, "labels": ["x"]})


def receipt(to: str, attempt: int = 1) -> MessageStateChanged:
    return MessageStateChanged("s", attempt, "accepted", to, to, 0, SEVEN, None)


def row_of(*data: FactData) -> Row:
    row = None
    for number, one in enumerate(data, 1):
        row = fold(row, Fact("acme/ana", number, SEVEN + number, f"cause-{number}", "/test", one))
    assert row is not None
    return row


@pytest.mark.parametrize(
    ("data", "outcome", "state", "reason"),
    [
        ((SendSkipped("s", "newsletter", "no_phone", ""),), "skipped", None, "no_phone"),
        ((DEFERRED,), "deferred", None, "not_before"),
        ((DEFERRED, SendSkipped("s", "newsletter", "expired", "")), "skipped", None, "expired"),
        ((ATTEMPTED,), "attempted", None, None),
        ((ATTEMPTED, SendSkipped("s", "newsletter", "duplicate", "")), "attempted", None, None),
        ((ATTEMPTED, SendAccepted("s", 1, "p")), "accepted", "accepted", None),
        ((ATTEMPTED, SendRefused("s", 1, 400, "bad", True)), "refused", None, "400"),
        ((ATTEMPTED, SendRefused("s", 1, 429, None, False), SECOND), "attempted", None, None),
        ((ATTEMPTED, SendUnknown("s", 1, "timeout", SEVEN)), "unknown", None, "timeout"),
        ((ATTEMPTED, SendUnknown("s", 1, "timeout", SEVEN), SendGivenUp("s", 1)), "given_up", None, "timeout"),
        ((ATTEMPTED, SendUnknown("s", 1, "crash", SEVEN), SendAccepted("s", 1, None)), "accepted", "accepted", None),
        ((ATTEMPTED, SendAccepted("s", 1, "p"), receipt("failed")), "accepted", "failed", None),
        ((ATTEMPTED, SendAccepted("s", 1, "p"), receipt("delivered")), "accepted", "delivered", None),
        ((ATTEMPTED, receipt("sent"), SendAccepted("s", 1, "p")), "accepted", "sent", None),
    ],
)
def test_outcome_and_state_follow_from_the_facts(
    data: tuple[FactData, ...], outcome: str, state: str | None, reason: str | None
) -> None:
    row = row_of(*data)
    assert (row["outcome"], row["state"], row["reason"]) == (outcome, state, reason)


def test_a_late_delivery_of_an_earlier_attempt_makes_the_send_delivered() -> None:
    given_up: tuple[FactData, ...] = (ATTEMPTED, SendUnknown("s", 1, "timeout", SEVEN), SendGivenUp("s", 1), SECOND)
    later: tuple[FactData, ...] = (
        SendAccepted("s", 1, None),
        receipt("delivered", 1),
        SendRefused("s", 2, 400, None, True),
    )
    for order in permutations(later):
        row = row_of(*given_up, *order)
        assert (row["outcome"], row["state"]) == ("accepted", "delivered")


def test_a_receipt_of_an_earlier_attempt_does_not_speak_for_the_later_one() -> None:
    row = row_of(ATTEMPTED, SECOND, SendAccepted("s", 2, "p"), receipt("failed", 1))
    assert row["state"] == "accepted"


def test_times_are_those_of_the_engine_and_the_request_and_the_provider() -> None:
    asked = replace(ATTEMPTED, requested_at=SEVEN - 5)
    row = row_of(asked, SendAccepted("s", 1, "p"), receipt("sent"), receipt("delivered"), receipt("sent"))
    assert (row["requested_at"], row["attempted_at"], row["accepted_at"]) == (SEVEN - 5, SEVEN + 1, SEVEN + 2)
    assert (row["delivered_at"], row["event_at"], row["updated_at"]) == (SEVEN + 4, SEVEN, SEVEN + 5)


def test_an_alert_is_known_from_its_request_on() -> None:
    row = row_of(DEFERRED)
    assert (row["alert"], row["labels"], row["requested_at"]) == (True, '["x"]', SEVEN + 1)


def test_people_are_counted_and_scanners_are_not() -> None:
    clicks = [LinkClicked("s", "https://e.example", SEVEN, automated) for automated in (False, True, False)]
    assert row_of(ATTEMPTED, *clicks)["clicks"] == 2


def test_what_tells_of_an_unknown_send_makes_no_row() -> None:
    assert fold(None, Fact("acme/ana", 1, SEVEN, "cause", "/test", receipt("delivered"))) is None
