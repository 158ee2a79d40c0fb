"""The checker finds nothing where nothing is wrong, and each deliberate fault by the check that is there for it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest

from chaos.checker import check, limits
from chaos.evidence import Evidence, Landed
from chaos.feed import COUNTER, Item
from events.codec import decode_input
from events.envelope import Undecodable
from events.partition import partition_of
from events.topics import Role

PLENTY = 10_000  # attempts that the faults may have left open


def test_a_run_without_faults_is_found_without_fault(evidence: Evidence, plan: Sequence[Item]) -> None:
    assert check(evidence, plan, PLENTY).violations == []


def test_more_attempts_left_open_than_the_faults_explain_are_found(evidence: Evidence, plan: Sequence[Item]) -> None:
    unknown = sum(fact["data"].get("reason") == "crash" for fact in map(told, evidence.of(Role.JOURNAL)))
    assert unknown > 1
    assert check(evidence, plan, unknown).violations == []
    assert found(evidence, plan, most_unknown=unknown - 1) == {"outcomes"}


def test_a_send_that_waited_for_the_provider_is_decided_again_from_what_its_facts_say(evidence: Evidence) -> None:
    waited = [fact["data"]["reason"] for fact in map(told, evidence.of(Role.JOURNAL)) if "deferred" in fact["type"]]
    assert {"rate", "circuit"} <= set(waited)


def test_more_attempts_on_a_day_than_the_account_allows_are_found(evidence: Evidence) -> None:
    def limited(landed: Landed, per_day: int) -> Landed:
        fact = told(landed)
        if not of("send.attempted")(fact):
            return landed
        fact["data"]["looked_at"]["per_day"] = per_day
        return landed._replace(value=orjson.dumps(fact))

    made = sum(of("send.attempted")(told(landed)) for landed in evidence.of(Role.JOURNAL))
    for per_day, sentences in ((made, 0), (1, 1)):
        journal = [limited(landed, per_day) for landed in evidence.of(Role.JOURNAL)]
        assert len(list(limits(evidence.with_records(Role.JOURNAL, journal)))) == sentences


@pytest.mark.parametrize(
    ("refused", "day", "says"),
    [
        (True, None, None),
        (True, "2026-11-24", None),
        (True, "2026-11-23", "counts again on 2026-11-23"),
        (False, None, "does not count on 2026-11-23"),  # it may have gone: another needs a place of its own
        (False, "2026-11-23", None),
    ],
)
def test_a_send_that_is_tried_again_must_count_once_a_day(
    refused: bool, day: str | None, says: str | None, evidence: Evidence
) -> None:
    records = evidence.of(Role.JOURNAL)
    first = next(landed for landed in records if of("send.attempted")(told(landed)))
    send_id = told(first)["data"]["send_id"]

    def fact(kind: str, **data: Any) -> Landed:
        document = told(first)
        said = document["data"] if kind == "send.attempted" else {"send_id": send_id}
        return first._replace(value=orjson.dumps({**document, "type": f"recado.{kind}.v1", "data": said | data}))

    middle = [fact("send.refused", attempt=1, status=429, message=None, final=False)] if refused else []
    journal = [fact("send.attempted", day="2026-11-23"), *middle, fact("send.attempted", attempt=2, day=day)]
    sentences = list(limits(evidence.with_records(Role.JOURNAL, journal)))
    subject = told(first)["subject"]
    assert sentences == ([] if says is None else [f"{subject}: attempt 2 of {send_id} {says}"])


# --- mutants: a line each, and the checks that must find it ---------------------------------------------------------


def told(landed: Landed) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(landed.value or b"{}")
    return document


def readable(landed: Landed) -> dict[str, Any] | None:
    """An update as it was published; None for what no one can read."""
    try:
        event = decode_input(landed.role, landed.value)
    except Undecodable:
        return None
    return told(landed) if event.contact else None


def found(evidence: Evidence, plan: Sequence[Item], most_unknown: int = PLENTY) -> set[str]:
    return {name for name, sentences in check(evidence, plan, most_unknown).found.items() if sentences}


def place(records: Sequence[Landed], wanted: Callable[[dict[str, Any]], bool]) -> int:
    """The middle one of those wanted: neither the first nor the last of its partition."""
    places = [at for at, landed in enumerate(records) if wanted(told(landed))]
    assert places, "the run holds no such record"
    return places[len(places) // 2]


def of(kind: str, **data: Any) -> Callable[[dict[str, Any]], bool]:
    def wanted(fact: dict[str, Any]) -> bool:
        return fact.get("type") == f"recado.{kind}.v1" and all(fact["data"].get(k) == v for k, v in data.items())

    return wanted


def counted(fact: dict[str, Any]) -> bool:
    return of("contact.fields_changed")(fact) and COUNTER in fact["data"]["set"]


def removed(role: Role, wanted: Callable[[dict[str, Any]], bool]) -> Callable[[Evidence], Evidence]:
    def mutated(evidence: Evidence) -> Evidence:
        records = list(evidence.of(role))
        del records[place(records, wanted)]
        return evidence.with_records(role, records)

    return mutated


def renumbered(wanted: Callable[[dict[str, Any]], bool]) -> Callable[[Evidence], Evidence]:
    """A fact goes, and those behind it close the gap: lost before it was numbered."""

    def mutated(evidence: Evidence) -> Evidence:
        records = list(evidence.of(Role.JOURNAL))
        gone = told(records.pop(place(records, wanted)))
        for at, landed in enumerate(records):
            fact = told(landed)
            if fact["subject"] == gone["subject"] and fact["sequence"] > gone["sequence"]:
                records[at] = landed._replace(value=orjson.dumps({**fact, "sequence": fact["sequence"] - 1}))
        return evidence.with_records(Role.JOURNAL, records)

    return mutated


def doubled(role: Role, wanted: Callable[[dict[str, Any]], bool]) -> Callable[[Evidence], Evidence]:
    def mutated(evidence: Evidence) -> Evidence:
        records = list(evidence.of(role))
        at = place(records, wanted)
        records.insert(at, records[at]._replace(offset=records[at].offset - 1))
        return evidence.with_records(role, records)

    return mutated


def altered(
    role: Role, wanted: Callable[[dict[str, Any]], bool], change: Callable[[dict[str, Any]], object]
) -> Callable[[Evidence], Evidence]:
    def mutated(evidence: Evidence) -> Evidence:
        records = list(evidence.of(role))
        at = place(records, wanted)
        document = told(records[at])
        change(document)
        records[at] = records[at]._replace(value=orjson.dumps(document))
        return evidence.with_records(role, records)

    return mutated


def swapped(evidence: Evidence) -> Evidence:
    """Two updates of one contact were decided the other way round."""
    records = list(evidence.of(Role.CONTACTS))
    last: dict[str, int] = {}
    for at, landed in enumerate(records):
        document = readable(landed)
        if document is None or landed.origin is not None or landed.partition != 1:
            continue
        subject = document["subject"]
        if subject in last and told(records[last[subject]])["id"] != document["id"]:
            other = last[subject]
            records[at], records[other] = (
                landed._replace(value=records[other].value),
                records[other]._replace(value=landed.value),
            )
            return evidence.with_records(Role.CONTACTS, records)
        last[subject] = at
    raise AssertionError("the run holds no two updates of one contact")


def left_open(evidence: Evidence) -> Evidence:
    """A take-over passed an open attempt over, and nothing settled it later."""
    facts = [told(landed) for landed in evidence.of(Role.JOURNAL)]
    settled = {(fact["subject"], fact["data"]["send_id"]) for fact in facts if of("send.accepted")(fact)}

    def unsettled(fact: dict[str, Any]) -> bool:
        return of("send.unknown")(fact) and (fact["subject"], fact["data"]["send_id"]) not in settled

    return removed(Role.JOURNAL, unsettled)(evidence)


def twice_at_the_provider(evidence: Evidence) -> Evidence:
    return replace(evidence, ledger=[*evidence.ledger, evidence.ledger[7]])


def never_committed(evidence: Evidence) -> Evidence:
    return replace(evidence, ledger=[*evidence.ledger, "1-1-aaaaaaaaaaaaaaaa-bbbbbbbbbb"])


def unknown_to_the_provider(evidence: Evidence) -> Evidence:
    accepted = {
        (fact["subject"], fact["data"]["send_id"])
        for fact in map(told, evidence.of(Role.JOURNAL))
        if of("send.accepted")(fact)
    }
    for fact in map(told, evidence.of(Role.JOURNAL)):
        if of("send.attempted")(fact) and (fact["subject"], fact["data"]["send_id"]) in accepted:
            return replace(evidence, ledger=[name for name in evidence.ledger if name != fact["data"]["client_id"]])
    raise AssertionError("the run holds no accepted attempt")


def texted_against_her_will(evidence: Evidence) -> Evidence:
    """An unsubscribe, durable before anything else, of a contact who got a newsletter and never subscribed again."""
    reached = set(evidence.ledger)
    updates = list(evidence.of(Role.CONTACTS))
    for fact in map(told, evidence.of(Role.JOURNAL)):
        if not of("send.attempted", **{"class": "newsletter"})(fact) or fact["data"]["alert"]:
            continue
        if fact["data"]["client_id"] not in reached or fact["causationsource"].endswith("/0"):
            continue
        for at, landed in enumerate(updates):
            update = readable(landed)
            if update is None or update["subject"] != fact["subject"]:
                continue
            fields = update["data"].get("fields", {})
            if "_smsSubscriptionStatus" in fields:
                fields["_smsSubscriptionStatus"] = "unsubscribed"
                updates[at] = landed._replace(value=orjson.dumps(update))
        return evidence.with_records(Role.CONTACTS, updates)
    raise AssertionError("the run holds no newsletter of a later wave")


def untold(evidence: Evidence) -> Evidence:
    return evidence.with_records(Role.NUMBERS, evidence.of(Role.NUMBERS)[:-1])


def to_another_number(evidence: Evidence) -> Evidence:
    name, (_, text) = next(iter(evidence.words.items()))
    return replace(evidence, words={**evidence.words, name: ("+34600000001", text)})


def in_other_words(evidence: Evidence) -> Evidence:
    one, other = list(evidence.words)[3:5]
    (to, _), (_, text) = evidence.words[one], evidence.words[other]
    return replace(evidence, words={**evidence.words, one: (to, text[::-1])})


def lost_by_the_ingress(evidence: Evidence) -> Evidence:
    """A receipt that the provider was told was taken, and told again: nothing but the ingress knows of it."""
    records, told = list(evidence.of(Role.CALLBACKS)), evidence.receipts[0]
    for at in reversed(range(len(records))):
        if told_of(records[at]) == (told.client_id, told.status):
            del records[at]
            return evidence.with_records(Role.CALLBACKS, records)
    raise AssertionError("the run holds no such callback")


def told_of(landed: Landed) -> tuple[str | None, str | None]:
    data = told(landed)["data"]
    return data.get("client_id"), data.get("status")


def dropped_as_none_of_ours(evidence: Evidence) -> Evidence:
    records = list(evidence.of(Role.CALLBACKS))
    stranger = told(records[-1])
    stranger["id"], stranger["data"]["client_id"] = "0" * 32, "none-of-ours"
    landed = records[-1]._replace(offset=records[-1].offset + 2, value=orjson.dumps(stranger))
    return evidence.with_records(Role.CALLBACKS, [*records, landed])


def overtaken(evidence: Evidence) -> Evidence:
    """A newsletter of a later wave was decided before an update of the wave before it."""
    updated = {
        fact["subject"]: int(fact["causationsource"].rpartition("/")[2])
        for fact in map(told, evidence.of(Role.JOURNAL))
        if counted(fact)
    }  # the wave of each contact's last update

    def early(document: dict[str, Any]) -> bool:
        return int(document["source"].rpartition("/")[2]) < updated.get(document["subject"], 0)

    newsletters = list(evidence.of(Role.NEWSLETTER))
    at = next(at for at, landed in enumerate(newsletters) if requested(landed) and early(told(landed)))
    asked = told(newsletters[at])
    source = f"/chaos/wave/{updated[asked['subject']] + 1}"

    def later(landed: Landed) -> Landed:
        fact = told(landed)
        if (fact["causationsource"], fact["causationid"]) != (asked["source"], asked["id"]):
            return landed
        return landed._replace(value=orjson.dumps({**fact, "causationsource": source}))

    newsletters[at] = newsletters[at]._replace(value=orjson.dumps({**asked, "source": source}))
    journal = [later(landed) for landed in evidence.of(Role.JOURNAL)]
    return evidence.with_records(Role.NEWSLETTER, newsletters).with_records(Role.JOURNAL, journal)


def requested(landed: Landed) -> bool:
    """Can it be read, and lies it where it belongs?"""
    try:
        event = decode_input(landed.role, landed.value)
    except Undecodable:
        return False
    return landed.origin is None and partition_of(event.subject.encode(), 3) == landed.partition


def deaf_to_a_reply(evidence: Evidence) -> Evidence:
    """What a contact wrote back was taken long before, and applied after a newsletter that was asked for since."""
    return replace(evidence, receipts=[told._replace(at=0) for told in evidence.receipts])


def without(prefix: bytes) -> Callable[[Evidence], Evidence]:
    def mutated(evidence: Evidence) -> Evidence:
        records = [landed for landed in evidence.of(Role.STATE) if not (landed.key or b"").startswith(prefix)]
        return evidence.with_records(Role.STATE, records)

    return mutated


def by_another(fact: dict[str, Any]) -> bool:
    return of("subscription.changed")(fact) and fact["data"].get("by") is not None


def lost_dead_letter(evidence: Evidence) -> Evidence:
    letters = evidence.of(Role.DEAD_LETTERS)
    return evidence.with_records(Role.DEAD_LETTERS, letters[1:])


def doubled_dead_letter(evidence: Evidence) -> Evidence:
    letters = evidence.of(Role.DEAD_LETTERS)
    return evidence.with_records(Role.DEAD_LETTERS, [*letters, letters[0]])


def moved(landed: Landed) -> bool:
    return landed.origin is not None


def lost_move(evidence: Evidence) -> Evidence:
    records = list(evidence.of(Role.CONTACTS))
    records.remove(next(filter(moved, records)))
    return evidence.with_records(Role.CONTACTS, records)


def moved_twice(evidence: Evidence) -> Evidence:
    records = list(evidence.of(Role.CONTACTS))
    at = next(at for at, landed in enumerate(records) if moved(landed))
    records.insert(at + 1, records[at]._replace(offset=records[at].offset + 1))
    return evidence.with_records(Role.CONTACTS, records)


def state_behind_its_facts(evidence: Evidence) -> Evidence:
    records = [landed for landed in evidence.of(Role.STATE) if not (landed.key or b"").startswith(b"s/")]
    return evidence.with_records(Role.STATE, records)


def in_another_partition(evidence: Evidence) -> Evidence:
    records = list(evidence.of(Role.JOURNAL))
    at = place(records, counted)
    records[at] = records[at]._replace(partition=(records[at].partition + 1) % evidence.partitions)
    return evidence.with_records(Role.JOURNAL, records)


def counted_twice(evidence: Evidence) -> Evidence:
    records = list(evidence.of(Role.STATE))
    at = next(at for at, landed in enumerate(records) if landed.key == b"p/counts")
    counts = told(records[at])
    counts["contacts"]["read"] += 1
    records[at] = records[at]._replace(value=orjson.dumps(counts))
    return evidence.with_records(Role.STATE, records)


MUTANTS: dict[str, tuple[Callable[[Evidence], Evidence], set[str]]] = {
    "an update's fact is missing": (removed(Role.JOURNAL, counted), {"sequences", "counters", "decisions"}),
    "an update was lost before it was numbered": (renumbered(counted), {"counters", "decisions"}),
    "a fact is there twice": (doubled(Role.JOURNAL, counted), {"sequences", "counters"}),
    "a fact lies in another partition": (in_another_partition, {"sequences"}),
    "a fact says another thing": (
        altered(Role.JOURNAL, of("phone.changed"), lambda fact: fact["data"].update(to="+34600000000")),
        {"decisions", "state"},
    ),
    "a skipped send has another reason": (
        altered(
            Role.JOURNAL, of("send.skipped", reason="not_subscribed"), lambda f: f["data"].update(reason="stopped")
        ),
        {"decisions"},
    ),
    "a fact comes from nothing": (
        altered(Role.JOURNAL, counted, lambda fact: fact.update(causationid="never-published")),
        {"decisions"},
    ),
    "two updates were decided the other way round": (swapped, {"order", "decisions"}),
    "an answer left no fact": (renumbered(of("send.accepted")), {"decisions", "outcomes"}),
    "an attempt has no outcome": (left_open, {"outcomes"}),
    "an attempt ended twice": (doubled(Role.JOURNAL, of("send.accepted")), {"sequences", "outcomes"}),
    "a request was never decided": (renumbered(of("send.skipped", reason="not_subscribed")), {"decisions", "outcomes"}),
    "an attempt was called twice": (twice_at_the_provider, {"ledger"}),
    "a call was made without a commit": (never_committed, {"ledger"}),
    "an acceptance is made up": (unknown_to_the_provider, {"ledger"}),
    "a newsletter went against an unsubscribe": (texted_against_her_will, {"consent", "decisions"}),
    "a receipt was lost": (renumbered(of("message.state_changed", to="delivered")), {"decisions"}),
    "an opt-out did not reach a partition": (untold, {"decisions"}),
    "an SMS went to another number": (to_another_number, {"ledger"}),
    "an SMS went in other words": (in_other_words, {"ledger"}),
    "a receipt was taken and not written": (lost_by_the_ingress, {"receipts"}),
    "a receipt that is none of ours was dropped": (dropped_as_none_of_ours, {"accounted"}),
    "a newsletter overtook an update": (overtaken, {"heard"}),
    "a newsletter overtook a reply": (deaf_to_a_reply, {"heard"}),
    "an opt-out by number passed a contact over": (renumbered(by_another), {"numbers"}),
    "the state does not know who has a number": (without(b"n/"), {"state"}),
    "the state has lost its timers": (without(b"t/"), {"state"}),
    "a dead letter is missing": (lost_dead_letter, {"accounted"}),
    "a dead letter is there twice": (doubled_dead_letter, {"accounted"}),
    "a record in the wrong partition was lost": (lost_move, {"accounted"}),
    "a record in the wrong partition was moved twice": (moved_twice, {"accounted"}),
    "the state does not have what the journal tells": (state_behind_its_facts, {"state"}),
    "a record was read twice": (counted_twice, {"state"}),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_found_by_the_checks_that_are_there_for_it(
    name: str, evidence: Evidence, plan: Sequence[Item]
) -> None:
    mutate, wanted = MUTANTS[name]
    assert wanted <= found(mutate(evidence), plan)
