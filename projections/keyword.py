"""The words by which a contact opts out, opts in or asks for help: a reply that is exactly one of them.

Matched after folding case, accents and punctuation: "¡Baja!" is BAJA; "baja el precio" is no word of ours.
"""

import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal

from events.account import Keywords

__all__ = ["BUILT_IN", "Keyword", "fold", "keyword"]

Keyword = Literal["stop", "start", "help"]

_LONGEST: Final = 64  # characters of a keyword: events/account.py
# English, Spanish, French, Portuguese, Italian, German, Catalan. Words that people also use as an answer to a question
# ("yes", "no") are left out: an account that wants them lists them.
_STOP: Final = """
    STOP STOPALL UNSUBSCRIBE OPTOUT QUIT CANCEL END
    BAJA PARAR CANCELAR ALTO
    ARRET ARRETER DESABONNER DESINSCRIRE DESINSCRIPTION
    SAIR REMOVER DESCADASTRAR
    CANCELLA CANCELLAMI DISISCRIVI DISISCRIVIMI FERMA
    STOPP ABMELDEN ABBESTELLEN
    BAIXA ATURA ATURAR
"""
_START: Final = """
    START UNSTOP SUBSCRIBE OPTIN
    ALTA SUSCRIBIR SUSCRIBIRME
    ABONNER INSCRIRE
    INICIAR SUBSCREVER INSCREVER
    ISCRIVI ISCRIVIMI
    ANMELDEN
    SUBSCRIURE
"""
_HELP: Final = "HELP INFO AYUDA AIDE AJUDA AIUTO HILFE"
BUILT_IN: Final[Mapping[Keyword, frozenset[str]]] = {
    "stop": frozenset(_STOP.split()),
    "start": frozenset(_START.split()),
    "help": frozenset(_HELP.split()),
}


def fold(text: str) -> str:
    """The text as it is compared: upper case, no accents, only letters and digits, one space between words."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    return " ".join(kept.split()).upper()


@lru_cache(maxsize=1024)
def _folded(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(filter(None, map(fold, words)))


def keyword(text: str, own: Keywords) -> Keyword | None:
    """Which word the text is, or None. `own` are the account's lists, each of which replaces the built-in one.

    A word that stands in two lists opts out rather than in.
    """
    if not text or len(text) > 4 * _LONGEST:
        return None
    word = fold(text)
    lists: tuple[tuple[Keyword, list[str] | None], ...] = (("stop", own.stop), ("start", own.start), ("help", own.help))
    for kind, words in lists:
        if word in (BUILT_IN[kind] if words is None else _folded(tuple(words))):
            return kind
    return None
