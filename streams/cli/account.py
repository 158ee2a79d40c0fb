"""`recado account set`: an account's settings, its provider's token sealed before it is written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli.files import read_json
from streams.cli.printing import as_json, emit, pairs
from streams.cli.refusal import Refused, mistaken

if TYPE_CHECKING:
    from events.account import AccountConfigured, Connector
    from streams.settings import Settings

IN_CLEAR = "its base_url begins with http://, so the token and every SMS cross the network in clear: use https"


@click.group()
def account() -> None:
    """Accounts: who sends, from which country, through which provider."""


@account.command("set")
@click.argument("account")
@click.option("--country", metavar="ES", help="ISO 3166-1: numbers without a prefix are of this country.")
@click.option("--timezone", metavar="Europe/Madrid", help="IANA time zone.")
@click.option("--currency", metavar="EUR", help="ISO 4217.")
@click.option("--locale", metavar="es-ES", help="BCP 47.")
@click.option(
    "--default-subscription",
    type=click.Choice(["none", "subscribed", "unsubscribed"]),
    help="What a contact is of whom nothing is known.",
)
@click.option(
    "--stop/--resume", "stopped", default=None, help="Stop all sending: what is asked for is skipped. Or go on."
)
@click.option("--instasent-url", metavar="URL", help="The provider's base URL, if not Instasent's own.")
@click.option(
    "--provider",
    type=click.Choice(["instasent", "twilio"]),
    help="Whose token it is; by default the present connector's provider, else Instasent.",
)
@click.option("--twilio-url", metavar="URL", help="Twilio's base URL, if not Twilio's own.")
@click.option("--token-file", metavar="FILE", help="The provider's token, alone in a file; - is standard input.")
@click.option(
    "--settings-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Any settings as a JSON object, null for the default; options given beside it go first.",
)
@as_json
def set_(
    account: str,
    instasent_url: str | None,
    provider: str | None,
    twilio_url: str | None,
    token_file: str | None,
    settings_file: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Make an account or change its settings: what is not named stays. Prints its callback URL and its API key.

    The token is read from a file, sealed with RECADO_SECRET and never written, shown or logged otherwise. Twilio's is
    its account SID and auth token, AC...:token. A second connector, `fallback`, is set by --settings-file.

    \b
    Example:  recado account set acme --country ES --token-file instasent.token
              recado account set acme --provider twilio --token-file twilio.token
    """
    from connectors.credentials import api_key, callback_secret
    from streams.cli import place

    patch = read_json(settings_file, dict) if settings_file else {}
    patch |= {name: value for name, value in given.items() if value is not None}
    settings = place.settings()
    if any(option is not None for option in (instasent_url, twilio_url, token_file, provider)):
        before, token = patch.get("connector"), None if token_file is None else read_token(token_file)
        if token is not None:  # what is wrong with it is told before anybody is asked
            made = _connector(before, provider, instasent_url, twilio_url, token)
            configured(settings.secret(), account, {**patch, "connector": made})
        if "connector" not in patch and (token is None or _of_url(instasent_url, twilio_url) is None):
            before = _present(place.located(settings), account, provider, instasent_url, twilio_url)
        patch["connector"] = _connector(before, provider, instasent_url, twilio_url, token)
    named = _provider(patch)
    secret = settings.secret()
    publish(place.located(settings), account, patch)
    _warn(patch)
    answer = {
        "account": account,
        "callback_url": f"{settings.public_url}/callbacks/{named}/{account}/{callback_secret(secret, account)}",
        "api_key": api_key(secret, account),
    }
    if as_json:
        emit(answer)
        return
    pairs({name.replace("_", " "): value for name, value in answer.items()})
    if patch.get("stopped"):
        click.echo(
            f"All sending of {account} is stopped: what is asked for, or waits, is skipped. Go on with --resume."
        )
    click.echo(f"{_CALLED_BACK[named]} Keep both to yourself: they are secrets.")


_CALLED_BACK = {
    "instasent": "Set the callback URL on the token in Instasent's dashboard.",
    "twilio": "Twilio is given the callback URL with each SMS: there is nothing to set, but it must reach you there.",
}


