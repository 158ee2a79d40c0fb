"""A pipeline in the world of connectors/memory.py, with a workflow that does what its records say.

A record's value is a few words: `fact ana`, `silent ana`, `repeated`, `unreadable`, `bug ana`, `move 3`, `send ana`,
`timer ana 5000` (`later` of a newsletter), `text ana` (a contact's update that a later send must see).
"""

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from connectors.carriers.base import Accepted, Answer
from connectors.memory import MemoryAnswers, MemoryBroker, MemoryLog, MemoryStore, Step, drive
from connectors.ports import Fetch, Message, Record
from events.contact import FieldsChanged
from events.dead_letter import DeadLetter
from events.envelope import Undecodable
from events.fact import Fact
from events.shape import Class
from events.topics import CLASS_OF, SENDS_OF, Role
from projections import keyspace
from projections.send import Call
from streams.burial import TimerRecord
from streams.intake import Limits
from streams.lane import Lane
from streams.pipeline import BEFORE_TIMERS, INPUTS, Pipeline
from streams.sender import Sender
from streams.verdict import Misplaced, Verdict
from streams.view import StateView

NOON = 1_795_435_200_000  # 2026-11-23T12:00:00Z, ms
PARTITION = 1


def encode(key: bytes, value: object) -> bytes:
    return orjson.dumps(value)


def decode(key: bytes, raw: bytes) -> Any:
    return orjson.loads(raw)


class DeciderBug(Exception):
    """What a wrong decider raises."""


def call_of(name: str, role: Role = Role.TRANSACTIONAL, partition: int = PARTITION) -> Call:
    subject = f"acme/{name}"
    class_ = CLASS_OF[role]
    return Call(
        "acme", subject, partition, name, name, 1, f"1-1-{name}", class_, "+34600000000", "Acme", "Hola", "GSM-7"
    )


