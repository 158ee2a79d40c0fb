"""recado.accounts of the simulated world: a few records, read by every worker, by some later than by others."""

from typing import Any, Final

from chaos.feed import ACCOUNT, SETTINGS, TEMPLATE, TEMPLATE_TEXT, VARIABLES
from connectors.ports import Message
from events.account import AccountConfigured, TemplateSaved
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
)
FIRST: Final = 2
"""Records that lie there before anything else does; the others come later, in the middle of everything."""


def _event(number: int) -> Input:
    return Input.of(_RECORDS[number], id=f"settings-{number}", source="/simulation", subject=ACCOUNT, time=START)


MESSAGES: Final = tuple(Message(ACCOUNT.encode(), encode_input(_event(number))) for number in range(len(_RECORDS)))


def _versions() -> list[dict[str, Account]]:
    """The accounts as they are behind each record, made once for all seeds."""
    directory, versions = Directory(), [dict[str, Account]()]
    for number in range(len(_RECORDS)):
        directory.evolve(_event(number), number)
        account = directory.account(ACCOUNT)
        versions.append({} if account is None else {ACCOUNT: account})
    return versions


_VERSIONS: Final = _versions()


class Settings(Directory):
    """A Directory that goes on by one record at a time."""

    def __init__(self, version: int = 0) -> None:
        super().__init__()
        self.version = version

    def advance(self) -> None:
        self.version += 1

    def account(self, name: str) -> Account | None:
        return _VERSIONS[self.version].get(name)


AT: Final = tuple(Settings(version) for version in range(len(_VERSIONS)))
"""The accounts behind each record, for who looks back."""
