"""Values as an account writes them."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.shape import Scalar
from projections import wording
from projections.text import parts
from projections.wording import Kind, Manner, manner, write

SPAIN = manner("es-ES", "EUR", "Europe/Madrid")
BRITAIN = manner("en-GB", "GBP", "Europe/London")
STATES = manner("en-US", "USD", "America/New_York")
SWISS = manner("de-CH", "CHF", "Europe/Zurich")


@pytest.mark.parametrize(
    ("value", "kind", "where", "written"),
    [
        (365.39, "currency", SPAIN, "365,39 €"),
        (10000, "currency", SPAIN, "10000,00 €"),
        (0.125, "currency", SPAIN, "0,13 €"),
        (-3, "currency", SPAIN, "-3,00 €"),
        ("365.39", "currency", BRITAIN, "£365.39"),
        (-3, "currency", STATES, "-$3.00"),
        (3, "currency", SWISS, "3.00 CHF"),
        (3, "currency", manner("en", "", "UTC"), "3.00"),
        (-0.0, "number", SPAIN, "0"),
        (1234.5, "number", manner("es-mx", "MXN", "UTC"), "1234.5"),
        (1234.5, "number", manner("es-Latn-MX", "MXN", "UTC"), "1234.5"),
        (1234.5, "number", manner("es-419", "USD", "UTC"), "1234.5"),
        (1234.5, "number", manner("es-CO", "COP", "UTC"), "1234,5"),
        (1234.5, "number", manner("en-ZA", "ZAR", "UTC"), "1234,5"),
        (1234.5, "number", manner("zh-Hant-TW", "TWD", "UTC"), "1234.5"),
        ("2026-11-25", "date", manner("en-us", "USD", "UTC"), "11/25/2026"),
        ("2026-11-25", "date", manner("EN-Latn-us", "USD", "UTC"), "11/25/2026"),
        (3, "currency", manner("en", "CHF", "UTC"), "CHF 3.00"),
        (10000, "number", SPAIN, "10000"),
        (2.50, "number", SPAIN, "2,5"),
        ("0.10", "number", STATES, "0.1"),
        (1e-7, "number", SPAIN, "0,0000001"),
        (15, "percentage", SPAIN, "15%"),
        (2.5, "percentage", SPAIN, "2,5%"),
        ("2026-11-25", "date", SPAIN, "25/11/2026"),
        ("2026-11-25", "date", STATES, "11/25/2026"),
        ("2026-11-25", "date", SWISS, "25.11.2026"),
        ("2026-11-25", "date", manner("xx", "EUR", "UTC"), "2026-11-25"),
        ("2026-11-24T23:30:00Z", "date", SPAIN, "25/11/2026"),
        ("2026-11-25T01:00:00+00:00", "date", STATES, "11/24/2026"),
        ("hola", "text", SPAIN, "hola"),
        (10000, "text", SPAIN, "10000"),
        (2.5, "text", SPAIN, "2,5"),
        (True, "text", SPAIN, "true"),
    ],
)
def test_a_value_is_written_in_the_manner_of_the_account(
    value: Scalar, kind: Kind, where: Manner, written: str
) -> None:
    assert write(value, kind, where) == written


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("many", "number"), (True, "number"), ("1,5", "currency"), ("1e9", "number"), (1e15, "currency"),
        ("٣", "number"), ("9" * 400, "number"), (3, "date"), ("yesterday", "date"), ("2026-02-30", "date"),
        ("2026-11-25" * 9, "date"), ("0001-01-01T00:00:00+23:59", "date"), (False, "percentage"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused_without_being_repeated(value: Scalar, kind: Kind) -> None:
    with pytest.raises(ValueError, match="must be a") as refused:
        write(value, kind, SPAIN)
    assert str(value) not in str(refused.value)


@given(st.integers(-(10**14), 10**14) | st.floats(-1e14, 1e14), st.sampled_from(["number", "currency", "percentage"]))
def test_no_number_makes_a_text_ucs_2(value: float, kind: Kind) -> None:
    for where in (SPAIN, BRITAIN, STATES, SWISS):
        assert parts(write(value, kind, where)).encoding == "GSM-7"


@given(st.text(max_size=50), st.sampled_from(["number", "currency", "percentage", "date"]))
def test_any_text_is_written_or_refused(value: str, kind: Kind) -> None:
    with suppress(ValueError):
        assert len(write(value, kind, SPAIN)) < 60


def test_the_plain_manner_is_that_of_no_country() -> None:
    assert write(1.5, "currency", wording.PLAIN) == "1.50"
