"""What one step of a pipeline gathers while it decides, to be committed as one."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from connectors.ports import Commit, Message
from events.codec import encode_fact
from events.fact import Fact
from projections.send import Call
from streams.verdict import Verdict


@dataclass(slots=True)
class Step:
    """`now` is its one reading of the clock, ms; `calls` are what its commit will permit."""

    now: int
    commit: Commit = field(init=False)
    facts: list[Fact] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.commit = Commit(at=self.now)

    def keep(self, verdict: Verdict) -> None:
        """What a decision led to."""
        self.facts.extend(verdict.facts)
        self.calls.extend(verdict.calls)
        self.commit.moved.extend(verdict.messages)

    def seal(self, changes: dict[bytes, bytes | None], headers: Sequence[tuple[str, bytes]]) -> None:
        """All of it in bytes; `headers` go with the last fact, where there is one."""
        commit = self.commit
        commit.changes = changes
        if not self.facts:
            return
        out = commit.facts
        keys: dict[str, bytes] = {}
        for fact in self.facts:
            subject = fact.subject
            key = keys.get(subject)
            if key is None:
                key = keys[subject] = subject.encode()
            out.append(Message(key, encode_fact(fact)))
        last = out[-1]
        out[-1] = Message(last.key, last.value, headers)