def _connector(
    before: Any, provider: str | None, instasent_url: str | None, twilio_url: str | None, token: str | None
) -> dict[str, Any]:
    """The connector that the options make, on top of that of a settings file or the present one. Raises Refused."""
    before = before or {}
    if not isinstance(before, dict):
        raise Refused("connector: must be an object with provider, base_url and token.")
    if instasent_url is not None and twilio_url is not None:
        raise Refused("--instasent-url and --twilio-url are of two providers, and the connector is of one.")
    by_url = _of_url(instasent_url, twilio_url)
    if provider is not None and by_url is not None and provider != by_url:
        raise Refused(f"--{by_url}-url is no address of {provider}'s.")
    named = provider or by_url or before.get("provider") or "instasent"
    connector = {**before, "provider": named} | _without_none(base_url=instasent_url or twilio_url, token=token)
    if "token" not in connector:
        raise Refused("The connector needs the token that belongs to it: add --token-file.")
    return connector


def _of_url(instasent_url: str | None, twilio_url: str | None) -> str | None:
    """Whose address is given; None where none is."""
    return "instasent" if instasent_url is not None else "twilio" if twilio_url is not None else None


def _present(
    settings: Settings, account: str, provider: str | None, instasent_url: str | None, twilio_url: str | None
) -> dict[str, Any] | None:
    """The connector that the account has now, its token sealed; None where the options are of another provider's."""
    from streams.cli import place

    known = place.directory(settings).account(account)
    connector = None if known is None else known.connector
    if connector is None or connector.sealed_token is None:
        return None
    by_url = _of_url(instasent_url, twilio_url)
    wanted = provider or by_url or connector.provider
    return connector.model_dump() if wanted == connector.provider else None


def _provider(patch: dict[str, Any]) -> str:
    """Whose callback URL is printed."""
    connector = patch.get("connector")
    named = connector.get("provider") if isinstance(connector, dict) else None
    return named if named in _CALLED_BACK else "instasent"


def _warn(patch: dict[str, Any]) -> None:
    """A connector that is taken, and unwise: said on standard error."""
    from connectors.tokens import CONNECTORS
    from events.account import AccountConfigured

    with mistaken():
        data = AccountConfigured.of_json(patch)
    for name in CONNECTORS:
        connector: Connector | None = getattr(data, name)
        if connector is not None and connector.exposed:
            click.echo(f"Note: {name}: {IN_CLEAR}.", err=True)


def publish(settings: Any, account: str, patch: dict[str, Any]) -> None:
    """Write a patch of an account's settings, tokens sealed. Raises Refused naming the field and the rule it breaks."""
    from events.topics import Role
    from streams.cli.post import post

    value = configured(settings.secret(), account, patch)
    with post(settings) as office:
        office.publish(Role.ACCOUNTS, account.encode(), value)


def configured(secret: bytes, account: str, patch: dict[str, Any]) -> bytes:
    """The event of a patch. No plain token is left in it."""
    import time
    import uuid

    from events.account import AccountConfigured
    from events.codec import encode_input
    from events.envelope import Input

    with mistaken():
        data = _sealed(secret, account, AccountConfigured.of_json(patch))
        now = int(time.time() * 1000)
        event = Input.of(data, id=str(uuid.uuid4()), source="/recado/cli", subject=account, time=now)
    if event.contact:
        raise Refused("ACCOUNT is an account's name alone, such as acme.")
    return encode_input(event)


def _sealed(secret: bytes, account: str, data: AccountConfigured) -> AccountConfigured:
    from connectors.tokens import Unusable, check_sealed, sealed

    try:
        check_sealed(secret, account, data)
        return sealed(secret, account, data)
    except Unusable as error:
        raise Refused(f"{error}.") from None


def read_token(path: str) -> str:
    """A token, alone in a file or on standard input (-). Raises Refused, which does not repeat it."""
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text("utf-8")
    except UnicodeDecodeError:
        raise Refused(f"{path} holds no token: it is not text.") from None
    from connectors.tokens import is_token

    token = text.strip()
    if not is_token(token):
        raise Refused(f"{'Standard input' if path == '-' else path} must hold the token alone, on one line.")
    return token


def _without_none(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
