"""What follows from an update or an erasure of a contact? Folds projections/contact.py.

Order of judgement: number, status, subscription, custom fields. Custom fields that do not fit are refused as a whole;
the system fields beside them count all the same, because an opt-out must never be lost to a long address.
"""

from typing import Final

import orjson

from events.contact import (
    PHONE,
    PHONE_STATUS,
    SUBSCRIPTION,
    ContactErased,
    ContactErasure,
    ContactRefused,
    ContactUpdated,
    FieldsChanged,
    PhoneChanged,
    PhoneRefused,
    PhoneStatus,
    PhoneStatusChanged,
    Subscription,
    SubscriptionChanged,
)
from events.fact import ContactFact
from events.shape import Scalar
from projections import contact, phone
from projections.account import Account
from projections.contact import State

__all__ = ["erase", "update"]

_MISSING: Final = object()
# No name is longer than 128 characters and no value than 1 KiB, so fewer custom fields than this always fit.
_SURELY_FIT: Final = contact.FIELDS_BYTES // (6 * (128 + 1024))


def update(data: ContactUpdated, time: int, state: State, account: Account | None, moved: bool) -> list[ContactFact]:
    """A patch: absent stays, null clears. `time` is the event's own, ms.

    A `moved` record (found in another partition) that is older than a value never loosens consent or status, and
    never brings back an older number or an erased contact.
    """
    fields = data.fields
    if moved and state.erased and time < state.phone_at:
        return [ContactRefused("erased", "this record is older than the erasure of the contact")]
    facts: list[ContactFact] = []
    stale: list[str] = []
    status = state.phone_status
    custom = len(fields)
    if PHONE in fields:
        custom -= 1
        status = _number(data, time, state, account, moved, facts, stale)
    if PHONE_STATUS in fields:
        custom -= 1
        number = facts[0].to if facts and isinstance(facts[0], PhoneChanged) else state.phone
        _status(data, time, state, number, status, moved, facts, stale)
    if SUBSCRIPTION in fields:
        custom -= 1
        _subscription(data, time, state, account, moved, facts, stale)
    if custom:
        _custom(fields, state, facts)
    if stale:
        facts.append(ContactRefused("older", f"older than the present value, and came late: {', '.join(stale)}"))
    return facts


def erase(data: ContactErasure, state: State) -> list[ContactFact]:
    """Everything personal goes; a contact that is erased already stays so."""
    return [] if state.erased else [ContactErased(data.reason)]


def _number(
    data: ContactUpdated, time: int, state: State, account: Account | None, moved: bool, facts: list[ContactFact],
    stale: list[str],
) -> PhoneStatus | None:  # fmt: skip
    """Judge the number; return the phone's status after it."""
    written = data.fields[PHONE]
    before, status = state.phone, state.phone_status
    if written is None:
        number = None
    else:
        reading = phone.normalize(str(written), account.country if account else None)
        if isinstance(reading, phone.Refusal):
            facts.append(PhoneRefused(str(written)[: phone.LONGEST], reading.reason, before))
            return status
        number = reading.e164
    if number == before:
        return status
    if moved and time < state.phone_at:
        stale.append(PHONE)
        return status
    facts.append(PhoneChanged(before, number, data.via))
    if status == "paused":  # neither a new number nor none lifts a pause
        return status
    after: PhoneStatus | None = None if number is None else "active"
    if after == status:
        return status
    if moved and time < state.status_at and contact.loosens_status(status, after):
        stale.append(PHONE_STATUS)
        return status
    facts.append(PhoneStatusChanged(status, after, "phone_changed"))
    return after


def _status(
    data: ContactUpdated, time: int, state: State, number: str | None, before: PhoneStatus | None, moved: bool,
    facts: list[ContactFact], stale: list[str],
) -> None:  # fmt: skip
    """Judge a given status. Without a number there is nothing to be active: null, and `active`, then mean none."""
    given = data.fields[PHONE_STATUS]
    after: PhoneStatus | None
    if given is None or given == "active":
        after = "active" if number is not None else None
    else:
        after = "paused" if given == "paused" else "bounced"
    if after == before:
        return
    if moved and time < state.status_at and contact.loosens_status(before, after):
        stale.append(PHONE_STATUS)
        return
    facts.append(PhoneStatusChanged(before, after, data.via))


def _subscription(
    data: ContactUpdated, time: int, state: State, account: Account | None, moved: bool, facts: list[ContactFact],
    stale: list[str],
) -> None:  # fmt: skip
    """Judge a given subscription. What was said is recorded even where it equals the account's default, which may
    change, or the contact's own keyword; only `none`, nothing known, is the same as never set."""
    given = data.fields[SUBSCRIPTION]
    before = contact.subscription(state, account.default_subscription if account else "none")
    if given is None and state.subscription is None:
        return
    after: Subscription = (
        "subscribed" if given == "subscribed" else "unsubscribed" if given == "unsubscribed" else "none"
    )
    if after == before and (state.said == after or after == "none"):
        return
    if moved and time < state.subscription_at and contact.loosens_consent(before, after):
        stale.append(SUBSCRIPTION)
        return
    facts.append(SubscriptionChanged(before, after, data.via, data.evidence))


def _custom(fields: dict[str, Scalar], state: State, facts: list[ContactFact]) -> None:
    known = state.fields
    changed: dict[str, Scalar] = {}
    removed: list[str] = []
    for name, value in fields.items():
        if name[0] == "_":
            continue
        if value is None:
            if name in known:
                removed.append(name)
            continue
        before = known.get(name, _MISSING)
        if before is not value and (before != value or type(before) is not type(value)):  # 1, 1.0 and true differ
            changed[name] = value
    if not changed and not removed:
        return
    if changed and len(known) + len(changed) > _SURELY_FIT:
        after = {**known, **changed}
        for name in removed:
            del after[name]
        if len(after) > contact.FIELDS:
            detail = f"{len(after)} custom fields, and a contact may have {contact.FIELDS}: clear some with null first"
            facts.append(ContactRefused("too_many_fields", detail))
            return
        size = len(orjson.dumps(after))
        if size > contact.FIELDS_BYTES:
            detail = f"custom fields of {size:,} bytes together, and a contact may have {contact.FIELDS_BYTES:,}"
            facts.append(ContactRefused("too_large", detail))
            return
    facts.append(FieldsChanged(changed, removed))
