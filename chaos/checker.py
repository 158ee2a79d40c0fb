"""The judge of a run: what was promised, against what strangers can see. Pure: evidence in, sentences out.

Each check is a generator of violations, a sentence each; none holds a number or a text of a contact.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Final

import orjson

from chaos import delivery, numbers, replay
from chaos.evidence import INPUTS, PUBLISHED, READ, ROUTED, Event, Evidence, Place
from chaos.feed import COUNTER, Item
from events import client_id
from events.callback import CallbackReceived
from events.contact import ContactRefused, ContactUpdated, FieldsChanged
from events.send import SendAttempted, SendRefused
from events.topics import Role
from projections import keyspace

COUNTS: Final = b"p/counts"
TIMERS: Final = tuple(keyspace.TIMERS.values())  # those of a destroyed key, `-<subject>`, are no facts
FOLDED: Final = (
    keyspace.CONTACTS, keyspace.SENDS, keyspace.OPEN, keyspace.RECENT, keyspace.DAYS, keyspace.UNSETTLED, b"u/",
    *TIMERS,
)  # fmt: skip
NUMBERED: Final = b"n/"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What each check found, by its name; `none` where all is well."""

    found: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def violations(self) -> list[str]:
        return [f"{name}: {sentence}" for name, sentences in self.found.items() for sentence in sentences]


def check(evidence: Evidence, plan: Sequence[Item], most_unknown: int) -> Verdict:
    """Judge a settled run. `plan` is what was published; `most_unknown` how many attempts the faults may have left
    open: kills times slots."""
    checks: list[tuple[str, Callable[[], Iterator[str]]]] = [
        ("sequences", lambda: sequences(evidence)),
        ("accounted", lambda: accounted(evidence, plan)),
        ("order", lambda: order(evidence)),
        ("counters", lambda: counters(evidence)),
        ("decisions", lambda: replay.violations(evidence)),
        ("outcomes", lambda: delivery.outcomes(evidence, most_unknown)),
        ("ledger", lambda: delivery.ledger(evidence)),
        ("receipts", lambda: delivery.receipts(evidence)),
        ("consent", lambda: delivery.consent(evidence)),
        ("heard", lambda: delivery.heard(evidence)),
        ("numbers", lambda: numbers.violations(evidence)),
        ("limits", lambda: limits(evidence)),
        ("state", lambda: state(evidence)),
    ]
    return Verdict({name: list(found()) for name, found in checks})


def sequences(evidence: Evidence) -> Iterator[str]:
    """1, 2, 3, ... for each contact, in its own partition, each fact under its own id and the contact's key."""
    last: Counter[str] = Counter()
    ids: set[str] = set()
    for partition, journal in sorted(evidence.journal.items()):
        for fact, landed in journal:
            if fact.sequence != last[fact.subject] + 1:
                yield f"{fact.subject}: fact {fact.sequence} follows {last[fact.subject]} in the journal"
            last[fact.subject] = fact.sequence
            if fact.id in ids:
                yield f"{fact.subject}: fact {fact.sequence} has the id of another"
            ids.add(fact.id)
            key = fact.subject.encode()
            if landed.key != key or evidence.home(fact.subject) != partition:
                yield f"{fact.subject}: fact {fact.sequence} lies in partition {partition}, or under another key"


def accounted(evidence: Evidence, plan: Sequence[Item]) -> Iterator[str]:
    """All that was published landed; each record was decided, or moved once, or is a dead letter once, and only one."""
    landed = Counter(record.value for role in PUBLISHED for record in evidence.of(role) if record.origin is None)
    for value, times in Counter(item.value for item in plan).items():
        if landed[value] != times:
            yield f"a record was published {times} times and landed {landed[value]} times: the run itself is at fault"
    unsound = {item.value for item in plan if not item.sound}
    dead = Counter[Place]()
    for letter in evidence.dead_letters:
        role = next((role for role in READ if letter.topic.endswith(role.value)), None)
        if role is None:
            yield f"a dead letter says that it came from {letter.topic}"
            continue
        dead[role, letter.partition, letter.offset] += 1
        if letter.reason == "decider":
            yield f"{role}[{letter.partition}]@{letter.offset}: a decider failed ({letter.detail})"
        elif role in PUBLISHED and letter.original not in unsound:
            yield f"{role}[{letter.partition}]@{letter.offset} was sound, and is a dead letter ({letter.reason})"
    moved = Counter(record.origin for role in ROUTED for record in evidence.of(role) if record.origin is not None)
    for role, events in evidence.events.items():
        for event in events:
            place = event.landed.place
            where = f"{role}[{place[1]}]@{place[2]}"
            copies = moved[f"{role.value}/{place[1]}/{place[2]}"]
            if copies != int(event.misplaced):
                yield f"{where} was moved {copies} times, and should have been {int(event.misplaced)} times"
            due = _dead(evidence, event)
            if dead[place] != due and (due is not None or dead[place] > 1):
                yield f"{where} became {dead[place]} dead letters, and should have become {due or 0}"


