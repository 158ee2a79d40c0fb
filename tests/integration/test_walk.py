"""A stranger's walk through a started Recado: by command, by HTTP and by the provider's API, as the contract has it."""

import json
import os
import re
import select
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from events.partition import partition_of
from streams.cli.place import free_port

pytestmark = pytest.mark.kafka
ROOT = Path(__file__).parents[2]
WITHIN = 60  # seconds, of a machine under load
ANA = "/v1/accounts/acme/contacts/ana@example.com"
SEND = {"contact": "ana@example.com", "class": "newsletter", "sender": "Acme", "template": "bf"}


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass
class Place:
    """A Recado that runs, and a provider that is simulated."""

    url: str
    provider: str
    environment: dict[str, str]
    key: str = ""

    def command(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "streams.cli", *arguments],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=WITHIN, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status, and JSON, text or the address that is led to."""
        url = path if path.startswith("http") else self.url + path
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        known = {"Authorization": f"Bearer {self.key}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        request = urllib.request.Request(url, content, known, method=method)  # noqa: S310 -- our own server
        try:
            answer = urllib.request.build_opener(_NoRedirects).open(request, timeout=WITHIN)
        except urllib.error.HTTPError as refused:
            answer = refused
        with answer:
            text = answer.read().decode()
            told = json.loads(text) if "json" in answer.headers.get("Content-Type", "") else text
            return answer.status, answer.headers.get("Location", told)

    def until(self, path: str, is_so: Callable[[Any], bool]) -> Any:
        """The answer to a GET once it is as it should be: the read model follows."""
        deadline = time.monotonic() + WITHIN
        while True:
            status, told = self.ask("GET", path)
            if status == 200 and is_so(told):
                return told
            assert time.monotonic() < deadline, (path, status, told)
            select.select([], [], [], 0.1)


@pytest.fixture
def place(kafka: str, prefix: str, tmp_path: Path) -> Iterator[Place]:
    ports = free_port(), free_port()
    environment = os.environ | {
        "RECADO_KAFKA": kafka, "RECADO_TOPIC_PREFIX": prefix, "RECADO_PARTITIONS": "2", "RECADO_SECRET": "A" * 43 + "=",
        "RECADO_DATA": str(tmp_path / "data"), "RECADO_HTTP": f"127.0.0.1:{ports[0]}",
    }  # fmt: skip
    environment.pop("RECADO_DATABASE", None)
    here = Place(f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}", environment)
    with ExitStack() as stack:
        for command in (["simulator", "--port", str(ports[1])], ["up"]):
            process = stack.enter_context(
                subprocess.Popen([sys.executable, "-m", "streams.cli", *command], cwd=ROOT, env=environment)
            )
            stack.callback(process.wait, WITHIN)
            stack.callback(process.terminate)
        deadline = time.monotonic() + WITHIN
        while not _ready(here.url):
            assert time.monotonic() < deadline, "Recado is not ready"
            select.select([], [], [], 0.2)
        yield here


def _ready(url: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"{url}/health/ready", timeout=2) as answer:  # noqa: S310 -- ours
        return bool(answer.status == 200)
    return False


def test_an_sms_is_asked_for_sent_received_clicked_and_answered(place: Place, tmp_path: Path) -> None:
    token, settings = tmp_path / "token", tmp_path / "settings.json"
    token.write_text("a-token\n")
    settings.write_text('{"link_domain": "go.example.com"}')
    told = place.command(
        "account", "set", "acme", "--country", "ES", "--instasent-url", f"{place.provider}/transactional/v1",
        "--token-file", str(token), "--settings-file", str(settings), "--json",
    )  # fmt: skip
    account = json.loads(told)
    place.key, callbacks = account["api_key"], account["callback_url"]

    variables = [{"id": "name", "name": "Name", "type": "text"}]
    template = {"text": "Hola {{name}}: https://shop.example.com/bf", "variables": variables, "labels": ["november"]}
    assert place.ask("PUT", "/v1/accounts/acme/templates/bf", template)[1]["version"] == 1
    consent = {"_mobilePhone": "612 34 56 78", "_smsSubscriptionStatus": "subscribed", "first_name": "Ana"}
    assert place.ask("PATCH", ANA, consent)[0] == 202
    place.until(ANA, lambda contact: contact["phone"] == "+34612345678" and contact["fields"]["first_name"] == "Ana")

    dry = ("send", "acme/ana@example.com", "--template", "bf", "--sender", "Acme", "--class", "newsletter", "--dry-run")
    rehearsed = json.loads(place.command(*dry, "--field", "name=first_name", "--send-id", "bf-1", "--json"))
    send = SEND | {"send_id": "bf-1", "variables": {"name": {"field": "first_name"}}}
    for _ in range(2):
        assert place.ask("POST", "/v1/accounts/acme/sends", send, Idempotency_Key="k")[1] == {"send_id": "bf-1"}
    path = "/v1/accounts/acme/sends/bf-1"
    record = place.until(path, lambda found: found["outcome"] == "accepted")
    assert record["text"] == rehearsed["text"]

    receipt = {"id": record["provider_id"], "clientId": record["client_id"], "code": 0}
    assert place.ask("POST", callbacks[:-2] + "xx", receipt | {"status": "delivered"})[0] == 404
    assert place.ask("POST", callbacks, b"x" * 70_000)[0] == 413
    form = f"id={receipt['id']}&clientId={receipt['clientId']}&status=sent&code=0".encode()
    for body in (receipt | {"status": "delivered"}, receipt | {"status": "delivered"}, form):
        assert place.ask("POST", callbacks, body)[0] == 200
    received = place.until(f"{ANA}/has-received-sms?label=november", lambda found: found["received"])
    assert (received["count"], received["last"]["send_id"]) == (1, "bf-1")
    assert place.ask("GET", f"{ANA}/has-received-sms?class=transactional")[1]["received"] is False

    code = re.findall(r"https://go\.example\.com/l/(\w+)", record["text"])[0]
    assert place.ask("GET", f"/l/{code}", User_Agent="Mozilla/5.0") == (302, "https://shop.example.com/bf")
    reply = receipt | {"status": "stop", "message": "BAJA"}
    assert place.ask("POST", callbacks, reply)[0] == 200
    told = place.until(path, lambda found: found["clicks"] == 1 and "Subscription" in found["steps"][-1]["what"])
    assert told["summary"] == "The SMS was delivered."
    assert place.ask("POST", "/v1/accounts/acme/sends", SEND | {"send_id": "bf-2"})[0] == 202
    refused = place.until(path.replace("bf-1", "bf-2"), lambda found: found["outcome"] == "skipped")
    assert refused["reason"] == "not_subscribed"
    assert "the contact is not subscribed to newsletters" in place.command("why", "bf-2", "--account", "acme")

    (sums,) = place.ask("GET", "/v1/accounts/acme/statistics")[1]["groups"]
    assert (sums["sends"], sums["delivered"], sums["skipped"], sums["clicks"]) == (2, 1, 1, 1)
    ledger = place.ask("GET", f"{place.provider}/_sim/ledger")[1]
    assert (ledger["accepted"], ledger["second_sends"]) == (1, 0)
    assert 'recado_callbacks_total{result="wrong_secret"} 1' in place.ask("GET", "/metrics")[1]


def test_an_account_s_whole_day_can_be_used_wherever_its_contacts_lie_and_no_more(place: Place, tmp_path: Path) -> None:
    token, settings = tmp_path / "token", tmp_path / "settings.json"
    token.write_text("a-token\n")
    settings.write_text('{"limits": {"per_day": 1, "parts": 1}, "text": {"transliterate": "gsm"}}')
    told = place.command(
        "account", "set", "acme", "--country", "ES", "--instasent-url", f"{place.provider}/transactional/v1",
        "--token-file", str(token), "--settings-file", str(settings), "--json",
    )  # fmt: skip
    place.key = json.loads(told)["api_key"]
    # The one SMS of the day is the part of partition 0: a contact of partition 1 is sent it all the same.
    there = next(f"c{number}" for number in range(99) if partition_of(f"acme/c{number}".encode(), 2) == 1)
    here = next(f"c{number}" for number in range(99) if partition_of(f"acme/c{number}".encode(), 2) == 0)
    send = {"class": "transactional", "sender": "Acme", "text": "Está en camino", "to": {"alert": "+34612345678"}}
    path = "/v1/accounts/acme/sends"
    assert place.ask("POST", path, send | {"contact": there, "send_id": "s1"})[0] == 202
    went = place.until(f"{path}/s1", lambda found: found["outcome"] == "accepted")
    assert (went["text"], went["parts"]) == ("Esta en camino", 1)
    for contact, send_id in ((here, "s2"), (there, "s3")):
        assert place.ask("POST", path, send | {"contact": contact, "send_id": send_id})[0] == 202
        skipped = place.until(f"{path}/{send_id}", lambda found: found["outcome"] == "skipped")
        assert skipped["reason"] == "account_limit"
    assert place.ask("GET", f"{place.provider}/_sim/ledger")[1]["accepted"] == 1
