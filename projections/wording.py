"""How an account writes values into texts: numbers, dates, amounts, percentages, by its locale.

Plain and fixed on purpose: no grouping of thousands (an order number is a number too), and a plain space where
locales want a no-break one, because U+00A0 and U+202F would make the whole SMS UCS-2 [instasent.md, section 5].
"""

import re
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from events.shape import Scalar

__all__ = ["PLAIN", "Kind", "Manner", "manner", "write"]

Kind = Literal["text", "number", "date", "currency", "percentage"]

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?", re.ASCII)
_SCRIPT: Final = 4  # letters in a script's code, as in zh-Hant-TW
_CENT: Final = Decimal("0.01")
_GREATEST: Final = Decimal(10) ** 15  # beyond it a number is no amount, and a float no longer exact
_SYMBOLS: Final = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "MXN": "$", "ARS": "$", "CLP": "$", "COP": "$"}
# Languages that put the symbol before the amount; the rest put it behind.
_SYMBOL_FIRST: Final = frozenset({"en"})
# By language, or by language and region where that differs from the language's: as the Unicode CLDR has it.
_POINT: Final = frozenset(
    [
        "am",
        "ar",
        "bn",
        "cy",
        "en",
        "fa",
        "fil",
        "ga",
        "gd",
        "gsw",
        "gu",
        "ha",
        "he",
        "hi",
        "ig",
        "ja",
        "kn",
        "ko",
        "ml",
        "mr",
        "ms",
        "mt",
        "my",
        "ne",
        "pa",
        "rm",
        "si",
        "sw",
        "ta",
        "te",
        "th",
        "ti",
        "ur",
        "yo",
        "zh",
        "zu",
        "de-CH",
        "de-LI",
        "it-CH",
        "es-419",
        "es-BZ",
        "es-CU",
        "es-DO",
        "es-GT",
        "es-HN",
        "es-MX",
        "es-NI",
        "es-PA",
        "es-PE",
        "es-PR",
        "es-SV",
        "es-US",
    ]
)
_COMMA: Final = frozenset(
    [
        "en-AT",
        "en-BE",
        "en-CZ",
        "en-DE",
        "en-DK",
        "en-ES",
        "en-FI",
        "en-FR",
        "en-HU",
        "en-ID",
        "en-IT",
        "en-NL",
        "en-NO",
        "en-PL",
        "en-PT",
        "en-RO",
        "en-SE",
        "en-SI",
        "en-SK",
        "en-ZA",
    ]
)
_ISO_DATE: Final = "%Y-%m-%d"
_DATES: Final = {
    "en": "%d/%m/%Y", "en-US": "%m/%d/%Y", "es": "%d/%m/%Y", "fr": "%d/%m/%Y", "it": "%d/%m/%Y", "pt": "%d/%m/%Y",
    "ca": "%d/%m/%Y", "gl": "%d/%m/%Y", "eu": "%Y/%m/%d", "de": "%d.%m.%Y", "nl": "%d-%m-%Y", "pl": "%d.%m.%Y",
}  # fmt: skip


class Manner(NamedTuple):
    """What a locale, a currency and a time zone come to."""

    point: str  # decimal separator
    date: str  # strftime
    symbol: str
    symbol_first: bool
    timezone: str  # IANA


PLAIN: Final = Manner(".", _ISO_DATE, "", False, "UTC")


@lru_cache(maxsize=256)
def manner(locale: str, currency: str, timezone: str) -> Manner:
    """The manner of an account: BCP 47 in any case, ISO 4217 or "" for no symbol, IANA. An unknown locale writes ISO
    dates and a decimal comma."""
    language, *rest = locale.split("-")
    language = language.lower()
    region = next((part.upper() for part in rest if len(part) != _SCRIPT), "")
    tag = f"{language}-{region}"
    form = _DATES.get(tag) or _DATES.get(language) or _ISO_DATE
    point = "." if tag in _POINT or (language in _POINT and tag not in _COMMA) else ","
    return Manner(point, form, _SYMBOLS.get(currency, currency), language in _SYMBOL_FIRST, timezone)


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
    digits = f"{amount:f}".replace(".", manner.point)
    if not manner.symbol_first:
        return f"{digits} {manner.symbol}".rstrip()
    sign, digits = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
    return f"{sign}{manner.symbol}{' ' if len(manner.symbol) > 1 else ''}{digits}"


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
        number = Decimal(repr(value)) + 0  # and no minus before a zero
    else:
        raise ValueError("must be a number, such as 1234 or 56.78")
    if not -_GREATEST < number < _GREATEST:
        raise ValueError("must be a number of at most 15 digits before the point")
    return number


def _digits(number: Decimal, manner: Manner) -> str:
    digits = f"{number:f}"
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
