"""`recado settle`: what an operator may say of an attempt, and what is written for the engine."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from connectors.readmodel import database
from events.answer import SendSettled
from events.codec import decode_input
from events.examples import FACTS
from events.fact import FactData
from events.send import SendAccepted, SendAttempted, SendGivenUp, SendUnknown
from events.topics import Role
from streams.cli import settle
from streams.cli.main import cli
from streams.cli.refusal import Refused
from streams.deciders.settlement import STILL_UNDER_WAY
from tests.connectors.readmodel.journals import NOON, Journal, write_all
from tests.streams.cli.test_over_kafka import Broker, broker

__all__ = ["broker"]

ATTEMPTED = next(fact.data for fact in FACTS if isinstance(fact.data, SendAttempted))
ANA = "acme/ana@example.com"
WHY = ("--because", "the dashboard shows it", "--by", "ana")


def attempted(send_id: str, number: int = 1) -> SendAttempted:
    return replace(ATTEMPTED, send_id=send_id, attempt=number)


def unknown(send_id: str, number: int = 1) -> SendUnknown:
    return SendUnknown(send_id, number, "timeout", NOON + 3 * 86_400_000)


STORIES: dict[str, list[FactData]] = {
    "open": [attempted("open")],
    "unknown": [attempted("unknown"), unknown("unknown")],
    "accepted": [attempted("accepted"), SendAccepted("accepted", 1, "p")],
    "given-up": [attempted("given-up"), unknown("given-up"), SendGivenUp("given-up", 1)],
    "again": [
        attempted("again"), unknown("again"), SendGivenUp("again", 1), attempted("again", 2), unknown("again", 2)
    ],
}  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A read model with a send in each state, written long ago."""
    for name in ("RECADO_KAFKA", "RECADO_SECRET", "RECADO_HTTP", "RECADO_DATABASE", "RECADO_TOPIC_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RECADO_DATA", str(tmp_path / "data"))
    return filled(tmp_path / "data")


