"""The take-over in the place of Faust's recovery.

Faust reads changelogs one record at a time, swallows exceptions while it does, and seeks to offsets that its own acks
have moved. This keeps Faust's signals (when a rebalance ends, when the flow resumes) and nothing else of it.
"""

from collections.abc import Set

from faust.tables.manager import TableManager
from faust.tables.recovery import RebalanceAgain, Recovery, ServiceStopped
from faust.types import TP
from mode import Service

from streams.engine.consumer import engine_of


class PartitionTables(TableManager):
    """Faust's table manager with the take-over in the place of its recovery."""

    async def on_start(self) -> None:
        # Faust waits a second here for tables to be declared; all of ours exist before the app starts.
        await self._update_channels()
        await self.recovery.start()

    @property
    def recovery(self) -> Recovery:
        if self._recovery is None:
            self._recovery = EngineRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery


class EngineRecovery(Recovery):
    """Faust's recovery service; `_restart_recovery` is the task that Faust signals after each rebalance."""

    def on_partitions_revoked(self, revoked: Set[TP]) -> None:
        engine_of(self.app).suspend()

    @Service.task
    async def _restart_recovery(self) -> None:
        engine = engine_of(self.app)
        while not self.should_stop:
            if await self.wait_for_stopped(self.signal_recovery_start):  # type: ignore[arg-type]
                break
            self.signal_recovery_start.clear()
            generation = self._generation_id
            self._set_recovery_started()
            try:
                released = await engine.release()
                partitions = sorted({tp.partition for tp in self.app.assignor.assigned_actives()})
                await self._wait(engine.take_over(partitions, released))
                if engine.suspended:  # given up meanwhile: the rebalance that took them signals again
                    continue
                await self.on_recovery_completed(generation)
            except RebalanceAgain:
                continue
            except ServiceStopped:
                break
            except BaseException as exc:
                # Faust would log this and go on without state. A worker that cannot recover must not decide.
                engine.fatal(exc)
                raise
