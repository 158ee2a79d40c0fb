"""The envelope of every event: CloudEvents 1.0, structured JSON mode. Contract, section 2."""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, Self

from events.account import AccountConfigured, SendCancelled, TemplateSaved
from events.answer import AnswerReceived, SendSettled
from events.callback import CallbackReceived
from events.contact import ContactErasure, ContactUpdated
from events.link import LinkOpened
from events.opt_out import NumberOptedOut, OptOutRequested
from events.send import SendRequested

LIMIT: Final = 256 * 1024  # bytes of one event
ID_CHARACTERS: Final = 256
SOURCE_CHARACTERS: Final = 512
TYPE_CHARACTERS: Final = 128

Reason = Literal[
    "not_json",  # not UTF-8, not JSON, or nested beyond 1,024
    "too_large",  # beyond LIMIT
    "envelope",  # a required attribute is missing or of the wrong shape
    "subject",  # names no account, or no contact
    "type_unknown",  # no type, or no version of it, that this Recado reads
    "schema",  # the data breaks a rule of its type
    "class",  # the attribute `class` contradicts the topic, or is missing where no topic is named
    "topic",  # a type that does not belong in that topic
    "sealed",  # the data is sealed, and its key was destroyed, is none of ours or was given out by nobody
    "client_id",  # a receipt whose client id is missing or not ours
    "decider",  # a decider raised: a fault of Recado, not of the event
]


class Undecodable(Exception):
    """A record that can never be processed; it goes to the dead letters as it came.

    `detail` is a sentence for a person: the field and the rule, never a phone, a text or a custom field's value.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Final[Reason] = reason
        self.detail: Final = detail


_ACCOUNT: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
ACCOUNT_CHARACTERS: Final = 40
CONTACT_CHARACTERS: Final = 128


@lru_cache(maxsize=4096)  # accounts are few, and each is judged with every event of its contacts
def _is_account(text: str) -> bool:
    return _ACCOUNT.fullmatch(text) is not None


def split_subject(subject: str) -> tuple[str, str]:
    """The account and the contact of a subject; the contact is "" where the subject is an account alone.

    An account is [a-z0-9][a-z0-9-]{0,39}, a contact 1 to 128 printable characters without "/": contract, section 1.
    Raises Undecodable("subject").
    """
    account, slash, contact = subject.partition("/")
    if len(account) > ACCOUNT_CHARACTERS or not _is_account(account):
        rule = "1 to 40 of a-z, 0-9 and -, not beginning with -"
        raise Undecodable("subject", f"subject: its account must be {rule}")
    if slash and not (0 < len(contact) <= CONTACT_CHARACTERS and contact.isprintable() and "/" not in contact):
        rule = f"1 to {CONTACT_CHARACTERS} printable characters without /"
        raise Undecodable("subject", f"subject: its contact, behind the /, must be {rule}")
    return account, contact


AccountData = AccountConfigured | TemplateSaved | SendCancelled
LinkData = OptOutRequested | NumberOptedOut | LinkOpened
InputData = (
    ContactUpdated | ContactErasure | SendRequested | AnswerReceived | SendSettled | CallbackReceived | LinkData
    | AccountData
)  # fmt: skip
INPUTS: Final[tuple[type[InputData], ...]] = (
    AccountConfigured, TemplateSaved, SendCancelled, ContactUpdated, ContactErasure, SendRequested, CallbackReceived,
    AnswerReceived, SendSettled, OptOutRequested, NumberOptedOut, LinkOpened,
)  # fmt: skip
NO_EXTENSIONS: Final[Mapping[str, object]] = MappingProxyType({})


class Input(NamedTuple):
    """One event that came in, validated. `time` is the producer's, ms; (`source`, `id`) identify it; `extensions` holds
    `class` where it was given, and nothing else. (A tuple: made for each event, for a third of what a
    frozen dataclass costs.)
    """

    id: str
    source: str
    type: str
    subject: str
    account: str
    contact: str
    time: int
    data: InputData
    extensions: Mapping[str, object] = NO_EXTENSIONS

    @classmethod
    def of(
        cls,
        data: InputData,
        *,
        id: str,  # noqa: A002  # CloudEvents' name
        source: str,
        subject: str,
        time: int,
        extensions: Mapping[str, object] = NO_EXTENSIONS,
    ) -> Self:
        """An event of this data; account and contact are read from the subject. Raises Undecodable("subject")."""
        account, contact = split_subject(subject)
        return cls(id, source, data.TYPE, subject, account, contact, time, data, extensions)
