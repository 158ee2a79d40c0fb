"""What an erased contact leaves in the broker's own files: nothing, once the broker has compacted them.

Real processes on a broker of the test's own, whose compaction is made quick; then its log files are searched, byte by
byte.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from click.testing import CliRunner
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from connectors.kafka.admin import Admin
from connectors.kafka.embedded import EmbeddedKafka
from events.topics import Role, name
from streams.cli.main import cli

pytestmark = pytest.mark.kafka

PATIENCE: Final = 60.0
PREFIX: Final = "recado."
SECRET: Final = "A" * 43 + "="
ANA, EVA = "acme/ana", "acme/eva"
PHONE, CITY, TEXT, REPLY = "612345678", "Pontevedra", "Tu pedido A-77123 ha salido", "¿Cuándo llega?"
QUICK: Final = {
    "segment.ms": "1000", "max.compaction.lag.ms": "1000", "file.delete.delay.ms": "100", "delete.retention.ms": "1000",
    "min.cleanable.dirty.ratio": "0.01",
}  # fmt: skip


@dataclass
class Place:
    """One Recado in processes of its own."""

    data: Path
    kafka: str
    port: int
    provider: int
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    key: str = ""
    callback: str = ""

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ, "RECADO_KAFKA": self.kafka, "RECADO_SECRET": SECRET, "RECADO_DATA": str(self.data),
            "RECADO_PARTITIONS": "1", "RECADO_HTTP": f"127.0.0.1:{self.port}", "RECADO_WORKER": "one",
        }  # fmt: skip

    def start(self, *command: str) -> None:
        log = (self.data / f"{command[0]}.log").open("ab")
        with log:
            self.running[command[0]] = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", *command], env=self.environment, stdout=log, stderr=log
            )

    def stop(self, *commands: str) -> None:
        for command in commands:
            process = self.running.pop(command)
            process.terminate()
            process.wait(PATIENCE)

    def run(self, *command: str) -> str:
        result = CliRunner(env=self.environment).invoke(cli, command)
        assert result.exit_code == 0, result.output
        return result.stdout

    def ask(self, method: str, path: str, body: Any = None, bearer: bool = True) -> Any:
        data = None if body is None else body if isinstance(body, bytes) else orjson.dumps(body)
        url = path if path.startswith("http") else f"http://127.0.0.1:{self.port}{path}"
        headers = {"Authorization": f"Bearer {self.key}"} if bearer else {}
        headers["Content-Type"] = "application/json"
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - to this machine
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - to this machine
            return json.loads(response.read() or b"null")

    def records(self, role: Role) -> list[Any]:
        consumer = KafkaConsumer(
            bootstrap_servers=self.kafka, isolation_level="read_committed", enable_auto_commit=False
        )
        with contextlib.closing(consumer):
            tp = TopicPartition(name(PREFIX, role), 0)
            consumer.assign([tp])
            consumer.seek_to_beginning(tp)
            end, found = consumer.end_offsets([tp])[tp], []
            while consumer.position(tp) < end:
                found += consumer.poll(timeout_ms=200).get(tp, [])
            return found

    def facts(self, type_: str, subject: str = "") -> list[dict[str, Any]]:
        told = [orjson.loads(record.value) for record in self.records(Role.JOURNAL)]
        return [fact for fact in told if fact["type"].startswith(f"recado.{type_}.") and subject in fact["subject"]]

    def files(self) -> list[Path]:
        """Every file of the broker that holds records."""
        return [path for path in (self.data / "kafka" / "log").glob("*/*") if ".log" in path.name]

    def holding(self, *wanted: str) -> set[str]:
        """The folders (topic and partition) whose files hold one of these texts, as UTF-8 or as JSON has it."""
        forms = {form for text in wanted for form in (text.encode(), json.dumps(text)[1:-1].encode())}
        found = set()
        for path in self.files():
            with contextlib.suppress(FileNotFoundError):  # the cleaner was quicker
                content = path.read_bytes()
                if any(form in content for form in forms):
                    found.add(path.parent.name)
        return found


def until(met: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    deadline = time.monotonic() + patience
    while True:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            if found := met():
                return found
        assert time.monotonic() < deadline, f"{what}: not within {patience:.0f} s"
        time.sleep(0.2)  # between two looks, not instead of one


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def place(own_kafka: EmbeddedKafka, tmp_path: Path) -> Iterator[Place]:
    kafka = own_kafka.start(tmp_path)
    place = Place(tmp_path, kafka, free_port(), free_port())
    with Admin(kafka) as admin:
        admin.ensure(PREFIX, 1, 1, embedded=True)
        compacted = [name(PREFIX, role) for role in (Role.KEYS, Role.STATE, Role.INBOX_KEYS)]
        admin._client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, each, QUICK) for each in compacted])
    (tmp_path / "token").write_text("of-acme")
    (tmp_path / "settings.json").write_text(json.dumps({"privacy": "sealed"}))
    made = json.loads(
        place.run(
            "account", "set", "acme", "--country", "ES", "--instasent-url", f"http://127.0.0.1:{place.provider}",
            "--token-file", str(tmp_path / "token"), "--settings-file", str(tmp_path / "settings.json"), "--json",
        )
    )  # fmt: skip
    place.key, place.callback = made["api_key"], made["callback_url"]
    try:
        for command in (["simulator", "--port", str(place.provider)], ["worker"], ["readmodel"], ["http"]):
            place.start(*command)
        until(lambda: place.ask("GET", "/health/ready", bearer=False), "HTTP is ready")
        yield place
    finally:
        place.stop(*place.running)


def test_nothing_is_in_clear_in_any_file_and_an_erased_contact_s_key_is_in_none(place: Place) -> None:
    # given two contacts who were told something, and of whom one answered
    for contact, phone in (("ana", PHONE), ("eva", "612345679")):
        fields = {"_mobilePhone": phone, "_smsSubscriptionStatus": "subscribed", "city": CITY}
        place.ask("PATCH", f"/v1/accounts/acme/contacts/{contact}", {"fields": fields, "evidence": f"told by {phone}"})
        said = {"contact": contact, "class": "transactional", "sender": "Acme", "send_id": f"first-{contact}"}
        place.ask("POST", "/v1/accounts/acme/sends", {**said, "text": TEXT})
    until(lambda: len(place.facts("send.accepted")) == 2, "both were sent to")
    ((attempted,), _) = (place.facts("send.attempted", subject) for subject in (ANA, EVA))
    receipt = {"id": "sms-1", "clientId": attempted["data"]["client_id"], "status": "delivered", "message": REPLY}
    place.ask("POST", place.callback, receipt, bearer=False)
    place.ask("POST", place.callback, f"no callback, but it names {PHONE}".encode(), bearer=False)
    until(lambda: place.facts("inbound.received", ANA) and place.records(Role.DEAD_LETTERS), "the reply was read")
    shown = until(lambda: told(place, "ana", "city"), "the read model has it, and its key")

    # then no file of the broker holds any of it, and who may read it can
    assert (shown["phone"], shown["fields"]["city"]) == (f"+34{PHONE}", CITY)
    assert json.loads(place.run("contact", ANA, "--json"))["phone"] == f"+34{PHONE}"
    why = place.ask("GET", "/v1/accounts/acme/sends/first-ana")
    assert (why["to"], why["text"]) == (f"+34{PHONE}", TEXT)
    letter = json.loads(place.run("dead-letters", "show", "0", "--reveal", "--json"))
    assert PHONE in letter["original"]
    assert place.holding(PHONE, CITY, TEXT, REPLY, "612345679") == set()
    database = (place.data / "recado.db").read_bytes() if (place.data / "recado.db").exists() else b""
    assert PHONE.encode() not in database
    keys = {record.key.decode(): orjson.loads(record.value)["sealed"] for record in place.records(Role.KEYS)}
    assert keys.keys() == {ANA, EVA}
    assert place.holding(keys[ANA]) == {"recado.keys-0", "recado-state-changelog-0"}

    # when one of them is erased, and life goes on
    erasure = {
        "specversion": "1.0", "id": "e1", "source": "/test", "type": "recado.contact.erased.v1", "subject": ANA,
        "time": "2026-11-23T07:00:00Z", "data": {"reason": "asked"},
    }  # fmt: skip
    place.ask("POST", "/v1/events", erasure)
    until(lambda: place.facts("contact.erased", ANA), "the contact is erased")
    number = 0

    def forgotten() -> bool:
        nonlocal number
        number += 1  # a broker compacts only what it no longer writes to
        place.ask("PATCH", f"/v1/accounts/acme/contacts/x{number}", {"fields": {"n": number}})
        return not place.holding(keys[ANA])

    # then its key is in no file, the other's still is, and nobody can read what was said about it
    until(forgotten, "the broker forgets the key", 3 * PATIENCE)
    assert place.holding(keys[EVA]) == {"recado.keys-0", "recado-state-changelog-0"}
    until(lambda: read(place, "ana")["erased"], "the read model has forgotten it")
    gone = read(place, "ana")
    assert (gone["phone"], [field for field in gone["fields"] if field[0] != "_"]) == (None, [])
    assert read(place, "eva")["phone"] == "+34612345679"
    assert place.ask("GET", "/v1/accounts/acme/sends/first-ana")["text"] is None
    said = {"class": "transactional", "sender": "Acme", "text": TEXT}
    for contact in ("ana", "eva"):
        place.ask("POST", "/v1/accounts/acme/sends", {**said, "contact": contact, "send_id": f"second-{contact}"})
    until(lambda: len(place.facts("send.accepted")) == 3, "the other was sent to")
    (skipped,) = until(lambda: place.facts("send.skipped"), "the erased one was not")
    assert (skipped["subject"], skipped["data"]["reason"]) == (ANA, "erased")

    # and when state and read model are made again from the journal, all is as it was
    before = [read(place, contact) for contact in ("ana", "eva")]
    place.stop("http", "readmodel", "worker")
    place.run("rebuild", "--yes")
    for command in ("worker", "readmodel", "http"):
        place.start(command)
    until(lambda: place.ask("GET", "/health/ready", bearer=False), "HTTP is ready again")
    until(lambda: read(place, "eva")["phone"], "the keys are read again")
    assert [read(place, contact) for contact in ("ana", "eva")] == before
    place.ask("POST", "/v1/accounts/acme/sends", {**said, "contact": "eva", "send_id": "third-eva"})
    until(lambda: len(place.facts("send.accepted", EVA)) == 3, "the other is sent to from a rebuilt state")
    assert len(place.facts("send.accepted", ANA)) == 1
    assert place.holding(PHONE, CITY, TEXT, REPLY, keys[ANA]) == set()


def told(place: Place, contact: str, field: str) -> Any:
    """The contact, once that custom field can be read."""
    found = read(place, contact)
    return found if found and field in found["fields"] else None


def read(place: Place, contact: str) -> Any:
    try:
        return place.ask("GET", f"/v1/accounts/acme/contacts/{contact}")
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise
