"""How a secured Kafka is reached: the same words for aiokafka, kafka-python and Faust."""

import ssl
from pathlib import Path

import pytest

from connectors.kafka.security import Security


def test_plaintext_is_the_default() -> None:
    assert Security().arguments() == {"security_protocol": "PLAINTEXT"}
    assert Security().faust() is None


def test_sasl_over_tls_carries_name_password_and_a_context_that_checks_hosts() -> None:
    arguments = Security("SASL_SSL", "SCRAM-SHA-512", "recado", "pässword").arguments()
    context = arguments.pop("ssl_context")
    assert isinstance(context, ssl.SSLContext)
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert arguments == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "recado",
        "sasl_plain_password": "pässword",
    }


def test_faust_hears_the_same() -> None:
    credentials = Security("SASL_PLAINTEXT", "SCRAM-SHA-256", "recado", "password").faust()
    assert (credentials.protocol.value, credentials.mechanism.value) == ("SASL_PLAINTEXT", "SCRAM-SHA-256")
    assert (credentials.username, credentials.password) == ("recado", "password")
    assert Security("SSL").faust().protocol.value == "SSL"


def test_the_password_is_in_no_repr() -> None:
    assert "hunter2" not in repr(Security("SASL_SSL", "PLAIN", "recado", "hunter2"))


def test_authorities_that_are_no_pem_are_an_error_of_the_system(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("not a certificate", "utf-8")
    with pytest.raises(OSError):  # noqa: PT011 - ssl.SSLError or a plain one, by version
        Security("SSL", ca_file=path).arguments()
