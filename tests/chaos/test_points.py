"""Crash points: each is struck as often as asked, and only in workers that a run starts."""

import re
from pathlib import Path
from random import Random
from typing import Any

import pytest

from chaos.points import POINTS, WITHOUT_FAULT, Deck, Trap
from chaos.trap import Armed
from chaos.wiring import put, there
from connectors.ports import MachineryFault

ROOT = Path(__file__).parent.parent.parent


def test_a_deck_strikes_each_point_as_often_as_asked() -> None:
    deck = Deck.drawn(Random(7), 20)
    traps = list(deck.left)
    assert {point: sum(trap.point == point for trap in traps) for point in POINTS} == dict.fromkeys(POINTS, 20)
    assert {trap.deed for trap in traps} == {"kill", "freeze", "fault"}
    assert not [trap for trap in traps if trap.deed == "fault" and trap.point in WITHOUT_FAULT]


def test_the_same_seed_draws_the_same_deck() -> None:
    assert Deck.drawn(Random(7), 3).left == Deck.drawn(Random(7), 3).left != Deck.drawn(Random(8), 3).left


def test_a_trap_that_was_not_reached_comes_again() -> None:
    deck = Deck.drawn(Random(7), 1)
    first = deck.take()
    deck.put_back(first)
    assert deck.left[-1] == first
    shares = [deck.share]
    while (trap := deck.take()) is not None:
        deck.sprung(trap)
        shares.append(deck.share)
    assert shares == [struck / len(POINTS) for struck in range(len(POINTS) + 1)]


def test_a_worker_is_struck_at_its_point_at_its_pass_and_once() -> None:
    told: list[dict[str, Any]] = []
    armed = Armed(Trap("before commit", 2, "fault"), told.append)
    armed.at("before commit")
    armed.at("after commit")
    assert told == []
    with pytest.raises(MachineryFault):
        armed.at("before commit")
    armed.at("before commit")
    assert told == [{"struck": ["before commit", 2, "fault"]}]


def test_a_worker_without_a_trap_is_never_struck() -> None:
    armed = Armed(None, lambda what: pytest.fail(str(what)))
    for point in POINTS:
        armed.at(point)


def test_a_part_whose_place_is_gone_is_an_error() -> None:
    from streams.engine import engine

    with pytest.raises(AttributeError, match="NoSuchPart"):
        put(engine, "NoSuchPart", object)
    assert there(engine, "TransactionLog").__name__ == "TransactionLog"


def test_the_product_knows_of_no_crash_point() -> None:
    folders = ("events", "projections", "connectors", "streams")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 100
    asked = re.compile(r"^\s*(from|import) (chaos|simulation)\b", re.MULTILINE)
    assert [path for path in files if asked.search(path.read_text("utf-8"))] == []
