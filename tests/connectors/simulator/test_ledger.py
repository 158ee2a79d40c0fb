"""The ledger: exact under concurrency, and still there after a kill."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from connectors.simulator.ledger import Entry, Ledger, read, text_hash


def test_counts_are_exact_under_concurrent_requests(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation(faults=[{"kind": "drop_after", "probability": 0.2}]) as given:

            async def send(n: int) -> None:
                with contextlib.suppress(aiohttp.ClientConnectionError):
                    await given.send(f"c-{n % 250}")

            await asyncio.gather(*(send(n) for n in range(500)))
            given.sim.faults.clear()
            await given.send(None)
            await given.send("bad", to="nobody")
            await given.sim.settled()
            counts = (await given.ask("GET", "/_sim/ledger")).body
            assert (counts["accepted"], counts["distinct_client_ids"], counts["second_sends"]) == (501, 250, 250)
            assert counts["without_client_id"] == 1
            assert counts["refusals_by_status"] == {"400": 1}
            assert set(counts["repeated_client_ids"].values()) == {2}
            assert counts["callbacks_made"] == counts["callbacks_taken"] == 501
            assert counts["callbacks_pending"] == 0

    asyncio.run(scenario())


def test_the_detail_lists_entries_in_order_of_acceptance(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation() as given:
            for client_id in ("b", "a", "b"):
                await given.send(client_id)
            counts = (await given.ask("GET", "/_sim/ledger?detail=1")).body
            assert [entry["clientId"] for entry in counts["entries"]] == ["b", "a", "b"]
            assert counts["client_ids"] == {"b": 2, "a": 1}
            entry = counts["entries"][0]
            assert (entry["to"], entry["text"]) == ("+34600000001", text_hash("Hola"))
            assert "Hola" not in str(counts)
            one = (await given.ask("GET", "/_sim/ledger?client_id=a")).body["entries"]
            assert [entry["clientId"] for entry in one] == ["a"]

    asyncio.run(scenario())


def test_a_ledger_goes_on_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    first = Ledger(path)
    first.accept("a", "+1", "Hola", 1)
    first.accept(None, "+2", "Hola", 2)
    first.close()
    second = Ledger(path)
    second.accept("a", "+1", "Hola", 3)
    second.close()
    assert (second.accepted, second.second_sends, second.without_client_id) == (3, 1, 1)
    assert (
        read(path)
        == second.entries
        == [
            Entry("a", "+1", text_hash("Hola"), 1),
            Entry(None, "+2", text_hash("Hola"), 2),
            Entry("a", "+1", text_hash("Hola"), 3),
        ]
    )


def test_a_line_cut_short_by_a_crash_was_not_accepted(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    whole = orjson.dumps(Entry("a", "+1", "x", 1).json()) + b"\n"
    path.write_bytes(whole + whole[:20])
    assert len(read(path)) == 1
    ledger = Ledger(path)
    ledger.accept("b", "+1", "Hola", 2)
    ledger.close()
    assert [entry.client_id for entry in read(path)] == ["a", "b"]


def test_another_file_is_no_ledger(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text("buy milk\n")
    with pytest.raises(ValueError, match="line 1"):
        Ledger(path)
    assert path.read_text() == "buy milk\n"


def test_no_file_is_an_empty_ledger(tmp_path: Path) -> None:
    assert read(tmp_path / "none") == []


PROGRAM = """
import sys
from pathlib import Path
from connectors.simulator import Config, run
config = Config(accept_any_token=True, ledger_file=Path(sys.argv[1]), journey=())
run(port=0, config=config, ready=lambda simulator: print(simulator.url, flush=True))
"""


def start(ledger: Path) -> "tuple[subprocess.Popen[str], str]":
    root = Path(__file__).parents[3]
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(ledger)], stdout=subprocess.PIPE, text=True, cwd=root, env=dict(os.environ)
    )
    assert program.stdout is not None
    return program, program.stdout.readline().strip()


def end(program: "subprocess.Popen[str]", number: signal.Signals) -> int:
    program.send_signal(number)
    code = program.wait(10)
    if program.stdout is not None:
        program.stdout.close()
    return code


def post(url: str, count: int) -> None:
    import requests

    with requests.Session() as session:
        for n in range(count):
            body = {"from": "Acme", "to": "+34600000001", "text": "Hola", "clientId": f"c-{n}"}
            reply = session.post(f"{url}/sms", json=body, headers={"Authorization": "Bearer x"}, timeout=5)
            assert reply.status_code == 201


def test_what_was_accepted_survives_a_kill_and_the_next_run_knows_it(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    program, url = start(ledger)
    post(url, 5)
    assert end(program, signal.SIGKILL) == -signal.SIGKILL
    assert [entry.client_id for entry in read(ledger)] == [f"c-{n}" for n in range(5)]
    program, url = start(ledger)
    post(url, 2)
    assert end(program, signal.SIGTERM) == 0
    kept = Ledger(ledger)
    kept.close()
    assert (kept.accepted, kept.second_sends) == (7, 2)
