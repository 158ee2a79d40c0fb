"""The demo's sums: does every record and every SMS have its place? Pure: published, counted, accepted go in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from connectors.kafka.counts import OUTCOMES, Counts
from events.topics import Role
from streams.cli.demo.tally import SendKey, Tally

INPUTS = (Role.CONTACTS, Role.TRANSACTIONAL, Role.NEWSLETTER, Role.CALLBACKS, Role.ANSWERS)
OUTCOMES_OF_SENDS = ("skipped", "deferred", "accepted", "refused", "unknown")


class Check(NamedTuple):
    """One sum. `words` says both sides of it, so that a failing one can be understood as printed."""

    holds: bool
    words: str


@dataclass
class Published:
    """What was published: records by topic, and which sends, each once however often it was asked for."""

    records: dict[Role, int] = field(default_factory=dict)
    sends: set[SendKey] = field(default_factory=set)

    def add(self, role: Role, n: int = 1) -> None:
        self.records[role] = self.records.get(role, 0) + n


def settled(published: Published, counts: Counts, tally: Tally, ledger: Mapping[str, Any]) -> str | None:
    """None when nothing more is to come, else what is still awaited."""
    for role, n in published.records.items():
        read = _first_reads(counts, role)
        if read < n:
            return f"{n - read} records of {role} are not decided yet"
    if tally.settled() < len(published.sends):
        return f"{len(published.sends) - tally.settled()} sends have no outcome yet"
    if ledger["callbacks_pending"]:
        return f"{ledger['callbacks_pending']} callbacks are still to be made"
    taken, read = ledger["callbacks_taken"], counts.of(Role.CALLBACKS)["read"]
    if read < taken:
        return f"{taken - read} callbacks are not decided yet"
    attempts, answers = len(tally.client_ids), counts.of(Role.ANSWERS)["read"]
    if answers < attempts - tally.crashed:
        return f"{attempts - tally.crashed - answers} answers are not decided yet"
    return None


def checks(published: Published, counts: Counts, tally: Tally, ledger: Mapping[str, Any]) -> list[Check]:
    """Every sum that must be right once all has settled."""
    found = []
    for role in INPUTS:
        count = counts.of(role)
        parts = sum(count[name] for name in OUTCOMES)
        said = " + ".join(f"{count[name]} {name}" for name in OUTCOMES)
        found.append(Check(count["read"] == parts, f"{role}: {count['read']} read = {said}"))
    for role, n in published.records.items():
        read = _first_reads(counts, role)
        found.append(Check(read == n, f"{role}: {n} published = {read} decided"))
    by_outcome = dict.fromkeys(OUTCOMES_OF_SENDS, 0)
    for (outcome, _), n in tally.sends().items():
        by_outcome[outcome] = by_outcome.get(outcome, 0) + n
    said = " + ".join(f"{n} {outcome}" for outcome, n in by_outcome.items())
    placed = sum(by_outcome[outcome] for outcome in OUTCOMES_OF_SENDS)
    found.append(Check(len(published.sends) == placed, f"sends: {len(published.sends)} = {said}"))
    accepted, ours = ledger["accepted"], tally.accepted.total()
    found.append(Check(accepted == ours, f"the provider accepted {accepted} SMS = {ours} facts say accepted"))
    second = ledger["second_sends"] + sum(n - 1 for n in tally.accepted.values())
    found.append(Check(second == 0, f"{second} SMS were accepted twice"))
    found.append(
        Check(tally.gaps == 0, f"{tally.gaps} gaps or repeats in the contacts' sequences, {tally.facts} facts read")
    )
    read = counts.of(Role.CALLBACKS)["read"]
    found.append(
        Check(ledger["callbacks_taken"] <= read, f"{ledger['callbacks_taken']} receipts taken ≤ {read} decided")
    )
    return found


def _first_reads(counts: Counts, role: Role) -> int:
    """Records decided, each once: one that was moved is read a second time in its right partition."""
    count = counts.of(role)
    return count["read"] - count["moved"]
