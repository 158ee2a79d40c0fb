"""A CSV file by Connectif's import rules: every row is an update or a refusal with its reason."""

import io
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from connectors.files.contacts import Columns, Refusal, Row, Unreadable, read, shape
from projections.phone import Refusal as PhoneRefusal
from projections.phone import normalize

SAMPLES = Path(__file__).parents[3] / "samples"


def spanish(written: str) -> str | None:
    found = normalize(written, "ES")
    return found.reason if isinstance(found, PhoneRefusal) else None


def imported(text: str, key: str | None = None) -> tuple[Columns, list[Row | Refusal]]:
    columns, rows = read(io.BytesIO(text.encode("utf-8", "surrogatepass")), spanish, key)
    return columns, list(rows)


def refused(text: str) -> Refusal:
    (found,) = imported(text)[1]
    assert isinstance(found, Refusal)
    return found


def test_of_the_samples_two_thousand_rows_seven_are_refused_each_with_its_column() -> None:
    with (SAMPLES / "contacts.csv").open("rb") as stream:
        _, rows = read(stream, spanish)
        found = list(rows)
    refusals = [(row.line - 2, row.column) for row in found if isinstance(row, Refusal)]
    assert len(found) == 2000
    assert refusals == [
        (17, "_mobilePhone"),
        (101, "_mobilePhone"),
        (256, "email"),
        (404, "_smsSubscriptionStatus"),
        (777, "_mobilePhone"),
        (1503, "email"),
        (1777, "first_name"),
    ]


def test_an_empty_cell_leaves_the_field_as_it_is() -> None:
    (row,) = imported("email,city,_mobilePhone\nana@example.com,,\n")[1]
    assert isinstance(row, Row)
    assert (row.contact, dict(row.fields)) == ("ana@example.com", {})


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_header_tells_the_delimiter(delimiter: str) -> None:
    (row,) = imported(f"email{delimiter}city\nana@example.com{delimiter}Vigo\n")[1]
    assert isinstance(row, Row)
    assert dict(row.fields) == {"city": "Vigo"}


def test_an_email_goes_before_an_external_id_as_the_key() -> None:
    columns, (row,) = imported("external_id,email\n77,ana@example.com\n")
    assert columns.key_is == "email"
    assert isinstance(row, Row)
    assert dict(row.fields) == {"external_id": "77"}


def test_unknown_system_columns_are_skipped_and_named() -> None:
    columns, (row,) = imported("email,_points,city\nana@example.com,12,Vigo\n")
    assert list(columns.skipped) == ["_points"]
    assert isinstance(row, Row)
    assert dict(row.fields) == {"city": "Vigo"}


def test_a_refusal_shows_a_values_shape_and_never_the_value() -> None:
    found = refused("email,_mobilePhone\nana@example.com,+34 600 call me\n")
    assert (found.value, found.reason) == ("+99 999 aaaa aa", "not_a_number")


def test_a_row_of_another_length_is_refused_with_both_counts() -> None:
    found = refused("email,city\nana@example.com,Vigo,Spain\n")
    assert (found.value, found.reason) == ("3 cells", "the header has 2 columns")


def test_lines_are_counted_through_line_ends_within_quotes() -> None:
    _, rows = imported('email,note\nana@example.com,"two\nlines"\nbad,x\n')
    assert [row.line for row in rows] == [2, 4]


@pytest.mark.parametrize("key", ["a/b@example.com", "@example.com", "ana", "an a@example.com", "x" * 125 + "@e.es"])
def test_what_cannot_be_a_contact_is_refused(key: str) -> None:
    assert refused(f"email,city\n{key},Vigo\n").column == "email"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "header"),
        ("name,city\n", "key"),
        ("email,email\n", "more than once"),
        ("x" * 300_000, "header"),
        ('email,"city\nana@example.com,Vigo', "quote"),
        ("PK\x03\x04", "save it as CSV"),
    ],
)
def test_a_file_that_is_no_list_of_contacts_is_refused_whole(text: str, word: str) -> None:
    with pytest.raises(Unreadable, match=word):
        imported(text)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1", "utf-16-le"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_spreadsheets_write_in_many_encodings_and_line_ends(encoding: str, end: str) -> None:
    content = f"Email;Población{end}ana@example.com;Córdoba{end}leo@example.com;León{end}".encode(encoding)
    columns, rows = read(io.BytesIO(content), spanish)
    assert list(columns.names) == ["Email", "Población"]
    found = list(rows)
    assert [row.fields if isinstance(row, Row) else row for row in found] == [
        {"Población": "Córdoba"}, {"Población": "León"},
    ]  # fmt: skip
    assert [row.line for row in found] == [2, 3]


