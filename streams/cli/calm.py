"""A log that a broker's absence does not flood: Kafka's clients say the same a few hundred times a second then."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

LOUD: Final = ("aiokafka", "kafka", "faust", "mode")  # loggers of libraries; ours say what they say once
PERIOD: Final = 10.0  # seconds
TIMES: Final = 3  # so often in a period the same words, whatever their arguments
KNOWN: Final = 1_000  # sentences remembered


class Calm(logging.Filter):
    """Lets a library's sentence pass a few times in a period, and says with the next one how many were left out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[tuple[str, str], tuple[float, int]] = {}  # logger, sentence -> since when, how often

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be written; called with the handler's lock held."""
        if record.name.partition(".")[0] not in LOUD:
            return True
        now, key = self._clock(), (record.name, str(record.msg))
        since, times = self._said.get(key, (now, 0))
        if now - since >= PERIOD:
            if times > TIMES:
                record.msg = f"{record.getMessage()} (and {times - TIMES:,} more like it)"
                record.args = None
            since, times = now, 0
        if key not in self._said and len(self._said) >= KNOWN:
            self._said.clear()
        self._said[key] = (since, times + 1)
        return times < TIMES
