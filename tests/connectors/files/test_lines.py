"""Lines of a file, bounded."""

import io
from pathlib import Path

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from connectors.files.lines import lines, twice


def test_a_line_that_is_too_long_comes_as_none_and_the_next_is_read() -> None:
    found = list(lines(io.BytesIO(b"one\n" + b"x" * 1000 + b"\nthree"), longest=10))
    assert [(line.number, line.value) for line in found] == [(1, b"one"), (2, None), (3, b"three")]


def test_a_line_as_long_as_allowed_is_read_whatever_ends_it() -> None:
    found = list(lines(io.BytesIO(b"0123456789\n0123456789\r\n0123456789"), longest=10))
    assert [line.value for line in found] == [b"0123456789"] * 3


@forall(st.binary(max_size=200), st.integers(min_value=1, max_value=20))
def test_every_byte_is_counted_and_no_line_is_longer_than_allowed(content: bytes, longest: int) -> None:
    found = list(lines(io.BytesIO(content), longest))
    assert sum(line.size for line in found) == len(content)
    assert all(line.value is None or len(line.value) <= longest for line in found)
    assert len(found) == len(content.split(b"\n")) - (content.endswith(b"\n") or not content)


def test_a_file_can_be_read_twice(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"one\ntwo\n")
    with twice(str(path)) as (stream, size):
        first = stream.read()
        stream.seek(0)
        assert (first, size) == (stream.read(), 8)


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.jsonl"), twice(str(tmp_path / "nothing.jsonl")):
        pass
