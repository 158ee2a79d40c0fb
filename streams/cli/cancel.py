"""`recado cancel`: what was asked for and has not been attempted will not go."""

from __future__ import annotations

import time
import uuid

import click

from streams.cli.printing import as_json, emit
from streams.cli.refusal import Refused, mistaken


@click.command()
@click.argument("account")
@click.option("--label", help="Those with this label, of their own or of their template: a campaign.")
@click.option("--send-id", help="This one send, of whichever contact.")
@click.option("--all", "everything", is_flag=True, help="All of the account.")
@click.option("--before", metavar="TIME", help="Asked for before that time, RFC 3339; now, if it is not said.")
@as_json
def cancel(
    account: str, label: str | None, send_id: str | None, everything: bool, before: str | None, as_json: bool
) -> None:
    """Cancel sends: each that was asked for before now, and has not been attempted, is skipped as `cancelled`.

    What waits for its time is skipped at once, what waits in Kafka when its turn comes; what went to the provider
    cannot be called back. What is asked for later goes. To stop all sending until further notice:
    recado account set ACCOUNT --stop.

    \b
    Example:  recado cancel acme --label november
    """
    from events import instant
    from events.account import SendCancelled
    from events.codec import encode_input
    from events.envelope import Input
    from events.topics import Role
    from streams.cli import place
    from streams.cli.post import post

    if not (label or send_id or everything):
        raise Refused("Say what: --label, --send-id, or --all.")
    if everything and (label or send_id):
        raise Refused("--all is everything of the account: give it without --label and --send-id.")
    now = int(time.time() * 1000)
    said = {"send_id": send_id, "label": label, "before": before or instant.render(now)}
    with mistaken():
        data = SendCancelled.of_json({name: value for name, value in said.items() if value is not None})
        if data.before > now:
            rule = "lies in the future; what is asked for from now on is stopped by: recado account set ACCOUNT --stop"
            raise Refused(f"--before {rule}.")
        event = Input.of(data, id=str(uuid.uuid4()), source="/recado/cli", subject=account, time=now)
    settings = place.located(place.settings())
    if event.contact or place.directory(settings).account(account) is None:
        raise Refused(f"There is no account {account}: nothing was ever configured for it.")
    with post(settings) as office:
        office.publish(Role.ACCOUNTS, account.encode(), encode_input(event))
    if as_json:
        emit({"account": account, "send_id": send_id, "label": label, "before": instant.render(data.before)})
        return
    whole = [f"label {label}"] * bool(label) + [f"send {send_id}"] * bool(send_id) or ["everything"]
    click.echo(f"Cancelled: {' and '.join(whole)} of {account} asked for before {instant.render(data.before)}.")
