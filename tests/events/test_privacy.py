"""Each fact's personal values are sealed, all of them and nothing else, and come back as they were."""

from dataclasses import fields
from typing import Any

import orjson
import pytest

from events import examples, privacy
from events.cipher import Cipher
from events.codec import decode_fact, encode_fact
from events.contact import FieldsChanged
from events.fact import Fact
from events.send import SendAttempted, SendDeferred

CIPHER = Cipher(b"k" * 32)
FACTS = examples.FACTS


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.type)
def test_a_fact_is_sealed_and_opened_on_its_way_through_the_journal(fact: Fact) -> None:
    sealed = fact._replace(data=privacy.sealed(fact.data, CIPHER, fact.subject))
    assert not privacy.has_personal(sealed.data)
    written = encode_fact(sealed)
    read = decode_fact(written)
    assert read == sealed
    assert encode_fact(read) == written
    assert privacy.opened(read.data, CIPHER, fact.subject) == fact.data
    assert privacy.sealed(read.data, CIPHER, fact.subject) == read.data


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.type)
def test_no_number_or_text_is_left_in_a_sealed_fact(fact: Fact) -> None:
    written = encode_fact(fact._replace(data=privacy.sealed(fact.data, CIPHER, fact.subject))).decode()
    for field in fields(fact.data):
        value = getattr(fact.data, field.name)
        if field.metadata.get("personal") and type(value) is str and value:
            assert f'"{value}"' not in written


def test_of_a_request_what_is_the_account_s_stays_readable() -> None:
    request: dict[str, Any] = {
        "to": "contact",
        "sender": "Acme",
        "text": "Hola",
        "labels": ["x"],
        "variables": {"n": 1},
    }
    deferred = SendDeferred("s", "newsletter", 1, "rate", request)
    data = orjson.loads(encode_fact(Fact("acme/ana", 1, 1, "e", "/x", privacy.sealed(deferred, CIPHER, "acme/ana"))))
    told = data["data"]["request"]
    assert (told["to"], told["sender"], told["labels"]) == ("contact", "Acme", ["x"])
    assert told["text"].keys() == told["variables"].keys() == {"sealed"}
    to_an_alert = SendDeferred("s", "newsletter", 1, "rate", {**request, "to": {"alert": "+34600000000"}})
    assert privacy.is_sealed({"to": privacy.sealed(to_an_alert, CIPHER, "acme/ana").request["to"]})  # type: ignore[union-attr]


def test_values_of_any_kind_are_sealed_and_a_fact_without_any_is_not_touched() -> None:
    changed = FieldsChanged({"vip": False, "orders": 0, "city": ""}, ["zip"])
    sealed = privacy.sealed(changed, CIPHER, "acme/ana")
    assert isinstance(sealed, FieldsChanged)
    assert all(value.startswith("s1.") for value in map(str, sealed.set.values()))
    assert privacy.opened(sealed, CIPHER, "acme/ana") == changed
    removed = FieldsChanged({}, ["zip"])
    assert not privacy.has_personal(removed)
    assert privacy.sealed(removed, CIPHER, "acme/ana") is removed


def test_another_contact_s_key_opens_nothing() -> None:
    (attempted,) = [fact for fact in FACTS if isinstance(fact.data, SendAttempted)][:1]
    sealed = privacy.sealed(attempted.data, CIPHER, attempted.subject)
    assert privacy.opened(sealed, Cipher(b"o" * 32), attempted.subject) == sealed
