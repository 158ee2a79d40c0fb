"""Who gets an SMS: the table of the contract, section 5. Asks projections/contact.py.

Decided when the SMS is about to be sent. Each rule answers with a reason and a detail for a person, or passes; what it
saw is noted in `looked_at`, never a number or a text.
"""

from typing import Any, Final, NamedTuple

from events import instant
from events.send import Alert, SendRequested
from events.shape import Class
from projections import contact, phone, quiet, recent, send
from projections.account import Account
from projections.contact import State
from projections.recent import Recent
from streams.allowance import Allowance

__all__ = ["EXPIRES_AFTER", "No", "addressee", "cap", "ends", "expiry", "waits", "within_day"]

_DAY: Final = 86_400_000  # ms
_MOMENT: Final = 250  # ms: a few commits
EXPIRES_AFTER: Final = 35 * _DAY  # ms after it was asked for, whatever its own limit: contract, section 2


class No(NamedTuple):
    """Why an SMS does not go. `detail` is a sentence for people, without personal data."""

    reason: str
    detail: str


def ends(expires_at: int | None, requested_at: int) -> int:
    """The first moment (ms) at which an SMS may not go any more."""
    last = requested_at + EXPIRES_AFTER + 1
    return last if expires_at is None else min(last, expires_at)


def expiry(data: SendRequested, requested_at: int, now: int, looked_at: dict[str, Any]) -> No | None:
    """Is it too late for this SMS, or will it be by the time it may go?"""
    if data.not_before is not None:
        looked_at["not_before"] = instant.render(data.not_before)
    if data.expires_at is not None:
        looked_at["expires_at"] = instant.render(data.expires_at)
    no = _expired(data, requested_at, now)
    if no is not None:
        looked_at["requested_at"] = instant.render(requested_at)
        looked_at["judged_at"] = instant.render(now)
    return no


def _expired(data: SendRequested, requested_at: int, now: int) -> No | None:
    if now - requested_at > EXPIRES_AFTER:
        return No("expired", "it was asked for more than 35 days ago")
    if data.not_before is not None and data.not_before - requested_at > EXPIRES_AFTER:
        return No("expired", "its not_before lies more than 35 days after it was asked for: it could never go")
    if data.expires_at is None:
        return None
    if now >= data.expires_at:
        return No("expired", "its expires_at has passed")
    if data.not_before is not None and data.not_before >= data.expires_at:
        return No("expired", "its not_before is not earlier than its expires_at: it could never go")
    return None


def addressee(
    data: SendRequested, class_: Class, owner: State, account: Account, looked_at: dict[str, Any]
) -> str | No:
    """The number that gets the SMS, E.164, or why none does."""
    number = _alert(data.to, account) if isinstance(data.to, Alert) else _contact(class_, owner, account, looked_at)
    if isinstance(number, No):
        return number
    if account.require_mobile:
        looked_at["mobile"] = mobile = phone.is_mobile(number)
        if not mobile:
            return No("not_mobile", "the number is no mobile one, and the account requires it (require_mobile)")
    if account.limits.countries is not None:
        looked_at["country"] = country = phone.region(number)
        if country not in account.limits.countries:
            looked_at["countries"] = sorted(account.limits.countries)
            return No("country_blocked", f"numbers of {country or 'no country'} are not among the account's countries")
    return number


def waits(
    data: SendRequested, class_: Class, requested_at: int, number: str, account: Account, now: int,
    looked_at: dict[str, Any],
) -> int | No | None:  # fmt: skip
    """Until when (ms) quiet hours hold it back; None if they do not. Alerts are no exception: someone sleeps there."""
    rule = (account.quiet_hours or {}).get(class_)
    if rule is None:
        return None
    hours = quiet.hours(rule, number, phone.region(number) or account.country, account.manner.timezone)
    until = quiet.opens(hours, now)
    looked_at["quiet_hours"] = f"{rule.from_}-{rule.to} {', '.join(hours.zones)}"
    if hours.country is not None:
        looked_at["holidays_of"] = hours.country
    looked_at["local_time"] = quiet.told(hours, now)
    if until == now:
        return None
    if until is None:
        return No("quiet_hours", "in the 36 days to come the account's quiet hours leave no time for this number")
    if until >= ends(data.expires_at, requested_at):
        return No("quiet_hours", f"quiet hours last until {instant.render(until)}, and it expires before that")
    return until


def cap(
    class_: Class, lately: Recent, sent: send.State, account: Account, now: int, looked_at: dict[str, Any]
) -> No | None:
    """Has the contact had as many SMS as the account allows? Earlier attempts of this very send do not count."""
    caps = (account.caps or {}).get(class_)
    if not caps:
        return None
    own = [attempt.sequence for attempt in sent.attempts]
    counted = [(each, recent.count(lately, class_, now - each.days * _DAY, own)) for each in caps]
    looked_at["caps"] = [{"sends": each.sends, "days": each.days, "sent": had} for each, had in counted]
    for each, had in counted:
        if had >= each.sends:
            return No("frequency_cap", f"{had} went to this contact within {each.days} days, and {each.sends} may")
    return None


def within_day(
    day: str, sent: send.State, account: Account, now: int, allowance: Allowance, looked_at: dict[str, Any]
) -> int | No | None:
    """May another SMS of the account be attempted on this day of its time zone? Until when (ms) it waits, where that
    will be known in a moment. One that holds a place of the day is not asked for another."""
    per_day = account.limits.per_day
    if per_day is None:
        return None
    if sent.holds(day):
        looked_at |= {"day": day, "per_day": per_day, "counted": True}
        return None
    standing = allowance.ask(account.name, day, per_day)
    looked_at |= {"day": day, "per_day": per_day, "sent_that_day": standing.sent, "share": standing.share}
    if standing.opening:
        looked_at["opening"] = True
        return now + _MOMENT
    if standing.sent < standing.share:
        return None
    said = f", and attempted {standing.sent} on {day}"
    if standing.share != per_day:
        said = f"; this worker's part of it is {standing.share}, and used up on {day}"
    return No("account_limit", f"the account allows {per_day} SMS a day{said}")


def _alert(to: Alert, account: Account) -> str | No:
    """An alert goes to its number whatever the contact's state, as long as it is a number."""
    reading = phone.normalize(to.alert, account.country)
    if isinstance(reading, phone.Refusal):
        return No("alert_invalid", f"the alert number is none: {reading.reason}")
    return reading.e164


def _contact(class_: Class, owner: State, account: Account, looked_at: dict[str, Any]) -> str | No:
    subscription = contact.subscription(owner, account.default_subscription)
    looked_at["phone_status"] = owner.phone_status
    looked_at["subscription"] = subscription
    if owner.erased:
        return No("erased", "the contact's data was erased")
    if owner.phone is None:
        return No("no_phone", "the contact has no number")
    if owner.phone_status == "bounced":
        return No("phone_bounced", "the last SMS to this number bounced; a delivery, a new number or an edit lifts it")
    if owner.phone_status == "paused":
        return No("phone_paused", "the phone is paused; only an edit of its status lifts it")
    if class_ == "newsletter" and subscription != "subscribed":
        return No("not_subscribed", f"a newsletter needs a subscribed contact, and this one's status is {subscription}")
    return owner.phone
