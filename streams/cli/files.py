"""Small files that a command is handed: JSON and text, their faults in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streams.cli.refusal import Refused


def read_json(path: Path, kind: type) -> Any:
    """A JSON object or list from a file. Raises Refused where it is neither."""
    import orjson

    try:
        found = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise Refused(f"{path} is not JSON: {error}.") from None
    if not isinstance(found, kind):
        raise Refused(f"{path} must hold a JSON {'object' if kind is dict else 'list'}.")
    return found


def read_text(path: Path) -> str:
    """A text file without its last line end. Raises Refused where it is not UTF-8."""
    try:
        return path.read_text("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise Refused(f"{path} is not UTF-8: save it as UTF-8.") from error
