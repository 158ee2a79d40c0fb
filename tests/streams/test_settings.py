"""Settings: every name of the contract, its default, its rule, and one clear line where the rule is broken."""

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.settings import SETTINGS, Listen, SettingError, Settings, unknown

SECRET = base64.b64encode(bytes(range(32))).decode()


def test_nothing_set_is_one_machine(tmp_path: Path) -> None:
    settings = Settings.from_env({}, tmp_path)
    assert settings.kafka is None
    assert settings.embedded
    assert settings.security.protocol == "PLAINTEXT"
    assert settings.data == tmp_path / ".recado"
    assert settings.database == f"sqlite:///{tmp_path}/.recado/readmodel.sqlite"
    assert settings.http == Listen("127.0.0.1", 8080)
    assert settings.public_url == "http://127.0.0.1:8080"
    assert (settings.partitions, settings.replication, settings.topic_prefix) == (8, 1, "recado.")
    assert settings.worker is None
    assert settings.transactional_wait == 2000
    assert list(tmp_path.iterdir()) == [], "reading settings makes nothing"


def test_everything_set_is_taken(tmp_path: Path) -> None:
    authorities = tmp_path / "ca.pem"
    authorities.write_text("", "utf-8")
    settings = Settings.from_env(
        {
            "RECADO_KAFKA": "one:9092, two:9093,[::1]:9094",
            "RECADO_KAFKA_SECURITY_PROTOCOL": "sasl_ssl",
            "RECADO_KAFKA_SASL_MECHANISM": "scram-sha-512",
            "RECADO_KAFKA_SASL_USERNAME": "recado",
            "RECADO_KAFKA_SASL_PASSWORD": "password",
            "RECADO_KAFKA_CA_FILE": "ca.pem",
            "RECADO_DATA": "data",
            "RECADO_DATABASE": "postgresql://recado:password@db/recado",
            "RECADO_HTTP": "0.0.0.0:80",
            "RECADO_PUBLIC_URL": "https://sms.example.com/recado/",
            "RECADO_SECRET": SECRET,
            "RECADO_WORKER": "worker-a",
            "RECADO_PARTITIONS": "12",
            "RECADO_REPLICATION": "3",
            "RECADO_TOPIC_PREFIX": "test.recado.",
            "RECADO_TRANSACTIONAL_WAIT": "0.25",
            "PATH": "/bin",
        },
        tmp_path,
    )
    assert settings.kafka == "one:9092,two:9093,[::1]:9094"
    assert not settings.embedded
    assert (settings.security.protocol, settings.security.mechanism) == ("SASL_SSL", "SCRAM-SHA-512")
    assert settings.security.ca_file == authorities
    assert settings.data == tmp_path / "data"
    assert settings.database == "postgresql+psycopg://recado:password@db/recado"
    assert settings.http == Listen("0.0.0.0", 80)  # noqa: S104
    assert settings.public_url == "https://sms.example.com/recado"
    assert settings.secret() == bytes(range(32))
    assert settings.worker == "worker-a"
    assert (settings.partitions, settings.replication, settings.topic_prefix) == (12, 3, "test.recado.")
    assert settings.transactional_wait == 250
    assert "password" not in repr(settings)
    assert SECRET not in repr(settings)
    assert repr(bytes(range(32))) not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RECADO_KAFKA", "broker"),
        ("RECADO_KAFKA", "broker:0"),
        ("RECADO_KAFKA", "broker:65536"),
        ("RECADO_KAFKA", "one:9092,,two:9092"),
        ("RECADO_KAFKA", "kafka://one:9092"),
        ("RECADO_KAFKA_SECURITY_PROTOCOL", "TLS"),
        ("RECADO_KAFKA_CA_FILE", "no-such-file.pem"),
        ("RECADO_DATA", "~no-such-user-of-this-machine/data"),
        ("RECADO_HTTP", "8080"),
        ("RECADO_HTTP", "localhost:99999"),
        ("RECADO_HTTP", "::1:8080"),
        ("RECADO_PUBLIC_URL", "sms.example.com"),
        ("RECADO_PUBLIC_URL", "ftp://sms.example.com"),
        ("RECADO_PUBLIC_URL", "https://sms.example.com/?a=b"),
        ("RECADO_PUBLIC_URL", "https://sms example.com"),
        ("RECADO_WORKER", "my worker"),
        ("RECADO_WORKER", "../worker"),
        ("RECADO_PARTITIONS", "0"),
        ("RECADO_PARTITIONS", "1025"),
        ("RECADO_PARTITIONS", "eight"),
        ("RECADO_PARTITIONS", "8.0"),
        ("RECADO_REPLICATION", "-1"),
        ("RECADO_TOPIC_PREFIX", "recado/"),
        ("RECADO_TOPIC_PREFIX", "."),
        ("RECADO_TRANSACTIONAL_WAIT", "-1"),
        ("RECADO_TRANSACTIONAL_WAIT", "61"),
        ("RECADO_TRANSACTIONAL_WAIT", "nan"),
    ],
)
def test_a_value_that_breaks_its_rule_is_named_in_one_line(name: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError) as refused:
        Settings.from_env({name: value}, tmp_path)
    said = str(refused.value)
    assert refused.value.name == name
    assert said.startswith(name)
    assert value in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"RECADO_SECRET": "c2VjcmV0LXNlY3JldC1zZWNyZXQ="}, "RECADO_SECRET"),
        ({"RECADO_SECRET": "not base64 at all: hunter2"}, "RECADO_SECRET"),
        ({"RECADO_DATABASE": "mysql://root:hunter2@db/recado"}, "RECADO_DATABASE"),
        ({"RECADO_PUBLIC_URL": "https://root:hunter2@sms.example.com"}, "RECADO_PUBLIC_URL"),
        ({"RECADO_KAFKA_SASL_PASSWORD": "hunter2"}, "RECADO_KAFKA_SASL_PASSWORD"),
    ],
)
def test_a_wrong_secret_is_refused_without_being_shown(environ: dict[str, str], name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError) as refused:
        Settings.from_env(environ, tmp_path)
    assert refused.value.name == name
    assert "hunter2" not in str(refused.value)
    assert environ[name] not in str(refused.value)


