"""Why, in plain sentences: what each reason of the contract says to a person in support, and what each rule looked at.

The tables read as the end of a sentence. A word of a later version is shown as it is: a story is never refused.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

__all__ = [
    "DEFERRED",
    "OPENING",
    "RULES",
    "SKIPPED",
    "SLOW",
    "STATES",
    "UNKNOWN",
    "WAITING",
    "WITHHELD",
    "Check",
    "checks",
    "why_it_waits",
]

SKIPPED: Final[Mapping[str, str]] = {  # contract, section 5
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
    "account_limit": "the account's limit of SMS a day is reached",
    "template_unknown": "there is no such template, or its newest version cannot be used",
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
DEFERRED: Final[Mapping[str, str]] = {  # contract, section 4
    "not_before": "the request asks for that time",
    "quiet_hours": "the account sends nothing in its quiet hours",
    "rate": "the provider takes no more SMS of this account for the moment",
    "circuit": "the provider does not take SMS of this account at present",
}
WITHHELD: Final = "the worker made no call, as it could no longer be sure that the send was its own"
"""Why a send waits whose attempt ended with no call. Its fact says `circuit`, as the contract has no other word."""
SLOW: Final = "its provider takes long to answer, and others' sends need the slots that its calls would hold"
"""Why a send waits for the other accounts of its worker. Its fact says `rate`, likewise."""
OPENING: Final = "the worker is about to know how much of the account's day is left"
"""Why a send waits for a moment before the account's day is shared out. Its fact says `rate`, likewise."""
WAITING: Final = frozenset((WITHHELD, SLOW, OPENING))
UNKNOWN: Final[Mapping[str, str]] = {
    "timeout": "the provider did not answer in time",
    "connection_lost": "the connection was lost before the answer",
    "server_error": "the provider answered with an error of its own",
    "crash": "the worker stopped between the call and the answer",
}
STATES: Final[Mapping[str, str]] = {
    "pending": "is on its way",
    "accepted": "was taken by the operator",
    "sent": "is with the carrier, delivery not yet confirmed",
    "delivered": "was delivered",
    "failed": "could not be delivered",
    "expired": "was not confirmed in time",
    "canceled": "was withdrawn before delivery",
    "unknown": "has an outcome that the provider cannot tell",
}


class Check(NamedTuple):
    """One rule of a decision: its name, the value that it looked at (JSON), and both in a sentence."""

    rule: str
    value: Any
    words: str


def checks(looked_at: Mapping[str, Any]) -> tuple[Check, ...]:
    """What a decision looked at, in the order in which it did."""
    return tuple(Check(rule, value, _words(rule, value)) for rule, value in looked_at.items())


def _words(rule: str, value: Any) -> str:
    tell = RULES.get(rule)
    if tell is not None:
        with suppress(AttributeError, KeyError, TypeError):  # a later version may write it in another form
            return tell(value)
    return f"{rule.replace('_', ' ')}: {_value(value)}"


def _cancellation(value: Mapping[str, Any]) -> str:
    named = [f"{words} {value[name]}" for name, words in (("send_id", "id"), ("label", "label")) if name in value]
    what = f"sends with the {' and the '.join(named)}" if named else "all sends"
    by = f"{value['source']} (event {value['event']})"
    return f"{by} cancelled {what} that were asked for before {value['before']}, and said so at {value['time']}"


_FAULTS: Final[Mapping[str, str]] = {
    "account": "the provider refuses the account: its token, its funds or its base URL",
    "request": "the provider refused several messages in a row as none that it takes",
    "failure": "the provider failed several times in a row",
}


def _provider(value: Mapping[str, Any]) -> str:
    """What a worker knew of the account's provider: its circuit, or its limit."""
    told = []
    if "slots" in value:
        told.append("its calls took long to be answered")
    if "circuit" in value:
        told.append(_FAULTS.get(value["circuit"], str(value["circuit"])))
        told.append(f"its last word was HTTP {value['status']}" if value.get("status") else "there was no answer")
        told.append(f"it is tried again from {value['tried_again_at']} on")
    if "limit" in value:
        told.append("the provider told no limit yet" if value["limit"] is None else f"the provider's {_limit(value)}")
    if "barred_until" in value:
        told.append(f"after its HTTP 429 it is not called before {value['barred_until']}")
    return "; ".join(told) or _value(value)


