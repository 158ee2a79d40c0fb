"""The demo's material: an account, its templates, and the sample files, told to a running Recado."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from connectors.credentials import callback_secret
from connectors.files.contact_import import ContactImport
from connectors.files.contacts import Row, phone_rule
from connectors.files.contacts import read as read_contacts
from connectors.files.events import Event
from connectors.files.events import read as read_events
from connectors.kafka.publisher import Publisher
from events import instant
from events.codec import encode_input
from events.shape import Class
from events.topics import SENDS_OF, Role
from streams.cli import account, template
from streams.cli.demo.checks import Published
from streams.cli.files import read_json, read_text
from streams.cli.post import post
from streams.cli.refusal import Refused
from streams.settings import Settings

ACCOUNT: Final = "acme"
SAMPLES: Final = Path(__file__).parents[3] / "samples"
SETTINGS: Final = {"country": "ES", "currency": "EUR", "locale": "es-ES", "timezone": "Europe/Madrid"}
JOURNEYS: Final = (  # what happens to the simulated messages: the first that applies, by its probability
    {"probability": 0.03, "steps": [{"status": "sent"}, {"status": "failed", "after": 0.3, "code": 27}]},
    {"probability": 0.02, "steps": [{"status": "buffered"}, {"status": "expired", "after": 0.5}]},
    {"probability": 0.30, "steps": [{"status": "sent"}, {"status": "delivered", "after": 0.2}]},
)


@dataclass
class Player:
    """Publishes the samples. Every method blocks; run it in a thread. `published` and `sends` count what it sent."""

    settings: Settings
    published: Published
    samples: Path = SAMPLES
    contacts: Sequence[str] = field(default_factory=list)
    refused_rows: int = 0

    def __post_init__(self) -> None:
        if not (self.samples / "contacts.csv").exists():
            raise Refused(f"The samples are not at {self.samples}: run the demo from a clone of the repository.")

    def simulator(self, token: str) -> dict[str, Any]:
        """The simulator's settings: one token, whose callbacks come back to this Recado's ingress."""
        secret = callback_secret(self.settings.secret(), ACCOUNT)
        callback = f"{self.settings.public_url}/callbacks/instasent/{ACCOUNT}/{secret}"
        return {"tokens": [{"token": token, "callback_url": callback}], "journeys": list(JOURNEYS), "latency": 0.02}

    def set_up(self, provider: str, token: str) -> None:
        """Make the account, with the simulator at `provider` as its connector, and its templates."""
        connector = {"provider": "instasent", "base_url": provider, "token": token}
        values = [account.configured(self.settings.secret(), ACCOUNT, {**SETTINGS, "connector": connector})]
        for name, saved in read_json(self.samples / "templates.json", dict).items():
            text = read_text(self.samples / saved["file"])
            event = template.saved(ACCOUNT, name, text, tuple(saved["labels"]), saved["variables"])
            values.append(encode_input(event))
        with post(self.settings) as office:
            for value in values:
                office.publish(Role.ACCOUNTS, ACCOUNT.encode(), value)

    def import_contacts(self) -> None:
        """Import the sample contacts."""
        path = self.samples / "contacts.csv"
        with path.open("rb") as stream, post(self.settings) as office:
            done = ContactImport(stream, ACCOUNT, SETTINGS["country"], path.name, None, int(time.time() * 1000))
            for chunk in done.chunks():
                for subject, value in chunk.events:
                    office.publish(Role.CONTACTS, subject.encode(), value)
            self.refused_rows = done.refused
        self.published.add(Role.CONTACTS, done.imported)
        with path.open("rb") as stream:
            _, rows = read_contacts(stream, phone_rule(SETTINGS["country"]))
            self.contacts = [row.contact for row in rows if isinstance(row, Row)]

    def play(self, name: str, class_: Class | None = None, pace: Callable[[], object] = lambda: None) -> None:
        """Publish one file of events, their times moved to now, so that none is too old. `pace` is called for each."""
        with (self.samples / f"{name}.jsonl").open("rb") as stream, post(self.settings) as office:
            for found in read_events(stream, class_):
                if not isinstance(found, Event):
                    raise Refused(f"Line {found.line} of {name}.jsonl is wrong: {found.detail}.")
                self.tell(office, found.role, found.subject, restamped(found.value, int(time.time() * 1000)))
                pace()

    def tell(self, office: Publisher, role: Role, subject: str, value: bytes) -> None:
        """Publish one event and count it."""
        office.publish(role, subject.encode(), value)
        self.published.add(role)
        if role in SENDS_OF.values():
            event = orjson.loads(value)
            self.published.sends.add((subject, event["data"].get("send_id") or event["id"]))


def restamped(value: bytes, now: int) -> bytes:
    """The same event with another time."""
    return orjson.dumps(orjson.loads(value) | {"time": instant.render(now)})
