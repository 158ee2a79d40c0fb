"""Whoever finds an embedded broker's data held is told by whom."""

import os
from pathlib import Path

import pytest

from connectors.kafka import owner_lock
from connectors.kafka.errors import BrokerUnavailable


def test_who_comes_second_is_told_who_holds_the_data_until_it_is_let_go(tmp_path: Path) -> None:
    data = tmp_path / "kafka"
    data.mkdir()
    assert owner_lock.running(tmp_path) is None
    with (data / owner_lock.NAME).open("a+") as first, (data / owner_lock.NAME).open("a+") as second:
        owner_lock.hold(first, data)
        owner_lock.write(first, {"pid": os.getpid(), "bootstrap": "127.0.0.1:9092"})
        assert owner_lock.running(tmp_path) == "127.0.0.1:9092"
        with pytest.raises(BrokerUnavailable, match=f"process {os.getpid()} runs the embedded Kafka on it"):
            owner_lock.hold(second, data)
        first.close()
        owner_lock.hold(second, data)
        assert owner_lock.last_port(second) == 9092
    assert owner_lock.running(tmp_path) is None


def test_what_a_crash_cut_short_names_no_owner(tmp_path: Path) -> None:
    with (tmp_path / owner_lock.NAME).open("a+") as lock:
        lock.write('{"pid": 1')
        assert owner_lock.last_port(lock) is None
