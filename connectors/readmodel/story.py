"""Why an SMS was sent or not, step by step, in words that a person in support understands. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, assert_never

from events import instant
from events.contact import (
    ContactErased,
    ContactRefused,
    FieldsChanged,
    PhoneChanged,
    PhoneRefused,
    PhoneStatusChanged,
    SubscriptionChanged,
)
from events.fact import Fact, FactData
from events.message import InboundReceived, LinkClicked, MessageStateChanged
from events.send import (
    SendAccepted,
    SendAttempted,
    SendDeferred,
    SendGivenUp,
    SendRefused,
    SendSkipped,
    SendUnknown,
)


class Step(NamedTuple):
    """One fact told: `at` is the engine's clock, ms; `what` one sentence; `detail` more for who wants it, or ""."""

    at: int
    what: str
    detail: str
    type: str
    sequence: int


SKIPPED: Final[Mapping[str, str]] = {
    "not_subscribed": "the contact is not subscribed to newsletters",
    "phone_bounced": "the phone is marked as bounced: the last SMS to it came back",
    "phone_paused": "the phone is paused",
    "no_phone": "the contact has no phone",
    "duplicate": "another request had used this send_id before, with another content; that one stands",
    "not_mobile": "the number is not a mobile's",
    "alert_invalid": "the alert number is not a phone number",
    "expired": "it was too late when its turn came",
    "quiet_hours": "it would have had to wait for the end of the quiet hours, and expires before",
    "frequency_cap": "the contact has had as many SMS as the account allows in that time",
    "country_blocked": "the account does not send to that country",
    "account_limit": "the account's limit is reached",
    "template_unknown": "there is no such template",
    "variable_invalid": "a variable's value does not fit the template",
    "sender_invalid": "the sender is not 3 to 11 letters and digits with at least one letter",
    "text_empty": "nothing is left of the text once the variables are filled in",
    "text_too_long": "the text has more parts than the account allows",
    "account_unknown": "the account does not exist",
    "connector_missing": "the account has no SMS provider set up",
    "erased": "the contact has been erased",
    "stopped": "all sending of the account is stopped",
    "cancelled": "it was cancelled before it was tried",
}
_DEFERRED: Final[Mapping[str, str]] = {
    "not_before": "the request asks for that time",
    "quiet_hours": "quiet hours of the account",
    "rate": "the account's sending rate is used up for now",
    "circuit": "the provider does not take SMS of this account at present",
}
_UNKNOWN: Final[Mapping[str, str]] = {
    "timeout": "the provider did not answer in time",
    "connection_lost": "the connection was lost before the answer",
    "server_error": "the provider answered with an error of its own",
    "crash": "the worker stopped between the call and the answer",
}
_STATES: Final[Mapping[str, str]] = {
    "pending": "is on its way",
    "accepted": "was taken by the operator",
    "sent": "is with the carrier, delivery not yet confirmed",
    "delivered": "was delivered",
    "failed": "could not be delivered",
    "expired": "was not confirmed in time",
    "canceled": "was withdrawn before delivery",
    "unknown": "has an outcome that the provider cannot tell",
}


def story(facts: Iterable[Fact]) -> list[Step]:
    """A step for each fact, in the order given (the contact's): a send's own facts, or a contact's whole history."""
    return [Step(fact.time, *_tell(fact.data), fact.type, fact.sequence) for fact in facts]


