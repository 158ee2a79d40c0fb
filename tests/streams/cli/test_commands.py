"""What the command line says before anything is touched: help, and one line with status 2 for what can be mended."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from events.send import SendDeferred, SendUnknown
from streams.cli.machine import held
from streams.cli.main import COMMANDS, cli
from streams.cli.place import free_port
from tests.connectors.readmodel.journals import NOON, Journal, write_all
from tests.connectors.readmodel.test_writer import attempted

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "samples"
SECRET = "A" * 43 + "="


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Recado of its own, with nothing running."""
    for name in ("RECADO_KAFKA", "RECADO_SECRET", "RECADO_HTTP", "RECADO_DATABASE", "RECADO_TOPIC_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RECADO_DATA", str(tmp_path / "data"))


def run(*arguments: str, given: str | bytes | None = None) -> Result:
    return CliRunner().invoke(cli, arguments, input=given)


def refused(*arguments: str) -> str:
    """The one line of a refusal."""
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("Error: ")
    return result.stderr.strip().removeprefix("Error: ")


def test_every_command_of_the_contract_is_there_and_its_help_holds_an_example() -> None:
    for name in COMMANDS:
        shown = run(name, "--help")
        assert shown.exit_code == 0
        if "COMMAND [ARGS]" not in shown.output:
            assert f"recado {name}" in shown.output or "recado" in shown.output.partition("Example:")[2], name


@pytest.mark.parametrize(
    "name", [("account", "set"), ("template", "set"), ("dead-letters", "list"), ("dead-letters", "replay")]
)
def test_the_commands_of_a_group_explain_themselves_too(name: tuple[str, str]) -> None:
    assert "Example:" in run(*name, "--help").output


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from streams.cli.main import cli; cli(['--help'], standalone_mode=False); print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(shown.stdout.split())
    assert not loaded & {"pydantic", "faust", "aiokafka", "kafka", "aiohttp", "sqlalchemy", "rich", "phonenumbers"}


def test_a_command_s_terminal_is_not_flooded_by_kafka_s_clients() -> None:
    program = (
        "import sys; sys.argv[1:] = ['parts', 'Hola']; import logging, atexit; from streams.cli.main import main; "
        "atexit.register(lambda: logging.getLogger('aiokafka.conn').error('Unable connect to node')); main()"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stderr == ""


def test_a_wrong_setting_is_named_with_its_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECADO_PARTITIONS", "many")
    assert refused("up") == "RECADO_PARTITIONS is a whole number from 1 to 1024; it is 'many'"


def test_a_missing_secret_says_how_to_make_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECADO_KAFKA", "127.0.0.1:9")
    assert refused("up").startswith("RECADO_SECRET is required where RECADO_KAFKA names")


def test_a_busy_port_is_named_before_anything_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("RECADO_HTTP", address)
        assert refused("up").startswith(f"{address} cannot be listened at (Address already in use)")
    assert not (tmp_path / "data" / "kafka").exists()


def test_a_simulator_whose_port_is_busy_says_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"Port {port} is already in use" in refused("simulator", "--port", port)


def test_where_no_broker_runs_the_remedy_is_told() -> None:
    told = refused("publish", str(SAMPLES / "contact-updates.jsonl"))
    assert told.startswith("RECADO_KAFKA is unset and no embedded Kafka runs on ")
    assert "`recado up`" in told


def test_a_broker_that_does_not_answer_is_named_without_a_traceback() -> None:
    # A process of its own: kafka-python leaves the sockets of a failed start to the garbage collector.
    code = "import connectors.kafka.publisher as p; p.CONNECT = 0.3; from streams.cli import main; main()"
    arguments = ["publish", str(SAMPLES / "contact-updates.jsonl")]
    environment = {**os.environ, "RECADO_KAFKA": "127.0.0.1:9"}
    command = [sys.executable, "-c", code, *arguments]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("Error: no Kafka answers at 127.0.0.1:9: check that it runs")
    assert result.stderr.count("\n") == 1


def test_a_missing_file_is_named() -> None:
    assert "nothing.jsonl" in refused("publish", "nothing.jsonl")


def test_the_console_is_refused_in_words() -> None:
    assert refused("http", "--only", "console").startswith("The console does not exist in this version")


def test_every_malformed_line_is_told_and_no_broker_is_needed_for_that() -> None:
    result = run("publish", "--class", "newsletter", str(SAMPLES / "malformed.jsonl"))
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert lines[-1] == "Error: 15 of 15 lines are wrong; nothing was sent: mend them and publish the file again."
    told = [line.split(":")[0] for line in lines[:-1]]
    assert told == [f"line {number}" for number in range(1, 16)]


def test_malformed_lines_can_be_had_as_json() -> None:
    result = run("publish", "--json", "-", given=b"{}\n")
    assert result.exit_code == 2
    (error,) = json.loads(result.stdout)["errors"]
    assert (error["line"], error["reason"]) == (1, "envelope")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "Say what: --label, --send-id, or --all."),
        (("--all", "--label", "x"), "--all is everything of the account: give it without --label and --send-id."),
        (("--all", "--before", "yesterday"), "before"),
        (("--label", "x", "--before", "9999-12-31T23:59:59Z"), "--before lies in the future; "),
        (("--send-id", "x" * 65), "send_id"),
    ],
)
def test_a_cancellation_says_what_and_before_when(options: tuple[str, ...], told: str) -> None:
    assert told in refused("cancel", "acme", *options)


