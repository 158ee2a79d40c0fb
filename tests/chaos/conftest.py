"""A run without faults, made in memory: what the checker must find nothing against, and what its mutants start from."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson
import pytest

from chaos.evidence import INPUTS, ORIGIN, ROUTED, Evidence, Landed
from chaos.feed import ACCOUNT, TEMPLATE, TEMPLATE_TEXT, VARIABLES, Feed, Item
from connectors.http import callback
from connectors.simulator.ledger import Receipt, text_hash
from events import client_id
from events.account import AccountConfigured, TemplateSaved
from events.answer import AnswerReceived
from events.codec import decode_input, encode_fact, encode_input
from events.dead_letter import DeadLetter, encode_dead_letter
from events.envelope import Input, InputData, Undecodable
from events.examples import SEVEN
from events.partition import partition_of
from events.shape import Class
from events.topics import Role
from projections import keyspace
from projections.account import Account, Directory
from projections.keyspace import MemoryView
from projections.send import Call
from streams import roster, waiting
from streams.leave import GO, Leave
from streams.turn import Decision

PARTITIONS = 3
MAC_KEY = b"k" * 32
WAITED = 500  # ms
SETTINGS = {
    "country": "ES",
    "connector": {"provider": "instasent", "base_url": "http://127.0.0.1:1", "token": {"sealed": "v1.bm9uZQ"}},
}


ORDER = (Role.ANSWERS, Role.CONTACTS, Role.CALLBACKS, Role.NUMBERS, Role.TRANSACTIONAL, Role.NEWSLETTER)


class Run(NamedTuple):
    evidence: Evidence
    plan: list[Item]


@dataclass
class World:
    """Topics, one engine for each partition, and a provider that takes everything and reports each SMS delivered."""

    topics: dict[tuple[Role, int], list[Landed]] = field(default_factory=lambda: defaultdict(list))
    views: list[MemoryView] = field(default_factory=lambda: [MemoryView() for _ in range(PARTITIONS)])
    counts: dict[int, dict[str, dict[str, int]]] = field(default_factory=lambda: defaultdict(dict))
    positions: dict[tuple[Role, int], int] = field(default_factory=lambda: defaultdict(int))
    directory: Directory = field(default_factory=Directory)
    ledger: list[str | None] = field(default_factory=list)
    words: dict[str, tuple[str, str]] = field(default_factory=dict)
    receipts: list[Receipt] = field(default_factory=list)
    now: int = SEVEN
    asked: int = 0

    def append(
        self, role: Role, partition: int, key: bytes | None, value: bytes, headers: tuple[tuple[str, bytes], ...] = ()
    ) -> None:
        log = self.topics[role, partition]
        log.append(Landed(role, partition, len(log) * 2, key, value, headers, self.now))  # as if markers lay between

    def publish(self, item: Item) -> None:
        partition = item.partition
        if partition is None:
            partition = partition_of(item.key or b"", PARTITIONS)
        self.append(item.role, partition, item.key, item.value)
        if item.role is Role.ACCOUNTS:
            self.learn(self.topics[Role.ACCOUNTS, 0][-1])

    def configure(self, data: InputData) -> None:
        value = encode_input(Input.of(data, id=str(self.now), source="/test", subject=ACCOUNT, time=self.now))
        self.append(Role.ACCOUNTS, 0, ACCOUNT.encode(), value)
        self.learn(self.topics[Role.ACCOUNTS, 0][-1])
        self.now += 1

    def learn(self, landed: Landed) -> None:
        """Settings are read at once, beside everything else."""
        try:
            self.directory.evolve(decode_input(Role.ACCOUNTS, landed.value), landed.offset)
        except Undecodable as no:
            self.directory.skip(landed.offset)
            self.bury(landed, no)

    def settle(self) -> None:
        """Decide everything that lies there, and what comes of it."""
        moved = True
        while moved:
            moved = False
            for partition in range(PARTITIONS):
                for role in ORDER:
                    while self.positions[role, partition] < len(self.topics[role, partition]):
                        at = self.positions[role, partition]
                        self.positions[role, partition] += 1
                        self.decide(self.topics[role, partition][at])
                        moved = True
                moved = self.fire(partition) or moved

    def fire(self, partition: int) -> bool:
        """What waited for the provider's sake goes on, at its time."""
        view = self.views[partition]
        due = waiting.next_due(view)
        if due is None or due > self.now + WAITED:
            return False
        self.now = max(self.now + 1, due)
        for decision in waiting.due(view, self.directory, self.now, partition, MAC_KEY, 1, gate=self):
            self.keep(partition, decision)
        return True

    def ask(self, account: Account, class_: Class, now: int, *, waited: bool, may_fall_back: bool = False) -> Leave:
        """streams/leave.py's Gate: every ninth send has to wait, some of them twice."""
        self.asked += 1
        if self.asked % 9:
            return GO
        return Leave(now + WAITED, "circuit" if self.asked % 2 else "rate", looked_at={"asked": self.asked})

    def decide(self, landed: Landed) -> None:
        self.now += 1
        role, partition, offset = landed.place
        counts = self.counts[partition].setdefault(role.value, {"read": 0})
        counts["read"] += 1
        try:
            event = decode_input(role, landed.value)
            home = partition_of(event.subject.encode(), PARTITIONS) if role in ROUTED else partition
            if home != partition:
                origin = ((ORIGIN, f"{role.value}/{partition}/{offset}".encode()),)
                self.append(role, home, landed.key, landed.value or b"", origin)
                return
            view, moved = self.views[partition], landed.origin is not None
            self.keep(
                partition,
                roster.handle(event, role, view, self.directory, self.now, partition, MAC_KEY, moved, gate=self),
            )
        except Undecodable as no:
            self.bury(landed, no)

    def bury(self, landed: Landed, no: Undecodable) -> None:
        value, size = landed.value, len(landed.value or b"")
        topic = f"test.{landed.role.value}"
        letter = DeadLetter(
            no.reason, no.detail, topic, landed.partition, landed.offset, self.now, value, size, landed.key
        )
        self.append(Role.DEAD_LETTERS, 0, landed.key, encode_dead_letter(letter))

    def keep(self, partition: int, decision: Decision) -> None:
        for fact in decision.facts:
            self.append(Role.JOURNAL, partition, fact.subject.encode(), encode_fact(fact))
        for told in decision.spread:
            for every in range(PARTITIONS):
                self.append(Role.NUMBERS, every, told.subject.encode(), encode_input(told))
        for call in decision.calls:
            self.call(call, len(self.ledger))

    def call(self, call: Call, number: int) -> None:
        """Every seventh worker dies between its call and the answer; its attempt is found open by the next one."""
        self.ledger.append(call.client_id)
        self.words[call.client_id] = (call.to, text_hash(call.text))
        if number % 7 == 3:
            self.keep(call.partition, roster.abandon(self.views[call.partition], call.send_hash, self.now))
        else:
            told: dict[str, Any] = {"send_id": call.send_id, "attempt": call.attempt, "client_id": call.client_id}
            data = AnswerReceived.model_validate(told | {"outcome": "accepted", "provider_id": f"sms-{number}"})
            answer = Input.of(data, id=call.client_id, source="/recado/sender", subject=call.subject, time=self.now)
            self.append(Role.ANSWERS, call.partition, call.subject.encode(), encode_input(answer))
        if number % 7 == 3 and number % 2:
            return  # and of some of these no receipt comes either
        receipt = {"id": f"sms-{number}", "clientId": call.client_id, "status": "failed" if number % 5 else "delivered"}
        said = {"id": f"sms-{number}", "clientId": call.client_id, "status": "stop", "eventAt": "2026-11-23T08:00:00Z"}
        for body in (receipt, receipt, said)[: 3 if number % 11 == 0 else 2]:
            ours = client_id.read(MAC_KEY, call.client_id)
            assert ours is not None
            value = callback.event(ACCOUNT, orjson.dumps(body), self.now).value
            self.append(Role.CALLBACKS, ours.partition, ACCOUNT.encode(), value)
            self.receipts.append(Receipt(body["id"], body["clientId"], body["status"], self.now))

    def stop(self, name: str) -> None:
        """The contact writes back that it wants no more."""
        ours = client_id.read(MAC_KEY, name)
        assert ours is not None
        body = {
            "id": "sms-stop",
            "clientId": name,
            "status": "stop",
            "message": "BAJA",
            "eventAt": "2026-11-23T09:00:00Z",
        }
        value = callback.event(ACCOUNT, orjson.dumps(body), self.now).value
        self.append(Role.CALLBACKS, ours.partition, ACCOUNT.encode(), value)
        self.receipts.append(Receipt("sms-stop", name, "stop", self.now))

    def evidence(self) -> Evidence:
        for partition, view in enumerate(self.views):
            for key, value in view.values.items():
                self.append(Role.STATE, partition, key, keyspace.encode(key, value))
            self.append(Role.STATE, partition, b"p/counts", orjson.dumps(self.counts[partition]))
        records: dict[Role, list[Landed]] = defaultdict(list)
        for (role, _), log in sorted(self.topics.items()):
            records[role] += log
        return Evidence(records, self.ledger, PARTITIONS, MAC_KEY, words=self.words, receipts=self.receipts)


