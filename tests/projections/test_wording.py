"""Values as an account writes them."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.shape import Scalar
from projections import wording
from projections.account import _BY_COUNTRY, Account
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
        (3, "currency", SWISS, "CHF 3.00"),
        (3, "currency", manner("de-DE", "CHF", "UTC"), "3,00 CHF"),
        (3, "currency", manner("es-ES", "USD", "UTC"), "3,00 $"),
        (3, "currency", manner("es-ES", "MXN", "UTC"), "3,00 MXN"),
        (3, "currency", manner("es-MX", "USD", "UTC"), "USD 3.00"),
        (3, "currency", manner("en-CA", "USD", "UTC"), "USD 3.00"),
        (3, "currency", manner("en-CA", "CAD", "UTC"), "$3.00"),
        (3, "currency", manner("es-419", "EUR", "UTC"), "€3.00"),
        (3, "currency", manner("en-IE", "EUR", "UTC"), "€3.00"),
        (3, "currency", manner("en-BE", "EUR", "UTC"), "3,00 €"),
        (3, "currency", manner("bn-BD", "BDT", "UTC"), "3.00 BDT"),
        (-3, "currency", manner("fy-NL", "EUR", "UTC"), "€ 3,00-"),
        (-3, "currency", manner("nl-NL", "", "UTC"), "-3,00"),
        (-3, "currency", manner("xx", "XYZ", "UTC"), "-3,00 XYZ"),
        ("-0.001", "currency", SPAIN, "0,00 €"),
        (-0.001, "currency", STATES, "$0.00"),
        ("-0", "currency", SPAIN, "0,00 €"),
        ("-0", "number", SPAIN, "0"),
        ("-0.00", "percentage", SPAIN, "0%"),
        (-0.0, "text", SPAIN, "0"),
        ("-0.10", "number", SPAIN, "-0,1"),
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


# The CLDR's standard currency pattern of each, but no separator of thousands, a plain space, and no zł or ₡, which are
# not in GSM-7.
AMOUNTS = {
    "ES": ("1234,50 €", "-1234,50 €"), "FR": ("1234,50 €", "-1234,50 €"), "PT": ("1234,50 €", "-1234,50 €"),
    "IT": ("1234,50 €", "-1234,50 €"), "DE": ("1234,50 €", "-1234,50 €"), "AD": ("1234,50 €", "-1234,50 €"),
    "GB": ("£1234.50", "-£1234.50"), "IE": ("€1234.50", "-€1234.50"), "US": ("$1234.50", "-$1234.50"),
    "MX": ("$1234.50", "-$1234.50"), "AR": ("$1234,50", "-$1234,50"), "CL": ("$1234,50", "$-1234,50"),
    "CO": ("$1234,50", "-$1234,50"), "PE": ("S/ 1234.50", "-S/ 1234.50"), "EC": ("$1234,50", "$-1234,50"),
    "UY": ("$ 1234,50", "-$ 1234,50"), "BO": ("Bs 1234,50", "-Bs 1234,50"), "PY": ("Gs. 1234,50", "Gs. -1234,50"),
    "VE": ("Bs.S 1234,50", "Bs.S-1234,50"), "CR": ("CRC 1234,50", "-CRC 1234,50"),
    "PA": ("B/. 1234.50", "-B/. 1234.50"), "DO": ("RD$1234.50", "-RD$1234.50"), "GT": ("Q 1234.50", "-Q 1234.50"),
    "HN": ("L 1234.50", "-L 1234.50"), "NI": ("C$1234.50", "-C$1234.50"), "SV": ("$1234.50", "-$1234.50"),
    "BR": ("R$ 1234,50", "-R$ 1234,50"),
    "AT": ("€ 1234,50", "-€ 1234,50"), "BE": ("€ 1234,50", "€ -1234,50"), "NL": ("€ 1234,50", "€ -1234,50"),
    "CH": ("CHF 1234.50", "CHF-1234.50"), "PL": ("1234,50 PLN", "-1234,50 PLN"),
}  # fmt: skip


@pytest.mark.parametrize("country", _BY_COUNTRY)
def test_an_amount_has_sign_and_symbol_where_the_country_has_them_and_stays_in_gsm_7(country: str) -> None:
    written = tuple(write(value, "currency", Account("a", country=country).manner) for value in ("1234.5", -1234.5))
    assert written == AMOUNTS[country]
    assert parts("".join(written)).encoding == "GSM-7"


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
