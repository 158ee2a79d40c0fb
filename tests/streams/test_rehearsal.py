"""A rehearsal comes to what a worker then does, and leaves nothing behind."""

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.files.scratch import Scratch
from events import instant
from events.contact import ContactUpdated
from events.envelope import Input
from events.examples import SEVEN, SUBJECT
from events.send import SendAttempted, SendDeferred, SendRequested, SendSkipped
from events.shape import Class
from events.topics import SENDS_OF, Role
from projections.keyring import Keyring
from projections.keyspace import MemoryView, contact_key
from streams.rehearsal import Expected, Rehearsal
from tests.streams.one_partition import KEY, LINKS, PHONE, OnePartition, sealed_world

PARTITIONS = 8
HOUR = 3_600_000  # ms
DAY = 24 * HOUR
FACTS = {"go": SendAttempted, "wait": SendDeferred, "skip": SendSkipped}


def rehearsal(world: OnePartition, view: Any = None) -> Rehearsal:
    """Over all that the journal of that world holds."""
    run = Rehearsal(view or MemoryView(), world.accounts, world.now, PARTITIONS, KEY, LINKS)
    run.remember(world.facts)
    return run


def ask(
    run: Rehearsal, send_id: str = "s", class_: Class = "transactional", id_: str | None = None, **data: Any
) -> Expected:
    said = {"to": "contact", "sender": "Acme", "send_id": send_id, "text": "Hola", **data}
    request = SendRequested.of_json({name: value for name, value in said.items() if value is not None})
    event = Input.of(request, id=id_ or f"id-{send_id}", source="/test", subject=SUBJECT, time=run.now)
    expected = run.take(event, SENDS_OF[class_])
    assert expected is not None
    return expected


def test_who_would_go_is_told_to_whom_in_what_words_and_parts() -> None:
    world = OnePartition()
    world.subscriber()
    world.update(first_name="Ana")
    expected = ask(rehearsal(world), text="Hola {{name}}", variables={"name": {"field": "first_name"}})
    assert (expected.outcome, expected.attempted is not None) == ("go", True)
    sms = expected.attempted
    assert sms is not None
    assert (sms.to, sms.text, sms.parts, sms.encoding, sms.sender) == (PHONE, "Hola Ana", 1, "GSM-7", "Acme")


@pytest.mark.parametrize(
    ("data", "outcome", "reason"),
    [
        ({"class_": "newsletter"}, "skip", "not_subscribed"),
        ({"sender": "x"}, "skip", "sender_invalid"),
        ({"text": " "}, "skip", "text_empty"),
        ({"template": "none", "text": None}, "skip", "template_unknown"),
        ({"not_before": "2026-12-01T00:00:00Z"}, "wait", "not_before"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "skip", "expired"),
    ],
)
def test_who_would_not_go_is_told_why(data: dict[str, Any], outcome: str, reason: str) -> None:
    world = OnePartition()
    world.update(_mobilePhone=PHONE)
    expected = ask(rehearsal(world), **data)
    assert (expected.outcome, expected.reason) == (outcome, reason)


def test_what_was_decided_before_has_no_consequence_and_another_body_is_a_duplicate() -> None:
    world = OnePartition()
    world.subscriber()
    world.request("s")
    run = rehearsal(world)
    same = ask(run, id_=world.inputs[-1][0].id)
    assert (same.outcome, same.reason) == ("nothing", "repeated")
    again = ask(run, id_="another")
    assert (again.outcome, again.reason) == ("nothing", "asked_before")
    assert ask(run, id_="a-third", text="Adios").reason == "duplicate"


def test_a_send_of_the_same_run_counts_for_those_behind_it() -> None:
    world = OnePartition()
    world.subscriber()
    run = rehearsal(world)
    assert [ask(run, "a", id_="1").outcome, ask(run, "a", id_="2").reason] == ["go", "asked_before"]
    assert ask(run, "a", id_="3", text="otra").reason == "duplicate"


def test_a_rehearsal_changes_nothing_of_the_world() -> None:
    world = OnePartition()
    world.subscriber()
    before, facts = dict(world.view.values), list(world.facts)
    ask(rehearsal(world))
    assert (world.view.values, world.facts) == (before, facts)


TOMORROW = instant.render(SEVEN + DAY)
NIGHT = {"newsletter": {"from": "07:00", "to": "10:00"}}  # SEVEN is eight in Madrid: until nine in UTC


def steps(expected: Expected) -> list[tuple[str, str, int | None]]:
    return [(step.outcome, step.reason, step.until) for step in expected.steps]


