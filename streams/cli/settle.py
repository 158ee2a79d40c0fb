"""`recado settle`: an operator says what became of an attempt that nobody knows the outcome of."""

from __future__ import annotations

import getpass
import time
import uuid
from typing import TYPE_CHECKING, Any

import click

from streams.cli.printing import as_json, emit, visible
from streams.cli.refusal import Refused, mistaken

if TYPE_CHECKING:
    from connectors.readmodel.queries import SendRecord
    from events.answer import SendSettled
    from events.fact import Fact
    from projections import send

SOURCE = "/recado/cli"
_PATIENCE = 15.0  # seconds that a worker and the read model may take to tell what came of it


@click.command()
@click.argument("send_id")
@click.option("--account", help="The send's account, where the id is not enough.")
@click.option("--contact", "contact_", help="The send's contact, where the id is not enough.")
@click.option("--attempt", type=click.IntRange(1), help="Which attempt; the latest if it is not said.")
@click.option("--accepted", is_flag=True, help="The provider took it.")
@click.option("--refused", is_flag=True, help="The provider surely did not take it.")
@click.option("--again", is_flag=True, help="With --refused: try once more, where no SMS can come of it twice.")
@click.option("--because", required=True, metavar="WORDS", help="How you know; kept for ever, so name no one.")
@click.option("--by", metavar="NAME", help="Who says so, if not the user of this shell.")
@as_json
def settle(
    send_id: str,
    account: str | None,
    contact_: str | None,
    attempt: int | None,
    accepted: bool,
    refused: bool,
    again: bool,
    because: str,
    by: str | None,
    as_json: bool,
) -> None:
    """Settle by hand an attempt whose outcome nobody knows, or that was given up.

    Look at the provider's own list or dashboard first: what you say counts as that. It is kept with your name and your
    words, and `recado why` tells it. Without --again nothing is ever sent because of it. With --again another attempt
    follows only after ten minutes, and after an attempt was given up only if `resend_unknown` names its class.

    \b
    Example:  recado settle order-1234 --account acme --accepted --because "delivered, says Instasent's dashboard"
              recado settle order-1234 --account acme --refused --again --because "not in their list, ticket 4711"
    """
    from events.answer import SendSettled
    from streams.cli import place
    from streams.cli.questions import one_send, read_model

    if accepted == refused:
        raise Refused("Say what became of it: --accepted or --refused, one of the two.")
    if again and not refused:
        raise Refused("--again goes with --refused: what was accepted is not sent again.")
    given = {"send_id": send_id, "attempt": attempt, "again": again, "because": because}
    given["outcome"] = "accepted" if accepted else "refused"
    with mistaken():
        data = SendSettled.of_json({**_without_none(given), "by": by or getpass.getuser()})
    settings = place.located(place.settings())
    with read_model() as engine:
        record = one_send(engine, send_id, account, contact_)
        allows = place.directory(settings).account(record.row["account"])
        resend = allows is not None and record.row["class_"] in allows.resend_unknown
        judge(data, record, int(time.time() * 1000), resend=resend)
        event_id = str(uuid.uuid4())
        publish(settings, record.row["subject"], event_id, data)
        told = _told(engine, record, event_id)
    _show(record, told, as_json=as_json)


def judge(data: SendSettled, record: SendRecord, now: int, *, resend: bool) -> None:
    """What the engine will say, by its own rule, so that a person hears of it now. Raises Refused."""
    from streams.deciders import settlement

    sent = _state(record)
    decided = settlement.decide(data, sent, now, resend=resend)
    if not decided:
        number = data.attempt or sent.tried
        attempt = sent.attempt(number)
        if attempt is None:
            raise Refused(f"{data.send_id} has no attempt {number}: see `recado why {data.send_id}`.")
        if attempt.outcome in ("unknown", "given_up"):
            raise Refused(f"Another attempt followed attempt {number}: only the latest is settled as refused.")
        raise Refused(f"Attempt {number} is {attempt.outcome}: only an outcome that nobody knows is settled by hand.")
    if data.again and _final(decided[0]):
        raise Refused(_no_second(sent, now))


def _no_second(sent: send.State, now: int) -> str:
    from streams.deciders.settlement import STILL_UNDER_WAY

    if sent.phase == "unknown":
        minutes = -(-(STILL_UNDER_WAY - (now - sent.changed_at)) // 60_000)
        return f"The call may still be on its way: no other attempt may follow for another {max(1, minutes)} minutes."
    return (
        "It was given up, and the account does not want such a send tried again (resend_unknown): no other attempt may "
        "follow. Without --again it is settled as refused."
    )


def _final(decided: object) -> bool:
    from events.send import SendRefused

    return isinstance(decided, SendRefused) and decided.final


def _state(record: SendRecord) -> send.State:
    """The send as its facts make it."""
    from events.client_id import send_hash
    from projections import journal, keyspace, send

    view = keyspace.MemoryView()
    for fact in record.facts:
        journal.fold(view, fact)
    state: send.State | None = view.get(keyspace.send_key(send_hash(record.row["subject"], record.row["send_id"])))
    return send.initial if state is None else state


def publish(settings: Any, subject: str, event_id: str, data: SendSettled) -> None:
    """Write it where the contact's partition reads it. Raises Refused, or BrokerUnavailable."""
    from events.codec import encode_input
    from events.envelope import Input
    from events.topics import Role
    from streams.cli.post import post

    event = Input.of(data, id=event_id, source=SOURCE, subject=subject, time=int(time.time() * 1000))
    with post(settings) as office:
        office.publish(Role.ANSWERS, subject.encode(), encode_input(event))


def _told(engine: Any, record: SendRecord, event_id: str) -> list[Fact]:
    """The facts that came of it, once the read model has them; none if that takes too long."""
    from connectors.readmodel import queries

    row = record.row
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        found = queries.sends(engine, row["send_id"], row["account"], row["contact"], limit=1)
        facts = [fact for fact in found[0].facts if (fact.causation_source, fact.causation_id) == (SOURCE, event_id)]
        if facts:
            return facts
        time.sleep(0.1)
    return []


def _show(record: SendRecord, told: list[Fact], *, as_json: bool) -> None:
    from connectors.readmodel import answers
    from connectors.readmodel.story import story

    row = record.row
    steps = [step for step in story(told) if step.type != "recado.send.requested.v1"]
    if as_json:
        named = {name: row[name] for name in ("account", "contact", "send_id")}
        emit({**named, "settled": bool(told), "steps": [answers.step(step) for step in steps]})
        return
    if not told:
        click.echo(f"Written, but nothing came of it yet: is a worker running? See `recado why {row['send_id']}`.")
    for step in steps:
        click.echo(visible(f"{step.what} {step.detail}".strip()))


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
