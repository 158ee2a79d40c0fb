"""The rules of an account's settings and templates; no plain token is ever written or shown."""

from typing import Any

import pytest
from pydantic import ValidationError

from events import codec, examples
from events.account import INSTASENT_URL, TWILIO_URL, AccountConfigured, Connector, SendCancelled, TemplateSaved
from events.envelope import Input
from events.topics import Role

PLAIN = {"provider": "instasent", "base_url": "http://127.0.0.1:8099/", "token": "s3cr3t"}


def configured(**settings: Any) -> AccountConfigured:
    return AccountConfigured.of_json(settings)


def test_absent_stays_and_null_clears() -> None:
    patch = configured(country="ES", fallback=None)
    assert patch.model_fields_set == {"country", "fallback"}
    assert patch.as_json() == {"country": "ES", "fallback": None}
    event = Input.of(patch, id="1", source="/console", subject="acme", time=examples.SEVEN)
    assert codec.decode_input(Role.ACCOUNTS, codec.encode_input(event)).data.model_fields_set == {
        "country",
        "fallback",
    }


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"country": "XX"}, "ISO 3166-1"),
        ({"country": "es"}, "pattern"),
        ({"timezone": "Mars/Olympus"}, "IANA"),
        ({"currency": "ZZZ"}, "ISO 4217"),
        ({"currency": "XXX"}, "ISO 4217"),
        ({"timezone": "../../etc/passwd"}, "IANA"),
        ({"currency": "euro"}, "pattern"),
        ({"locale": "spanish please"}, "pattern"),
        ({"default_subscription": "yes"}, "subscribed"),
        ({"stopped": "true"}, "boolean"),
        ({"stopped": 1}, "boolean"),
        ({"bounces": {"hard_in_a_row": 0}}, "greater"),
        ({"bounces": {"codes": {"failed": "hard"}}}, "pattern"),
        ({"resend_unknown": ["all"]}, "transactional"),
        ({"quiet_hours": {"newsletter": {"from": "21:00", "to": "24:00"}}}, "pattern"),
        ({"quiet_hours": {"newsletter": {"from_": "21:00", "to": "09:00"}}}, "required"),
        ({"quiet_hours": {"all": {"from": "21:00", "to": "09:00"}}}, "transactional"),
        ({"caps": {"newsletter": [{"sends": 2}]}}, "required"),
        ({"limits": {"countries": ["XX"]}}, "ISO 3166-1"),
        ({"limits": {"parts": 0}}, "greater"),
        ({"text": {"transliterate": "latin"}}, "keep"),
        ({"keywords": {"stop": [""]}}, "at least 1"),
        ({"link_domain": "https://x.example"}, "host name"),
        ({"privacy": "closed"}, "open"),
        ({"connector": PLAIN | {"provider": "other"}}, "instasent"),
        ({"connector": PLAIN | {"base_url": "ftp://x"}}, "http"),
        ({"connector": PLAIN | {"base_url": "https://user:pw@x"}}, "without user"),
        ({"connector": PLAIN | {"base_url": "https://x?access_token=1"}}, "query"),
        ({"connector": PLAIN | {"base_url": "http://[x"}}, "http"),
        ({"connector": PLAIN | {"base_url": "http://x:65536"}}, "http"),
        ({"connector": PLAIN | {"base_url": "http://x:0"}}, "http"),
        ({"connector": PLAIN | {"base_url": "https://a..b"}}, "1 to 63 characters"),
        ({"fallback": PLAIN | {"base_url": "https://.a.b/v1"}}, "1 to 63 characters"),
        ({"connector": PLAIN | {"base_url": "https://a.b..:8080"}}, "1 to 63 characters"),
        ({"connector": PLAIN | {"base_url": "https://."}}, "1 to 63 characters"),
        ({"connector": PLAIN | {"base_url": "https://ñ。。es"}}, "1 to 63 characters"),
        ({"connector": PLAIN | {"base_url": f"https://{'x' * 64}.example"}}, "1 to 63 characters"),
        ({"connector": PLAIN | {"base_url": f"https://a.{'x' * 64}"}}, "1 to 63 characters"),
        ({"connector": PLAIN | {"base_url": f"https://{'ñ' * 60}.es"}}, "1 to 63 characters"),
        ({"connector": PLAIN | {"base_url": f"https://{'a.' * 126}ab"}}, "253 in all"),
        ({"link_domain": "a..b"}, "host name"),
        ({"link_domain": f"{'x' * 64}.example"}, "host name"),
        ({"link_domain": f"{'a.' * 126}ab"}, "host name"),
        ({"link_domain": "go.example.com:0"}, "host name"),
        ({"link_domain": "go.example.com:65536"}, "host name"),
        ({"connector": PLAIN | {"token": ""}}, "at least 1"),
        ({"surprise": 1}, "Extra"),
    ],
)
def test_a_setting_beyond_the_rules_is_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told) as refused:
        configured(**settings)
    assert "s3cr3t" not in str(refused.value)


