"""What the rows share: one broker, sizes, inputs that are written once, and the way a subject is measured."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import load, watch
from benchmarks.processes import Kind, Subject
from benchmarks.watch import Facts, Progress, Sample
from connectors.kafka.admin import Admin
from events import topics
from events.topics import Role

if TYPE_CHECKING:
    from benchmarks.site import Sending

PARTITIONS = 4
SETTLED = 0.2  # seconds


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured. Seconds are of wall time."""

    events: int = 1_000_000
    contacts: int = 100_000
    rounds: int = 3
    peers: bool = True  # those that are no dependencies of the product
    agreement: int = 2_000  # events after which all subjects' facts and states are compared
    faust_events: int = 60_000  # the slow peer is given fewer of the same
    trial_events: int = 600_000  # to choose a peer's settings by the second half; 0: the first are taken
    faust_records: int = 200_000  # for its recovery
    growth: tuple[int, ...] = (100_000, 1_000_000)
    history: tuple[int, ...] = (1_000, 10_000, 100_000)
    imports: tuple[int, ...] = (50_000, 500_000)  # rows of a CSV
    requests: int = 800  # whose latency is measured, behind half as many that are not
    sends: int = 30_000
    newsletters: int = 60_000
    queued: int = 150_000  # newsletters, while a transactional send's latency is measured
    faust_sends: int = 400
    filled: int = 0  # newsletters before the overload, so that a worker's memory holds all that it may
    overload: float = 60.0


LONG = Size(growth=(100_000, 1_000_000, 3_000_000), filled=260_000, overload=600.0)
SMALL = Size(
    events=3_000, contacts=300, rounds=1, agreement=500, faust_events=600, trial_events=600, faust_records=600,
    growth=(1_000, 3_000), history=(100, 300), imports=(1_000, 10_000), requests=20, sends=200,
    newsletters=600, queued=3_000, faust_sends=20, filled=200, overload=2.0,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of one or more processes came to; `target` is its journal, whose topics stay until `drop`."""

    target: str
    samples: Sequence[Sample]
    wanted: int

    def rate(self, warm: float = watch.WARM) -> watch.Rate:
        return watch.rate(self.samples, self.wanted, warm)


@dataclass
class Bench:
    """See the module. `prefix` begins each topic's name; `scratch` is an empty directory; `say` prints a line."""

    bootstrap: str
    prefix: str
    scratch: Path
    size: Size
    say: Callable[[str], None]
    resources: ExitStack = field(default_factory=ExitStack)
    kept: dict[str, Run] = field(default_factory=dict)  # the engine's last run by its fold
    sending: "Sending | None" = None  # benchmarks/site.py
    _inputs: dict[str, str] = field(default_factory=dict)
    _runs: int = 0

    def source(self, kind: str, events: int | None = None, contacts: int | None = None) -> str:
        """The topic of input of this kind and size, written the first time."""
        events, contacts = events or self.size.events, contacts or self.size.contacts
        name = f"{self.prefix}{kind}-{events}-{contacts}"
        if name not in self._inputs:
            make: Callable[[int, int], Iterator[tuple[str, bytes]]] = {"light": load.light, "real": load.real}[kind]
            # Contacts ask how far the settings reach: of a topic that is not there they would wait for an answer.
            self.topics({name: PARTITIONS, f"{name}.{Role.ACCOUNTS.value}": 1})
            asyncio.run(load.write(self.bootstrap, name, PARTITIONS, make(events, contacts)))
            self.say(f"  {events:,} events of {contacts:,} contacts are written ({kind})")
            self._inputs[name] = name
        return name

    def name(self, of: str) -> str:
        """A topic's name that was not used before, and that is no part of another's."""
        self._runs += 1
        return f"{self.prefix}{of.replace(' ', '-').lower()}-{self._runs:04}"

    def topics(self, partitions: Mapping[str, int], config: Mapping[str, str] | None = None) -> None:
        """Make topics with so many partitions each."""
        load.make_topics(self.bootstrap, partitions, config or {})

    def journal(self, of: str, own: bool = False) -> str:
        """Output and state topics for a run; their name. `own`: configured as the product's are on an embedded broker,
        which writes each batch to disk before it answers; else by Kafka's defaults, for all alike."""
        target = self.name(of)
        journal, state = (
            topics.BY_ROLE[role].config(embedded=True) if own else {} for role in (Role.JOURNAL, Role.STATE)
        )
        self.topics({target: PARTITIONS}, journal)
        self.topics({f"{target}-state": PARTITIONS}, {"cleanup.policy": "compact"} | state)
        return target

    def start(self, kind: Kind, source: str, target: str) -> Subject:
        """A subject with an empty directory. Use it in a `with`."""
        self._runs += 1
        arguments = (self.bootstrap, source, target, str(PARTITIONS))
        return Subject(kind, arguments, self.scratch / f"subject-{self._runs}")

    def run(self, kinds: Sequence[Kind], source: str, wanted: int, *, told: bool = False, target: str = "") -> Run:
        """Run processes over one input from its beginning until `wanted` events are done: facts that a reader of
        committed records could read, or with `told` what the processes say. Raises SubjectFailed."""
        target = target or self.journal(kinds[0].name)
        with ExitStack() as stack:
            subjects = [stack.enter_context(self.start(kind, source, target)) for kind in kinds]
            progress = Progress(subjects) if told else Facts(self.bootstrap, target, PARTITIONS)
            samples = asyncio.run(watch.watch(subjects, wanted, progress))
        return Run(target, samples, wanted)

    def keep(self, fold: str, run: Run) -> None:
        """Let a run's topics stay, for the rows that recover from them, instead of the former one's."""
        former = self.kept.pop(fold, None)
        if former is not None:
            self.drop(former.target)
        self.kept[fold] = run

    def drop(self, target: str) -> None:
        """Delete a run's topics: its own, and changelogs that a framework named after it."""
        with Admin(self.bootstrap) as admin:
            admin.delete([name for name in admin.names("") if target in name and not name.startswith("__")])

    def facts(self, target: str) -> int:
        """How many records a reader of committed records finds in a topic, markers included, once it stands still."""

        async def count() -> float:
            before = -1.0
            async with Facts(self.bootstrap, target, PARTITIONS) as progress:
                while (now := await progress.count()) != before:
                    before = now
                    await asyncio.sleep(SETTLED)  # a commit is answered before its markers are written
            return before

        return int(asyncio.run(count()))

    def close(self) -> None:
        """End what was started and delete all topics of this bench."""
        self.resources.close()
        with Admin(self.bootstrap) as admin:
            mine = [name for name in admin.names("") if self.prefix in name]
            if mine:
                admin.delete(mine)
