"""`recado template set`: the next version of an SMS template."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli.files import read_json, read_text
from streams.cli.printing import as_json, emit, table, visible
from streams.cli.refusal import Refused, mistaken

if TYPE_CHECKING:
    from events.envelope import Input
    from projections.account import Account
    from projections.preview import Preview


@click.group()
def template() -> None:
    """SMS templates of an account."""


@template.command("set")
@click.argument("account")
@click.argument("name", metavar="TEMPLATE")
@click.option(
    "--text-file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The text, in UTF-8.",
)
@click.option("--label", "labels", multiple=True, help="A label of every SMS from it; may be repeated.")
@click.option(
    "--variables-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='A JSON list of {"id", "name", "type", "default"}; types: text, number, date, currency, percentage.',
)
@as_json
def set_(
    account: str, name: str, text_file: Path, labels: tuple[str, ...], variables_file: Path | None, as_json: bool
) -> None:
    """Save the next version of a template, and show its variables and what its SMS will cost.

    Variables stand in the text as {{id}}; each must be declared, but for {{unsubscribe}}, the opt-out link. What cannot
    be used is refused, with its place, and nothing is saved.

    \b
    Example:  recado template set acme order-shipped --text-file order.txt --label orders --variables-file order.json
    """
    variables = read_json(variables_file, list) if variables_file is not None else []
    text = read_text(text_file)
    event = saved(account, name, text, labels, variables)
    from events.codec import encode_input
    from events.topics import Role
    from streams.cli import place
    from streams.cli.post import post

    settings = place.located(place.settings())
    directory = place.directory(settings)
    known, before = directory.account(account), directory.template(account, name)
    if known is None:
        raise Refused(
            f"There is no account {account}, and no send could use its templates: check the name, or make it first "
            f"with `recado account set {account} --country ES`."
        )
    shown = _previewed(event.data, known)
    with post(settings) as office:
        office.publish(Role.ACCOUNTS, account.encode(), encode_input(event))
    if as_json:
        version = before.version + 1 if before else 1
        emit({"account": account, "template": name, "version": version, "labels": list(labels), **shown.as_json()})
        return
    click.echo(f"Template {name} of {account} is saved; sends from now on use it.")
    if shown.places:
        rows = [(p.id, p.name, p.type, p.default, p.times, p.example) for p in shown.places]
        table(("variable", "name", "type", "default", "times", "example"), rows)
    parts = "1 part" if shown.counted.parts == 1 else f"{shown.counted.parts} parts"
    click.echo(f"With these examples: {parts} in {shown.counted.encoding}.")
    for hint in shown.hints:
        click.echo(visible(f"Note: {hint}."))


def _previewed(data: Any, account: Account) -> Preview:
    """Raises Refused for what cannot be used."""
    from projections.preview import for_account
    from projections.template import Broken

    try:
        return for_account(account, data.text, data.variables)
    except Broken as error:
        raise Refused(f"The template cannot be used: {error}.") from error


def saved(account: str, name: str, text: str, labels: tuple[str, ...], variables: Any) -> Input:
    """The event of a saved template. Raises Refused naming the field and the rule where it breaks one."""
    import time
    import uuid

    from events.account import TemplateSaved
    from events.envelope import Input
    from projections.template import Broken, compile_text

    with mistaken():
        data = TemplateSaved.of_json({"template": name, "text": text, "labels": list(labels), "variables": variables})
        now = int(time.time() * 1000)
        event = Input.of(data, id=str(uuid.uuid4()), source="/recado/cli", subject=account, time=now)
    if event.contact:
        raise Refused("ACCOUNT is an account's name alone, such as acme.")
    try:  # before the broker is asked for anything
        compile_text(data.text, data.variables)
    except Broken as error:
        raise Refused(f"The template cannot be used: {error}.") from error
    return event
