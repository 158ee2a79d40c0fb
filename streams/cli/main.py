"""The `recado` command: a table of names and files, loaded one by one, and the one place where errors become words."""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Mapping

import click

from streams.cli.refusal import Refused, explain

COMMANDS: Mapping[str, str] = {  # name -> module:attribute, in the order of contract.md, section 8
    "up": "streams.cli.up:up",
    "demo": "streams.cli.demo.command:demo",
    "worker": "streams.cli.services:worker",
    "http": "streams.cli.services:http",
    "readmodel": "streams.cli.services:readmodel",
    "simulator": "streams.cli.services:simulator",
    "account": "streams.cli.account:account",
    "template": "streams.cli.template:template",
    "tag": "streams.cli.tag:tag",
    "send": "streams.cli.send:send",
    "publish": "streams.cli.publish:publish",
    "import": "streams.cli.contacts:import_contacts",
    "contact": "streams.cli.questions:contact",
    "why": "streams.cli.questions:why",
    "cancel": "streams.cli.cancel:cancel",
    "settle": "streams.cli.settle:settle",
    "parts": "streams.cli.parts:parts",
    "dead-letters": "streams.cli.dead_letters:dead_letters",
    "rebuild": "streams.cli.rebuild:rebuild",
    "doctor": "streams.cli.doctor:doctor",
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for, so that `recado --help` is quick."""

    def __init__(self, *args: object, lazy: Mapping[str, str], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lazy:
            return None
        module, _, attribute = self._lazy[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - the table above names commands only
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what a person can mend becomes one line and exit status 2, a bug keeps its traceback."""
        try:
            return super().invoke(ctx)
        except click.MissingParameter:
            raise  # its usage line helps
        except click.BadParameter as error:
            raise Refused(error.format_message()) from error
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            sentence = explain(error)
            if sentence is None:
                raise
            raise Refused(sentence) from error


@click.group(
    cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120}
)
@click.version_option(package_name="recado", message="recado %(version)s")
def cli() -> None:
    """Recado: SMS as a stream. Nobody gets the same SMS twice, and every decision can be explained and replayed.

    \b
    A first look:   recado demo
    On one machine: recado up
    """
    for library in ("kafka", "aiokafka"):  # what matters they raise, and we say it in one line; services log more
        logging.getLogger(library).setLevel(logging.CRITICAL)


def main() -> None:
    """Entry point. Exit status: 0 done, 1 a check failed or a bug, 2 something a person can mend, said in one line."""
    os.umask(os.umask(0o077) | 0o077)  # read model, state and logs hold phone numbers: for their owner alone
    cli(prog_name="recado")