def test_parts_names_the_characters_that_cost_more() -> None:
    assert json.loads(run("parts", "--json", "80 €").output) == {
        "encoding": "GSM-7",
        "parts": 1,
        "units": 5,
        "costly": ["€"],
        "gsm": {"parts": 1, "units": 5, "text": "80 €", "changed": {}, "unmapped": []},
    }
    assert "á  U+00E1 latin small letter a with acute is not in GSM-7" in run("parts", "está").output


def test_parts_shows_what_both_choices_of_transliterate_cost() -> None:
    text = "Está en camino 😀" + "á" * 60
    told = json.loads(run("parts", "--json", text).output)
    assert (told["encoding"], told["parts"]) == ("UCS-2", 2)
    assert (told["gsm"]["parts"], told["gsm"]["text"]) == (1, "Esta en camino ?" + "a" * 60)
    assert told["gsm"]["unmapped"] == ["😀"]
    shown = run("parts", text).output
    assert "1 part, 76 septets" in shown
    assert "U+1F600 grinning face has no counterpart" in shown


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--country", "XX", "country 'XX': is no country of ISO 3166-1, such as ES."),
        ("--timezone", "Mars/Olympus", "timezone 'Mars/Olympus': is no IANA time zone, such as Europe/Madrid."),
    ],
)
def test_a_wrong_value_is_told_with_field_value_and_rule(option: str, value: str, told: str) -> None:
    from streams.cli.account import configured
    from streams.cli.refusal import Refused

    with pytest.raises(Refused) as error:
        configured(bytes(32), "acme", {option.removeprefix("--"): value})
    assert error.value.message == told


