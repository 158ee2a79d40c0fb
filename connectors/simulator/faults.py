"""Which fault, and which journey, a message gets: chosen by rule, and by chance from a seed.

Chance is a hash of the seed, the rule and the message's key, not a sequence of draws: the same messages meet the same
faults in every run, in whatever order they come.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Generic, TypeVar

from connectors.simulator.settings import AFTER, CALLBACK, Endpoint, Fault, Journey, Step

_SCALE: Final = 2.0**64


def chance(seed: int, rule: int, key: str) -> float:
    """A number in [0, 1) that only these three decide."""
    digest = blake2b(f"{seed}|{rule}|{key}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / _SCALE


Rule = TypeVar("Rule", bound=Fault | Journey)


@dataclass(slots=True)
class _Ordered(Generic[Rule]):
    rule: Rule
    number: int
    left: int | None  # times; None: no end


class _Rules(Generic[Rule]):
    """Rules in the order given; those of one destination are found without a look at all the others."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._given = 0
        self._general: list[_Ordered[Rule]] = []
        self._by_number: dict[str, list[_Ordered[Rule]]] = {}

    def add(self, rules: Iterable[Rule]) -> None:
        for rule in rules:
            self._given += 1
            ordered = _Ordered(rule, self._given, rule.times)
            if rule.to is None:
                self._general.append(ordered)
            else:
                self._by_number.setdefault(rule.to, []).append(ordered)

    def clear(self) -> None:
        """Forget every rule; numbering starts again, so that the same rules make the same choices."""
        self._given = 0
        self._general.clear()
        self._by_number.clear()

    def active(self) -> list[Rule]:
        everything = list(self._general)
        for rules in self._by_number.values():
            everything.extend(rules)
        everything.sort(key=lambda ordered: ordered.number)
        return [ordered.rule for ordered in everything if ordered.left != 0]

    def hits(self, to: str | None, key: str, wanted: Callable[[Rule], bool]) -> Iterator[Rule]:
        """The rules that apply, a destination's own first; each one yielded has used up one of its times."""
        own = self._by_number.get(to) if to is not None and self._by_number else None
        for rules in (own, self._general):
            for ordered in rules or ():
                rule = ordered.rule
                if ordered.left == 0 or not wanted(rule):
                    continue
                if rule.probability < 1.0 and chance(self.seed, ordered.number, key) >= rule.probability:
                    continue
                if ordered.left is not None:
                    ordered.left -= 1
                yield rule


class FaultBook:
    """The faults in force. `key` is what chance depends on: the clientId, or the number and how many came to it."""

    def __init__(self, seed: int, faults: Iterable[Fault] = ()) -> None:
        self._answers: _Rules[Fault] = _Rules(seed)
        self._callbacks: _Rules[Fault] = _Rules(seed)
        self._without_client_id: Counter[str] = Counter()
        self.order(faults)

    def order(self, faults: Iterable[Fault]) -> None:
        """Add faults to those in force."""
        given = list(faults)
        self._answers.add(fault for fault in given if fault.kind not in CALLBACK)
        self._callbacks.add(fault for fault in given if fault.kind in CALLBACK)

    def clear(self) -> None:
        self._answers.clear()
        self._callbacks.clear()
        self._without_client_id.clear()

    def active(self) -> list[Fault]:
        return [*self._answers.active(), *self._callbacks.active()]

    def key(self, client_id: str | None, to: str) -> str:
        """What chance depends on, for one message; to be asked once a message."""
        if client_id is not None:
            return client_id
        self._without_client_id[to] += 1
        return f"{to}#{self._without_client_id[to]}"

    def answer(self, endpoint: Endpoint, destinations: Sequence[str], key: str) -> Fault | None:
        """The one fault of a request, if any; of a batch, the first that applies to any of its destinations or to all.

        A `field_error` of a batch is asked for message by message, by `field_error`, and is none of the batch's.
        A fault without an endpoint is about sending: one of a reading path is ordered by name."""

        def wanted(fault: Fault) -> bool:
            if endpoint == "bulk" and fault.kind == "field_error":
                return False
            return fault.endpoint == endpoint or (fault.endpoint is None and endpoint in {"sms", "bulk"})

        for to in destinations or (None,):
            for fault in self._answers.hits(to, key, wanted):
                return fault
        return None

    def field_error(self, to: str, key: str) -> Fault | None:
        """Whether one message of a batch is refused."""
        return next(
            self._answers.hits(to, key, lambda fault: fault.kind == "field_error" and fault.endpoint in {None, "bulk"}),
            None,
        )

    def callbacks(self, to: str, key: str) -> dict[str, Fault]:
        """The callback faults of one message, by kind: the first of each."""
        found: dict[str, Fault] = {}
        for fault in self._callbacks.hits(to, key, lambda fault: fault.kind not in found):
            found[fault.kind] = fault
        return found


class JourneyBook:
    """The statuses that a message goes through."""

    def __init__(self, seed: int, journeys: Iterable[Journey], otherwise: tuple[Step, ...]) -> None:
        self._rules: _Rules[Journey] = _Rules(seed)
        self._otherwise = otherwise
        self._rules.add(journeys)

    def order(self, journeys: Iterable[Journey]) -> None:
        self._rules.add(journeys)

    def clear(self) -> None:
        self._rules.clear()

    def active(self) -> list[Journey]:
        return self._rules.active()

    def steps(self, to: str, key: str) -> tuple[Step, ...]:
        for journey in self._rules.hits(to, key, lambda _: True):
            return journey.steps
        return self._otherwise


def accepts(fault: Fault | None) -> bool:
    """Whether the message is accepted although, or because, this fault applies."""
    return fault is None or fault.kind in AFTER
