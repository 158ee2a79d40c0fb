"""What the feed says of its records is true: else the judge takes a right decision for a wrong one."""

import re

import orjson
import pytest

from chaos.feed import Feed, Item
from events.codec import decode_input
from events.envelope import Undecodable
from events.examples import SEVEN
from events.topics import Role


def _items(seed: int, size: int) -> list[Item]:
    return list(Feed(seed, 200, 4, SEVEN).wave(1, size))


@pytest.mark.parametrize("seed", range(3))
def test_what_is_sound_can_be_read_and_what_is_not_cannot(seed: int) -> None:
    for item in _items(seed, 4_000):
        try:
            decode_input(item.role, item.value)
        except Undecodable:
            assert not item.sound
        else:
            assert item.sound


def test_an_alert_s_number_is_never_cut_off() -> None:
    """Seed 71 of 2026-11-26 wrote +3469, which is refused as it should be, and counted as a sound record lost."""
    read = [orjson.loads(item.value) for item in _items(1, 20_000) if item.sound and item.role is Role.TRANSACTIONAL]
    alerts = [to["alert"] for document in read if isinstance(to := document["data"]["to"], dict)]
    numbers = [alert for alert in alerts if alert != "not a number"]
    assert len(numbers) > 100
    assert all(re.fullmatch(r"\+346\d{8}", number) for number in numbers)
