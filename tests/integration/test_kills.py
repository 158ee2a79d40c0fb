"""A worker killed with SIGKILL at ten random moments, over Kafka with a client of its own: nothing lost, nothing twice.

The seed is printed; RECADO_CHAOS_SEED makes it happen again. `python -m chaos` runs more of it, and other faults.
"""

import os
from pathlib import Path

import pytest

from chaos.driver import Driver, Plan
from connectors.kafka.security import Security


@pytest.mark.kafka
def test_a_worker_killed_at_ten_random_moments_loses_nothing_and_texts_nobody_twice(
    kafka: str, kafka_security: Security, prefix: str, tmp_path: Path
) -> None:
    seed = int(os.environ.get("RECADO_CHAOS_SEED") or int.from_bytes(os.urandom(4)))
    print(f"RECADO_CHAOS_SEED={seed}")  # noqa: T201 - pytest shows it where the test fails
    plan = Plan(seed, blows=10, events=3_000, contacts=300, latency=0.02)
    secured = {name: value for name, value in os.environ.items() if name.startswith("RECADO_KAFKA_")}

    outcome = Driver(plan, kafka, prefix, tmp_path / "site", kafka_security, secured).run()

    assert outcome.verdict.violations == []
    assert list(outcome.ended) == [], "a worker that is only killed ended by itself; its log is in the test's directory"
    assert sum(outcome.blows.values()) == 10
    assert set(outcome.blows) == {"SIGKILL", "SIGKILL, state deleted"}
    assert outcome.figures["accepted by the provider"] > 100, "hardly anything was sent: this shows nothing"
    assert outcome.figures["dead letters"] > 0
