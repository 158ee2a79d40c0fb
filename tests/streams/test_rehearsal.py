"""A rehearsal comes to what a worker then does, and leaves nothing behind."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.files.scratch import Scratch
from events.contact import ContactUpdated
from events.envelope import Input
from events.examples import SUBJECT
from events.send import SendAttempted, SendDeferred, SendRequested, SendSkipped
from events.shape import Class
from events.topics import SENDS_OF, Role
from projections.keyring import Keyring
from projections.keyspace import MemoryView, contact_key
from streams.rehearsal import Expected, Rehearsal
from tests.streams.one_partition import KEY, LINKS, PHONE, OnePartition

PARTITIONS = 8


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


texts = st.sampled_from(["Hola", "", "á" * 71, "{{name}}", "{{broken"])
classes = st.sampled_from(["transactional", "newsletter"])
requests = st.fixed_dictionaries({"text": texts, "sender": st.sampled_from(["Acme", "x"]), "class_": classes})
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
    for fields in before:
        world.update(**fields)
    with Scratch() as view:
        run = rehearsal(world, view)
        for number, data in enumerate(asked):
            view.spill()
            expected = ask(run, f"s{number}", **data)
            (fact,) = [fact.data for fact in world.request(f"s{number}", **data).facts]
            if expected.outcome == "go":
                assert isinstance(fact, SendAttempted)
                assert expected.attempted is not None
                assert (expected.attempted.to, expected.attempted.text) == (fact.to, fact.text)
            elif expected.outcome == "wait":
                assert isinstance(fact, SendDeferred)
            else:
                assert isinstance(fact, SendSkipped)
                assert expected.reason == fact.reason


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
