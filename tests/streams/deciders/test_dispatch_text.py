"""An account that keeps the price of an SMS: its texts go in GSM-7 alone."""

from typing import Any

import pytest

from events.send import SendAttempted, SendSkipped
from tests.streams.one_partition import OnePartition, rebuilt, said

NAME = [{"id": "name", "name": "n", "type": "text"}]


@pytest.fixture
def world() -> OnePartition:
    world = OnePartition()
    world.subscriber()
    world.configure(text={"transliterate": "gsm"})
    return world


def _attempted(world: OnePartition, **data: Any) -> SendAttempted:
    (fact,) = said(world.request(f"s{len(world.inputs)}", **data))
    assert isinstance(fact, SendAttempted)
    return fact


def test_a_text_keeps_its_price(world: OnePartition) -> None:
    fact = _attempted(world, text="¡Tu pedido llegará mañana, Íñigo!" + " á" * 50)
    assert fact.text == "¡Tu pedido llegara mañana, Iñigo!" + " a" * 50
    assert (fact.encoding, fact.parts) == ("GSM-7", 1)
    assert fact.looked_at["transliterate"] == "gsm"
    assert world.calls[-1].text == fact.text


def test_without_the_setting_it_is_sent_as_written(world: OnePartition) -> None:
    world.configure(text=None)
    fact = _attempted(world, text="llegará 😀")
    assert (fact.text, fact.encoding) == ("llegará 😀", "UCS-2")
    assert "transliterate" not in fact.looked_at


def test_a_value_without_a_counterpart_is_a_question_mark_and_its_variable_is_noted(world: OnePartition) -> None:
    world.save("hi", "Hola {{name}}, {{order}}", variables=[*NAME, {"id": "order", "name": "o", "type": "text"}])
    fact = _attempted(world, template="hi", variables={"name": "Zoë 😀", "order": "nº 5"})
    assert fact.text == "Hola Zoe ?, no 5"
    assert fact.looked_at["question_marks_in"] == ["name"]
    assert world.view.values.keys() >= rebuilt(world.facts).values.keys()


def test_a_value_that_the_text_has_no_place_for_is_noted(world: OnePartition) -> None:
    world.save("hi", "Hola {{name}}", variables=NAME)
    fact = _attempted(world, template="hi", variables={"Name": "Ana", "city": "Vigo"})
    assert fact.text == "Hola "
    assert fact.looked_at["unused_variables"] == ["Name", "city"]
    fact = _attempted(world, text="Hola {{name}}", variables={"name": "Ana"})
    assert "unused_variables" not in fact.looked_at


@pytest.mark.parametrize(("data", "reason"), [({"template": "hi"}, "template_unknown"), ({}, "variable_invalid")])
def test_an_author_s_own_words_without_a_counterpart_are_refused(
    world: OnePartition, data: dict[str, Any], reason: str
) -> None:
    world.save("hi", "Hola 😀")
    (fact,) = said(world.request(**(data or {"text": "Hola 😀"})))
    assert isinstance(fact, SendSkipped)
    assert fact.reason == reason
    assert "U+1F600 grinning face, which GSM-7 cannot write" in fact.detail


def test_a_text_of_which_nothing_is_left_is_empty(world: OnePartition) -> None:
    (fact,) = said(world.request(text="\u200b\u00ad"))
    assert isinstance(fact, SendSkipped)
    assert fact.reason == "text_empty"


def test_parts_are_limited_as_they_are_sent(world: OnePartition) -> None:
    world.configure(limits={"parts": 1})
    assert _attempted(world, text="á" * 160).parts == 1
    (fact,) = said(world.request("long", text="…" * 54))
    assert isinstance(fact, SendSkipped)
    assert fact.reason == "text_too_long"
