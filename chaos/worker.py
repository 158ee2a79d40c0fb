"""`python -m chaos.worker`: loads the product once, and is forked into one worker for each order.

Orders come as lines of JSON on standard input; what happens is told on standard output: `ended`, `struck`,
`took_over`. A worker made so is `recado worker` but for three things: its parts are wired with a trap
(chaos/wiring.py), its session in the group is the run's, and one that was fenced ends with status 75 instead of
starting itself again: whoever started it does. Forked, since a start from nothing would take two seconds of a
processor, and a run makes hundreds.
"""

import asyncio
import gc
import logging
import os
import select
import signal
from pathlib import Path
from typing import Any, Final

import orjson
from aiokafka.errors import KafkaError

from chaos import mutants, wiring
from chaos.points import Trap
from chaos.trap import Armed
from connectors.kafka.errors import BrokerUnavailable
from connectors.ports import Fenced
from streams import app, interpreter
from streams.cli import parent, place, services
from streams.cli.supervisor import AGAIN
from streams.worker_name import claim

ARM: Final = signal.SIGUSR1
UNAVAILABLE: Final = 69  # exit status of a worker that found no broker when it started
_CUT: Final = 3_000  # characters of one line: shorter than what a pipe takes at once


def main() -> None:
    """Serve orders until standard input ends."""
    parent.bind()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_BLOCK, {ARM})  # in a worker too, until it heeds it: else it would die of it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    running: dict[int, str] = {}
    waiting = b""
    while True:
        ready, _, _ = select.select([0, reader], [], [])
        if reader in ready:
            os.read(reader, 4096)
            _reap(running)
        if 0 in ready:
            came = os.read(0, 65_536)
            if not came:
                return
            *lines, waiting = (waiting + came).split(b"\n")
            for line in lines:
                _obey(orjson.loads(line), running)


def _obey(order: dict[str, Any], running: dict[int, str]) -> None:
    if "signal" in order:
        # Only what was not reaped is signalled: its number is nobody else's.
        for pid in [pid for pid, name in running.items() if name == order["name"]]:
            os.kill(pid, order["signal"])
        return
    pid = os.fork()
    if pid == 0:
        _become(order)
    running[pid] = order["name"]


def _reap(running: dict[int, str]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        _tell({"ended": os.waitstatus_to_exitcode(status), "name": running.pop(pid)})


def _tell(what: dict[str, Any]) -> None:
    line = orjson.dumps(what)[:_CUT] + b"\n"
    os.write(1, line)


def _become(order: dict[str, Any]) -> None:
    """Be the worker of this order, and never return."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        told = os.dup(1)
        log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for descriptor, place_ in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(descriptor, place_)
        os.environ.clear()
        os.environ.update({**order["environment"], parent.ENVIRONMENT: str(os.getppid())})
        name = order["name"]
        trap = Trap(*order["trap"]) if order["trap"] else None
        armed = Armed(trap, lambda what: _told(told, {**what, "name": name}))
        traps = Path(order["traps"])
        signal.signal(ARM, lambda *_: armed.arm(orjson.loads(traps.read_bytes())))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {ARM})
        status = _work(armed, order)
    except BaseException:
        logging.getLogger(__name__).exception("a worker of the run did not start")
    finally:
        logging.shutdown()
        os._exit(status)


def _told(descriptor: int, what: dict[str, Any]) -> None:
    os.write(descriptor, orjson.dumps(what)[:_CUT] + b"\n")


def _work(armed: Armed, order: dict[str, Any]) -> int:
    services.begin(logging.WARNING)
    wiring.install(armed, order["session"])
    if order["mutant"]:
        mutants.MUTANTS[order["mutant"]].install(Path(order["environment"]["RECADO_DATA"]))
    settings = place.located(place.settings())
    with claim(settings.data, settings.worker) as name:
        worker = app.Worker(settings, name.name, _fatal)
        interpreter.settle()
        try:
            asyncio.run(worker.run())
        except (KafkaError, BrokerUnavailable) as exc:
            logging.getLogger(__name__).warning("no broker at the start: %s", type(exc).__name__)
            return UNAVAILABLE
    return 0


def _fatal(exc: BaseException) -> None:
    if isinstance(exc, Fenced):
        logging.getLogger(__name__).critical("the worker stops: %s", exc)
        logging.shutdown()
        os._exit(AGAIN)
    app.end_process(exc)


if __name__ == "__main__":
    main()
