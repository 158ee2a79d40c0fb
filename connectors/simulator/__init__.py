"""Instasent's API for tests, benches and demos: its wire format, faults to order, and a ledger that judges.

`build` makes an aiohttp application, `running` holds a simulator for the time of a test, `run` is the program.
"""

from connectors.simulator.ledger import Entry, Ledger
from connectors.simulator.server import PROVIDER, Simulator, build, run, running, serve
from connectors.simulator.settings import Config, Fault, Journey, Modes, Step, Token

__all__ = [
    "PROVIDER",
    "Config",
    "Entry",
    "Fault",
    "Journey",
    "Ledger",
    "Modes",
    "Simulator",
    "Step",
    "Token",
    "build",
    "run",
    "running",
    "serve",
]
