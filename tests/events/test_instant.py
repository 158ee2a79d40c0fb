"""Moments: RFC 3339 in, milliseconds inside, RFC 3339 out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import instant


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-23T07:00:00Z", 1_795_417_200_000),
        ("2026-11-23T08:00:00+01:00", 1_795_417_200_000),
        ("2026-11-23t07:00:00.1239999z", 1_795_417_200_123),
        ("2026-11-23 07:00:00.5-00:00", 1_795_417_200_500),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000),
        ("2016-12-31T23:59:60.250Z", 1_483_228_800_250),
        ("9999-12-31T23:59:59.999Z", instant.MAXIMUM),
    ],
)
def test_a_time_with_an_offset_is_milliseconds_since_the_epoch(text: str, ms: int) -> None:
    assert instant.parse(text) == ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "1795417200",
        "2026-11-23",
        "2026-11-23T07:00:00",  # no offset: whose time?
        "20261123T070000Z",
        "2026-W48-1T07:00:00Z",
        "2026-02-30T07:00:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T07:00:00+24:00",
        "2026-11-23T07:00:00Z\n",
        "٢٠٢٦-11-23T07:00:00Z",  # digits, but not ASCII's
        "2026-11-23T07:00:00.٠٠٠Z",
        "2026-11-23T07:00:00.1_0Z",
        "2026-11-23T07:00:00.+10Z",
        "2026-11-23T07:00:0Z.100Z",
        "2026-02-30T07:00:00.000Z",
        "9999-12-31T23:59:60.000Z",
        "1969-12-31T23:59:59Z",
        "1969-12-31T23:59:59.999Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-11-23T07:00:00." + "0" * 300_000 + "Z",
    ],
)
def test_any_other_form_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"RFC 3339|does not exist|outside the years") as refused:
        instant.parse(text)
    assert len(str(refused.value)) < 120


@given(st.integers(0, instant.MAXIMUM))
def test_what_is_rendered_is_read_as_the_same_moment(ms: int) -> None:
    text = instant.render(ms)
    assert len(text) == 24
    assert text.endswith("Z")
    assert instant.parse(text) == ms


@pytest.mark.parametrize("ms", [-1, instant.MAXIMUM + 1])
def test_a_moment_that_rfc_3339_cannot_write_is_refused(ms: int) -> None:
    with pytest.raises(ValueError, match="outside the years"):
        instant.render(ms)
