"""Commands that write to Kafka and read from it, checked by a client that knows nothing of them."""

import asyncio
import base64
import io
import json
import select
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner, Result
from kafka import KafkaConsumer, TopicPartition

from connectors.files.checkpoint import Checkpoint
from connectors.files.spreadsheet import survey
from connectors.kafka.admin import Admin
from connectors.sealing import unseal
from connectors.tokens import PURPOSE
from events.dead_letter import DeadLetter, encode_dead_letter
from events.partition import partition_of
from events.topics import Role
from events.topics import name as topic_name
from streams.cli.account import configured
from streams.cli.main import cli

pytestmark = pytest.mark.kafka
SAMPLES = Path(__file__).parents[3] / "samples"
PARTITIONS = 3
SECRET = "A" * 43 + "="
TOKEN = "plain-token-of-acme"


class Broker:
    """The topics of one test, and what lies in them."""

    def __init__(self, bootstrap: str, prefix: str, arguments: dict[str, object]) -> None:
        self.bootstrap, self.prefix = bootstrap, prefix
        self.arguments = arguments

    def records(self, role: Role) -> list[tuple[int, bytes, bytes]]:
        """Partition, key and value of every record, in each partition's order."""
        topic = topic_name(self.prefix, role)
        consumer = KafkaConsumer(
            bootstrap_servers=self.bootstrap, enable_auto_commit=False, auto_offset_reset="earliest", **self.arguments
        )
        try:
            partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))]
            consumer.assign(partitions)
            consumer.seek_to_beginning(*partitions)
            ends = consumer.end_offsets(partitions)
            found = []
            while any(consumer.position(partition) < ends[partition] for partition in partitions):
                for records in consumer.poll(timeout_ms=200).values():
                    found += [(record.partition, record.key, record.value) for record in records]
            return found
        finally:
            consumer.close()


