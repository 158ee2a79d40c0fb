"""The scheduler: order by chance, time only by itself, and processes that die or freeze as a whole."""

from random import Random

from simulation.scheduler import Process, Scheduler, Signal, sleep, switch


def world(seed: int = 1) -> Scheduler:
    return Scheduler(Random(seed), 1_000)


def test_time_passes_only_when_nothing_is_ready() -> None:
    scheduler, woke = world(), list[int]()

    async def sleeper() -> None:
        await sleep(5_000)
        woke.append(scheduler.now)

    scheduler.spawn(scheduler.outside, sleeper())
    assert scheduler.run(lambda: bool(woke), 100)
    assert 6_000 <= woke[0] <= 6_010


def test_the_order_is_the_seeds() -> None:
    def order(seed: int) -> list[int]:
        scheduler, ran = world(seed), list[int]()

        async def task(number: int) -> None:
            for _ in range(3):
                ran.append(number)
                await switch()

        for number in range(4):
            scheduler.spawn(scheduler.outside, task(number))
        scheduler.run(lambda: len(ran) == 12, 100)
        return ran

    assert order(1) == order(1)
    assert len({tuple(order(seed)) for seed in range(20)}) > 10


def test_a_killed_process_takes_no_further_step() -> None:
    scheduler, process, ran = world(), Process("worker"), list[int]()

    async def task() -> None:
        while True:
            ran.append(1)
            process.alive = len(ran) < 3
            await switch()

    scheduler.spawn(process, task())
    scheduler.run(lambda: False, 100)
    assert len(ran) == 3


def test_a_frozen_process_goes_on_where_it_stood() -> None:
    scheduler, process, ran = world(), Process("worker"), list[str]()

    async def task() -> None:
        ran.append("before")
        process.frozen = True
        await switch()
        ran.append("after")

    scheduler.spawn(process, task())
    scheduler.run(lambda: False, 10)
    assert ran == ["before"]
    scheduler.thaw(process)
    scheduler.run(lambda: False, 10)
    assert ran == ["before", "after"]


def test_a_signal_wakes_once_and_a_late_time_out_does_not() -> None:
    scheduler, woke = world(), list[str]()
    signal = Signal(scheduler)

    async def waiter() -> None:
        await signal.wait(100)
        woke.append("signal")
        await sleep(10_000)
        woke.append("slept")

    scheduler.spawn(scheduler.outside, waiter())
    scheduler.run(lambda: False, 1)
    signal.set()
    scheduler.run(lambda: len(woke) == 2, 50)
    assert woke == ["signal", "slept"]
    assert scheduler.now >= 11_000
