"""How often someone may ask: token buckets in bounded memory."""

from collections import OrderedDict
from typing import Final

_MOST: Final = 10_000  # buckets; some 2 MB


class Rate:
    """`burst` requests at once, then one every `every` ms, for each name.

    Beyond `_MOST` names the one unseen for longest is forgotten, and would begin anew: who can come under so many names
    needs a limit over all of them besides.
    """

    def __init__(self, burst: int, every: int) -> None:
        self._burst, self._every = burst, every
        self._full_at: OrderedDict[str, int] = OrderedDict()  # name -> when its bucket is full again, ms

    def wait(self, name: str, now: int) -> int:
        """0 where the request may be, and it is counted; else the ms after which it may. `now` in ms."""
        full_at = max(self._full_at.pop(name, now), now)
        wait = full_at + self._every - now - self._burst * self._every
        self._full_at[name] = full_at if wait > 0 else full_at + self._every
        if len(self._full_at) > _MOST:
            self._full_at.popitem(last=False)
        return max(wait, 0)