@pytest.fixture
def broker(
    kafka: str, kafka_admin: Admin, kafka_security: object, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Broker:
    """Topics of the test's own, and an environment that names them."""
    monkeypatch.setenv("RECADO_KAFKA", kafka)
    monkeypatch.setenv("RECADO_TOPIC_PREFIX", prefix)
    monkeypatch.setenv("RECADO_PARTITIONS", str(PARTITIONS))
    monkeypatch.setenv("RECADO_SECRET", SECRET)
    monkeypatch.setenv("RECADO_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("RECADO_DATABASE", raising=False)
    kafka_admin.ensure(prefix, PARTITIONS, 1, embedded=False)
    return Broker(kafka, prefix, kafka_security.arguments())  # type: ignore[attr-defined]


def run(*arguments: str, given: bytes | None = None) -> Result:
    result = CliRunner().invoke(cli, arguments, input=given)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def an_account(tmp_path: Path) -> dict[str, str]:
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    named = ("--token-file", str(token), "--instasent-url", "http://127.0.0.1:9")  # where nobody listens
    result = run("account", "set", "acme", "--country", "ES", *named, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, str] = json.loads(result.stdout)
    return found


def test_published_lines_arrive_byte_for_byte_in_the_partition_of_their_subject(broker: Broker) -> None:
    path = SAMPLES / "sends-transactional.jsonl"
    result = run("publish", "--class", "transactional", "--json", str(path))
    assert json.loads(result.stdout) == {"published": 500, "topics": {"sends.transactional": 500}, "errors": []}
    found = broker.records(Role.TRANSACTIONAL)
    assert sorted(value for _, _, value in found) == sorted(path.read_bytes().splitlines())
    for partition, key, value in found:
        assert key.decode() == json.loads(value)["subject"]
        assert partition == partition_of(key, PARTITIONS)


def test_events_can_come_from_standard_input_and_keep_the_order_of_a_contact(broker: Broker) -> None:
    content = (SAMPLES / "contact-updates.jsonl").read_bytes()
    assert run("publish", "-", given=content).exit_code == 0
    by_contact: dict[bytes, list[bytes]] = {}
    for line in content.splitlines():
        by_contact.setdefault(json.loads(line)["subject"].encode(), []).append(line)
    arrived: dict[bytes, list[bytes]] = {}
    for _, key, value in broker.records(Role.CONTACTS):
        arrived.setdefault(key, []).append(value)
    assert arrived == by_contact


def test_one_wrong_line_and_nothing_is_sent(broker: Broker) -> None:
    content = (SAMPLES / "contact-updates.jsonl").read_bytes() + b"not json\n"
    result = run("publish", "-", given=content)
    assert result.exit_code == 2
    assert "line 301: not JSON" in result.stderr
    assert broker.records(Role.CONTACTS) == []


def test_an_accounts_token_is_sealed_before_it_reaches_kafka(broker: Broker, tmp_path: Path) -> None:
    answer = an_account(tmp_path)
    assert answer["callback_url"].startswith("http://127.0.0.1:8080/callbacks/instasent/acme/cb_")
    assert answer["api_key"].startswith("rk_")
    ((_, key, value),) = broker.records(Role.ACCOUNTS)
    assert key == b"acme"
    assert TOKEN.encode() not in value
    sealed = json.loads(value)["data"]["connector"]["token"]["sealed"]
    assert unseal(bytes(32), PURPOSE, "acme", sealed) == TOKEN


def test_settings_from_a_file_are_a_patch_and_options_go_first(broker: Broker, tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"country": "FR", "stopped": true, "caps": null}')
    assert run("account", "set", "acme", "--settings-file", str(path), "--country", "ES").exit_code == 0
    ((_, _, value),) = broker.records(Role.ACCOUNTS)
    assert json.loads(value)["data"] == {"country": "ES", "stopped": True, "caps": None}


def test_a_setting_that_does_not_exist_is_named_and_nothing_is_written(broker: Broker, tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"colour": "blue"}')
    result = run("account", "set", "acme", "--settings-file", str(path))
    assert (result.exit_code, result.stderr) == (2, "Error: colour: is no setting.\n")
    assert broker.records(Role.ACCOUNTS) == []


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_accounts_that_somebody_else_wrote_with_any_codec_are_read(broker: Broker, codec: str, tmp_path: Path) -> None:
    event = configured(base64.b64decode(SECRET), "acme", {"country": "ES"})

    async def write() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, compression_type=codec, **broker.arguments)
        async with producer:
            await producer.send_and_wait(topic_name(broker.prefix, Role.ACCOUNTS), event, b"acme")

    asyncio.run(write())
    assert "account acme: has no connector" in run("doctor").stdout
    contacts = tmp_path / "contacts.csv"
    contacts.write_text("email,city\nana@example.com,Soria\n")
    assert run("import", str(contacts), "--account", "acme").exit_code == 0


def test_an_operator_stops_an_account_and_lets_it_go_on(broker: Broker, tmp_path: Path) -> None:
    an_account(tmp_path)
    assert "All sending of acme is stopped" in run("account", "set", "acme", "--stop").output
    assert run("account", "set", "acme", "--resume").exit_code == 0
    assert [json.loads(value)["data"].get("stopped") for _, _, value in broker.records(Role.ACCOUNTS)] == [
        None, True, False,
    ]  # fmt: skip


def test_a_campaign_is_cancelled_by_its_label_and_one_send_by_its_id(broker: Broker, tmp_path: Path) -> None:
    an_account(tmp_path)
    told = json.loads(run("cancel", "acme", "--label", "november", "--json").stdout)
    assert run("cancel", "acme", "--send-id", "s1", "--before", "2026-11-23T07:00:00Z").output == (
        "Cancelled: send s1 of acme asked for before 2026-11-23T07:00:00.000Z.\n"
    )
    assert run("cancel", "acme", "--all").exit_code == 0
    _, *found = (json.loads(value) for _, _, value in broker.records(Role.ACCOUNTS))
    assert {event["type"] for event in found} == {"recado.send.cancelled.v1"}
    assert found[0]["data"] == {"label": "november", "before": told["before"]}
    assert found[1]["data"] == {"send_id": "s1", "before": "2026-11-23T07:00:00.000Z"}
    assert list(found[2]["data"]) == ["before"]
    refused = run("cancel", "acne", "--all")
    assert (refused.exit_code, "There is no account acne" in refused.stderr) == (2, True)


def test_a_template_is_saved_with_its_labels_and_variables(broker: Broker, tmp_path: Path) -> None:
    an_account(tmp_path)
    variables = tmp_path / "variables.json"
    variables.write_text('[{"id": "name", "name": "First name", "type": "text", "default": "cliente"}]')
    text = tmp_path / "text.txt"
    text.write_text("Hola {{name}}\n")
    arguments = ("--text-file", str(text), "--label", "a", "--label", "b", "--variables-file", str(variables))
    assert run("template", "set", "acme", "hello", *arguments).exit_code == 0
    _, (_, _, value) = broker.records(Role.ACCOUNTS)
    data = json.loads(value)["data"]
    assert (data["template"], data["text"], data["labels"]) == ("hello", "Hola {{name}}", ["a", "b"])


def test_a_saved_template_shows_its_variables_and_what_it_costs(broker: Broker, tmp_path: Path) -> None:
    an_account(tmp_path)
    variables, text = tmp_path / "variables.json", tmp_path / "text.txt"
    variables.write_text('[{"id": "total", "name": "Total", "type": "currency"}]')
    text.write_text("Síguelo: {{total}}")
    arguments = ("template", "set", "acme", "hello", "--text-file", str(text), "--variables-file", str(variables))
    assert [json.loads(run(*arguments, "--json").stdout)["version"] for _ in range(2)] == [1, 2]
    shown = run(*arguments).stdout.splitlines()
    assert shown[1].split() == ["variable", "name", "type", "default", "times", "example"]
    assert shown[2].split("  ")[0] == "total"
    assert "123,45 €" in shown[2]
    assert shown[3] == "With these examples: 1 part in UCS-2."
    assert shown[4].startswith("Note: í make the whole text UCS-2")


def test_a_template_that_gsm_7_cannot_write_is_refused_where_the_account_keeps_the_price(
    broker: Broker, tmp_path: Path
) -> None:
    settings, text = tmp_path / "settings.json", tmp_path / "text.txt"
    settings.write_text('{"text": {"transliterate": "gsm"}}')
    assert run("account", "set", "acme", "--settings-file", str(settings)).exit_code == 0
    text.write_text("Hola 😀")
    result = run("template", "set", "acme", "hello", "--text-file", str(text))
    assert result.exit_code == 2
    assert "U+1F600 grinning face, which GSM-7 cannot write" in result.stderr
    text.write_text("Está en camino")
    assert run("template", "set", "acme", "hello", "--text-file", str(text)).exit_code == 0
    event = {
        "specversion": "1.0", "id": "1", "source": "/test", "type": "recado.template.saved.v1", "subject": "acme",
        "time": "2026-11-23T07:00:00Z", "data": {"template": "hello", "text": "Hola 😀", "variables": []},
    }  # fmt: skip
    published = run("publish", "-", given=json.dumps(event).encode())
    assert (published.exit_code, "which GSM-7 cannot write" in published.stderr) == (2, True)
    assert len(broker.records(Role.ACCOUNTS)) == 2


def test_an_import_sends_the_good_rows_and_reports_the_others(broker: Broker, tmp_path: Path) -> None:
    an_account(tmp_path)
    report = tmp_path / "refused.csv"
    result = run("import", str(SAMPLES / "contacts.csv"), "--account", "acme", "--report", str(report), "--json")
    told = json.loads(result.stdout)
    assert (told["imported"], told["refused"]) == (1993, 7)
    assert len(report.read_text().splitlines()) == 8
    found = broker.records(Role.CONTACTS)
    assert len({key for _, key, _ in found}) == 1993
    event = next(json.loads(value) for _, key, value in found if key == b"acme/contact0000@example.com")
    assert event["data"]["via"] == "import"
    assert event["data"]["fields"]["first_name"] == "Zoë"


def test_importing_a_file_again_sends_the_same_events_and_another_file_others(broker: Broker, tmp_path: Path) -> None:
    an_account(tmp_path)
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("email,city\nana@example.com,Vigo\n")
    second.write_text("email,city\nana@example.com,Lugo\n")
    for path in (first, first, second):
        assert run("import", str(path), "--account", "acme").exit_code == 0
    ids = [json.loads(value)["id"] for _, _, value in broker.records(Role.CONTACTS)]
    assert ids[0] == ids[1] != ids[2]


def test_an_import_that_a_crash_cut_off_goes_on_and_once_complete_is_forgotten(broker: Broker, tmp_path: Path) -> None:
    an_account(tmp_path)
    path, wanted, kept = tmp_path / "many.csv", 60_000, tmp_path / "data" / "imports"
    rows = (f"c{number}@example.com,{600_000_000 + number}\n" for number in range(wanted))
    path.write_text("email,phone\n" + "".join(rows))
    command = [sys.executable, "-m", "streams.cli", "import", str(path), "--account", "acme"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as first:
        while not list(kept.glob("*.json")):
            assert first.poll() is None, first.communicate()
            select.select([], [], [], 0.02)
        first.kill()
    again = run("import", str(path), "--account", "acme")
    assert again.exit_code == 0
    assert "broke off after" in again.stderr
    names = [json.loads(value)["id"] for _, _, value in broker.records(Role.CONTACTS)]
    assert len(set(names)) == wanted
    assert len(names) < 2 * wanted  # what was durable was not sent again
    assert list(kept.iterdir()) == []


def test_where_the_account_s_country_has_changed_a_broken_off_import_begins_anew(
    broker: Broker, tmp_path: Path
) -> None:
    """Other rows are refused then, so what was counted before tells nothing."""
    assert run("account", "set", "acme", "--locale", "es-ES").exit_code == 0
    path = tmp_path / "some.csv"
    path.write_text("email,phone\nana@example.com,612345678\nleo@example.com,+34612345679\n")
    assert json.loads(run("import", str(path), "--account", "acme", "--json").stdout)["refused"] == 1
    digest = survey(io.BytesIO(path.read_bytes())).digest
    parts = (broker.bootstrap, broker.prefix, "acme", "", "", metadata.version("phonenumbers"), digest)
    Checkpoint(tmp_path / "data" / "imports", parts).write(1)
    told = run("import", str(path), "--account", "acme").stderr
    assert "broke off after 1 contacts" in told
    Checkpoint(tmp_path / "data" / "imports", parts).write(1)
    assert run("account", "set", "acme", "--country", "ES").exit_code == 0
    assert "broke off" not in run("import", str(path), "--account", "acme").stderr
    assert {key for _, key, _ in broker.records(Role.CONTACTS)} == {b"acme/ana@example.com", b"acme/leo@example.com"}


def test_contacts_of_an_unknown_account_are_not_imported(broker: Broker) -> None:
    result = run("import", str(SAMPLES / "contacts.csv"), "--account", "nobody")
    assert result.exit_code == 2
    assert "There is no account nobody" in result.stderr


def test_a_dead_letter_is_listed_shown_and_replayed_as_it_came(broker: Broker) -> None:
    from kafka import KafkaProducer

    original = b'{"phone": "+34612345678"}\x00'
    letter = DeadLetter(
        reason="schema",
        detail="data.fields: must be an object",
        topic=topic_name(broker.prefix, Role.CONTACTS),
        partition=2,
        offset=41,
        at=10**12,
        original=original,
        size=len(original),
        key=b"acme/ana@example.com",
    )
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap)
    producer.send(topic_name(broker.prefix, Role.DEAD_LETTERS), encode_dead_letter(letter)).get(10)
    producer.close()

    (listed,) = json.loads(run("dead-letters", "list", "--json").stdout)
    assert (listed["number"], listed["reason"], listed["bytes"]) == (0, "schema", len(original))
    assert "+34612345678" not in run("dead-letters", "show", "0").output
    assert "+34612345678" in run("dead-letters", "show", "0", "--reveal").output
    assert json.loads(run("dead-letters", "replay", "0", "--json").stdout) == {"replayed": [0], "not_whole": []}
    assert broker.records(Role.CONTACTS) == [(2, b"acme/ana@example.com", original)]
    assert "older" not in run("dead-letters", "list").stdout
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap)
    producer.send(topic_name(broker.prefix, Role.DEAD_LETTERS), encode_dead_letter(letter)).get(10)
    producer.close()
    assert run("dead-letters", "list", "--limit", "1").stdout.endswith("and 1 older: --limit shows more\n")


