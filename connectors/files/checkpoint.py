"""How far an import came, kept beside: a file cut off by a crash goes on where it was."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import orjson


class Checkpoint:
    """A small file for one import: `done` good rows of it are durable. What cannot be read counts as none: then all of
    the file is sent again, and changes nothing."""

    def __init__(self, directory: Path, what: Sequence[str | bytes]) -> None:
        """`what` tells this import from all others: the broker, the topics, the account, the file's digest."""
        parts = [part if isinstance(part, bytes) else part.encode() for part in what]
        name = blake2b(b"".join(len(part).to_bytes(4, "big") + part for part in parts), digest_size=16).hexdigest()
        self._path = directory / f"{name}.json"

    def read(self) -> int:
        try:
            document = orjson.loads(self._path.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return 0
        done = document.get("done") if type(document) is dict else None
        return done if type(done) is int and done > 0 else 0

    def write(self, done: int) -> None:
        """Replace it in one step. Raises OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_suffix(".new")
        new.write_bytes(orjson.dumps({"done": done}))
        new.replace(self._path)

    def clear(self) -> None:
        """The import is complete."""
        self._path.unlink(missing_ok=True)
