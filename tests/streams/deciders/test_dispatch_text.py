"""An account that keeps the price of an SMS: its texts go in GSM-7 alone."""

from typing import Any

import pytest

from events.codec import encode_fact
from events.send import SendAttempted, SendSkipped
from projections import text, transliteration
from tests.streams.one_partition import OnePartition, rebuilt, said, sealed_world

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


def test_an_author_s_own_words_without_a_counterpart_are_refused(world: OnePartition) -> None:
    world.save("hi", "Hola 😀")
    (fact,) = said(world.request(template="hi"))
    assert isinstance(fact, SendSkipped)
    assert fact.reason == "template_unknown"
    assert "U+1F600 grinning face, which GSM-7 cannot write" in fact.detail


def test_a_request_s_own_words_without_a_counterpart_are_refused_by_their_place_alone(world: OnePartition) -> None:
    (fact,) = said(world.request(text="Hola\nMari\u0301a 王小明"))
    assert isinstance(fact, SendSkipped)
    assert fact.reason == "variable_invalid"
    assert fact.detail == (
        "what stands in line 2, character 7, is no character that GSM-7 can write, and the account sends in GSM-7 only "
        "(transliterate)"
    )


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


@pytest.mark.parametrize("settings", [{"text": None}, {}, {"limits": {"parts": 255}}])
def test_a_text_that_values_blow_up_is_too_long_before_anything_is_done_with_it(
    monkeypatch: pytest.MonkeyPatch, world: OnePartition, settings: dict[str, Any]
) -> None:
    handed, normalised = [], text.normalize

    def watched(of: str) -> str:
        handed.append(len(of))
        return normalised(of)

    world.configure(link_domain="go.example.com", **settings)
    monkeypatch.setattr(text, "normalize", watched)
    monkeypatch.setattr(transliteration, "normalize", watched)
    (fact,) = said(world.request(text="a" + "{{x}}" * 1998, variables={"x": "\u0315\u0316" * 256}))
    assert isinstance(fact, SendSkipped)
    limit = fact.looked_at["parts_limit"]
    assert (fact.reason, fact.detail) == (
        "text_too_long",
        f"the text takes more than {limit} parts, and the account allows {limit}: it has 1022977 characters",
    )
    assert sum(handed) <= 10_000


def test_marks_without_end_are_counted_as_any_text_is(world: OnePartition) -> None:
    world.configure(text=None)
    (fact,) = said(world.request(text="a" + "{{x}}" * 79, variables={"x": "\u0315\u0316" * 256}))
    assert isinstance(fact, SendSkipped)
    assert fact.reason == "text_too_long"


def test_an_address_longer_than_all_parts_may_be_goes_as_its_short_link(world: OnePartition) -> None:
    world.configure(link_domain="go.example.com", limits={"parts": 1})
    assert _attempted(world, text="https://shop.example.com/" + "a" * 9_000).parts == 1


@pytest.mark.parametrize("privacy", ["open", "sealed"])
@pytest.mark.parametrize(
    "written", ["Estimada Ana, tu código es {{98-76-54 Ana", "Ana }} 12345678Z", "Ana 12345678Z 王小明 {{name}}"]
)
def test_a_request_s_own_text_stays_out_of_the_fact_that_refuses_it(privacy: str, written: str) -> None:
    world = sealed_world()
    world.configure(privacy=privacy, text={"transliterate": "gsm"})
    world.subscriber()
    (fact,) = said(world.request(text=written))
    assert isinstance(fact, SendSkipped)
    assert fact.reason == "variable_invalid"
    encoded = encode_fact(world.facts[-1]).decode()
    assert "in line 1, character " in encoded
    assert [written[at : at + 6] for at in range(len(written) - 5) if written[at : at + 6] in encoded] == []
