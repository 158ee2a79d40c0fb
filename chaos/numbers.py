"""An opt-out reaches every contact with the number: the promise about recado.numbers, whose records name no contact.

Each partition decides such a record somewhere between two places of its own journal: behind what had landed there when
the record did, and before the facts of the next record that left some. A contact that had the number all that time, and
was not opted out already, must have been opted out by it.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from chaos.evidence import Evidence
from events.contact import ContactErased, PhoneChanged, SubscriptionChanged
from events.fact import Fact
from events.opt_out import NumberOptedOut, hash_number
from events.record import Sealed
from events.topics import Role

MARGIN: Final = 3_000  # ms, by which the clocks of two workers may differ

Cause = tuple[str, str]
"""An event by its source and id."""


class _Standing(NamedTuple):
    """A contact from a place of its partition's journal on: its number's hash, and whether an opt-out changes it."""

    at: int
    number: str | None
    open: bool


def violations(evidence: Evidence) -> Iterator[str]:
    """A sentence for each contact that an opt-out of its number passed over."""
    told: dict[int, list[tuple[Cause, str, str, int]]] = defaultdict(list)
    for event in evidence.events[Role.NUMBERS]:
        if event.event is not None and isinstance(data := event.event.data, NumberOptedOut):
            cause = (event.event.source, event.event.id)
            told[event.landed.partition].append((cause, data.number, event.event.subject, event.landed.timestamp))
    for partition, records in told.items():
        journal = evidence.journal.get(partition, ())
        standings = _standings(evidence, partition)
        holders: dict[str, set[str]] = defaultdict(set)
        for subject, of in standings.items():
            for standing in of:
                if standing.number is not None:
                    holders[standing.number].add(subject)
        caused: dict[Cause, set[str]] = defaultdict(set)
        first: dict[Cause, int] = {}
        for at, (fact, _) in enumerate(journal):
            cause = (fact.causation_source, fact.causation_id)
            caused[cause].add(fact.subject)
            first.setdefault(cause, at)
        landed = [of.landed.timestamp for of in journal]
        behind, end = len(records), len(journal)
        ends = [end] * behind
        for place in reversed(range(behind)):
            ends[place] = end
            end = min(end, first.get(records[place][0], end))
        for (cause, number, by, timestamp), until in zip(records, ends, strict=True):
            begin = bisect_left(landed, timestamp - MARGIN)
            for subject in sorted(holders[number] - caused[cause] - {by}):
                if _deaf(standings[subject], number, begin, until):
                    yield f"{subject}: the number opted out ({cause[1]}), and the contact stayed as it was"


def _deaf(standings: list[_Standing], number: str, begin: int, until: int) -> bool:
    """Had the contact the number, and was to be opted out, at every place from `begin` to `until`?"""
    current = _Standing(0, None, open=False)
    for standing in standings:
        if standing.at >= until:
            break
        if standing.at > begin and not (current.number == number and current.open):
            return False
        current = standing
    return current.number == number and current.open


def _standings(evidence: Evidence, partition: int) -> Mapping[str, list[_Standing]]:
    """Each contact that ever had a number, place by place. A value that nothing opens any more is no number."""
    found: dict[str, list[_Standing]] = defaultdict(list)
    words: dict[str, tuple[str | None, str | None]] = {}  # as projections/contact.py: subscription, and said
    for at, (told, _) in enumerate(evidence.journal.get(partition, ())):
        if not isinstance(told.data, PhoneChanged | ContactErased | SubscriptionChanged):
            continue
        subject, of = told.subject, found[told.subject]
        number = of[-1].number if of else None
        subscription, said = words.get(subject, (None, None))
        if isinstance(told.data, SubscriptionChanged):
            subscription = told.data.to
            said = said if told.data.via == "keyword" and told.data.by is None else subscription
        else:
            number = _number(evidence, told)
            subscription, said = (None, None) if isinstance(told.data, ContactErased) else (subscription, said)
        words[subject] = subscription, said
        of.append(_Standing(at, number, not (said == "unsubscribed" and subscription in (None, said))))
    return found


def _number(evidence: Evidence, told: Fact) -> str | None:
    data = evidence.opened(told).data
    if not isinstance(data, PhoneChanged) or data.to is None or isinstance(data.to, Sealed):
        return None
    return hash_number(told.subject.partition("/")[0], data.to, evidence.keys.numbers)
