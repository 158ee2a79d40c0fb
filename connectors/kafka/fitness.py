"""Whether the topics that a broker has are as the catalogue wants them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from connectors.kafka.errors import TopicsUnfit
from events.topics import CATALOGUE, Role

FORGETTING: Final = ("segment.ms", "max.compaction.lag.ms")  # what would keep destroyed keys if it were longer
CHECKED: Final = ("cleanup.policy", "retention.ms", "retention.bytes")  # what would lose events if it were otherwise


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as it is. `id` is the UUID that Kafka gave it: another one means that it was deleted and made again."""

    name: str
    id: str
    partitions: int
    replication: int


def agree(found: Mapping[Role, TopicState], partitions: int) -> None:
    """Raise TopicsUnfit where a topic has another number of partitions than it must have."""
    if problems := disagreements(found, partitions):
        raise TopicsUnfit(problems)


def disagreements(found: Mapping[Role, TopicState], partitions: int) -> list[str]:
    """A sentence for each number of partitions that is not the one it must be."""
    problems, others = [], defaultdict[int, list[str]](list)
    for topic in CATALOGUE:
        state, wanted = found.get(topic.role), topic.count(partitions)
        if state is not None and state.partitions != wanted:
            if topic.partitions == "one":
                problems.append(f"{state.name} has {state.partitions} partitions: it must have exactly one")
            else:
                others[state.partitions].append(state.name)
    problems += [
        f"{', '.join(names)} {'has' if len(names) == 1 else 'have'} {count} partitions, RECADO_PARTITIONS says "
        f"{partitions}: the number can never change, so set it to what the topics have"
        for count, names in others.items()
    ]
    return problems


def config_problems(topic: str, wanted: Mapping[str, str], actual: Mapping[str, Any]) -> list[str]:
    """A sentence for each setting of a topic by which events would be lost, or kept once they are erased."""
    return [
        f"{topic} has {key}={actual[key]['value']}, and would lose events: set it to {wanted[key]}"
        for key in CHECKED
        if key in wanted and key in actual and str(actual[key]["value"]) != wanted[key]
    ] + [
        f"{topic} has {key}={actual[key]['value']}, and would keep what was erased: set it to {wanted[key]} or less"
        for key in FORGETTING
        if key in wanted and key in actual and int(actual[key]["value"]) > int(wanted[key])
    ]
