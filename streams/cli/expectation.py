"""What would become of a send, in words, as JSON, and in sums: what `recado send --dry-run` prints."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import click

from connectors.readmodel.reasons import DEFERRED, SKIPPED, checks
from events import instant
from projections.account import Account, Directory
from streams.cli.printing import table
from streams.rehearsal import Expected

WOULD = {"go": "would go", "wait": "would wait", "skip": "would be skipped", "nothing": "nothing would follow"}
_NOTHING = {
    "repeated": "this very event was read before",
    "asked_before": "the same was asked for before, under this send_id",
}


@dataclass(slots=True)
class Sums:
    """What a file comes to. `cost` by currency."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    parts: Counter[str] = field(default_factory=Counter)  # by encoding
    cost: dict[str, Decimal] = field(default_factory=dict)
    others: int = 0  # lines that ask for no SMS
    wrong: int = 0

    def add(self, told: dict[str, Any]) -> None:
        self.outcomes[told["outcome"], told["reason"]] += 1
        if told["outcome"] != "go":
            return
        self.parts[told["encoding"]] += told["parts"]
        if told["cost"] is not None:
            self.cost[told["currency"]] = self.cost.get(told["currency"], Decimal(0)) + told["cost"]

    def as_json(self) -> dict[str, Any]:
        by = [{"outcome": o, "reason": r or None, "sends": n} for (o, r), n in self._sorted()]
        return {
            "sends": self.outcomes.total(),
            "outcomes": by,
            "parts": self.parts.total(),
            "parts_by_encoding": dict(self.parts),
            "cost": {currency: str(total) for currency, total in self.cost.items()},
            "other_lines": self.others,
            "wrong_lines": self.wrong,
        }

    def show(self) -> None:
        rows = [(WOULD[outcome], words(outcome, reason), f"{n:,}") for (outcome, reason), n in self._sorted()]
        if self.others:
            rows.append(("asks for no SMS", "an update counts for the lines behind it", f"{self.others:,}"))
        if self.wrong:
            rows.append(("wrong", "`recado publish` would refuse the file", f"{self.wrong:,}"))
        table(("outcome", "why", "lines"), rows)
        parts = ", ".join(f"{n:,} in {encoding}" for encoding, n in self.parts.items())
        click.echo(f"{self.parts.total():,} parts{f' ({parts})' if parts else ''}.")
        for currency, total in self.cost.items():
            click.echo(f"Cost: {total:,.2f} {currency}.")

    def _sorted(self) -> list[tuple[tuple[str, str], int]]:
        order = list(WOULD)
        return sorted(self.outcomes.items(), key=lambda one: (order.index(one[0][0]), -one[1]))


def shown(expected: Expected, directory: Directory, price: Decimal | None) -> dict[str, Any]:
    """An outcome as JSON."""
    account, _, contact = expected.subject.partition("/")
    sms = expected.attempted
    cost = None if sms is None or price is None else price * sms.parts
    return {
        "account": account,
        "contact": contact,
        "send_id": expected.send_id,
        "class": expected.class_,
        "outcome": expected.outcome,
        "reason": expected.reason,
        "words": sentence(expected),
        "detail": expected.detail,
        "until": None if expected.until is None else instant.render(expected.until),
        "to": sms and sms.to,
        "alert": sms and sms.alert,
        "sender": sms and sms.sender,
        "template": sms and sms.template,
        "template_version": sms and sms.template_version,
        "labels": sms and sms.labels,
        "text": sms and sms.text,
        "encoding": sms and sms.encoding,
        "parts": sms and sms.parts,
        "cost": cost,
        "currency": None if cost is None else (directory.account(account) or Account(account)).customs.currency,
        "checks": [check._asdict() for check in checks(expected.looked_at)],
    }


def sentence(expected: Expected) -> str:
    if expected.outcome == "go":
        return "It would go."
    if expected.outcome == "wait":
        until = instant.render(expected.until or 0)
        return f"It would wait until {until}: {words('wait', expected.reason)}."
    if expected.outcome == "skip":
        return f"It would not go: {words('skip', expected.reason)}."
    return f"Nothing would follow: {words('nothing', expected.reason)}."


def words(outcome: str, reason: str) -> str:
    return {"skip": SKIPPED, "wait": DEFERRED, "nothing": _NOTHING}.get(outcome, {}).get(reason, reason)
