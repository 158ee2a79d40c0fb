"""`recado send`: one SMS asked for, or, with --dry-run, what would become of it or of a whole file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli.printing import as_json, emit
from streams.cli.refusal import Refused, mistaken

if TYPE_CHECKING:
    from events.envelope import Input
    from events.shape import Class
    from projections.account import Directory


@click.command()
@click.argument("subject", required=False)
@click.option("--template", metavar="NAME", help="The template whose newest version it is.")
@click.option("--text", help="A text of its own instead; variables stand in it as {{id}}.")
@click.option("--sender", metavar="NAME", help="The From name: 3 to 11 letters and digits, at least one letter.")
@click.option("--class", "class_", type=click.Choice(["transactional", "newsletter"]), help="Needed but with --file.")
@click.option("--var", "variables", multiple=True, metavar="ID=VALUE", help="A variable's value; may be repeated.")
@click.option("--field", "fields", multiple=True, metavar="ID=FIELD", help="A variable filled with a contact's field.")
@click.option("--alert", metavar="NUMBER", help="To this number instead of the contact's, whatever its state.")
@click.option("--label", "labels", multiple=True, help="A label, added to the template's; may be repeated.")
@click.option("--send-id", metavar="ID", help="The send's id: asked for again with the same content, it goes once.")
@click.option("--not-before", metavar="TIME", help="RFC 3339: 2026-11-23T07:00:00Z.")
@click.option("--expires-at", metavar="TIME", help="RFC 3339: later than that it does not go.")
@click.option("--dry-run", is_flag=True, help="Only tell what would become of it; nothing is sent or written.")
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True),
    help="With --dry-run: a file of CloudEvents as `recado publish` takes it; - is standard input.",
)
@click.option("--price", metavar="AMOUNT", help="With --dry-run: what a part costs, in the account's currency.")
@click.option(
    "--report", type=click.Path(dir_okay=False, path_type=Path), help="With --file: each line's outcome, as JSON lines."
)
@as_json
def send(
    subject: str | None,
    class_: Class | None,
    variables: tuple[str, ...],
    fields: tuple[str, ...],
    alert: str | None,
    labels: tuple[str, ...],
    dry_run: bool,
    file: str | None,
    price: str | None,
    report: Path | None,
    as_json: bool,
    **given: str | None,
) -> None:
    """Ask for one SMS to ACCOUNT/CONTACT, and print its send_id; `recado why` then tells what became of it.

    With --dry-run nothing is asked for: it tells what would go, to whom, in what words, parts and cost, and what would
    not, and why; with --file for a whole file. It decides as a worker would at this moment, from the read model and the
    accounts' settings; what would wait is decided once more as of the end of its wait, and counts in parts and cost. It
    cannot know what lies in Kafka and is not decided yet, nor what the provider will say.

    \b
    Example:  recado send acme/ana@example.com --template shipped --sender Acme --class transactional --var order=7
              recado send acme/ana@example.com --text "Hola" --sender Acme --class newsletter --dry-run
              recado send --dry-run --file campaign.jsonl --class newsletter --price 0.045
    """
    if not dry_run and (file or price or report):
        raise Refused("--file, --price and --report go with --dry-run; `recado publish FILE` sends a file.")
    if file is not None:
        if subject is not None or any((*given.values(), variables, fields, alert, labels)):
            raise Refused(
                "With --file each line says whom it is for and what: only --class, --price and --report go with it."
            )
        from streams.cli.dry_run import of_file

        of_file(file, class_, amount(price), report, as_json=as_json)
        return
    if report is not None:
        raise Refused("--report goes with --file.")
    event = asked(subject, class_, _data(variables, fields, alert, labels, given))
    assert class_ is not None  # noqa: S101 - asked() has refused otherwise
    from streams.cli import place

    settings = place.located(place.settings())
    directory = place.directory(settings)
    _check(event, directory)
    if dry_run:
        from streams.cli.dry_run import of_one

        of_one(settings, directory, event, class_, amount(price), as_json=as_json)
        return
    _publish(settings, event, class_)
    send_id = getattr(event.data, "send_id", None) or event.id
    if as_json:
        emit({"send_id": send_id, "account": event.account, "contact": event.contact, "class": class_})
        return
    click.echo(send_id)
    click.echo(f"Asked for; `recado why {send_id} --account {event.account}` tells what became of it.", err=True)


def _data(
    variables: tuple[str, ...], fields: tuple[str, ...], alert: str | None, labels: tuple[str, ...],
    given: dict[str, str | None],
) -> dict[str, Any]:  # fmt: skip
    data: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    data["to"] = "contact" if alert is None else {"alert": alert}
    if labels:
        data["labels"] = list(labels)
    filled: dict[str, Any] = dict(_pair("--var", one) for one in variables)
    filled |= {name: {"field": value} for name, value in (_pair("--field", one) for one in fields)}
    if filled:
        data["variables"] = filled
    return data


def _pair(option: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        example = "--var order=1234" if option == "--var" else "--field name=first_name"
        raise Refused(f"{option} wants an id, = and what fills it, such as {example}.")
    return name.strip(), value


def asked(subject: str | None, class_: str | None, data: dict[str, Any]) -> Input:
    """The event of a request. Raises Refused naming what is missing or wrong."""
    import time
    import uuid

    from events.envelope import Input
    from events.send import SendRequested

    if subject is None:
        raise Refused("Name whom it is for: ACCOUNT/CONTACT, such as acme/ana@example.com.")
    if class_ is None:
        raise Refused("Add --class: transactional (an order, a password), or newsletter (needs a subscribed contact).")
    if "sender" not in data:
        raise Refused("Add --sender, the name that the SMS comes from: 3 to 11 letters and digits.")
    if ("template" in data) == ("text" in data):
        raise Refused("Give one of --template and --text.")
    id_ = str(uuid.uuid4())
    with mistaken():
        request = SendRequested.of_json({"send_id": id_, **data})
        event = Input.of(
            request, id=id_, source="/recado/cli", subject=subject, time=int(time.time() * 1000),
            extensions={"class": class_},
        )  # fmt: skip
    if not event.contact:
        raise Refused("Name whom it is for: ACCOUNT/CONTACT, such as acme/ana@example.com.")
    return event


def _check(event: Input, directory: Directory) -> None:
    """What the engine would skip in any case is told before it is asked for. Raises Refused."""
    from difflib import get_close_matches

    account, data = directory.account(event.account), event.data
    if account is None:
        near = get_close_matches(event.account, directory.names(), 1)
        hint = f"did you mean {near[0]}?" if near else "make it with `recado account set`."
        raise Refused(f"There is no account {event.account}: {hint}")
    template: str | None = getattr(data, "template", None)
    if template is None:
        return
    saved = account.templates.get(template)
    if saved is None:
        near = get_close_matches(template, account.templates, 1)
        hint = f"did you mean {near[0]}?" if near else "save it with `recado template set`."
        raise Refused(f"{event.account} has no template {template}: {hint}")
    if saved.compiled is None:
        raise Refused(f"Version {saved.version} of the template cannot be used: {saved.problem}.")
    strange = set(getattr(data, "variables", {})) - set(saved.compiled.variables)
    if strange:
        known = ", ".join(saved.compiled.variables) or "none"
        raise Refused(f"The template {template} has no variable {', '.join(sorted(strange))}; it has: {known}.")


def _publish(settings: Any, event: Input, class_: Class) -> None:
    from events.codec import encode_input
    from events.topics import SENDS_OF
    from streams.cli.post import post

    with post(settings) as office:
        office.publish(SENDS_OF[class_], event.subject.encode(), encode_input(event))


def amount(price: str | None) -> Any:
    """A price as a Decimal, None for none. Raises Refused."""
    from decimal import Decimal, InvalidOperation

    if price is None:
        return None
    try:
        found = Decimal(price)
    except InvalidOperation:
        found = Decimal(-1)
    if not (found.is_finite() and 0 <= found < 1_000_000):
        raise Refused(f"--price {price}: must be an amount a part, such as 0.045.")
    return found
