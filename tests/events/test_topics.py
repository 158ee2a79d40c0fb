"""The catalogue of topics holds what the contract says."""

import pytest

from events import topics
from events.topics import BY_ROLE, CATALOGUE, Role


def test_every_role_has_one_topic() -> None:
    assert [topic.role for topic in CATALOGUE] == list(Role)


@pytest.mark.parametrize(
    ("role", "name"),
    [
        (Role.ACCOUNTS, "recado.accounts"),
        (Role.CONTACTS, "recado.contacts"),
        (Role.TRANSACTIONAL, "recado.sends.transactional"),
        (Role.NEWSLETTER, "recado.sends.newsletter"),
        (Role.CALLBACKS, "recado.callbacks"),
        (Role.ANSWERS, "recado.answers"),
        (Role.NUMBERS, "recado.numbers"),
        (Role.KEYS, "recado.keys"),
        (Role.INBOX_KEYS, "recado.inbox-keys"),
        (Role.JOURNAL, "recado.journal"),
        (Role.DEAD_LETTERS, "recado.dead-letters"),
        (Role.STATE, "recado-state-changelog"),
    ],
)
def test_a_topic_bears_the_name_of_the_contract(role: Role, name: str) -> None:
    assert topics.name("recado.", role) == name
    assert topics.role_of("recado.", name) is role
    assert topics.role_of("other.", name) is None


def test_all_but_what_every_process_reads_and_dead_letters_are_co_partitioned() -> None:
    alone = {topic.role for topic in CATALOGUE if topic.count(8) == 1}
    assert alone == {Role.ACCOUNTS, Role.INBOX_KEYS, Role.DEAD_LETTERS}
    assert {topic.count(8) for topic in CATALOGUE if topic.role not in alone} == {8}


def test_what_is_the_truth_is_kept_for_ever() -> None:
    kept = {topic.role: topic.config(embedded=False).get("retention.ms") for topic in CATALOGUE}
    day = 24 * 60 * 60 * 1000
    assert kept.pop(Role.ANSWERS) == str(7 * day)
    assert kept.pop(Role.NUMBERS) == str(35 * day)
    assert kept.pop(Role.DEAD_LETTERS) == str(30 * day)
    for compacted in (Role.STATE, Role.KEYS, Role.INBOX_KEYS):
        assert kept.pop(compacted) is None
        assert BY_ROLE[compacted].config(embedded=False)["cleanup.policy"] == "compact"
    assert set(kept.values()) == {"-1"}


def test_the_embedded_broker_flushes_what_cannot_be_asked_for_again() -> None:
    flushed = {topic.role for topic in CATALOGUE if topic.config(embedded=True).get("flush.messages") == "1"}
    assert flushed == {Role.JOURNAL, Role.KEYS, Role.INBOX_KEYS, Role.STATE}
    assert not any("flush.messages" in topic.config(embedded=False) for topic in CATALOGUE)


def test_what_a_compacted_topic_no_longer_says_is_gone_from_its_files_within_hours() -> None:
    for role in (Role.STATE, Role.KEYS, Role.INBOX_KEYS):
        config = BY_ROLE[role].config(embedded=False)
        assert config["segment.ms"] == config["max.compaction.lag.ms"] == str(6 * 60 * 60 * 1000)


def test_strangers_write_to_four_topics() -> None:
    assert {topic.role for topic in CATALOGUE if not topic.internal} == {
        Role.ACCOUNTS,
        Role.CONTACTS,
        Role.TRANSACTIONAL,
        Role.NEWSLETTER,
    }
