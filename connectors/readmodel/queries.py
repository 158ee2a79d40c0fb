"""The questions that the API, the command line and the console ask of the read model.

Each takes an engine and blocks. Subjects are `account/contact`, times int milliseconds
since the epoch, UTC. Answers are frozen values; answers.py makes the JSON of them.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, exists, func, or_, select

from connectors.readmodel import bulk, contacts, message, schema
from connectors.readmodel import messages as message_rows
from events.codec import decode_fact
from events.contact import SubscriptionChanged
from events.fact import Fact
from projections.contact import State

Received = Literal["delivered", "accepted"]

SAME_PHONE: Final = 100  # contacts with one number that are shown; an opt-out by it reaches all of them
_CONSEQUENCES: Final = 2  # facts about the contact that one receipt leads to: its phone's status, its subscription
_FAILED: Final = ("failed", "expired", "canceled")


class ContactAnswer(NamedTuple):
    """A contact's state after its fact number `sequence`, the last one not later than what was asked for."""

    subject: str
    state: State
    sequence: int
    updated_at: int
    same_phone: tuple[str, ...] = ()  # the other contacts of the account that have its number now
    consent: Fact | None = None  # the last change of its subscription: a SubscriptionChanged


class SendRecord(NamedTuple):
    """The decision record of one send: its row, and all its facts in the contact's order, those among them that tell
    what a receipt or a reply did to the contact itself."""

    row: message.Row
    facts: list[Fact]


@dataclass(frozen=True, slots=True)
class Filter:
    """What Has Received SMS asks. `labels`: any of them; `since` inclusive, `until` exclusive, ms, by the moment the
    SMS was received as `state` says; an alert to a fixed number is never one the contact received."""

    class_: str | None = None
    template: str | None = None
    labels: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    at_least: int = 1
    state: Received = "delivered"


@dataclass(frozen=True, slots=True)
class ReceivedAnswer:
    received: bool
    count: int
    last: message.Row | None


class OutcomeCount(NamedTuple):
    class_: str
    outcome: str
    reason: str | None
    state: str | None
    sends: int


def contact(engine: Engine, subject: str, at: int | None = None) -> ContactAnswer | None:
    """The contact now, or as it was at a time: the facts up to it, folded as the engine folds them.

    None for a contact that has no fact (by then). What an erasure took is gone from the time before it, too.
    """
    facts = schema.facts
    with engine.connect() as connection:
        if at is None:
            return present(connection, subject)
        # Each fact by its own time: an update's is the one its producer gave, a send's the engine's clock.
        query = select(facts.c.body).where(facts.c.subject == subject, facts.c.time <= at)
        query = query.order_by(facts.c.sequence)
        history = [decode_fact(body.encode()) for body in connection.execute(query).scalars()]
    if not history:
        return None
    then = contacts.history(history)
    said = None if then.state.subscription is None else _last_consent(history)
    return ContactAnswer(subject, then.state, then.sequence, then.updated_at, consent=said)


def present(connection: Connection, subject: str) -> ContactAnswer | None:
    """The contact as it is now; None where it has no fact."""
    table = schema.contacts
    columns = (table.c.state, table.c.sequence, table.c.updated_at)
    row = connection.execute(select(*columns).where(table.c.subject == subject)).one_or_none()
    if row is None:
        return None
    state = contacts.decode(subject, row[0])
    same_phone = _same_phone(connection, subject, state.phone)
    return ContactAnswer(subject, state, row[1], row[2], same_phone, _consent(connection, subject, state))


def _consent(connection: Connection, subject: str, state: State) -> Fact | None:
    """Not looked for where nothing was said, or an erasure took it: a history may be long."""
    if state.subscription is None:
        return None
    facts = schema.facts
    query = select(facts.c.body).where(facts.c.subject == subject, facts.c.type == SubscriptionChanged.TYPE)
    body = connection.execute(query.order_by(facts.c.sequence.desc()).limit(1)).scalar_one_or_none()
    return body and decode_fact(body.encode())


def _last_consent(history: list[Fact]) -> Fact | None:
    return next((fact for fact in reversed(history) if isinstance(fact.data, SubscriptionChanged)), None)


def _same_phone(connection: Connection, subject: str, phone: str | None) -> tuple[str, ...]:
    """Contacts, without their account, in order; at most SAME_PHONE."""
    if phone is None:
        return ()
    table, (account, _, name) = schema.contacts, subject.partition("/")
    wanted = (table.c.account == account, table.c.phone == phone, table.c.contact != name)
    query = select(table.c.contact).where(*wanted).order_by(table.c.contact).limit(SAME_PHONE)
    return tuple(connection.execute(query).scalars())


