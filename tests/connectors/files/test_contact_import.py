"""An import as events: the engine's codec reads what was written without it; the same file makes the same events."""

import io
from pathlib import Path

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from connectors.files.checkpoint import Checkpoint
from connectors.files.contact_import import ContactImport, Report
from connectors.files.contacts import Refusal
from connectors.files.seen import Seen
from events.codec import decode_input, encode_input
from events.contact import ContactUpdated
from events.examples import SEVEN
from events.topics import Role

SAMPLES = Path(__file__).parents[3] / "samples"


def importing(content: bytes, now: int = SEVEN) -> ContactImport:
    return ContactImport(io.BytesIO(content), "acme", "ES", "contacts.csv", None, now)


def events(done: ContactImport, after: int = 0) -> list[tuple[str, bytes]]:
    return [event for chunk in done.chunks(after, size=7) for event in chunk.events]


def test_the_samples_make_the_events_that_the_codec_would_write() -> None:
    done = importing((SAMPLES / "contacts.csv").read_bytes())
    found = events(done)
    assert (len(found), done.imported, done.refused) == (1993, 1993, 7)
    for subject, value in found:
        event = decode_input(Role.CONTACTS, value)
        assert isinstance(event.data, ContactUpdated)
        assert (event.subject, event.data.via) == (subject, "import")
        assert encode_input(event) == value


@forall(st.text(max_size=80))
def test_whatever_a_cell_holds_makes_an_event_that_is_read_or_a_refusal(cell: str) -> None:
    quoted = cell.replace('"', '""')
    content = f'email,note\nana@example.com,"{quoted}"\n'.encode("utf-8", "surrogatepass")
    for _, value in events(importing(content)):
        decode_input(Role.CONTACTS, value)


def test_the_same_file_again_makes_the_same_ids_and_another_file_others() -> None:
    def ids(content: bytes, now: int) -> set[str]:
        return {decode_input(Role.CONTACTS, value).id for _, value in events(importing(content, now))}

    content = b"email,city\nana@example.com,Vigo\nleo@example.com,Vigo\n"
    assert ids(content, SEVEN) == ids(content, SEVEN + 1)
    assert not ids(content, SEVEN) & ids(content + b"eva@example.com,Vigo\n", SEVEN)


def test_what_was_durable_before_a_crash_is_not_sent_again(tmp_path: Path) -> None:
    content = (SAMPLES / "contacts.csv").read_bytes()
    kept = Checkpoint(tmp_path / "imports", ("broker", b"digest"))
    assert kept.read() == 0
    kept.write(1000)
    done = importing(content)
    assert (
        events(done, Checkpoint(tmp_path / "imports", ("broker", b"digest")).read())
        == events(importing(content))[1000:]
    )
    assert Checkpoint(tmp_path / "imports", ("broker", b"other")).read() == 0
    kept.clear()
    assert kept.read() == 0


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"done": "7"}', b'{"done": -1}'])
def test_a_damaged_checkpoint_counts_as_none(tmp_path: Path, damage: bytes) -> None:
    kept = Checkpoint(tmp_path, ("x",))
    kept.write(5)
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage)
    assert kept.read() == 0


def test_a_report_holds_the_values_and_no_formula() -> None:
    text = io.StringIO()
    Report(text).add(
        [
            Refusal(2, "_mobilePhone", "+99 999", "impossible", "+34 600"),
            Refusal(3, "city", "=aaa", "rule", '=HYPERLINK("x")'),
            Refusal(4, "", "3 cells", "the header has 2 columns"),
        ]
    )
    assert text.getvalue().splitlines() == [
        "line,column,value,reason",
        "2,_mobilePhone,+34 600,impossible",
        '3,city,"\'=HYPERLINK(""x"")",rule',
        "4,,3 cells,the header has 2 columns",
    ]


@forall(st.lists(st.text(max_size=3), max_size=60))
def test_the_first_line_of_each_contact_is_remembered(contacts: list[str]) -> None:
    seen, known = Seen(len(contacts)), dict[str, int]()
    try:
        for line, contact in enumerate(contacts, 2):
            assert seen.first(contact, line) == known.setdefault(contact, line)
    finally:
        seen.close()
