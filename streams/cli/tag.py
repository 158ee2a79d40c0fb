"""`recado tag`: the line that a web page includes to tell Recado what its visitors say about themselves."""

from __future__ import annotations

import re

import click

from streams.cli.printing import as_json, emit
from streams.cli.refusal import Refused

_ORIGIN = re.compile(r"https?://[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?")
_MOST = 8


@click.command()
@click.argument("account")
@click.option("--origin", "origins", multiple=True, required=True, help="Whose pages may use it; may be repeated.")
@as_json
def tag(account: str, origins: tuple[str, ...], as_json: bool) -> None:
    """Print the script line of the contact information tag, for the pages of the origins that are named.

    Its key is public: it opens nothing but updates via `tag`, from those origins. See docs/adr/020-tag-key.md.

    \b
    Example:  recado tag acme --origin https://shop.example --origin https://www.shop.example
    """
    from connectors.credentials import tag_key
    from events.envelope import split_subject
    from streams.cli import place

    if split_subject(account)[1]:
        raise Refused("ACCOUNT is an account's name alone, such as acme.")
    for origin in origins:
        default = (origin.startswith("https:") and origin.endswith(":443")) or origin.endswith("//:80")
        if _ORIGIN.fullmatch(origin) is None or default:
            raise Refused(
                f"{origin} is no origin as browsers send it: scheme and host in lower case, a port only where it is "
                "not the usual one, and nothing after it: https://shop.example"
            )
    if len(origins) > _MOST:
        raise Refused(f"A key holds at most {_MOST} origins: make another for the others.")
    settings = place.settings()
    key = tag_key(settings.secret(), account, origins)
    script = f"{settings.public_url}/tag/{key}.js"
    if as_json:
        emit({"account": account, "origins": origins, "tag_key": key, "script": script})
        return
    click.echo(f'<script src="{script}"></script>')
