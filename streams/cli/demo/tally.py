"""What the journal says, folded into counts: every send's outcome, every message's state. Pure."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from events import message, send
from events.fact import Fact
from streams.cli.demo.words import sentence

END_STATES = frozenset({"delivered", "failed", "expired", "canceled", "unknown"})
SETTLED = frozenset({"skipped", "accepted", "refused", "unknown", "given_up", "deferred"})

SendKey = tuple[str, str]  # subject, send_id


@dataclass
class Tally:
    """Memory grows with the number of sends: 300 bytes each."""

    facts: int = 0
    by_type: Counter[str] = field(default_factory=Counter)
    outcomes: dict[SendKey, tuple[str, str]] = field(
        default_factory=dict
    )  # the last word on each send: outcome, reason
    client_ids: dict[tuple[str, str, int], str] = field(default_factory=dict)  # of each attempt
    accepted: Counter[str] = field(default_factory=Counter)  # by client id: more than one is a send twice
    states: dict[SendKey, str] = field(default_factory=dict)  # of each message
    sequences: dict[str, int] = field(default_factory=dict)
    crashed: int = 0  # attempts that became unknown because their worker went away: no answer of theirs will come
    gaps: int = 0  # facts whose sequence did not follow the contact's last one
    last: deque[str] = field(default_factory=lambda: deque(maxlen=12))

    def fold(self, fact: Fact) -> None:
        """Take one fact, in its partition's order."""
        self.facts += 1
        self.by_type[fact.type] += 1
        self.gaps += fact.sequence != self.sequences.get(fact.subject, 0) + 1
        self.sequences[fact.subject] = fact.sequence
        self.last.append(sentence(fact))
        subject = fact.subject
        match fact.data:
            case send.SendSkipped(send_id=send_id, reason=reason):
                if reason != "duplicate":  # that is another body under a known id: the first one keeps its outcome
                    self.outcomes[subject, send_id] = ("skipped", reason)
            case send.SendDeferred(send_id=send_id, reason=reason):
                self.outcomes[subject, send_id] = ("deferred", reason)
            case send.SendAttempted(send_id=send_id, attempt=attempt, client_id=client_id):
                self.client_ids[subject, send_id, attempt] = client_id
                self.outcomes[subject, send_id] = ("attempted", "")
            case send.SendAccepted(send_id=send_id, attempt=attempt):
                self.accepted[self.client_ids.get((subject, send_id, attempt), "?")] += 1
                self.outcomes[subject, send_id] = ("accepted", "")
            case send.SendRefused(send_id=send_id, final=final, status=status):
                self.outcomes[subject, send_id] = ("refused", str(status)) if final else ("retried", str(status))
            case send.SendUnknown(send_id=send_id, reason=reason):
                self.crashed += reason == "crash"
                self.outcomes[subject, send_id] = ("unknown", reason)
            case send.SendGivenUp(send_id=send_id):
                self.outcomes[subject, send_id] = ("given_up", "")
            case message.MessageStateChanged(send_id=send_id, to=to):
                self.states[subject, send_id] = to
            case _:
                pass

    def sends(self) -> Mapping[tuple[str, str], int]:
        """How many sends stand at each (outcome, reason), the most frequent first."""
        return dict(Counter(self.outcomes.values()).most_common())

    def settled(self) -> int:
        """Sends that have an outcome: not those whose answer is still awaited."""
        return sum(1 for outcome, _ in self.outcomes.values() if outcome in SETTLED)

    def messages(self) -> Mapping[str, int]:
        """How many messages are in each state."""
        return dict(Counter(self.states.values()).most_common())

    def open_messages(self) -> int:
        """Accepted messages whose receipt says no end yet, or of which there is none."""
        return sum(
            1
            for key, (outcome, _) in self.outcomes.items()
            if outcome == "accepted" and self.states.get(key) not in END_STATES
        )
