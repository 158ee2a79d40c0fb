"""When a number may not be written to: quiet hours where its owner is likely to be, and holidays of its country.

Time zones are those in which libphonenumber thinks a number possible, holidays those of the `holidays` package.
"""

from datetime import date, datetime
from functools import cache, lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers

from events.account import QuietHours

__all__ = ["Hours", "hours", "opens", "told", "zones"]

_MINUTE: Final = 60_000  # ms; within a minute (UTC) nothing here changes: zones differ from UTC by whole minutes
_DAY: Final = 1_440  # minutes
_HORIZON: Final = 36 * _DAY  # beyond it no send waits: contract, section 2
_UNKNOWN: Final = "Etc/Unknown"


class Hours(NamedTuple):
    """An account's rule for one number. Quiet while it is so in any of the zones."""

    begin: int  # minutes of the day
    end: int  # earlier than `begin` where midnight lies between; the same: no hour is quiet
    zones: tuple[str, ...]  # IANA, at least one
    country: str | None  # whose holidays are quiet, ISO 3166-1; None for no one's


def hours(rule: QuietHours, number: str, region: str | None, timezone: str) -> Hours:
    """The rule for a stored E.164 number of that region; `timezone` is the account's own.

    Where a number's digits leave several zones open (Spanish mobiles are used in Madrid and on the Canaries alike), the
    account's own counts if it is one of them, else all: it must be quiet in none. It also counts where they tell none.
    """
    possible = zones(number)
    found = (timezone,) if timezone in possible or not possible else possible
    return Hours(_minutes(rule.from_), _minutes(rule.to), found, region if rule.holidays else None)


def opens(hours: Hours, now: int) -> int | None:
    """`now` (ms) if it is not quiet then, else the first moment after it that is not; None if none comes in 36 days."""
    minute = _opens(hours, now // _MINUTE)
    return None if minute is None else max(now, minute * _MINUTE)


def told(hours: Hours, now: int) -> dict[str, str]:
    """What the clocks of its zones show at `now` (ms), each with its date: `2026-11-23 08:00`."""
    return {name: _shown(name, now // _MINUTE) for name in hours.zones}


@lru_cache(maxsize=1_024)
def _shown(name: str, minute: int) -> str:
    return f"{datetime.fromtimestamp(minute * 60, _zone(name)):%Y-%m-%d %H:%M}"


@lru_cache(maxsize=16_384)
def zones(e164: str) -> tuple[str, ...]:
    """The zones in which a number may be, none where nobody knows (satellite phones)."""
    from phonenumbers import timezone  # its data is read only where an account has quiet hours

    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return ()
    found = timezone.time_zones_for_number(number)  # the country's for mobiles, unless their first digits tell more
    return tuple(name for name in found if name != _UNKNOWN and _zone(name) is not None)


@lru_cache(maxsize=1_024)
def _opens(hours: Hours, minute: int) -> int | None:
    last = minute + _HORIZON
    while minute <= last:
        quiet = max(_quiet(hours, name, minute) for name in hours.zones)
        if not quiet:
            return minute
        minute += quiet
    return None


def _quiet(hours: Hours, name: str, minute: int) -> int:
    """For how many minutes from this one (since the epoch) on it is surely quiet in that zone; 0 if it is not."""
    zone = _zone(name)
    local = datetime.fromtimestamp(minute * 60, zone)
    at = local.hour * 60 + local.minute
    if hours.country is not None and local.date() in _holidays(hours.country, local.year):
        left = _DAY - at
    elif (at - hours.begin) % _DAY < (hours.end - hours.begin) % _DAY:
        left = (hours.end - at) % _DAY
    else:
        return 0
    # Where the clock is changed meanwhile, the day is longer or shorter than it says: go on by single minutes.
    return left if datetime.fromtimestamp((minute + left) * 60, zone).utcoffset() == local.utcoffset() else 1


@cache
def _holidays(country: str, year: int) -> frozenset[date]:
    """Days that are public holidays in the whole country; none for a country of which nobody knows."""
    import holidays  # half a second, once: only where an account asks for it

    try:
        return frozenset(holidays.country_holidays(country, years=year))
    except NotImplementedError:
        return frozenset()


@cache
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return None


def _minutes(time_of_day: str) -> int:
    return int(time_of_day[:2]) * 60 + int(time_of_day[3:])
