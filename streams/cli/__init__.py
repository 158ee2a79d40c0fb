"""The command line: `recado COMMAND`. One noun a file; nothing heavy is imported before its command runs."""

from streams.cli.main import main

__all__ = ["main"]
