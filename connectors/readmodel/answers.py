"""The JSON of the read model's answers, the same over HTTP and with `--json`. Times are RFC 3339."""

from collections.abc import Sequence
from typing import Any, Final

import orjson

from connectors.readmodel.message import Row, labels_of
from connectors.readmodel.queries import ContactAnswer, ReceivedAnswer, SendRecord
from connectors.readmodel.statistics import Asked, Sums
from connectors.readmodel.story import Step, outcome, story
from events import instant
from events.codec import encode_fact
from events.contact import PHONE, PHONE_STATUS, SUBSCRIPTION, Subscription, SubscriptionChanged
from events.fact import Fact
from projections import phone

_TIMES: Final = (
    "requested_at",
    "deferred_until",
    "attempted_at",
    "accepted_at",
    "delivered_at",
    "event_at",
    "updated_at",
)
_AS_THEY_ARE: Final = (
    "outcome",
    "state",
    "reason",
    "detail",
    "template",
    "template_version",
    "sender",
    "text",
    "encoding",
    "parts",
    "alert",
    "attempt",
    "client_id",
    "provider_id",
    "provider_status",
    "code",
    "bounce",
    "clicks",
)


def contact(answer: ContactAnswer, default_subscription: Subscription = "none") -> dict[str, Any]:
    """`fields` is what a PATCH of the contact would take: system and custom fields by their names. The account's
    default is the subscription of a contact of whom nothing was said. `same_phone` are the account's other contacts
    that have the number now, for a contact as it is now. `consent` is what the subscription rests on, null where that
    is the account's default."""
    account, _, name = answer.subject.partition("/")
    state = answer.state
    described = phone.describe(state.phone) if state.phone else None
    subscription = state.subscription or default_subscription
    system = {PHONE: state.phone, PHONE_STATUS: state.phone_status, SUBSCRIPTION: subscription}
    return {
        "account": account,
        "contact": name,
        "phone": state.phone,
        "phone_region": described and described.region,
        "phone_type": described and described.type,
        "same_phone": list(answer.same_phone),
        "phone_status": state.phone_status,
        "subscription": subscription,
        "consent": consent(answer.consent),
        "fields": system | dict(state.fields),
        "erased": state.erased,
        "sequence": answer.sequence,
        "updated_at": instant.render(answer.updated_at),
    }


def consent(fact: Fact | None) -> dict[str, Any] | None:
    """A change of the subscription. `via` and `source` tell where it came from, `evidence` the words, `by` another
    contact with the number whose opt-out it was; `event` is what caused it. None for any other fact."""
    if fact is None or not isinstance(fact.data, SubscriptionChanged):
        return None
    return {
        "time": instant.render(fact.time),
        "from": fact.data.from_,
        "to": fact.data.to,
        "via": fact.data.via,
        "evidence": fact.data.evidence,
        "by": fact.data.by,
        "source": fact.causation_source,
        "event": fact.causation_id,
        "sequence": fact.sequence,
    }


def message(row: Row) -> dict[str, Any]:
    """One send. `sequence` is the number of its first fact among the contact's: the cursor of the list of messages."""
    return {
        "send_id": row["send_id"],
        "class": row["class_"],
        **{name: row[name] for name in _AS_THEY_ARE},
        "to": row["recipient"],
        "labels": labels_of(row),
        **{name: None if row[name] is None else instant.render(row[name]) for name in _TIMES},
        "sequence": row["first_sequence"],
    }


def received(answer: ReceivedAnswer) -> dict[str, Any]:
    last = None if answer.last is None else message(answer.last)
    return {"received": answer.received, "count": answer.count, "last": last}


def send(record: SendRecord) -> dict[str, Any]:
    """The decision record: the send, where it stands in one sentence, the steps in words, and the facts as they stand
    in the journal."""
    return {
        "account": record.row["account"],
        "contact": record.row["contact"],
        **message(record.row),
        "summary": outcome(record.row),
        "steps": [step(one) for one in story(record.facts)],
        "facts": [orjson.loads(encode_fact(fact)) for fact in record.facts],
    }


def statistics(asked: Asked, found: Sequence[Sums]) -> dict[str, Any]:
    """Sums by group; a group is an object of the names that were asked for, `day` as 2026-11-23."""
    return {
        "account": asked.account,
        "since": None if asked.since is None else instant.render(asked.since),
        "until": None if asked.until is None else instant.render(asked.until),
        "group_by": list(asked.groups),
        "groups": [
            {
                **{name: _group(name, value) for name, value in zip(asked.groups, one.values, strict=True)},
                "sends": one.sends,
                **one.outcomes,
                **one.states,
                "parts": one.parts,
                "clicks": one.clicks,
            }
            for one in found
        ],
    }


def _group(name: str, value: str | None) -> str | None:
    return instant.render(int(value))[:10] if name == "day" and value is not None else value


def step(told: Step) -> dict[str, Any]:
    return {
        "time": instant.render(told.at),
        "what": told.what,
        "detail": told.detail,
        "type": told.type,
        "sequence": told.sequence,
        "checks": [check._asdict() for check in told.checks],
    }
