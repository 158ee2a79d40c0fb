"""What languages and regions write in their own way, as the Unicode CLDR has it: the decimal separator, a numeric date,
where an amount has its sign and symbol. Data only; projections/wording.py says what is made of it.

A tag is a language, or a language and region where that differs from the language.
"""

from collections.abc import Mapping
from typing import Final

__all__ = ["AMOUNTS", "AT_HOME", "DATES", "DECIMALS", "ISO_DATE", "SYMBOLS"]

# By tag; who is not here writes a comma.
_DECIMALS: Final = {
    ".": """
        am ar bn cy en fa fil ga gd gsw gu ha he hi ig ja kn ko ml mr ms mt my ne pa rm si sw ta te th ti ur yo zh
        zu de-CH de-LI it-CH es-419 es-BZ es-CU es-DO es-GT es-HN es-MX es-NI es-PA es-PE es-PR es-SV es-US
    """,
    ",": """
        en-AT en-BE en-CZ en-DE en-DK en-ES en-FI en-FR en-HU en-ID en-IT en-NL en-NO en-PL en-PT en-RO en-SE en-SI
        en-SK en-ZA
    """,
}
ISO_DATE: Final = "%Y-%m-%d"
DATES: Final = {
    "en": "%d/%m/%Y", "en-US": "%m/%d/%Y", "es": "%d/%m/%Y", "fr": "%d/%m/%Y", "it": "%d/%m/%Y", "pt": "%d/%m/%Y",
    "ca": "%d/%m/%Y", "gl": "%d/%m/%Y", "eu": "%Y/%m/%d", "de": "%d.%m.%Y", "nl": "%d-%m-%Y", "pl": "%d.%m.%Y",
}  # fmt: skip

# The pattern of an amount, and behind a semicolon of one below zero, which else has its minus in front of all; by tag.
# Who is not here writes `0 ¤`.
_AMOUNTS: Final = {
    "0 ¤": """
        en-150 en-BE en-CZ en-DE en-DK en-EE en-ES en-FI en-FR en-GE en-HU en-IT en-LT en-LV en-NO en-PL en-PT
        en-RO en-SE en-SI en-SK en-UA pt-AO pt-CH pt-CV pt-GQ pt-GW pt-LU pt-MO pt-MZ pt-PT pt-ST pt-TL
    """,
    "0¤": "bn km lg lu rn",
    "¤0": """
        af ak am bm bn-IN cy dz ee en es-419 es-AR es-BO es-BR es-BZ es-CO es-CR es-CU es-DO es-GT es-HN es-MX
        es-NI es-PA es-PR es-SV es-US fil ga gd gu gv hi id ig ja ki kn ko ks kw ml mr ms mt nd nr om or pa rm
        sa si sn so ss st su te th ti tn tr ug ur ve xh yo yue zh zu
    """,
    "¤0;¤-0": "es-CL es-EC es-VE kl lo sg",
    "¤ 0": """
        aa ab an as bo co cu de-AT de-LI dv en-AT en-MV es-PE es-UY fa gn ha ht ia ii io iu jv la mg mi mn ms-BN
        ne nv ny oc os pi ps pt qu rw sd sw ta to ts vo wa wo yi za
    """,
    "¤ 0;¤-0": "de-CH en-CH it-CH",
    "¤ 0;¤ -0": "en-NL es-PY ie nl",
    "¤ 0;¤ 0-": "fy",
}


def _by_tag(tags: Mapping[str, str]) -> Mapping[str, str]:
    return {tag: written for written, those in tags.items() for tag in those.split()}


DECIMALS: Final = _by_tag(_DECIMALS)
AMOUNTS: Final = _by_tag(_AMOUNTS)

SYMBOLS: Final = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}
# By region: its money, and the symbol that means this money there and often another one elsewhere. Only what GSM-7 can
# write: ₡ and zł would make the whole SMS UCS-2.
AT_HOME: Final = {
    "AR": ("ARS", "$"), "BO": ("BOB", "Bs"), "BR": ("BRL", "R$"), "CL": ("CLP", "$"), "CO": ("COP", "$"),
    "DO": ("DOP", "RD$"), "GT": ("GTQ", "Q"), "HN": ("HNL", "L"), "MX": ("MXN", "$"), "NI": ("NIO", "C$"),
    "AU": ("AUD", "$"), "CA": ("CAD", "$"), "CN": ("CNY", "¥"), "CU": ("CUP", "$"), "HK": ("HKD", "$"),
    "NZ": ("NZD", "$"), "SG": ("SGD", "$"), "TW": ("TWD", "$"),
    "PA": ("PAB", "B/."), "PE": ("PEN", "S/"), "PY": ("PYG", "Gs."), "UY": ("UYU", "$"), "VE": ("VES", "Bs.S"),
}  # fmt: skip
