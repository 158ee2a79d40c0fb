"""The jars are those of the lock, or the broker does not start."""

import hashlib
import re
from pathlib import Path

import pytest

from connectors.kafka import jars
from connectors.kafka.errors import BrokerUnavailable


def test_the_lock_names_each_jar_once_with_its_hash_and_kafka_in_its_version() -> None:
    found = jars.locked()
    assert len({jar.path for jar in found}) == len(found)
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) for jar in found)
    assert [jar.version for jar in found if jar.artifact == "kafka_2.13"] == [jars.KAFKA_VERSION]
    assert "http" not in jars.LOCK.read_text("utf-8")


def test_a_jar_at_hand_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _cache_with(tmp_path, monkeypatch, b"the jar", sha256=hashlib.sha256(b"the jar").hexdigest())
    seen: list[tuple[int, int]] = []
    assert [path.read_bytes() for path in jars.fetch(lambda done, total: seen.append((done, total)))] == [b"the jar"]
    assert seen == []


def test_a_jar_that_cannot_be_had_is_an_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _cache_with(tmp_path, monkeypatch, b"cut short", sha256="0" * 64)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nothing listens at the discard port
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(BrokerUnavailable) as refused:
        jars.fetch()
    assert "RECADO_KAFKA" in str(refused.value)
    assert "example 1.0" in str(refused.value)
    assert not (tmp_path / "org/example/example/1.0/example-1.0.jar").exists()


def _cache_with(root: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, sha256: str) -> None:
    """A cache of one jar under `root`, and a lock that names it."""
    lock = root / "jars.lock"
    lock.write_text(f"# a lock\norg.example:example:1.0 {sha256}\n", "utf-8")
    monkeypatch.setattr(jars, "LOCK", lock)
    monkeypatch.setenv("M2_REPO", str(root))
    path = root / "org/example/example/1.0/example-1.0.jar"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
