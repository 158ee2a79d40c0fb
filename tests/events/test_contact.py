"""The rules of a contact update: contract, section 3."""

from typing import Any

import pytest
from pydantic import ValidationError

from events.contact import ContactErasure, ContactUpdated


def update(fields: Any, **others: Any) -> ContactUpdated:
    return ContactUpdated.of_json({"via": "edit", "fields": fields} | others)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"_mobilePhone": "0034 612-34.56 (78)", "_mobilePhoneStatus": "paused", "_smsSubscriptionStatus": "none"},
        {"_mobilePhone": None, "_mobilePhoneStatus": None, "_smsSubscriptionStatus": None},
        {"text": "ñ", "whole": 2**63 - 1, "part": 0.1, "yes": True, "nothing": None, "lines": "a\nb\tc"},
        {"x" * 128: "x" * 1024},
        {"euros": "€" * 341},  # 1,023 bytes
        {f"f{number}": number for number in range(64)} | {"_mobilePhone": "x" * 1024},
        {f"f{number}": None for number in range(65)},  # what is cleared takes no place
    ],
)
def test_a_patch_within_the_rules_is_kept_as_it_came(fields: dict[str, Any]) -> None:
    read = update(fields).fields
    assert read == fields
    assert [type(value) for value in read.values()] == [type(value) for value in fields.values()]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (None, "object"),
        ([], "object"),
        ({"": 1}, "1 to 128"),
        ({"x" * 129: 1}, "1 to 128"),
        ({"a\nb": 1}, "printable"),
        ({"_other": 1}, "'_other' is no system field"),
        ({"_mobilePhone": 612345678}, "_mobilePhone must be a text"),
        ({"_mobilePhone": "x" * 1025}, "_mobilePhone is longer than 1024"),
        ({"_mobilePhone": "6\0"}, "U\\+0000"),
        ({"_mobilePhoneStatus": "Active"}, "active, bounced, paused or null"),
        ({"_mobilePhoneStatus": ["active"]}, "active, bounced, paused or null"),
        ({"_smsSubscriptionStatus": "yes"}, "subscribed, unsubscribed, none or null"),
        ({"_smsSubscriptionStatus": True}, "subscribed, unsubscribed, none or null"),
        ({"a": []}, "'a' must be text"),
        ({"a": {"sealed": "x"}}, "'a' must be text"),
        ({"a": "x" * 1025}, "1024 bytes"),
        ({"a": "€" * 342}, "1024 bytes"),
        ({"a": "x\0"}, "U\\+0000"),
        ({"a": "\ud800"}, "surrogate"),
        ({"a": float("nan")}, "64 bits"),
        ({"a": 1e300}, "64 bits"),
        ({"a": 2**63}, "64 bits"),
        ({f"f{number}": 0 for number in range(65)}, "64"),
    ],
)
def test_a_patch_beyond_the_rules_is_refused_whole(fields: Any, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        update(fields)


@pytest.mark.parametrize(
    "others", [{"via": "magic"}, {"via": None}, {"surprise": 1}, {"evidence": "x" * 1001}, {"evidence": 1}]
)
def test_what_surrounds_the_patch_is_judged_too(others: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        update({}, **others)


def test_an_erasure_says_why() -> None:
    assert ContactErasure.of_json({"reason": "asked"}).reason == "asked"
    with pytest.raises(ValidationError):
        ContactErasure.of_json({})
