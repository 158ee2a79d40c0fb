"""Why an SMS was sent or not, step by step, in words that a person in support understands. Pure.

A story is the contact's facts in their order, and before a send's first decision the asking itself: when, as what, by
whom. What a decision looked at is told rule by rule (reasons.py).
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, assert_never, get_args

from connectors.readmodel.message import Row
from connectors.readmodel.reasons import (
    DEFERRED,
    SKIPPED,
    STATES,
    UNKNOWN,
    WAITING,
    Check,
    checks,
    why_it_waits,
)
from events import instant
from events.callback import Provider
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
    SendRequested,
    SendSkipped,
    SendUnknown,
)

_SENDER: Final = "/recado/sender"  # whose events are the provider's answers
_SWEEPER: Final = "/recado/sweeper"
_CALLBACKS: Final = tuple(f"/{name}/" for name in get_args(Provider))  # what the source of a receipt begins with


class Step(NamedTuple):
    """One fact told, or the asking before it: `at` is the engine's clock (of the asking, the asker's), ms; `what` one
    sentence; `detail` more for who wants it, or ""; `sequence` that of the fact told; `checks` what rules looked at."""

    at: int
    what: str
    detail: str
    type: str
    sequence: int
    checks: tuple[Check, ...] = ()


def story(facts: Iterable[Fact]) -> list[Step]:
    """The steps of facts in their order: a send's own ones, or a contact's whole history."""
    steps: list[Step] = []
    begun: set[str] = set()
    for fact in facts:
        data = fact.data
        if isinstance(data, _Decision):
            again = data.send_id in begun
            if not again or (isinstance(data, SendSkipped) and data.reason == "duplicate"):
                steps.append(_asked(fact, data, again=again))
            begun.add(data.send_id)
        what, detail = _tell(data, fact.causation_source)
        looked_at = checks(data.looked_at) if isinstance(data, _Decision) else ()
        steps.append(Step(fact.time, what, detail, fact.type, fact.sequence, looked_at))
    return steps


_Decision = SendSkipped | SendDeferred | SendAttempted


def _asked(fact: Fact, data: _Decision, *, again: bool) -> Step:
    kind = "a newsletter" if data.class_ == "newsletter" else "a transactional SMS"
    what = f"Asked for{' again, with other contents,' if again else ''} as {kind} by {fact.causation_source}."
    told = [f"event {fact.causation_id}", *_wanted(data)]
    return Step(data.requested_at or fact.time, what, "; ".join(told), SendRequested.TYPE, fact.sequence)


def _wanted(data: _Decision) -> list[str]:
    """What was asked for, as far as it is not personal."""
    request: Mapping[str, Any] = {} if isinstance(data, SendSkipped) else data.request
    if not isinstance(data, SendDeferred):
        sender, template, labels, alert = data.sender, data.template, data.labels, data.alert
    else:
        sender, template, labels = request.get("sender"), request.get("template"), request.get("labels") or []
        alert = request.get("to", "contact") != "contact"
    told = ["to an alert number"] if alert else []
    if template:
        told.append(f"template {template}")
    if sender:
        told.append(f"sender {sender}")
    if labels:
        told.append("labels " + ", ".join(labels))
    return told + _times(data)


def _times(data: _Decision) -> list[str]:
    """When it was to go, if the asker said."""
    if isinstance(data, SendSkipped):
        moments = (data.not_before, data.expires_at)
        first, last = (None if moment is None else instant.render(moment) for moment in moments)
    else:
        first, last = data.request.get("not_before"), data.request.get("expires_at")
    return [f"{words} {moment}" for words, moment in (("not before", first), ("not after", last)) if moment is not None]


def _waits(data: SendDeferred) -> str:
    return why_it_waits(data.looked_at) or DEFERRED.get(data.reason, data.reason)


def _tell(data: FactData, source: str) -> tuple[str, str]:
    match data:
        case SendSkipped(reason=reason, detail=detail):
            return f"Not sent: {SKIPPED.get(reason, reason)}.", detail
        case SendDeferred(until=until):
            return f"Waits until {instant.render(until)}: {_waits(data)}.", ""
        case SendAttempted():
            return _attempted(data), ""
        case SendAccepted(attempt=attempt, provider_id=name, settled=settled):
            known = _evidence(source) if settled is None else _because(settled)
            told = [one for one in (known, f"its id there: {name}" if name else "") if one]
            return f"Attempt {attempt}: the provider took it{_settled(settled)}.", "; ".join(told)
        case SendRefused(attempt=attempt, settled=Mapping() as settled, final=final):
            follows = "" if final else "; what follows is decided anew"
            return f"Attempt {attempt}: the provider did not take it{_settled(settled)}{follows}.", _because(settled)
        case SendRefused(attempt=attempt, withheld=True):
            what = "no call was made, as the worker could no longer be sure that the send was its own"
            return f"Attempt {attempt}: {what}; what follows is decided anew.", "The provider has no part in this."
        case SendRefused(attempt=attempt, final=True):
            return f"Attempt {attempt}: the provider refused it for good.", _refusal(data)
        case SendRefused(attempt=attempt):
            return f"Attempt {attempt}: the provider did not take it; what follows is decided anew.", _refusal(data)
        case SendUnknown(attempt=attempt, reason=reason, resolve_by=by):
            return (
                f"Attempt {attempt}: nobody knows yet whether it went, because {UNKNOWN.get(reason, reason)}.",
                f"It is not sent again; a receipt or the provider's own list is awaited until {instant.render(by)}.",
            )
        case SendGivenUp(attempt=attempt):
            return f"Attempt {attempt}: given up; nothing told in time whether it went.", "It may have arrived."
        case MessageStateChanged():
            told_by = "The provider's list" if source == _SWEEPER else "Receipt"
            return f"{told_by}: the SMS {STATES.get(data.to, data.to)}.", _receipt(data)
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
    second = "; by the account's second provider" if data.fallback else ""
    return f"Attempt {data.attempt}: permitted, to {to} from {data.sender}; {text}; {parts} in {data.encoding}{second}."


def outcome(row: Row) -> str:
    """Where a send stands, in one sentence; `row` is that of the read model."""
    reason = row["reason"]
    match row["outcome"]:
        case "skipped":
            return f"Not sent: {SKIPPED.get(reason, reason)}."
        case "deferred":
            words = row["detail"] if row["detail"] in WAITING else DEFERRED.get(reason, reason)
            return f"Waits until {instant.render(row['deferred_until'])}: {words}."
        case "attempted":
            return "On its way: the provider's answer is not known yet."
        case "refused" if row["provider_status"] is None:  # else a receipt came, whatever was said before
            return "Not sent: the provider refused it."
        case "unknown":
            return f"Nobody knows yet whether it went, because {UNKNOWN.get(reason, reason)}."
        case "given_up":
            return "Nobody knows whether it went, and nothing is awaited any more; it may have arrived."
        case _ if row["provider_status"] is None:
            return "The provider took it; no receipt has come yet."
        case _:
            return f"The SMS {STATES.get(row['state'], row['state'])}."


def _settled(settled: Mapping[str, Any] | None) -> str:
    """Who or what settled an unknown outcome, where neither an answer nor a receipt did."""
    if settled is None:
        return ""
    return ", its own list says" if settled["evidence"] == "list" else f", says the operator {settled['by']}"


def _because(settled: Mapping[str, Any]) -> str:
    return f"because: {settled['because']}" if "because" in settled else ""


def _evidence(source: str) -> str:
    """How it is known, where not by the answer to the call."""
    if source == _SENDER:
        return ""
    return "known by a receipt" if source.startswith(_CALLBACKS) else f"known by {source}"


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
