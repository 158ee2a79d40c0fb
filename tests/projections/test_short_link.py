"""Web addresses made short."""

import re
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections import short_link
from projections.short_link import CODE, shorten

KEY, BASE = b"k" * 32, "https://go.example.com"
URL = "https://shop.example.com/orders/1234?utm=sms"


def short(text: str, send: str = "send", own: str = "") -> tuple[str, dict[str, str]]:
    found = shorten(text, KEY, send, BASE, own)
    return found.text, dict(found.links)


@pytest.mark.parametrize(
    ("before", "behind"),
    [("", ""), ("Hola ", " gracias"), ("(", ")."), ("¡", "!"), ("mira:\n", "\nadiós"), ("'", "',")],
)
def test_an_address_is_exchanged_and_what_stands_around_it_stays(before: str, behind: str) -> None:
    text, links = short(f"{before}{URL}{behind}")
    ((code, url),) = links.items()
    assert text == f"{before}{BASE}/l/{code}{behind}"
    assert (url, CODE.fullmatch(code) is not None) == (URL, True)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (f"{URL}_(b)", f"{URL}_(b)"),
        (f"({URL}_(b)).", f"{URL}_(b)"),
        (f"{URL}/[a]!", f"{URL}/[a]"),
        (f"[{URL}])", URL),
        (f"{URL}_(b", f"{URL}_(b"),
    ],
)
def test_a_bracket_that_closes_one_of_the_address_is_of_the_address(text: str, url: str) -> None:
    assert list(short(text)[1].values()) == [url]


def test_the_same_address_twice_has_one_code_and_another_its_own() -> None:
    text, links = short(f"{URL} {URL} {URL}/x")
    assert sorted(links.values()) == [URL, f"{URL}/x"]
    codes = re.findall(r"/l/(\w+)", text)
    assert codes[0] == codes[1] != codes[2]


def test_a_code_is_that_of_one_send_and_of_every_attempt_of_it() -> None:
    assert short(URL) == short(URL)
    assert short(URL, "other")[0] != short(URL)[0]


def test_the_opt_out_link_and_what_is_no_address_stay() -> None:
    own = f"{BASE}/u/0123456789abcdef"
    assert short(f"{own} ftp://x http:// shop.example.com", own=own) == (f"{own} ftp://x http:// shop.example.com", {})


@given(st.text("ht ps:/.ab\n", max_size=60))
def test_what_is_exchanged_can_be_put_back(text: str) -> None:
    found = shorten(text, KEY, "send", BASE)
    back = found.text
    for code, url in found.links.items():
        back = back.replace(f"{BASE}/l/{code}", url)
    assert back == text


def _trimmed_one_by_one(url: str) -> str:
    """The rule, told slowly: see `short_link._trimmed`."""
    opening = {")": "(", "]": "[", "}": "{"}
    while url and (url[-1] in ".,;:!?'" or url.count(url[-1]) > url.count(opening.get(url[-1], url[-1]))):
        url = url[:-1]
    return url


@given(st.text("ab/.,;:!?'()[]{}", max_size=40))
def test_what_stands_behind_an_address_is_what_the_rule_says(tail: str) -> None:
    url = f"https://x/{tail}"
    assert list(short(url)[1].values()) == [_trimmed_one_by_one(url)]


class _Weighed(str):
    """A text that adds up how much of it is read and copied."""

    __slots__ = ()
    work: ClassVar[int] = 0

    def count(self, *arguments: Any) -> int:
        _Weighed.work += len(self)
        return super().count(*arguments)

    def __getitem__(self, at: Any) -> str:
        piece = super().__getitem__(at)
        _Weighed.work += len(piece)
        return _Weighed(piece)


@pytest.mark.parametrize("tail", [".", ")", ".)", "])"])
def test_what_stands_behind_an_address_is_trimmed_with_work_that_grows_as_the_address_does(
    monkeypatch: pytest.MonkeyPatch, tail: str
) -> None:
    monkeypatch.setattr(_Weighed, "work", 0)
    url = "https://x/" + tail * 2000
    assert short_link._trimmed(_Weighed(url)) == _trimmed_one_by_one(url)
    assert _Weighed.work <= 12 * len(url)
