"""What ships beside the code agrees with it."""

import os
import re
import tomllib
from pathlib import Path
from typing import Final

from connectors.kafka.jars import KAFKA_VERSION
from streams.settings import SETTINGS

ROOT: Final = Path(__file__).parent.parent


def test_the_lock_holds_every_dependency_with_a_hash_and_names_no_registry() -> None:
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    names = {re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", each)[0]).lower() for each in wanted}  # type: ignore[index]
    locked = re.findall(r"^([a-z0-9-]+)==\S+.*\\\n\s+--hash=sha256:", lock, re.MULTILINE)
    assert names <= set(locked)
    assert len(locked) == len(re.findall(r"^[a-z0-9].*==", lock, re.MULTILINE)), "a package has no hash"
    assert "://" not in lock


def test_the_cluster_in_containers_runs_the_broker_that_is_embedded() -> None:
    assert f"image: apache/kafka:{KAFKA_VERSION}\n" in (ROOT / "docker-compose.yml").read_text("utf-8")


def test_containers_are_given_settings_that_exist() -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8") + (ROOT / "Dockerfile").read_text("utf-8")
    assert set(re.findall(r"\b(RECADO_[A-Z_]+)[:=] ?\S", text)) <= set(SETTINGS)


def test_the_gate_can_be_run() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
