"""What follows from an update of a contact."""

from typing import Any

import pytest

from events.contact import (
    ContactErased,
    ContactRefused,
    ContactUpdated,
    FieldsChanged,
    PhoneChanged,
    PhoneRefused,
    PhoneStatusChanged,
    SubscriptionChanged,
)
from events.examples import SEVEN
from events.topics import Role
from tests.streams.one_partition import OnePartition, said

ANA, EVA = "+34612345678", "+34612345679"


def test_a_first_number_is_kept_in_one_form_and_is_active() -> None:
    assert OnePartition().update(_mobilePhone="612 34 56 78") == [
        PhoneChanged(None, ANA, "edit"),
        PhoneStatusChanged(None, "active", "phone_changed"),
    ]


def test_the_same_number_written_in_another_way_changes_nothing() -> None:
    world = OnePartition()
    world.update(_mobilePhone="612 34 56 78")
    assert world.update(_mobilePhone="0034612345678") == []


def test_what_is_no_number_is_refused_and_the_old_one_stays() -> None:
    world = OnePartition()
    world.update(_mobilePhone=ANA)
    assert world.update(_mobilePhone="call me") == [PhoneRefused("call me", "not_a_number", ANA)]
    assert world.contact().phone == ANA


def test_a_national_number_of_an_account_without_country_is_refused() -> None:
    world = OnePartition()
    world.configure(country=None)
    assert world.update(_mobilePhone="612345678") == [PhoneRefused("612345678", "no_country", None)]
    assert world.update("nobody/ana", _mobilePhone="612345678") == [PhoneRefused("612345678", "no_country", None)]


def test_a_new_number_makes_a_bounced_phone_active() -> None:
    world = OnePartition()
    world.update(_mobilePhone=ANA, _mobilePhoneStatus="bounced")
    assert world.update(_mobilePhone=EVA) == [
        PhoneChanged(ANA, EVA, "edit"),
        PhoneStatusChanged("bounced", "active", "phone_changed"),
    ]


def test_neither_a_new_number_nor_none_lifts_a_pause() -> None:
    world = OnePartition()
    world.update(_mobilePhone=ANA, _mobilePhoneStatus="paused")
    assert world.update(_mobilePhone=EVA) == [PhoneChanged(ANA, EVA, "edit")]
    assert world.update(_mobilePhone=None) == [PhoneChanged(EVA, None, "edit")]
    assert world.update(_mobilePhone=ANA) == [PhoneChanged(None, ANA, "edit")]
    assert world.contact().phone_status == "paused"
    assert world.update(_mobilePhoneStatus="active") == [PhoneStatusChanged("paused", "active", "edit")]


def test_without_a_number_there_is_no_status() -> None:
    world = OnePartition()
    world.update(_mobilePhone=ANA)
    assert world.update(_mobilePhone=None) == [
        PhoneChanged(ANA, None, "edit"),
        PhoneStatusChanged("active", None, "phone_changed"),
    ]
    assert world.update(_mobilePhoneStatus="active") == []


def test_a_number_and_a_status_in_one_update_are_taken_in_that_order() -> None:
    assert OnePartition().update(via="import", _mobilePhoneStatus="bounced", _mobilePhone=ANA) == [
        PhoneChanged(None, ANA, "import"),
        PhoneStatusChanged(None, "active", "phone_changed"),
        PhoneStatusChanged("active", "bounced", "import"),
    ]


def test_a_subscription_is_kept_with_what_proves_it() -> None:
    world = OnePartition()
    data = ContactUpdated.of_json(
        {"via": "import", "fields": {"_smsSubscriptionStatus": "subscribed"}, "evidence": "the form of May"}
    )
    assert said(world.take(data, Role.CONTACTS)) == [
        SubscriptionChanged("none", "subscribed", "import", "the form of May")
    ]


@pytest.mark.parametrize("default", ["none", "unsubscribed", "subscribed"])
def test_an_opt_out_outlives_any_change_of_the_default(default: str) -> None:
    world = OnePartition()
    world.configure(default_subscription=default)
    world.update(_smsSubscriptionStatus="unsubscribed")
    world.configure(default_subscription="subscribed")
    assert world.contact().subscription == "unsubscribed"
    assert world.update(_smsSubscriptionStatus="unsubscribed") == []


def test_nothing_known_is_the_same_as_never_set() -> None:
    world = OnePartition()
    assert world.update(_smsSubscriptionStatus="none") == []
    assert world.update(_smsSubscriptionStatus=None) == []
    world.configure(default_subscription="subscribed")
    assert world.update(_smsSubscriptionStatus="none") == [SubscriptionChanged("subscribed", "none", "edit")]


def test_null_clears_a_subscription_to_nothing_known() -> None:
    world = OnePartition()
    world.configure(default_subscription="subscribed")
    world.update(_smsSubscriptionStatus="unsubscribed")
    assert world.update(_smsSubscriptionStatus=None) == [SubscriptionChanged("unsubscribed", "none", "edit")]


