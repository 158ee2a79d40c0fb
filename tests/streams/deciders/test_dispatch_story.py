"""Why an SMS does not go, or waits, told to a person from the very fact that was decided: each rule with its value."""

from collections.abc import Callable
from typing import Any

import pytest

from connectors.carriers.base import RateHeaders, Refused, Unknown
from connectors.readmodel.reasons import DEFERRED, OPENING, RULES
from connectors.readmodel.story import story
from events.codec import decode_fact, encode_fact
from events.examples import SEVEN
from events.fact import Fact
from events.send import SendAttempted, SendDeferred, SendSkipped
from events.shape import Class
from projections.keyspace import MemoryView, View
from streams.allowance import Ledger
from streams.circuit import FAILURES
from streams.gate import Gates, PartitionGate
from streams.leave import GO, Leave
from tests.streams.deciders.test_dispatch_gate import Told
from tests.streams.deciders.test_dispatch_reasons import CASES, NIGHT, Given
from tests.streams.one_partition import PARTITION, PHONE, OnePartition

CONTACT = ["the phone's status is active", "the contact's subscription is subscribed", "the number is a mobile's"]
PARTS = "the account allows 10 parts an SMS"
QUIET = ["it is quiet at 21:00-09:00 Europe/Madrid", "it is 2026-11-23 08:00 in Europe/Madrid"]

# What each of CASES looked at, in their order, behind the version of the settings.
LOOKED_AT: list[list[str]] = [
    [],
    ["the send with this id is open since 2026-11-23T07:00:00.000Z"],
    [
        "it may go until 2026-11-23T07:00:00.000Z",
        "it was asked for at 2026-11-23T07:00:00.000Z; 35 days later it is too late in any case",
        "its turn came at 2026-11-23T07:00:00.000Z",
    ],
    [
        "it was asked for at 2026-10-19T06:59:59.999Z; 35 days later it is too late in any case",
        "its turn came at 2026-11-23T07:00:00.000Z",
    ],
    ["the account is stopped"],
    [
        (
            "/c (event a1) cancelled all sends that were asked for before 2026-11-23T08:00:00.000Z, and said so at "
            "2026-11-23T07:00:00.000Z"
        )
    ],
    ["the phone's status is none", "the contact's subscription is none"],
    ["the phone's status is none", CONTACT[1]],
    ["the phone's status is bounced", CONTACT[1]],
    ["the phone's status is paused", CONTACT[1]],
    [CONTACT[0], "the contact's subscription is none"],
    [CONTACT[0], "the contact's subscription is unsubscribed"],
    [*CONTACT[:2], "the number is not a mobile's"],
    ["the number is not a mobile's"],
    [CONTACT[2], "the number's country is GB", "the account sends to ES"],
    [],
    [],
    [*CONTACT, "the sender is TwelveLetters"],
    [*CONTACT, "the sender is 12345"],
    [*CONTACT, "no version of the template was ever saved"],
    [*CONTACT, "the template's version is 1"],
    [*CONTACT, "the template's version is 1"],
    [*CONTACT, "the template's version is 1"],
    CONTACT,
    CONTACT,
    CONTACT,
    [*CONTACT, PARTS, "the text takes 11 parts"],
    [*CONTACT, PARTS, "the account has no connector"],
    ["it may go until 2026-11-23T07:59:00.000Z", *CONTACT, PARTS, *QUIET],
    [*CONTACT, PARTS, "the account allows 0 SMS in 1 day, and 0 went to this contact"],
    [
        *CONTACT,
        PARTS,
        "the account's day is 2026-11-23",
        "the account allows 0 SMS a day",
        "0 were attempted that day, where this is decided",
        "0 may be attempted there",
    ],
]


def told(world: OnePartition) -> tuple[Fact, list[str]]:
    """The world's last fact as it lies in the journal, and what its rules looked at, in words."""
    fact = decode_fact(encode_fact(world.facts[-1]))
    assert fact == world.facts[-1]
    step = story([fact])[-1]
    assert {check.rule for check in step.checks} <= set(RULES)
    assert not any(PHONE in check.words for check in step.checks)
    return fact, [check.words for check in step.checks]


