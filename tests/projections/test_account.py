"""Settings, templates and cancellations of all accounts."""

from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from events.account import AccountConfigured, Bounces, Limits, SendCancelled, TemplateSaved
from events.contact import ContactErasure
from events.envelope import Input, InputData
from events.examples import CONFIGURED, SEVEN, TEMPLATE
from projections.account import Account, Directory

NAMES = map(str, count())  # each event has an id of its own


def _event(data: InputData, account: str = "acme") -> Input:
    return Input.of(data, id=next(NAMES), source="/console", subject=account, time=SEVEN)


def _configured(*patches: dict[str, Any]) -> Account:
    directory = Directory()
    for offset, patch in enumerate(patches):
        directory.evolve(_event(AccountConfigured.of_json(patch)), offset)
    account = directory.account("acme")
    assert account is not None
    return account


def test_an_account_that_was_never_configured_is_unknown() -> None:
    directory = Directory()
    directory.evolve(_event(TEMPLATE), 0)
    assert directory.account("acme") is None
    saved = directory.template("acme", "order-shipped")
    assert saved is not None
    assert saved.version == 1


def test_a_patch_leaves_what_it_does_not_name() -> None:
    account = _configured({"country": "ES", "stopped": True}, {"locale": "ca-ES"})
    assert (account.country, account.locale, account.stopped) == ("ES", "ca-ES", True)


def test_null_goes_back_to_the_default() -> None:
    account = _configured(
        {"country": "ES", "bounces": {"hard_in_a_row": 5}, "limits": {"parts": 2}, "require_mobile": False},
        {"country": None, "bounces": None, "limits": None, "require_mobile": None},
    )
    assert (account.country, account.bounces, account.limits, account.require_mobile) == (
        None,
        Bounces(),
        Limits(),
        True,
    )


def test_a_value_replaces_the_whole_of_its_setting() -> None:
    account = _configured({"bounces": {"hard_in_a_row": 5}}, {"bounces": {"codes": {"failed:1": "soft"}}})
    assert account.bounces.hard_in_a_row == 3


def test_the_same_record_again_changes_nothing() -> None:
    directory = Directory()
    directory.evolve(_event(TEMPLATE), 0)
    directory.evolve(_event(TEMPLATE), 0)
    saved = directory.template("acme", "order-shipped")
    assert saved is not None
    assert (saved.version, directory.version) == (1, 1)


def test_the_same_event_in_another_record_makes_no_other_version() -> None:
    directory, saved = Directory(), _event(TEMPLATE)
    directory.evolve(saved, 0)
    directory.evolve(saved, 1)
    template = directory.template("acme", "order-shipped")
    assert template is not None
    assert (template.version, directory.version) == (1, 2)


def test_a_repeated_event_does_not_bring_old_settings_back() -> None:
    directory, first = Directory(), _event(AccountConfigured.of_json({"stopped": False}))
    directory.evolve(first, 0)
    directory.evolve(_event(AccountConfigured.of_json({"stopped": True})), 1)
    directory.evolve(first, 2)
    account = directory.account("acme")
    assert account is not None
    assert (account.stopped, account.version, directory.version) == (True, 2, 3)


def test_an_id_that_another_account_or_another_source_has_used_is_free() -> None:
    directory = Directory()
    for offset, (account, source) in enumerate([("acme", "/console"), ("other", "/console"), ("acme", "/cli")]):
        directory.evolve(Input.of(TEMPLATE, id="1", source=source, subject=account, time=SEVEN), offset)
    assert [(saved := directory.template(name, "order-shipped")) and saved.version for name in ("acme", "other")] == [
        2,
        1,
    ]


_SAID = st.one_of(
    st.builds(lambda stopped: AccountConfigured.of_json({"stopped": stopped}), st.booleans()),
    st.builds(lambda text: TemplateSaved(template="t", text=text), st.sampled_from(["a", "b", "c"])),
    st.builds(lambda before: SendCancelled(before=before), st.integers(SEVEN, SEVEN + 5)),
)


@forall(st.lists(_SAID, min_size=1, max_size=8), st.data())
def test_events_told_again_at_any_later_time_change_nothing(said: list[InputData], data: st.DataObject) -> None:
    events = [_event(CONFIGURED), *map(_event, said)]
    once, often = Directory(), Directory()
    offset = 0
    for number, event in enumerate(events):
        once.evolve(event, number)
        for told in (event, *data.draw(st.lists(st.sampled_from(events[: number + 1]), max_size=3))):
            often.evolve(told, offset)
            offset += 1
    assert _known(once) == _known(often)


