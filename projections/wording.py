"""How an account writes values into texts: numbers, dates, amounts, percentages, by its locale.

Plain and fixed on purpose: no grouping of thousands (an order number is a number too), and a plain space where
locales want a no-break one, because U+00A0 and U+202F would make the whole SMS UCS-2 [instasent.md, section 5]. The
locales' own ways are data of ours (projections/locales.py): a newer CLDR must not change what a replay writes.
"""

import re
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from events.shape import Scalar
from projections import locales

__all__ = ["PLAIN", "Kind", "Manner", "manner", "write"]

Kind = Literal["text", "number", "date", "currency", "percentage"]

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?", re.ASCII)
_SCRIPT: Final = 4  # letters in a script's code, as in zh-Hant-TW
_CENT: Final = Decimal("0.01")
_SIGNS: Final = "$€£¥"
_GREATEST: Final = Decimal(10) ** 15  # beyond it a number is no amount, and a float no longer exact


class Manner(NamedTuple):
    """What a locale, a currency and a time zone come to."""

    point: str  # decimal separator
    date: str  # strftime
    amount: str  # with its symbol; 0 stands for the digits
    debt: str  # an amount below zero
    timezone: str  # IANA


PLAIN: Final = Manner(".", locales.ISO_DATE, "0", "-0", "UTC")


@lru_cache(maxsize=256)
def manner(locale: str, currency: str, timezone: str) -> Manner:
    """The manner of an account: BCP 47 in any case, ISO 4217 or "" for no symbol, IANA. An unknown locale writes ISO
    dates and a decimal comma."""
    language, *rest = locale.split("-")
    language = language.lower()
    region = next((part.upper() for part in rest if len(part) != _SCRIPT), "")
    tag = f"{language}-{region}"
    form = locales.DATES.get(tag) or locales.DATES.get(language) or locales.ISO_DATE
    point = locales.DECIMALS.get(tag) or locales.DECIMALS.get(language) or ","
    pattern = locales.AMOUNTS.get(tag) or locales.AMOUNTS.get(language) or "0 ¤"
    return Manner(point, form, *_amounts(pattern, _symbol(currency, region)), timezone)


def _symbol(currency: str, region: str) -> str:
    """A code where the symbol would be read as that of the region's own money."""
    own, symbol = locales.AT_HOME.get(region, ("", ""))
    if currency == own:
        return symbol
    known = locales.SYMBOLS.get(currency, currency)
    return currency if known == symbol else known


def _amounts(pattern: str, symbol: str) -> tuple[str, str]:
    """Above zero, and below it."""
    if not symbol:
        return "0", "-0"
    above, _, below = pattern.partition(";")
    return _placed(above, symbol), _placed(below or f"-{above}", symbol)


def _placed(pattern: str, symbol: str) -> str:
    """No digit touches a letter or a dot, whatever the pattern says."""
    if symbol[-1] not in _SIGNS:
        pattern = pattern.replace("¤0", "¤ 0").replace("0¤", "0 ¤")
    return pattern.replace("¤", symbol)


def write(value: Scalar, kind: Kind, manner: Manner) -> str:
    """One value as text. Raises ValueError, which reads as the end of a sentence and does not repeat the value."""
    if kind == "text":
        return _text(value, manner)
    if kind == "date":
        return _date(value, manner)
    if kind == "number":
        return _digits(_number(value), manner)
    if kind == "percentage":
        return _digits(_number(value), manner) + "%"
    amount = _number(value).quantize(_CENT, ROUND_HALF_UP)
    digits = f"{abs(amount):f}".replace(".", manner.point)
    return (manner.debt if amount < 0 else manner.amount).replace("0", digits)


def _text(value: Scalar, manner: Manner) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _digits(Decimal(repr(value)), manner)
    return value or ""


def _number(value: Scalar) -> Decimal:
    """Numbers, and texts that are written as JSON writes numbers (a CSV import knows only texts)."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        number = Decimal(value.strip())
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = Decimal(repr(value))
    else:
        raise ValueError("must be a number, such as 1234 or 56.78")
    if not -_GREATEST < number < _GREATEST:
        raise ValueError("must be a number of at most 15 digits before the point")
    return number


def _digits(number: Decimal, manner: Manner) -> str:
    digits = f"{number:f}" if number else "0"  # and no minus before it
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return digits.replace(".", manner.point)


def _date(value: Scalar, manner: Manner) -> str:
    """A day (`2026-11-25`), or a moment with an offset, told in the account's time zone."""
    if not isinstance(value, str) or not 8 <= len(value) <= 40:
        raise ValueError("must be a date, such as 2026-11-25")
    try:
        if len(value) == 10:
            day = date.fromisoformat(value)
        else:
            moment = datetime.fromisoformat(value)
            day = moment.date() if moment.tzinfo is None else moment.astimezone(_zone(manner.timezone)).date()
    except (ValueError, OverflowError):
        raise ValueError("must be a date, such as 2026-11-25") from None
    # Not strftime: its %Y has no leading zeros on some platforms.
    return (
        manner.date.replace("%Y", f"{day.year:04d}").replace("%m", f"{day.month:02d}").replace("%d", f"{day.day:02d}")
    )


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name) if name != "UTC" else ZoneInfo("Etc/UTC")