@pytest.mark.parametrize("missing", ["RECADO_KAFKA_SASL_USERNAME", "RECADO_KAFKA_SASL_PASSWORD"])
def test_sasl_asks_for_name_and_password(missing: str, tmp_path: Path) -> None:
    environ = {
        "RECADO_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "RECADO_KAFKA_SASL_USERNAME": "recado",
        "RECADO_KAFKA_SASL_PASSWORD": "password",
    }
    del environ[missing]
    with pytest.raises(SettingError, match=f"^{missing} is required"):
        Settings.from_env(environ, tmp_path)


@given(st.dictionaries(st.sampled_from(sorted(SETTINGS)), st.text(max_size=30)))
def test_whatever_is_set_is_taken_or_refused_by_name(environ: dict[str, str]) -> None:
    try:
        Settings.from_env(environ, Path("/nowhere"))
    except SettingError as refused:
        assert refused.name in SETTINGS  # noqa: PT017 - either way is right


def test_an_empty_value_counts_as_unset(tmp_path: Path) -> None:
    assert Settings.from_env(dict.fromkeys(SETTINGS, " "), tmp_path) == Settings.from_env({}, tmp_path)


def test_url_safe_base64_without_padding_is_the_same_secret(tmp_path: Path) -> None:
    raw = bytes([0xFB, 0xEF, 0xFF] * 10 + [1, 2])
    for text in (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode().rstrip("=")):
        assert Settings.from_env({"RECADO_SECRET": text}, tmp_path).secret() == raw


def test_the_secret_of_one_machine_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    settings = Settings.from_env({}, tmp_path)
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: settings.secret(), range(32)))
    assert len(made) == 1
    assert len(made.pop()) == 32
    assert stat.S_IMODE((tmp_path / ".recado" / "secret").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / ".recado").iterdir()] == ["secret"]
    assert settings.secret() == Settings.from_env({}, tmp_path).secret()


def test_a_damaged_secret_is_never_replaced(tmp_path: Path) -> None:
    settings = Settings.from_env({}, tmp_path)
    settings.secret()
    path = tmp_path / ".recado" / "secret"
    path.write_text("c2hvcnQ=", "ascii")
    with pytest.raises(SettingError, match="damaged"):
        settings.secret()
    assert path.read_text("ascii") == "c2hvcnQ="


def test_a_secret_that_cannot_be_kept_is_said(tmp_path: Path) -> None:
    (tmp_path / ".recado").write_text("a file, where a directory should be", "ascii")
    with pytest.raises(SettingError, match="RECADO_SECRET"):
        Settings.from_env({}, tmp_path).secret()


def test_with_a_kafka_of_ones_own_the_secret_has_to_be_given(tmp_path: Path) -> None:
    Settings.from_env({}, tmp_path).secret()  # one that is kept here is no secret of that cluster
    with pytest.raises(SettingError, match=r"^RECADO_SECRET is required .* openssl rand -base64 32"):
        Settings.from_env({"RECADO_KAFKA": "broker:9092"}, tmp_path).secret()


def test_a_misspelt_name_can_be_told() -> None:
    assert unknown({"RECADO_PARTITION": "4", "RECADO_DATA": "x", "HOME": "/"}) == ["RECADO_PARTITION"]
