"""python -m simulation: many seeds and the mutants, or one seed again, exactly, with all that happens in it."""

import gc
import logging
import sys
import time

import click

from simulation.mutants import HARMLESS, MUTANTS
from simulation.report import Tally, tables, trials
from simulation.run import run, tried

SEEDS_A_MUTANT = 200
COLLECTED = 50  # seeds between two collections of garbage: a run's own is little, and its worlds are walked in vain


@click.command()
@click.option("--seeds", default=1_000, show_default=True, help="How many seeds to run.")
@click.option("--first", default=1, show_default=True, help="The first of them.")
@click.option("--seed", type=int, help="Run this one seed only.")
@click.option("--trace", is_flag=True, help="With --seed: tell what happens, step by step.")
@click.option("--mutants/--no-mutants", default=True, help="Try the deliberate mistakes as well.")
def main(seeds: int, first: int, seed: int | None, trace: bool, mutants: bool) -> None:
    """Run the commit protocol and the send path in simulated worlds, one a seed, and judge each.

    Ends with status 1 if a seed shows a violation, a point was never struck in 500 seeds or more, or a mutant passes.
    """
    logging.disable(logging.CRITICAL)  # what a worker logs before it stops is expected here, by the thousand
    if seed is not None:
        outcome = run(seed, trace=click.echo if trace else None)
        for violation in outcome.violations:
            click.echo(f"seed {seed}: {violation}")
        click.echo(f"seed {seed}: {len(outcome.violations)} violations, {outcome.steps} steps, digest {outcome.digest}")
        sys.exit(1 if outcome.violations else 0)
    gc.collect()
    gc.freeze()  # what was imported stays
    gc.disable()
    began, cpu = time.monotonic(), time.process_time()
    tally = Tally()
    with click.progressbar(range(first, first + seeds), label="seeds", file=sys.stderr) as numbers:
        for number in numbers:
            outcome = run(number)
            tally.add(outcome)
            if number % COLLECTED == 0:
                gc.collect()
            for violation in outcome.violations:
                click.echo(f"seed {number}: {violation}")
    for line in tables(tally, time.monotonic() - began, time.process_time() - cpu):
        click.echo(line)
    bad = bool(tally.violations)
    if seeds >= 500 and tally.missed:
        click.echo(f"never struck: {', '.join(tally.missed)}")
        bad = True
    gc.enable()
    if mutants:
        done = [tried(variant, first, SEEDS_A_MUTANT) for variant in MUTANTS]
        harmless = [tried(variant, first, SEEDS_A_MUTANT) for variant in HARMLESS]
        click.echo("")
        for line in trials(done):
            click.echo(line)
        for trial in harmless:
            click.echo(f"{trial.name}: " + (trial.violation or "no violation, as it should be"))
        bad = bad or any(trial.seeds is None for trial in done) or any(trial.seeds for trial in harmless)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
