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
    """What a file comes to: parts and cost are those of what would go at once and of what would go after a wait. `cost`
    by currency."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    then: Counter[tuple[str, str]] = field(default_factory=Counter)  # what those that wait come to in the end
    parts: Counter[str] = field(default_factory=Counter)  # by encoding
    cost: dict[str, Decimal] = field(default_factory=dict)
    others: int = 0  # lines that ask for no SMS
    wrong: int = 0

    def add(self, told: dict[str, Any]) -> None:
        self.outcomes[told["outcome"], told["reason"]] += 1
        if told["then"]:
            self.then[told["then"][-1]["outcome"], told["then"][-1]["reason"]] += 1
        if told["parts"] is None:
            return
        self.parts[told["encoding"]] += told["parts"]
        if told["cost"] is not None:
            self.cost[told["currency"]] = self.cost.get(told["currency"], Decimal(0)) + told["cost"]

    def as_json(self) -> dict[str, Any]:
        by, then = (
            [{"outcome": o, "reason": r or None, "sends": n} for (o, r), n in _sorted(counted)]
            for counted in (self.outcomes, self.then)
        )
        return {
            "sends": self.outcomes.total(),
            "outcomes": by,
            "then": then,
            "parts": self.parts.total(),
            "parts_by_encoding": dict(self.parts),
            "cost": {currency: str(total) for currency, total in self.cost.items()},
            "other_lines": self.others,
            "wrong_lines": self.wrong,
        }

    def show(self) -> None:
        rows = [(WOULD[outcome], words(outcome, reason), f"{n:,}") for (outcome, reason), n in _sorted(self.outcomes)]
        behind = max((at for at, row in enumerate(rows, 1) if row[0] == WOULD["wait"]), default=0)
        rows[behind:behind] = [
            (f"then {WOULD[o]}", words(o, reason), f"{n:,}") for (o, reason), n in _sorted(self.then)
        ]
        if self.others:
            rows.append(("asks for no SMS", "an update counts for the lines behind it", f"{self.others:,}"))
        if self.wrong:
            rows.append(("wrong", "`recado publish` would refuse the file", f"{self.wrong:,}"))
        table(("outcome", "why", "lines"), rows)
        parts = ", ".join(f"{n:,} in {encoding}" for encoding, n in self.parts.items())
        click.echo(f"{self.parts.total():,} parts{f' ({parts})' if parts else ''}.")
        for currency, total in self.cost.items():
            click.echo(f"Cost: {total:,.2f} {currency}.")


def _sorted(counted: Counter[tuple[str, str]]) -> list[tuple[tuple[str, str], int]]:
    order = list(WOULD)
    return sorted(counted.items(), key=lambda one: (order.index(one[0][0]), -one[1]))


def shown(expected: Expected, directory: Directory, price: Decimal | None) -> dict[str, Any]:
    """An outcome as JSON. Where it waits, `then` tells what follows, and the SMS is the one that would go then."""
    account, _, contact = expected.subject.partition("/")
    _, *then = expected.steps
    last = expected.steps[-1]
    sms = last.attempted
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
        "until": _moment(expected.until),
        "then": [
            {"outcome": step.outcome, "reason": step.reason, "detail": step.detail, "until": _moment(step.until)}
            for step in then
        ],
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
        "checks": [check._asdict() for check in checks(last.looked_at)],
    }


def sentence(expected: Expected) -> str:
    """What would become of it, and of what waits, what then."""
    told = " Then ".join(map(_sentence, expected.steps))
    return told[0].upper() + told[1:]


def _sentence(step: Expected) -> str:
    if step.outcome == "go":
        return "it would go."
    if step.outcome == "wait":
        return f"it would wait until {_moment(step.until)}: {words('wait', step.reason)}."
    if step.outcome == "skip":
        return f"it would not go: {words('skip', step.reason)}."
    return f"nothing would follow: {words('nothing', step.reason)}."


def why(told: dict[str, Any]) -> str:
    """The reason of a line in a table: `told` is its JSON."""
    if told["until"] is None:
        return words(told["outcome"], told["reason"])
    return "; then ".join(map(_briefly, (told, *told["then"])))


def _briefly(step: dict[str, Any]) -> str:
    reason = words(step["outcome"], step["reason"])
    if step["until"] is not None:
        return f"until {step['until']}: {reason}"
    return ": ".join(filter(None, (WOULD[step["outcome"]], reason)))


def _moment(ms: int | None) -> str | None:
    return None if ms is None else instant.render(ms)


def words(outcome: str, reason: str) -> str:
    return {"skip": SKIPPED, "wait": DEFERRED, "nothing": _NOTHING}.get(outcome, {}).get(reason, reason)
