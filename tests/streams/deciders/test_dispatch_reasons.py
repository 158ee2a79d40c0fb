"""Each reason of the contract, section 5, for which an SMS does not go: one case each, and nothing half sent."""

from collections.abc import Callable
from typing import Any

import pytest

from connectors.readmodel.reasons import SKIPPED
from events.send import SendAttempted, SendSkipped
from events.shape import Class
from streams.deciders.eligibility import EXPIRES_AFTER
from tests.streams.one_partition import PHONE, OnePartition, folded, rebuilt, said

Given = Callable[[OnePartition], Any]
LAND_LINE, FOREIGN, TOO_OLD = "+34912345678", "+447400128091", 1_795_417_200_000 - EXPIRES_AFTER - 1
NIGHT = {"from": "21:00", "to": "09:00"}  # it is eight in Madrid
TYPED = [{"id": "n", "name": "n", "type": "number"}, {"id": "on", "name": "d", "type": "date"}]


def _nothing(world: OnePartition) -> None:
    return


def _first(world: OnePartition) -> None:
    world.request("s", text="another text")


def _typed(world: OnePartition) -> None:
    world.save("typed", "{{n}} {{on}}", variables=TYPED)


CASES: list[tuple[str, Given, dict[str, Any], Class]] = [
    # reason, what is given, what is asked for, as what
    ("account_unknown", _nothing, {"subject": "nobody/ana"}, "transactional"),
    ("duplicate", _first, {}, "transactional"),
    ("expired", _nothing, {"expires_at": "2026-11-23T07:00:00Z"}, "transactional"),
    ("expired", _nothing, {"time": TOO_OLD}, "newsletter"),
    ("stopped", lambda w: w.configure(stopped=True), {}, "transactional"),
    ("cancelled", lambda w: w.cancel(before="2026-11-23T08:00:00Z"), {}, "newsletter"),
    ("erased", lambda w: w.erase(), {}, "transactional"),
    ("no_phone", lambda w: w.update(_mobilePhone=None), {}, "transactional"),
    ("phone_bounced", lambda w: w.update(_mobilePhoneStatus="bounced"), {}, "transactional"),
    ("phone_paused", lambda w: w.update(_mobilePhoneStatus="paused"), {}, "newsletter"),
    ("not_subscribed", lambda w: w.update(_smsSubscriptionStatus="none"), {}, "newsletter"),
    ("not_subscribed", lambda w: w.update(_smsSubscriptionStatus="unsubscribed"), {}, "newsletter"),
    ("not_mobile", lambda w: w.update(_mobilePhone=LAND_LINE), {}, "transactional"),
    ("not_mobile", _nothing, {"to": {"alert": LAND_LINE}}, "transactional"),
    ("country_blocked", lambda w: w.configure(limits={"countries": ["ES"]}), {"to": {"alert": FOREIGN}}, "newsletter"),
    ("alert_invalid", _nothing, {"to": {"alert": "none at all"}}, "transactional"),
    ("alert_invalid", _nothing, {"to": {"alert": "600 00"}}, "newsletter"),
    ("sender_invalid", _nothing, {"sender": "TwelveLetters"}, "transactional"),
    ("sender_invalid", _nothing, {"sender": "12345"}, "newsletter"),
    ("template_unknown", _nothing, {"template": "none"}, "transactional"),
    ("template_unknown", lambda w: w.save("bad", "{{nobody}}"), {"template": "bad"}, "transactional"),
    ("variable_invalid", _typed, {"template": "typed", "variables": {"n": "many"}}, "transactional"),
    ("variable_invalid", _typed, {"template": "typed", "variables": {"on": "soon"}}, "transactional"),
    ("variable_invalid", _nothing, {"text": "Hola {{name"}, "transactional"),
    ("text_empty", _nothing, {"text": "{{name}}"}, "transactional"),
    ("text_empty", _nothing, {"text": " \n"}, "newsletter"),
    ("text_too_long", _nothing, {"text": "a" * 1531}, "transactional"),
    ("connector_missing", lambda w: w.configure(connector=None), {}, "transactional"),
    (
        "quiet_hours",
        lambda w: w.configure(quiet_hours={"newsletter": NIGHT}),
        {"expires_at": "2026-11-23T07:59:00Z"},
        "newsletter",
    ),
    ("frequency_cap", lambda w: w.configure(caps={"newsletter": [{"sends": 0, "days": 1}]}), {}, "newsletter"),
    ("account_limit", lambda w: w.configure(limits={"per_day": 0}), {}, "transactional"),
]


@pytest.mark.parametrize(
    ("reason", "given", "asked", "class_"), CASES, ids=[f"{at}-{case[0]}" for at, case in enumerate(CASES)]
)
def test_a_send_that_may_not_go_says_why_once_and_for_all(
    reason: str, given: Given, asked: dict[str, Any], class_: Class
) -> None:
    world = OnePartition()
    world.subscriber()
    given(world)
    called = len(world.calls)
    (fact,) = said(world.request(class_=class_, **asked))
    assert isinstance(fact, SendSkipped)
    assert fact.reason == reason
    assert fact.detail
    assert not {PHONE, LAND_LINE, FOREIGN} & set(fact.detail.split())
    world.wait(40 * 86_400_000)
    attempted = [fact for fact in world.facts if isinstance(fact.data, SendAttempted)]
    assert len(world.calls) == len(attempted) == called
    assert folded(rebuilt(world.facts)) == folded(world.view)


def test_every_reason_that_can_be_told_has_a_case() -> None:
    assert {case[0] for case in CASES} == set(SKIPPED)
