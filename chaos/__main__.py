"""`python -m chaos`: one run, its seed, and a table of what was done and what was found."""

import os
import tempfile
import uuid
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from chaos.driver import PROVIDER_FAULTS, Driver, Outcome, Plan
from chaos.faults import ALL, KILLS
from connectors.kafka.admin import Admin
from connectors.kafka.embedded import EmbeddedKafka
from streams.settings import Settings

SHOWN = 30  # violations


def table(outcome: Outcome) -> Table:
    """Fault, times injected, violations; then the figures. The violations are of the run: no fault can be blamed."""
    found = Table(title=f"chaos, seed {outcome.plan.seed}: {outcome.seconds:.0f} s")
    for column in ("fault", "injected", "violations"):
        found.add_column(column, justify="left" if column == "fault" else "right")
    for fault, times in sorted(outcome.blows.items()):
        found.add_row(fault, str(times), "")
    found.add_row("all", str(sum(outcome.blows.values())), str(len(outcome.verdict.violations)), style="bold")
    found.add_section()
    for check, sentences in outcome.verdict.found.items():
        found.add_row(f"check: {check}", "", str(len(sentences)))
    found.add_section()
    for name, number in outcome.figures.items():
        found.add_row(name, str(number), "")
    if outcome.ended:
        found.add_row("workers that ended by themselves", str(len(outcome.ended)), "", style="yellow")
    return found


@click.command()
@click.option("--seed", type=int, envvar="RECADO_CHAOS_SEED", help="Decides everything that is chance here.")
@click.option("--blows", type=click.IntRange(0), default=10, show_default=True, help="Faults to inject.")
@click.option("--events", type=click.IntRange(1), default=3_000, show_default=True)
@click.option("--contacts", type=click.IntRange(1), default=300, show_default=True)
@click.option("--partitions", type=click.IntRange(1, 64), default=4, show_default=True)
@click.option("--workers", type=click.IntRange(1, 8), default=1, show_default=True)
@click.option("--kills-only", is_flag=True, help="SIGKILL alone, with and without the local state.")
@click.option("--provider-faults", is_flag=True, help="The provider drops, refuses and throttles calls, too.")
@click.option("--data", type=click.Path(path_type=Path), help="Where state and logs stay; default: nowhere.")
def main(
    seed: int | None, blows: int, events: int, contacts: int, partitions: int, workers: int, kills_only: bool,
    provider_faults: bool, data: Path | None,
) -> None:  # fmt: skip
    """Start real workers on a real broker, strike them by seed, and judge what is left.

    The broker is that of RECADO_KAFKA, else an embedded one. Exit status 1: something promised was not kept.
    """
    console = Console()
    plan = Plan(
        seed if seed is not None else int.from_bytes(os.urandom(4)), blows, events, contacts, partitions, workers,
        weights=KILLS if kills_only else ALL, provider_faults=PROVIDER_FAULTS if provider_faults else (),
    )  # fmt: skip
    console.print(f"seed {plan.seed}")
    settings = Settings.from_env(os.environ)
    secured = {name: value for name, value in os.environ.items() if name.startswith("RECADO_KAFKA_")}
    with ExitStack() as stack:
        place = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="recado-chaos-")))
        bootstrap = settings.kafka
        if bootstrap is None:
            place.mkdir(parents=True, exist_ok=True)
            bootstrap = stack.enter_context(EmbeddedKafka()).start(place / "broker")
        prefix = f"chaos-{uuid.uuid4().hex[:8]}."
        outcome = Driver(
            plan, bootstrap, prefix, place / "site", settings.security, secured, settings.kafka is None
        ).run()
        with Admin(bootstrap, settings.security) as admin:
            admin.delete(admin.names(prefix.rstrip(".")))
    console.print(table(outcome))
    for sentence in outcome.verdict.violations[:SHOWN]:
        console.print(f"  {sentence}", markup=False, highlight=False)
    if len(outcome.verdict.violations) > SHOWN:
        console.print(f"  and {len(outcome.verdict.violations) - SHOWN} more")
    raise SystemExit(bool(outcome.verdict.violations))


if __name__ == "__main__":
    main(prog_name="python -m chaos")
