"""What the author of a template is shown."""

import pytest

from events.account import Variable
from projections import text, wording
from projections.preview import preview
from projections.template import Broken

SPAIN = wording.manner("es-ES", "EUR", "Europe/Madrid")
NAME = Variable(id="name", name="First name", type="text", default="cliente")
TOTAL = Variable(id="total", name="Total", type="currency")
DAY = Variable(id="day", name="Arrives on", type="date")


def test_each_variable_is_shown_with_its_type_and_how_it_is_written() -> None:
    shown = preview("{{name}}: {{total}}. {{name}}!", [NAME, TOTAL, DAY], SPAIN)
    assert [(place.id, place.type, place.times, place.example) for place in shown.places] == [
        ("name", "text", 2, "cliente"),
        ("total", "currency", 1, "123,45 €"),
        ("day", "date", 0, "25/11/2026"),
    ]
    assert shown.filled == "cliente: 123,45 €. cliente!"
    assert (shown.counted.encoding, shown.counted.parts) == ("GSM-7", 1)
    assert shown.hints == ("declared, and not in the text: day",)


def test_a_character_that_makes_all_of_it_dearer_is_named_with_what_it_costs() -> None:
    shown = preview("Síguelo " + "a" * 92, [], SPAIN)
    assert (shown.counted.encoding, shown.counted.parts, shown.costly) == ("UCS-2", 2, ("í",))
    (hint,) = shown.hints
    assert hint.startswith("í make the whole text UCS-2, 70 characters a part instead of 160: ")
    assert hint.endswith("without them the text itself takes 1 part instead of 2 parts")


def test_an_account_that_sends_in_gsm_7_alone_is_shown_what_it_sends() -> None:
    shown = preview("Síguelo " + "a" * 92, [], SPAIN, plain=True)
    assert (shown.counted.encoding, shown.counted.parts, shown.hints) == ("GSM-7", 1, ())
    with pytest.raises(Broken, match="GSM-7 cannot write"):
        preview("\N{GRINNING FACE}", [], SPAIN, plain=True)


def test_characters_of_two_septets_and_dear_defaults_are_told() -> None:
    assert preview("[{{name}}]", [NAME], SPAIN).hints == ("[ ] take two characters each",)
    dear = Variable(id="name", name="n", type="text", default="María")
    assert preview("Hola {{name}}", [dear], SPAIN).hints == (
        "the default of name makes the whole text UCS-2, 70 characters a part",
    )


def test_more_parts_than_the_account_allows_are_told() -> None:
    assert preview("a" * 161, [], SPAIN, 1).hints == (
        "the account allows 1 part: such an SMS would be skipped as text_too_long",
    )


def test_an_opt_out_link_counts_with_its_length() -> None:
    assert len(preview("{{unsubscribe}}", [], SPAIN).filled) > 30
    assert preview("{{unsubscribe}}", [], SPAIN).blank.parts == 0


def test_defaults_that_fill_more_than_any_sms_holds_are_refused_before_the_text_is_put_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handed, normalised = [], text.normalize

    def watched(of: str) -> str:
        handed.append(len(of))
        return normalised(of)

    monkeypatch.setattr(text, "normalize", watched)
    marks = Variable(id="x", name="x", type="text", default="\u0315\u0316" * 256)
    with pytest.raises(Broken, match="1022977 characters with the variables' examples, and an SMS"):
        preview("a" + "{{x}}" * 1998, [marks], SPAIN)
    assert sum(handed) <= 10_000
    assert preview("a" + "{{x}}" * 79, [marks], SPAIN).counted.encoding == "UCS-2"


def test_an_unknown_variable_is_refused() -> None:
    with pytest.raises(Broken, match="declare it"):
        preview("{{nmae}}", [NAME], SPAIN)
