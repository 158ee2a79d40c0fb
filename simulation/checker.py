"""The judge: what the crash proof's checker says of the evidence, and what only a simulated world can know.

That one (chaos/checker.py) knows the topics and the ledger. This one also knows which process made each call and at
which step, what lay in which topic when a newsletter was written, what every receipt said, and each disk.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from chaos import checker
from chaos.evidence import Evidence
from events import client_id
from events.answer import AnswerReceived
from events.message import InboundReceived
from events.send import SendAttempted, SendDeferred, SendUnknown
from events.topics import Role
from projections import keyspace, send
from simulation.outside import BARRIER
from simulation.worker import SKEW

if TYPE_CHECKING:
    from simulation.worker import Worker
    from simulation.world import World

State = Mapping[bytes, bytes]
Cause = tuple[str, str]
"""An event by its source and id."""
ANY_NUMBER: Final = 1 << 30
_OWN: Final = b"p/"  # the engine's own keys
_TOLD: Final[Mapping[str, str]] = {
    "sent": "sent", "buffered": "sent", "unknown": "unknown", "expired": "expired", "rejected": "failed",
    "failed": "failed", "delivered": "delivered",
}  # fmt: skip


def check(world: "World", evidence: Evidence) -> list[str]:
    """Every violation, a sentence each."""
    found = checker.check(evidence, world.published, ANY_NUMBER).violations
    for check_ in (calls, answers, consent, waited, receipts, replies, secrets):
        found += [f"{check_.__name__}: {sentence}" for sentence in check_(world, evidence)]
    for partition in range(world.partitions):
        found += differences(partition, evidence.state[partition], live(world, partition), b"")
    return found


def calls(world: "World", evidence: Evidence) -> Iterator[str]:
    """One call for each attempt, after its commit was decided, by the process that committed it, with its words."""
    attempts: dict[str, tuple[SendAttempted, int, int]] = {}
    for partition, journal in evidence.journal.items():
        for told in journal:
            if isinstance(told.fact.data, SendAttempted):
                data = evidence.opened(told.fact).data
                assert isinstance(data, SendAttempted)  # noqa: S101 - as it was sealed
                attempts[data.client_id] = (data, partition, told.landed.offset)
    times: Counter[str] = Counter()
    for call, process, step in world.ledger.calls:
        name = f"attempt {call.attempt} of {call.send_id}"
        times[call.client_id] += 1
        if times[call.client_id] > 1:
            yield f"{name} was called {times[call.client_id]} times"
        if call.client_id not in attempts:
            yield f"{name} was called, and never committed"
            continue
        attempted, partition, offset = attempts[call.client_id]
        entry = world.broker.line(Role.JOURNAL, partition).entries[offset]
        transaction = entry.transaction if entry is not None else None
        if transaction is None or transaction.decided > step:
            yield f"{name} was called before its commit"
        elif transaction.owner is not process:
            yield f"{name} was called by {process.name}, and committed by another process ({transaction.owner.name})"
        if (call.to, call.text, call.sender) != (attempted.to, attempted.text, attempted.sender):
            yield f"{name} was called with other words than were committed"


def answers(world: "World", evidence: Evidence) -> Iterator[str]:
    """An answer that lay there when its partition was taken over was read, and not counted as lost by the crash."""
    lying: dict[tuple[str, str, int], int] = {}
    for event in evidence.events[Role.ANSWERS]:
        if event.event is not None and isinstance(data := event.event.data, AnswerReceived):
            lying.setdefault((event.event.subject, data.send_id, data.attempt), event.landed.offset)
    for partition, journal in evidence.journal.items():
        for fact, landed in journal:
            if not isinstance(fact.data, SendUnknown) or fact.data.reason != "crash":
                continue
            entry = world.broker.line(Role.JOURNAL, partition).entries[landed.offset]
            transaction = entry.transaction if entry is not None else None
            offset = lying.get((fact.subject, fact.data.send_id, fact.data.attempt))
            if transaction is None or offset is None:
                continue
            taken = world.taken.get((transaction.owner, partition), ())
            if any(offset < end for step, end in taken if step <= transaction.decided):
                yield f"{fact.subject}: an attempt of {fact.data.send_id} counts as lost, and its answer lay there"


def consent(world: "World", evidence: Evidence) -> Iterator[str]:
    """What lay in the other topics when a newsletter was written was applied before the newsletter was decided."""
    first = evidence.first
    earlier: dict[tuple[int, str], list[tuple[int, int, int]]] = {}
    for at, role in enumerate(BARRIER):
        for cause, partition, offset in _first_seen(evidence, role):
            if cause in first:
                found = first[cause]
                earlier.setdefault((partition, found.subject), []).append((at, offset, found.sequence))
    for cause, partition, offset in _first_seen(evidence, Role.NEWSLETTER):
        bounds = world.before.get((Role.NEWSLETTER, partition, offset))
        if bounds is None or cause not in first:
            continue
        decided = first[cause]
        for at, before, applied in earlier.get((partition, decided.subject), ()):
            if before < bounds[at] and applied > decided.sequence:
                yield f"{decided.subject}: a newsletter was decided before a record of {BARRIER[at]} that lay before it"


def waited(world: "World", evidence: Evidence) -> Iterator[str]:
    """What lay among the contacts' updates when a newsletter's hour came was applied before it was called for."""
    first = evidence.first
    landed: dict[str, list[tuple[int, int]]] = {}  # when a contact's updates came, and their first facts' sequences
    for cause, partition, offset in _first_seen(evidence, Role.CONTACTS):  # a callback may wait for an answer, rightly
        entry = world.broker.line(Role.CONTACTS, partition).entries[offset]
        if cause in first and entry is not None and entry.transaction is None:
            landed.setdefault(first[cause].subject, []).append((entry.timestamp, first[cause].sequence))
    due: dict[tuple[str, str], int] = {}
    for fact in evidence.facts:
        data = fact.data
        if isinstance(data, SendDeferred) and data.class_ == "newsletter":
            due[fact.subject, data.send_id] = data.until
        elif isinstance(data, SendAttempted) and (fact.subject, data.send_id) in due:
            until = min(due.pop((fact.subject, data.send_id)), fact.time) - SKEW
            for at, sequence in landed.get(fact.subject, ()):
                if at < until and sequence > fact.sequence:
                    yield f"{fact.subject}: a newsletter's hour came, and a record that lay there before was not read"


def _first_seen(evidence: Evidence, role: Role) -> Iterator[tuple[Cause, int, int]]:
    """Each event of a topic, in the partition where it belongs: its identity, its partition, its first offset."""
    seen: set[tuple[int, Cause]] = set()
    for event in evidence.events[role]:
        if event.event is not None and not event.misplaced:
            cause = (event.event.source, event.event.id)
            if (event.landed.partition, cause) not in seen:
                seen.add((event.landed.partition, cause))
                yield cause, event.landed.partition, event.landed.offset


def receipts(world: "World", evidence: Evidence) -> Iterator[str]:
    """No receipt is lost: each message stands at the highest state that any receipt told of, whatever their order."""
    for name, statuses in world.ledger.told.items():
        ours = client_id.read(world.mac_key, name)
        if ours is None:
            continue
        raw = evidence.state[ours.partition].get(keyspace.send_key(ours.send_hash))
        sent: send.State = send.initial if raw is None else keyspace.decode(b"s/", raw)
        attempt = sent.attempt(ours.attempt)
        states = [_TOLD[status] for status in statuses if status in _TOLD]
        if attempt is None or not states:
            continue
        told = max(states, key=send.RANKS.__getitem__)
        if attempt.state != told:
            yield f"attempt {ours.attempt} of {sent.send_id} is {attempt.state}, and receipts said {told}"
    for partition, state in evidence.state.items():
        for key, raw in state.items():
            if key.startswith(keyspace.SENDS):
                sent = keyspace.decode(key, raw)
                if sent.due or sent.phase in ("unknown", "open", "deferred"):
                    yield f"partition {partition}: {sent.send_id} is still {sent.phase} after all its time"


def replies(world: "World", evidence: Evidence) -> Iterator[str]:
    """A reply that the provider repeats counts once."""
    heard: Counter[tuple[str, str | None, str]] = Counter()
    for fact in evidence.facts:
        if isinstance(fact.data, InboundReceived):
            heard[fact.subject, fact.data.send_id, fact.data.text] += 1
    yield from (
        f"{subject}: a reply was received {times} times" for (subject, _, _), times in heard.items() if times > 1
    )


def secrets(world: "World", evidence: Evidence) -> Iterator[str]:
    """Nothing that Recado writes of a sealed account holds a number in clear; a sealed value has no plus sign."""
    if not world.script.sealed:
        return
    for role in (Role.JOURNAL, Role.STATE, Role.ANSWERS, Role.NUMBERS, Role.KEYS, Role.DEAD_LETTERS):
        for landed in evidence.of(role):
            if b"+34" in (landed.value or b""):
                yield f"{role}[{landed.partition}]@{landed.offset} holds a number in clear"


def owner(world: "World", partition: int) -> "Worker | None":
    """Who has the partition: the member that the group says, if it runs it."""
    worker = world.group.members.get(world.group.owners.get(partition, ""))
    if worker is None or not worker.alive or worker.frozen or partition not in worker.running:
        return None
    return worker


def live(world: "World", partition: int) -> State:
    """The state on the owner's disk."""
    worker = owner(world, partition)
    held = {} if worker is None else world.disks[worker.name].copies[partition].held
    return {key: value for keys in held.values() for key, value in keys.items()}


def differences(partition: int, one: State, other: State, but: bytes = _OWN) -> list[str]:
    """Where two copies of a partition's state differ: by their keys alone, as values are personal."""
    keys = sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))
    different = [key for key in keys if not but or not key.startswith((but, keyspace.SEEN))]
    return [f"copies: partition {partition}: {key[:60]!r} differs" for key in different[:3]]
