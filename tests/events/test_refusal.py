"""A refusal tells the rule, and gives nothing away."""

from typing import Any

import orjson
import pytest

from events import codec
from events.envelope import Undecodable
from events.topics import Role

UPDATE: dict[str, Any] = {
    "specversion": "1.0",
    "id": "0b7c",
    "source": "/shop/checkout",
    "type": "recado.contact.updated.v1",
    "subject": "acme/ana@example.com",
    "time": "2026-11-23T07:00:00Z",
    "data": {"via": "edit", "fields": {"city": "Vigo"}},
}
SEND: dict[str, Any] = UPDATE | {
    "type": "recado.send.requested.v1",
    "data": {"to": "contact", "sender": "Acme", "text": "Hola"},
}
PRIVATE = ("612345678", "Hola Ana", "Secreta", "s3cr3t")


@pytest.mark.parametrize(
    ("role", "document"),
    [
        (Role.CONTACTS, UPDATE | {"data": {"via": "+34612345678", "fields": {}}}),
        (Role.CONTACTS, UPDATE | {"data": {"via": "edit", "fields": {"_mobilePhone": ["+34612345678"]}}}),
        (Role.CONTACTS, UPDATE | {"data": {"via": "edit", "fields": {"_mobilePhone": "+34612345678" * 99}}}),
        (Role.CONTACTS, UPDATE | {"data": {"via": "edit", "fields": {"_mobilePhoneStatus": "+34612345678"}}}),
        (Role.CONTACTS, UPDATE | {"data": {"via": "edit", "fields": {"city": {"Secreta": "Secreta"}}}}),
        (Role.CONTACTS, UPDATE | {"data": {"via": "edit", "fields": {"city": "Secreta" * 999}}}),
        (Role.CONTACTS, UPDATE | {"data": "+34612345678"}),
        (Role.CONTACTS, UPDATE | {"time": "+34612345678"}),
        (Role.CONTACTS, UPDATE | {"type": "+34612345678"}),
        (Role.CONTACTS, UPDATE | {"subject": "612345678"}),
        (Role.CONTACTS, UPDATE | {"subject": "acme/a/612345678"}),
        (Role.NEWSLETTER, SEND | {"class": "612345678"}),
        (Role.NEWSLETTER, SEND | {"data": SEND["data"] | {"to": "+34612345678"}}),
        (Role.NEWSLETTER, SEND | {"data": SEND["data"] | {"to": {"alert": 34612345678}}}),
        (Role.NEWSLETTER, SEND | {"data": SEND["data"] | {"text": ["Hola Ana"]}}),
        (Role.NEWSLETTER, SEND | {"data": SEND["data"] | {"text": "Hola Ana" * 9999}}),
        (Role.NEWSLETTER, SEND | {"data": SEND["data"] | {"text": "Hola Ana\0"}}),
        (Role.NEWSLETTER, SEND | {"data": SEND["data"] | {"variables": {"name": ["Secreta"]}}}),
        (Role.NEWSLETTER, SEND | {"data": SEND["data"] | {"variables": {"name": {"field": ["Secreta"]}}}}),
        (
            Role.ACCOUNTS,
            UPDATE
            | {
                "type": "recado.account.configured.v1",
                "subject": "acme",
                "data": {"connector": {"provider": "s3cr3t", "token": ["s3cr3t"]}},
            },
        ),
    ],
    ids=range(20),
)
def test_a_refusal_repeats_no_phone_text_value_or_secret(role: Role, document: dict[str, Any]) -> None:
    with pytest.raises(Undecodable) as caught:
        codec.decode_input(role, orjson.dumps(document))
    undecodable = caught.value
    for told in (undecodable.detail, str(undecodable), repr(undecodable)):
        assert not any(private in told for private in PRIVATE), told
        assert len(told) < 1000
