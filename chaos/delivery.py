"""The promises about sends: one outcome each, one SMS each, and none against the contact's will."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from chaos.evidence import Evidence
from chaos.feed import SOURCE
from connectors.simulator.ledger import text_hash
from events import client_id
from events.callback import CallbackReceived
from events.contact import SUBSCRIPTION, ContactUpdated, SubscriptionChanged
from events.send import SendAccepted, SendAttempted, SendGivenUp, SendRefused, SendRequested, SendUnknown
from events.topics import Role
from projections import keyspace, send

AFTER: Final[Mapping[str, frozenset[str]]] = {
    "": frozenset({"accepted", "refused", "unknown"}),
    "unknown": frozenset({"accepted", "refused", "given_up"}),
    "given_up": frozenset({"accepted"}),
    "accepted": frozenset(),
    "refused": frozenset(),
}


def outcomes(evidence: Evidence, most_unknown: int) -> Iterator[str]:
    """Each attempt ends in exactly one of accepted, refused, unknown first; each request has an outcome."""
    at: dict[tuple[str, str, int], str] = {}
    crashed = 0
    for fact in evidence.facts:
        data = fact.data
        if isinstance(data, SendAttempted):
            name = (fact.subject, data.send_id, data.attempt)
            if name in at:
                yield f"{fact.subject}: attempt {data.attempt} of {data.send_id} was made twice"
            at[name] = ""
            earlier = (at.get((fact.subject, data.send_id, number)) for number in range(1, data.attempt))
            if data.fallback and not all(end == "refused" for end in earlier):
                yield f"{fact.subject}: {data.send_id} went by the second provider, and may have reached the first"
        elif isinstance(data, SendAccepted | SendRefused | SendUnknown | SendGivenUp):
            name = (fact.subject, data.send_id, data.attempt)
            end = fact.type.split(".")[2]
            if name not in at:
                yield f"{fact.subject}: attempt {data.attempt} of {data.send_id} is {end}, and was never made"
            elif end not in AFTER[at[name]] and not (isinstance(data, SendRefused) and data.settled):
                yield f"{fact.subject}: attempt {data.attempt} of {data.send_id} is {end} after {at[name]}"
            at[name] = end
            crashed += isinstance(data, SendUnknown) and data.reason == "crash"
    yield from (
        f"{subject}: attempt {n} of {send_id} has no outcome" for (subject, send_id, n), end in at.items() if not end
    )
    if crashed > most_unknown:
        yield f"{crashed} attempts are unknown by a crash, and the faults explain {most_unknown}"
    for role in (Role.TRANSACTIONAL, Role.NEWSLETTER):
        for event in evidence.events[role]:
            asked = event.event
            if asked is None or event.misplaced or not isinstance(asked.data, SendRequested):
                continue
            send_id = asked.data.send_id or asked.id
            view = evidence.folded[event.landed.partition]
            state: send.State | None = view.get(keyspace.send_key(client_id.send_hash(asked.subject, send_id)))
            if state is None or state.phase in ("new", "open", "deferred"):
                phase = state.phase if state else "never decided"
                yield f"{asked.subject}: {send_id} has no outcome: it is {phase}"


def ledger(evidence: Evidence) -> Iterator[str]:
    """accepted within ledger within attempted, each at most once and in its own words; what differs is unknown, or
    surely refused."""
    counted = Counter(evidence.ledger)
    attempts: dict[str, tuple[str, str, int]] = {}
    words = evidence.words
    ends: dict[tuple[str, str, int], set[str]] = defaultdict(set)
    for fact in evidence.facts:
        data = fact.data
        if isinstance(data, SendAttempted):
            attempts[data.client_id] = (fact.subject, data.send_id, data.attempt)
            given = words.get(data.client_id)
            if given is not None and given != (data.to, text_hash(data.text)):
                yield f"{fact.subject}: attempt {data.attempt} of {data.send_id} went elsewhere, or in other words"
        elif isinstance(data, SendAccepted | SendRefused | SendUnknown):
            ends[fact.subject, data.send_id, data.attempt].add(fact.type.split(".")[2])
    sends: Counter[tuple[str, str]] = Counter()
    for name, times in counted.items():
        if name is None or name not in attempts:
            yield f"the provider accepted {name or 'an SMS without a client id'}, and no attempt was committed for it"
            continue
        subject, send_id, number = attempts[name]
        sends[subject, send_id] += times
        if times > 1:
            yield f"{subject}: the provider accepted attempt {number} of {send_id} {times} times"
        if not ends[attempts[name]] & {"accepted", "unknown"}:
            yield f"{subject}: attempt {number} of {send_id} is neither accepted nor unknown, and the provider took it"
    yield from (
        f"{subject}: {send_id} reached the provider {times} times"
        for (subject, send_id), times in sends.items()
        if times > 1
    )
    for name, attempt in attempts.items():
        subject, send_id, number = attempt
        if name not in counted and "accepted" in ends[attempt]:
            yield f"{subject}: attempt {number} of {send_id} is accepted, and the provider does not know it"


def receipts(evidence: Evidence) -> Iterator[str]:
    """Each callback that was answered 2xx lies in recado.callbacks, as often as it was."""
    taken = Counter((told.provider_id, told.client_id, told.status) for told in evidence.receipts)
    lying: Counter[tuple[str | None, str | None, str | None]] = Counter()
    for event in evidence.events[Role.CALLBACKS]:
        if event.event is not None and isinstance(data := event.event.data, CallbackReceived):
            lying[data.provider_id, data.client_id, data.status] += 1
    for named, times in taken.items():
        if lying[named] < times:
            yield f"a callback {named[2]} of {named[1]} was taken {times} times, and lies there {lying[named]} times"


def heard(evidence: Evidence) -> Iterator[str]:
    """What was durable before a newsletter was asked for was applied before it was decided: a contact's updates of
    earlier waves, and what it wrote back, once the provider was told that this was taken."""
    first = evidence.first
    updates: dict[str, list[tuple[int, int]]] = defaultdict(list)
    seen: set[tuple[str, str]] = set()
    for event in evidence.events[Role.CONTACTS]:
        if (update := event.event) is None or (cause := (update.source, update.id)) in seen:
            continue
        seen.add(cause)
        if cause in first and not event.misplaced and event.landed.origin is None:
            updates[update.subject].append((_wave(update.source), first[cause].sequence))
    replies = _replies(evidence)
    seen.clear()
    for event in evidence.events[Role.NEWSLETTER]:
        asked = event.event
        if asked is None or event.misplaced or event.landed.origin is not None or (asked.source, asked.id) in seen:
            continue
        seen.add((asked.source, asked.id))
        decided = first.get((asked.source, asked.id))
        if decided is None or decided.subject != asked.subject or not asked.source.startswith(SOURCE):
            continue
        wave, at = _wave(asked.source), event.landed.timestamp
        if any(before < wave and sequence > decided.sequence for before, sequence in updates[asked.subject]):
            yield f"{asked.subject}: {asked.id} was decided before an update that lay there when it was asked for"
        if any(taken < at and sequence > decided.sequence for taken, sequence in replies[asked.subject]):
            yield f"{asked.subject}: {asked.id} was decided before a reply that was taken when it was asked for"


def _replies(evidence: Evidence) -> Mapping[str, list[tuple[int, int]]]:
    """For each contact what it wrote back: when that was first answered 2xx, ms, and the sequence of its first fact."""
    taken: dict[tuple[str | None, str | None, str | None], int] = {}
    for told in evidence.receipts:
        taken.setdefault((told.provider_id, told.client_id, told.status), told.at)
    heard: dict[str, dict[tuple[str | None, str | None, str | None], int]] = defaultdict(dict)
    for event in evidence.events[Role.CALLBACKS]:
        if event.event is None or not isinstance(data := event.event.data, CallbackReceived):
            continue
        if data.message is None and data.status != "stop":
            continue
        fact = evidence.first.get((event.event.source, event.event.id))
        if fact is not None:
            heard[fact.subject].setdefault((data.provider_id, data.client_id, data.status), fact.sequence)
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for subject, sequences in heard.items():
        found[subject] = [(taken[named], sequence) for named, sequence in sequences.items() if named in taken]
    return found


def consent(evidence: Evidence) -> Iterator[str]:
    """No newsletter for a contact whose unsubscribe was durable before the newsletter was asked for."""
    said: dict[str, list[tuple[int, object, bool]]] = defaultdict(list)
    seen: set[tuple[str, str]] = set()
    for event in evidence.events[Role.CONTACTS]:
        update = event.event
        if update is None or (update.source, update.id) in seen:
            continue
        if not event.misplaced:
            seen.add((update.source, update.id))
        if isinstance(update.data, ContactUpdated) and SUBSCRIPTION in update.data.fields:
            late = event.misplaced or event.landed.origin is not None
            said[update.subject].append((_wave(update.source), update.data.fields[SUBSCRIPTION], late))
    reached = set(evidence.ledger)
    answered: set[str] = set()  # who opted in by a reply meanwhile
    for told in evidence.facts:
        data = told.data
        if isinstance(data, SubscriptionChanged) and data.via in ("keyword", "link") and data.to == "subscribed":
            answered.add(told.subject)
        if not isinstance(data, SendAttempted) or data.class_ != "newsletter" or data.alert or told.subject in answered:
            continue
        if data.client_id not in reached or not told.causation_source.startswith(SOURCE):
            continue
        wave = _wave(told.causation_source)
        before = [word for at, word, late in said[told.subject] if at < wave and not late]
        again = any(word == "subscribed" and (at >= wave or late) for at, word, late in said[told.subject])
        if before and before[-1] == "unsubscribed" and not again:
            yield f"{told.subject}: {data.send_id} was texted, and an unsubscribe lay before it"


def _wave(source: str) -> int:
    return int(source.removeprefix(SOURCE))