def test_what_waits_for_its_time_is_told_with_what_would_go_then() -> None:
    world = OnePartition()
    world.subscriber()
    world.update(first_name="Ana")
    data: dict[str, Any] = {
        "text": "Hola {{name}}",
        "variables": {"name": {"field": "first_name"}},
        "not_before": TOMORROW,
    }
    expected = ask(rehearsal(world), class_="newsletter", **data)
    assert steps(expected) == [("wait", "not_before", SEVEN + DAY), ("go", "", None)]
    sms = expected.steps[-1].attempted
    assert sms is not None
    assert (sms.to, sms.text, sms.parts) == (PHONE, "Hola Ana", 1)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"class_": "newsletter"}, "not_subscribed"),
        ({"sender": "!!"}, "sender_invalid"),
        ({"text": "Hola {{x"}, "variable_invalid"),
        ({"template": "none", "text": None}, "template_unknown"),
    ],
)
def test_what_waits_and_could_not_go_then_is_told_so_today(data: dict[str, Any], reason: str) -> None:
    world = OnePartition()
    world.update(_mobilePhone=PHONE)
    expected = ask(rehearsal(world), not_before=TOMORROW, **data)
    assert steps(expected) == [("wait", "not_before", SEVEN + DAY), ("skip", reason, None)]


def test_what_quiet_hours_hold_back_is_told_with_its_words() -> None:
    world = OnePartition()
    world.configure(quiet_hours=NIGHT)
    world.subscriber()
    expected = ask(rehearsal(world), class_="newsletter")
    assert steps(expected) == [("wait", "quiet_hours", SEVEN + 2 * HOUR), ("go", "", None)]
    sms = expected.steps[-1].attempted
    assert sms is not None
    assert (sms.text, sms.parts, sms.encoding) == ("Hola", 1, "GSM-7")


def test_what_waits_for_a_time_in_quiet_hours_waits_for_their_end_then() -> None:
    world = OnePartition()
    world.configure(quiet_hours=NIGHT)
    world.subscriber()
    expected = ask(rehearsal(world), class_="newsletter", not_before=TOMORROW)
    assert steps(expected) == [
        ("wait", "not_before", SEVEN + DAY), ("wait", "quiet_hours", SEVEN + DAY + 2 * HOUR), ("go", "", None),
    ]  # fmt: skip


def test_what_expires_before_the_end_of_its_wait_is_told_so() -> None:
    world = OnePartition()
    world.configure(quiet_hours=NIGHT)
    world.subscriber()
    expires = instant.render(SEVEN + DAY + HOUR)
    expected = ask(rehearsal(world), class_="newsletter", not_before=TOMORROW, expires_at=expires)
    assert steps(expected) == [("wait", "not_before", SEVEN + DAY), ("skip", "quiet_hours", None)]


def test_sends_that_wait_count_for_each_other_and_not_for_those_that_go_before_them() -> None:
    world = OnePartition()
    world.configure(caps={"newsletter": [{"sends": 2, "days": 1}]})
    world.subscriber()
    with Scratch() as view:
        run, later = rehearsal(world, view), instant.render(SEVEN + 2 * DAY)
        found = []
        for number, not_before in enumerate((later, later, later, None, None, None)):
            view.spill()
            found.append(ask(run, f"s{number}", "newsletter", not_before=not_before).steps[-1])
    assert [(one.outcome, one.reason) for one in found] == 2 * [("go", ""), ("go", ""), ("skip", "frequency_cap")]


def test_what_waits_counts_towards_the_day_on_which_it_goes() -> None:
    world = OnePartition()
    world.configure(limits={"per_day": 1})
    world.subscriber()
    run = rehearsal(world)
    reasons = [ask(run, f"s{n}", not_before=at).steps[-1].reason for n, at in enumerate((TOMORROW, None, TOMORROW))]
    assert reasons == ["", "", "account_limit"]


def test_what_waits_takes_nothing_of_the_day_from_what_goes_before_it() -> None:
    world = OnePartition()
    world.configure(limits={"per_day": 2})
    world.subscriber()
    run, tonight = rehearsal(world), instant.render(SEVEN + 5 * HOUR)
    found = [ask(run, f"s{n}", not_before=at).steps[-1].reason for n, at in enumerate((tonight, tonight, None, None))]
    assert found == ["", "", "", ""]
    assert ask(run, "s4", not_before=tonight).steps[-1].reason == "account_limit"