@pytest.fixture(scope="session")
def evidence(run: Run) -> Evidence:
    return run.evidence


@pytest.fixture(scope="session")
def plan(run: Run) -> list[Item]:
    return run.plan


def _pair(feed: Feed) -> list[Item]:
    """Two contacts with one number, and a newsletter for one of them."""
    wanted = {"_mobilePhone": "+34612345678", "_smsSubscriptionStatus": "subscribed"}
    made: list[Item] = []
    for subject in (f"{ACCOUNT}/one", f"{ACCOUNT}/other"):
        data = {"via": "import", "fields": feed._counted(wanted)}
        made.append(_item(feed, Role.CONTACTS, subject, "recado.contact.updated.v1", data))
    asked = {"to": "contact", "sender": "Chaos", "text": "Oferta"}
    return [*made, _item(feed, Role.NEWSLETTER, f"{ACCOUNT}/one", "recado.send.requested.v1", asked)]


def _item(feed: Feed, role: Role, subject: str, type_: str, data: dict[str, Any]) -> Item:
    return Item(role, 6, subject.encode(), feed._envelope(6, type_, subject, data), None, sound=True)


@pytest.fixture(scope="session")
def run() -> Run:
    """A settled run of 1,200 records over 60 contacts."""
    world = World()
    world.configure(AccountConfigured.of_json(SETTINGS))
    world.configure(TemplateSaved.of_json({"template": TEMPLATE, "text": TEMPLATE_TEXT, "variables": list(VARIABLES)}))
    feed = Feed(seed=11, contacts=60, partitions=PARTITIONS, start=SEVEN)
    plan: list[Item] = []
    for number in range(6):
        for item in feed.wave(number, 200):
            plan.append(item)
            world.publish(item)
        world.settle()
    for item in _pair(feed):
        plan.append(item)
        world.publish(item)
    world.settle()
    world.now += 60_000
    world.stop(world.ledger[-1] or "")
    world.settle()
    assert set(INPUTS) <= {role for role, _ in world.topics}
    return Run(world.evidence(), plan)
