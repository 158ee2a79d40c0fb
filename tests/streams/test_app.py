"""How a worker's process ends of a fault."""

import subprocess
import sys

from streams import app


def test_a_fault_that_says_nothing_is_told_by_its_kind() -> None:
    script = "import asyncio; from streams import app; app.end_process(asyncio.CancelledError())"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ended.returncode == app.FAULT
    assert "the worker stops: CancelledError" in ended.stderr
