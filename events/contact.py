"""What is said about a contact: the updates that come in, the facts that go out. Contract, sections 3 and 4."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import PlainValidator, WithJsonSchema

from events.shape import SCALAR_SCHEMA, VALUE_BYTES, VALUES, Data, Note, Scalar, check_scalar, problem

Via = Literal["edit", "import", "workflow", "tag"]
PhoneStatus = Literal["active", "bounced", "paused"]
Subscription = Literal["subscribed", "unsubscribed", "none"]

PHONE: Final = "_mobilePhone"
PHONE_STATUS: Final = "_mobilePhoneStatus"
SUBSCRIPTION: Final = "_smsSubscriptionStatus"
PHONE_STATUSES: Final[tuple[PhoneStatus, ...]] = ("active", "bounced", "paused")
SUBSCRIPTIONS: Final[tuple[Subscription, ...]] = ("subscribed", "unsubscribed", "none")
_NAME_CHARACTERS: Final = 128


def _one_of(allowed: tuple[str, ...]) -> str:
    return "must be " + ", ".join(allowed) + " or null"


def _system_field(name: str, value: object) -> None:
    if name == PHONE_STATUS:
        if value is not None and (type(value) is not str or value not in PHONE_STATUSES):
            raise problem(f"{name} {_one_of(PHONE_STATUSES)}")
    elif name == SUBSCRIPTION:
        if value is not None and (type(value) is not str or value not in SUBSCRIPTIONS):
            raise problem(f"{name} {_one_of(SUBSCRIPTIONS)}")
    elif name == PHONE:
        if value is None:
            return
        if type(value) is not str:
            raise problem(f"{name} must be a text or null")
        try:
            check_scalar(value)  # what is too long for a number is refused as none: projections/phone.py
        except ValueError as error:
            raise problem(f"{name} {error}") from None
    else:
        known = f"{PHONE}, {PHONE_STATUS} and {SUBSCRIPTION}"
        raise problem(f"{name[:64]!r} is no system field: of the names that begin with _ only {known} exist")


def _fields(fields: Any) -> dict[str, Scalar]:
    """One pass by hand: pydantic's own dict of unions costs three times as much on the hottest path there is."""
    if type(fields) is not dict:
        raise problem("must be an object")
    custom = 0
    for name, value in fields.items():
        if type(name) is not str or not 0 < len(name) <= _NAME_CHARACTERS or not name.isprintable():
            raise problem(f"holds a name that is not 1 to {_NAME_CHARACTERS} printable characters")
        if name[0] == "_":
            _system_field(name, value)
            continue
        custom += value is not None  # what is cleared takes no place
        try:
            check_scalar(value)
        except ValueError as error:
            raise problem(f"{name[:64]!r} {error}") from None
    if custom > VALUES:
        raise problem(f"holds {custom} custom fields, and a contact may have {VALUES}")
    return fields


_FIELDS_SCHEMA: Final = {
    "type": "object",
    "description": f"A patch: an absent field stays, null clears; at most {VALUES} custom fields of 1 KiB each.",
    "properties": {
        PHONE: {"type": ["string", "null"], "maxLength": VALUE_BYTES, "description": "in any written form"},
        PHONE_STATUS: {"enum": [*PHONE_STATUSES, None]},
        SUBSCRIPTION: {"enum": [*SUBSCRIPTIONS, None]},
    },
    "patternProperties": {"^[^_]": SCALAR_SCHEMA},
    "propertyNames": {"minLength": 1, "maxLength": _NAME_CHARACTERS},
    "additionalProperties": False,
}
Fields = Annotated[dict[str, Scalar], PlainValidator(_fields), WithJsonSchema(_FIELDS_SCHEMA)]


class ContactUpdated(Data):
    """Someone said something about a contact: a patch of system and custom fields, raw, not yet judged."""

    TYPE: ClassVar[str] = "recado.contact.updated.v1"
    via: Via
    fields: Fields
    evidence: Note | None = None


class ContactErasure(Data):
    """Someone asked that all personal data of a contact be erased."""

    TYPE: ClassVar[str] = "recado.contact.erased.v1"
    reason: Note


@dataclass(frozen=True, slots=True)
class PhoneChanged:
    """The contact's number is another one now; E.164 with +, None for none."""

    TYPE: ClassVar[str] = "recado.phone.changed.v1"
    from_: str | None = field(metadata={"personal": True})
    to: str | None = field(metadata={"personal": True})
    via: Via


@dataclass(frozen=True, slots=True)
class PhoneRefused:
    """A written number that is none; `kept` is the number that stays, None for none."""

    TYPE: ClassVar[str] = "recado.phone.refused.v1"
    input: str = field(metadata={"personal": True})
    reason: Literal["not_a_number", "impossible", "no_country"]
    kept: str | None = field(metadata={"personal": True})


@dataclass(frozen=True, slots=True)
class PhoneStatusChanged:
    """`_mobilePhoneStatus` is another one now; None where the contact had, or has, no status."""

    TYPE: ClassVar[str] = "recado.phone_status.changed.v1"
    from_: PhoneStatus | None
    to: PhoneStatus | None
    reason: Literal["edit", "import", "workflow", "tag", "bounces", "delivered", "phone_changed", "operator"]


@dataclass(frozen=True, slots=True)
class SubscriptionChanged:
    """`_smsSubscriptionStatus` is another one now; evidence is what proves the consent, for people; `by` is the contact
    with the same number who opted out, None for whom it is about."""

    TYPE: ClassVar[str] = "recado.subscription.changed.v1"
    from_: Subscription
    to: Subscription
    via: Literal["edit", "import", "workflow", "tag", "keyword", "link"]
    evidence: str | None = field(default=None, metadata={"personal": True})
    by: str | None = field(default=None, metadata={"personal": True})


@dataclass(frozen=True, slots=True)
class FieldsChanged:
    """Custom fields that have another value now, and names of those that have none any more."""

    TYPE: ClassVar[str] = "recado.contact.fields_changed.v1"
    set: Mapping[str, Scalar] = field(metadata={"personal": True})
    removed: list[str]


@dataclass(frozen=True, slots=True)
class ContactRefused:
    """An update that was understood, and the part of it that may not be applied. Custom fields are refused as a whole;
    the system fields beside them count all the same, because an opt-out must never be lost."""

    TYPE: ClassVar[str] = "recado.contact.refused.v1"
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class ContactErased:
    """All personal data of the contact is gone."""

    TYPE: ClassVar[str] = "recado.contact.erased.v1"
    reason: str