@pytest.mark.parametrize(
    "base_url",
    [
        "https://api.instasent.com./v1",
        "http://localhost",
        "http://localhost.:8081",
        "http://simulator:65535",
        "http://my_sim:8081",
        "http://127.0.0.1:1",
        "http://[::1]:8081",
        "http://[2001:db8::1]",
        "http://[fe80::1%25eth0]",
        "http://[::ffff:127.0.0.1]",
        "https://ñandú.es",
        "https://n\u0303andu\u0301.es",
        "https://пример.рф/v1",
        "https://אב1.com",
        "https://faß.de",
        "https://中国。cn",
        f"https://{'ñ' * 50}.es",
        "https://" + "n\u0303" * 50 + ".es",
        f"https://{'x' * 63}.{'y' * 63}",
        f"https://{'a.' * 126}b",
        f"https://{'a.' * 126}b.",
    ],
)
def test_a_base_url_may_name_any_host_that_can_be_asked_for(base_url: str) -> None:
    connector = configured(connector=PLAIN | {"base_url": base_url}).connector
    assert connector is not None
    assert connector.base_url == base_url


@pytest.mark.parametrize("domain", ["go.example.com", "localhost", "127.0.0.1:8080", f"{'x' * 63}.es", "a--b.es:65535"])
def test_a_link_domain_may_be_any_host_with_a_port_or_without(domain: str) -> None:
    assert configured(link_domain=domain).link_domain == domain


def test_quiet_hours_are_spelled_as_the_contract_does() -> None:
    hours = {"newsletter": {"from": "21:00", "to": "09:00", "holidays": True}}
    assert configured(quiet_hours=hours).as_json() == {"quiet_hours": hours}


class TestToken:
    def test_a_plain_one_is_read_but_counts_for_nothing_until_it_is_sealed(self) -> None:
        connector = Connector.model_validate(PLAIN)
        assert connector.base_url == "http://127.0.0.1:8099"
        assert connector.plain_token == "s3cr3t"
        assert connector.sealed_token is None
        sealed = connector.sealed("v1.x")
        assert sealed.sealed_token == "v1.x"
        assert sealed.plain_token is None

    def test_a_plain_one_is_never_written(self) -> None:
        event = Input.of(configured(connector=PLAIN), id="1", source="/cli", subject="acme", time=examples.SEVEN)
        with pytest.raises(ValueError, match="not sealed") as refused:
            codec.encode_input(event)
        assert "s3cr3t" not in str(refused.value)

    def test_a_plain_one_is_never_shown(self) -> None:
        patch = configured(connector=PLAIN, fallback=PLAIN)
        event = Input.of(patch, id="1", source="/cli", subject="acme", time=examples.SEVEN)
        for shown in (repr(patch), str(patch), repr(event)):
            assert "s3cr3t" not in shown


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"template": ""}, "at least 1"),
        ({"template": "a/b"}, "pattern"),
        ({"text": ""}, "at least 1"),
        ({"variables": [{"id": "a b", "name": "A", "type": "text"}]}, "pattern"),
        ({"variables": [{"id": "a", "name": "A", "type": "colour"}]}, "currency"),
        ({"variables": [{"id": "a", "name": "A", "type": "text", "default": []}]}, "must be text"),
        ({"variables": [{"id": "a", "name": "A", "type": "text"}] * 2}, "same id"),
    ],
)
def test_a_template_beyond_the_rules_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        TemplateSaved.of_json({"template": "t", "text": "Hola"} | changes)


def test_a_cancellation_says_up_to_when() -> None:
    assert SendCancelled.of_json({"before": "2026-11-23T07:00:00Z"}).before == examples.SEVEN
    with pytest.raises(ValidationError):
        SendCancelled.of_json({"send_id": "x"})


@pytest.mark.parametrize(
    ("base_url", "exposed"),
    [
        ("https://api.instasent.com/transactional/v1", False),
        ("http://127.0.0.1:8081", False),
        ("http://127.8.9.10", False),
        ("http://[::1]:8081", False),
        ("http://localhost:8081", False),
        ("http://sim.localhost.", False),
        ("http://api.instasent.com", True),
        ("http://simulator:8081", True),
        ("http://10.0.0.7", True),
        ("http://[2001:db8::1]", True),
        ("http://127.0.0.1.example.com", True),
        ("http://localhost.example.com", True),
    ],
)
def test_a_token_that_would_cross_a_network_in_clear_is_known(base_url: str, exposed: bool) -> None:
    connector = configured(connector=PLAIN | {"base_url": base_url}).connector
    assert connector is not None
    assert connector.exposed is exposed


def test_a_provider_whose_address_is_not_named_is_asked_at_its_own() -> None:
    for provider, url in (("instasent", INSTASENT_URL), ("twilio", TWILIO_URL)):
        connector = AccountConfigured.of_json({"connector": {"provider": provider, "token": "t"}}).connector
        assert connector is not None
        assert connector.base_url == url