def test_a_broken_byte_in_a_file_of_utf_8_costs_its_own_row_only() -> None:
    content = "email,city\na@e.es,León\nb@e.es,Cádiz\nc@e.es,".encode() + b"C\xf3rdoba\nd@e.es,Vigo\n"
    found = list(read(io.BytesIO(content), spanish)[1])
    assert [type(row) for row in found] == [Row, Row, Refusal, Row]
    assert isinstance(found[2], Refusal)
    assert (found[2].line, found[2].column) == (4, "city")
    assert "utf-8" in found[2].reason


def test_what_stands_in_quotes_does_not_tell_the_delimiter() -> None:
    columns, (row,) = imported('email,"Consent; SMS; offers; news"\nana@example.com,yes\n')
    assert list(columns.names) == ["email", "Consent; SMS; offers; news"]
    assert isinstance(row, Row)
    assert dict(row.fields) == {"Consent; SMS; offers; news": "yes"}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_name_in_the_header_may_go_on_in_the_next_line_as_in_forms(end: str) -> None:
    columns, rows = imported(f'email;"What is your{end}favourite city?"{end}ana@example.com;Vigo{end}bad;Lugo{end}')
    assert list(columns.names) == ["email", "What is your favourite city?"]
    assert [row.line for row in rows] == [3, 4]


def test_blank_lines_above_the_header_are_passed_over_and_counted() -> None:
    _, rows = imported("\n \r\nemail,city\nana@example.com,Vigo\nbad,Lugo\n")
    assert [row.line for row in rows] == [4, 5]


def test_excels_line_that_names_the_separator_is_no_header() -> None:
    columns, (row,) = imported("sep=;\nemail;a,b\nana@example.com;Vigo\n")
    assert list(columns.names) == ["email", "a,b"]
    assert row.line == 3


@pytest.mark.parametrize(
    "bad",
    ['b@e.es,"Vigo', 'b@e.es,"Vi"go"', "b@e.es,Vigo,Spain", 'b@e.es,"Vi\ngo",Spain', "x" * 300_000, '"' + "x\n" * 300],
)
def test_one_bad_row_never_stops_a_file_nor_takes_the_next_one_with_it(bad: str) -> None:
    _, found = imported(f'email,city\na@e.es,Lugo\n{bad}\nc@e.es,León\nd@e.es,"Ávila"\n')
    assert [row.contact for row in found if isinstance(row, Row)] == ["a@e.es", "c@e.es", "d@e.es"]
    assert any(isinstance(row, Refusal) and row.line == 3 for row in found)


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Teléfono", "_mobilePhone"), ("MÓVIL", "_mobilePhone"), (" Mobile Phone ", "_mobilePhone"),
        ("_mobilephone", "_mobilePhone"), ("Número de teléfono", "_mobilePhone"),
        ("Suscripción SMS", "_smsSubscriptionStatus"),
        ("phone status", "_mobilePhoneStatus"), ("City", "City"),
        ("Téléphone portable", "_mobilePhone"), ("Telemóvel", "_mobilePhone"), ("Cellulare", "_mobilePhone"),
        ("Handynummer", "_mobilePhone"), ("Telèfon mòbil", "_mobilePhone"),
    ],
)  # fmt: skip
def test_header_names_are_matched_kindly(header: str, field: str) -> None:
    columns, _ = imported(f"Correo electrónico,{header}\n")
    assert (columns.key, columns.key_is, columns.fields[1]) == (0, "email", field)
    assert dict(columns.meant) == ({} if header.strip() == field else {header.strip(): field})


def test_of_two_columns_that_mean_the_phone_the_more_exact_one_is_it() -> None:
    columns, _ = imported("E-mail,Teléfono,Móvil\n")
    assert list(columns.fields) == [None, "Teléfono", "_mobilePhone"]
    columns, _ = imported("E-mail,Móvil,_mobilePhone\n")
    assert list(columns.fields) == [None, "Móvil", "_mobilePhone"]


def test_the_same_row_has_the_same_digest_and_another_cell_another() -> None:
    one, other = (imported(f"email,city\nana@example.com,{city}\n")[1][0] for city in ("Vigo", "Lugo"))
    again = imported("email,city\nana@example.com,Vigo\n")[1][0]
    assert isinstance(one, Row)
    assert isinstance(other, Row)
    assert isinstance(again, Row)
    assert one.digest == again.digest != other.digest


@forall(st.text(max_size=60))
def test_a_shape_holds_no_digit_but_9_and_no_letter_but_a(value: str) -> None:
    kept = shape(value).partition("… (")[0].removeprefix("(empty)")
    assert all(c in "9a" or not (c.isalpha() or c in "0123456789") for c in kept)


@forall(st.text(max_size=300))
def test_no_text_whatever_raises_anything_but_unreadable(text: str) -> None:
    with suppress(Unreadable):
        assert all(isinstance(row, Row | Refusal) for row in imported(text)[1])