@dataclass
class Script:
    """A Workflow of words. `decided` are the values it was asked to decide, in order."""

    decided: list[str] = field(default_factory=list)
    accounts_read: int = 0
    cancelled_up_to: int = 0
    moved_seen: list[bool] = field(default_factory=list)

    def handle(self, role: Role, record: Record, view: StateView, now: int, moved: bool) -> Verdict:
        words = (record.value or b"").decode()
        self.decided.append(words)
        self.moved_seen.append(moved)
        what, _, rest = words.partition(" ")
        name, _, number = rest.partition(" ")
        match what:
            case "fact":
                return Verdict("applied", [self.fact(name, view, now)])
            case "silent":
                return Verdict("unchanged", silent=name.encode().ljust(16, b"."))
            case "repeated":
                return Verdict("repeated")
            case "move":
                view.put(b"c/half-made", "by a record that is another partition's")
                raise Misplaced(int(name))
            case "bug":
                view.put(b"c/acme/" + name.encode(), "half-made")
                view.put(b"c/half-made", "by a decider that failed")
                raise DeciderBug
            case "unreadable":
                view.put(b"c/half-made", "by a record that was refused")
                raise Undecodable("schema", "a field is missing")
            case "send":
                view.put(b"o/" + name.encode(), 1)
                return Verdict("applied", [self.fact(name, view, now)], [call_of(name, role)])
            case "answer":
                view.delete(b"o/" + name.encode())
                return Verdict("applied", [self.fact(name, view, now)])
            case "timer" | "later":
                prefix = b"t/" if what == "timer" else b"w/"
                view.put(b"%s%013d/%s" % (prefix, int(number), name.encode()), 1)
                return Verdict("applied", [self.fact(name, view, now)])
            case _:
                raise AssertionError(f"no such word: {what}")

    def fact(self, name: str, view: StateView, now: int) -> Fact:
        key = b"c/acme/" + name.encode()
        sequence = (view.get(key) or 0) + 1
        view.put(key, sequence)
        return Fact(f"acme/{name}", sequence, now, f"{name}-{sequence}", "/test", FieldsChanged({"n": sequence}, []))

    def conceal(self, letter: DeadLetter, view: StateView) -> DeadLetter:
        return letter

    def prepare(self, view: StateView) -> None:
        return

    def due(self, view: StateView, now: int, limit: int, class_: Class, until: int) -> Sequence[Verdict]:
        verdicts = []
        prefix = keyspace.TIMERS[class_]
        for key, _ in view.scan(prefix, limit, b"%s%013d" % (prefix, until + 1)):
            view.delete(key)
            name = key.rpartition(b"/")[2].decode()
            self.decided.append(f"timer of {name}")
            if name.startswith("bug"):
                view.put(b"c/half-made", "by a decider that failed")
                raise DeciderBug
            verdicts.append(Verdict("applied", [self.fact(name, view, now)], [call_of(name, SENDS_OF[class_])]))
        return verdicts

    def cancelled(self) -> int:
        return self.cancelled_up_to

    def timers(self, view: StateView, after: bytes, limit: int) -> tuple[Sequence[bytes], bytes]:
        """Newsletters' alone."""
        keys = [key for key, _ in view.after(after or b"w/", b"w/", limit)]
        return keys, keys[-1] if len(keys) == limit else b""

    def recall(self, view: StateView, timer: bytes, now: int) -> Verdict | None:
        """Each was cancelled, but `kept...`."""
        name = timer.rpartition(b"/")[2].decode()
        self.decided.append(f"recall of {name}")
        if name.startswith("kept"):
            return None
        view.delete(timer)
        if name.startswith("bug"):
            view.put(b"c/half-made", "by a decider that failed")
            raise DeciderBug
        return Verdict("applied", [self.fact(name, view, now)])

    def drop(self, view: StateView, class_: Class) -> Record:
        ((key, _),) = view.scan(keyspace.TIMERS[class_], 1)
        view.delete(key)
        return TimerRecord(b"acme/" + key.rpartition(b"/")[2], key)

    def next_due(self, view: StateView) -> int | None:
        firsts = [view.scan(prefix, 1) for prefix in keyspace.TIMERS.values()]
        return min((int(key[2:15]) for first in firsts for key, _ in first), default=None)

    def open_attempts(self, view: StateView) -> Sequence[bytes]:
        return [key for key, _ in view.scan(b"o/", 1_000)]

    def abandon(self, view: StateView, open_key: bytes, now: int) -> Verdict:
        view.delete(open_key)
        name = open_key[2:].decode()
        self.decided.append(f"abandon {name}")
        return Verdict("applied", [self.fact(name, view, now)])

    def sweep(self, view: StateView, now: int, after: bytes, limit: int) -> bytes:
        return b""

    def settings_version(self) -> int:
        return self.accounts_read


@dataclass
class Hand:
    """A clock set by hand."""

    at: int = NOON

    def now(self) -> int:
        return self.at


class Held:
    """A lease that holds."""

    def holds(self, partition: int, tenure: int) -> bool:
        return True


@dataclass
class Taking:
    """A provider that takes everything, and notes when it was called."""

    steps: list[Step]
    calls: list[Call] = field(default_factory=list)
    bulks: list[list[str]] = field(default_factory=list)

    async def send(self, call: Call) -> Answer:
        self.steps.append(Step("called", call.partition))
        self.calls.append(call)
        return Accepted(f"sms-{len(self.calls)}")

    async def send_many(self, calls: Sequence[Call]) -> Sequence[Answer]:
        self.bulks.append([call.send_id for call in calls])
        return [await self.send(call) for call in calls]


