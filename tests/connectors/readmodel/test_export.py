"""All that is known of a contact, and who agreed to what when."""

from sqlalchemy import Engine, text

from connectors.readmodel import export
from events.contact import ContactErased, FieldsChanged, PhoneChanged, SubscriptionChanged
from events.examples import FACTS
from events.send import SendAccepted, SendAttempted
from tests.connectors.readmodel.journals import Journal, write_all

ANA = "acme/ana@example.com"
EVA = "acme/eva@example.com"
ATTEMPTED = next(fact.data for fact in FACTS if isinstance(fact.data, SendAttempted))


def _journal() -> Journal:
    journal = Journal()
    journal.add(ANA, PhoneChanged(None, "+34612345678", "import"), FieldsChanged({"city": "Vigo"}, []))
    journal.add(ANA, SubscriptionChanged("none", "subscribed", "edit", "ticked the box at checkout"))
    journal.add(ANA, ATTEMPTED, SendAccepted(ATTEMPTED.send_id, 1, "p1"))
    journal.add(EVA, PhoneChanged(None, "+34612345678", "edit"))
    journal.add(ANA, SubscriptionChanged("subscribed", "unsubscribed", "keyword", "replied 'BAJA'"))
    journal.add(EVA, SubscriptionChanged("none", "unsubscribed", "keyword", "replied 'BAJA'", "ana@example.com"))
    return journal


def test_an_export_has_profile_consent_messages_and_facts(engine: Engine) -> None:
    write_all(engine, _journal().slices())
    found = export.export(engine, ANA)
    assert found is not None
    told = export.as_json(found)
    assert (told["account"], told["contact"]) == ("acme", "ana@example.com")
    assert (told["profile"]["phone"], told["profile"]["fields"]["city"]) == ("+34612345678", "Vigo")
    assert told["profile"]["same_phone"] == ["eva@example.com"]
    assert [message["send_id"] for message in told["messages"]] == [ATTEMPTED.send_id]
    assert [fact["sequence"] for fact in told["facts"]] == [1, 2, 3, 4, 5, 6]
    assert told["facts"][0]["data"]["to"] == "+34612345678"
    assert told["consent"] == [
        {
            "time": "2026-11-23T12:00:02.000Z", "from": "none", "to": "subscribed", "via": "edit",
            "evidence": "ticked the box at checkout", "by": None, "source": "/test", "event": "cause-2", "sequence": 3,
        },
        {
            "time": "2026-11-23T12:00:06.000Z", "from": "subscribed", "to": "unsubscribed", "via": "keyword",
            "evidence": "replied 'BAJA'", "by": None, "source": "/test", "event": "cause-6", "sequence": 6,
        },
    ]  # fmt: skip


def test_an_opt_out_by_number_names_who_asked(engine: Engine) -> None:
    write_all(engine, _journal().slices())
    found = export.export(engine, EVA)
    assert found is not None
    assert export.as_json(found)["consent"][0]["by"] == "ana@example.com"


def test_an_unknown_contact_has_no_export(engine: Engine) -> None:
    assert export.export(engine, ANA) is None


def test_what_was_erased_is_in_no_export_and_that_it_was_is(engine: Engine) -> None:
    journal = _journal()
    journal.add(ANA, ContactErased("asked"))
    write_all(engine, journal.slices())
    found = export.export(engine, ANA)
    assert found is not None
    told = export.as_json(found)
    for gone in ("612345678", "Vigo", "BAJA", "checkout", ATTEMPTED.text):
        assert gone not in str(told)
    assert told["profile"]["erased"] is True
    assert [change["to"] for change in told["consent"]] == ["subscribed", "unsubscribed"]


def test_analysts_see_who_agreed_to_what_when(engine: Engine) -> None:
    write_all(engine, _journal().slices())
    query = """SELECT to_subscription, via, evidence, by_contact, source FROM v_consent
               WHERE subject = :subject ORDER BY sequence"""
    with engine.connect() as connection:
        ana = [tuple(row) for row in connection.execute(text(query), {"subject": ANA})]
        eva = [tuple(row) for row in connection.execute(text(query), {"subject": EVA})]
    assert ana == [
        ("subscribed", "edit", "ticked the box at checkout", None, "/test"),
        ("unsubscribed", "keyword", "replied 'BAJA'", None, "/test"),
    ]
    assert eva == [("unsubscribed", "keyword", "replied 'BAJA'", "ana@example.com", "/test")]
