"""The run's own test: workers with a deliberate mistake, struck where it shows, until the checker says so."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple

from chaos.mutants import MUTANTS, Mutant
from chaos.plan import Outcome, Plan
from chaos.processes import RunBroken

RUNS: Final = 4  # of each mutant at most
PER_RUN: Final = 3  # strikes


class Trial(NamedTuple):
    """`strikes` until it was caught; None where it never was. `violation` is the first one."""

    mutant: str
    strikes: int | None
    checks: tuple[str, ...]
    violation: str
    seconds: float


def tried(name: str, seed: int, run: Callable[[Plan], Outcome]) -> Trial:
    """Run this mutant, each time with other strikes, until it is caught."""
    mutant, strikes, seconds = MUTANTS[name], 0, 0.0
    for number in range(RUNS):
        try:
            outcome = run(_plan(name, mutant, seed + number, number))
        except RunBroken:  # a mistake may leave a run that never settles, which shows nothing: another one
            continue
        seconds += outcome.seconds
        strikes += sum(outcome.points.values()) + sum(outcome.blows.values())
        if outcome.verdict.violations:
            checks = tuple(check for check, found in outcome.verdict.found.items() if found)
            return Trial(name, strikes, checks, outcome.verdict.violations[0], seconds)
    return Trial(name, None, (), "", seconds)


def _plan(name: str, mutant: Mutant, seed: int, number: int) -> Plan:
    plan = Plan(seed, blows=0, events=900, contacts=60, partitions=2, mutant=name)
    if mutant.choreography:
        return replace(plan, blows=1, workers=2, weights={mutant.choreography: 1})
    traps = mutant.traps[number * PER_RUN % len(mutant.traps) :][:PER_RUN]
    return replace(plan, traps=traps)
