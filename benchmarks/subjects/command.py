"""The arguments that every subject takes, and how it tells how far it is. Loads the standard library only."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Command:
    """See the package. `settings` are the NAME=VALUE arguments."""

    bootstrap: str
    source: str
    target: str
    partitions: int
    data: Path
    settings: Mapping[str, str]

    @staticmethod
    def read() -> "Command":
        """From this process's arguments."""
        bootstrap, source, target, partitions, data, *settings = sys.argv[1:]
        pairs = (setting.split("=", 1) for setting in settings)
        return Command(bootstrap, source, target, int(partitions), Path(data), {pair[0]: pair[1] for pair in pairs})


def tell(name: str, value: float) -> None:
    """One line for the program that measures."""
    os.write(1, f"\n{name} {value}\n".encode())  # Faust turns sys.stdout into a logger
