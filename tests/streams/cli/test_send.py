"""`recado send`: one request asked for, and what a dry run says of one or of a file, with nothing written."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from kafka import KafkaConsumer, TopicPartition

from connectors.kafka.admin import Admin
from connectors.kafka.security import Security
from connectors.readmodel import database
from events import instant
from events.contact import FieldsChanged, PhoneChanged, PhoneStatus, PhoneStatusChanged, SubscriptionChanged
from events.topics import Role, name
from streams.cli.main import cli
from tests.connectors.readmodel.journals import Journal, write_all

pytestmark = pytest.mark.kafka
PHONE = "+34612345678"
ANA = ("send", "acme/ana", "--sender", "Acme", "--class", "newsletter")


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(cli, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def written(kafka: str, prefix: str, role: Role, security: Security) -> list[dict[str, Any]]:
    topic = TopicPartition(name(prefix, role), 0)
    consumer = KafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False, **security.arguments())
    try:
        consumer.assign([topic])
        consumer.seek_to_beginning(topic)
        end, found = consumer.end_offsets([topic])[topic], []
        while consumer.position(topic) < end:
            found += [json.loads(r.value) for rs in consumer.poll(timeout_ms=200).values() for r in rs]
        return found
    finally:
        consumer.close()


@pytest.fixture
def topics(
    kafka: str, kafka_admin: Admin, kafka_security: Security, prefix: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:  # fmt: skip
    """An account with a template, Ana who is subscribed, Leo who is not, and Eva whose phone is paused."""
    monkeypatch.setenv("RECADO_KAFKA", kafka)
    monkeypatch.setenv("RECADO_TOPIC_PREFIX", prefix)
    monkeypatch.setenv("RECADO_PARTITIONS", "1")
    monkeypatch.setenv("RECADO_SECRET", "A" * 43 + "=")
    monkeypatch.setenv("RECADO_DATA", str(tmp_path))
    monkeypatch.delenv("RECADO_DATABASE", raising=False)
    kafka_admin.ensure(prefix, 1, 1, embedded=False)
    token, text, variables = tmp_path / "token", tmp_path / "text", tmp_path / "variables"
    token.write_text("a-token")
    text.write_text("Hola {{name}}, {{total}}")
    variables.write_text('[{"id":"name","name":"n","type":"text"},{"id":"total","name":"t","type":"currency"}]')
    assert run("account", "set", "acme", "--country", "ES", "--token-file", str(token)).exit_code == 0
    arguments = ("--text-file", str(text), "--variables-file", str(variables), "--label", "orders")
    assert run("template", "set", "acme", "shipped", *arguments).exit_code == 0
    engine = database.open_database(f"sqlite:///{tmp_path}/readmodel.sqlite")
    database.prepare(engine)
    journal = Journal()
    statuses: dict[str, PhoneStatus] = {"ana": "active", "leo": "active", "eva": "paused"}
    for contact, status in statuses.items():
        journal.add(f"acme/{contact}", PhoneChanged(None, PHONE, "import"), PhoneStatusChanged(None, status, "import"))
        journal.add(f"acme/{contact}", FieldsChanged({"first_name": contact.title()}, []))
    journal.add("acme/ana", SubscriptionChanged("none", "subscribed", "edit", None))
    write_all(engine, journal.slices())
    engine.dispose()
    return lambda role: written(kafka, prefix, role, kafka_security)


def test_one_sms_is_asked_for_and_its_id_is_printed(topics: Any) -> None:
    filled = ("--template", "shipped", "--var", "total=12.5", "--field", "name=first_name", "--label", "vip")
    result = run(*ANA, *filled, "--send-id", "o-7")
    assert (result.exit_code, result.stdout) == (0, "o-7\n")
    assert "recado why o-7 --account acme" in result.stderr
    (event,) = topics(Role.NEWSLETTER)
    assert (event["subject"], event["class"], event["source"]) == ("acme/ana", "newsletter", "/recado/cli")
    assert event["data"] == {
        "send_id": "o-7", "to": "contact", "sender": "Acme", "template": "shipped", "labels": ["vip"],
        "variables": {"total": "12.5", "name": {"field": "first_name"}},
    }  # fmt: skip
    told = json.loads(run(*ANA, "--text", "Hola", "--json").stdout)
    assert (told["account"], told["contact"], told["class"]) == ("acme", "ana", "newsletter")
    assert topics(Role.NEWSLETTER)[1]["data"]["send_id"] == told["send_id"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("send", "amce/ana", *ANA[2:], "--text", "x"), "There is no account amce: did you mean acme?"),
        ((*ANA, "--template", "shiped"), "acme has no template shiped: did you mean shipped?"),
        ((*ANA, "--template", "shipped", "--var", "nmae=x"), "has no variable nmae; it has: name, total."),
        ((*ANA, "--text", "x", "--alert", "600"), "Error: to.alert: is no phone number"),
        ((*ANA, "--text", "x", "--not-before", "soon"), "not_before"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_asked_for(topics: Any, arguments: tuple[str, ...], told: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert told in result.stderr
    assert topics(Role.NEWSLETTER) == []


def test_a_dry_run_tells_to_whom_in_what_words_parts_and_cost_and_writes_nothing(topics: Any) -> None:
    dry = (
        "--template",
        "shipped",
        "--var",
        "total=12.5",
        "--field",
        "name=first_name",
        "--dry-run",
        "--price",
        "0.045",
    )
    told = json.loads(run(*ANA, *dry, "--json").stdout)
    assert (told["outcome"], told["to"], told["text"]) == ("go", PHONE, "Hola Ana, 12,50 €")
    assert (told["parts"], told["encoding"], told["cost"], told["currency"]) == (1, "GSM-7", "0.045", "EUR")
    assert (told["template_version"], told["labels"], told["facts_behind"]) == (1, ["orders"], 0)
    shown = run(*ANA, *dry)
    assert shown.stdout.splitlines()[0] == "It would go."
    assert "text              Hola Ana, 12,50 €" in shown.stdout.splitlines()
    assert "cost              0.045 EUR" in shown.stdout.splitlines()
    assert "  - the contact's subscription is subscribed" in shown.stdout.splitlines()
    assert "decided anew" in shown.stderr
    assert topics(Role.NEWSLETTER) == []


def test_a_dry_run_tells_why_an_sms_would_not_go(topics: Any) -> None:
    leo = ("send", "acme/leo", *ANA[2:], "--text", "Hola", "--dry-run")
    assert run(*leo).stdout.splitlines()[0] == "It would not go: the contact is not subscribed to newsletters."
    later = instant.render(int(time.time() * 1000) + 86_400_000)
    waits = run(*ANA, "--text", "Hola", "--dry-run", "--not-before", later).stdout
    assert waits.startswith(f"It would wait until {later}: the request asks for that time. Then it would go.")


def test_a_dry_run_of_what_waits_tells_what_would_go_then_and_for_how_much(topics: Any) -> None:
    later = instant.render(int(time.time() * 1000) + 86_400_000)
    dry = ("--text", "Hola", "--not-before", later, "--dry-run", "--price", "0.05")
    told = json.loads(run(*ANA, *dry, "--json").stdout)
    assert (told["outcome"], told["reason"], told["until"]) == ("wait", "not_before", later)
    assert told["then"] == [{"outcome": "go", "reason": "", "detail": "", "until": None}]
    assert (told["to"], told["text"], told["parts"], told["cost"]) == (PHONE, "Hola", 1, "0.05")
    shown = run(*ANA, *dry).stdout.splitlines()
    assert {"parts     1", "cost      0.05 EUR", "text      Hola"} <= set(shown)
    nobody = run("send", "acme/leo", *ANA[2:], *dry).stdout.splitlines()
    assert nobody[0].endswith("asks for that time. Then it would not go: the contact is not subscribed to newsletters.")
    assert nobody[1].startswith("(a newsletter needs a subscribed contact")
    assert topics(Role.NEWSLETTER) == []


def test_a_dry_run_of_a_file_counts_what_goes_after_a_wait_and_tells_what_does_not(topics: Any, tmp_path: Path) -> None:
    later = instant.render(int(time.time() * 1000) + 86_400_000)
    events = [line("ana", "a", not_before=later), line("leo", "a", not_before=later), line("ana", "b")]
    path = tmp_path / "campaign.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    dry = ("send", "--dry-run", "--file", str(path), "--class", "newsletter", "--price", "0.05")
    *lines, last = map(json.loads, run(*dry, "--json").stdout.splitlines())
    assert [(told["outcome"], told["parts"]) for told in lines] == [("wait", 1), ("wait", None), ("go", 1)]
    assert last["summary"]["outcomes"] == [
        {"outcome": "go", "reason": None, "sends": 1}, {"outcome": "wait", "reason": "not_before", "sends": 2},
    ]  # fmt: skip
    assert last["summary"]["then"] == [
        {"outcome": "go", "reason": None, "sends": 1}, {"outcome": "skip", "reason": "not_subscribed", "sends": 1},
    ]  # fmt: skip
    assert (last["summary"]["parts"], last["summary"]["cost"]) == (2, {"EUR": "0.10"})
    shown = run(*dry).stdout
    assert "then would be skipped  the contact is not subscribed to newsletters" in shown
    assert f"until {later}: the request asks for that time; then would go" in shown
    assert "Cost: 0.10 EUR." in shown


def line(contact: str, send_id: str, **data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": f"{contact}-{send_id}-{data.get('text', '')}", "source": "/campaign",
        "type": "recado.send.requested.v1", "subject": f"acme/{contact}", "time": "2026-11-23T07:00:00Z",
        "data": {"to": "contact", "sender": "Acme", "text": "Hola", "send_id": send_id, **data},
    }  # fmt: skip


def test_a_dry_run_of_a_file_sums_up_what_would_go_and_why_not(topics: Any, tmp_path: Path) -> None:
    consent = {"via": "edit", "fields": {"_smsSubscriptionStatus": "subscribed"}}
    update = line("leo", "u") | {"type": "recado.contact.updated.v1", "data": consent}
    events = [
        line("ana", "a"), line("ana", "a", text="otra cosa"), line("ana", "b", text="á" * 71), line("leo", "a"),
        update, line("leo", "b"), line("eva", "a"), line("nobody", "a"),
    ]  # fmt: skip
    path, report = tmp_path / "campaign.jsonl", tmp_path / "report.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in events) + "not json\n")
    dry = ("send", "--dry-run", "--file", str(path), "--class", "newsletter", "--price", "0.05")
    result = run(*dry, "--json")
    assert result.exit_code == 1
    *lines, last = map(json.loads, result.stdout.splitlines())
    assert [(told["line"], told["outcome"], told["reason"]) for told in lines] == [
        (1, "go", ""), (2, "skip", "duplicate"), (3, "go", ""), (4, "skip", "not_subscribed"), (5, "other", "contacts"),
        (6, "go", ""), (7, "skip", "phone_paused"), (8, "skip", "no_phone"), (9, "wrong", "not_json"),
    ]  # fmt: skip
    summary = last["summary"]
    assert (summary["sends"], summary["other_lines"], summary["wrong_lines"]) == (7, 1, 1)
    assert (summary["parts"], summary["parts_by_encoding"]) == (4, {"GSM-7": 2, "UCS-2": 2})
    assert summary["cost"] == {"EUR": "0.20"}
    shown = run(*dry, "--report", str(report))
    assert "4 parts (2 in GSM-7, 2 in UCS-2)." in shown.stdout
    assert "Cost: 0.20 EUR." in shown.stdout
    assert PHONE not in shown.stdout
    assert [json.loads(told)["line"] for told in report.read_text().splitlines()] == list(range(1, 10))
    assert report.stat().st_mode & 0o077 == 0
    assert (topics(Role.NEWSLETTER), topics(Role.CONTACTS), topics(Role.JOURNAL)) == ([], [], [])


def test_a_file_that_is_more_than_the_accounts_day_is_told_so(topics: Any, tmp_path: Path) -> None:
    settings, path = tmp_path / "settings.json", tmp_path / "campaign.jsonl"
    settings.write_text('{"limits": {"per_day": 1}}')
    assert run("account", "set", "acme", "--settings-file", str(settings)).exit_code == 0
    path.write_text("".join(json.dumps(line("ana", send_id)) + "\n" for send_id in "ab"))
    *lines, _ = run("send", "--dry-run", "--file", str(path), "--class", "newsletter", "--json").stdout.splitlines()
    assert [json.loads(told)["reason"] for told in lines] == ["", "account_limit"]


def test_a_template_that_publish_would_refuse_is_a_wrong_line(topics: Any, tmp_path: Path) -> None:
    settings, path = tmp_path / "settings.json", tmp_path / "campaign.jsonl"
    settings.write_text('{"text": {"transliterate": "gsm"}}')
    assert run("account", "set", "acme", "--settings-file", str(settings)).exit_code == 0
    template = {"template": "hello", "text": "Hola 😀", "variables": []}
    event = line("ana", "t") | {"type": "recado.template.saved.v1", "subject": "acme", "data": template}
    path.write_text(json.dumps(event) + "\n")
    told, _ = map(json.loads, run("send", "--dry-run", "--file", str(path), "--json").stdout.splitlines())
    assert (told["outcome"], told["reason"]) == ("wrong", "schema")
    assert "which GSM-7 cannot write" in told["detail"]