def _tell(data: FactData) -> tuple[str, str]:
    match data:
        case SendSkipped(reason=reason, detail=detail):
            told = [one for one in (detail, _looked_at(data.looked_at)) if one]
            return f"Not sent: {SKIPPED.get(reason, reason)}.", "; ".join(told)
        case SendDeferred(until=until, reason=reason):
            return f"Waits until {instant.render(until)}: {_DEFERRED[reason]}.", ""
        case SendAttempted():
            return _attempted(data), _looked_at(data.looked_at)
        case SendAccepted(attempt=attempt, provider_id=name):
            return f"Attempt {attempt}: the provider took it.", f"The provider's id: {name}" if name else ""
        case SendRefused(attempt=attempt, final=True):
            return f"Attempt {attempt}: the provider refused it for good.", _refusal(data)
        case SendRefused(attempt=attempt):
            return f"Attempt {attempt}: the provider did not take it; what follows is decided anew.", _refusal(data)
        case SendUnknown(attempt=attempt, reason=reason, resolve_by=by):
            return (
                f"Attempt {attempt}: nobody knows yet whether it went, because {_UNKNOWN[reason]}.",
                f"It is not sent again; a receipt or the provider's own list is awaited until {instant.render(by)}.",
            )
        case SendGivenUp(attempt=attempt):
            return f"Attempt {attempt}: given up; nothing told in time whether it went.", "It may have arrived."
        case MessageStateChanged():
            return f"Receipt: the SMS {_STATES.get(data.to, data.to)}.", _receipt(data)
        case LinkClicked(url=url, automated=automated):
            return "A link was opened" + (" by a scanner, not by a person." if automated else "."), url
        case InboundReceived(keyword=None, text=text):
            return "The contact wrote.", text
        case InboundReceived(keyword=keyword, text=text):
            return f"The contact wrote the keyword {keyword}.", text
        case _:
            return _tell_contact(data)


def _tell_contact(
    data: PhoneChanged
    | PhoneRefused
    | PhoneStatusChanged
    | SubscriptionChanged
    | FieldsChanged
    | ContactRefused
    | ContactErased,
) -> tuple[str, str]:
    match data:
        case PhoneChanged(from_=before, to=after, via=via):
            return f"Phone: {after or 'none'} (by {via}).", f"Before: {before or 'none'}"
        case PhoneRefused(input=written, reason=reason, kept=kept):
            return f"A phone was refused ({reason.replace('_', ' ')}): {written}", f"Kept: {kept or 'none'}"
        case PhoneStatusChanged(from_=before, to=after, reason=reason):
            return f"Phone status: {after or 'none'} (by {reason.replace('_', ' ')}).", f"Before: {before or 'none'}"
        case SubscriptionChanged(from_=before, to=after, via=via, evidence=evidence, by=by):
            proof = f"; evidence: {evidence}" if evidence else ""
            whose = f"; {by} has the same number, and opted out" if by else ""
            return f"Subscription: {after} (by {via}).", f"Before: {before}{proof}{whose}"
        case FieldsChanged(set=changed, removed=removed):
            told = [f"{name} = {value}" for name, value in changed.items()] + [f"{name} removed" for name in removed]
            return f"Custom fields changed: {len(told)}.", ", ".join(told)
        case ContactRefused(reason=reason, detail=detail):
            return f"An update was refused: {reason.replace('_', ' ')}.", detail
        case ContactErased(reason=reason):
            return "The contact was erased.", reason
        case _:
            assert_never(data)


def _attempted(data: SendAttempted) -> str:
    to = f"the alert number {data.to}" if data.alert else data.to or "a number since erased"
    template = f"template {data.template}, version {data.template_version}"
    text = "a text of its own" if data.template is None else template
    parts = "1 part" if data.parts == 1 else f"{data.parts} parts"
    return f"Attempt {data.attempt}: permitted, to {to} from {data.sender}; {text}; {parts} in {data.encoding}."


def _looked_at(values: Mapping[str, Any]) -> str:
    seen = ", ".join(f"{name.replace('_', ' ')} {_value(value)}" for name, value in values.items())
    return f"looked at: {seen}" if seen else ""


def _value(value: Any) -> str:
    if value is None:
        return "none"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _refusal(data: SendRefused) -> str:
    status = "it was not reached" if data.status is None else f"HTTP {data.status}"
    return f"{status}: {data.message}" if data.message else status


def _receipt(data: MessageStateChanged) -> str:
    told = [f"the provider's word: {data.status}" + (f", code {data.code}" if data.code is not None else "")]
    if data.event_at is not None:
        told.append(f"its time: {instant.render(data.event_at)}")
    if data.bounce is not None:
        told.append(f"counts as a {data.bounce} bounce")
    return "; ".join(told)
