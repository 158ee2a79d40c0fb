"""A fact as a sentence for the demo's view. Numbers are masked; texts, inbound or outbound, are not shown."""

from __future__ import annotations

from events import contact, message, send
from events.fact import Fact


def mask(phone: str | None) -> str:
    """A number with its country code and last two digits left: +34 ••••••81."""
    if not phone:
        return "no number"
    return f"{phone[:3]} {'•' * max(len(phone) - 5, 0)}{phone[-2:]}" if len(phone) > 6 else "••••"


def sentence(fact: Fact) -> str:
    """What happened, in the past tense, with the contact first."""
    who = fact.subject.partition("/")[2]
    match fact.data:
        case contact.PhoneChanged(to=to, via=via):
            return f"{who}: number became {mask(to)} by {via}" if to else f"{who}: number was removed by {via}"
        case contact.PhoneRefused(reason=reason):
            return f"{who}: a number was refused, {reason.replace('_', ' ')}"
        case contact.PhoneStatusChanged(to=to, reason=reason):
            return f"{who}: phone became {to} ({reason})"
        case contact.SubscriptionChanged(to=to, via=via):
            return f"{who}: {'subscribed' if to == 'subscribed' else f'subscription became {to}'} by {via}"
        case contact.FieldsChanged(set=values, removed=removed):
            return f"{who}: {', '.join([*values, *removed])[:60]} changed"
        case contact.ContactRefused(reason=reason):
            return f"{who}: an update was refused, {reason}"
        case contact.ContactErased():
            return f"{who}: was erased"
        case send.SendSkipped(reason=reason, class_=class_):
            return f"{who}: no {class_} SMS, {reason.replace('_', ' ')}"
        case send.SendDeferred(reason=reason, class_=class_):
            return f"{who}: a {class_} SMS waits, {reason.replace('_', ' ')}"
        case send.SendAttempted(to=to, class_=class_, parts=parts, encoding=encoding):
            return f"{who}: {class_} SMS to {mask(to)}, {parts} part{'s' if parts > 1 else ''} {encoding}"
        case send.SendAccepted():
            return f"{who}: the provider took it"
        case send.SendRefused(withheld=True):
            return f"{who}: the provider was not called, to be tried again"
        case send.SendRefused(final=final, status=status):
            return f"{who}: the provider refused it ({status}){'' if final else ', to be tried again'}"
        case send.SendUnknown(reason=reason):
            return f"{who}: nobody knows yet whether it went, {reason.replace('_', ' ')}"
        case send.SendGivenUp():
            return f"{who}: given up, nobody knows whether it went"
        case message.MessageStateChanged(to=to, bounce=bounce):
            return f"{who}: message is {to}{f' ({bounce} bounce)' if bounce else ''}"
        case message.InboundReceived(keyword=keyword):
            return f"{who}: replied{f' with the keyword {keyword}' if keyword else ''}"
        case message.LinkClicked():
            return f"{who}: clicked a link"
        case _:
            return f"{who}: {fact.type}"