@pytest.mark.parametrize("content", [b"", b"two words\n", b"\xff\xfe"])
def test_a_token_file_holds_a_token_and_a_refusal_does_not_repeat_it(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    told = refused("account", "set", "acme", "--token-file", str(path))
    assert str(path) in told
    assert "two words" not in told


def test_a_template_whose_text_names_an_unknown_variable_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("Hola {{name}}")
    told = refused("template", "set", "acme", "hello", "--text-file", str(text))
    assert told.startswith("The template cannot be used: the text names {{name}}")


def test_a_subject_that_is_none_is_refused() -> None:
    assert refused("contact", "acme") == "SUBJECT is account/contact, such as acme/ana@example.com."


def test_a_question_before_there_is_a_read_model_says_what_to_start() -> None:
    assert "start `recado up`" in refused("contact", "acme/ana@example.com")


def test_doctor_finds_what_is_wrong_and_ends_with_1() -> None:
    result = run("doctor", "--json")
    assert result.exit_code == 1
    findings = {finding["about"]: finding for finding in json.loads(result.stdout)["findings"]}
    assert findings["settings"]["well"] is True
    assert findings["broker"]["well"] is False
    assert "recado up" in findings["broker"]["words"]


def test_doctor_tells_whose_sends_wait_and_what_to_do_about_it(tmp_path: Path) -> None:
    from connectors.readmodel import database
    from streams.cli.standing import unknowns, waits

    journal = Journal()
    for number, reason in enumerate(("circuit", "circuit", "rate")):
        deferred = SendDeferred(f"s{number}", "newsletter", NOON, reason, {"to": "contact"})  # type: ignore[arg-type]
        journal.add("acme/ana", deferred)
    uncalled = SendDeferred("s3", "newsletter", NOON, "circuit", {"to": "contact"}, looked_at={"withheld": True})
    journal.add("acme/ana", uncalled)
    journal.add("acme/ana", attempted("s4"))
    journal.add("acme/ana", SendUnknown("s4", 1, "crash", NOON))
    engine = database.open_database(f"sqlite:///{tmp_path}/waiting.db")
    database.reset(engine)
    write_all(engine, journal.slices())
    failing, paced, withheld = waits(engine)
    (lost,) = unknowns(engine)
    engine.dispose()
    assert (failing.well, failing.about) == (False, "account acme")
    assert failing.words.startswith("2 sends wait since 2026-11-23T12:00:00.000Z, as its provider fails: see its token")
    assert paced.well is None
    assert paced.words.startswith("1 send waits for the provider's rate, ")
    assert (lost.well, lost.about) == (None, "account acme")
    assert lost.words.startswith("nobody knows of 1 send, the first since 2026-11-23T12:00:05.000Z, whether the SMS ")
    assert withheld.well is None
    assert withheld.words.startswith("1 send waits since 2026-11-23T12:00:03.000Z, as its worker made no call: ")


def test_a_misspelt_setting_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECADO_KAKFA", "somewhere:9092")
    assert "RECADO_KAKFA is no setting" in run("contact", "acme/ana@example.com").stderr


def test_two_in_one_folder_know_of_each_other(tmp_path: Path) -> None:
    from streams.cli import machine

    with machine.held(tmp_path / "data"):
        told = refused("up")
    assert f"(process {os.getpid()})" in told


def test_a_file_in_the_place_of_the_data_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "data"
    path.write_text("")
    monkeypatch.setenv("RECADO_HTTP", f"127.0.0.1:{free_port()}")
    for data in (path, path / "below"):
        monkeypatch.setenv("RECADO_DATA", str(data))
        assert "a file and not a folder" in refused("up")


def test_what_recado_writes_is_for_its_owner_alone(tmp_path: Path) -> None:
    program = "import sys; sys.argv[1:] = ['--version']; from streams.cli.main import main; main()"
    then = f"import atexit; atexit.register(lambda: open({str(tmp_path / 'made')!r}, 'w').close()); "
    subprocess.run([sys.executable, "-c", then + program], check=True, capture_output=True, cwd=ROOT, umask=0o022)
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o600
    with held(tmp_path / "data"):
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("token", ["two words", "line\nX-Header: 1", "bell\x07", "  ", "ñandú"])
def test_a_token_from_a_settings_file_is_one_that_a_header_can_carry(
    token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "settings.json"
    connector = {"provider": "instasent", "base_url": "https://api.example.com", "token": token}
    path.write_text(json.dumps({"connector": connector}))
    monkeypatch.setenv("RECADO_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("RECADO_SECRET", "A" * 43 + "=")
    told = refused("account", "set", "acme", "--settings-file", str(path))
    assert told == "connector.token: must be printable ASCII characters without spaces, as Instasent shows it."


def test_a_sealed_token_that_cannot_be_opened_takes_no_other_one_s_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"connector": {"provider": "instasent", "token": {"sealed": "QUJD"}}}))
    monkeypatch.setenv("RECADO_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("RECADO_SECRET", "A" * 43 + "=")
    told = refused("account", "set", "acme", "--settings-file", str(path))
    assert told.startswith("connector.token: is sealed, and cannot be opened: by another RECADO_SECRET")
    assert "QUJD" not in told


def test_a_misspelt_token_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "settings.json"
    connector = {"provider": "instasent", "base_url": "https://api.example.com", "tokenn": "s3cret", "token": {"a": 1}}
    path.write_text(json.dumps({"connector": connector, "api_token": "s3cret"}))
    monkeypatch.setenv("RECADO_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("RECADO_SECRET", "A" * 43 + "=")
    told = refused("account", "set", "acme", "--settings-file", str(path))
    assert "connector.tokenn: is no setting" in told
    assert "s3cret" not in told
    assert "functools" not in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "Name whom it is for"),
        (("acme/ana", "--sender", "Acme", "--text", "x"), "Add --class"),
        (("acme/ana", "--class", "newsletter", "--text", "x"), "Add --sender"),
        (("acme/ana", "--class", "newsletter", "--sender", "Acme"), "Give one of --template and --text"),
        (("acme", "--class", "newsletter", "--sender", "Acme", "--text", "x"), "Name whom it is for"),
        (
            ("acme/ana", "--class", "newsletter", "--sender", "Acme", "--text", "x", "--var", "a"),
            "such as --var order=1",
        ),
        (("acme/ana", "--price", "1"), "go with --dry-run"),
        (("acme/ana", "--dry-run", "--file", str(SAMPLES / "malformed.jsonl")), "With --file each line says"),
        (("--dry-run", "--file", str(SAMPLES / "malformed.jsonl"), "--price", "dear"), "--price dear"),
    ],
)
def test_a_request_that_is_not_whole_says_what_is_missing(arguments: tuple[str, ...], told: str) -> None:
    assert told in refused("send", *arguments)


def test_a_token_of_twilio_is_an_account_sid_and_an_auth_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECADO_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("RECADO_SECRET", "A" * 43 + "=")
    path = tmp_path / "token"
    path.write_text("pl4in-t0ken")
    told = refused("account", "set", "acme", "--provider", "twilio", "--token-file", str(path))
    assert "connector.token: must be Twilio's account SID and auth token" in told
    assert "pl4in" not in told


def test_a_connector_is_of_one_provider(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("t0ken")
    common = ("account", "set", "acme", "--token-file", str(path))
    both = refused(*common, "--twilio-url", "http://127.0.0.1:1", "--instasent-url", "http://127.0.0.1:1")
    assert "of two providers" in both
    other = refused(*common, "--provider", "twilio", "--instasent-url", "http://127.0.0.1:1")
    assert "no address of twilio's" in other
