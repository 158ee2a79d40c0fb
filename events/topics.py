"""The topics, as data: who writes what where, by which key, for how long. Contract, section 1; docs/asyncapi.json is
generated from this page."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal

from events.account import AccountConfigured, SendCancelled, TemplateSaved
from events.answer import AnswerReceived, SendSettled
from events.callback import CallbackReceived
from events.contact import ContactErasure, ContactUpdated
from events.fact import DATA
from events.link import LinkOpened
from events.opt_out import NumberOptedOut, OptOutRequested
from events.partition import partition_of
from events.send import SendRequested
from events.shape import Class

__all__ = [
    "BY_ROLE",
    "CATALOGUE",
    "CLASS_OF",
    "DEFAULT_PREFIX",
    "SENDS_OF",
    "Role",
    "Topic",
    "name",
    "partition_of",
    "role_of",
]

DEFAULT_PREFIX: Final = "recado."
_DAY_MS: Final = 86_400_000
FORGOTTEN_MS: Final = _DAY_MS // 4
"""How long the broker may keep what a compacted topic no longer says: a destroyed key, and what erasing deleted."""
_MIB: Final = 1024 * 1024


class Role(StrEnum):
    """What a topic is for; the value is its name after the prefix."""

    ACCOUNTS = "accounts"
    CONTACTS = "contacts"
    TRANSACTIONAL = "sends.transactional"
    NEWSLETTER = "sends.newsletter"
    CALLBACKS = "callbacks"
    ANSWERS = "answers"
    NUMBERS = "numbers"
    KEYS = "keys"
    INBOX_KEYS = "inbox-keys"
    JOURNAL = "journal"
    DEAD_LETTERS = "dead-letters"
    STATE = "state-changelog"


CLASS_OF: Final[Mapping[Role, Class]] = MappingProxyType(
    {Role.TRANSACTIONAL: "transactional", Role.NEWSLETTER: "newsletter"}
)
SENDS_OF: Final[Mapping[Class, Role]] = MappingProxyType({class_: role for role, class_ in CLASS_OF.items()})


@dataclass(frozen=True, slots=True)
class Topic:
    """One line of the catalogue.

    `internal` says that Recado alone may write there; `retention` is in ms, None for ever; `flush` asks the embedded
    broker, which has no replica, to write each batch to disk before it answers.
    """

    role: Role
    doc: str
    key: str
    partitions: Literal["one", "all"]
    types: tuple[str, ...] = ()
    internal: bool = False
    retention: int | None = None
    cleanup: Literal["delete", "compact"] = "delete"
    flush: bool = False
    max_message_bytes: int = _MIB

    def count(self, partitions: int) -> int:
        """How many partitions the topic has where the co-partitioned ones have so many."""
        return 1 if self.partitions == "one" else partitions

    def config(self, *, embedded: bool) -> dict[str, str]:
        """Kafka's topic configuration, as it is given when the topic is created."""
        config = {"cleanup.policy": self.cleanup, "max.message.bytes": str(self.max_message_bytes)}
        if self.cleanup == "delete":
            config["retention.ms"] = "-1" if self.retention is None else str(self.retention)
            config["retention.bytes"] = "-1"
        else:
            # A recovery reads it whole: small segments and an early compaction keep it near the state's size.
            config |= {"segment.bytes": str(64 * _MIB), "min.cleanable.dirty.ratio": "0.2"}
            # Only segments that are no longer written to are compacted, however little lies in them.
            config |= {"segment.ms": str(FORGOTTEN_MS), "max.compaction.lag.ms": str(FORGOTTEN_MS)}
        if self.flush and embedded:
            config["flush.messages"] = "1"
        return config


_CONTACT: Final = "account/contact"
CATALOGUE: Final[tuple[Topic, ...]] = (
    Topic(
        Role.ACCOUNTS,
        "Account settings, SMS templates and cancellations; every process reads all of it.",
        "account",
        "one",
        (AccountConfigured.TYPE, TemplateSaved.TYPE, SendCancelled.TYPE),
    ),
    Topic(
        Role.CONTACTS,
        "Contact updates and erasures.",
        _CONTACT,
        "all",
        (ContactUpdated.TYPE, ContactErasure.TYPE),
    ),
    Topic(
        Role.TRANSACTIONAL,
        "Send requests that must not wait behind a campaign.",
        _CONTACT,
        "all",
        (SendRequested.TYPE,),
    ),
    Topic(
        Role.NEWSLETTER,
        "Send requests of a campaign.",
        _CONTACT,
        "all",
        (SendRequested.TYPE,),
    ),
    Topic(
        Role.CALLBACKS,
        "Receipts, replies, opt-outs by link and opened short links, written by the ingress into the partition that "
        "the client id, or the link, names.",
        "account",
        "all",
        (CallbackReceived.TYPE, OptOutRequested.TYPE, LinkOpened.TYPE),
        internal=True,
    ),
    Topic(
        Role.ANSWERS,
        "What the provider answered, written by Recado's sender; what its list says, by Recado's sweeper; what an "
        "operator settles by hand.",
        _CONTACT,
        "all",
        (AnswerReceived.TYPE, SendSettled.TYPE),
        internal=True,
        retention=7 * _DAY_MS,
    ),
    Topic(
        Role.NUMBERS,
        "Opt-outs that reach every contact with the same number: a copy for each partition, written by the partition "
        "engine with the fact. Numbers are hashed.",
        _CONTACT,
        "all",
        (NumberOptedOut.TYPE,),
        internal=True,
        retention=35 * _DAY_MS,
    ),
    Topic(
        Role.KEYS,
        "The key of each contact of an account whose privacy is `sealed`, under RECADO_SECRET, written by the "
        "partition engine with the first fact that it seals; erasing the contact deletes it.",
        _CONTACT,
        "all",
        internal=True,
        cleanup="compact",
        flush=True,
    ),
    Topic(
        Role.INBOX_KEYS,
        "Keys, under RECADO_SECRET, of what is told about such contacts until it is decided; each is used for a day "
        "and deleted a week later.",
        "account/day/process",
        "one",
        internal=True,
        cleanup="compact",
        flush=True,
    ),
    Topic(
        Role.JOURNAL,
        "Every fact: what was decided, tried and learnt, written by the partition engine.",
        _CONTACT,
        "all",
        tuple(data.TYPE for data in DATA),
        internal=True,
        flush=True,
    ),
    Topic(
        Role.DEAD_LETTERS,
        "What could not be read or processed, with the reason and the original bytes.",
        "as received",
        "one",
        internal=True,
        retention=30 * _DAY_MS,
        max_message_bytes=2 * _MIB,  # up to 1 MiB of original bytes in base64, which makes 4 of 3
    ),
    Topic(
        Role.STATE,
        "The state of each partition, key by key, written by the partition engine.",
        "key of the state",
        "all",
        internal=True,
        cleanup="compact",
        flush=True,
    ),
)
BY_ROLE: Final[Mapping[Role, Topic]] = MappingProxyType({topic.role: topic for topic in CATALOGUE})


def name(prefix: str, role: Role) -> str:
    """A topic's full name. The changelog bears the name that Faust gives the changelog of a table `state`, of an
    application called as the prefix is: `recado.` makes `recado-state-changelog`."""
    return f"{prefix.rstrip('.')}-{role}" if role is Role.STATE else f"{prefix}{role}"


def role_of(prefix: str, topic: str) -> Role | None:
    """The inverse of `name`; None for a topic that is not of the catalogue."""
    return next((role for role in Role if name(prefix, role) == topic), None)
