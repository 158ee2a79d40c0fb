"""The machine's clock, as the engine reads it: once a batch, and never backwards."""

import time


class SystemClock:
    """Milliseconds since the epoch, UTC. A clock that is set back stands still until it has caught up."""

    def __init__(self) -> None:
        self._last = 0

    def now(self) -> int:
        self._last = max(self._last, time.time_ns() // 1_000_000)
        return self._last
