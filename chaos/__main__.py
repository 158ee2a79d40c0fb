"""`python -m chaos`: one run, its seed, and tables of what was done and what was found."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from chaos import provider
from chaos.broker import Broker
from chaos.driver import Driver, routes
from chaos.faults import ALL, KILLS
from chaos.mutants import MUTANTS
from chaos.plan import Outcome, Plan
from chaos.report import tables
from chaos.trials import tried
from connectors.kafka.admin import Admin
from streams.settings import Settings

SHOWN = 30  # violations


@click.command()
@click.option("--seed", type=int, envvar="RECADO_CHAOS_SEED", help="Decides everything that is chance here.")
@click.option("--blows", type=click.IntRange(0), default=200, show_default=True, help="Faults to inject.")
@click.option("--strikes", type=click.IntRange(0), default=20, show_default=True, help="At each crash point.")
@click.option("--events", type=click.IntRange(1), default=200_000, show_default=True)
@click.option("--contacts", type=click.IntRange(1), default=20_000, show_default=True)
@click.option("--partitions", type=click.IntRange(1, 64), default=4, show_default=True)
@click.option("--workers", type=click.IntRange(1, 3), default=2, show_default=True, help="At first: 1 to 3 later.")
@click.option("--kills-only", is_flag=True, help="SIGKILL alone, with and without the local state.")
@click.option("--mutants", is_flag=True, help="Not a run, but its test: deliberate mistakes, and how each is caught.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Where state and logs stay; default: nowhere, but for a run that found something.",
)
def main(
    seed: int | None, blows: int, strikes: int, events: int, contacts: int, partitions: int, workers: int,
    kills_only: bool, mutants: bool, data: Path | None,
) -> None:  # fmt: skip
    """Start real workers on a real broker, strike them by seed, and judge what is left.

    The broker is one of the run's own, which is struck as well; where RECADO_KAFKA is set it is that one, and is not.
    Exit status 1: something promised was not kept, or a mistake was not caught.
    """
    console = Console()
    chosen = seed if seed is not None else int.from_bytes(os.urandom(4))
    plan = Plan(
        chosen, blows, events, contacts, partitions, workers, weights=KILLS if kills_only else ALL, strikes=strikes,
        provider_faults=() if kills_only else provider.FAULTS,
    )  # fmt: skip
    console.print(f"seed {chosen}")
    settings = Settings.from_env(os.environ)
    secured = {name: value for name, value in os.environ.items() if name.startswith("RECADO_KAFKA_")}
    with ExitStack() as stack:
        place = data or Path(tempfile.mkdtemp(prefix="recado-chaos-"))
        place.mkdir(parents=True, exist_ok=True)
        broker = Broker(place / "broker", routes()) if settings.kafka is None else None
        if broker is not None:
            stack.callback(broker.close)
        bootstrap = settings.kafka or (broker.start() if broker is not None else "")

        def run(plan: Plan) -> Outcome:
            prefix = f"chaos-{uuid.uuid4().hex[:8]}."
            driver = Driver(
                plan, bootstrap, prefix, place / prefix.rstrip("."), settings.security, secured, broker, console.log
            )
            outcome = driver.run()
            if mutants or not outcome.verdict.violations:  # else the topics are the evidence
                with Admin(bootstrap, settings.security) as admin:
                    admin.delete(admin.names(prefix.rstrip(".")))
            return outcome

        status = _try(console, chosen, run) if mutants else _show(console, run(plan))
    if data is None and not status:
        shutil.rmtree(place, ignore_errors=True)
    elif status:
        console.print(f"topics, states and logs are kept in {place}", markup=False, highlight=False)
    raise SystemExit(status)


def _show(console: Console, outcome: Outcome) -> int:
    for table in tables(outcome):
        console.print(table)
    violations = outcome.verdict.violations
    for sentence in violations[:SHOWN]:
        console.print(f"  {sentence}", markup=False, highlight=False)
    if len(violations) > SHOWN:
        console.print(f"  and {len(violations) - SHOWN} more")
    return int(bool(violations))


def _try(console: Console, seed: int, run: Callable[[Plan], Outcome]) -> int:
    found = Table(title="deliberate mistakes in real workers")
    for column in ("mistake", "caught after strikes", "by", "seconds"):
        found.add_column(column)
    missed = 0
    for name in MUTANTS:
        trial = tried(name, seed, run)
        missed += trial.strikes is None
        caught = "never" if trial.strikes is None else str(trial.strikes)
        found.add_row(name, caught, ", ".join(trial.checks), f"{trial.seconds:.0f}")
        console.log(f"{name}: {trial.violation or 'not caught'}", markup=False)
    console.print(found)
    return int(missed > 0)


if __name__ == "__main__":
    main(prog_name="python -m chaos")
