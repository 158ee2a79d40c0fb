"""What the opt-out page says, in the reader's language, and its HTML. Pure; no personal data, no script, no picture."""

import re
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from html import escape
from typing import Final, NamedTuple

__all__ = ["POLICY", "TEXTS", "Texts", "ask", "done", "failed", "language", "unknown"]


class Texts(NamedTuple):
    """One language's words."""

    title: str
    question: str
    button: str
    done: str
    done_more: str
    unknown: str
    failed: str


TEXTS: Final[Mapping[str, Texts]] = {
    "en": Texts(
        "Unsubscribe", "Would you like to stop receiving promotional text messages on your phone?",
        "Stop the messages", "You are unsubscribed.", "You will not receive promotional text messages any more.",
        "This link is not valid. Check that it was copied whole.",
        "That could not be saved just now. Please press the button again in a moment.",
    ),
    "es": Texts(
        "Darse de baja", "¿Quieres dejar de recibir SMS promocionales en tu teléfono?",
        "Dejar de recibirlos", "Te has dado de baja.", "Ya no recibirás más SMS promocionales.",
        "Este enlace no es válido. Comprueba que se haya copiado entero.",
        "Ahora mismo no se ha podido guardar. Pulsa el botón otra vez dentro de un momento.",
    ),
    "fr": Texts(
        "Se désabonner", "Souhaitez-vous ne plus recevoir de SMS promotionnels sur votre téléphone ?",
        "Ne plus les recevoir", "Vous êtes désabonné.", "Vous ne recevrez plus de SMS promotionnels.",
        "Ce lien n'est pas valable. Vérifiez qu'il a été copié en entier.",
        "L'enregistrement n'a pas été possible. Appuyez à nouveau sur le bouton dans un instant.",
    ),
    "pt": Texts(
        "Cancelar a subscrição", "Quer deixar de receber SMS promocionais no seu telefone?",
        "Deixar de receber", "A subscrição foi cancelada.", "Não receberá mais SMS promocionais.",
        "Esta ligação não é válida. Verifique se foi copiada por inteiro.",
        "Não foi possível guardar agora. Prima o botão novamente dentro de momentos.",
    ),
    "it": Texts(
        "Annulla l'iscrizione", "Vuoi smettere di ricevere SMS promozionali sul tuo telefono?",
        "Smetti di riceverli", "La tua iscrizione è annullata.", "Non riceverai più SMS promozionali.",
        "Questo link non è valido. Controlla che sia stato copiato per intero.",
        "Non è stato possibile salvare. Premi di nuovo il pulsante tra un momento.",
    ),
    "de": Texts(
        "Abmelden", "Möchten Sie keine Werbe-SMS mehr auf Ihr Telefon erhalten?",
        "Keine SMS mehr", "Sie sind abgemeldet.", "Sie erhalten keine Werbe-SMS mehr.",
        "Dieser Link ist ungültig. Prüfen Sie, ob er vollständig kopiert wurde.",
        "Das konnte gerade nicht gespeichert werden. Bitte drücken Sie den Knopf gleich noch einmal.",
    ),
    "ca": Texts(
        "Donar-se de baixa", "Vols deixar de rebre SMS promocionals al teu telèfon?",
        "Deixar de rebre'ls", "T'has donat de baixa.", "Ja no rebràs més SMS promocionals.",
        "Aquest enllaç no és vàlid. Comprova que s'hagi copiat sencer.",
        "Ara mateix no s'ha pogut desar. Prem el botó una altra vegada d'aquí a un moment.",
    ),
}  # fmt: skip
_STYLE: Final = (
    "body{font:1.125rem/1.5 system-ui,sans-serif;color:#1b1b1b;background:#fff;margin:0 auto;max-width:32rem;"
    "padding:2rem 1rem}h1{font-size:1.5rem}button{font:inherit;font-weight:600;color:#fff;background:#1f4e8c;border:0;"
    "border-radius:.5rem;padding:.75rem 1.25rem;min-height:3rem;cursor:pointer}"
    "button:focus-visible{outline:3px solid #c05600;outline-offset:3px}"
    "@media(prefers-color-scheme:dark){body{color:#f2f2f2;background:#16181c}}"
)
_HASH: Final = b64encode(sha256(_STYLE.encode()).digest()).decode("ascii")
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of the page: nothing is loaded, nothing is run, and no other page may frame it."""

_RANGE: Final = re.compile(
    r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]{1,32})?\s*(?:;\s*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?\s*"
)
_LONGEST: Final = 1_000  # characters of Accept-Language that are looked at


def language(accepted: str) -> str:
    """The first of our languages that an Accept-Language header (RFC 9110, 12.5.4) prefers; English for none."""
    best, weight = "en", 0.0
    for part in accepted[:_LONGEST].split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            continue
        wanted, quality = match[1].lower(), float(match[2] or 1)
        if wanted in TEXTS and quality > weight:
            best, weight = wanted, quality
    return best


def ask(lang: str) -> str:
    """The question, with the button that acts."""
    return _page(lang, TEXTS[lang].title, TEXTS[lang].question, button=True)


def done(lang: str) -> str:
    return _page(lang, TEXTS[lang].done, TEXTS[lang].done_more, button=False)


def unknown(lang: str) -> str:
    return _page(lang, TEXTS[lang].title, TEXTS[lang].unknown, button=False)


def failed(lang: str) -> str:
    return _page(lang, TEXTS[lang].title, TEXTS[lang].failed, button=True)


def _page(lang: str, title: str, text: str, *, button: bool) -> str:
    form = f'<form method="post"><button type="submit">{escape(TEXTS[lang].button)}</button></form>' if button else ""
    return (
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f"<style>{_STYLE}</style></head><body><main><h1>{escape(title)}</h1>"
        f'<p role="status">{escape(text)}</p>{form}</main></body></html>'
    )