def _dead(evidence: Evidence, event: Event) -> int | None:
    """How many dead letters a record should become; None where only the state of then could tell, of a link's code."""
    if event.event is None:
        return 1
    if event.landed.role is not Role.CALLBACKS:
        return 0
    if not isinstance(data := event.event.data, CallbackReceived):
        return None
    ours = client_id.read(evidence.mac_key, data.client_id or "")
    if ours is None or ours.partition != event.landed.partition:
        return 1
    subject = evidence.attempted.get(ours.send_hash, "")
    return 0 if subject.partition("/")[0] == event.event.account else None


def order(evidence: Evidence) -> Iterator[str]:
    """The records of each topic's partition were decided in the order in which they lie, none twice."""
    first: dict[tuple[int, str, str], Place] = {}
    for events in evidence.events.values():
        for event in events:
            if event.event is not None and not event.misplaced:
                first.setdefault((event.landed.partition, event.event.source, event.event.id), event.landed.place)
    for partition, journal in evidence.journal.items():
        reached: dict[Role, int] = {}
        previous: tuple[str, str] | None = None
        for fact, _ in journal:
            cause = (fact.causation_source, fact.causation_id)
            place = first.get((partition, *cause))
            if cause == previous or place is None:
                continue
            previous = cause
            role, _, offset = place
            if offset <= reached.get(role, -1):
                yield f"{fact.subject}: {role}[{partition}]@{offset} was decided after {reached[role]}, or again"
            reached[role] = max(offset, reached.get(role, -1))


def counters(evidence: Evidence) -> Iterator[str]:
    """Each update carries a counter of its own, so each left a fact that bears it, exactly once."""
    told: Counter[int] = Counter()
    refused: set[tuple[str, str]] = set()
    for fact in evidence.facts:
        if isinstance(fact.data, FieldsChanged) and COUNTER in fact.data.set:
            told[int(fact.data.set[COUNTER] or 0)] += 1
        elif isinstance(fact.data, ContactRefused):
            refused.add((fact.causation_source, fact.causation_id))
    wanted: dict[int, tuple[str, str]] = {}
    for event in evidence.events[Role.CONTACTS]:
        if event.event is not None and isinstance(event.event.data, ContactUpdated):
            wanted[int(event.event.data.fields[COUNTER] or 0)] = (event.event.source, event.event.id)
    for number, cause in wanted.items():
        if told[number] != 1 and not (told[number] == 0 and cause in refused):
            yield f"update {number} left {told[number]} facts with its counter"
    yield from (f"a fact bears the counter {number}, and no update does" for number in told if number not in wanted)


def limits(evidence: Evidence) -> Iterator[str]:
    """On no day were more SMS attempted than the account allows, by all partitions together: than the most that any of
    them was allowed, as a limit may be changed. A send counts once on a day, and again where its latest attempt may
    have gone."""
    made: Counter[tuple[str, str]] = Counter()
    allowed: dict[tuple[str, str], float] = {}
    places: dict[tuple[str, str], tuple[str, bool]] = {}  # each send's latest day, and is its place of it free again?
    for fact in evidence.facts:
        data = fact.data
        if isinstance(data, SendAttempted):
            held, free = places.get((fact.subject, data.send_id), ("", False))
            day = data.day or data.looked_at.get("day", held)
            places[fact.subject, data.send_id] = day, False
            if (data.day is None) != (free and day == held):
                counts = "does not count" if data.day is None else "counts again"
                yield f"{fact.subject}: attempt {data.attempt} of {data.send_id} {counts} on {day or 'its day'}"
            if data.day is not None:
                counted = fact.subject.partition("/")[0], day
                made[counted] += 1
                allowed[counted] = max(allowed.get(counted, 0), data.looked_at.get("per_day", inf))
        elif isinstance(data, SendRefused) and (fact.subject, data.send_id) in places:
            places[fact.subject, data.send_id] = places[fact.subject, data.send_id][0], True
    for (account, day), times in made.items():
        if times > allowed[account, day]:
            yield f"{account}: {times} SMS were attempted on {day}, and {allowed[account, day]} are allowed"


def state(evidence: Evidence) -> Iterator[str]:
    """The changelog's contacts, sends, attempts, timers, links, numbers are the journal's, its counts the inputs'."""
    compared = FOLDED if evidence.of(Role.KEYS) else (*FOLDED, NUMBERED)
    for partition in range(evidence.partitions):
        kept = evidence.state.get(partition, {})
        told = evidence.folded[partition].values
        rebuilt = {key: keyspace.encode(key, value) for key, value in told.items() if key[:2] in compared}
        # decoded and encoded: what an earlier version stored without a field has its default
        here = {
            key: keyspace.encode(key, keyspace.decode(key, value))
            for key, value in kept.items()
            if key[:2] in compared and not (key[:2] in TIMERS and key[16:17] == b"-")
        }
        for key in sorted(rebuilt.keys() | here.keys()):
            if rebuilt.get(key) != here.get(key):
                yield f"partition {partition}: the state of {key.decode()} is not what its facts come to"
        counts = orjson.loads(kept.get(COUNTS, b"{}"))
        for role in INPUTS:
            records = sum(landed.partition == partition for landed in evidence.of(role))
            read = counts.get(role.value, {}).get("read", 0)
            if read != records:
                yield f"{role}[{partition}] holds {records} records, and {read} are counted as read"
