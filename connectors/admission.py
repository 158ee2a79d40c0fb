"""Which events a stranger may publish through Recado, by file or over HTTP, and into which topic."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from connectors.tokens import Unusable
from events.account import AccountConfigured, TemplateSaved
from events.codec import decode_unrouted, encode_input
from events.envelope import Input, Undecodable
from events.shape import Class
from events.topics import Role
from projections.account import Account, Directory
from projections.preview import usable
from projections.template import Broken, compile_text

Sealer = Callable[[str, AccountConfigured], AccountConfigured]
"""An account's settings with every plain token sealed; see tokens.sealed, whose Unusable it may raise."""


@dataclass(slots=True)
class Standards:
    """What the templates of one file or batch are judged by: the accounts' settings, and what stands before them in
    it. `directory` is asked for once a template stands there."""

    directory: Callable[[], Directory]
    _patches: dict[str, AccountConfigured] = field(default_factory=dict)
    _accounts: dict[str, Account] = field(default_factory=dict)  # as they are with the patches

    def heed(self, account: str, patch: AccountConfigured) -> None:
        """Settings that will hold for what stands behind them."""
        before = self._patches.get(account, AccountConfigured())
        changes = {name: getattr(patch, name) for name in patch.model_fields_set}
        self._patches[account] = before.model_copy(update=changes)
        self._accounts.pop(account, None)

    def judge(self, account: str, saved: TemplateSaved) -> None:
        """Raises Broken for what the account could not use."""
        if account not in self._accounts:
            known = self.directory().account(account) or Account(account)
            self._accounts[account] = known.patched(self._patches.get(account, AccountConfigured()))
        usable(self._accounts[account], saved.text, saved.variables)


class Admitted(NamedTuple):
    """The topic of an event, the event, and its bytes as they may be written."""

    role: Role
    event: Input
    value: bytes


def admit(
    value: bytes, class_: Class | None = None, sealer: Sealer | None = None, standards: Standards | None = None
) -> Admitted:
    """An event judged as the engine would judge it. `class_` is the class of the sends that name none. Its bytes stay
    as they are, but for an account's plain token: `sealer` seals it. Raises Undecodable: as `decode_unrouted`, and
    `schema` for a token that cannot be sealed, and for a template that could not be used: on Kafka it makes a version
    that says so, and here its author is still there to mend it. With `standards` also for what its account could not
    use."""
    role, event = decode_unrouted(value, class_)
    if isinstance(event.data, AccountConfigured) and standards is not None:
        standards.heed(event.account, event.data)
    if isinstance(event.data, AccountConfigured) and _plain_token(event.data):
        if sealer is None:
            rule = "holds a plain token, which may not be written to Kafka: use `recado account set --token-file`"
            raise Undecodable("schema", f"data.connector.token: {rule}")
        try:
            event = event._replace(data=sealer(event.account, event.data))
        except Unusable as error:
            raise Undecodable("schema", f"data.{error}") from None
        return Admitted(role, event, encode_input(event))
    if isinstance(event.data, TemplateSaved):
        try:
            compile_text(event.data.text, event.data.variables)
            if standards is not None:
                standards.judge(event.account, event.data)
        except Broken as broken:
            raise Undecodable("schema", f"data.text: {broken}") from None
    return Admitted(role, event, value)


def _plain_token(settings: AccountConfigured) -> bool:
    return any(c is not None and c.sealed_token is None for c in (settings.connector, settings.fallback))
