"""`recado contact` over a read model: a contact, those who share its number, and everything that is known of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from connectors.readmodel import database, schema
from events.contact import FieldsChanged, PhoneChanged, SubscriptionChanged
from events.send import SendSkipped
from streams.cli.main import cli
from tests.connectors.readmodel.journals import NOON, Journal, write_all

ANA = "acme/ana@example.com"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Recado of its own: nothing runs, but its read model is there."""
    for name in ("RECADO_KAFKA", "RECADO_SECRET", "RECADO_HTTP", "RECADO_DATABASE", "RECADO_TOPIC_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RECADO_DATA", str(tmp_path))
    engine = database.open_database(f"sqlite:///{tmp_path}/readmodel.sqlite")
    database.prepare(engine)
    journal = Journal()
    for subject in (ANA, "acme/eva@example.com"):
        journal.add(subject, PhoneChanged(None, "+34612345678", "import"))
        journal.add(subject, SubscriptionChanged("none", "subscribed", "edit", "ticked the box"))
    looked_at = {"phone_status": "active", "subscription": "none"}
    journal.add("acme/leo", SendSkipped("bf-7", "newsletter", "not_subscribed", "", looked_at, "", NOON, "Acme"))
    write_all(engine, journal.slices())
    engine.dispose()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["contact", *arguments])


def test_a_contact_is_shown_with_its_number_s_kind_and_who_shares_it() -> None:
    shown = json.loads(run(ANA, "--json").stdout)
    assert (shown["phone_region"], shown["phone_type"], shown["same_phone"]) == ("ES", "mobile", ["eva@example.com"])
    cells = (line.partition("  ") for line in run(ANA).stdout.splitlines())
    lines = {name: value.strip() for name, _, value in cells}
    assert lines["same phone"] == "eva@example.com"
    assert lines["phone type"] == "mobile"


def test_consent_is_told_as_it_was_at_any_moment() -> None:
    before, after = (run(ANA, "--json", "--at", f"2026-11-23T12:00:{at}Z") for at in ("00", "01"))
    assert [json.loads(then.stdout)["subscription"] for then in (before, after)] == ["none", "subscribed"]


def test_what_a_subscription_rests_on_is_told_with_it_now_and_then() -> None:
    told = json.loads(run(ANA, "--json").stdout)["consent"]
    assert (told["from"], told["to"], told["via"], told["evidence"]) == ("none", "subscribed", "edit", "ticked the box")
    assert (told["source"], told["time"]) == ("/test", "2026-11-23T12:00:01.000Z")
    shown = [line.split() for line in run(ANA).stdout.splitlines()]
    assert ["evidence", "ticked", "the", "box"] in shown
    then = (ANA, "--at", "2026-11-23T12:00:00Z")
    assert json.loads(run(*then, "--json").stdout)["consent"] is None
    assert "consent: nothing was said, so the account's default counts" in run(*then).stdout
    later = json.loads(run(ANA, "--json", "--at", "2026-11-24T12:00:00Z").stdout)
    assert later["consent"] == told


def test_an_export_is_json_of_everything() -> None:
    told = json.loads(run(ANA, "--export").stdout)
    assert [change["evidence"] for change in told["consent"]] == ["ticked the box"]
    assert (len(told["facts"]), told["messages"], told["profile"]["phone"]) == (2, [], "+34612345678")


def test_an_export_has_no_moment_and_needs_a_contact() -> None:
    both = run(ANA, "--export", "--at", "2026-11-23T12:00:00Z")
    assert (both.exit_code, "without --at" in both.stderr) == (2, True)
    nobody = run("acme/nobody", "--export")
    assert (nobody.exit_code, "Nothing is known" in nobody.stderr) == (2, True)


def test_why_tells_the_story_of_a_send_in_its_order() -> None:
    result = CliRunner().invoke(cli, ["why", "bf-7"])
    assert result.stdout.splitlines() == [
        "bf-7 to acme/leo (newsletter)",
        "Not sent: the contact is not subscribed to newsletters.",
        "  2026-11-23T12:00:00.000Z  Asked for as a newsletter by /test.",
        "                            event cause-4; sender Acme",
        "  2026-11-23T12:00:04.000Z  Not sent: the contact is not subscribed to newsletters.",
        "                            - the phone's status is active",
        "                            - the contact's subscription is none",
    ]


def test_why_as_json_has_every_step_with_its_checks() -> None:
    told = json.loads(CliRunner().invoke(cli, ["why", "bf-7", "--account", "acme", "--json"]).stdout)
    assert (told["send_id"], told["reason"], told["sender"]) == ("bf-7", "not_subscribed", "Acme")
    assert [check["value"] for step in told["steps"] for check in step["checks"]] == ["active", "none"]
    nothing = CliRunner().invoke(cli, ["why", "bf-8"])
    assert (nothing.exit_code, "No send bf-8 is known" in nothing.stderr) == (2, True)


HOSTILE = "\x1b]0;pwned\x07\x1b[2J\x9b31m\u202e\nsubscription  subscribed"


def test_what_others_sent_us_cannot_steer_the_terminal(tmp_path: Path) -> None:
    engine = database.open_database(f"sqlite:///{tmp_path}/other.sqlite")
    database.prepare(engine)
    journal = Journal()
    journal.add("acme/eve", FieldsChanged({"note": HOSTILE}, []))
    write_all(engine, journal.slices())
    engine.dispose()
    environment = {"RECADO_DATABASE": f"sqlite:///{tmp_path}/other.sqlite"}
    shown = CliRunner().invoke(cli, ["contact", "acme/eve"], env=environment).stdout
    assert shown.replace("\n", "").isprintable()
    assert "  note  \\x1b]0;pwned\\x07\\x1b[2J\\x9b31m\\u202e\\nsubscription  subscribed" in shown.splitlines()
    as_json = CliRunner().invoke(cli, ["contact", "acme/eve", "--json"], env=environment).stdout
    assert not set(as_json) & set("\x07\x1b\x9b")
    assert json.loads(as_json)["fields"]["note"] == HOSTILE


def test_a_read_model_of_another_version_is_named_by_questions_and_by_the_doctor(tmp_path: Path) -> None:
    engine = database.open_database(f"sqlite:///{tmp_path}/readmodel.sqlite")
    with database.writing(engine) as connection:
        connection.execute(update(schema.schema_version).values(version=schema.VERSION + 1))
    engine.dispose()
    told = f"schema version {schema.VERSION + 1}, this Recado needs version {schema.VERSION}"
    asked = run(ANA)
    assert (asked.exit_code, told in asked.stderr, "recado rebuild" in asked.stderr) == (2, True, True)
    finding = doctor("database")
    assert (finding["well"], told in finding["words"]) == (False, True)


def test_a_database_without_a_read_model_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty.sqlite").touch()
    monkeypatch.setenv("RECADO_DATABASE", f"sqlite:///{tmp_path}/empty.sqlite")
    assert "There is no read model" in run(ANA).stderr
    assert (doctor("database")["well"], "no read model yet" in doctor("database")["words"]) == (None, True)


def doctor(about: str) -> Any:
    findings = json.loads(CliRunner().invoke(cli, ["doctor", "--json"]).stdout)["findings"]
    (found,) = [finding for finding in findings if finding["about"] == about]
    return found
