"""What `recado doctor` says of an account's provider: it is asked, and nothing is sent."""

import asyncio

import pytest

from connectors.simulator.server import running
from connectors.simulator.settings import Config, Fault, Token
from connectors.tokens import sealed
from events.account import AccountConfigured
from events.envelope import Input
from projections.account import Directory
from streams.cli.doctor import _asked, _connector
from streams.cli.standing import Finding

SECRET = b"s" * 32


def found(token: str, url: str | None = None, fault: Fault | None = None) -> tuple[Finding, int]:
    """The finding about an account's connector, and how many SMS the provider took."""

    async def scenario() -> tuple[Finding, int]:
        config = Config(tokens=(Token(token="good"),), faults=() if fault is None else (fault,))
        async with running(config) as simulator:
            connector = {"provider": "instasent", "base_url": url or simulator.url, "token": token}
            data = sealed(SECRET, "acme", AccountConfigured.of_json({"connector": connector}))
            accounts = Directory()
            accounts.evolve(Input.of(data, id="a", source="/test", subject="acme", time=0), 0)
            answers = await _asked(accounts, SECRET, "http://127.0.0.1:8080")
            account = accounts.account("acme")
            assert account is not None
            assert account.connector is not None
            (finding,) = _connector(SECRET, "acme", "", account.connector, answers["acme", False])
            return finding, simulator.ledger.accepted

    return asyncio.run(scenario())


def test_a_provider_that_takes_the_token_is_well_and_is_sent_nothing() -> None:
    finding, sent = found("good")
    assert (finding.well, sent) == (True, 0)
    assert finding.words.endswith("takes it")


@pytest.mark.parametrize(
    ("given", "well", "words"),
    [
        ({"token": "revoked"}, False, "does not take it (HTTP 401): `recado account set acme`"),
        ({"token": "good", "url": "http://127.0.0.1:9"}, None, "does not answer"),
        ({"token": "good", "fault": Fault(kind="status", endpoint="list", status=429)}, True, "asked less often"),
        ({"token": "good", "fault": Fault(kind="status", endpoint="list", status=503)}, None, "sends wait"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do(given: dict[str, object], well: bool | None, words: str) -> None:
    finding, _ = found(**given)  # type: ignore[arg-type]
    assert finding.well is well
    assert words in finding.words
    assert str(given["token"]) not in finding.words
