"""`recado contact` and `recado why`: answers from the read model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from streams.cli.printing import as_json, emit, pairs, visible
from streams.cli.refusal import Refused

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from connectors.readmodel.keys import Unsealer
    from connectors.readmodel.queries import SendRecord
    from events.contact import Subscription


@click.command()
@click.argument("subject")
@click.option("--at", metavar="TIME", help="The state then, RFC 3339: 2026-11-23T07:00:00Z.")
@click.option("--export", "whole", is_flag=True, help="All that is known of the contact, as JSON.")
@as_json
def contact(subject: str, at: str | None, whole: bool, as_json: bool) -> None:
    """Show a contact: phone, statuses and custom fields, now or at a past time.

    --export answers a data subject's request: profile, every consent with its source, words and time, all messages and
    the facts themselves.

    \b
    Example:  recado contact acme/ana@example.com --at 2026-11-01T00:00:00Z
              recado contact acme/ana@example.com --export > ana.json
    """
    from connectors.readmodel import answers, export, queries
    from events import instant
    from events.envelope import Undecodable, split_subject

    try:
        _, name = split_subject(subject)
    except Undecodable as error:
        raise Refused(f"{error.detail[:1].upper()}{error.detail[1:]}.") from error
    if not name:
        raise Refused("SUBJECT is account/contact, such as acme/ana@example.com.")
    try:
        moment = None if at is None else instant.parse(at)
    except ValueError as error:
        raise Refused(f"--at {error}.") from error
    if whole and at is not None:
        raise Refused("--export holds the whole history: give it without --at.")
    if whole:
        with read_model() as engine:
            everything = _unsealer(engine).opened(export.export(engine, subject))
        if everything is None:
            raise Refused(f"Nothing is known of {subject}: check the subject, or wait for the read model.")
        heard = everything.contact.state.subscription is not None  # else what the account's settings say counts
        emit(export.as_json(everything) if heard else export.as_json(everything, _default_subscription(subject)))
        return
    with read_model() as engine:
        found = _unsealer(engine).opened(queries.contact(engine, subject, moment))
    if found is None:
        raise Refused(
            f"Nothing is known of {subject}{f' at {at}' if at else ''}: check the subject, or wait for the read model."
        )
    said = found.state.subscription is not None  # else what the account's settings say counts
    answer = answers.contact(found) if said else answers.contact(found, _default_subscription(subject, moment))
    if as_json:
        emit(answer)
        return
    fields, consent = answer.pop("fields"), answer.pop("consent")
    answer["same_phone"] = ", ".join(answer["same_phone"]) or None
    pairs({name.replace("_", " "): value for name, value in answer.items()})
    click.echo("consent" if consent else "consent: nothing was said, so the account's default counts")
    if consent:
        pairs({f"  {name}": value for name, value in consent.items() if value is not None})
    custom = {f"  {name}": value for name, value in fields.items() if not name.startswith("_")}
    if custom:
        click.echo("custom fields")
        pairs(custom)


@click.command()
@click.argument("send_id")
@click.option("--account", help="The send's account, where the id is not enough.")
@click.option("--contact", "contact_", help="The send's contact, where the id is not enough.")
@as_json
def why(send_id: str, account: str | None, contact_: str | None, as_json: bool) -> None:
    """Tell why an SMS was sent or not, step by step.

    Who asked for it and when, what each rule looked at, what the provider said, what the contact answered. It shows
    the number and what the contact wrote: mind where you paste it.

    \b
    Example:  recado why order-1234 --account acme
    """
    from connectors.readmodel import answers

    with read_model() as engine:
        answer = answers.send(one_send(engine, send_id, account, contact_))
    if as_json:
        emit(answer)
        return
    click.echo(visible(f"{answer['send_id']} to {answer['account']}/{answer['contact']} ({answer['class']})"))
    click.echo(visible(answer["summary"]))
    for step in answer["steps"]:
        click.echo(f"  {step['time']}  {visible(step['what'])}")
        for more in (step["detail"], *(f"- {check['words']}" for check in step["checks"])):
            if more:
                click.echo(f"  {' ' * len(step['time'])}  {visible(more)}")


def one_send(engine: Engine, send_id: str, account: str | None, contact: str | None) -> SendRecord:
    """The decision record of the one send that is meant. Raises Refused where there is none, or more than one."""
    from connectors.readmodel import queries

    found = _unsealer(engine).opened(queries.sends(engine, send_id, account, contact, limit=2))
    if not found:
        raise Refused(f"No send {send_id} is known: check the id, or wait for the read model.")
    if len(found) > 1:
        named = " and ".join(record.row["subject"] for record in found)
        raise Refused(f"Several contacts have a send {send_id}, {named} among them: add --account and --contact.")
    return found[0]


def _default_subscription(subject: str, moment: int | None = None) -> Subscription:
    """What the account says of a contact of whom nothing is known, now or at a time, ms; the product's default where no
    broker answers."""
    from connectors.kafka.errors import BrokerUnavailable
    from streams.cli import place

    try:
        account = place.directory(place.located(place.settings())).account(subject.partition("/")[0])
    except BrokerUnavailable:
        return "none"
    return "none" if account is None else account.default_at(moment)


def _unsealer(engine: Engine) -> Unsealer:
    """Opens what an answer holds sealed: for who has RECADO_SECRET, which is asked for then and not before."""
    from connectors.credentials import wrapping_key
    from connectors.readmodel.keys import Unsealer
    from projections.keyring import Keyring
    from streams.cli import place

    return Unsealer(engine, lambda: Keyring(wrapping_key(place.settings().secret())))


@contextmanager
def read_model() -> Iterator[Engine]:
    """The read model of this place. Raises Refused where there is none."""
    from pathlib import Path

    from sqlalchemy.engine import make_url

    from connectors.readmodel.database import check, open_database
    from streams.cli import place

    url = make_url(place.settings().database)
    none = f"There is no read model at {url.render_as_string()} yet: start `recado up`, or `recado readmodel`."
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        raise Refused(none)
    engine = open_database(url.render_as_string(hide_password=False))
    try:
        if not check(engine):
            raise Refused(none)
        yield engine
    finally:
        engine.dispose()
