"""What a provider counts: requests or messages. Not documented (instasent.md, section 2): its headers show it. Pure."""

from dataclasses import dataclass
from typing import Final

__all__ = ["Unit"]

NOISE: Final = 10  # tokens that others may have taken between two answers before it means something


@dataclass(slots=True)
class Unit:
    """What one endpoint counts, as the answers of a window tell."""

    by_message: bool = False
    judged: bool = False  # it was learnt, or cannot be
    first: int = 0  # what was left, to all, when the window was first told of
    calls: int = 0  # of several that were answered since, and the messages in them
    messages: int = 0

    def cost(self, messages: int) -> int:
        """Tokens that a call of so many messages takes."""
        return messages if self.by_message else 1

    def begin(self, first: int) -> None:
        """A window begins."""
        self.first, self.calls, self.messages = first, 0, 0

    def settle(self) -> None:
        """Calls are made smaller, as where messages are counted, until the headers show otherwise."""
        self.by_message = self.judged = True

    def learn(self, messages: int, remaining: int | None, out: int, share: float) -> bool:
        """A call of so many was answered, while `out` calls are not: of several messages a call, did the tokens fall as
        the calls, or as the messages? True where it turns out to be these. A call of one shows nothing."""
        if messages == 1:
            self.first -= 1
            return False
        self.calls += 1
        self.messages += messages
        if share <= 0 or self.messages < 3 * self.calls:
            return False
        if remaining is None:
            self.judged = True
            return False
        was, fallen = self.by_message, self.first - remaining  # by all: what a lone busy worker took is no share of it
        if not was:
            others = (2 * (self.calls + out) + NOISE) / share
            self.by_message = fallen > others and fallen * 2 >= self.messages
        elif self.calls >= 3 and fallen * 2 < self.messages:
            self.by_message = False
        self.judged = self.judged or self.by_message or self.calls > 1
        return self.by_message and not was
