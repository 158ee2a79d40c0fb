"""`recado template set`: the next version of an SMS template."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli.files import read_json, read_text
from streams.cli.printing import as_json, emit
from streams.cli.refusal import Refused, mistaken

if TYPE_CHECKING:
    from projections.account import Account


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
    """Save the next version of a template. Variables stand in the text as {{id}}.

    \b
    Example:  recado template set acme order-shipped --text-file order.txt --label orders --variables-file order.json
    """
    variables = read_json(variables_file, list) if variables_file is not None else []
    text = read_text(text_file)
    value = saved(account, name, text, labels, variables)
    from events.topics import Role
    from streams.cli import place
    from streams.cli.post import post

    settings = place.located(place.settings())
    known = place.directory(settings).account(account)
    if known is None:
        raise Refused(
            f"There is no account {account}, and no send could use its templates: check the name, or make it first "
            f"with `recado account set {account} --country ES`."
        )
    _check_characters(known, text)
    with post(settings) as office:
        office.publish(Role.ACCOUNTS, account.encode(), value)
    if as_json:
        emit({"account": account, "template": name, "labels": list(labels)})
    else:
        click.echo(f"Template {name} of {account} is saved; sends from now on use it.")


def _check_characters(account: Account, text: str) -> None:
    """Raises Refused for what an account that sends in GSM-7 only could never send."""
    from projections import transliteration

    if account.text.transliterate != "gsm":
        return
    refused = transliteration.refusal(text)
    if refused is not None:
        raise Refused(
            f"The text holds {refused}, and {account.name} sends in GSM-7 only (text.transliterate): write it out."
        )


def saved(account: str, name: str, text: str, labels: tuple[str, ...], variables: Any) -> bytes:
    """The event of a saved template. Raises Refused naming the field and the rule where it breaks one."""
    import time
    import uuid

    from events.account import TemplateSaved
    from events.codec import encode_input
    from events.envelope import Input
    from projections.template import Broken, compile_text

    with mistaken():
        data = TemplateSaved.of_json({"template": name, "text": text, "labels": list(labels), "variables": variables})
        now = int(time.time() * 1000)
        event = Input.of(data, id=str(uuid.uuid4()), source="/recado/cli", subject=account, time=now)
    if event.contact:
        raise Refused("ACCOUNT is an account's name alone, such as acme.")
    try:
        compile_text(data.text, data.variables)
    except Broken as error:
        raise Refused(f"The template cannot be used: {error}.") from error
    return encode_input(event)
