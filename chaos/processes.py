"""Recado as processes: started by its own commands, talked to through its environment, signalled as machines do."""

import base64
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import orjson

from chaos.feed import ACCOUNT, SETTINGS, TEMPLATE, TEMPLATE_TEXT, VARIABLES
from chaos.ports import HOST, free_ports
from streams.cli import parent

Pause = Callable[[float], None]


class RunBroken(Exception):
    """The run itself failed: a process did not start, or nothing moves any more. Says which log to read."""


@dataclass
class Process:
    """One `recado` command. `log` takes its output."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    started: bool = False
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; must be called from the main thread, with which the kernel ties it."""
        self.started = True
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", *self.arguments],
                env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def end(self) -> None:
        """Kill it."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()


@dataclass
class Site:
    """One Recado of its own topics and directory: simulator, ingress, workers. `pause` waits; a reader may read on.
    `reached` is the address at which workers reach the simulator, "" for its own."""

    bootstrap: str
    prefix: str
    partitions: int
    data: Path
    workers: int
    environment: Mapping[str, str]  # of the broker's security
    pause: Pause
    secret: bytes = field(default_factory=lambda: os.urandom(32), repr=False)
    http_port: int = field(default_factory=lambda: free_ports(1)[0])
    simulator_port: int = field(default_factory=lambda: free_ports(1)[0])
    reached: str = ""
    processes: list[Process] = field(default_factory=list)

    @property
    def provider(self) -> str:
        return f"http://{HOST}:{self.simulator_port}"

    def begin(
        self, simulator: Mapping[str, Any], accounts: Mapping[str, Mapping[str, Any]] | None = None
    ) -> list[Process]:
        """Set the accounts up and start all but the workers, which are returned, not started. `simulator` are settings
        of its own beyond tokens, callbacks and ledger; `accounts` are names with their settings, by default one."""
        self.data.mkdir(parents=True, exist_ok=True)
        given = accounts or {ACCOUNT: SETTINGS}
        tokens = [self._set_up(account, settings) for account, settings in given.items()]
        config = {**simulator, "tokens": tokens, "ledger_file": str(self.data / "ledger.jsonl")}
        (self.data / "simulator.json").write_bytes(orjson.dumps(config))
        self._start("simulator", "--port", str(self.simulator_port), "--config", str(self.data / "simulator.json"))
        self._start("http", "--only", "ingress")
        self._answers(f"{self.provider}/_sim/ledger")
        self._answers(f"http://{HOST}:{self.http_port}/health/ready")
        return [self._process(f"worker-{number}", "worker") for number in range(1, self.workers + 1)]

    def _set_up(self, account: str, settings: Mapping[str, Any]) -> Mapping[str, str]:
        """An account with its template; its token as the simulator knows it."""
        token = base64.b32encode(os.urandom(20)).decode()
        files = {
            "token": token.encode(), "settings.json": orjson.dumps(settings), "text": TEMPLATE_TEXT.encode(),
            "variables.json": orjson.dumps(VARIABLES),
        }  # fmt: skip
        for name, content in files.items():
            (self.data / name).write_bytes(content)
        answer = self._recado(
            "account", "set", account, "--json", "--instasent-url", f"{self.reached or self.provider}/transactional/v1",
            "--token-file", str(self.data / "token"), "--settings-file", str(self.data / "settings.json"),
        )  # fmt: skip
        self._recado(
            "template", "set", account, TEMPLATE, "--text-file", str(self.data / "text"),
            "--variables-file", str(self.data / "variables.json"), "--json",
        )  # fmt: skip
        return {"token": token, "callback_url": answer["callback_url"]}

    def ledger(self, detail: bool = False) -> dict[str, Any]:
        """The provider's account of what it accepted."""
        found: dict[str, Any] = _ask(f"{self.provider}/_sim/ledger" + ("?detail=1" if detail else ""))
        return found

    def order_faults(self, faults: Sequence[Mapping[str, Any]]) -> None:
        """The provider's next faults, beside those it has."""
        _ask(f"{self.provider}/_sim/faults", orjson.dumps(faults))

    def end(self) -> None:
        """Kill whatever runs."""
        for process in self.processes:
            process.end()

    def _recado(self, *arguments: str) -> dict[str, Any]:
        ran = subprocess.run(
            [sys.executable, "-m", "streams.cli", *arguments], env=self.environment_of("cli"), capture_output=True,
            check=False,
        )  # fmt: skip
        if ran.returncode:
            raise RunBroken(f"recado {arguments[0]} failed: {ran.stderr.decode(errors='replace').strip()[-500:]}")
        answer: dict[str, Any] = orjson.loads(ran.stdout)
        return answer

    def _start(self, *arguments: str) -> None:
        self._process(arguments[0], *arguments).start()

    def _process(self, name: str, *arguments: str) -> Process:
        process = Process(name, arguments, self.environment_of(name), self.data / f"{name}.log")
        self.processes.append(process)
        return process

    def environment_of(self, name: str, bootstrap: str = "") -> dict[str, str]:
        """What a process of this name is told. `bootstrap` is how it reaches the broker, "" for directly."""
        own = {key: value for key, value in os.environ.items() if not key.startswith("RECADO_")}
        return own | {
            **self.environment,
            "RECADO_KAFKA": bootstrap or self.bootstrap,
            "RECADO_TOPIC_PREFIX": self.prefix,
            "RECADO_PARTITIONS": str(self.partitions),
            "RECADO_DATA": str(self.data),
            "RECADO_SECRET": base64.b64encode(self.secret).decode(),
            "RECADO_HTTP": f"{HOST}:{self.http_port}",
            "RECADO_WORKER": name,
            parent.ENVIRONMENT: str(os.getpid()),
        }

    def _answers(self, url: str, within: float = 60.0) -> None:
        waited = 0.0
        while waited < within:
            for process in self.processes:
                if process.started and not process.alive:
                    raise RunBroken(f"{process.name} ended while it started: see {process.log}")
            try:
                _ask(url)
            except (URLError, OSError):
                self.pause(0.05)
                waited += 0.05
            else:
                return
        raise RunBroken(f"nothing answers at {url}: see the logs in {self.data}")


def _ask(url: str, body: bytes | None = None) -> Any:
    with urlopen(url, body, timeout=30) as answer:  # noqa: S310 - an address of this machine
        return orjson.loads(answer.read())
