"""What is done to workers, and when. A further fault is a line in FAULTS."""

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

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


@dataclass(frozen=True, slots=True)
class Blow:
    """One fault at its moment: behind `share` of a wave's records if `busy`, else `delay` seconds after the worker was
    last started, which is most often before it has taken over."""

    fault: str
    worker: int
    busy: bool
    share: float
    delay: float


def schedule(random: Random, blows: int, workers: int, weights: Mapping[str, int]) -> Sequence[Blow]:
    """So many faults, drawn by weight; each kind that has a weight comes at least once if there are enough."""
    kinds = list(weights)
    drawn = [*kinds, *random.choices(kinds, list(weights.values()), k=max(0, blows - len(kinds)))][:blows]
    random.shuffle(drawn)
    return [
        Blow(
            fault,
            random.randrange(workers),
            busy=random.random() < 0.75,
            share=random.random(),
            delay=random.random() * (0.06 if random.random() < 0.5 else 3.0),
        )
        for fault in drawn
    ]
