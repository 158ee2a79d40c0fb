"""What is wrong with a broker's topics is said in sentences, one for each cause."""

import pytest

from connectors.kafka.errors import TopicsUnfit
from connectors.kafka.fitness import TopicState, agree, config_problems, disagreements
from events.topics import CATALOGUE, Role


def found(partitions: int) -> dict[Role, TopicState]:
    """Every topic of the catalogue, with so many partitions where it has no number of its own."""
    return {each.role: TopicState(each.role.value, "id", each.count(partitions), 1) for each in CATALOGUE}


def test_topics_as_the_catalogue_wants_them_agree() -> None:
    agree(found(8), 8)
    assert disagreements({}, 8) == []


def test_another_number_of_partitions_is_one_sentence_for_all_that_have_it() -> None:
    with pytest.raises(TopicsUnfit) as refused:
        agree(found(8), 4)
    (said,) = refused.value.problems
    assert "have 8 partitions, RECADO_PARTITIONS says 4" in said


def test_a_setting_that_loses_events_is_told_and_so_is_one_that_keeps_what_was_erased() -> None:
    wanted = {"retention.ms": "-1", "segment.ms": "1000"}
    assert config_problems("t", wanted, {"retention.ms": {"value": "-1"}, "segment.ms": {"value": "1000"}}) == []
    (lost,) = config_problems("t", wanted, {"retention.ms": {"value": "5"}, "segment.ms": {"value": "10"}})
    assert "would lose events" in lost
    (kept,) = config_problems("t", wanted, {"segment.ms": {"value": "1001"}})
    assert "would keep what was erased" in kept