def test_the_words_of_what_waits_in_a_sealed_account_are_shown_in_clear() -> None:
    world = sealed_world()
    with Scratch() as view:
        run = Rehearsal(view, world.accounts, world.now, PARTITIONS, KEY, LINKS, world.keys)
        update = ContactUpdated.of_json({"via": "edit", "fields": {"_mobilePhone": PHONE}})
        run.take(Input.of(update, id="u", source="/test", subject=SUBJECT, time=run.now), Role.CONTACTS)
        sms = ask(run, not_before=TOMORROW).steps[-1].attempted
        assert sms is not None
        assert (sms.to, sms.text) == (PHONE, "Hola")


texts = st.sampled_from(["Hola", "", "á" * 71, "{{name}}", "{{broken"])
classes = st.sampled_from(["transactional", "newsletter"])
times = st.sampled_from([None, TOMORROW, instant.render(SEVEN + 5 * HOUR)])
requests = st.fixed_dictionaries(
    {"text": texts, "sender": st.sampled_from(["Acme", "x"]), "class_": classes, "not_before": times}
)
updates = st.fixed_dictionaries(
    {},
    optional={
        "_mobilePhone": st.sampled_from([PHONE, "912345678", None]),
        "_mobilePhoneStatus": st.sampled_from(["paused", "active"]),
        "_smsSubscriptionStatus": st.sampled_from(["subscribed", "unsubscribed"]),
        "name": st.sampled_from(["Ana", None]),
    },
)


@settings(max_examples=60, deadline=None)
@given(st.lists(updates, max_size=4), st.lists(requests, min_size=1, max_size=4))
def test_a_worker_decides_what_was_rehearsed(before: list[dict[str, Any]], asked: list[dict[str, Any]]) -> None:
    world = OnePartition()
    world.configure(quiet_hours=NIGHT)
    for fields in before:
        world.update(**fields)
    with Scratch() as view:
        run = rehearsal(world, view)
        rehearsed = []
        for number, data in enumerate(asked):
            view.spill()
            rehearsed.append(ask(run, f"s{number}", **data))
    for number, data in enumerate(asked):
        world.request(f"s{number}", **{name: value for name, value in data.items() if value is not None})
    world.wait(2 * DAY)
    facts: dict[str, list[Any]] = defaultdict(list)
    for fact in world.facts:
        if isinstance(fact.data, SendAttempted | SendDeferred | SendSkipped):
            facts[fact.data.send_id].append(fact.data)
    for expected in rehearsed:
        followed = facts[expected.send_id]
        assert [type(fact) for fact in followed] == [FACTS[step.outcome] for step in expected.steps]
        for step, fact in zip(expected.steps, followed, strict=True):
            if isinstance(fact, SendAttempted):
                assert step.attempted is not None
                assert (step.attempted.to, step.attempted.text) == (fact.to, fact.text)
            else:
                assert (step.reason, step.until) == (fact.reason, getattr(fact, "until", None))


def test_the_number_and_the_text_of_a_sealed_account_are_shown_in_clear() -> None:
    world = OnePartition()
    world.configure(privacy="sealed")
    keys = Keyring(b"w" * 32, b"n" * 32, lambda _: b"f" * 32)
    with Scratch() as view:
        run = Rehearsal(view, world.accounts, world.now, PARTITIONS, KEY, LINKS, keys)
        update = ContactUpdated.of_json({"via": "edit", "fields": {"_mobilePhone": PHONE}})
        run.take(Input.of(update, id="u", source="/test", subject=SUBJECT, time=run.now), Role.CONTACTS)
        assert view.get(contact_key(SUBJECT)).phone != PHONE
        sms = ask(run).attempted
        assert sms is not None
        assert (sms.to, sms.text) == (PHONE, "Hola")


def test_sends_of_the_same_run_count_towards_a_cap_with_those_that_went_before() -> None:
    world = OnePartition()
    world.configure(caps={"newsletter": [{"sends": 2, "days": 1}]})
    world.subscriber()
    world.request("before", "newsletter")
    with Scratch() as view:
        run = rehearsal(world, view)
        view.spill()
        outcomes = [(one.outcome, one.reason) for one in (ask(run, f"s{n}", "newsletter") for n in range(2))]
    assert outcomes == [("go", ""), ("skip", "frequency_cap")]


def test_an_accounts_day_is_used_up_by_what_went_before_and_by_the_run() -> None:
    world = OnePartition()
    world.configure(limits={"per_day": 5})
    world.subscriber()
    run = Rehearsal(MemoryView(), world.accounts, world.now, PARTITIONS, KEY, LINKS, sent=lambda account, day: 4)
    run.remember(world.facts)
    assert [ask(run, f"s{n}").reason for n in range(2)] == ["", "account_limit"]