def messages(engine: Engine, subject: str, limit: int = 100, before: int | None = None) -> list[message.Row]:
    """The contact's sends, newest first; `before` is the `first_sequence` of the last one of the page before."""
    table = schema.messages
    query = select(table).where(table.c.subject == subject)
    if before is not None:
        query = query.where(table.c.first_sequence < before)
    with engine.connect() as connection:
        return message_rows.read(connection.execute(query.order_by(table.c.first_sequence.desc()).limit(limit)))


def has_received_sms(engine: Engine, subject: str, asked: Filter) -> ReceivedAnswer:
    """How many SMS that pass the filter the contact received, and the last: contract.md, section 7."""
    table = schema.messages
    when: ColumnElement[Any] = table.c.delivered_at
    wanted = [table.c.subject == subject, table.c.alert.is_(False)]
    if asked.state == "delivered":
        wanted.append(table.c.delivered_at.is_not(None))
    else:
        # A receipt can come where the answer was lost: it too says that the provider took the SMS.
        when = func.coalesce(table.c.accepted_at, table.c.delivered_at, table.c.attempted_at)
        wanted.append(or_(table.c.outcome == "accepted", table.c.state.is_not(None)))
        wanted.append(or_(table.c.state.is_(None), table.c.state.not_in(_FAILED)))
    if asked.class_ is not None:
        wanted.append(table.c.class_ == asked.class_)
    if asked.template is not None:
        wanted.append(table.c.template == asked.template)
    if asked.since is not None:
        wanted.append(when >= asked.since)
    if asked.until is not None:
        wanted.append(when < asked.until)
    if asked.labels:
        labels = schema.message_labels
        wanted.append(
            exists().where(
                labels.c.subject == table.c.subject,
                labels.c.send_id == table.c.send_id,
                labels.c.label.in_(asked.labels),
            )
        )
    newest = (when.desc(), table.c.first_sequence.desc())
    with engine.connect() as connection:
        count: int = connection.execute(select(func.count()).select_from(table).where(*wanted)).scalar_one()
        newest_row = connection.execute(select(table).where(*wanted).order_by(*newest).limit(1))
        last = next(iter(message_rows.read(newest_row)), None)
    return ReceivedAnswer(count >= asked.at_least, count, last)


def sends(
    engine: Engine, send_id: str, account: str | None = None, contact: str | None = None, limit: int = 2
) -> list[SendRecord]:
    """The decision records of the sends with this id, by subject, at most `limit`.

    An id belongs to one contact, so without `account` and `contact` there can be several: more than one answer asks the
    caller to name them.
    """
    table = schema.messages
    wanted = [table.c.send_id == send_id]
    if account is not None:
        wanted.append(table.c.account == account)
    if contact is not None:
        wanted.append(table.c.contact == contact)
    with engine.connect() as connection:
        query = select(table).where(*wanted).order_by(table.c.subject).limit(limit)
        rows = message_rows.read(connection.execute(query))
        return [SendRecord(row, _story(connection, row["subject"], send_id)) for row in rows]


def _story(connection: Connection, subject: str, send_id: str) -> list[Fact]:
    """A send's facts, and what the same causes did to the contact: such facts follow at once, and name no send."""
    facts = schema.facts
    told = select(facts.c.body).where(facts.c.subject == subject, facts.c.send_id == send_id)
    own = [decode_fact(body.encode()) for body in connection.execute(told.order_by(facts.c.sequence)).scalars()]
    causes = {(fact.causation_source, fact.causation_id) for fact in own}
    behind = {fact.sequence + step for fact in own for step in range(1, _CONSEQUENCES + 1)}
    behind -= {fact.sequence for fact in own}
    found = list(own)
    for some in bulk.portions(sorted(behind)):
        near = select(facts.c.body).where(
            facts.c.subject == subject, facts.c.sequence.in_(some), facts.c.send_id.is_(None)
        )
        others = (decode_fact(body.encode()) for body in connection.execute(near).scalars())
        found += [fact for fact in others if (fact.causation_source, fact.causation_id) in causes]
    return sorted(found, key=lambda fact: fact.sequence)


def outcomes(engine: Engine, account: str | None = None) -> list[OutcomeCount]:
    """How many sends stand where: by class, outcome, reason and message state, in that order."""
    table = schema.messages
    by = (table.c.class_, table.c.outcome, table.c.reason, table.c.state)
    query = select(*by, func.count()).group_by(*by)
    if account is not None:
        query = query.where(table.c.account == account)
    with engine.connect() as connection:
        found = [OutcomeCount(*row) for row in connection.execute(query)]
    return sorted(found, key=lambda one: (one.class_, one.outcome, one.reason or "", one.state or ""))


def latest(engine: Engine, limit: int = 20) -> list[Fact]:
    """The newest facts, the newest last."""
    facts = schema.facts
    query = select(facts.c.body).order_by(facts.c.time.desc(), facts.c.subject, facts.c.sequence.desc()).limit(limit)
    with engine.connect() as connection:
        bodies = connection.execute(query).scalars().all()
    return [decode_fact(body.encode()) for body in reversed(bodies)]
