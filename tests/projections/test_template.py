"""Texts with places to fill."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.account import Variable
from events.shape import Scalar
from events.variables import FieldRef
from projections import template, wording
from projections.template import Broken, Invalid

SPAIN = wording.manner("es-ES", "EUR", "Europe/Madrid")
NAME = Variable(id="name", name="First name", type="text", default="cliente")
TOTAL = Variable(id="total", name="Total", type="currency")


def _render(text: str, values: dict[str, Scalar | FieldRef], fields: dict[str, Scalar] | None = None) -> str:
    return "".join(template.fill(template.compile_text(text, [NAME, TOTAL]), values, fields or {}, SPAIN))


def test_a_value_fills_its_place() -> None:
    assert _render("Hola {{name}}: {{ total }}", {"name": "Ana", "total": 365.39}) == "Hola Ana: 365,39 €"


def test_a_value_can_be_a_field_of_the_contact() -> None:
    assert _render("Hola {{name}}", {"name": FieldRef(field="first_name")}, {"first_name": "Ana"}) == "Hola Ana"


@pytest.mark.parametrize("values", [{}, {"name": None}, {"name": ""}, {"name": FieldRef(field="nowhere")}])
def test_without_a_value_the_default_stands_else_nothing(values: dict[str, Scalar | FieldRef]) -> None:
    assert _render("Hola {{name}}{{total}}", values) == "Hola cliente"


def test_a_value_of_the_wrong_type_is_refused_without_being_repeated() -> None:
    with pytest.raises(Invalid, match="variable 'total' must be a number") as refused:
        _render("{{total}}", {"total": "a secret"})
    assert "secret" not in str(refused.value)


def test_a_text_of_the_request_itself_needs_no_declared_variables() -> None:
    compiled = template.compile_text("{{a}}-{{b}}-{{c}}")
    assert "".join(template.fill(compiled, {"a": 1, "b": 2.5}, {}, SPAIN)) == "1-2,5-"


def test_a_text_that_names_an_undeclared_variable_is_refused_by_its_name() -> None:
    with pytest.raises(Broken, match="nmae"):
        template.compile_text("Hola {{nmae}}", [NAME])


@pytest.mark.parametrize("text", ["{{", "{{name", "}}", "{{na me}}", "{{}}", "{{name}}}}", "{{ñ}}"])
def test_broken_braces_are_refused(text: str) -> None:
    with pytest.raises(Broken, match="brace"):
        template.compile_text(text, [NAME])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Hola {{nmae}}", "{{nmae}} in line 1, character 6, and no variable has the id 'nmae'"),
        ("Hola {{name}}\n\u00a1{{nmae}}!", "{{nmae}} in line 2, character 2, and"),
        ("{{nmae}} and {{other}}", "{{nmae}} in line 1, character 1, and"),
        ("Hola {{name", "'{{name' in line 1, character 6, is not"),
        ("{{name}} {{na me}}", "'{{na me}}' in line 1, character 10, is not"),
        ("a\nb }} c", "'}} c' in line 2, character 3, is not"),
        ("{{name}}}}", "'}}' in line 1, character 9, is not"),
    ],
)
def test_a_fault_is_told_with_its_place(text: str, told: str) -> None:
    with pytest.raises(Broken) as refused:
        template.compile_text(text, [NAME])
    assert told in str(refused.value)


@pytest.mark.parametrize("stray", ["{{Ana García, 12345678Z}}", "}} Ana García", "{{Ana"])
def test_a_fault_of_a_text_that_is_no_template_is_told_by_its_place_alone(stray: str) -> None:
    with pytest.raises(Broken, match="in line 2, character 6, is not; check its braces") as refused:
        template.compile_text(f"Hola\nAna: {stray}")
    assert "Ana" not in str(refused.value)


def test_a_default_that_does_not_fit_its_type_is_refused_by_its_name() -> None:
    with pytest.raises(Broken, match="'n' must be a number"):
        template.compile_text("{{n}}", [Variable(id="n", name="n", type="number", default="many")])


def test_identifiers_are_told_once_in_order() -> None:
    assert template.identifiers("{{b}}{{a}}{{b}}") == ("b", "a")


@given(st.text(max_size=60))
def test_a_value_is_never_read_as_a_template(value: str) -> None:
    assert _render("<{{name}}>", {"name": value}) == f"<{value or 'cliente'}>"


@given(st.text("{} ab-", max_size=30))
def test_any_text_is_taken_apart_or_refused(text: str) -> None:
    try:
        names = template.identifiers(text)
    except Broken:
        return
    values: dict[str, Scalar | FieldRef] = {name: f"{{{{{name}}}}}".replace(" ", "") for name in names}
    filled = "".join(template.fill(template.compile_text(text), values, {}, SPAIN))
    assert template.identifiers(filled) == names