@pytest.mark.parametrize(
    ("case", "words"),
    list(zip(CASES, LOOKED_AT, strict=True)),
    ids=[f"{at}-{case[0]}" for at, case in enumerate(CASES)],
)
def test_a_skip_is_told_with_what_each_rule_looked_at(
    case: tuple[str, Given, dict[str, Any], Class], words: list[str]
) -> None:
    reason, given, asked, class_ = case
    world = OnePartition()
    world.subscriber()
    given(world)
    world.request(class_=class_, **asked)
    fact, seen = told(world)
    assert isinstance(fact.data, SendSkipped)
    assert fact.data.reason == reason
    version = [f"the account's settings as of version {world.accounts.version}"]
    assert seen == (version if reason != "duplicate" else []) + words


@pytest.mark.parametrize(
    ("cancelled", "words"),
    [
        ({"send_id": "s"}, "sends with the id s"),
        ({"label": "orders"}, "sends with the label orders"),
        ({"label": "orders", "send_id": "s"}, "sends with the id s and the label orders"),
    ],
)
def test_a_cancelled_send_that_waited_says_by_what_by_whom_and_when(cancelled: dict[str, str], words: str) -> None:
    world = OnePartition()
    world.subscriber()
    world.request(labels=["orders"], not_before="2026-11-30T09:00:00Z")
    world.now += 60_000
    world.cancel(**cancelled, before="2026-11-23T08:00:00Z")
    world.cancel(label="others", before="2026-11-23T09:00:00Z")
    world.cancel(**cancelled, before="2026-11-23T07:30:00Z")  # reaches less far, and says nothing new
    world.recall()
    _, seen = told(world)
    assert seen[1:] == [
        "it may not go before 2026-11-30T09:00:00.000Z",
        (
            f"/c (event a1) cancelled {words} that were asked for before 2026-11-23T08:00:00.000Z, and said so at "
            "2026-11-23T07:01:00.000Z"
        ),
    ]


def not_before(world: OnePartition) -> None:
    world.request(not_before="2026-11-23T09:00:00Z", expires_at="2026-11-23T10:00:00Z")


def quiet_hours(world: OnePartition) -> None:
    world.configure(quiet_hours={"newsletter": {**NIGHT, "holidays": True}})
    world.request(class_="newsletter")


def opening(world: OnePartition) -> None:
    views: dict[int, View] = {PARTITION: world.view, **{of: MemoryView() for of in range(PARTITION)}}
    world.ledger = Ledger(8, lambda: views)
    world.configure(limits={"per_day": 2})
    world.ledger.of(0).ask("acme", "2026-11-23", 2)
    world.request()


def rate(world: OnePartition) -> None:
    gates = Gates(lambda: 0.25)
    world.gate = PartitionGate(gates)
    heard = RateHeaders(600, 12, SEVEN + 30_000)
    world.request("s1")
    gates.told("acme", "transactional", [Refused(429, "too many", False, "rate", heard)], SEVEN)
    world.request("s2")


def unlimited(world: OnePartition) -> None:
    gates = Gates()
    world.gate = PartitionGate(gates)
    world.request("s1")
    gates.told(
        "acme", "transactional", [Refused(429, "too many", False, "rate", RateHeaders(None, None, SEVEN))], SEVEN
    )
    world.request("s2")


def circuit(world: OnePartition) -> None:
    gates = Gates()
    world.gate = PartitionGate(gates)
    world.request("s1")
    gates.told("acme", "transactional", [Refused(402, "no funds", False, "account")], SEVEN)
    world.request("s2")


def failing(world: OnePartition) -> None:
    gates = Gates()
    world.gate = PartitionGate(gates)
    world.request("s1")
    for _ in range(FAILURES):
        gates.told("acme", "transactional", [Unknown("timeout")], SEVEN)
    world.request("s2")


def throttled(world: OnePartition) -> None:
    world.answer(world.attempt(), "refused", status=429, final=False)


def out_of_reach(world: OnePartition) -> None:
    world.answer(world.attempt(), "refused", final=False)


