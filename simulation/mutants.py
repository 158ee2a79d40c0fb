"""Deliberate mistakes to test the simulation by: every one must be caught.

What is no mistake stands here too (`HARMLESS`): a lease that nobody checks makes late calls, and they harm nobody.
"""

from typing import Final

from simulation import mistakes
from simulation.variant import Variant

MUTANTS: Final[tuple[Variant, ...]] = (
    Variant("the fence opened late", worker=mistakes.FenceLate),
    Variant("no fence at all", fencing=False),
    Variant("the call before the commit", pipeline=mistakes.CallsEarly),
    Variant("the position outside the transaction, before it", writer=mistakes.PositionsBefore),
    Variant("the position outside the transaction, behind it", writer=mistakes.PositionsBehind),
    Variant("facts outside the transaction", writer=mistakes.FactsApart),
    Variant("moved records outside the transaction", writer=mistakes.MovedApart),
    Variant("dead letters outside the transaction", writer=mistakes.BuriedApart),
    Variant("a batch acked after an exception", worker=mistakes.AcksAfterException),
    Variant("an unreadable record passed over", pipeline=mistakes.Drops),
    Variant("an open attempt called again after a take-over", pipeline=mistakes.CallsAgain),
    Variant("a take-over that reads no answers", pipeline=mistakes.Unheard),
    Variant("an unknown outcome sent again", provider=mistakes.Impatient),
    Variant("the answers to a batch matched by their place", provider=mistakes.ByPlace),
    Variant("the local store written before the log", pipeline=mistakes.StoreFirst),
    Variant("a fetch taken wherever it begins", pipeline=mistakes.AnyFetch),
    Variant("inputs read uncommitted", consumer=mistakes.Uncommitted),
    Variant("sends that wait for nothing", pipeline=mistakes.NoBarrier),
    Variant("sends that wait for what is committed only", consumer=mistakes.StableEnds),
    Variant("timers that wait for nothing", pipeline=mistakes.TimersAhead),
    Variant("events not known again", workflow=mistakes.Forgets),
    Variant("an opt-out that stays with its contact", workflow=mistakes.Deaf),
    Variant("receipts not known again", patch=mistakes.receipts_not_known_again),
)
HARMLESS: Final[tuple[Variant, ...]] = (Variant("a lease that nobody checks", worker=mistakes.Unleased),)
