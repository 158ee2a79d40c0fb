"""Opt-outs by link and by number."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import opt_out
from events.contact import SubscriptionChanged
from events.envelope import Undecodable
from events.examples import SUBJECT
from projections import text
from projections.send import Call
from tests.streams.one_partition import LINKS, PARTITION, OnePartition, folded, rebuilt, said

EVA = "acme/eva"
TOM = "acme/tom"
OTHER_PHONE = "+34612345679"
CODE = opt_out.make(LINKS.key, PARTITION, SUBJECT)
PRESSED = SubscriptionChanged("subscribed", "unsubscribed", "link", "confirmed on the opt-out page")


def _sent(words: str = "Oferta. Baja: {{unsubscribe}}", **data: Any) -> tuple[OnePartition, Call]:
    world = OnePartition()
    world.subscriber()
    call = world.attempt(text=words, **data)
    world.now += 1000
    return world, call


def test_the_link_stands_in_the_text_and_is_counted() -> None:
    _, call = _sent()
    assert call.text == f"Oferta. Baja: https://go.example.com/u/{CODE}"
    _, long = _sent("x" * 130 + " {{unsubscribe}}")
    assert text.parts(long.text).parts == 2


def test_a_link_is_of_the_account_s_domain_if_it_has_one() -> None:
    world = OnePartition()
    world.configure(link_domain="go.acme.com")
    world.save("offer", "Baja: {{ unsubscribe }}")
    world.subscriber()
    assert world.attempt(template="offer").text == f"Baja: https://go.acme.com/u/{CODE}"


def test_no_value_takes_the_place_of_the_link() -> None:
    assert f"/u/{CODE}" in _sent(variables={"unsubscribe": "https://elsewhere.example.com"})[1].text


def test_an_alert_has_no_link_for_its_reader_is_another_person() -> None:
    assert _sent("Baja: {{unsubscribe}}", to={"alert": OTHER_PHONE})[1].text == "Baja: "


def test_the_link_unsubscribes_with_its_evidence() -> None:
    world, _ = _sent()
    assert said(world.press(CODE)) == [PRESSED]
    assert world.contact().subscription == "unsubscribed"
    assert not world.request("n", "newsletter").calls


def test_pressed_again_it_changes_nothing() -> None:
    world, _ = _sent()
    world.press(CODE)
    again = world.press(CODE)
    assert (again.outcome, again.facts) == ("unchanged", [])


def test_it_unsubscribes_whom_a_default_alone_had_subscribed_or_unsubscribed() -> None:
    world = OnePartition()
    world.configure(default_subscription="unsubscribed")
    world.update(_mobilePhone="612345678")
    world.attempt(text="{{unsubscribe}}")
    assert len(said(world.press(CODE))) == 1
    world.configure(default_subscription="subscribed")
    assert world.contact().subscription == "unsubscribed"


def test_an_erased_contact_stays_erased_and_its_opt_out_is_kept() -> None:
    world, _ = _sent()
    world.erase()
    world.press(CODE)
    assert (world.contact().erased, world.contact().subscription) == (True, "unsubscribed")


def test_a_link_that_nobody_was_sent_is_a_dead_letter() -> None:
    world, _ = _sent("Hola")
    for code in (CODE, opt_out.make(LINKS.key, PARTITION + 1, SUBJECT), "0" * 16):
        with pytest.raises(Undecodable, match="client_id"):
            world.press(code)


def test_the_link_works_for_as_long_as_the_contact_is_known() -> None:
    world, call = _sent()
    world.answer(call, provider_id="p")
    world.wait(400 * 86_400_000)
    assert said(world.press(CODE)) == [PRESSED]


def _two() -> tuple[OnePartition, Call]:
    world, call = _sent()
    world.subscriber(EVA)
    world.subscriber(TOM, OTHER_PHONE)
    return world, call


@pytest.mark.parametrize("how", ["link", "keyword"])
def test_an_opt_out_reaches_the_other_contacts_with_the_number_and_no_one_else(how: str) -> None:
    world, call = _two()
    _ = world.press(CODE) if how == "link" else world.receipt(call.client_id, message="BAJA")
    (changed,) = world.told()
    assert isinstance(changed, SubscriptionChanged)
    assert (changed.to, changed.via, changed.by) == ("unsubscribed", how, SUBJECT.partition("/")[2])
    assert changed.evidence in ("replied 'BAJA'", "confirmed on the opt-out page")
    states = [world.contact(subject).subscription for subject in (SUBJECT, EVA, TOM)]
    assert states == ["unsubscribed", "unsubscribed", "subscribed"]
    assert world.told() == []


def test_a_contact_that_was_unsubscribed_before_opts_out_its_number_all_the_same() -> None:
    world, call = _two()
    world.update(_smsSubscriptionStatus="unsubscribed")
    world.receipt(call.client_id, message="BAJA")
    assert len(world.told()) == 1


def test_an_opt_in_and_a_reply_to_a_former_number_opt_nobody_else_out() -> None:
    world, call = _two()
    world.receipt(call.client_id, message="ALTA")
    world.update(_mobilePhone=OTHER_PHONE)
    world.receipt(call.client_id, message="BAJA")
    assert world.told() == []
    assert world.contact(TOM).subscription == "subscribed"


def test_a_contact_that_left_the_number_is_not_reached_and_an_erased_one_neither() -> None:
    world, _ = _two()
    world.update(EVA, _mobilePhone=None)
    world.subscriber("acme/leo")
    world.erase("acme/leo")
    world.press(CODE)
    assert world.told() == []


def test_another_account_s_contact_with_the_number_is_another_person_s_matter() -> None:
    world, _ = _sent()
    world.subscriber("other/eva")
    world.press(CODE)
    assert world.told() == []


def test_an_older_opt_in_that_comes_late_does_not_undo_an_opt_out_by_number() -> None:
    world, _ = _two()
    hers = world.attempt("hers", EVA)
    world.press(CODE)
    world.told()
    world.receipt(hers.client_id, message="ALTA", event_at=world.now - 5)
    assert world.contact(EVA).subscription == "unsubscribed"
    world.now += 1
    world.receipt(hers.client_id, message="ALTA", event_at=world.now)
    assert world.contact(EVA).subscription == "subscribed"


@given(st.lists(st.sampled_from(["press", "press eva", "baja", "alta", "move", "back", "told"]), max_size=12))
def test_the_journal_alone_rebuilds_who_has_which_number_and_link(steps: list[str]) -> None:
    world, call = _two()
    world.attempt("hers", EVA, text="{{unsubscribe}}")
    for step in steps:
        world.now += 1
        match step:
            case "press":
                world.press(CODE)
            case "press eva":
                world.press(opt_out.make(LINKS.key, PARTITION, EVA))
            case "baja" | "alta":
                world.receipt(call.client_id, message=step, event_at=world.now)
            case "move":
                world.update(EVA, _mobilePhone=OTHER_PHONE)
            case "back":
                world.update(EVA, _mobilePhone="612345678")
            case _:
                world.told()
    assert folded(rebuilt(world.facts)) == folded(world.view)
