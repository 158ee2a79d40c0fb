"""What a run is made of: the product's parts, or, to test the tests, a part with a mistake in it."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulation.consumer import Consumer
from simulation.provider import Provider
from simulation.worker import Worker
from simulation.writer import Writer
from streams.pipeline import Pipeline
from streams.workflow import SendingWorkflow

if TYPE_CHECKING:
    from simulation.world import World


@dataclass(frozen=True)
class Variant:
    """`patch` is in force during a run; `fencing` False is a broker that lets former owners write."""

    name: str
    worker: type[Worker] = Worker
    consumer: type[Consumer] = Consumer
    pipeline: type[Pipeline] = Pipeline
    workflow: type[SendingWorkflow] = SendingWorkflow
    writer: type[Writer] = Writer
    provider: Callable[["World", Worker], Any] = Provider
    patch: Callable[[], AbstractContextManager[Any]] = nullcontext
    fencing: bool = True


PRODUCT = Variant("the product")
