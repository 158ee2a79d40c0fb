"""`recado tag`: a script line whose key is good for the origins that were named."""

import json

import pytest
from click.testing import CliRunner, Result

from connectors.credentials import read_tag_key
from streams.cli.main import cli


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.setenv("RECADO_SECRET", "A" * 43 + "=")
    monkeypatch.setenv("RECADO_PUBLIC_URL", "https://sms.example.com")
    return CliRunner().invoke(cli, ("tag", *arguments))


def test_the_line_names_a_key_for_the_origins(monkeypatch: pytest.MonkeyPatch) -> None:
    origins = ("--origin", "https://shop.example", "--origin", "http://localhost:8000")
    answer = json.loads(run(monkeypatch, "acme", *origins, "--json").stdout)
    named = frozenset({"https://shop.example", "http://localhost:8000"})
    assert read_tag_key(bytes(32), answer["tag_key"]) == ("acme", named)
    line = f'<script src="https://sms.example.com/tag/{answer["tag_key"]}.js"></script>\n'
    assert run(monkeypatch, "acme", *origins).stdout == line


@pytest.mark.parametrize(
    "origin", ["shop.example", "https://shop.example/", "https://Shop.example", "https://a.b:443", "*"]
)
def test_what_no_browser_sends_as_an_origin_is_refused(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    result = run(monkeypatch, "acme", "--origin", origin)
    assert result.exit_code == 2
    assert "is no origin" in result.output