class World:
    """One partition: `given` records, `when` they were fetched and decided, then look at what lies where."""

    def __init__(
        self, slots: int = 64, size: int = 1, limits: Limits | None = None, topic_ids: dict[str, str] | None = None,
        inputs: Sequence[Role] = INPUTS,
    ) -> None:  # fmt: skip
        self.broker = MemoryBroker()
        self.store = MemoryStore(PARTITION, self.broker)
        self.clock = Hand()
        self.script = Script()
        self.started: list[Coroutine[Any, Any, None]] = []
        self.provider = Taking(self.broker.steps)
        self.failures: list[BaseException] = []
        self.sender = Sender(
            self.provider, MemoryAnswers(self.broker), Held(), self.clock, self.started.append, self.failures.append,
            lanes={Role.TRANSACTIONAL: Lane(slots), Role.NEWSLETTER: Lane(slots, size)},
        )  # fmt: skip
        self.limits = limits or Limits()
        self.topic_ids = topic_ids or {}
        self.inputs = inputs
        self.questions = 0
        self.log, self.pipeline = self.take_over()

    def take_over(self) -> tuple[MemoryLog, Pipeline]:
        """A new owner of the partition, over the same store."""
        log = MemoryLog(self.broker, PARTITION).open()
        view = StateView(self.store, encode, decode)
        self.log = log
        self.pipeline = Pipeline(
            PARTITION, 1, self.script, log, self.store, view, self.clock, self.sender, _at_once, self.inputs,
            topics={role: f"recado.{role}" for role in Role}, topic_ids=self.topic_ids, limits=self.limits,
            heads=self.heads,
        )  # fmt: skip
        return self.log, self.pipeline

    async def heads(self) -> dict[Role, int]:
        """What bounds timers that are due."""
        self.questions += 1
        ends = {role: self.broker.topic(role, PARTITION).end for role in BEFORE_TIMERS}
        return {**ends, Role.ACCOUNTS: self.broker.topic(Role.ACCOUNTS, 0).end}

    def given(self, role: Role, *words: str, headers: Sequence[tuple[str, bytes]] = ()) -> None:
        """Records in this partition's topic of the role, not fetched yet."""
        for each in words:
            self.broker.publish(role, PARTITION, Message(b"acme/x", each.encode(), headers), self.clock.at)

    def fetch(self, role: Role, start: int | None = None, limit: int = 1_000_000) -> Fetch:
        at = self.pipeline.wanted()[role] if start is None else start
        return self.broker.fetch(role, PARTITION, at, self.clock.at, limit)

    def fetched(self, *roles: Role) -> None:
        """Hand over all that lies in these topics (all of them, if none is named)."""
        for role in roles or self.inputs:
            fetch = self.fetch(role)
            if fetch.next > fetch.start:
                assert self.pipeline.accept(fetch)

    def step(self) -> bool:
        done: bool = drive(self.pipeline.step())
        return done

    def run(self) -> int:
        """Step until nothing can be done; return how many steps did something."""
        steps = 0
        while self.step():
            steps += 1
        return steps

    def make_calls(self) -> None:
        """Let every call that was started come to its end."""
        while self.started:
            drive(self.started.pop(0))

    def forget_calls(self) -> None:
        """The process dies: what was started is never made."""
        while self.started:
            self.started.pop(0).close()

    @property
    def facts(self) -> list[tuple[str, int]]:
        """(subject, sequence) of every fact in the journal."""
        return [
            (document["subject"], document["sequence"])
            for document in (orjson.loads(record.value or b"") for record in self.journal)
        ]

    @property
    def journal(self) -> list[Any]:
        return self.broker.topic(Role.JOURNAL, PARTITION).records

    @property
    def dead_letters(self) -> list[dict[str, Any]]:
        return [orjson.loads(record.value or b"") for record in self.broker.topic(Role.DEAD_LETTERS, 0).records]

    def saved(self, key: bytes) -> Any:
        raw = self.store.get(key)
        return None if raw is None else orjson.loads(raw)

    @property
    def names(self) -> list[str]:
        """What happened, in order, without the opening."""
        return [step.name for step in self.broker.steps if step.name != "opened"]


async def _at_once() -> None:
    return None
