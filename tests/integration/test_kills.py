"""Workers killed, struck at crash points and cut off, over Kafka with a client of its own: nothing lost, nothing twice.

The seed is printed; RECADO_CHAOS_SEED makes it happen again. `python -m chaos` runs more of it, and other faults.
"""

import gc
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chaos.broker import Broker
from chaos.driver import Driver, routes
from chaos.plan import Outcome, Plan
from chaos.points import Trap
from chaos.trials import tried
from connectors.kafka.security import Security

TRAPS = (
    Trap("after begin", 3, "kill"), Trap("inside commit", 2, "kill"), Trap("after commit", 4, "kill"),
    Trap("before store write", 3, "kill"), Trap("inside call", 6, "kill"), Trap("after call", 9, "kill"),
    Trap("before answer append", 5, "kill"), Trap("before commit", 3, "fault"),
)  # fmt: skip

# kafka-python leaves the sockets of attempts at a broker that is away to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed:ResourceWarning", "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """None of them is left to another module's test."""
    yield
    gc.collect()


@pytest.fixture
def seed() -> int:
    chosen = int(os.environ.get("RECADO_CHAOS_SEED") or int.from_bytes(os.urandom(4)))
    print(f"RECADO_CHAOS_SEED={chosen}")  # noqa: T201 - pytest shows it where the test fails
    return chosen


@pytest.fixture
def secured() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("RECADO_KAFKA_")}


@pytest.mark.kafka
def test_a_worker_killed_at_ten_random_moments_and_at_crash_points_loses_nothing_and_texts_nobody_twice(
    kafka: str, kafka_security: Security, secured: dict[str, str], prefix: str, tmp_path: Path, seed: int
) -> None:
    plan = Plan(seed, blows=10, events=3_000, contacts=300, latency=0.02, traps=TRAPS)

    outcome = Driver(plan, kafka, prefix, tmp_path / "site", kafka_security, secured).run()

    assert outcome.verdict.violations == []
    assert list(outcome.ended) == [], "a worker that is only killed ended by itself; its log is in the test's directory"
    assert set(outcome.blows) == {"SIGKILL", "SIGKILL, state deleted"}
    assert sum(outcome.blows.values()) >= 10
    assert outcome.points == {(trap.point, trap.deed): 1 for trap in TRAPS}
    assert outcome.figures["accepted by the provider"] > 100, "hardly anything was sent: this shows nothing"
    assert outcome.figures["dead letters"] > 0


@pytest.mark.kafka
def test_a_broker_that_is_killed_refuses_or_drops_its_connections_costs_nothing_but_time(
    tmp_path: Path, seed: int
) -> None:
    faults = ("broker killed and started", "connections dropped", "writes refused for 3 s")
    plan = Plan(seed, blows=3, events=800, contacts=100, partitions=2, weights=dict.fromkeys(faults, 1))

    with closing(Broker(tmp_path / "broker", routes())) as broker:
        outcome = Driver(plan, broker.start(), "test-chaos.", tmp_path / "site", broker=broker).run()

    assert outcome.verdict.violations == []
    assert outcome.blows == dict.fromkeys(faults, 1)
    assert outcome.left_out == []
    assert outcome.figures["accepted by the provider"] > 20, "hardly anything was sent: this shows nothing"


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("mutant", "check"),
    [("the call before the commit", "ledger"), ("an open attempt called again after a take-over", "ledger")],
)
def test_a_deliberate_mistake_in_real_workers_is_caught(
    mutant: str, check: str, kafka: str, kafka_security: Security, secured: dict[str, str], prefix: str, tmp_path: Path
) -> None:
    def run(plan: Plan) -> Outcome:
        site = tmp_path / str(plan.seed)
        return Driver(plan, kafka, f"{prefix}{plan.seed}.", site, kafka_security, secured).run()

    trial = tried(mutant, 1, run)

    assert trial.strikes is not None
    assert check in trial.checks