def filled(data: Path) -> Path:
    data.mkdir(exist_ok=True)
    engine = database.open_database(f"sqlite:///{data}/readmodel.sqlite")
    database.prepare(engine)
    journal = Journal()
    for facts in STORIES.values():
        journal.add(ANA, *facts)
    journal.add("acme/eva", attempted("unknown"), unknown("unknown"))
    write_all(engine, journal.slices())
    engine.dispose()
    return data


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["settle", *arguments])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("unknown", *WHY), "--accepted or --refused"),
        (("unknown", "--accepted", "--refused", *WHY), "one of the two"),
        (("unknown", "--accepted", "--again", *WHY), "--again goes with --refused"),
        (("unknown", "--accepted", "--because", ""), "because ''"),
        (("unknown", "--accepted", "--by", "a\nb", "--because", "x"), "printable characters only"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_looked_up(arguments: tuple[str, ...], told: str) -> None:
    result = run(*arguments)
    assert result.exit_code != 0
    assert told in result.stderr


def judged(place: Path, send_id: str, now: int = NOON + 86_400_000, *, resend: bool = False, **said: Any) -> str:
    """What a person is told, "" where the engine will do it."""
    from streams.cli.questions import one_send, read_model

    data = SendSettled.of_json({"send_id": send_id, "outcome": "refused", "by": "ana", "because": "x", **said})
    with read_model() as engine:
        try:
            settle.judge(data, one_send(engine, send_id, "acme", "ana@example.com"), now, resend=resend)
        except Refused as refused:
            return refused.message
    return ""


@pytest.mark.parametrize(
    ("send_id", "said", "told"),
    [
        ("unknown", {}, ""),
        ("unknown", {"outcome": "accepted"}, ""),
        ("unknown", {"again": True}, ""),
        ("given-up", {"outcome": "accepted"}, ""),
        ("given-up", {}, ""),
        ("again", {}, ""),
        ("again", {"attempt": 1, "outcome": "accepted"}, ""),
        ("open", {}, "Attempt 1 is open: only an outcome that nobody knows"),
        ("accepted", {}, "Attempt 1 is accepted: only an outcome that nobody knows"),
        ("unknown", {"attempt": 2}, "has no attempt 2"),
        ("again", {"attempt": 1}, "Another attempt followed attempt 1"),
        ("given-up", {"again": True}, "no other attempt may follow"),
    ],
)
def test_what_the_engine_would_not_do_is_told_at_once(
    place: Path, send_id: str, said: dict[str, Any], told: str
) -> None:
    found = judged(place, send_id, **said)
    assert told in found
    assert bool(told) == bool(found)


def test_another_attempt_waits_until_no_call_can_be_under_way(place: Path) -> None:
    made = NOON + 1_000 * list(STORIES).index("unknown") + 1_000
    soon = judged(place, "unknown", made + STILL_UNDER_WAY - 60_000, again=True)
    assert "for another 1 minutes" in soon
    assert judged(place, "unknown", made + STILL_UNDER_WAY, again=True) == ""


def test_what_was_given_up_may_be_tried_again_where_the_account_wants_that(place: Path) -> None:
    assert judged(place, "given-up", again=True, resend=True) == ""


@pytest.mark.kafka
def test_what_is_said_lies_where_the_contact_s_partition_reads_it(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path / "data")
    monkeypatch.setattr(settle, "_PATIENCE", 0.2)
    several = run("unknown", "--account", "acme", "--accepted", *WHY)
    assert (several.exit_code, "add --account and --contact" in several.stderr) == (2, True)
    result = run("unknown", "--account", "acme", "--contact", "ana@example.com", "--accepted", *WHY)
    assert (result.exit_code, "nothing came of it yet" in result.stdout) == (0, True)
    ((_, key, value),) = broker.records(Role.ANSWERS)
    event = decode_input(Role.ANSWERS, value)
    assert (key.decode(), event.subject, event.source) == (ANA, ANA, "/recado/cli")
    assert event.data == SendSettled(send_id="unknown", outcome="accepted", again=False, by="ana", because=WHY[1])


def test_what_came_of_it_is_shown(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def engine_at_work(_: Any, subject: str, event_id: str, data: SendSettled) -> None:
        journal = Journal()
        for facts in STORIES.values():
            journal.add(ANA, *facts)
        journal.add("acme/eva", attempted("unknown"), unknown("unknown"))
        start = journal.next_offset
        settled = {"evidence": "operator", "by": data.by, "because": data.because}
        journal.add(ANA, SendAccepted("unknown", 1, None, settled))
        fact = replace_cause(journal, event_id)
        engine = database.open_database(f"sqlite:///{place}/readmodel.sqlite")
        write_all(engine, list(fact(start)))
        engine.dispose()

    monkeypatch.setattr(settle, "publish", engine_at_work)
    monkeypatch.setattr("streams.cli.place.located", lambda settings: settings)
    monkeypatch.setattr("streams.cli.place.directory", lambda _: NoAccounts())
    result = run("unknown", "--contact", "ana@example.com", "--accepted", "--json", *WHY)
    told = json.loads(result.stdout)
    assert (told["settled"], told["contact"]) == (True, "ana@example.com")
    assert [step["what"] for step in told["steps"]] == ["Attempt 1: the provider took it, says the operator ana."]


class NoAccounts:
    def account(self, name: str) -> None:
        return None


def replace_cause(journal: Journal, event_id: str) -> Callable[[int], Any]:
    """The journal's last fact as an event of the command line led to it."""
    from events.codec import encode_fact

    last = journal.facts[-1]._replace(causation_id=event_id, causation_source=settle.SOURCE)
    journal.records[-1] = (journal.records[-1][0], encode_fact(last))
    return lambda start: journal.slices([start])[1:]
