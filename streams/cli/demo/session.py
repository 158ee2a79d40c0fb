"""One demo from start to end: services up, samples played, then either the sums or traffic without end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import click
import orjson

from connectors.kafka.embedded import EmbeddedKafka
from events.topics import Role
from streams.cli import machine
from streams.cli.demo.checks import Check, Published, checks, settled
from streams.cli.demo.play import ACCOUNT, Player
from streams.cli.demo.screen import shown, terminal
from streams.cli.demo.traffic import traffic
from streams.cli.demo.view import Picture, Process
from streams.cli.demo.watch import Watch
from streams.cli.post import post
from streams.cli.refusal import Refused
from streams.cli.supervisor import Supervisor
from streams.settings import Settings

READY = 60.0  # seconds the services get to answer
BASELINE = (Role.CONTACTS, Role.TRANSACTIONAL, Role.NEWSLETTER)
_PAUSE = 0.2  # seconds between looks


@dataclass
class Session:
    """What a demo is told, and what it knows. `run` gives the exit status."""

    settings: Settings
    kafka: EmbeddedKafka | None
    simulator_port: int
    once: bool
    patience: float  # seconds for everything to settle, with --once
    rate: float  # events a second of the live traffic
    seed: int
    began: float
    phase: str = "starting"
    verdict: list[Check] = field(default_factory=list)
    notices: deque[str] = field(default_factory=lambda: deque(maxlen=4))

    async def run(self) -> int:
        """Play the demo until its end or Ctrl-C. Raises Refused, BrokerUnavailable and their like."""
        token = f"demo-{secrets.token_hex(12)}"
        self._player = Player(self.settings, Published())
        supervisor = Supervisor(self._services(token), self.settings.data / "logs", self._say)
        running = asyncio.create_task(machine.supervise(supervisor, self.kafka, self._say))
        async with Watch(self.settings) as watch, aiohttp.ClientSession() as http:
            self._watch, self._http, self._supervisor = watch, http, supervisor
            following = asyncio.create_task(self._follow())
            story = asyncio.create_task(self._story(token))
            try:
                await asyncio.wait({running, following, story}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                self.phase = "stopping"
                supervisor.stop()
                story.cancel()
                status = await running
                following.cancel()
                ended = await asyncio.gather(story, following, return_exceptions=True)
        for error in ended:
            if isinstance(error, BaseException) and not isinstance(error, asyncio.CancelledError):
                raise error
        return status or (0 if all(check.holds for check in self.verdict) else 1)

    def picture(self) -> Picture:
        """The present frame."""
        logs = self.settings.data / "logs"
        return Picture(
            title=f"{self.settings.public_url}  Kafka {self.settings.kafka}",
            phase=f"{self.phase}, {time.monotonic() - self.began:.0f} s",
            tally=self._watch.tally,
            counts=self._watch.counts,
            lag=self._watch.lag,
            rates=list(self._watch.rates),
            processes=[Process(c.service.name, c.state, c.pid, c.restarts) for c in self._supervisor.children],
            notices=list(self.notices),
            footer=f"data in {self.settings.data}, logs in {logs}. Ctrl-C ends the demo.",
        )

    def summary(self) -> str:
        """What the demo came to, in lines: sends by outcome and reason, messages, and every sum."""
        tally = self._watch.tally
        found = ["Sends:"]
        for (outcome, reason), n in tally.sends().items():
            found.append(f"  {n:>6,}  {outcome} {reason.replace('_', ' ')}")
        found.append("Messages:")
        found += [f"  {n:>6,}  {state}" for state, n in tally.messages().items()]
        if self.verdict:
            found.append("Sums:")
            found += [f"  {'ok   ' if check.holds else 'WRONG'}  {check.words}" for check in self.verdict]
        return "\n".join(found)

    def _services(self, token: str) -> list[Any]:
        config = self.settings.data / "simulator.json"
        settings = self._player.simulator(token) | {
            "seed": self.seed,
            "ledger_file": str(self.settings.data / "simulator.ledger"),
        }
        with os.fdopen(os.open(config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(orjson.dumps(settings))  # it holds the callback URL's secret
        arguments = ("simulator", "--port", str(self.simulator_port), "--config", str(config))
        return [machine.service("simulator", {}, *arguments), *machine.services(self.settings, 1)]

    async def _story(self, token: str) -> None:
        player, provider = self._player, f"http://127.0.0.1:{self.simulator_port}"
        await asyncio.to_thread(player.set_up, f"{provider}/transactional/v1", token)
        await self._answers(f"{provider}/_sim/ledger")
        await self._answers(f"{self._local()}/health/ready")
        await self._baseline()
        self.phase = "importing contacts"
        await asyncio.to_thread(player.import_contacts)
        await self._decided(Role.CONTACTS)
        self._say(
            f"ready after {time.monotonic() - self.began:.0f} s: {len(player.contacts):,} contacts imported, "
            f"{player.refused_rows} rows of the file refused"
        )
        self.phase = "playing the samples"
        for name, class_ in (
            ("contact-updates", None),
            ("sends-transactional", "transactional"),
            ("sends-newsletter", "newsletter"),
        ):
            await asyncio.to_thread(player.play, name, class_)  # type: ignore[arg-type] # the tuple's words are classes
        if self.once:
            await self._settle(provider)
        else:
            await self._live()

    async def _settle(self, provider: str) -> None:
        """Wait until nothing more is to come, then do the sums. Raises Refused when that takes too long."""
        self.phase = "waiting for the last receipts"
        published, watch = self._player.published, self._watch
        deadline = time.monotonic() + self.patience
        waits: str | None = "nothing was looked at"
        while waits is not None:
            if time.monotonic() > deadline:
                raise Refused(
                    f"The demo did not settle within {self.patience:.0f} s: {waits}. "
                    f"The logs in {self.settings.data / 'logs'} say more."
                )
            await asyncio.sleep(_PAUSE)
            ledger = await self._ledger(provider)
            waits = settled(published, watch.counts, watch.tally, ledger)
            if waits is None and (behind := await watch.behind()):
                waits = f"{behind} offsets of the journal are not read yet"
        self.verdict = checks(published, watch.counts, watch.tally, await self._ledger(provider))

    async def _live(self) -> None:
        self.phase = "live"
        generator = traffic(ACCOUNT, self._player.contacts, self.seed ^ secrets.randbits(30))
        next(generator)
        with post(self.settings) as office:
            while True:
                role, subject, value = generator.send(int(time.time() * 1000))
                await asyncio.to_thread(self._player.tell, office, role, subject, value)
                await asyncio.sleep(1 / self.rate)

    async def _follow(self) -> None:
        """Keep watching and showing, until cancelled."""
        loop = asyncio.get_running_loop()
        measured, before = loop.time(), 0
        async with shown() as show:
            while True:
                await self._watch.follow()
                if (seconds := loop.time() - measured) >= 1.0:
                    before = await self._watch.measure(before, seconds)
                    measured = loop.time()
                show(self.picture())

    async def _baseline(self) -> None:
        """What this Recado had decided before, when RECADO_DATA is one that was used already."""
        await self._until(self._caught_up)
        self._player.published.sends |= set(self._watch.tally.outcomes)
        for role in BASELINE:
            count = self._watch.counts.of(role)
            self._player.published.add(role, count["read"] - count["moved"])

    async def _decided(self, role: Role) -> None:
        """Wait until all that was published to a topic has been decided."""
        wanted = self._player.published.records[role]

        async def enough() -> bool:
            count = self._watch.counts.of(role)
            return count["read"] - count["moved"] >= wanted

        await self._until(enough)

    async def _caught_up(self) -> bool:
        return await self._watch.behind() == 0

    async def _until(self, true: Callable[[], Awaitable[bool]]) -> None:
        """Look again and again: what is waited for happens in other processes, which tell nobody."""
        while not await true():  # noqa: ASYNC110
            await asyncio.sleep(_PAUSE)

    async def _answers(self, url: str) -> None:
        """Wait until a service answers 200. Raises Refused when it does not in time."""
        deadline = time.monotonic() + READY
        while time.monotonic() < deadline:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with self._http.get(url) as response:
                    if response.status == 200:
                        return
            await asyncio.sleep(_PAUSE)
        raise Refused(f"{url} did not answer within {READY:.0f} s: the logs in {self.settings.data / 'logs'} say why.")

    async def _ledger(self, provider: str) -> Mapping[str, Any]:
        async with self._http.get(f"{provider}/_sim/ledger") as response:
            found: Mapping[str, Any] = await response.json()
            return found

    def _local(self) -> str:
        host = "127.0.0.1" if self.settings.http.host in {"0.0.0.0", "::"} else self.settings.http.host  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self.settings.http.port}"

    def _say(self, sentence: str) -> None:
        self.notices.append(sentence)
        if not terminal():
            click.echo(sentence)