def _limit(value: Mapping[str, Any]) -> str:
    left = f"{value['left']} of them were left until {value['window_ends']}"
    share = "" if value["share"] == 100 else f", {value['share']} % of that to this worker"
    return f"limit is {value['limit']} in {value['seconds']} s, and {left}{share}"


def _cap(cap: Mapping[str, Any]) -> str:
    days = "1 day" if cap["days"] == 1 else f"{cap['days']} days"
    return f"the account allows {cap['sends']} SMS in {days}, and {cap['sent']} went to this contact"


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{str(name).replace('_', ' ')} {_value(inner)}" for name, inner in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value)) or "none"
    return str(value)


# What a decision may have looked at, by the names that dispatch and its rules give it.
RULES: Final[Mapping[str, Callable[[Any], str]]] = {
    "settings_version": lambda value: f"the account's settings as of version {_value(value)}",
    "send": lambda value: f"the send with this id is {_value(value['phase'])} since {value['changed_at']}",
    "not_before": lambda value: f"it may not go before {value}",
    "expires_at": lambda value: f"it may go until {value}",
    "requested_at": lambda value: f"it was asked for at {value}; 35 days later it is too late in any case",
    "judged_at": lambda value: f"its turn came at {value}",
    "cancellation": _cancellation,
    "stopped": lambda value: "the account is stopped",
    "phone_status": lambda value: f"the phone's status is {_value(value)}",
    "subscription": lambda value: f"the contact's subscription is {_value(value)}",
    "mobile": lambda value: "the number is a mobile's" if value else "the number is not a mobile's",
    "country": lambda value: f"the number's country is {_value(value)}",
    "countries": lambda value: f"the account sends to {_value(value)}",
    "sender": lambda value: f"the sender is {_value(value)}",
    "template_version": lambda value: (
        "no version of the template was ever saved" if value is None else f"the template's version is {value}"
    ),
    "characters": lambda value: f"the text has {value} characters",
    "parts": lambda value: f"the text takes {value} parts",
    "parts_limit": lambda value: f"the account allows {_value(value)} parts an SMS",
    "transliterate": lambda value: "the account sends in GSM-7 only, other characters are exchanged",
    "unused_variables": lambda value: f"the text has no place for {_value(value)}, which it was given",
    "question_marks_in": lambda value: f"GSM-7 cannot write all that stands in {_value(value)}: ? takes its place",
    "quiet_hours": lambda value: f"it is quiet at {_value(value)}",
    "local_time": lambda value: "; ".join(f"it is {time} in {zone}" for zone, time in value.items()),
    "day": lambda value: f"the account's day is {value}",
    "per_day": lambda value: f"the account allows {_value(value)} SMS a day",
    "sent_that_day": lambda value: f"{_value(value)} were attempted that day, where this is decided",
    "share": lambda value: f"{_value(value)} may be attempted there",
    "counted": lambda value: "it was counted on that day already" if value else "it is not counted on that day yet",
    "opening": lambda value: "more of the day's SMS are shared out in a moment",
    "caps": lambda value: "; ".join(map(_cap, value)),
    "connector": lambda value: (
        "the account has no connector" if value is None else f"the account's connector to {value} has no token"
    ),
    "provider": _provider,
    "answer": lambda value: "the provider was not reached" if value is None else f"the provider answered HTTP {value}",
    "withheld": lambda value: "the provider was not asked",
    "holidays_of": lambda value: f"and on the public holidays of {_value(value)}",
}


def why_it_waits(looked_at: Mapping[str, Any]) -> str | None:
    """The words for a deferral whose reason says less than what it looked at; None where the reason says it."""
    if "withheld" in looked_at:
        return WITHHELD
    if "opening" in looked_at:
        return OPENING
    return SLOW if "slots" in (looked_at.get("provider") or {}) else None
