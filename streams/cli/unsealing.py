"""Sealed values in clear, for who has RECADO_SECRET and may read Kafka: by the keys that recado.keys holds now."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from connectors.ports import NotYet
from streams.cli.refusal import Refused
from streams.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from events.cipher import Cipher
    from events.dead_letter import DeadLetter
    from projections.keyring import Keyring


class Unsealing:
    """`settings` must be located. Every method raises Refused where a key is not RECADO_SECRET's."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _wrapped(self) -> Mapping[str, str]:
        from events.topics import Role
        from projections import keyring
        from streams.cli import place

        known: dict[str, str] = {}
        for record in place.records(self._settings, Role.KEYS):
            subject, wrapped = (record.key or b"").decode(), keyring.read(record.value)
            if wrapped is None:
                known.pop(subject, None)
            else:
                known[subject] = wrapped
        return known

    @cached_property
    def _keys(self) -> Keyring:
        from connectors.credentials import wrapping_key
        from projections.keyring import Keyring

        return Keyring(wrapping_key(self._settings.secret()))

    def cipher(self, subject: str) -> Cipher | None:
        """The contact's key; None where it has none (any more)."""
        from projections.keyring import WrongSecret

        wrapped = self._wrapped.get(subject)
        try:
            return None if wrapped is None else self._keys.unwrap(subject, wrapped)
        except WrongSecret as wrong:
            raise Refused(f"{wrong}.") from wrong

    def original(self, value: bytes | None) -> bytes | None:
        """What a dead letter holds, its data in clear too where that came sealed and its inbox key still exists."""
        import orjson

        from connectors.credentials import mac_key, wrapping_key
        from connectors.kafka.inbox_keys import InboxKeys
        from events.envelope import Undecodable
        from events.topics import Role, name
        from streams.cli import place

        if value is None or b'"sealed":"i1.' not in value:
            return value
        secret = self._settings.secret()
        topic = name(self._settings.topic_prefix, Role.INBOX_KEYS)
        keys = InboxKeys(topic, {}, wrapping_key(secret), mac_key(secret))
        for record in place.records(self._settings, Role.INBOX_KEYS):
            keys.fold(record)
            keys.version = record.offset + 1
        try:
            document = orjson.loads(value)
            return orjson.dumps({**document, "data": keys.open(document["subject"], document["data"]["sealed"])})
        except (Undecodable, NotYet, ValueError, TypeError, KeyError):
            return value  # a stranger's, or older than its key

    def letter(self, letter: DeadLetter) -> DeadLetter:
        """A dead letter in clear. Raises Refused where its contact was erased."""
        from events.cipher import Closed
        from projections.keyring import WrongSecret

        try:
            return self._keys.reveal(letter, self._wrapped.get(letter.sealed_for) if letter.sealed_for else None)
        except Closed as closed:
            raise Refused(f"The dead letter of {letter.sealed_for} opens no more: the contact was erased.") from closed
        except WrongSecret as wrong:
            raise Refused(f"{wrong}.") from wrong
