"""Kafka's clients say the same a few hundred times a second while their broker is away."""

import logging

from streams.cli.calm import PERIOD, TIMES, Calm


def test_a_library_says_the_same_a_few_times_in_a_period_and_then_how_often_it_did() -> None:
    now = 0.0
    calm = Calm(lambda: now)

    def said(name: str, sentence: str, *arguments: object) -> str | None:
        record = logging.LogRecord(name, logging.ERROR, "", 0, sentence, arguments, None)
        return record.getMessage() if calm.filter(record) else None

    first = [said("aiokafka", "Unable connect to node with id %s", number) for number in range(100)]
    assert first == [f"Unable connect to node with id {n}" for n in range(TIMES)] + [None] * (100 - TIMES)
    assert said("aiokafka", "something else") == "something else"
    now = PERIOD
    assert said("aiokafka", "Unable connect to node with id %s", 1) == (
        f"Unable connect to node with id 1 (and {100 - TIMES} more like it)"
    )
    assert said("aiokafka", "Unable connect to node with id %s", 1) == "Unable connect to node with id 1"


def test_what_recado_says_itself_is_never_left_out() -> None:
    calm = Calm(lambda: 0.0)
    record = logging.LogRecord("streams.provider", logging.ERROR, "", 0, "an account", (), None)
    assert all(calm.filter(record) for _ in range(10 * TIMES))
