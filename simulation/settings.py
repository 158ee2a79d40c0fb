"""recado.accounts of the simulated world: a few records, read by every worker, by some later than by others."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from chaos.feed import ACCOUNT, SETTINGS, TEMPLATE, TEMPLATE_TEXT, VARIABLES
from connectors.ports import Message
from events.account import AccountConfigured, SendCancelled, TemplateSaved
from events.codec import encode_input
from events.envelope import Input, InputData
from projections.account import Account, Directory

START: Final = 1_795_417_200_000  # 2026-11-23T07:00:00Z, ms
PER_DAY: Final = 24  # SMS: some worlds reach it
_TEMPLATE: Final[dict[str, Any]] = {"template": TEMPLATE, "variables": list(VARIABLES)}
_CONNECTOR: Final = {"provider": "instasent", "token": {"sealed": "v1.c2ltdWxhdGlvbg"}}
_RECORDS: Final[tuple[InputData, ...]] = (
    AccountConfigured.of_json({**SETTINGS, "connector": _CONNECTOR, "limits": {"per_day": PER_DAY}}),
    TemplateSaved.of_json({**_TEMPLATE, "text": TEMPLATE_TEXT}),
    TemplateSaved.of_json({**_TEMPLATE, "text": f"{TEMPLATE_TEXT}!"}),
    TemplateSaved.of_json({**_TEMPLATE, "text": TEMPLATE_TEXT, "labels": ["orders"]}),
    # It is eight in Madrid when a world begins.
    AccountConfigured.of_json(
        {
            "caps": {"newsletter": [{"sends": 3, "days": 1}], "transactional": [{"sends": 5, "days": 2}]},
            "quiet_hours": {"newsletter": {"from": "07:00", "to": "08:01"}},
            "fallback": {"provider": "twilio", "token": {"sealed": "v1.c2ltdWxhdGlvbg"}},
        }
    ),
    SendCancelled(label="sale", before=START + 90_000),
)
FIRST: Final = 2
"""Records that lie there before anything else does; the others come later, in the middle of everything."""


class Script(NamedTuple):
    """recado.accounts of a world whose one account is open, or sealed: its records, and the accounts behind each."""

    messages: Sequence[Message]
    versions: Sequence[Mapping[str, Account]]
    cancellations: Sequence[int]  # positions behind them
    sealed: bool

    def at(self, version: int) -> "Settings":
        """The accounts as they are behind a record, for who looks back."""
        return Settings(self, version)


class Settings(Directory):
    """A Directory that goes on by one record at a time."""

    def __init__(self, script: Script, version: int = 0) -> None:
        super().__init__()
        self.version = version
        self._script = script
        self._know()

    def advance(self) -> None:
        self.version += 1
        self._know()

    def account(self, name: str) -> Account | None:
        return self._script.versions[self.version].get(name)

    def _know(self) -> None:
        self.cancelled = max((at for at in self._script.cancellations if at <= self.version), default=0)
        if self._script.sealed and self.version:
            self.sealed = self.unsealing = frozenset({ACCOUNT})


def _script(privacy: str) -> Script:
    """Made once for all seeds."""
    events = []
    for number, data in enumerate(_RECORDS):
        if not number and isinstance(data, AccountConfigured):
            data = AccountConfigured.of_json({**data.as_json(), "privacy": privacy})  # noqa: PLW2901
        events.append(Input.of(data, id=f"settings-{number}", source="/simulation", subject=ACCOUNT, time=START))
    directory, versions = Directory(), [dict[str, Account]()]
    for number, event in enumerate(events):
        directory.evolve(event, number)
        account = directory.account(ACCOUNT)
        versions.append({} if account is None else {ACCOUNT: account})
    messages = [Message(ACCOUNT.encode(), encode_input(event)) for event in events]
    cancellations = [number + 1 for number, data in enumerate(_RECORDS) if isinstance(data, SendCancelled)]
    return Script(messages, versions, cancellations, privacy == "sealed")


OPEN: Final = _script("open")
SEALED: Final = _script("sealed")