def withheld(world: OnePartition) -> None:
    world.answer(world.attempt(), "refused", final=False, withheld=True)


UNTOLD = "the provider told no limit yet; after its HTTP 429 it is not called before 2026-11-23T07:00:01.261Z"
SEEN = ["the account's settings as of version {version}", *CONTACT, PARTS]
WAITS: list[tuple[Callable[[OnePartition], None], str, list[str]]] = [
    (
        not_before,
        "not_before",
        [SEEN[0], "it may not go before 2026-11-23T09:00:00.000Z", "it may go until 2026-11-23T10:00:00.000Z"],
    ),
    (quiet_hours, "quiet_hours", [*SEEN, QUIET[0], "and on the public holidays of ES", QUIET[1]]),
    (
        rate,
        "rate",
        [
            *SEEN,
            (
                "the provider's limit is 600 in 30 s, and 12 of them were left until 2026-11-23T07:00:30.000Z, "
                "25 % of that to this worker; after its HTTP 429 it is not called before 2026-11-23T07:00:30.000Z"
            ),
        ],
    ),
    (unlimited, "rate", [*SEEN, UNTOLD]),
    (
        failing,
        "circuit",
        [
            *SEEN,
            (
                "the provider failed several times in a row; there was no answer; it is tried again from "
                "2026-11-23T07:00:02.000Z on"
            ),
        ],
    ),
    (
        circuit,
        "circuit",
        [
            *SEEN,
            (
                "the provider refuses the account: its token, its funds or its base URL; its last word was HTTP 402; "
                "it is tried again from 2026-11-23T07:00:05.000Z on"
            ),
        ],
    ),
    (throttled, "rate", ["the provider answered HTTP 429"]),
    (out_of_reach, "circuit", ["the provider was not reached"]),
    (withheld, "circuit", ["the provider was not asked"]),
]


@pytest.mark.parametrize(("given", "reason", "words"), WAITS, ids=[case[0].__name__ for case in WAITS])
def test_a_wait_is_told_with_what_each_rule_looked_at(
    given: Callable[[OnePartition], None], reason: str, words: list[str]
) -> None:
    world = OnePartition()
    world.subscriber()
    given(world)
    fact, seen = told(world)
    assert isinstance(fact.data, SendDeferred)
    assert fact.data.reason == reason
    assert seen == [each.format(version=world.accounts.version) for each in words]


def test_every_reason_to_wait_has_a_case() -> None:
    assert {reason for _, reason, _ in WAITS} == set(DEFERRED)


def test_a_wait_for_the_share_of_the_day_is_not_told_as_the_provider_s() -> None:
    world = OnePartition()
    world.subscriber()
    opening(world)
    fact, seen = told(world)
    assert isinstance(fact.data, SendDeferred)
    assert fact.data.reason == "rate"
    assert story([fact])[-1].what == f"Waits until 2026-11-23T07:00:00.250Z: {OPENING}."
    assert seen[-1] == "more of the day's SMS are shared out in a moment"


def test_a_send_that_goes_by_the_second_provider_says_what_ails_the_first() -> None:
    world = OnePartition()
    world.subscriber()
    world.configure(fallback={"provider": "twilio", "token": {"sealed": "v1.y"}})
    fault = {"circuit": "failure", "status": None, "tried_again_at": "2026-11-23T07:00:05.000Z"}
    world.gate = Told(Leave(SEVEN + 5_000, "circuit", fallback=True, looked_at=fault))
    world.request()
    fact, seen = told(world)
    assert isinstance(fact.data, SendAttempted)
    assert fact.data.fallback
    assert seen[-1] == (
        "the provider failed several times in a row; there was no answer; it is tried again from "
        "2026-11-23T07:00:05.000Z on"
    )


def test_what_goes_says_no_more_than_it_looked_at() -> None:
    world = OnePartition(gate=Told(GO))
    world.subscriber()
    world.request(expires_at="2026-11-23T10:00:00Z")
    _, seen = told(world)
    assert seen == [SEEN[0].format(version=1), "it may go until 2026-11-23T10:00:00.000Z", *SEEN[1:]]
