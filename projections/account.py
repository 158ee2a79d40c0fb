"""All accounts: settings, templates, cancellations. A fold of the whole of recado.accounts, which every process reads.

Nothing here is a secret in the clear: a connector carries its sealed token only.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from events.account import (
    AccountConfigured,
    Bounces,
    Connector,
    Keywords,
    Limits,
    SendCancelled,
    TemplateSaved,
    TextRule,
    Variable,
)
from events.contact import Subscription
from events.envelope import Input
from events.shape import Class
from projections import cancellation, template, wording
from projections.cancellation import Cancellation, Scope
from projections.template import Broken, Template

__all__ = ["Account", "Customs", "Directory", "SavedTemplate"]

# Where an account says its country only. Others write English, UTC and amounts without a symbol until they are told
# otherwise: a wrong currency in somebody's SMS is worse than none.
_BY_COUNTRY: Final = {
    "ES": ("es-ES", "EUR", "Europe/Madrid"), "FR": ("fr-FR", "EUR", "Europe/Paris"),
    "PT": ("pt-PT", "EUR", "Europe/Lisbon"), "IT": ("it-IT", "EUR", "Europe/Rome"),
    "DE": ("de-DE", "EUR", "Europe/Berlin"), "AD": ("ca-AD", "EUR", "Europe/Andorra"),
    "GB": ("en-GB", "GBP", "Europe/London"), "IE": ("en-IE", "EUR", "Europe/Dublin"),
    "US": ("en-US", "USD", "America/New_York"), "MX": ("es-MX", "MXN", "America/Mexico_City"),
    "AR": ("es-AR", "ARS", "America/Argentina/Buenos_Aires"), "CL": ("es-CL", "CLP", "America/Santiago"),
    "CO": ("es-CO", "COP", "America/Bogota"), "PE": ("es-PE", "PEN", "America/Lima"),
    "EC": ("es-EC", "USD", "America/Guayaquil"), "UY": ("es-UY", "UYU", "America/Montevideo"),
    "BO": ("es-BO", "BOB", "America/La_Paz"), "PY": ("es-PY", "PYG", "America/Asuncion"),
    "VE": ("es-VE", "VES", "America/Caracas"), "CR": ("es-CR", "CRC", "America/Costa_Rica"),
    "PA": ("es-PA", "PAB", "America/Panama"), "DO": ("es-DO", "DOP", "America/Santo_Domingo"),
    "GT": ("es-GT", "GTQ", "America/Guatemala"), "HN": ("es-HN", "HNL", "America/Tegucigalpa"),
    "NI": ("es-NI", "NIO", "America/Managua"), "SV": ("es-SV", "USD", "America/El_Salvador"),
    "BR": ("pt-BR", "BRL", "America/Sao_Paulo"), "AT": ("de-AT", "EUR", "Europe/Vienna"),
    "BE": ("nl-BE", "EUR", "Europe/Brussels"), "NL": ("nl-NL", "EUR", "Europe/Amsterdam"),
    "CH": ("de-CH", "CHF", "Europe/Zurich"), "PL": ("pl-PL", "PLN", "Europe/Warsaw"),
}  # fmt: skip
_ELSEWHERE: Final = ("en", "", "UTC")


class SavedTemplate(NamedTuple):
    """The newest version of a template."""

    name: str
    version: int  # 1, 2, 3, ...
    text: str
    labels: tuple[str, ...]
    compiled: Template | None  # None where the text cannot be used
    problem: str  # why not; "" where it can
    variables: tuple[Variable, ...] = ()


class Customs(NamedTuple):
    """BCP 47; ISO 4217, "" where nobody knows; IANA."""

    locale: str
    currency: str
    timezone: str


@dataclass(frozen=True, slots=True)
class Account:
    """One account's settings as they are now; the names and defaults are the contract's, section 3."""

    name: str
    version: int = 0  # position behind the last record of recado.accounts that touched it
    country: str | None = None
    timezone: str | None = None
    currency: str | None = None
    locale: str | None = None
    default_subscription: Subscription = "none"
    connector: Connector | None = None
    fallback: Connector | None = None
    nodes: Any = None
    stopped: bool = False
    require_mobile: bool = True
    bounces: Bounces = field(default_factory=Bounces)
    resend_unknown: Sequence[Class] = ()
    quiet_hours: Mapping[str, Any] | None = None
    caps: Mapping[str, Any] | None = None
    limits: Limits = field(default_factory=Limits)
    text: TextRule = field(default_factory=TextRule)
    keywords: Keywords = field(default_factory=Keywords)
    link_domain: str | None = None
    privacy: str = "open"
    templates: Mapping[str, SavedTemplate] = field(default_factory=dict)
    cancellations: Mapping[Scope, Cancellation] = field(default_factory=dict)
    defaults: tuple[tuple[int, Subscription], ...] = ()  # each other default_subscription, and since when, ms

    @property
    def customs(self) -> Customs:
        """Locale, currency and time zone; what is not set follows from the country."""
        locale, currency, timezone = _BY_COUNTRY.get(self.country or "", _ELSEWHERE)
        return Customs(self.locale or locale, self.currency or currency, self.timezone or timezone)

    def default_at(self, moment: int | None) -> Subscription:
        """What a contact of whom nothing was said was at that time, ms, by the settings told by then; None: now."""
        if moment is None:
            return self.default_subscription
        told = [default for since, default in self.defaults if since <= moment]
        return told[-1] if told else _DEFAULTS.default_subscription

    @property
    def manner(self) -> wording.Manner:
        """How values are written into texts."""
        return wording.manner(*self.customs)

    def patched(self, patch: AccountConfigured) -> "Account":
        """Absent stays, null goes back to the default, a value replaces the whole setting."""
        changes: dict[str, Any] = {}
        for name in patch.model_fields_set:
            value = getattr(patch, name)
            changes[name] = getattr(_DEFAULTS, name) if value is None else value
        return replace(self, **changes)

    @property
    def connected(self) -> bool:
        """Is there a provider to send through? A token that was never sealed counts as none."""
        return self.connector is not None and self.connector.sealed_token is not None

    def cancelled(self, send_id: str, labels: Sequence[str], requested_at: int) -> bool:
        """Was a send, asked for at that time (ms), cancelled?"""
        return cancellation.covering(self.cancellations, send_id, labels, requested_at) is not None


_DEFAULTS: Final = Account("")


class Directory:
    """All accounts. The one thing here that changes in place: it is shared, and replaced record by record.

    `version` is the position behind the last record folded: what settings a decision saw; `cancelled` is that behind
    the last cancellation. `sealed` are the accounts whose privacy is `sealed` now, `unsealing` those where it ever was:
    their states may hold sealed values.
    """

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}
        self._known: set[bytes] = set()
        self.version = 0
        self.cancelled = 0
        self.sealed: frozenset[str] = frozenset()
        self.unsealing: frozenset[str] = frozenset()

    def account(self, name: str) -> Account | None:
        """The account, or None where nothing was ever configured for it: a template alone makes no account."""
        account = self._accounts.get(name)
        return account if account is not None and account.version else None

    def template(self, account: str, name: str) -> SavedTemplate | None:
        """The newest version of a template."""
        known = self._accounts.get(account)
        return known.templates.get(name) if known else None

    def names(self) -> list[str]:
        """Every configured account, in order."""
        return sorted(name for name, account in self._accounts.items() if account.version)

    def several(self) -> bool:
        """Is anything known of more accounts than one?"""
        return len(self._accounts) > 1

    def as_now(self) -> "Directory":
        """The accounts as they are now, whatever comes later; not to be folded on."""
        now = copy(self)
        now._accounts = dict(self._accounts)
        return now

    def evolve(self, event: Input, offset: int) -> None:
        """Fold one record of recado.accounts, read at `offset`. The same offset again changes nothing, nor does a later
        record with the same event, by source and id."""
        if offset < self.version:
            return
        if self._is_known(event):
            self.skip(offset)
            return
        before = self._accounts.get(event.account) or Account(event.account)
        data = event.data
        if isinstance(data, AccountConfigured):
            after = _remembering(replace(before.patched(data), version=offset + 1), event.time)
            self._seal(after)
        elif isinstance(data, TemplateSaved):
            saved = _saved(before.templates.get(data.template), data)
            after = replace(before, templates={**before.templates, data.template: saved})
        elif isinstance(data, SendCancelled):
            after = replace(before, cancellations=cancellation.added(before.cancellations, data, event))
            self.cancelled = offset + 1
        else:
            raise TypeError(f"{event.type} does not belong in recado.accounts")
        self._accounts[event.account] = after
        self.version = offset + 1

    def _seal(self, account: Account) -> None:
        if account.privacy == "sealed":
            self.sealed |= {account.name}
            self.unsealing |= {account.name}
        else:
            self.sealed -= {account.name}

    def skip(self, offset: int) -> None:
        """A record that says nothing, or nothing new, was passed over."""
        self.version = max(self.version, offset + 1)

    def _is_known(self, event: Input) -> bool:
        """Was it read before? Cancellations, the only ones that systems may send in numbers, are not remembered: each
        says the same however often it comes."""
        if isinstance(event.data, SendCancelled):
            return False
        name = blake2b(f"{event.subject}\0{event.source}\0{event.id}".encode(), digest_size=16).digest()
        known = name in self._known
        self._known.add(name)
        return known


def _remembering(account: Account, time: int) -> Account:
    """What the default is from that time on, where it is another one now: for questions about the past."""
    last = account.defaults[-1][1] if account.defaults else _DEFAULTS.default_subscription
    if account.default_subscription == last:
        return account
    return replace(account, defaults=(*account.defaults, (time, account.default_subscription)))


def _saved(before: SavedTemplate | None, data: TemplateSaved) -> SavedTemplate:
    """A text that cannot be used is a version too: the sends that name it say so, and do not send the old text."""
    version = before.version + 1 if before else 1
    compiled, problem = None, ""
    try:
        compiled = template.compile_text(data.text, data.variables)
    except Broken as error:
        problem = str(error)
    labels, variables = tuple(data.labels), tuple(data.variables)
    return SavedTemplate(data.template, version, data.text, labels, compiled, problem, variables)