def test_doctor_is_content_with_fresh_topics_and_finds_a_secret_that_is_not_the_one(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_account(tmp_path)
    well = run("doctor", "--json")
    assert (well.exit_code, json.loads(well.stdout)["well"]) == (0, True)
    monkeypatch.setenv("RECADO_SECRET", "B" * 43 + "=")
    wrong = run("doctor")
    assert wrong.exit_code == 1
    assert "WRONG  account acme: a sealed provider-token cannot be opened" in wrong.stdout


def test_a_provider_that_is_called_in_clear_is_told_when_it_is_set_and_by_doctor(
    broker: Broker, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(TOKEN)
    given = ("account", "set", "acme", "--token-file", str(tmp_path / "token"), "--instasent-url")
    here = run(*given, "http://127.0.0.1:8081", "--json")
    assert (here.exit_code, here.stderr, "in clear" in run("doctor").stdout) == (0, "", False)
    there = run(*given, "http://sms.example.invalid", "--json")
    assert there.exit_code == 0
    assert there.stderr.startswith("Note: connector: its base_url begins with http://")
    assert TOKEN not in there.output
    assert "note   account acme: its base_url begins with http://" in run("doctor").stdout


def test_a_fallback_is_looked_at_as_the_connector_is(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "settings.json"
    fallback = {"provider": "instasent", "base_url": "http://sms.example.invalid", "token": TOKEN}
    path.write_text(json.dumps({"fallback": fallback}))
    assert "Note: fallback: " in run("account", "set", "acme", "--settings-file", str(path)).stderr
    assert "account acme: fallback: its base_url begins with http://" in run("doctor").stdout
    monkeypatch.setenv("RECADO_SECRET", "B" * 43 + "=")
    assert "WRONG  account acme: fallback: a sealed provider-token cannot be opened" in run("doctor").stdout


def test_a_url_of_a_new_account_needs_the_token_that_belongs_to_it(broker: Broker) -> None:
    told = run("account", "set", "acme", "--instasent-url", "http://127.0.0.1:1")
    assert (told.exit_code, "add --token-file" in told.stderr) == (2, True)
    assert broker.records(Role.ACCOUNTS) == []


def test_a_new_token_leaves_the_address_and_a_new_address_the_token(broker: Broker, tmp_path: Path) -> None:
    an_account(tmp_path)
    (tmp_path / "new").write_text("another-token")
    for option, value in (("--token-file", str(tmp_path / "new")), ("--instasent-url", "http://127.0.0.1:10")):
        assert run("account", "set", "acme", option, value).exit_code == 0
    first, token, address = (json.loads(value)["data"]["connector"] for _, _, value in broker.records(Role.ACCOUNTS))
    assert (first["base_url"], token["base_url"]) == ("http://127.0.0.1:9", "http://127.0.0.1:9")
    assert address == {**token, "base_url": "http://127.0.0.1:10"}
    assert unseal(base64.b64decode(SECRET), PURPOSE, "acme", address["token"]["sealed"]) == "another-token"
    other = run("account", "set", "acme", "--provider", "twilio")
    assert (other.exit_code, "add --token-file" in other.stderr) == (2, True)


def test_a_template_of_an_account_that_nobody_made_is_refused(broker: Broker, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("Hola")
    told = run("template", "set", "amce", "hello", "--text-file", str(tmp_path / "text"))
    assert told.exit_code == 2
    assert told.stderr.startswith("Error: There is no account amce, and no send could use its templates")
    assert "recado account set amce" in told.stderr
    assert broker.records(Role.ACCOUNTS) == []


def test_doctor_refuses_another_number_of_partitions(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECADO_PARTITIONS", "8")
    result = run("doctor")
    assert result.exit_code == 1
    assert "have 3 partitions" in result.stdout
    assert "RECADO_PARTITIONS" in result.stdout


def test_an_account_of_twilio_s_has_its_token_sealed_and_its_own_callback_url(broker: Broker, tmp_path: Path) -> None:
    token = f"AC{'0a' * 16}:s3cr3t"
    (tmp_path / "token").write_text(token)
    result = run("account", "set", "acme", "--provider", "twilio", "--token-file", str(tmp_path / "token"), "--json")
    assert "/callbacks/twilio/acme/cb_" in json.loads(result.stdout)["callback_url"]
    ((_, _, value),) = broker.records(Role.ACCOUNTS)
    connector = json.loads(value)["data"]["connector"]
    assert (connector["provider"], connector["base_url"]) == ("twilio", "https://api.twilio.com")
    assert "s3cr3t" not in value.decode()
    assert unseal(base64.b64decode(SECRET), PURPOSE, "acme", connector["token"]["sealed"]) == token
