"""What the header of a contacts file says, its names matched kindly: case, spaces, accents and common words aside."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from events.contact import PHONE, PHONE_STATUS, SUBSCRIPTION
from events.shape import VALUES

EMAIL, EXTERNAL_ID = "email", "external id"
# Plain forms (see `plain`) in the languages of projections/keyword.py, the most exact first: of two that mean one
# field, the first has it.
_KEYS: Mapping[str, Sequence[str]] = {
    EMAIL: ("email", "emailaddress", "correoelectronico", "correo", "direcciondecorreo", "mail",
            "courriel", "adressemail", "enderecodeemail", "indirizzoemail", "emailadresse", "correuelectronic"),
    EXTERNAL_ID: ("externalid", "idexterno", "identificadorexterno", "idexterne", "idesterno", "externeid", "idextern"),
}  # fmt: skip
_SYSTEM: Mapping[str, Sequence[str]] = {
    PHONE: (
        "mobilephone", "telefonomovil", "movil", "mobile", "mobilenumber", "numerodemovil", "celular", "cellphone",
        "cell", "telefono", "phone", "phonenumber", "numerodetelefono", "telephone", "tel", "tlf", "tfno",
        "telephonemobile", "telephoneportable", "portable", "numerodetelephone", "telemovel", "telefonecelular",
        "telefone", "cellulare", "telefonocellulare", "numerodicellulare", "handy", "handynummer", "mobiltelefon",
        "mobilnummer", "mobil", "telefonnummer", "telefon", "telefonmobil",
    ),
    PHONE_STATUS: ("mobilephonestatus", "phonestatus", "estadodelmovil", "estadodeltelefono", "estadotelefono"),
    SUBSCRIPTION: (
        "smssubscriptionstatus", "smssubscription", "estadodesuscripcionsms", "estadosuscripcionsms",
        "suscripcionsms", "suscripcionasms",
    ),
}  # fmt: skip
_NAME_CHARACTERS = 128


class Unreadable(ValueError):
    """The file as a whole cannot be imported; the sentence says why and what to do."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What the header says. `names` are as written; `fields` is the field that each column fills, None for the key and
    for what is skipped: system columns nobody knows here, and columns without a name. `meant` are the columns whose
    field has another name than they have."""

    names: Sequence[str]
    fields: Sequence[str | None]
    key: int
    key_is: str
    skipped: Sequence[str]
    meant: Mapping[str, str]


def plain(name: str) -> str:
    """A name without case, accents, spaces and punctuation: `Teléfono móvil` is telefonomovil."""
    apart = unicodedata.normalize("NFKD", name.casefold())
    return "".join(c for c in apart if c.isalnum())


def columns(names: Sequence[str], key: str | None) -> Columns:
    """Read a header. `key` is the column that names the contact, where a person chose it. Raises Unreadable."""
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise Unreadable(f"The header names {', '.join(twice)} more than once: give each column its own name.")
    for number, name in enumerate(names, 1):
        if len(name) > _NAME_CHARACTERS or (name and not name.isprintable()):
            raise Unreadable(f"Column {number} has no usable name: 1 to {_NAME_CHARACTERS} printable characters.")
    at, key_is = _key(names, key)
    fields: list[str | None] = [None if not name or name[0] == "_" else name for name in names]
    for field, words in _SYSTEM.items():
        found = _found(names, (field, *words), taken=at)
        if found is not None:
            fields[found] = field
    fields[at] = None
    skipped = [name or "(no name)" for i, name in enumerate(names) if fields[i] is None and i != at]
    if len(names) - 1 - len(skipped) > VALUES + len(_SYSTEM):
        raise Unreadable(f"The file has {len(names)} columns; a contact has at most {VALUES} fields of its own.")
    meant = {name: field for name, field in zip(names, fields, strict=True) if field is not None and field != name}
    return Columns(names, fields, at, key_is, skipped, meant)


def _key(names: Sequence[str], key: str | None) -> tuple[int, str]:
    kinds = {word: kind for kind, words in _KEYS.items() for word in words}
    if key is not None:
        found = _found(names, (key, plain(key)), taken=-1)
        if found is None:
            raise Unreadable(f"There is no column {key!r}; the header has {', '.join(names)}.")
        return found, kinds.get(plain(names[found]), EXTERNAL_ID)
    for kind, words in _KEYS.items():  # an e-mail goes before an external id
        found = _found(names, words, taken=-1)
        if found is not None:
            return found, kind
    raise Unreadable(
        f"No column names the contact: call one email or external_id, or choose with --key: {', '.join(names)}."
    )


def _found(names: Sequence[str], words: Sequence[str], taken: int) -> int | None:
    """The column that has the first of these words: as it is, or in its plain form."""
    forms = [plain(name) for name in names]
    for word in words:
        for written in (names, forms):
            if word in written and written.index(word) != taken:
                return written.index(word)
    return None
