"""Opt-outs that no reply of the contact itself brought, as the roster wires them: by link, and by a number that several
contacts have. Pure."""

from typing import Final, Literal

from events import opt_out
from events.envelope import Input, Undecodable
from events.fact import Fact
from events.opt_out import NumberOptedOut, OptOutRequested
from events.topics import Role
from projections import keyspace
from streams.deciders import opt_out as decider
from streams.turn import UNCHANGED, Cause, Decision, Turn

__all__ = ["NUMBERS", "by_link", "by_number", "spread"]

NUMBERS: Final = "/recado/numbers"  # source of the events that spread an opt-out
_PRESSED: Final = "confirmed on the opt-out page"
_UNTOLD: Final = "another contact with the same number opted out"
_ALL: Final = 1_000_000  # contacts with one number: no opt-out is left half done


def by_link(data: OptOutRequested, event: Input, role: Role, turn: Turn) -> Decision:
    """Raises Undecodable for a code that was given to nobody in this partition."""
    named = opt_out.read(turn.place.links.key, data.code)
    subjects: list[str] = turn.view.get(keyspace.link_key(data.code)) or []
    if named is None or named.partition != turn.place.partition or not subjects:
        raise Undecodable("client_id", "the opt-out's code is none that this Recado gave out in this partition")
    cause = Cause(event.id, event.source)
    facts: list[Fact] = []
    told: list[Input] = []
    for subject in subjects:
        account = turn.accounts.account(subject.partition("/")[0])
        decided = decider.by_link(turn.contact(subject), account, _PRESSED)
        facts += turn.keep(subject, decided, event.time, cause)
        told += spread(turn, subject, "link", _PRESSED, event.time, cause)
    return Decision("applied" if facts else "unchanged", facts, (), told)


def by_number(data: NumberOptedOut, event: Input, role: Role, turn: Turn) -> Decision:
    """Every contact of this partition that has the number, but the one who opted out."""
    account, cause = turn.accounts.account(event.account), Cause(event.id, event.source)
    facts: list[Fact] = []
    for key, _ in turn.view.scan(keyspace.number_key(data.number, ""), _ALL):
        subject = keyspace.owner_of(key)
        if subject != event.subject:
            decided = decider.by_number(data, event.contact, turn.contact(subject), account)
            facts += turn.keep(subject, decided, event.time, cause)
    return Decision("applied", facts, ()) if facts else UNCHANGED


def spread(
    turn: Turn, subject: str, via: Literal["keyword", "link"], evidence: str, time: int, cause: Cause
) -> list[Input]:
    """The event that tells every partition that the contact's number opted out; none where it has no number. The words
    of a contact whose values are sealed stay with it."""
    told = _UNTOLD if turn.seals(subject) else evidence
    data = decider.spread(subject.partition("/")[0], turn.contact(subject), via, told, turn.keys.numbers)
    if data is None:
        return []
    named = keyspace.seen_key(subject, cause.source, cause.id)[len(keyspace.SEEN) :].hex()  # the same, decided again
    return [Input.of(data, id=named, source=NUMBERS, subject=subject, time=time)]
