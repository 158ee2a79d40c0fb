"""What is done to workers, and when. A further fault is a line in FAULTS."""

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Literal, NamedTuple

from chaos.processes import Pause, Process, Site

SESSION: Final = 10.0  # seconds: the workers' session in the consumer group


class Fault(NamedTuple):
    """One kind of fault. `lost` says whether attempts may be left open by it."""

    inject: Callable[[Site, Process, Pause], None]
    lost: bool


def _kill(site: Site, worker: Process, pause: Pause) -> None:
    worker.end(signal.SIGKILL)
    worker.start()


def _kill_and_delete(site: Site, worker: Process, pause: Pause) -> None:
    worker.end(signal.SIGKILL)
    site.delete_state(worker)
    worker.start()


def _terminate(site: Site, worker: Process, pause: Pause) -> None:
    worker.end(signal.SIGTERM)
    worker.start()


def _freeze(site: Site, worker: Process, pause: Pause) -> None:
    """Longer than its session, so that its partitions go to another while it still believes in them."""
    worker.send_signal(signal.SIGSTOP)
    pause(SESSION * 1.4)
    worker.send_signal(signal.SIGCONT)


FAULTS: Final[Mapping[str, Fault]] = {
    "SIGKILL": Fault(_kill, lost=True),
    "SIGKILL, state deleted": Fault(_kill_and_delete, lost=True),
    "SIGTERM": Fault(_terminate, lost=False),
    "SIGSTOP beyond the session": Fault(_freeze, lost=True),
}
KILLS: Final[Mapping[str, int]] = {"SIGKILL": 2, "SIGKILL, state deleted": 1}
ALL: Final[Mapping[str, int]] = {**KILLS, "SIGTERM": 1, "SIGSTOP beyond the session": 1}


Moment = Literal["busy", "calling", "starting"]
MOMENTS: Final[Mapping[Moment, int]] = {"busy": 4, "calling": 3, "starting": 3}


@dataclass(frozen=True, slots=True)
class Blow:
    """One fault at its moment: `busy`, behind `share` of a wave's records and `delay` seconds later; `calling`, at that
    place as soon as calls are under way; `starting`, `delay` seconds after the worker was last started, which is most
    often before it has taken over."""

    fault: str
    worker: int
    moment: Moment
    share: float
    delay: float


def schedule(random: Random, blows: int, workers: int, weights: Mapping[str, int]) -> Sequence[Blow]:
    """So many faults, drawn by weight; each kind comes at least once if there are enough, and so does each moment."""

    def drawn(weights: Mapping[Any, int]) -> list[Any]:
        kinds = list(weights)
        chosen = [*kinds, *random.choices(kinds, list(weights.values()), k=max(0, blows - len(kinds)))][:blows]
        random.shuffle(chosen)
        return chosen

    longest: Mapping[Moment, float] = {"busy": 0.06, "calling": 0.0, "starting": 3.0}
    return [
        Blow(fault, random.randrange(workers), moment, random.random(), random.random() * longest[moment])
        for fault, moment in zip(drawn(weights), drawn(MOMENTS), strict=True)
    ]
