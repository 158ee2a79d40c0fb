"""Which decider answers what: the whole of Recado's decisions on one screen, and the steps around each.

Pure: the engine hands in the state, the settings and the time, and commits what comes back as one.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from events import client_id, privacy
from events.answer import AnswerReceived, Report, SendSettled
from events.callback import CallbackReceived
from events.contact import ContactErasure, ContactUpdated
from events.envelope import Input, Undecodable
from events.fact import SOURCE, Fact, SendFact
from events.link import LinkOpened
from events.opt_out import NumberOptedOut, OptOutRequested
from events.send import SendAttempted, SendRefused, SendRequested
from events.topics import CLASS_OF, Role
from projections import keyspace, parking, send
from projections.account import Directory
from projections.contact import Attempted
from projections.keyring import NO_KEYS, Keyring
from projections.keyspace import View
from projections.send import Call
from streams import opt_outs
from streams.allowance import UNLIMITED, Allowance
from streams.deciders import answer, click, contact, deadline, dispatch, inbound, receipt, settlement
from streams.deciders.request import Asked, Links, Place
from streams.leave import FREE, Gate
from streams.turn import REPEATED, UNCHANGED, Cause, Decision, Turn

NO_LINKS: Final = Links()

__all__ = ["NO_LINKS", "ROSTER", "Decision", "abandon", "again", "applied", "dispatched", "handle", "sweep"]


def handle(
    event: Input,
    role: Role,
    view: View,
    accounts: Directory,
    now: int,
    partition: int,
    mac_key: bytes,
    moved: bool = False,
    links: Links = NO_LINKS,
    gate: Gate = FREE,
    allowance: Allowance = UNLIMITED,
    keys: Keyring = NO_KEYS,
) -> Decision:
    """Decide one event that belongs in this partition, and fold the facts into the view.

    The same event again, by source and id, is `repeated`. `moved` says that it was found in another partition.
    Raises Undecodable for what only the state can tell is a dead letter: the view is unchanged then.
    """
    seen = keyspace.seen_key(event.subject, event.source, event.id)
    if view.get(seen) is not None:
        return REPEATED
    turn = Turn(view, accounts, now, Place(partition, mac_key, links, gate, allowance), moved, keys)
    decided = ROSTER[type(event.data)](event.data, event, role, turn)
    view.put(seen, keyspace.forgotten_after(max(now, event.time)))
    return decided


def _updated(data: ContactUpdated, event: Input, role: Role, turn: Turn) -> Decision:
    account = turn.accounts.account(event.account)
    decided = contact.update(data, event.time, turn.contact(event.subject), account, turn.moved)
    return applied(turn.keep(event.subject, decided, event.time, Cause(event.id, event.source)))


def _erased(data: ContactErasure, event: Input, role: Role, turn: Turn) -> Decision:
    decided = contact.erase(data, turn.contact(event.subject))
    if not decided:
        turn.destroy(event.subject)  # of what was learnt of the contact since
    return applied(turn.keep(event.subject, decided, event.time, Cause(event.id, event.source)))


def _requested(data: SendRequested, event: Input, role: Role, turn: Turn) -> Decision:
    send_id = data.send_id or event.id
    hashed = client_id.send_hash(event.subject, send_id)
    asked = Asked.of(data, event.subject, hashed, send_id, CLASS_OF[role], event.time, turn.place.mac_key)
    owner = turn.contact(event.subject)
    decided = dispatch.decide(
        asked, turn.send(hashed), owner, turn.accounts, turn.now, turn.place, turn.lately(event.subject)
    )
    return dispatched(turn, event.subject, hashed, decided, Cause(event.id, event.source))


def _answered(data: AnswerReceived, event: Input, role: Role, turn: Turn) -> Decision:
    sent = turn.send(client_id.send_hash(event.subject, data.send_id))
    cause = Cause(event.id, event.source)
    facts = turn.keep(event.subject, answer.decide(data, sent, turn.now), turn.now, cause)
    if data.report is None:
        return applied(facts)
    told = _listed(data, data.report, event, turn, cause)
    return applied([*facts, *told.facts])._replace(spread=told.spread)


def _listed(data: AnswerReceived, report: Report, event: Input, turn: Turn, cause: Cause) -> Decision:
    """The provider's list tells of an attempt as a receipt would: whatever a provider lists, it took. A word that moves
    no message is no news there, as the list says it each time that it is asked."""
    hashed = client_id.send_hash(event.subject, data.send_id)
    word, account = (report.status or "").strip().lower(), turn.accounts.account(event.account)
    moves = receipt.meaning(report.provider, word, report.code, account).state is not None
    heard = CallbackReceived(
        provider=report.provider, received_at=event.time, client_id=data.client_id, provider_id=data.provider_id,
        status=report.status if moves else None, code=report.code, event_at=report.event_at,
    )  # fmt: skip
    return _told(heard, turn, turn.send(hashed), hashed, data.attempt, cause)


def _settled(data: SendSettled, event: Input, role: Role, turn: Turn) -> Decision:
    hashed = client_id.send_hash(event.subject, data.send_id)
    sent, account = turn.send(hashed), turn.accounts.account(event.account)
    resend = account is not None and sent.class_ in account.resend_unknown
    decided = settlement.decide(data, sent, turn.now, resend=resend)
    cause = Cause(event.id, event.source)
    facts = turn.keep(event.subject, decided, turn.now, cause)
    if not any(isinstance(fact, SendRefused) and not fact.final for fact in decided):
        return applied(facts)
    followed = dispatched(turn, event.subject, hashed, again(turn, turn.send(hashed), hashed), cause)
    return followed._replace(outcome="applied", facts=[*facts, *followed.facts])


def _called_back(data: CallbackReceived, event: Input, role: Role, turn: Turn) -> Decision:
    ours = client_id.read(turn.place.mac_key, data.client_id) if data.client_id else None
    if ours is None:
        raise Undecodable("client_id", "the receipt's clientId is missing, or is none that this Recado gave out")
    if ours.partition != turn.place.partition:
        raise Undecodable("client_id", f"the receipt's clientId names partition {ours.partition}, and lies in another")
    sent = turn.send(ours.send_hash)
    if ours.attempt > sent.tried:
        parked = parking.park(
            turn.view, ours.send_hash, ours.attempt, event, data, turn.now, turn.keys, sealed=turn.seals(event.account)
        )
        return Decision("applied", (), ()) if parked else REPEATED
    if sent.subject.partition("/")[0] != event.account:
        raise Undecodable("client_id", "the receipt's clientId is that of another account's send")
    return _told(data, turn, sent, ours.send_hash, ours.attempt, Cause(event.id, event.source))


def _opened(data: LinkOpened, event: Input, role: Role, turn: Turn) -> Decision:
    subject = f"{event.account}/{data.contact}"
    decided = click.decide(data, turn.send(client_id.send_hash(subject, data.send_id)), event.time)
    return applied(turn.keep(subject, decided, event.time, Cause(event.id, event.source)))


Handler = Callable[[Any, Input, Role, Turn], Decision]
ROSTER: Final[Mapping[type, Handler]] = {
    # an event               what may follow, and who decides
    ContactUpdated: _updated,  # phone, status, subscription, fields changed or refused: deciders/contact.py
    ContactErasure: _erased,  # erased: deciders/contact.py
    SendRequested: _requested,  # attempted, deferred or skipped: deciders/dispatch.py
    AnswerReceived: _answered,  # accepted, refused or unknown; deferred: deciders/answer.py; listed: receipt.py
    SendSettled: _settled,  # accepted or refused by an operator; attempted: deciders/settlement.py
    LinkOpened: _opened,  # clicked: deciders/click.py
    OptOutRequested: opt_outs.by_link,  # subscription: deciders/opt_out.py
    NumberOptedOut: opt_outs.by_number,  # subscription of the other contacts with a number: deciders/opt_out.py
    CallbackReceived: _called_back,  # accepted, state, phone status: receipt.py; reply, subscription: inbound.py
}


def abandon(view: View, send_hash: str, now: int) -> Decision:
    """A takeover found this attempt open: it becomes unknown (crash). Its answer may still come, and settles it."""
    turn = Turn(view, Directory(), now, Place(0, b""))
    sent = turn.send(send_hash)
    return applied(
        turn.keep(sent.subject, deadline.abandon(sent, now), now, Cause(f"crash/{send_hash}/{sent.tried}", SOURCE))
    )


def sweep(view: View, now: int, after: bytes, limit: int) -> bytes:
    """Forget what can no longer be asked, `limit` keys from the cursor `after` (b"" to begin); return the next cursor,
    b"" when all was walked."""
    at = keyspace.SWEPT.index(after[:2]) if after else 0
    prefix = keyspace.SWEPT[at]
    pairs = view.after(after or prefix, prefix, limit)
    for key, value in pairs:
        if keyspace.forgettable(key, value, now):
            view.delete(key)
    if len(pairs) == limit:
        return pairs[-1][0]
    return keyspace.SWEPT[at + 1] if at + 1 < len(keyspace.SWEPT) else b""


def again(turn: Turn, sent: send.State, hashed: str) -> Sequence[SendFact]:
    """A request that waited, decided anew; what is sealed of it is opened for that."""
    owner, account = turn.contact(sent.subject), sent.subject.partition("/")[0]
    if privacy.is_sealed(sent.request):
        request = turn.keys.open(turn.view, sent.subject, sent.request)
        if request.keys() != (sent.request or {}).keys():
            return dispatch.unreadable(sent, turn.accounts)
        sent = sent._replace(request=request)
    lately = turn.lately(sent.subject)
    return dispatch.again(sent, account, hashed, owner, turn.accounts, turn.now, turn.place, lately)


def _told(data: CallbackReceived, turn: Turn, sent: send.State, hashed: str, number: int, cause: Cause) -> Decision:
    """One receipt of an attempt that was made. The provider repeats receipts: each counts once."""
    seen = parking.digest_key(hashed, number, data, turn.keys)
    known, attempt = turn.view.get(seen) is not None, sent.attempt(number)
    if attempt is None:  # too old to be kept: later attempts tell more
        return REPEATED if known else UNCHANGED
    account, subject = turn.accounts.account(sent.subject.partition("/")[0]), sent.subject
    attempted = Attempted(attempt.sequence, attempt.own)
    if known and not inbound.insists(data, attempted, turn.contact(subject), account):
        return REPEATED
    told = () if known else receipt.decide(data, sent, number, turn.contact(subject), account, turn.now)
    facts = turn.keep(subject, told, turn.now, cause)
    owner, said_at = turn.contact(subject), inbound.said_at(data)
    said = inbound.decide(data, sent.send_id, number, attempted, owner, account)
    facts += turn.keep(subject, said, said_at, cause)
    turn.view.put(seen, keyspace.forgotten_after(turn.now))
    if not inbound.reaches_number(said, attempted, owner):
        return applied(facts)
    spread = opt_outs.spread(turn, subject, "keyword", inbound.evidence(data), said_at, cause)
    return applied(facts)._replace(spread=spread)


def dispatched(turn: Turn, subject: str, hashed: str, decided: Sequence[SendFact], cause: Cause) -> Decision:
    """Keep the facts. Where they attempt, apply the receipts that were waiting for it, and permit the call unless these
    show that it was made before."""
    facts = turn.keep(subject, decided, turn.now, cause)
    calls: list[Call] = []
    spread: list[Input] = []
    for data in decided:
        if not isinstance(data, SendAttempted):
            continue
        for early in parking.unpark(turn.view, hashed, data.attempt, turn.keys):
            if early.account == subject.partition("/")[0]:
                brought = Cause(early.id, early.source)
                told = _told(early.data, turn, turn.send(hashed), hashed, early.attempt, brought)
                facts += told.facts
                spread += told.spread
        if turn.send(hashed).phase == "open":
            cipher = turn.keys.find(turn.view, subject) if turn.seals(subject) else None
            calls.append(Call.of(data, subject, turn.place.partition, hashed, cipher))
    return Decision("applied", facts, calls, spread) if facts else UNCHANGED


def applied(facts: list[Fact]) -> Decision:
    """What facts alone come to."""
    return Decision("applied", facts, ()) if facts else UNCHANGED