def _known(directory: Directory) -> Account:
    account = directory.account("acme")
    assert account is not None
    return replace(account, version=0)


def test_each_save_makes_the_next_version() -> None:
    directory = Directory()
    for offset in range(3):
        directory.evolve(_event(TEMPLATE), offset)
    saved = directory.template("acme", "order-shipped")
    assert saved is not None
    assert saved.version == 3


def test_a_template_that_cannot_be_used_is_a_version_that_says_why() -> None:
    directory = Directory()
    directory.evolve(_event(TEMPLATE), 0)
    directory.evolve(_event(TemplateSaved(template="order-shipped", text="{{nobody}}")), 1)
    saved = directory.template("acme", "order-shipped")
    assert saved is not None
    assert (saved.version, saved.compiled) == (2, None)
    assert "nobody" in saved.problem


def test_accounts_do_not_see_each_other() -> None:
    directory = Directory()
    directory.evolve(_event(CONFIGURED), 0)
    directory.evolve(_event(AccountConfigured.of_json({"country": "FR"}), "other"), 1)
    assert directory.names() == ["acme", "other"]
    assert directory.template("other", "order-shipped") is None


def test_a_connector_counts_once_its_token_is_sealed() -> None:
    assert not _configured({"connector": {"provider": "instasent", "token": "plain"}}).connected
    assert _configured({"connector": {"provider": "instasent", "token": {"sealed": "v1.x"}}}).connected


def test_what_is_not_set_follows_from_the_country() -> None:
    assert _configured({"country": "ES"}).manner.amount == "0 €"
    assert _configured({"country": "GB"}).manner.amount == "£0"
    assert _configured({"country": "GB", "currency": "EUR"}).manner.amount == "€0"
    assert _configured({"country": "PE"}).customs == ("es-PE", "PEN", "America/Lima")
    assert _configured({"country": "JP"}).customs == ("en", "", "UTC"), "and no euros where nobody said so"


def test_a_default_of_the_past_is_the_one_that_was_told_by_then() -> None:
    directory = Directory()
    for offset, default in enumerate(["none", "subscribed", "subscribed", "unsubscribed", None]):
        patch = AccountConfigured.of_json({"default_subscription": default})
        directory.evolve(Input.of(patch, id=f"{offset}", source="/c", subject="acme", time=SEVEN + 10 * offset), offset)
    account = directory.account("acme")
    assert account is not None
    asked = [SEVEN - 1, SEVEN, SEVEN + 9, SEVEN + 10, SEVEN + 29, SEVEN + 30, SEVEN + 40, None]
    assert [account.default_at(moment) for moment in asked] == [
        "none", "none", "none", "subscribed", "subscribed", "unsubscribed", "none", "none",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cancelled", "send_id", "labels", "covered"),
    [
        ({}, "s", (), True),
        ({"send_id": "s"}, "s", (), True),
        ({"send_id": "s"}, "t", (), False),
        ({"label": "november"}, "s", ("orders", "november"), True),
        ({"label": "november"}, "s", ("orders",), False),
        ({"label": "november", "send_id": "s"}, "s", ("november",), True),
        ({"label": "november", "send_id": "s"}, "t", ("november",), False),
    ],
)
def test_a_cancellation_covers_what_it_names_and_was_asked_for_before(
    cancelled: dict[str, Any], send_id: str, labels: tuple[str, ...], covered: bool
) -> None:
    directory = Directory()
    directory.evolve(_event(CONFIGURED), 0)
    directory.evolve(_event(SendCancelled(before=SEVEN, **cancelled)), 1)
    account = directory.account("acme")
    assert account is not None
    assert account.cancelled(send_id, labels, SEVEN - 1) is covered
    assert account.cancelled(send_id, labels, SEVEN) is False


def test_an_earlier_cancellation_does_not_take_back_a_later_one() -> None:
    directory = Directory()
    directory.evolve(_event(CONFIGURED), 0)
    directory.evolve(_event(SendCancelled(before=SEVEN)), 1)
    directory.evolve(_event(SendCancelled(before=SEVEN - 1000)), 2)
    account = directory.account("acme")
    assert account is not None
    assert account.cancelled("s", (), SEVEN - 1)


def test_a_record_of_another_topic_is_a_bug() -> None:
    event = Input.of(ContactErasure(reason="-"), id="1", source="/x", subject="acme/ana", time=SEVEN)
    with pytest.raises(TypeError, match="does not belong"):
        Directory().evolve(event, 0)