def test_only_fields_that_change_are_told() -> None:
    world = OnePartition()
    assert world.update(city="Vigo", age=30) == [FieldsChanged({"city": "Vigo", "age": 30}, [])]
    assert world.update(city="Vigo", age=31) == [FieldsChanged({"age": 31}, [])]
    assert world.update(city=None, nowhere=None) == [FieldsChanged({}, ["city"])]
    assert world.update(city=None, age=31) == []
    assert world.contact().fields == {"age": 31}


def test_one_and_true_and_one_point_nought_are_three_values() -> None:
    world = OnePartition()
    world.update(n=1)
    assert world.update(n=True) == [FieldsChanged({"n": True}, [])]
    assert [type(value) for value in world.contact().fields.values()] == [bool]
    assert world.update(n=1.0) == [FieldsChanged({"n": 1.0}, [])]


def test_more_than_64_fields_are_refused_and_an_opt_out_beside_them_counts() -> None:
    world = OnePartition()
    many: dict[str, Any] = {f"f{n}": n for n in range(64)}
    world.update(**many)
    facts = world.update(one_more=1, _smsSubscriptionStatus="unsubscribed")
    assert facts[0] == SubscriptionChanged("none", "unsubscribed", "edit")
    assert isinstance(facts[1], ContactRefused)
    assert facts[1].reason == "too_many_fields"
    assert world.update(one_more=1, f0=None) == [FieldsChanged({"one_more": 1}, ["f0"])]


def test_64_fields_of_1_kib_are_kept_as_the_contract_allows() -> None:
    world = OnePartition()
    long: list[dict[str, Any]] = [{f"f{n}": "x" * 1024} for n in range(64)]
    facts = [fact for fields in long for fact in world.update(**fields)]
    assert not [fact for fact in facts if isinstance(fact, ContactRefused)]


def test_a_state_beyond_its_bound_is_refused() -> None:
    world = OnePartition()
    long: list[dict[str, Any]] = [{f"f{n}": '"' * 1024} for n in range(64)]  # each takes two bytes in JSON
    facts = [fact for fields in long for fact in world.update(**fields)]
    refused = [fact for fact in facts if isinstance(fact, ContactRefused)]
    assert {fact.reason for fact in refused} == {"too_large"}
    assert 30 < len(world.contact().fields) < 64


def test_an_erased_contact_is_a_tombstone() -> None:
    world = OnePartition()
    world.subscriber()
    world.update(city="Vigo")
    sequence = world.contact().sequence
    assert world.erase() == [ContactErased("asked")]
    assert world.erase() == []
    state = world.contact()
    assert (state.erased, state.phone, state.subscription, state.fields) == (True, None, None, {})
    assert state.sequence == sequence + 1


def test_a_contact_told_of_after_its_erasure_is_a_new_one() -> None:
    world = OnePartition()
    world.subscriber()
    world.erase()
    world.update(_mobilePhone=ANA)
    state = world.contact()
    assert (state.erased, state.phone, state.subscription) == (False, ANA, None)


# --- records found in another partition, which come late -------------------------------------------------------------


def test_an_older_moved_record_never_loosens_consent() -> None:
    world = OnePartition()
    world.update(_smsSubscriptionStatus="unsubscribed", time=SEVEN)
    facts = world.update(_smsSubscriptionStatus="subscribed", time=SEVEN - 1, moved=True)
    assert [type(fact) for fact in facts] == [ContactRefused]
    assert world.contact().subscription == "unsubscribed"


def test_an_older_moved_record_may_tighten_consent() -> None:
    world = OnePartition()
    world.update(_smsSubscriptionStatus="subscribed", time=SEVEN)
    world.update(_smsSubscriptionStatus="unsubscribed", time=SEVEN - 1, moved=True)
    assert world.contact().subscription == "unsubscribed"


def test_a_moved_record_that_is_not_older_counts_like_any_other() -> None:
    world = OnePartition()
    world.update(_smsSubscriptionStatus="unsubscribed", time=SEVEN)
    world.update(_smsSubscriptionStatus="subscribed", time=SEVEN, moved=True)
    assert world.contact().subscription == "subscribed"


@pytest.mark.parametrize("status", ["paused", "bounced"])
def test_an_older_moved_record_never_loosens_a_status(status: str) -> None:
    world = OnePartition()
    world.update(_mobilePhone=ANA, _mobilePhoneStatus=status, time=SEVEN)
    world.update(_mobilePhoneStatus="active", time=SEVEN - 1, moved=True)
    world.update(_mobilePhone=EVA, _mobilePhoneStatus=None, time=SEVEN - 1, moved=True)
    assert (world.contact().phone, world.contact().phone_status) == (ANA, status)


def test_an_older_moved_record_does_not_bring_back_an_erased_contact() -> None:
    world = OnePartition()
    world.subscriber()
    world.erase(time=SEVEN)
    facts = world.update(_mobilePhone=ANA, city="Vigo", time=SEVEN - 1, moved=True)
    assert facts == [ContactRefused("erased", "this record is older than the erasure of the contact")]
    assert world.contact().erased


def test_what_is_told_in_order_counts_whatever_its_time() -> None:
    world = OnePartition()
    world.update(_smsSubscriptionStatus="unsubscribed", time=SEVEN)
    world.update(_smsSubscriptionStatus="subscribed", time=SEVEN - 1)
    assert world.contact().subscription == "subscribed"
