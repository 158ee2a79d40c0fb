"""The contract as documents, generated from the models: a JSON Schema for each event, AsyncAPI 3.0 for the topics.

`python -m events.schemas docs` writes docs/asyncapi.json and docs/schemas/; a test holds that they are current.
"""

import sys
from pathlib import Path

import orjson

from events.asyncapi import asyncapi
from events.json_schema import schemas


def documents() -> dict[str, bytes]:
    """Every generated file, by its path below docs/."""
    written = {f"schemas/{name}": schema for name, schema in schemas().items()} | {"asyncapi.json": asyncapi()}
    return {path: orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n" for path, document in written.items()}


def write(directory: Path) -> list[Path]:
    """Write `documents` below a directory, delete schemas that no event has any more; return what was written."""
    (directory / "schemas").mkdir(parents=True, exist_ok=True)
    paths = []
    for path, content in documents().items():
        (directory / path).write_bytes(content)
        paths.append(directory / path)
    for stale in set((directory / "schemas").glob("*.json")) - set(paths):
        stale.unlink()
    return paths


if __name__ == "__main__":
    for written in write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs")):
        sys.stdout.write(f"{written}\n")
